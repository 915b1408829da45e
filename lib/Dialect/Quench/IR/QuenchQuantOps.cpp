//===- QuenchQuantOps.cpp - Quantized values
//-----------------------------===////
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/Quench.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// FakeQuantOp
//===----------------------------------------------------------------------===//

static SmallVector<QuantAxis> getQuantAxes(QuantizerAttrInterface quantizer,
                                           int64_t rank) {
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(rank, axes);
  return axes;
}

LogicalResult FakeQuantOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), scale = op.getScale(), zero = op.getZero();
  QuantizerAttrInterface quantizer = op.getQuantizer();
  if (quantizer.hasZeroPoint() != static_cast<bool>(zero))
    return shapes.fail("expected ", zero ? "no zero point" : "a zero point",
                       " for ", quantizer);

  int64_t rank = shapes.getRank(input), previous = -1;
  SmallVector<ShapeInference::Dim> dims;
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
    ShapeInference::Dim dim = shapes.getDim(input, axis.dim);
    int64_t size = ShapeInference::getSize(dim);
    if (ShapedType::isStatic(size) && size % axis.block != 0)
      return shapes.fail("expected dimension ", axis.dim,
                         " to be a multiple of ", axis.block, " for ",
                         quantizer, ", found ", input.getType());
    dims.push_back(dim.floorDiv(axis.block));
  }
  Type computed = getComputeType(shapes.getElementType(input));
  if (failed(shapes.checkShape(scale, "scale", dims)) ||
      failed(shapes.checkElementType(scale, "scale", computed)) ||
      failed(shapes.checkShape(zero, "zero", dims)) ||
      failed(shapes.checkElementType(zero, "zero", quantizer.getStorageType())))
    return failure();
  shapes.addResultLike(input);
  return success();
}

FailureOr<SmallVector<Value>> FakeQuantOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  RankedTensorType type = getInput().getType();
  QuantizerAttrInterface quantizer = getQuantizer();
  SmallVector<QuantAxis> axes = getQuantAxes(quantizer, type.getRank());

  // Split what has blocks, so that every dimension of the parameters is one.
  SmallVector<ReassociationIndices> split;
  SmallVector<OpFoldResult> sizes;
  SmallVector<unsigned> parameterLoops;
  const QuantAxis *axis = axes.begin();
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t loop = sizes.size();
    split.push_back({loop});
    OpFoldResult size = builder.getSize(getInput(), dim);
    if (axis != axes.end() && axis->dim == dim) {
      if (axis->block != 1) {
        split.back().push_back(loop + 1);
        size = type.isDynamicDim(dim)
                   ? builder.getSize(getScale(), parameterLoops.size())
                   : builder.getIndexAttr(type.getDimSize(dim) / axis->block);
      }
      parameterLoops.push_back(loop);
    }
    sizes.push_back(size);
    if (split.back().size() == 2)
      sizes.push_back(builder.getIndexAttr(axis->block));
    axis += axis != axes.end() && axis->dim == dim;
  }
  bool isSplit = sizes.size() != split.size();
  Value input = getInput();
  if (isSplit)
    input = builder.expand(input, split, sizes);

  SmallVector<LoopInput> inputs = {{input, TensorBuilder::range(sizes.size())},
                                   {getScale(), parameterLoops}};
  if (getZero())
    inputs.push_back({getZero(), parameterLoops});
  Value result =
      builder.map(sizes, type.getElementType(), inputs, [&](LoopBody &loop) {
        return Scalar(loop.getBuilder(),
                      quantizer.emitFakeQuantize(
                          loop.getBuilder(), getLoc(), loop[0], loop[1],
                          getZero() ? Value(loop[2]) : Value()));
      });
  if (isSplit)
    result = builder.collapse(result, split);
  return SmallVector<Value>{builder.cast(result, type)};
}

OpCost FakeQuantOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  int64_t count = 1;
  for (int64_t dim = 0; dim < getInput().getType().getRank(); ++dim)
    count *= getSize(getInput(), dim);
  return {/*macs=*/0, /*elementwise=*/count};
}
