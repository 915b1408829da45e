//===- DecomposeAttention.cpp - Attention and positions as loops
//------------===//
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
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"
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
// integer_attention
//===----------------------------------------------------------------------===//

/// sum + lhs * rhs of codes of those formats, in i32.
static Scalar addProduct(LoopBody &loop, Scalar sum, Value lhs,
                         QuantizerAttrInterface lhsFormat, Value rhs,
                         QuantizerAttrInterface rhsFormat) {
  ImplicitLocOpBuilder &body = loop.getBuilder();
  auto widen = [&](Value code, QuantizerAttrInterface format) -> Value {
    if (code.getType() == body.getI32Type())
      return code;
    return emitIntegers(body, body.getLoc(), format, code, Value(),
                        body.getI32Type());
  };
  Value product =
      arith::MulIOp::create(body, widen(lhs, lhsFormat), widen(rhs, rhsFormat));
  return Scalar(body, arith::AddIOp::create(body, sum, product));
}

/// The weight of a score below the greatest one of its row (C35).
static Scalar buildWeight(LoopBody &loop, Scalar score, Scalar greatest,
                          ArrayRef<float> polynomial) {
  ImplicitLocOpBuilder &body = loop.getBuilder();
  auto greater = [&](Scalar a, Scalar b) {
    Value isGreater =
        arith::CmpFOp::create(body, arith::CmpFPredicate::OGT, a, b);
    return select(isGreater, a, b);
  };
  Scalar octaves = score - greatest;
  octaves = greater(octaves, octaves.constant(integer_attention::leastOctave));
  Scalar whole(body, math::RoundEvenOp::create(body, Value(octaves)));
  Scalar rest = octaves - whole;
  Scalar power = rest.constant(polynomial.back());
  for (float coefficient : llvm::reverse(polynomial.drop_back()))
    power = power * rest + coefficient;
  // The power of two goes to the exponent.
  Type integer = body.getI32Type();
  Value exponent = arith::FPToSIOp::create(body, integer, Value(whole));
  Value shift = arith::ConstantOp::create(body, body.getI32IntegerAttr(23));
  exponent = arith::ShLIOp::create(body, exponent, shift);
  Value bits = arith::BitcastOp::create(body, integer, Value(power));
  bits = arith::AddIOp::create(body, bits, exponent);
  Value weight = arith::BitcastOp::create(body, body.getF32Type(), bits);
  weight = math::RoundEvenOp::create(body, weight);
  return Scalar(body, arith::FPToSIOp::create(body, integer, weight));
}

namespace {
/// Sums over the keys of an integer attention: of blocks as integers, of the
/// sums of blocks as floats (C36).
class BlockSums {
public:
  BlockSums(TensorBuilder &builder, OpFoldResult length)
      : builder(builder), length(builder.getIndex(length)) {
    Value all = arith::AddIOp::create(builder, this->length,
                                      constant(builder, block - 1));
    count = builder.createOrFold<arith::DivUIOp>(all, constant(builder, block));
  }

  /// A number for each of `sizes`: the sum over keys of what `getTerm`, with
  /// the index of the key, adds.
  Value sum(ArrayRef<OpFoldResult> sizes,
            llvm::function_ref<Scalar(LoopBody &, Scalar, Value)> addTerm) {
    unsigned rank = sizes.size();
    SmallVector<OpFoldResult> blocks(sizes);
    blocks.push_back(count);
    Value keys =
        builder.empty({builder.getIndexAttr(block)}, builder.getI8Type());
    Value sums = builder.fold(
        builder.fill(blocks, builder.getI32Type(), 0),
        TensorBuilder::range(rank + 1), rank + 2, {{keys, {rank + 1}}},
        [&](LoopBody &loop, Scalar sum) {
          ImplicitLocOpBuilder &body = loop.getBuilder();
          Value first = arith::MulIOp::create(body, loop.getIndex(rank),
                                              constant(body, block));
          Value key =
              arith::AddIOp::create(body, first, loop.getIndex(rank + 1));
          Value exists = arith::CmpIOp::create(body, arith::CmpIPredicate::slt,
                                               key, length);
          // A key that exists stands in for one that does not.
          key = arith::SelectOp::create(body, exists, key, first);
          return select(exists, addTerm(loop, sum, key), sum);
        });
    return builder.fold(builder.fill(sizes, builder.getF32Type(), 0),
                        TensorBuilder::range(rank), rank + 1,
                        {{sums, TensorBuilder::range(rank + 1)}},
                        [&](LoopBody &loop, Scalar sum) {
                          ImplicitLocOpBuilder &body = loop.getBuilder();
                          Value part = arith::SIToFPOp::create(
                              body, body.getF32Type(), Value(loop[0]));
                          return sum + Scalar(body, part);
                        });
  }

private:
  static constexpr int64_t block = integer_attention::block;
  static Value constant(ImplicitLocOpBuilder &builder, int64_t value) {
    return arith::ConstantIndexOp::create(builder, value);
  }

  TensorBuilder &builder;
  Value length, count;
};
} // namespace

FailureOr<SmallVector<Value>>
IntegerAttentionOp::decomposeOperation(OpBuilder &b) {
  using namespace score_loops;
  TensorBuilder builder(b, getLoc());
  auto [key, value, keyScale, valueScale] = gatherGroups(
      builder, *this, {getKey(), getValue(), getKeyScale(), getValueScale()});
  Type integer = builder.getI32Type(), compute = builder.getF32Type();
  SmallVector<OpFoldResult> sizes = getScoreSizes(builder, *this, key);

  Value sums =
      buildProducts(builder, getQuery(), key, sizes, integer,
                    [&](LoopBody &loop, Scalar sum) {
                      return addProduct(loop, sum, loop[0], getQueryQuantizer(),
                                        loop[1], getKeyQuantizer());
                    });
  Value scores = buildIntegerScores(builder, *this, sums, keyScale, sizes,
                                    integer_attention::octaves);

  ArrayRef<OpFoldResult> rows = ArrayRef(sizes).drop_back();
  Value greatest =
      builder.fold(builder.fill(rows, compute, integer_attention::leastMaximum),
                   {B, G, R, T}, 5, {{scores, {B, G, R, T, L}}},
                   [&](LoopBody &loop, Scalar greatest) {
                     Value isGreater = arith::CmpFOp::create(
                         loop.getBuilder(), arith::CmpFPredicate::OGT,
                         Value(loop[0]), Value(greatest));
                     return select(isGreater, loop[0], greatest);
                   });
  std::array<float, 4> polynomial =
      integer_attention::getWeightPolynomial(getProbabilityQuantizer());
  Value weights = builder.map(
      sizes, integer, {{scores, {B, G, R, T, L}}, {greatest, {B, G, R, T}}},
      [&](LoopBody &loop) {
        return buildWeight(loop, loop[0], loop[1], polynomial);
      });

  BlockSums blocks(builder, sizes[L]);
  Value totals = blocks.sum(rows, [&](LoopBody &loop, Scalar sum, Value index) {
    ImplicitLocOpBuilder &body = loop.getBuilder();
    Value weight = tensor::ExtractOp::create(
        body, weights,
        ValueRange{loop.getIndex(B), loop.getIndex(G), loop.getIndex(R),
                   loop.getIndex(T), index});
    return Scalar(body, arith::AddIOp::create(body, Value(sum), weight));
  });
  enum : unsigned { OB, OT, OG, OR, OE };
  SmallVector<OpFoldResult> outSizes = {sizes[B], sizes[T], sizes[G], sizes[R],
                                        builder.getSize(value, 3)};
  Value products = blocks.sum(outSizes, [&](LoopBody &loop, Scalar sum,
                                            Value index) {
    ImplicitLocOpBuilder &body = loop.getBuilder();
    auto constant = [&](int64_t number) -> Value {
      return arith::ConstantOp::create(body, body.getI32IntegerAttr(number));
    };
    constexpr int64_t bits = integer_attention::weightBits;
    Value code = tensor::ExtractOp::create(
        body, weights,
        ValueRange{loop.getIndex(OB), loop.getIndex(OG), loop.getIndex(OR),
                   loop.getIndex(OT), index});
    code = arith::AddIOp::create(body, code, constant(1 << (bits - 1)));
    code = arith::ShRUIOp::create(body, code, constant(bits));
    Value number = tensor::ExtractOp::create(
        body, value,
        ValueRange{loop.getIndex(OB), index, loop.getIndex(OG),
                   loop.getIndex(OE)});
    return addProduct(loop, sum, code, getProbabilityQuantizer(), number,
                      getValueQuantizer());
  });
  LoopInput valueScales =
      getScaleInput(builder, valueScale, getValueQuantizer(),
                    {{OB}, {}, {OG}, {OE}}, sizes[G], sizes[R]);
  RankedTensorType type = getResult().getType();
  Value result = builder.map(outSizes, type.getElementType(),
                             {{products, {OB, OT, OG, OR, OE}},
                              {totals, {OB, OG, OR, OT}},
                              valueScales},
                             [&](LoopBody &loop) {
                               Scalar one = loop[1].constant(1);
                               Value isGreater = arith::CmpFOp::create(
                                   loop.getBuilder(), arith::CmpFPredicate::OGT,
                                   Value(loop[1]), Value(one));
                               Scalar total = select(isGreater, loop[1], one);
                               Scalar unit = total.constant(
                                   int64_t(1) << integer_attention::weightBits);
                               return loop[0] * (unit / total * loop[2]);
                             });
  result = builder.collapse(result, {{0}, {1}, {2, 3}, {4}});
  return SmallVector<Value>{builder.cast(result, type)};
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
