//===- QuenchVisionOps.cpp - Feature maps and their tokens ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchVisionOps.h"

#include "ConvolutionShapes.h"
#include "WeightValues.h"

#include <cmath>

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

LogicalResult Im2ColOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  ArrayRef<int64_t> kernel = op.getKernel();
  if (failed(checkWindowSteps(shapes, op.getStrides(), op.getPadding())))
    return failure();
  if (kernel.size() != 2 ||
      llvm::any_of(kernel, [](int64_t size) { return size < 1; }))
    return shapes.fail("expected a kernel of two positive sizes");
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim(), Dim()})))
    return failure();
  SmallVector<Dim> dims = {shapes.getDim(input, 0)};
  if (failed(inferWindows(shapes, input, /*first=*/1, kernel, op.getStrides(),
                          op.getPadding(), dims)))
    return failure();
  dims.push_back(shapes.getDim(input, 3) * (kernel[0] * kernel[1]));
  shapes.addResult(dims, shapes.getElementType(input));
  return success();
}

LogicalResult DepthwiseConv2DOp::inferShapes(Adaptor op,
                                             ShapeInference &shapes) {
  Value input = op.getInput(), weight = op.getWeight(), bias = op.getBias();
  Type type = shapes.getElementType(input);
  if (failed(checkWindowSteps(shapes, op.getStrides(), op.getPadding())) ||
      failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim(), Dim()})))
    return failure();
  if (failed(shapes.checkShape(weight, "weight",
                               {shapes.getDim(input, 3), Dim(), Dim()})))
    return failure();
  for (int64_t index = 0; index < 3; ++index)
    if (failed(shapes.checkStatic(weight, "weight", index)))
      return failure();
  Dim channels = shapes.getDim(weight, 0);
  if (failed(shapes.checkShape(bias, "bias", {channels})) ||
      failed(shapes.checkElementType(weight, "weight", type)) ||
      failed(shapes.checkElementType(bias, "bias", type)))
    return failure();
  int64_t kernel[] = {ShapeInference::getSize(shapes.getDim(weight, 1)),
                      ShapeInference::getSize(shapes.getDim(weight, 2))};
  if (kernel[0] < 1 || kernel[1] < 1)
    return shapes.fail("expected a weight of at least 1 x 1 taps, found ",
                       kernel[0], " x ", kernel[1]);
  SmallVector<Dim> dims = {shapes.getDim(input, 0)};
  if (failed(inferWindows(shapes, input, /*first=*/1, kernel, op.getStrides(),
                          op.getPadding(), dims)))
    return failure();
  dims.push_back(channels);
  shapes.addResult(dims, type);
  return success();
}

LogicalResult BatchNormGainOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value gamma = op.getGamma(), variance = op.getVariance();
  if (op.getEps().isNegative() || !op.getEps().isFinite())
    return shapes.fail("expected eps to be finite and not negative, found ",
                       op.getEpsAttr());
  if (failed(shapes.checkShape(gamma, "gamma", {Dim()})) ||
      failed(shapes.checkStatic(gamma, "gamma", 0)) ||
      failed(
          shapes.checkShape(variance, "variance", {shapes.getDim(gamma, 0)})) ||
      failed(shapes.checkStatic(variance, "variance", 0)) ||
      failed(shapes.checkElementType(variance, "variance",
                                     shapes.getElementType(gamma))))
    return failure();
  shapes.addResultLike(gamma);
  return success();
}

std::optional<RowRange> BatchNormGainOp::getOperandRows(unsigned operand,
                                                        RowRange rows) {
  return rows;
}

std::optional<int64_t> BatchNormGainOp::getOperandAxis(unsigned operand,
                                                       int64_t axis) {
  return axis;
}

LogicalResult BatchNormGainOp::evaluateRows(ArrayRef<ArrayRef<char>> operands,
                                            RowRange rows,
                                            MutableArrayRef<char> result) {
  Numbers gamma(getGamma(), operands[0]), variance(getVariance(), operands[1]);
  double eps = getEps().convertToDouble();
  std::vector<double> gains;
  for (auto [index, pair] :
       llvm::enumerate(llvm::zip_equal(gamma.get(), variance.get()))) {
    auto [gain, number] = pair;
    if (!(number >= 0 && number + eps > 0 && std::isfinite(number)))
      return emitOpError("variance of channel ")
             << rows.begin + static_cast<int64_t>(index) << " is " << number
             << ", expected a number of at least 0";
    gains.push_back(gain / std::sqrt(number + eps));
  }
  encodeFloats(getFloatDType(getResult()), gains, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

static LogicalResult checkPatch(ShapeInference &shapes, int64_t height,
                                int64_t width) {
  if (height < 1 || width < 1)
    return shapes.fail("expected patches of at least 1 x 1 pixels, found ",
                       height, " x ", width);
  return success();
}

/// Fails unless patches of `size` cover `extent`, where it is known.
static LogicalResult checkCovered(ShapeInference &shapes, int64_t extent,
                                  int64_t size, StringRef name) {
  if (!ShapedType::isDynamic(extent) && (extent < 1 || extent % size != 0))
    return shapes.fail("expected the ", name, " of the map to be a multiple ",
                       "of ", size, ", found ", extent);
  return success();
}

LogicalResult UnfoldOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t height = op.getPatchHeight(), width = op.getPatchWidth();
  if (failed(checkPatch(shapes, height, width)) ||
      failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim(), Dim()})))
    return failure();
  Dim rows = shapes.getDim(input, 1), columns = shapes.getDim(input, 2);
  if (failed(checkCovered(shapes, ShapeInference::getSize(rows), height,
                          "height")) ||
      failed(checkCovered(shapes, ShapeInference::getSize(columns), width,
                          "width")))
    return failure();
  shapes.addResult({shapes.getDim(input, 0) * (height * width),
                    rows.floorDiv(height) * columns.floorDiv(width),
                    shapes.getDim(input, 3)},
                   shapes.getElementType(input));
  return success();
}

LogicalResult FoldOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t patchHeight = op.getPatchHeight(), patchWidth = op.getPatchWidth();
  int64_t height = op.getHeight(), width = op.getWidth();
  if (failed(checkPatch(shapes, patchHeight, patchWidth)) ||
      failed(checkCovered(shapes, height, patchHeight, "height")) ||
      failed(checkCovered(shapes, width, patchWidth, "width")))
    return failure();
  Dim tokens =
      shapes.getConstant((height / patchHeight) * (width / patchWidth));
  if (failed(shapes.checkShape(input, "input", {Dim(), tokens, Dim()})))
    return failure();
  int64_t places = patchHeight * patchWidth;
  Dim sequences = shapes.getDim(input, 0);
  int64_t count = ShapeInference::getSize(sequences);
  if (!ShapedType::isDynamic(count) && count % places != 0)
    return shapes.fail("expected a multiple of ", places, " sequences, found ",
                       count);
  shapes.addResult({sequences.floorDiv(places), shapes.getConstant(height),
                    shapes.getConstant(width), shapes.getDim(input, 2)},
                   shapes.getElementType(input));
  return success();
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchVisionOps.cpp.inc"
