//===- NormKernel.cpp - Normalization of rows -----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quench;

namespace {

std::string symbolName(const NormKernel &k) {
  std::string name = llvm::formatv(
      "kernel_{0}_norm_{1}_{2}{3}{4}", k.centered ? "layer" : "rms", k.size,
      typeName(k.element), k.gamma ? "_gamma" : "", k.beta ? "_beta" : "");
  if (k.codes)
    name += llvm::formatv("{0}_encode_{1}", k.floats ? "_floats" : "",
                          getSymbolPart(*k.codes));
  return name;
}

} // namespace

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const NormKernel &k) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  KernelBuilder b(library, k.element);
  SmallVector<Type> inputs{rowsType({dynamic, k.size}, k.element), b.compute()};
  if (k.gamma)
    inputs.push_back(denseType({k.size}, k.element));
  if (k.beta)
    inputs.push_back(denseType({k.size}, k.element));
  if (k.codes)
    EncodeOperands::addInputs(b, *k.codes, inputs);
  if (k.floats)
    inputs.push_back(rowsType({dynamic, k.size}, k.element));
  if (k.codes)
    EncodeOperands::addOutputs(b, *k.codes, inputs);

  auto write = [&](func::FuncOp function) {
    unsigned next = 0;
    auto take = [&]() -> Value { return function.getArgument(next++); };
    Value x = take(), epsilon = take();
    Value gamma = k.gamma ? take() : Value();
    Value beta = k.beta ? take() : Value();
    EncodeOperands codes;
    if (k.codes)
      codes.takeInputs(*k.codes, take);
    Value out = k.floats ? take() : Value();
    if (k.codes)
      codes.takeOutputs(*k.codes, take);

    b.parallel({b.dim(x, 0)}, [&](ValueRange ids) {
      Value row = ids[0];
      Value inverseSize = b.splat(1.0 / static_cast<double>(k.size));
      auto sum = [&](function_ref<Value(Value, Value, Value)> step) {
        SmallVector<Value> chains(channelChains, b.splat(0.0));
        b.forChannels(k.size, chains, step);
        Value all =
            b.fadd(b.fadd(chains[0], chains[1]), b.fadd(chains[2], chains[3]));
        return b.splat(b.reduceAdd(all));
      };
      Value mean;
      if (k.centered)
        mean = b.fmul(sum([&](Value at, Value mask, Value carried) {
                        return b.fadd(carried, b.load(x, {row, at}, mask));
                      }),
                      inverseSize);
      // Deviations first, then squares: the difference of two large sums would
      // cancel.
      auto deviation = [&](Value at, Value mask) {
        Value value = b.load(x, {row, at}, mask);
        if (!mean)
          return value;
        value = b.fsub(value, mean);
        if (mask)
          value = arith::SelectOp::create(b, mask, value, b.splat(0.0));
        return value;
      };
      Value variance = b.fmul(sum([&](Value at, Value mask, Value carried) {
                                Value d = deviation(at, mask);
                                return b.fma(d, d, carried);
                              }),
                              inverseSize);
      Value root = math::SqrtOp::create(b, b.fadd(variance, b.splat(epsilon)));
      Value inverse = b.fdiv(b.splat(1.0), root);
      // A row that only codes are made of stays in the first level cache.
      Value result = out ? out : b.scratch({1, k.size}, k.element);
      Value place = out ? row : b.index(0);
      b.forChannels(k.size, {}, [&](Value at, Value mask, Value) {
        Value value = b.fmul(deviation(at, mask), inverse);
        if (gamma && beta)
          value = b.fma(value, b.load(gamma, at, mask), b.load(beta, at, mask));
        else if (gamma)
          value = b.fmul(value, b.load(gamma, at, mask));
        else if (beta)
          value = b.fadd(value, b.load(beta, at, mask));
        b.store(value, result, {place, at}, mask);
        return Value();
      });
      if (k.codes)
        writeCodes(b, *k.codes, result, place, row, codes);
    });
  };
  return library.getOrCreate(symbolName(k), inputs, b, write);
}
