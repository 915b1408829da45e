//===- LinearKernel.cpp - Matrix products with packed weights -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile of rows x panel stays in registers over all of K; the panel comes from
// memory once and from the second level cache for every further tile. The raw
// tile goes through a scratch buffer, so that what follows (bias, activation,
// residual) is one small loop, whatever the number of rows.
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace quench;

namespace {

std::string symbolName(const LinearKernel &k) {
  std::string name = llvm::formatv("kernel_linear_{0}x{1}_{2}", k.out, k.in,
                                   typeName(k.element));
  if (k.bias)
    name += "_bias";
  if (k.activation != Activation::None)
    name += ("_" + stringify(k.activation)).str();
  if (k.gated)
    name += "_gated";
  if (k.residual)
    name += "_residual";
  return name;
}

/// Row counts of tiles, descending: the first fills the register file.
SmallVector<int64_t> tileRows(const KernelBuilder &b) {
  if (b.registers() == 32)
    return {12, 8, 4, 2, 1};
  return {6, 4, 2, 1};
}

/// Tiles that one task computes: few, so that many threads find work.
constexpr int64_t taskTiles = 4;

/// Whether rows of `bytes` evict each other from the first level cache so much
/// that a copy with other strides is cheaper. Rows of 4 and 8 KiB collide too,
/// but there the copy costs what it gains.
bool rowsCollide(int64_t bytes) { return bytes % 16384 == 0; }

/// A copy of the rows of `x` in the compute type, with a cache line between
/// them.
Value copyRows(KernelBuilder &b, Value x, int64_t size) {
  constexpr int64_t lineBytes = 64;
  int64_t gap = lineBytes / (b.compute().getWidth() / 8);
  int64_t stride = llvm::alignTo(size, b.lanes()) + gap;
  int64_t whole = size / b.lanes() * b.lanes();
  Value rows = b.dim(x, 0);
  Value copy = memref::AllocOp::create(
      b, MemRefType::get({ShapedType::kDynamic, stride}, b.compute()), rows,
      b.getI64IntegerAttr(lineBytes));
  b.parallel({rows}, [&](ValueRange ids) {
    b.loop(b.index(0), b.index(whole), b.lanes(), [&](Value at) {
      b.store(b.load(x, {ids[0], at}), copy, {ids[0], at});
    });
    if (whole != size) {
      Value at[] = {ids[0], b.index(whole)};
      b.store(b.load(x, at, b.tailMask(whole, size)), copy, at);
    }
  });
  return copy;
}

} // namespace

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const LinearKernel &k) {
  KernelBuilder b(library, k.element);
  const int64_t lanes = b.lanes(), panel = panelVectors * lanes;
  const int64_t panels = llvm::divideCeil(k.out, panel);
  const bool ragged = k.out % panel != 0;
  constexpr int64_t dynamic = ShapedType::kDynamic;

  SmallVector<Type> inputs{denseType({dynamic, k.in}, k.element)};
  for (int64_t i = 0; i < (k.gated ? 2 : 1); ++i) {
    inputs.push_back(denseType({panels, k.in, panel}, k.element));
    if (k.bias)
      inputs.push_back(denseType({k.out}, k.element));
  }
  if (k.residual)
    inputs.push_back(rowsType({dynamic, k.out}, k.element));
  inputs.push_back(rowsType({dynamic, k.out}, k.element));

  auto write = [&](func::FuncOp function) {
    Value x = function.getArgument(0);
    unsigned next = 1;
    SmallVector<Value> weights, biases;
    for (int64_t i = 0; i < (k.gated ? 2 : 1); ++i) {
      weights.push_back(function.getArgument(next++));
      biases.push_back(k.bias ? function.getArgument(next++) : Value());
    }
    Value residual = k.residual ? function.getArgument(next++) : Value();
    Value out = function.getArgument(next);

    SmallVector<int64_t> sizes = tileRows(b);
    // Every element is used once for each panel: it is converted once for all.
    if (k.element != b.compute() ||
        rowsCollide(k.in * b.compute().getWidth() / 8))
      x = copyRows(b, x, k.in);
    const int64_t chunk = taskTiles * sizes.front();
    Value rows = b.dim(x, 0);
    // The tasks of a panel follow each other, so it stays in the cache.
    b.parallel({b.index(panels), b.ceilDiv(rows, chunk)}, [&](ValueRange ids) {
      Value begin = b.mul(ids[1], chunk);
      Value end = b.min(rows, b.add(begin, chunk));
      Value panelIndex = ids[0], firstColumn = b.mul(ids[0], panel);
      SmallVector<Value> tiles, masks(panelVectors), bias;
      for (size_t i = 0; i < weights.size(); ++i)
        tiles.push_back(b.scratch({sizes.front(), panel}));
      if (ragged)
        for (int64_t v = 0; v < panelVectors; ++v)
          masks[v] =
              b.mask(b.max(b.index(0), b.sub(b.index(k.out),
                                             b.add(firstColumn, v * lanes))));
      for (size_t i = 0; k.bias && i < weights.size(); ++i)
        for (int64_t v = 0; v < panelVectors; ++v)
          bias.push_back(
              b.load(biases[i], b.add(firstColumn, v * lanes), masks[v]));

      auto multiply = [&](int64_t size, Value row) {
        for (auto [weight, tile] : llvm::zip_equal(weights, tiles)) {
          SmallVector<Value> zeros(size * panelVectors, b.splat(0.0));
          SmallVector<Value> sums = b.contract(
              size, panelVectors, b.index(k.in), zeros,
              [&](Value depth, int64_t r) {
                return b.loadScalar(x, {b.add(row, r), depth});
              },
              [&, w = weight](Value depth, int64_t v) {
                return b.load(w, {panelIndex, depth, b.index(v * lanes)});
              });
          for (int64_t i = 0; i < size * panelVectors; ++i)
            b.store(
                sums[i], tile,
                {b.index(i / panelVectors), b.index(i % panelVectors * lanes)});
        }
      };
      auto finish = [&](Value size, Value row) {
        b.loop(b.index(0), size, 1, [&](Value r) {
          Value at = b.add(row, r);
          for (int64_t v = 0; v < panelVectors; ++v) {
            Value column = b.add(firstColumn, v * lanes);
            auto value = [&](size_t i) {
              Value sum = b.load(tiles[i], {r, b.index(v * lanes)});
              return k.bias ? b.fadd(sum, bias[i * panelVectors + v]) : sum;
            };
            Value result = b.activate(k.activation, value(0));
            if (k.gated)
              result = b.fmul(result, value(1));
            if (residual)
              result = b.fadd(result, b.load(residual, {at, column}, masks[v]));
            b.store(result, out, {at, column}, masks[v]);
          }
        });
      };
      b.blocks(begin, end, sizes, multiply, finish);
    });
  };
  return library.getOrCreate(symbolName(k), inputs, b, write);
}
