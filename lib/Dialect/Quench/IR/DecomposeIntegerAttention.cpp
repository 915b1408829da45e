//===- DecomposeIntegerAttention.cpp - Attention of codes as loops --------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// C35, C36, C40 and C41 of docs/spec.md say what is computed.
//
//===----------------------------------------------------------------------===//

#include "AttentionLoops.h"

#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using namespace quench::score_loops;

/// The greater one of `a` and `b`, `b` where `a` is a NaN.
static Scalar getGreater(Scalar a, Scalar b) {
  Value isGreater =
      arith::CmpFOp::create(a.getBuilder(), arith::CmpFPredicate::OGT, a, b);
  return select(isGreater, a, b);
}

/// `number` of the type of `like`, an integer.
static Value constant(ImplicitLocOpBuilder &builder, Value like,
                      int64_t number) {
  return arith::ConstantOp::create(
      builder, builder.getIntegerAttr(like.getType(), number));
}

/// The weight of a score below the greatest one of its row (C35).
static Scalar buildWeight(LoopBody &loop, Scalar score, Scalar greatest,
                          ArrayRef<float> polynomial) {
  ImplicitLocOpBuilder &body = loop.getBuilder();
  Scalar octaves = score - greatest;
  octaves =
      getGreater(octaves, octaves.constant(integer_attention::leastOctave));
  Scalar whole(body, math::RoundEvenOp::create(body, Value(octaves)));
  Scalar rest = octaves - whole;
  Scalar power = rest.constant(polynomial.back());
  for (float coefficient : llvm::reverse(polynomial.drop_back()))
    power = power * rest + coefficient;
  // The power of two goes to the exponent.
  Type integer = body.getI32Type();
  Value exponent = arith::FPToSIOp::create(body, integer, Value(whole));
  exponent =
      arith::ShLIOp::create(body, exponent, constant(body, exponent, 23));
  Value bits = arith::BitcastOp::create(body, integer, Value(power));
  bits = arith::AddIOp::create(body, bits, exponent);
  Value weight = arith::BitcastOp::create(body, body.getF32Type(), bits);
  weight = math::RoundEvenOp::create(body, weight);
  return Scalar(body, arith::FPToSIOp::create(body, integer, weight));
}

/// The uniform code of a probability with a scale for its row (C35), as an
/// integer.
static Scalar buildCode(LoopBody &loop, Value weight) {
  constexpr int64_t bits = integer_attention::weightBits;
  ImplicitLocOpBuilder &body = loop.getBuilder();
  Value code = arith::AddIOp::create(body, weight,
                                     constant(body, weight, 1 << (bits - 1)));
  return Scalar(
      body, arith::ShRUIOp::create(body, code, constant(body, weight, bits)));
}

/// The integer of a weight, of which `factor` makes the number of the format
/// (C40, C41).
static Scalar
buildInteger(LoopBody &loop, Value weight, Scalar factor,
             QuantizerAttrInterface format,
             const integer_attention::ProbabilityIntegers &numbers) {
  ImplicitLocOpBuilder &body = loop.getBuilder();
  Location loc = body.getLoc();
  Scalar number =
      Scalar(body, arith::SIToFPOp::create(body, body.getF32Type(), weight)) *
      factor;
  Value one = number.constant(1), code, integer;
  if (numbers.integers.empty()) {
    code = emitCodes(body, loc, format, number, one, Value());
    integer = emitIntegers(body, loc, format, code, Value(), body.getI32Type());
  } else {
    code = format.emitQuantize(body, loc, number, one, Value());
    integer = constant(body, weight, numbers.integers.front());
    QuantTable table = format.getTable();
    for (auto [known, found] :
         llvm::zip_equal(ArrayRef(table.codes).drop_front(),
                         ArrayRef(numbers.integers).drop_front())) {
      Value isCode = arith::CmpIOp::create(
          body, arith::CmpIPredicate::eq, code,
          QuantizerBuilder(body, loc).getInteger(code.getType(), known));
      integer = arith::SelectOp::create(body, isCode,
                                        constant(body, weight, found), integer);
    }
  }
  // What is not seen adds nothing, even where the format has no 0.
  Value zero = constant(body, weight, 0);
  Value isZero =
      arith::CmpIOp::create(body, arith::CmpIPredicate::eq, weight, zero);
  return Scalar(body, arith::SelectOp::create(body, isZero, zero, integer));
}

namespace {
/// Sums over the keys of an integer attention: of blocks as integers, of the
/// sums of blocks as floats (C36).
class BlockSums {
public:
  BlockSums(TensorBuilder &builder, OpFoldResult length)
      : builder(builder), length(builder.getIndex(length)) {
    Value all = arith::AddIOp::create(builder, this->length, index(block - 1));
    count = builder.createOrFold<arith::DivUIOp>(all, index(block));
  }

  /// A number for each of `sizes`: the sum over keys of what `addTerm`, with
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
          Value first = arith::MulIOp::create(
              body, loop.getIndex(rank),
              arith::ConstantIndexOp::create(body, block));
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
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(builder, value);
  }

  TensorBuilder &builder;
  Value length, count;
};

/// Loops over results.
enum : unsigned { OB, OT, OG, OR, OE };
} // namespace

FailureOr<SmallVector<Value>>
IntegerAttentionOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  QuantizerAttrInterface format = getProbabilityQuantizer();
  Type integer = builder.getI32Type(), compute = builder.getF32Type();
  Value query = buildIntegers(builder, getQuery(), getQueryScale(),
                              getQueryZero(), getQueryQuantizer());
  KeysAndValues read = buildKeysAndValues(builder, *this);
  Value key = read.key, value = read.value;
  SmallVector<OpFoldResult> sizes = getScoreSizes(builder, *this, key);
  const SmallVector<unsigned> all = {B, G, R, T, L}, row = {B, G, R, T};
  ArrayRef<OpFoldResult> rows = ArrayRef(sizes).drop_back();

  Value sums = buildIntegerProducts(builder, query, key, sizes);
  Value scores = buildIntegerScores(builder, *this, sums, read.keyScale, sizes,
                                    integer_attention::octaves);
  Value greatest = builder.fold(
      builder.fill(rows, compute, integer_attention::leastMaximum), row, 5,
      {{scores, all}}, [](LoopBody &loop, Scalar greatest) {
        return getGreater(loop[0], greatest);
      });
  std::array<float, 4> polynomial =
      integer_attention::getWeightPolynomial(format);
  Value weights = builder.map(
      sizes, integer, {{scores, all}, {greatest, row}}, [&](LoopBody &loop) {
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
  totals = builder.map(rows, compute, {{totals, row}}, [](LoopBody &loop) {
    return getGreater(loop[0], loop[0].constant(1));
  });

  bool hasRows = integer_attention::hasRowScales(format);
  integer_attention::ProbabilityIntegers numbers =
      integer_attention::getProbabilityIntegers(format);
  Value integers;
  if (hasRows && numbers.integers.empty()) {
    integers =
        builder.map(sizes, integer, {{weights, all}},
                    [](LoopBody &loop) { return buildCode(loop, loop[0]); });
  } else {
    SmallVector<LoopInput> parameters = {{totals, row}};
    if (!hasRows)
      parameters.push_back({getProbabilityScale(), {}});
    Value factors = builder.map(rows, compute, parameters, [&](LoopBody &loop) {
      if (hasRows)
        return loop[0].constant(format.getNumberRange().second /
                                integer_attention::numberUnit);
      return loop[0].constant(1) / (loop[0] * loop[1]);
    });
    integers = builder.map(
        sizes, integer, {{weights, all}, {factors, row}}, [&](LoopBody &loop) {
          return buildInteger(loop, loop[0], loop[1], format, numbers);
        });
  }

  SmallVector<OpFoldResult> outSizes = {sizes[B], sizes[T], sizes[G], sizes[R],
                                        builder.getSize(value, 3)};
  const SmallVector<unsigned> out = {OB, OT, OG, OR, OE};
  // The sums of products with one byte after the other, the highest first.
  Value products;
  for (int64_t byte = numbers.bytes - 1; byte >= 0; --byte) {
    Value part =
        blocks.sum(outSizes, [&](LoopBody &loop, Scalar sum, Value index) {
          ImplicitLocOpBuilder &body = loop.getBuilder();
          Value digit = tensor::ExtractOp::create(
              body, integers,
              ValueRange{loop.getIndex(OB), loop.getIndex(OG),
                         loop.getIndex(OR), loop.getIndex(OT), index});
          if (numbers.bytes > 1) {
            digit = arith::ShRUIOp::create(body, digit,
                                           constant(body, digit, 8 * byte));
            digit =
                arith::AndIOp::create(body, digit, constant(body, digit, 255));
          }
          Value number = tensor::ExtractOp::create(
              body, value,
              ValueRange{loop.getIndex(OB), index, loop.getIndex(OG),
                         loop.getIndex(OE)});
          return addProduct(loop, sum, digit, number);
        });
    products =
        !products ? part
                  : builder.map(
                        outSizes, compute, {{products, out}, {part, out}},
                        [](LoopBody &loop) { return loop[0] * 256 + loop[1]; });
  }

  LoopInput valueScales =
      getScaleInput(builder, read.valueScale, getValueQuantizer(),
                    {{OB}, {}, {OG}, {OE}}, sizes[G], sizes[R]);
  // What rows with a scale have integers in is a part of the greatest weight.
  double rowUnit = numbers.integers.empty()
                       ? double(int64_t(1) << integer_attention::weightBits)
                       : std::ldexp(double(integer_attention::numberUnit),
                                    1 - 8 * static_cast<int>(numbers.bytes));
  LoopInput units = hasRows ? LoopInput{totals, {OB, OG, OR, OT}}
                            : LoopInput{getProbabilityScale(), {}};
  RankedTensorType type = getResult().getType();
  Value result =
      builder.map(outSizes, type.getElementType(),
                  {{products, out}, units, valueScales}, [&](LoopBody &loop) {
                    Scalar unit = loop[1].constant(
                        hasRows ? rowUnit : double(numbers.unit));
                    Scalar factor = hasRows ? unit / loop[1] : unit * loop[1];
                    return loop[0] * (factor * loop[2]);
                  });
  result = builder.collapse(result, {{0}, {1}, {2, 3}, {4}});
  return SmallVector<Value>{builder.cast(result, type)};
}
