//===- DepthwiseKernel.cpp - Depthwise convolutions of maps ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lanes are channels, a task is a row of the result. The taps of a vector of
// channels stay in registers along the row.
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quench;

static std::string symbolName(const DepthwiseKernel &k) {
  std::string name =
      llvm::formatv("kernel_depthwise_{0}x{1}x{2}_by_{3}x{4}_{5}{6}",
                    k.channels, k.height, k.width, k.strides[0], k.strides[1],
                    typeName(k.element), k.bias ? "_bias" : "");
  if (k.activation != Activation::None)
    name += ("_" + stringify(k.activation)).str();
  return name;
}

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const DepthwiseKernel &k) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  KernelBuilder b(library, k.element);
  Type map = rowsType({dynamic, dynamic, dynamic, k.channels}, k.element);
  SmallVector<Type> inputs{
      map, denseType({k.height * k.width, k.channels}, k.element)};
  if (k.bias)
    inputs.push_back(denseType({k.channels}, k.element));
  inputs.push_back(map);

  auto write = [&](func::FuncOp function) {
    Value input = function.getArgument(0), weight = function.getArgument(1);
    Value bias = k.bias ? function.getArgument(2) : Value();
    Value out = function.getArguments().back();

    b.parallel({b.dim(out, 0), b.dim(out, 1)}, [&](ValueRange ids) {
      Value batch = ids[0], row = ids[1];
      Value firstRow = b.mul(row, k.strides[0]);
      auto compute = [&](Value channel, Value mask) {
        SmallVector<Value> taps;
        for (int64_t tap = 0; tap < k.height * k.width; ++tap)
          taps.push_back(b.load(weight, {b.index(tap), channel}, mask));
        Value start = bias ? b.load(bias, channel, mask) : b.splat(0.0);
        b.loop(b.index(0), b.dim(out, 2), 1, [&](Value column) {
          Value firstColumn = b.mul(column, k.strides[1]);
          Value sum = start;
          for (int64_t tap = 0; tap < k.height * k.width; ++tap) {
            Value at[] = {batch, b.add(firstRow, tap / k.width),
                          b.add(firstColumn, tap % k.width), channel};
            sum = b.fma(b.load(input, at, mask), taps[tap], sum);
          }
          b.store(b.activate(k.activation, sum), out,
                  {batch, row, column, channel}, mask);
        });
      };
      int64_t whole = k.channels / b.lanes() * b.lanes();
      if (whole != 0)
        b.loop(b.index(0), b.index(whole), b.lanes(),
               [&](Value channel) { compute(channel, {}); });
      if (whole != k.channels)
        compute(b.index(whole), b.tailMask(whole, k.channels));
    });
  };
  return library.getOrCreate(symbolName(k), inputs, b, write);
}
