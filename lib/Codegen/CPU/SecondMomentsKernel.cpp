//===- SecondMomentsKernel.cpp - Sums of products of channels -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quench;

/// Tokens whose channels of a panel stay in the first level cache.
static constexpr int64_t partTokens = 128;

namespace {
/// Writes one kernel. Products of the channels with each other are symmetric: a
/// panel of columns is computed down to its diagonal and mirrored.
class MomentsWriter {
public:
  MomentsWriter(KernelBuilder &b, const SecondMomentsKernel &k,
                func::FuncOp function)
      : b(b), k(k), panel(panelVectors * b.lanes()), x(function.getArgument(0)),
        other(k.other ? function.getArgument(1) : x),
        weights(k.weights ? function.getArgument(k.other ? 2 : 1) : Value()),
        out(function.getArguments().back()) {}

  void write();

private:
  /// Computes the panel that begins at channel `column` of part `block`.
  void writePanel(Value block, Value column);
  /// Adds the products of the `count` tokens from `token` on to rows 0 to `end`
  /// of the panel; `packed` has room for its channels.
  void addTokens(Value block, Value column, Value end, Value token, Value count,
                 Value packed);

  KernelBuilder &b;
  const SecondMomentsKernel &k;
  const int64_t panel;
  Value x, other, weights, out;
  /// Of the vectors of the panel; null: all lanes exist.
  SmallVector<Value> masks;
};
} // namespace

void MomentsWriter::write() {
  const int64_t panels = llvm::divideCeil(k.size, panel);
  // A long panel and a short one together take as long as any other two.
  b.parallel({b.index(k.blocks), b.index(llvm::divideCeil(panels, 2))},
             [&](ValueRange ids) {
               Value first = ids[1],
                     distance = b.sub(b.index(panels - 1), first);
               distance = b.sub(distance, first);
               b.loop(b.index(0), b.min(b.add(distance, 1), b.index(2)), 1,
                      [&](Value i) {
                        Value place = b.add(first, b.mul(i, distance));
                        writePanel(ids[0], b.mul(place, panel));
                      });
             });
}

void MomentsWriter::writePanel(Value block, Value column) {
  const int64_t lanes = b.lanes();
  masks.assign(panelVectors, Value());
  if (k.size % panel != 0)
    for (int64_t v = 0; v < panelVectors; ++v)
      masks[v] = b.mask(b.sub(b.index(k.size - v * lanes), column));
  Value last = b.min(b.add(column, panel), b.index(k.size));
  Value end = k.other ? b.index(k.size) : last;
  b.loop(b.index(0), end, 1, [&](Value row) {
    for (int64_t v = 0; v < panelVectors; ++v)
      b.store(b.splat(0.0), out, {block, row, b.add(column, v * lanes)},
              masks[v]);
  });
  Value packed = b.scratch({partTokens, panel});
  Value tokens = b.dim(x, 0);
  b.loop(b.index(0), tokens, partTokens, [&](Value token) {
    Value count = b.min(b.sub(tokens, token), b.index(partTokens));
    addTokens(block, column, end, token, count, packed);
  });
  if (k.other)
    return;
  b.loop(column, last, 1, [&](Value row) {
    b.loop(b.index(0), column, 1, [&](Value at) {
      b.storeScalar(b.loadScalar(out, {block, at, row}), out, {block, row, at});
    });
  });
}

void MomentsWriter::addTokens(Value block, Value column, Value end, Value token,
                              Value count, Value packed) {
  const int64_t lanes = b.lanes();
  Value base = b.mul(block, k.size);
  b.loop(b.index(0), count, 1, [&](Value t) {
    Value row = b.add(token, t);
    for (int64_t v = 0; v < panelVectors; ++v) {
      Value at = b.add(b.add(base, column), v * lanes);
      Value numbers = b.load(other, {row, at}, masks[v]);
      if (weights)
        numbers = b.fmul(numbers, b.splat(b.loadScalar(weights, row)));
      b.store(numbers, packed, {t, b.index(v * lanes)});
    }
  });
  // All tiles but those of one row sum in one order.
  SmallVector<int64_t> sizes{4, 1};
  if (b.registers() == 32 && !b.isCompact())
    sizes.insert(sizes.begin(), 12);
  auto addTile = [&](int64_t rows, Value row) {
    auto forEach = [&](function_ref<void(int64_t, ValueRange, Value)> use) {
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t v = 0; v < panelVectors; ++v)
          use(r * panelVectors + v,
              {block, b.add(row, r), b.add(column, v * lanes)}, masks[v]);
    };
    SmallVector<Value> sums;
    forEach([&](int64_t, ValueRange at, Value mask) {
      sums.push_back(b.load(out, at, mask));
    });
    sums = b.contract(
        rows, panelVectors, count, sums,
        [&](Value t, int64_t r) {
          Value channel = b.add(b.add(base, row), r);
          return b.loadScalar(x, {b.add(token, t), channel});
        },
        [&](Value t, int64_t v) {
          return b.load(packed, {t, b.index(v * lanes)});
        });
    forEach([&](int64_t place, ValueRange at, Value mask) {
      b.store(sums[place], out, at, mask);
    });
  };
  b.blocks(b.index(0), end, sizes, addTile, [](Value, Value) {});
}

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const SecondMomentsKernel &k) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  Type f64 = Float64Type::get(k.element.getContext());
  KernelBuilder b(library, f64);
  SmallVector<Type> types{rowsType({dynamic, k.blocks * k.size}, k.element)};
  if (k.other)
    types.push_back(rowsType({dynamic, k.blocks * k.size}, k.other));
  if (k.weights)
    types.push_back(rowsType({dynamic}, f64));
  types.push_back(rowsType({k.blocks, k.size, k.size}, f64));
  std::string name =
      llvm::formatv("kernel_second_moments_{0}x{1}_{2}{3}{4}", k.blocks, k.size,
                    typeName(k.element), k.other ? "_" + typeName(k.other) : "",
                    k.weights ? "_weighted" : "");
  return library.getOrCreate(name, types, b, [&](func::FuncOp function) {
    MomentsWriter(b, k, function).write();
  });
}
