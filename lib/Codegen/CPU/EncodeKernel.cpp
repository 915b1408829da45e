//===- EncodeKernel.cpp - Rows of codes -----------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row is read once for its greatest magnitude, where that makes its scale,
// and again, from the first level cache, for its codes. What is written is what
// the instruction of the product takes, so that the product only broadcasts it.
// The quotients that codes are rounded from come without divisions, which would
// take most of the time.
//
//===----------------------------------------------------------------------===//

#include "Encoding.h"
#include "KernelLibrary.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quench;

constexpr int64_t lineBytes = 64;

int64_t IntegerRows::stride() const {
  int64_t bytes = hasByteRows(dot) ? 1 : 2;
  return (llvm::divideCeil(size * bytes, lineBytes) | 1) * lineBytes / bytes;
}

IntegerType IntegerRows::element(MLIRContext *context) const {
  return IntegerType::get(context, hasByteRows(dot) ? 8 : 16);
}

std::string quench::getSymbolPart(const EncodeKernel &k) {
  // The attribute without what a symbol cannot hold.
  std::string text, format;
  llvm::raw_string_ostream(text) << k.quantizer;
  for (char c : StringRef(text).drop_front(strlen("#quench.")))
    if (llvm::isAlnum(c))
      format += c;
  return llvm::formatv("{0}_{1}{2}", format,
                       hasByteRows(k.rows.dot) ? "quads" : "pairs",
                       k.dynamic     ? "_dynamic"
                       : k.rowScales ? "_rows"
                                     : "");
}

/// The bits of the greatest magnitude of row `row` of `x`; those of a NaN where
/// there is one.
static Value getLargest(KernelBuilder &b, Value x, Value row, int64_t size) {
  auto maximum = [&](Value a, Value c) -> Value {
    return arith::MaxSIOp::create(b, a, c);
  };
  SmallVector<Value> chains(channelChains, b.integerSplat(int64_t(0)));
  b.forChannels(size, chains, [&](Value at, Value mask, Value carried) {
    return foldMagnitude(b, b.load(x, {row, at}, mask), carried);
  });
  Value all =
      maximum(maximum(chains[0], chains[1]), maximum(chains[2], chains[3]));
  return vector::ReductionOp::create(b, vector::CombiningKind::MAXSI, all);
}

void EncodeOperands::addInputs(KernelBuilder &b, const EncodeKernel &k,
                               SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> parameters(k.rowScales ? 1 : 0, ShapedType::kDynamic);
  if (!k.dynamic)
    types.push_back(denseType(parameters, b.compute()));
  if (k.quantizer.hasZeroPoint())
    types.push_back(denseType(parameters, b.getI8Type()));
}

void EncodeOperands::addOutputs(KernelBuilder &b, const EncodeKernel &k,
                                SmallVectorImpl<Type> &types) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  types.push_back(
      denseType({dynamic, k.rows.stride()}, k.rows.element(b.getContext())));
  if (k.dynamic)
    types.push_back(denseType({dynamic}, b.compute()));
}

void EncodeOperands::takeInputs(const EncodeKernel &k,
                                function_ref<Value()> take) {
  if (!k.dynamic)
    scales = take();
  if (k.quantizer.hasZeroPoint())
    zeros = take();
}

void EncodeOperands::takeOutputs(const EncodeKernel &k,
                                 function_ref<Value()> take) {
  rows = take();
  if (k.dynamic)
    scales = take();
}

void quench::writeCodes(KernelBuilder &b, const EncodeKernel &k, Value x,
                        Value place, Value row,
                        const EncodeOperands &operands) {
  SmallVector<Value> at;
  if (k.rowScales || k.dynamic)
    at.push_back(row);
  Value scale, largest;
  if (k.dynamic) {
    largest = getLargest(b, x, place, k.rows.size);
    scale = k.quantizer.emitScale(
        b, b.getLoc(), arith::BitcastOp::create(b, b.compute(), largest));
    b.storeScalar(scale, operands.scales, at);
  } else {
    scale = b.loadScalar(operands.scales, at);
  }
  scale = b.splat(scale);
  Value zero;
  if (operands.zeros)
    zero = vector::BroadcastOp::create(b, b.integers(8),
                                       b.loadScalar(operands.zeros, at));
  auto store = [&](Value channel, Value codes) {
    if (hasByteRows(k.rows.dot)) {
      // Adding 128 flips the highest bit.
      if (k.quantizer.hasSignedCodes())
        codes = arith::XOrIOp::create(
            b, codes,
            arith::ConstantOp::create(
                b, DenseElementsAttr::get(b.integers(8), int8_t(-128))));
    } else {
      codes = emitIntegers(b, b.getLoc(), k.quantizer, codes, zero,
                           k.rows.element(b.getContext()));
    }
    vector::StoreOp::create(b, codes, operands.rows, ValueRange{row, channel});
  };
  auto divide = [&] {
    b.forChannels(k.rows.size, {}, [&](Value channel, Value mask, Value) {
      store(channel, emitCodes(b, b.getLoc(), k.quantizer,
                               b.load(x, {place, channel}, mask), scale, zero));
      return Value();
    });
  };
  if (!k.dynamic || !b.hasFMA())
    return divide();
  b.choose(isOrdinary(b, largest), {1, 0}, [&](int64_t ordinary) {
    if (!ordinary)
      return divide();
    Value one = b.splat(1.0), inverse = b.fdiv(one, scale);
    b.forChannels(k.rows.size, {}, [&](Value channel, Value mask, Value) {
      Value quotient =
          getQuotient(b, b.load(x, {place, channel}, mask), scale, inverse);
      store(channel,
            emitCodes(b, b.getLoc(), k.quantizer, quotient, one, zero));
      return Value();
    });
  });
}

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const EncodeKernel &k) {
  KernelBuilder b(library, k.element);
  SmallVector<Type> types{
      rowsType({ShapedType::kDynamic, k.rows.size}, k.element)};
  EncodeOperands::addInputs(b, k, types);
  EncodeOperands::addOutputs(b, k, types);
  auto write = [&](func::FuncOp function) {
    unsigned next = 0;
    auto take = [&]() -> Value { return function.getArgument(next++); };
    Value x = take();
    EncodeOperands operands;
    operands.takeInputs(k, take);
    operands.takeOutputs(k, take);
    b.parallel({b.dim(x, 0)}, [&](ValueRange ids) {
      writeCodes(b, k, x, ids[0], ids[0], operands);
    });
  };
  std::string name = llvm::formatv("kernel_encode_{0}_{1}_{2}", k.rows.size,
                                   typeName(k.element), getSymbolPart(k));
  return library.getOrCreate(name, types, b, write);
}
