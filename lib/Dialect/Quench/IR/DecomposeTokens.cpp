//===- DecomposeTokens.cpp - Embeddings, pools and windows as loops
//---------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// embedding, prepend
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> EmbeddingOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  unsigned rank = getIds().getType().getRank();
  Value result = builder.map(
      builder.getResultSizes(*this), getTable().getType().getElementType(),
      {{getIds(), TensorBuilder::range(rank)}}, [&](LoopBody &loop) {
        ImplicitLocOpBuilder &inner = loop.getBuilder();
        Value row = arith::IndexCastOp::create(inner, inner.getIndexType(),
                                               Value(loop[0]));
        Value element = tensor::ExtractOp::create(
            inner, getTable(), ValueRange{row, loop.getIndex(rank)});
        return Scalar(inner, element);
      });
  return SmallVector<Value>{result};
}

FailureOr<SmallVector<Value>> PrependOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type type = getInput().getType().getElementType();
  SmallVector<OpFoldResult> sizes = builder.getSizes(getInput());
  OpFoldResult count = builder.getSize(getTokens(), 0);
  SmallVector<OpFoldResult> tokenSizes = {sizes[0], count, sizes[2]};
  Value tokens = builder.map(tokenSizes, type, {{getTokens(), {1, 2}}},
                             [](LoopBody &loop) { return loop[0]; });
  Value result = builder.empty(builder.getResultSizes(*this), type);
  result = builder.insert(tokens, result, 1, builder.getIndexAttr(0));
  result = builder.insert(getInput(), result, 1, count);
  return SmallVector<Value>{result};
}

//===----------------------------------------------------------------------===//
// pool
//===----------------------------------------------------------------------===//

/// The last token of each sequence that `mask` shows; zeros where it hides all.
static Value poolLast(TensorBuilder &builder, Value input, Value mask) {
  SmallVector<OpFoldResult> sizes = builder.getSizes(input);
  Type index = builder.getIndexType();
  Value last = builder.fold(
      builder.fill({sizes[0]}, index, -1), {0}, 2, {{mask, {0, 1}}},
      [](LoopBody &loop, Scalar last) {
        return select(loop.isSet(0),
                      Scalar(loop.getBuilder(), loop.getIndex(1)), last);
      });
  Type type = cast<RankedTensorType>(input.getType()).getElementType();
  return builder.map(
      {sizes[0], sizes[2]}, type, {{last, {0}}}, [&](LoopBody &loop) {
        ImplicitLocOpBuilder &inner = loop.getBuilder();
        Value zero = arith::ConstantIndexOp::create(inner, 0);
        Value found = arith::CmpIOp::create(inner, arith::CmpIPredicate::sge,
                                            loop[0], zero);
        Value token = arith::MaxSIOp::create(inner, Value(loop[0]), zero);
        Scalar element(
            inner, tensor::ExtractOp::create(
                       inner, input,
                       ValueRange{loop.getIndex(0), token, loop.getIndex(1)}));
        return select(found, element, element.constant(0));
      });
}

FailureOr<SmallVector<Value>> PoolOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  SmallVector<OpFoldResult> sizes = builder.getSizes(getInput());
  Type type = getInput().getType().getElementType();
  Type compute = getComputeType(type);
  PoolKind kind = getKind();
  if (kind == PoolKind::First)
    return SmallVector<Value>{
        builder.select(getInput(), 1, builder.getIndexAttr(0))};
  if (kind == PoolKind::Last) {
    if (getMask())
      return SmallVector<Value>{poolLast(builder, getInput(), getMask())};
    return SmallVector<Value>{builder.select(
        getInput(), 1, builder.add(sizes[1], builder.getIndexAttr(-1)))};
  }

  bool mean = kind == PoolKind::Mean;
  double init = mean ? 0 : -std::numeric_limits<double>::infinity();
  SmallVector<LoopInput> inputs = {{getInput(), {0, 1, 2}}};
  if (getMask())
    inputs.push_back({getMask(), {0, 1}});
  Value pooled =
      builder.fold(builder.fill({sizes[0], sizes[2]}, compute, init), {0, 2}, 3,
                   inputs, [&](LoopBody &loop, Scalar so) {
                     Scalar next = mean ? so + loop[0] : max(so, loop[0]);
                     return getMask() ? select(loop.isSet(1), next, so) : next;
                   });
  SmallVector<LoopInput> counted;
  if (getMask())
    counted.push_back({getMask(), {0, 1}});
  else
    counted.push_back(
        {builder.select(getInput(), 2, builder.getIndexAttr(0)), {0, 1}});
  Value count =
      builder.fold(builder.fill({sizes[0]}, compute, 0), {0}, 2, counted,
                   [&](LoopBody &loop, Scalar so) {
                     Scalar next = so + 1;
                     return getMask() ? select(loop.isSet(0), next, so) : next;
                   });
  Value result = builder.map(
      {sizes[0], sizes[2]}, type, {{pooled, {0, 1}}, {count, {0}}},
      [&](LoopBody &loop) {
        Scalar value = mean ? loop[0] / loop[1] : loop[0];
        return select(isEqual(loop[1], 0), value.constant(0), value);
      });
  return SmallVector<Value>{result};
}

//===----------------------------------------------------------------------===//
// window_partition, window_merge
//===----------------------------------------------------------------------===//

namespace {
/// Index arithmetic in the body of a loop.
struct Indices {
  explicit Indices(ImplicitLocOpBuilder &builder) : builder(builder) {}

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(builder, value);
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddIOp::create(builder, lhs, rhs);
  }
  Value mul(Value lhs, Value rhs) {
    return arith::MulIOp::create(builder, lhs, rhs);
  }
  Value div(Value lhs, Value rhs) {
    return arith::DivUIOp::create(builder, lhs, rhs);
  }
  Value rem(Value lhs, Value rhs) {
    return arith::RemUIOp::create(builder, lhs, rhs);
  }

  ImplicitLocOpBuilder &builder;
};
} // namespace

/// The number of windows of `window` that cover `size`.
static OpFoldResult countWindows(TensorBuilder &builder, OpFoldResult size,
                                 int64_t window) {
  if (auto constant = getConstantIntValue(size))
    return builder.getIndexAttr(llvm::divideCeil(*constant, window));
  return builder.createOrFold<arith::CeilDivUIOp>(
      builder.getIndex(size),
      arith::ConstantIndexOp::create(builder, window).getResult());
}

// Padding, roll and partition are one gather.
FailureOr<SmallVector<Value>>
WindowPartitionOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  int64_t window = getWindow(), shift = getShift();
  SmallVector<OpFoldResult> sizes = builder.getSizes(getInput());
  OpFoldResult rows = countWindows(builder, sizes[1], window);
  OpFoldResult columns = countWindows(builder, sizes[2], window);
  OpFoldResult side = builder.getIndexAttr(window);
  Value height = builder.getIndex(sizes[1]), width = builder.getIndex(sizes[2]);
  Value rowCount = builder.getIndex(rows),
        columnCount = builder.getIndex(columns);
  Value result = builder.map(
      {sizes[0], rows, columns, side, side, sizes[3]},
      getInput().getType().getElementType(), {}, [&](LoopBody &loop) {
        ImplicitLocOpBuilder &inner = loop.getBuilder();
        Indices indices(inner);
        // The place on the padded map of what stands at `offset` of window
        // `tile` once the map is rolled, and whether it lies on the map.
        auto getPlace = [&](unsigned tile, unsigned offset, Value count,
                            Value extent) {
          Value size = indices.constant(window);
          Value place =
              indices.add(indices.add(indices.mul(loop.getIndex(tile), size),
                                      loop.getIndex(offset)),
                          indices.constant(shift));
          place = indices.rem(place, indices.mul(count, size));
          Value inside = arith::CmpIOp::create(inner, arith::CmpIPredicate::ult,
                                               place, extent);
          Value zero = indices.constant(0);
          return std::pair<Value, Value>(
              arith::SelectOp::create(inner, inside, place, zero), inside);
        };
        auto [row, rowInside] = getPlace(1, 3, rowCount, height);
        auto [column, columnInside] = getPlace(2, 4, columnCount, width);
        Scalar element(inner, tensor::ExtractOp::create(
                                  inner, getInput(),
                                  ValueRange{loop.getIndex(0), row, column,
                                             loop.getIndex(5)}));
        Value inside = arith::AndIOp::create(inner, rowInside, columnInside);
        return select(inside, element, element.constant(0));
      });
  result = builder.collapse(result, {{0, 1, 2}, {3, 4}, {5}});
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}

FailureOr<SmallVector<Value>> WindowMergeOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  int64_t window = getWindow(), shift = getShift();
  int64_t rows = llvm::divideCeil(getHeight(), window);
  int64_t columns = llvm::divideCeil(getWidth(), window);
  Value result = builder.map(
      builder.getResultSizes(*this), getInput().getType().getElementType(), {},
      [&](LoopBody &loop) {
        ImplicitLocOpBuilder &inner = loop.getBuilder();
        Indices indices(inner);
        Value size = indices.constant(window);
        // Window and offset of the place `index` of a map of `count` windows
        // that was rolled by -shift.
        auto getPlace = [&](Value index, int64_t count) {
          Value rolled = indices.rem(
              indices.add(index, indices.constant(count * window - shift)),
              indices.constant(count * window));
          return std::pair<Value, Value>(indices.div(rolled, size),
                                         indices.rem(rolled, size));
        };
        auto [row, y] = getPlace(loop.getIndex(1), rows);
        auto [column, x] = getPlace(loop.getIndex(2), columns);
        Value tile = indices.add(
            indices.mul(
                indices.add(
                    indices.mul(loop.getIndex(0), indices.constant(rows)), row),
                indices.constant(columns)),
            column);
        Value token = indices.add(indices.mul(y, size), x);
        return Scalar(inner, tensor::ExtractOp::create(
                                 inner, getInput(),
                                 ValueRange{tile, token, loop.getIndex(3)}));
      });
  return SmallVector<Value>{result};
}
