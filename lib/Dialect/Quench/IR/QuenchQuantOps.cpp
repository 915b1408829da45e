//===- QuenchQuantOps.cpp - Quantized values ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantParameters.h"
#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

SmallVector<QuantAxis> quench::getQuantAxes(QuantizerAttrInterface quantizer,
                                            int64_t rank) {
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(rank, axes);
  return axes;
}

LogicalResult quench::inferParameterDims(ShapeInference &shapes,
                                         QuantizerAttrInterface quantizer,
                                         Value input,
                                         SmallVectorImpl<Dim> &dims) {
  int64_t rank = shapes.getRank(input), previous = -1;
  for (QuantAxis axis : getQuantAxes(quantizer, rank)) {
    if (axis.dim < 0 || axis.dim >= rank)
      return shapes.fail("expected an input with dimension ",
                         std::max<int64_t>(axis.dim, 0), " for ", quantizer,
                         ", found ", input.getType());
    if (axis.dim <= previous)
      return shapes.fail("expected groups along another dimension than ",
                         previous, ", found ", quantizer, " on ",
                         input.getType());
    previous = axis.dim;
    Dim dim = shapes.getDim(input, axis.dim);
    int64_t size = ShapeInference::getSize(dim);
    if (ShapedType::isStatic(size) && size % axis.block != 0)
      return shapes.fail("expected dimension ", axis.dim,
                         " to be a multiple of ", axis.block, " for ",
                         quantizer, ", found ", input.getType());
    dims.push_back(dim.floorDiv(axis.block));
  }
  return success();
}

LogicalResult quench::checkParameters(ShapeInference &shapes,
                                      QuantizerAttrInterface quantizer,
                                      Value input, Value scale, Type scaleType,
                                      Value zero, Type zeroType) {
  if (quantizer.hasLearnedTable())
    return shapes.fail("expected a format whose numbers are known, found ",
                       quantizer);
  return checkCodeParameters(shapes, quantizer, input, scale, scaleType, zero,
                             zeroType, /*table=*/Value());
}

LogicalResult quench::checkCodeParameters(ShapeInference &shapes,
                                          QuantizerAttrInterface quantizer,
                                          Value input, Value scale,
                                          Type scaleType, Value zero,
                                          Type zeroType, Value table) {
  if (quantizer.hasLearnedTable() != static_cast<bool>(table))
    return shapes.fail("expected ", table ? "no table" : "a table", " for ",
                       quantizer);
  if (table) {
    unsigned bits = quantizer.getStorageType().getWidth();
    if (failed(shapes.checkShape(table, "table",
                                 {shapes.getConstant(int64_t(1) << bits)})) ||
        failed(shapes.checkStatic(table, "table", 0)) ||
        failed(shapes.checkElementType(table, "table",
                                       Float32Type::get(shapes.getContext()))))
      return failure();
  }
  SmallVector<Dim> dims;
  return failure(failed(checkZeros(shapes, quantizer, input, zero, zeroType)) ||
                 failed(inferParameterDims(shapes, quantizer, input, dims)) ||
                 failed(shapes.checkShape(scale, "scale", dims)) ||
                 failed(shapes.checkElementType(scale, "scale", scaleType)));
}

LogicalResult quench::checkZeros(ShapeInference &shapes,
                                 QuantizerAttrInterface quantizer, Value input,
                                 Value zero, Type type) {
  if (quantizer.hasZeroPoint() != static_cast<bool>(zero))
    return shapes.fail("expected ", zero ? "no zero point" : "a zero point",
                       " for ", quantizer);
  SmallVector<Dim> dims;
  return failure(failed(inferParameterDims(shapes, quantizer, input, dims)) ||
                 failed(shapes.checkShape(zero, "zero", dims)) ||
                 failed(shapes.checkElementType(zero, "zero", type)));
}

LogicalResult quench::checkHasScalesAlone(ShapeInference &shapes,
                                          QuantizerAttrInterface quantizer) {
  if (quantizer.hasZeroPoint())
    return shapes.fail("expected a format without zero points, found ",
                       quantizer);
  return success();
}

std::optional<double>
quench::getOuterDivisor(QuantizerAttrInterface quantizer) {
  if (quantizer.getScaling().form != numerics::ScaleForm::E4M3)
    return std::nullopt;
  return numerics::decode<double>(numerics::e4m3.highest(), numerics::e4m3) *
         quantizer.getNumberRange().second;
}

namespace {
/// A tensor with one dimension for each dimension of its parameters: one that
/// has blocks is split.
struct SplitTensor {
  Value value;
  SmallVector<OpFoldResult> sizes;
  SmallVector<ReassociationIndices> groups;
  /// The dimensions that the parameters have.
  SmallVector<unsigned> parameterLoops;

  bool isSplit() const { return sizes.size() != groups.size(); }
};
} // namespace

/// Splits `input`, the parameters of which have the sizes `parameterSizes`.
static SplitTensor splitBlocks(TensorBuilder &builder, Value input,
                               QuantizerAttrInterface quantizer,
                               ArrayRef<OpFoldResult> parameterSizes) {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<QuantAxis> axes = getQuantAxes(quantizer, type.getRank());
  SplitTensor split;
  const QuantAxis *axis = axes.begin();
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t loop = split.sizes.size();
    split.groups.push_back({loop});
    OpFoldResult size = builder.getSize(input, dim);
    if (axis == axes.end() || axis->dim != dim) {
      split.sizes.push_back(size);
      continue;
    }
    if (axis->block != 1) {
      split.groups.back().push_back(loop + 1);
      size = type.isDynamicDim(dim)
                 ? parameterSizes[split.parameterLoops.size()]
                 : builder.getIndexAttr(type.getDimSize(dim) / axis->block);
    }
    split.sizes.push_back(size);
    split.parameterLoops.push_back(loop);
    if (axis->block != 1)
      split.sizes.push_back(builder.getIndexAttr(axis->block));
    ++axis;
  }
  split.value = split.isSplit()
                    ? builder.expand(input, split.groups, split.sizes)
                    : input;
  return split;
}

Value quench::mapByParameters(
    TensorBuilder &builder, Value input, Value scale, Value zero,
    QuantizerAttrInterface quantizer, Type type,
    llvm::function_ref<Value(OpBuilder &, Value, Value, Value)> body) {
  SplitTensor split =
      splitBlocks(builder, input, quantizer, builder.getSizes(scale));
  SmallVector<LoopInput> inputs = {
      {split.value, TensorBuilder::range(split.sizes.size())},
      {scale, split.parameterLoops}};
  if (zero)
    inputs.push_back({zero, split.parameterLoops});
  Value result = builder.map(split.sizes, type, inputs, [&](LoopBody &loop) {
    return Scalar(loop.getBuilder(), body(loop.getBuilder(), loop[0], loop[1],
                                          zero ? Value(loop[2]) : Value()));
  });
  return split.isSplit() ? builder.collapse(result, split.groups) : result;
}

Value quench::foldByParameters(TensorBuilder &builder, Value input,
                               QuantizerAttrInterface quantizer,
                               ArrayRef<OpFoldResult> sizes, Type type,
                               double init, TensorBuilder::FoldBody body) {
  SplitTensor split = splitBlocks(builder, input, quantizer, sizes);
  unsigned numLoops = split.sizes.size();
  return builder.fold(builder.fill(sizes, type, init), split.parameterLoops,
                      numLoops, {{split.value, TensorBuilder::range(numLoops)}},
                      body);
}

int64_t quench::countElements(
    Value value,
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  int64_t count = 1, rank = cast<RankedTensorType>(value.getType()).getRank();
  for (int64_t dim = 0; dim < rank; ++dim)
    count *= getSize(value, dim);
  return count;
}

//===----------------------------------------------------------------------===//
// FakeQuantOp
//===----------------------------------------------------------------------===//

LogicalResult FakeQuantOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  QuantizerAttrInterface quantizer = op.getQuantizer();
  // Zero points may have bytes.
  Type code = quantizer.getStorageType();
  if (op.getZero() && shapes.getElementType(op.getZero()).isInteger(8))
    code = shapes.getElementType(op.getZero());
  if (failed(checkParameters(shapes, quantizer, input, op.getScale(),
                             getComputeType(shapes.getElementType(input)),
                             op.getZero(), code)))
    return failure();
  shapes.addResultLike(input);
  return success();
}

FailureOr<SmallVector<Value>> FakeQuantOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  RankedTensorType type = getInput().getType();
  Value result = mapByParameters(
      builder, getInput(), getScale(), getZero(), getQuantizer(),
      type.getElementType(),
      [&](OpBuilder &body, Value number, Value scale, Value zero) {
        Type code = getQuantizer().getStorageType();
        if (zero && zero.getType() != code)
          zero = arith::TruncIOp::create(body, getLoc(), code, zero);
        return getQuantizer().emitFakeQuantize(body, getLoc(), number, scale,
                                               zero);
      });
  return SmallVector<Value>{builder.cast(result, type)};
}

OpCost FakeQuantOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  return {/*macs=*/0, countElements(getInput(), getSize)};
}

//===----------------------------------------------------------------------===//
// DynamicScaleOp
//===----------------------------------------------------------------------===//

LogicalResult DynamicScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  SmallVector<Dim> dims;
  if (failed(checkHasScalesAlone(shapes, op.getQuantizer())) ||
      failed(inferParameterDims(shapes, op.getQuantizer(), input, dims)))
    return failure();
  shapes.addResult(dims, getComputeType(shapes.getElementType(input)));
  return success();
}

FailureOr<SmallVector<Value>> DynamicScaleOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  QuantizerAttrInterface quantizer = getQuantizer();
  RankedTensorType type = getResult().getType();
  SmallVector<OpFoldResult> sizes = builder.getResultSizes(*this);
  auto getLargest = [](LoopBody &loop, Scalar largest) {
    return max(largest, abs(loop[0]));
  };
  Type element = type.getElementType();
  Value absmax = foldByParameters(builder, getInput(), quantizer, sizes,
                                  element, /*init=*/0, getLargest);
  unsigned rank = type.getRank();
  SmallVector<LoopInput> inputs = {{absmax, TensorBuilder::range(rank)}};
  std::optional<double> divisor = getOuterDivisor(quantizer);
  if (divisor)
    inputs.push_back({builder.fold(builder.fill({}, element, 0), {}, rank,
                                   inputs, getLargest),
                      {}});
  Value result = builder.map(sizes, element, inputs, [&](LoopBody &loop) {
    QuantizerBuilder body(loop.getBuilder(), getLoc());
    QuantRange range = quantizer::getRange(body, body.getLoc(), Value(loop[0]));
    if (divisor)
      range.outer = body.finishScale(loop[1] / loop[1].constant(*divisor),
                                     numerics::ScaleForm::Any,
                                     /*upwards=*/true, Value());
    return Scalar(loop.getBuilder(),
                  quantizer.emitParameters(body, body.getLoc(), range).scale);
  });
  return SmallVector<Value>{builder.cast(result, type)};
}

OpCost DynamicScaleOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  return {/*macs=*/0, countElements(getInput(), getSize)};
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.cpp.inc"
