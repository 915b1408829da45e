//===- HadamardKernel.cpp - Rows times a Hadamard matrix ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row is K segments of 2^m numbers. Each segment is transformed by
// butterflies, first within registers and then between them, several of their
// stages at a time; a matrix of signs then combines the segments.
//
//===----------------------------------------------------------------------===//

#include "KernelLibrary.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace quench;

namespace {

/// Registers that one step of the butterflies between registers takes.
constexpr int64_t maxRadix = 8;

std::string symbolName(const HadamardKernel &k) {
  return llvm::formatv("kernel_hadamard_{0}x{1}_{2}_{3}", k.factor,
                       k.powerOfTwo, k.size, typeName(k.element));
}

/// The butterflies among the lanes of `x`.
Value transformLanes(KernelBuilder &b, Value x) {
  for (int64_t step = 1; step < b.lanes(); step *= 2) {
    SmallVector<int64_t> partners;
    SmallVector<APFloat> signs;
    for (int64_t lane = 0; lane < b.lanes(); ++lane) {
      partners.push_back(lane ^ step);
      signs.emplace_back(b.compute().getFloatSemantics(),
                         (lane & step) == 0 ? "1" : "-1");
    }
    Value sign =
        arith::ConstantOp::create(b, DenseElementsAttr::get(b.vector(), signs));
    Value other = vector::ShuffleOp::create(b, x, x, partners);
    x = b.fma(x, sign, other);
  }
  return x;
}

/// The butterflies among all of `x`.
void transformRegisters(KernelBuilder &b, MutableArrayRef<Value> x) {
  for (size_t step = 1; step < x.size(); step *= 2)
    for (size_t i = 0; i < x.size(); ++i)
      if ((i & step) == 0) {
        Value left = x[i], right = x[i + step];
        x[i] = b.fadd(left, right);
        x[i + step] = b.fsub(left, right);
      }
}

} // namespace

bool quench::hasKernel(const KernelLibrary &library, const HadamardKernel &k) {
  return k.powerOfTwo >= KernelBuilder(library, k.element).lanes();
}

func::FuncOp quench::getKernel(const KernelLibrary &library,
                               const HadamardKernel &k) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  KernelBuilder b(library, k.element);
  const int64_t order = k.factor * k.powerOfTwo, lanes = b.lanes();
  const int64_t registers = k.powerOfTwo / lanes;
  bool combines = k.factor != 1;
  SmallVector<Type> inputs{rowsType({dynamic, k.size}, k.element)};
  if (combines)
    inputs.push_back(denseType({k.factor, k.factor}, b.compute()));
  inputs.push_back(rowsType({dynamic, k.size}, k.element));

  auto write = [&](func::FuncOp function) {
    Value x = function.getArgument(0);
    Value signs = combines ? function.getArgument(1) : Value();
    Value out = function.getArguments().back();
    b.parallel({b.dim(x, 0), b.index(k.size / order)}, [&](ValueRange ids) {
      Value row = ids[0], first = b.mul(ids[1], order);
      Value scale = b.splat(1 / std::sqrt(static_cast<double>(order)));
      bool isOneStep = !combines && registers <= maxRadix;
      Value buffer = isOneStep ? Value() : b.scratch({order});

      b.loop(b.index(0), b.index(order), k.powerOfTwo, [&](Value segment) {
        for (int64_t step = 1; step == 1 || step < registers;) {
          int64_t radix = std::min(maxRadix, registers / step);
          bool isFirst = step == 1, isLast = step * radix >= registers;
          // Registers `step` apart, of which there are `radix`.
          auto transform = [&](Value group, Value place) {
            SmallVector<Value> at, values;
            for (int64_t i = 0; i < radix; ++i)
              at.push_back(
                  b.add(segment, b.add(b.add(group, place), i * step * lanes)));
            for (Value index : at)
              values.push_back(
                  isFirst
                      ? transformLanes(b, b.load(x, {row, b.add(first, index)}))
                      : b.load(buffer, index));
            transformRegisters(b, values);
            for (auto [index, value] : llvm::zip_equal(at, values)) {
              if (isLast && !combines)
                b.store(b.fmul(value, scale), out, {row, b.add(first, index)});
              else
                b.store(value, buffer, index);
            }
          };
          b.loop(b.index(0), b.index(k.powerOfTwo), step * radix * lanes,
                 [&](Value group) {
                   b.loop(b.index(0), b.index(step * lanes), lanes,
                          [&](Value place) { transform(group, place); });
                 });
          step *= radix;
          if (isLast)
            break;
        }
      });
      if (!combines)
        return;

      // Rows of the tile are segments of the result.
      constexpr int64_t tile = 4;
      const int64_t columns = registers % 2 == 0 ? 2 : 1;
      b.loop(b.index(0), b.index(k.powerOfTwo), columns * lanes, [&](Value at) {
        b.loop(b.index(0), b.index(k.factor), tile, [&](Value segment) {
          SmallVector<Value> zeros(tile * columns, b.splat(0.0));
          SmallVector<Value> sums = b.contract(
              tile, columns, b.index(k.factor), zeros,
              [&](Value from, int64_t to) {
                return b.loadScalar(signs, {from, b.add(segment, to)});
              },
              [&](Value from, int64_t column) {
                return b.load(buffer,
                              b.add(b.add(b.mul(from, k.powerOfTwo), at),
                                    column * lanes));
              });
          for (int64_t to = 0; to < tile; ++to)
            for (int64_t column = 0; column < columns; ++column) {
              Value place =
                  b.add(b.mul(b.add(segment, to), k.powerOfTwo), first);
              b.store(b.fmul(sums[to * columns + column], scale), out,
                      {row, b.add(b.add(place, at), column * lanes)});
            }
        });
      });
    });
  };
  return library.getOrCreate(symbolName(k), inputs, b, write);
}
