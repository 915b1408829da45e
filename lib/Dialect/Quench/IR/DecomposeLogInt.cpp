//===- DecomposeLogInt.cpp - Attention by an integer softmax as loops -----===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// C38 and C39 of docs/spec.md say what is computed.
//
//===----------------------------------------------------------------------===//

#include "AttentionLoops.h"

#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.h"
#include "Quench/Support/LogIntSoftmax.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using namespace quench::score_loops;

/// What integers of scores are at most, and at least: those are not seen.
static constexpr int64_t scoreLimit = int64_t(1) << 29;

/// The integer `number` of the type of `like`.
static Value constant(ImplicitLocOpBuilder &builder, Value like,
                      int64_t number) {
  return arith::ConstantOp::create(
      builder, builder.getIntegerAttr(like.getType(), number));
}

/// The code of 0 of `quantizer`, the last one.
static int64_t getZeroCode(QuantizerAttrInterface quantizer) {
  auto log = cast<LogAttr>(quantizer);
  return (int64_t(1) << log.getBits()) - (log.getZero() == ZeroState::Last);
}

/// `score` in steps, an i32.
static Scalar buildSteps(LoopBody &loop, Scalar score, double step) {
  ImplicitLocOpBuilder &body = loop.getBuilder();
  auto clamp = [&](Scalar x, arith::CmpFPredicate predicate, double limit) {
    Scalar bound = x.constant(limit);
    return select(arith::CmpFOp::create(body, predicate, Value(x), bound), x,
                  bound);
  };
  // A NaN becomes the least.
  Scalar steps = score / score.constant(step);
  steps = clamp(steps, arith::CmpFPredicate::OGT, -scoreLimit);
  steps = clamp(steps, arith::CmpFPredicate::OLT, scoreLimit);
  Value whole = math::RoundEvenOp::create(body, Value(steps));
  return Scalar(body, arith::FPToSIOp::create(body, body.getI32Type(), whole));
}

/// The code of a key with the power `power`, in a row of the sum `sum`.
static Scalar buildCode(LoopBody &loop, Value power, Value sum, int64_t last) {
  ImplicitLocOpBuilder &body = loop.getBuilder();
  auto number = [&](int64_t value) { return constant(body, power, value); };
  Value zero = number(0), one = number(1);
  // The quotient to nearest, ties to even.
  Value divisor = arith::MaxUIOp::create(body, power, one);
  Value ratio = arith::DivUIOp::create(body, sum, divisor);
  Value rest = arith::SubIOp::create(
      body, sum, arith::MulIOp::create(body, ratio, divisor));
  Value odd = arith::AndIOp::create(body, ratio, one);
  Value twice =
      arith::AddIOp::create(body, arith::AddIOp::create(body, rest, rest), odd);
  Value isAbove =
      arith::CmpIOp::create(body, arith::CmpIPredicate::ugt, twice, divisor);
  ratio = arith::AddIOp::create(
      body, ratio, arith::ExtUIOp::create(body, body.getI64Type(), isAbove));
  // Its logarithm, and one more from 1.5 times a power of two on.
  Value octave = arith::SubIOp::create(
      body, number(63), math::CountLeadingZerosOp::create(body, ratio));
  Value bound = arith::ShLIOp::create(body, number(3), octave);
  Value reaches =
      arith::CmpIOp::create(body, arith::CmpIPredicate::uge,
                            arith::AddIOp::create(body, ratio, ratio), bound);
  Value code = arith::AddIOp::create(
      body, octave, arith::ExtUIOp::create(body, body.getI64Type(), reaches));
  code = arith::MinUIOp::create(body, code, number(last));
  Value isZero =
      arith::CmpIOp::create(body, arith::CmpIPredicate::eq, power, zero);
  code = arith::SelectOp::create(body, isZero, number(last), code);
  return Scalar(body, arith::TruncIOp::create(body, body.getI32Type(), code));
}

/// The codes, as i32, of the probabilities of `scores` `[B, G, R, T, L]`, which
/// are -infinity where a key is not seen.
static Value buildCodes(TensorBuilder &builder, Value scores,
                        ArrayRef<OpFoldResult> sizes, double step,
                        QuantizerAttrInterface quantizer) {
  Type narrow = builder.getI32Type(), wide = builder.getI64Type();
  const SmallVector<unsigned> all = {B, G, R, T, L}, row = {B, G, R, T};
  ArrayRef<OpFoldResult> rows = sizes.drop_back();
  Value steps =
      builder.map(sizes, narrow, {{scores, all}}, [&](LoopBody &loop) {
        return buildSteps(loop, loop[0], step);
      });
  Value greatest = builder.fold(
      builder.fill(rows, narrow, -scoreLimit), row, 5, {{steps, all}},
      [](LoopBody &loop, Scalar greatest) {
        ImplicitLocOpBuilder &body = loop.getBuilder();
        return Scalar(body, arith::MaxSIOp::create(body, Value(loop[0]),
                                                   Value(greatest)));
      });
  std::vector<int64_t> numbers = LogIntSoftmax(step).getPowers();
  Value table = arith::ConstantOp::create(
      builder,
      DenseElementsAttr::get(
          RankedTensorType::get({static_cast<int64_t>(numbers.size())}, wide),
          ArrayRef(numbers)));
  Value powers = builder.map(
      sizes, wide, {{steps, all}, {greatest, row}}, [&](LoopBody &loop) {
        ImplicitLocOpBuilder &body = loop.getBuilder();
        Value score = loop[0];
        Value last = constant(body, score, numbers.size() - 1);
        Value distance = arith::SubIOp::create(body, Value(loop[1]), score);
        distance = arith::MinUIOp::create(body, distance, last);
        Value isHidden =
            arith::CmpIOp::create(body, arith::CmpIPredicate::eq, score,
                                  constant(body, score, -scoreLimit));
        distance = arith::SelectOp::create(body, isHidden, last, distance);
        Value index =
            arith::IndexCastUIOp::create(body, body.getIndexType(), distance);
        return Scalar(body, tensor::ExtractOp::create(body, table, index));
      });
  Value sums = builder.fold(
      builder.fill(rows, wide, 0), row, 5, {{powers, all}},
      [](LoopBody &loop, Scalar sum) {
        ImplicitLocOpBuilder &body = loop.getBuilder();
        Value next = arith::AddIOp::create(body, Value(sum), Value(loop[0]));
        return Scalar(
            body,
            arith::MinUIOp::create(
                body, next, constant(body, next, LogIntSoftmax::greatestSum)));
      });
  return builder.map(
      sizes, narrow, {{powers, all}, {sums, row}}, [&](LoopBody &loop) {
        return buildCode(loop, loop[0], loop[1], getZeroCode(quantizer));
      });
}

FailureOr<SmallVector<Value>>
LogIntProbabilitiesOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Value key = getKey();
  if (std::optional<ArrayRef<int64_t>> groups = getHeadGroups())
    key = gatherHeads(builder, key, *groups);
  Type type = getResult().getType().getElementType();
  Type compute = getComputeType(type);
  SmallVector<OpFoldResult> sizes = getScoreSizes(builder, *this, key);
  Value scores = buildFloatScores(builder, *this, key, sizes, compute);
  Value codes = buildCodes(builder, scores, sizes, getStep().convertToDouble(),
                           getQuantizer());
  QuantizerAttrInterface quantizer = getQuantizer();
  Value result =
      builder.map(sizes, type, {{codes, {B, G, R, T, L}}}, [&](LoopBody &loop) {
        ImplicitLocOpBuilder &body = loop.getBuilder();
        Value code = arith::TruncIOp::create(body, quantizer.getStorageType(),
                                             Value(loop[0]));
        Value one =
            arith::ConstantOp::create(body, body.getFloatAttr(compute, 1));
        return Scalar(body,
                      quantizer.emitDequantize(body, body.getLoc(), code, one,
                                               /*zero=*/Value()));
      });
  result = builder.collapse(result, {{0}, {1, 2}, {3}, {4}});
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}

FailureOr<SmallVector<Value>>
LogIntAttentionOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type compute = builder.getF32Type();
  Value query = buildIntegers(builder, getQuery(), getQueryScale(),
                              getQueryZero(), getQueryQuantizer());
  auto [key, value, keyScale, valueScale] = buildKeysAndValues(builder, *this);
  SmallVector<OpFoldResult> sizes = getScoreSizes(builder, *this, key);
  Value sums = buildIntegerProducts(builder, query, key, sizes);
  Value scores = buildIntegerScores(builder, *this, sums, keyScale, sizes,
                                    /*factor=*/1);
  QuantizerAttrInterface quantizer = getProbabilityQuantizer();
  Value codes = buildCodes(builder, scores, sizes, getStep().convertToDouble(),
                           quantizer);

  // The number of the greatest code that has one is the unit.
  int64_t last = getZeroCode(quantizer), fraction = last - 1;
  Value numbers = builder.map(
      sizes, builder.getI32Type(), {{codes, {B, G, R, T, L}}},
      [&](LoopBody &loop) {
        ImplicitLocOpBuilder &body = loop.getBuilder();
        Value code = loop[0];
        // A shift by all bits of the unit gives 0.
        Value number = arith::ShRUIOp::create(
            body, constant(body, code, int64_t(1) << fraction), code);
        return Scalar(body, number);
      });
  enum : unsigned { OB, OT, OG, OR, OE, OL };
  SmallVector<OpFoldResult> outSizes = {sizes[B], sizes[T], sizes[G], sizes[R],
                                        builder.getSize(value, 3)};
  Value products = builder.fold(
      builder.fill(outSizes, builder.getI64Type(), 0), {OB, OT, OG, OR, OE}, 6,
      {{numbers, {OB, OG, OR, OT, OL}}, {value, {OB, OL, OG, OE}}},
      [](LoopBody &loop, Scalar sum) {
        ImplicitLocOpBuilder &body = loop.getBuilder();
        Value product =
            arith::MulIOp::create(body, Value(loop[0]), Value(loop[1]));
        product = arith::ExtSIOp::create(body, body.getI64Type(), product);
        return Scalar(body, arith::AddIOp::create(body, Value(sum), product));
      });
  LoopInput valueScales =
      getScaleInput(builder, valueScale, getValueQuantizer(),
                    {{OB}, {}, {OG}, {OE}}, sizes[G], sizes[R]);
  RankedTensorType type = getResult().getType();
  Value result = builder.map(
      outSizes, type.getElementType(),
      {{products, {OB, OT, OG, OR, OE}}, valueScales}, [&](LoopBody &loop) {
        ImplicitLocOpBuilder &body = loop.getBuilder();
        Scalar sum(body,
                   arith::SIToFPOp::create(body, compute, Value(loop[0])));
        return sum * (loop[1] * std::ldexp(1.0, -static_cast<int>(fraction)));
      });
  result = builder.collapse(result, {{0}, {1}, {2, 3}, {4}});
  return SmallVector<Value>{builder.cast(result, type)};
}
