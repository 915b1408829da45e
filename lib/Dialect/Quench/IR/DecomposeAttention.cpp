//===- DecomposeAttention.cpp - Attention and positions as loops ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionLoops.h"
#include "DecomposeNorms.h"
#include "QuantParameters.h"
#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

/// The probabilities of `op`, in the type that they are computed in. `key` has
/// the heads that are meant.
template <typename Op>
static Value buildProbabilities(TensorBuilder &builder, Op op, Value key) {
  using namespace score_loops;
  Type compute = getComputeType(op.getQuery().getType().getElementType());
  SmallVector<OpFoldResult> sizes = getScoreSizes(builder, op, key);
  Value scores = buildFloatScores(builder, op, key, sizes, compute);
  return buildSoftmax(builder, scores, compute, op.getZeta(), op.getGamma());
}

/// The sums of `value`, the heads of which are the groups of `weights`
/// [B, G, R, T, L], as elements of type `type`: [B, T, G * R, E].
static Value buildWeightedValues(TensorBuilder &builder, Value weights,
                                 Value value, Type type) {
  SmallVector<OpFoldResult> sizes = builder.getSizes(weights);
  OpFoldResult batch = sizes[0], groups = sizes[1], repeats = sizes[2],
               tokens = sizes[3];
  SmallVector<OpFoldResult> outSizes = {batch, tokens, groups, repeats,
                                        builder.getSize(value, 3)};
  enum : unsigned { OB, OT, OG, OR, OE, OL };
  Value result = builder.fold(
      builder.fill(outSizes, getComputeType(type), 0), {OB, OT, OG, OR, OE}, 6,
      {{weights, {OB, OG, OR, OT, OL}}, {value, {OB, OL, OG, OE}}},
      [](LoopBody &loop, Scalar sum) { return sum + loop[0] * loop[1]; });
  result = builder.convert(result, type);
  return builder.collapse(result, {{0}, {1}, {2, 3}, {4}});
}

FailureOr<SmallVector<Value>> AttentionOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Value key = getKey(), value = getValue();
  if (std::optional<ArrayRef<int64_t>> groups = getHeadGroups()) {
    key = gatherHeads(builder, key, *groups);
    value = gatherHeads(builder, value, *groups);
  }
  Value weights = buildProbabilities(builder, *this, key);
  Value result = buildWeightedValues(builder, weights, value,
                                     getQuery().getType().getElementType());
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}

FailureOr<SmallVector<Value>>
AttentionValuesOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Value value = getValue();
  if (std::optional<ArrayRef<int64_t>> groups = getHeadGroups())
    value = gatherHeads(builder, value, *groups);
  SmallVector<OpFoldResult> sizes = builder.getSizes(getProbabilities());
  int64_t heads = *getConstantIntValue(sizes[1]);
  OpFoldResult groups = builder.getSize(value, 2);
  OpFoldResult repeats =
      builder.getIndexAttr(heads / *getConstantIntValue(groups));
  Value weights =
      builder.expand(getProbabilities(), {{0}, {1, 2}, {3}, {4}},
                     {sizes[0], groups, repeats, sizes[2], sizes[3]});
  Value result = buildWeightedValues(builder, weights, value,
                                     getValue().getType().getElementType());
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}

FailureOr<SmallVector<Value>>
AttentionProbabilitiesOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Value key = getKey();
  if (std::optional<ArrayRef<int64_t>> groups = getHeadGroups())
    key = gatherHeads(builder, key, *groups);
  Value weights = buildProbabilities(builder, *this, key);
  weights = builder.convert(weights, getQuery().getType().getElementType());
  weights = builder.collapse(weights, {{0}, {1, 2}, {3}, {4}});
  return SmallVector<Value>{builder.cast(weights, getResult().getType())};
}

//===----------------------------------------------------------------------===//
// positions, rope_table, rope
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> PositionsOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type type = getResult().getType().getElementType();
  Value start = arith::ConstantOp::create(
      builder, builder.getIntegerAttr(type, getOffset()));
  if (getStart())
    start = arith::AddIOp::create(builder, start, getStart());
  Value result =
      builder.map(builder.getResultSizes(*this), type, {}, [&](LoopBody &loop) {
        ImplicitLocOpBuilder &inner = loop.getBuilder();
        Value count = arith::IndexCastOp::create(inner, type, loop.getIndex(0));
        return Scalar(inner, arith::AddIOp::create(inner, start, count));
      });
  return SmallVector<Value>{result};
}

FailureOr<SmallVector<Value>> RopeTableOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  FloatType compute = getComputeType(getElementType());
  SmallVector<APFloat> frequencies;
  for (double frequency : getInvFreq()) {
    APFloat rounded(frequency);
    bool losesInfo;
    rounded.convert(compute.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                    &losesInfo);
    frequencies.push_back(rounded);
  }
  auto tableType = RankedTensorType::get(
      {static_cast<int64_t>(frequencies.size())}, compute);
  Value table = arith::ConstantOp::create(
      builder, DenseElementsAttr::get(tableType, frequencies));
  double factor = getAttentionFactor().convertToDouble();
  return builder.mapMany(
      builder.getResultSizes(*this), {getElementType(), getElementType()},
      {{getPositions(), {0}}, {table, {1}}}, [&](LoopBody &loop) {
        ImplicitLocOpBuilder &inner = loop.getBuilder();
        Scalar position(
            inner, arith::SIToFPOp::create(inner, compute, Value(loop[0])));
        Scalar angle = position * loop[1];
        return SmallVector<Scalar>{cos(angle) * factor, sin(angle) * factor};
      });
}

FailureOr<SmallVector<Value>> RopeOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type type = getInput().getType().getElementType();
  SmallVector<OpFoldResult> sizes = builder.getSizes(getInput());
  int64_t channels = getInput().getType().getDimSize(3);
  int64_t pairs = getCos().getType().getDimSize(1);
  bool half = getLayout() == RopeLayout::Half;
  OpFoldResult count = builder.getIndexAttr(pairs);
  OpFoldResult first = builder.getIndexAttr(0);
  OpFoldResult second = builder.getIndexAttr(half ? pairs : 1);
  int64_t stride = half ? 1 : 2;

  Value x = builder.slice(getInput(), 3, first, count, stride);
  Value y = builder.slice(getInput(), 3, second, count, stride);
  SmallVector<OpFoldResult> pairSizes(sizes);
  pairSizes.back() = count;
  SmallVector<Value> rotated = builder.mapMany(
      pairSizes, {type, type},
      {{x, {0, 1, 2, 3}},
       {y, {0, 1, 2, 3}},
       {getCos(), {1, 3}},
       {getSin(), {1, 3}}},
      [](LoopBody &loop) {
        Scalar x = loop[0], y = loop[1], cos = loop[2], sin = loop[3];
        return SmallVector<Scalar>{x * cos - y * sin, y * cos + x * sin};
      });
  // Where all channels rotate nothing of the input is left.
  Value result =
      2 * pairs == channels ? builder.empty(sizes, type) : Value(getInput());
  result = builder.insert(rotated[0], result, 3, first, stride);
  result = builder.insert(rotated[1], result, 3, second, stride);
  return SmallVector<Value>{result};
}

//===----------------------------------------------------------------------===//
// kv_cache
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> KVCacheOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  SmallVector<OpFoldResult> sizes = builder.getResultSizes(*this, 1);
  Value position = arith::IndexCastOp::create(builder, builder.getIndexType(),
                                              getPosition());
  Value updated = builder.insert(getInput(), getCache(), 1, position);
  Value view = builder.slice(updated, 1, builder.getIndexAttr(0), sizes[1]);
  return SmallVector<Value>{updated, builder.cast(view, getView().getType())};
}
