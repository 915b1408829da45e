//===- QuenchObserveOps.cpp - What is observed of values ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantParameters.h"
#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"

#include "Quench/Support/Distribution.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/InterleavedRange.h"

using namespace mlir;
using namespace quench;

using SizeFn = llvm::function_ref<int64_t(Value value, int64_t dim)>;

//===----------------------------------------------------------------------===//
// SecondMomentsOp
//===----------------------------------------------------------------------===//

OpCost SecondMomentsOp::getCost(SizeFn getSize) {
  return {countElements(getInput(), getSize) * getSize(getResult(), 1),
          /*elementwise=*/0};
}

LogicalResult SecondMomentsOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  if (failed(shapes.checkMinimalRank(input, "input", 1)))
    return failure();
  int64_t channels = ShapeInference::getSize(shapes.getDim(input, -1));
  int64_t blocks = op.getBlocks();
  if (ShapedType::isDynamic(channels))
    return shapes.fail("expected a known number of channels");
  if (blocks < 1 || channels % blocks != 0)
    return shapes.fail("expected blocks to divide ", channels,
                       " channels, found ", blocks);
  if (failed(shapes.checkShape(op.getOther(), "other", shapes.getDims(input))))
    return failure();
  if (Value weights = op.getWeights()) {
    int64_t rank = shapes.getRank(weights), most = shapes.getRank(input) - 1;
    if (rank > most)
      return shapes.fail("expected weights of at most ", most,
                         " dimensions, found ", rank);
    if (failed(shapes.checkShape(
            weights, "weights",
            ArrayRef(shapes.getDims(input)).take_front(rank))))
      return failure();
  }
  auto size = shapes.getConstant(channels / blocks);
  shapes.addResult({shapes.getConstant(blocks), size, size},
                   Float64Type::get(shapes.getContext()));
  return success();
}

FailureOr<SmallVector<Value>>
SecondMomentsOp::decomposeOperation(OpBuilder &b) {
  ImplicitLocOpBuilder builder(getLoc(), b);
  RankedTensorType type = getInput().getType();
  int64_t tokens = type.getRank() - 1, rank = tokens + 3;
  ArrayRef<int64_t> sizes = getResult().getType().getShape();

  // Indices are those of a token, the part, and two channels of it.
  SmallVector<int64_t> shape(type.getShape().drop_back());
  shape.append({sizes[0], sizes[1]});
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < tokens; ++i)
    groups.push_back({i});
  groups.push_back({tokens, tokens + 1});
  SmallVector<OpFoldResult> mixed =
      tensor::getMixedSizes(builder, getLoc(), getInput());
  mixed.back() = builder.getIndexAttr(sizes[0]);
  mixed.push_back(builder.getIndexAttr(sizes[1]));
  auto split = [&](TypedValue<RankedTensorType> value) -> Value {
    return tensor::ExpandShapeOp::create(
        builder, RankedTensorType::get(shape, value.getType().getElementType()),
        value, groups, mixed);
  };
  Value parts = split(getInput());

  auto getMap = [&](ArrayRef<int64_t> dims) {
    return AffineMap::get(
        rank, 0,
        llvm::map_to_vector(
            dims, [&](int64_t dim) { return builder.getAffineDimExpr(dim); }),
        getContext());
  };
  auto left = llvm::to_vector(llvm::seq<int64_t>(0, tokens + 2)), right = left;
  right.back() = tokens + 2;
  SmallVector<AffineMap> maps = {getMap(left), getMap(right)};
  SmallVector<Value> inputs = {parts, getOther() ? split(getOther()) : parts};
  if (Value weights = getWeights()) {
    int64_t weightRank = getWeights().getType().getRank();
    maps.push_back(getMap(ArrayRef(left).take_front(weightRank)));
    inputs.push_back(weights);
  }
  maps.push_back(getMap({tokens, tokens + 1, tokens + 2}));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  std::fill_n(iterators.begin(), tokens, utils::IteratorType::reduction);

  Value zero = arith::ConstantOp::create(builder, builder.getF64FloatAttr(0));
  Value sums = tensor::EmptyOp::create(builder, sizes, builder.getF64Type());
  sums = linalg::FillOp::create(builder, zero, sums).getResult(0);
  auto op = linalg::GenericOp::create(
      builder, sums.getType(), inputs, sums, maps, iterators,
      [&](OpBuilder &inner, Location loc, ValueRange elements) {
        Value product;
        for (Value element : elements.drop_back()) {
          if (!element.getType().isF64())
            element =
                arith::ExtFOp::create(inner, loc, inner.getF64Type(), element);
          product = product
                        ? arith::MulFOp::create(inner, loc, product, element)
                              .getResult()
                        : element;
        }
        Value sum = arith::AddFOp::create(inner, loc, product, elements.back());
        linalg::YieldOp::create(inner, loc, sum);
      });
  return SmallVector<Value>{op.getResult(0)};
}

//===----------------------------------------------------------------------===//
// DistributionOp
//===----------------------------------------------------------------------===//

LogicalResult DistributionOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(shapes.checkMinimalRank(op.getInput(), "input", 1)))
    return failure();
  Type count = IntegerType::get(shapes.getContext(), 64);
  for (int64_t size : {sketch::size, histogram::size, int64_t(1)})
    shapes.addResult({shapes.getConstant(size)}, count);
  return success();
}

namespace {
/// Builds arithmetic on bits of a float type.
class BitBuilder : public ImplicitLocOpBuilder {
public:
  BitBuilder(OpBuilder &builder, Location loc, FloatType type)
      : ImplicitLocOpBuilder(loc, builder), type(type),
        bits(getIntegerType(type.getWidth())),
        mantissa(type.getFPMantissaWidth() - 1),
        bias((1 << (type.getWidth() - mantissa - 2)) - 1) {}

  Value getInteger(int64_t number) {
    return arith::ConstantOp::create(*this, getIntegerAttr(bits, number));
  }
  /// The bits of the magnitude of `x`, which grow with it.
  Value getMagnitude(Value x) {
    Value all = arith::BitcastOp::create(*this, bits, x);
    Value mask =
        getInteger(APInt::getSignedMaxValue(bits.getWidth()).getSExtValue());
    return arith::AndIOp::create(*this, all, mask);
  }
  /// `x` from `low` to `high`.
  Value clamp(Value x, int64_t low, int64_t high) {
    x = arith::MaxSIOp::create(*this, x, getInteger(low));
    return arith::MinSIOp::create(*this, x, getInteger(high));
  }
  Value getIndexOf(Value x) {
    return arith::IndexCastOp::create(*this, getIndexType(), x);
  }

  FloatType type;
  IntegerType bits;
  int64_t mantissa, bias;
};
} // namespace

/// `counts` with one more at `index`.
static Value increment(BitBuilder &builder, Value counts, Value index) {
  Value count = tensor::ExtractOp::create(builder, counts, index);
  Value one = arith::ConstantOp::create(builder, builder.getI64IntegerAttr(1));
  count = arith::AddIOp::create(builder, count, one);
  return tensor::InsertOp::create(builder, count, counts, index);
}

/// The bin of a sketch that counts `x`, of magnitude `magnitude`.
static Value getSketchBin(BitBuilder &builder, Value x, Value magnitude) {
  Value place = arith::ShRUIOp::create(
      builder, magnitude,
      builder.getInteger(builder.mantissa - sketch::mantissaBits));
  int64_t first = (builder.bias + sketch::lowestExponent)
                  << sketch::mantissaBits;
  place = builder.clamp(
      arith::SubIOp::create(builder, place, builder.getInteger(first - 1)), 0,
      sketch::center);
  Value center = builder.getInteger(sketch::center);
  Value bits = arith::BitcastOp::create(builder, builder.bits, x);
  Value isNegative = arith::CmpIOp::create(builder, arith::CmpIPredicate::slt,
                                           bits, builder.getInteger(0));
  return builder.getIndexOf(arith::SelectOp::create(
      builder, isNegative, arith::SubIOp::create(builder, center, place),
      arith::AddIOp::create(builder, center, place)));
}

/// The bin of a histogram that counts `x`, where 1 is `scale` bins.
static Value getHistogramBin(BitBuilder &builder, Value x, Value scale) {
  constexpr int64_t half = histogram::size / 2;
  auto getNumber = [&](double number) {
    return arith::ConstantOp::create(
        builder, builder.getFloatAttr(builder.type, number));
  };
  Value place = arith::MulFOp::create(builder, x, scale);
  place = math::FloorOp::create(builder, place);
  // What is no number goes somewhere.
  place = arith::MaxNumFOp::create(builder, place, getNumber(-half));
  place = arith::MinNumFOp::create(builder, place, getNumber(half - 1));
  place = arith::FPToSIOp::create(builder, builder.bits, place);
  return builder.getIndexOf(
      arith::AddIOp::create(builder, place, builder.getInteger(half)));
}

FailureOr<SmallVector<Value>> DistributionOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder tensors(b, getLoc());
  FloatType type = getComputeType(getInput().getType().getElementType());
  int64_t rank = getInput().getType().getRank();
  ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  Value flat =
      rank == 1 ? Value(getInput()) : tensors.collapse(getInput(), all);
  Value zero = arith::ConstantIndexOp::create(tensors, 0);
  Value one = arith::ConstantIndexOp::create(tensors, 1);
  Value size = tensors.getIndex(tensors.getSize(flat, 0));
  auto fill = [&](int64_t size) {
    Value none = arith::ConstantOp::create(tensors, b.getI64IntegerAttr(0));
    Value counts = tensor::EmptyOp::create(tensors, ArrayRef<int64_t>{size},
                                           b.getI64Type());
    return linalg::FillOp::create(tensors, none, counts).getResult(0);
  };
  auto read = [&](BitBuilder &builder, Value index) -> Value {
    Value x = tensor::ExtractOp::create(builder, flat, index);
    return x.getType() == type ? x : arith::ExtFOp::create(builder, type, x);
  };

  BitBuilder outer(b, getLoc(), type);
  auto sketches = scf::ForOp::create(
      b, getLoc(), zero, size, one,
      ValueRange{fill(sketch::size), outer.getInteger(0)},
      [&](OpBuilder &nested, Location loc, Value index, ValueRange carried) {
        BitBuilder builder(nested, loc, type);
        Value x = read(builder, index), magnitude = builder.getMagnitude(x);
        Value counts =
            increment(builder, carried[0], getSketchBin(builder, x, magnitude));
        Value greatest = arith::MaxUIOp::create(builder, carried[1], magnitude);
        scf::YieldOp::create(builder, ValueRange{counts, greatest});
      });

  // The exponent of the end, and 2^-exponent times half of the bins.
  Value exponent = arith::ShRUIOp::create(outer, sketches.getResult(1),
                                          outer.getInteger(outer.mantissa));
  exponent = outer.clamp(
      arith::SubIOp::create(outer, exponent, outer.getInteger(outer.bias - 1)),
      histogram::lowestExponent, outer.bias + 1);
  int64_t bins = llvm::Log2_64(histogram::size / 2);
  Value scale = arith::SubIOp::create(
      outer, outer.getInteger(outer.bias + bins), exponent);
  scale = arith::ShLIOp::create(outer, scale, outer.getInteger(outer.mantissa));
  scale = arith::BitcastOp::create(outer, type, scale);
  auto histograms = scf::ForOp::create(
      b, getLoc(), zero, size, one, ValueRange{fill(histogram::size)},
      [&](OpBuilder &nested, Location loc, Value index, ValueRange carried) {
        BitBuilder builder(nested, loc, type);
        Value bin = getHistogramBin(builder, read(builder, index), scale);
        Value counts = increment(builder, carried[0], bin);
        scf::YieldOp::create(builder, counts);
      });
  if (outer.bits.getWidth() < 64)
    exponent = arith::ExtSIOp::create(outer, b.getI64Type(), exponent);
  Value limit = tensor::FromElementsOp::create(outer, exponent);
  return SmallVector<Value>{sketches.getResult(0), histograms.getResult(0),
                            limit};
}

OpCost DistributionOp::getCost(SizeFn getSize) {
  return {/*macs=*/0, countElements(getInput(), getSize)};
}

//===----------------------------------------------------------------------===//
// SampleOp
//===----------------------------------------------------------------------===//

LogicalResult SampleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  ArrayRef<int64_t> shape = op.getShape();
  int64_t count = static_cast<int64_t>(op.getCount());
  if (failed(shapes.checkMinimalRank(op.getInput(), "input", shape.size() + 1)))
    return failure();
  if (count < 1 || llvm::any_of(shape, [](int64_t size) { return size < 1; }))
    return shapes.fail("expected 1 part or more, of positive sizes, found ",
                       count, " of [", llvm::interleaved(shape), "]");
  SmallVector<ShapeInference::Dim> dims = {shapes.getConstant(count)};
  for (int64_t size : shape)
    dims.push_back(shapes.getConstant(size));
  shapes.addResult(dims, Float64Type::get(shapes.getContext()));
  return success();
}

FailureOr<SmallVector<Value>> SampleOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder tensors(b, getLoc());
  ArrayRef<int64_t> shape = getShape();
  int64_t leading = getInput().getType().getRank() - shape.size();
  Value parts = getInput();
  if (leading > 1) {
    SmallVector<ReassociationIndices> groups = {
        llvm::to_vector(llvm::seq<int64_t>(0, leading))};
    for (int64_t dim : llvm::seq<int64_t>(leading, leading + shape.size()))
      groups.push_back({dim});
    parts = tensor::CollapseShapeOp::create(tensors, parts, groups);
  }
  Value number = tensors.getIndex(tensors.getSize(parts, 0));

  // What is read is there: one part at least, as large as those of the result.
  auto type = cast<RankedTensorType>(parts.getType());
  SmallVector<int64_t> least = {1};
  llvm::append_range(least, shape);
  Value zero = arith::ConstantIndexOp::create(tensors, 0);
  SmallVector<int64_t> padded(type.getShape());
  SmallVector<OpFoldResult> low(least.size(), b.getIndexAttr(0)), high = low;
  for (auto [dim, size] : llvm::enumerate(least)) {
    if (!type.isDynamicDim(dim)) {
      padded[dim] = std::max(padded[dim], size);
      high[dim] = b.getIndexAttr(padded[dim] - type.getDimSize(dim));
      continue;
    }
    Value missing = arith::SubIOp::create(
        tensors, arith::ConstantIndexOp::create(tensors, size),
        tensors.getIndex(tensors.getSize(parts, dim)));
    high[dim] = Value(arith::MaxSIOp::create(tensors, missing, zero));
  }
  if (!llvm::all_of(
          high, [](OpFoldResult size) { return isConstantIntValue(size, 0); }))
    parts = tensor::PadOp::create(
        tensors, type.clone(padded), parts, low, high,
        Value(arith::ConstantOp::create(
            tensors, b.getFloatAttr(type.getElementType(), 0))));

  Value count = arith::ConstantIndexOp::create(tensors, getCount());
  Value result = tensors.map(
      getAsIndexOpFoldResult(b.getContext(), getResult().getType().getShape()),
      b.getF64Type(), {}, [&](LoopBody &body) {
        ImplicitLocOpBuilder &builder = body.getBuilder();
        SmallVector<Value> indices;
        for (unsigned loop = 0; loop < least.size(); ++loop)
          indices.push_back(body.getIndex(loop));
        indices[0] = arith::DivUIOp::create(
            builder, arith::MulIOp::create(builder, indices[0], number), count);
        Value element = tensor::ExtractOp::create(builder, parts, indices);
        if (element.getType() != b.getF64Type())
          element = arith::ExtFOp::create(builder, b.getF64Type(), element);
        return Scalar(builder, element);
      });
  return SmallVector<Value>{result};
}

OpCost SampleOp::getCost(SizeFn) {
  return {/*macs=*/0, getResult().getType().getNumElements()};
}

//===----------------------------------------------------------------------===//
// AttentionProbabilitiesOp
//===----------------------------------------------------------------------===//

OpCost AttentionProbabilitiesOp::getCost(SizeFn getSize) {
  int64_t scores = getSize(getQuery(), 0) * getSize(getQuery(), 1) *
                   getSize(getQuery(), 2) * getSize(getKey(), 1);
  return {scores * getSize(getQuery(), 3), scores};
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.cpp.inc"
