//===- WeightFolds.cpp - Folds of arithmetic on parameters ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every fold is exact for real numbers: programs are in f64, and what a fold
// changes in its last bits is lost in the rounding at their end.
//
//===----------------------------------------------------------------------===//

#include "WeightValues.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quench;

/// Whether all elements of `value` are known to be `number`.
static bool isFilledWith(Value value, double number) {
  auto fill = value.getDefiningOp<FillOp>();
  return fill && fill.getValue().isExactlyValue(number);
}

/// Steps along different axes commute. Of two such the one on the lower axis
/// comes first, so that steps along one axis meet: whether `outer` is to go
/// before `inner`, the op that computes its input.
template <typename InnerOp, typename OuterOp>
static bool isOutOfOrder(InnerOp inner, OuterOp outer) {
  return inner && inner->hasOneUse() && inner.getAxis() > outer.getAxis();
}

//===----------------------------------------------------------------------===//
// channel_scale
//===----------------------------------------------------------------------===//

OpFoldResult ChannelScaleOp::fold(FoldAdaptor) {
  if (isFilledWith(getScale(), 1))
    return getInput();
  auto inner = getInput().getDefiningOp<ChannelScaleOp>();
  if (inner && inner.getScale() == getScale() && inner.getAxis() == getAxis() &&
      inner.getInverse() != getInverse())
    return inner.getInput();
  return {};
}

/// Two scalings along one axis are one by the product of their scales.
static LogicalResult mergeScalings(ChannelScaleOp inner, ChannelScaleOp outer,
                                   PatternRewriter &rewriter) {
  // A product has the shape of its first factor.
  ChannelScaleOp first = inner, second = outer;
  if (getTensorType(first.getScale()).getRank() == 0)
    std::swap(first, second);
  if (getTensorType(first.getScale()).getRank() == 0)
    return failure();
  Value product = ChannelScaleOp::create(
      rewriter, outer.getLoc(), first.getScale(), second.getScale(),
      /*axis=*/0, first.getInverse() != second.getInverse());
  rewriter.replaceOpWithNewOp<ChannelScaleOp>(
      outer, inner.getInput(), product, first.getAxis(), first.getInverse());
  return success();
}

LogicalResult ChannelScaleOp::canonicalize(ChannelScaleOp op,
                                           PatternRewriter &rewriter) {
  bool isUniform = getTensorType(op.getScale()).getRank() == 0;
  if (auto inner = op.getInput().getDefiningOp<ChannelScaleOp>()) {
    bool isInnerUniform = getTensorType(inner.getScale()).getRank() == 0;
    if (inner.getAxis() == op.getAxis() || isUniform || isInnerUniform)
      return mergeScalings(inner, op, rewriter);
    if (!isOutOfOrder(inner, op))
      return failure();
    Value scaled =
        ChannelScaleOp::create(rewriter, op.getLoc(), inner.getInput(),
                               op.getScale(), op.getAxis(), op.getInverse());
    rewriter.replaceOpWithNewOp<ChannelScaleOp>(
        op, scaled, inner.getScale(), inner.getAxis(), inner.getInverse());
    return success();
  }
  // Scales come before rotations of other axes.
  auto rotate = op.getInput().getDefiningOp<RotateOp>();
  if (!rotate || !rotate->hasOneUse() ||
      (rotate.getAxis() == op.getAxis() && !isUniform))
    return failure();
  Value scaled =
      ChannelScaleOp::create(rewriter, op.getLoc(), rotate.getInput(),
                             op.getScale(), op.getAxis(), op.getInverse());
  rewriter.replaceOpWithNewOp<RotateOp>(op, scaled, rotate.getAxis(),
                                        rotate.getRotation());
  return success();
}

//===----------------------------------------------------------------------===//
// rotate, rotate_by
//===----------------------------------------------------------------------===//

/// The attribute that equal matrices share.
static RotationAttrInterface getNormalForm(RotationAttrInterface rotation) {
  return rotation.getInverse().getInverse();
}

OpFoldResult RotateOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<RotateOp>();
  if (inner && inner.getAxis() == getAxis() &&
      inner.getRotation().getInverse() == getNormalForm(getRotation()))
    return inner.getInput();
  return {};
}

LogicalResult RotateOp::canonicalize(RotateOp op, PatternRewriter &rewriter) {
  RotationAttrInterface normal = getNormalForm(op.getRotation());
  if (normal != op.getRotation()) {
    rewriter.modifyOpInPlace(op, [&] { op.setRotationAttr(normal); });
    return success();
  }
  auto inner = op.getInput().getDefiningOp<RotateOp>();
  if (!isOutOfOrder(inner, op))
    return failure();
  Value rotated = RotateOp::create(rewriter, op.getLoc(), inner.getInput(),
                                   op.getAxis(), op.getRotation());
  rewriter.replaceOpWithNewOp<RotateOp>(op, rotated, inner.getAxis(),
                                        inner.getRotation());
  return success();
}

OpFoldResult RotateByOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<RotateByOp>();
  if (inner && inner.getMatrix() == getMatrix() &&
      inner.getAxis() == getAxis() && inner.getTransposed() != getTransposed())
    return inner.getInput();
  return {};
}

LogicalResult RotateByOp::canonicalize(RotateByOp op,
                                       PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<RotateByOp>();
  if (!isOutOfOrder(inner, op))
    return failure();
  Value rotated =
      RotateByOp::create(rewriter, op.getLoc(), inner.getInput(),
                         op.getMatrix(), op.getAxis(), op.getTransposed());
  rewriter.replaceOpWithNewOp<RotateByOp>(
      op, rotated, inner.getMatrix(), inner.getAxis(), inner.getTransposed());
  return success();
}

//===----------------------------------------------------------------------===//
// center, shift, absmax
//===----------------------------------------------------------------------===//

OpFoldResult CenterOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<CenterOp>();
  return inner && inner.getAxis() == getAxis() ? getInput() : Value();
}

OpFoldResult ShiftOp::fold(FoldAdaptor) {
  if (isFilledWith(getOffset(), 0))
    return getInput();
  if (isFilledWith(getInput(), 0) && !getNegative() &&
      getOffset().getType() == getType())
    return getOffset();
  auto inner = getInput().getDefiningOp<ShiftOp>();
  if (inner && inner.getOffset() == getOffset() &&
      inner.getNegative() != getNegative())
    return inner.getInput();
  return {};
}

// The greatest of narrow numbers is one of them.
LogicalResult AbsMaxOp::canonicalize(AbsMaxOp op, PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<CastOp>();
  if (!inner || !inner.isExact())
    return failure();
  Value narrow =
      AbsMaxOp::create(rewriter, op.getLoc(), inner.getInput(), op.getAxis());
  rewriter.replaceOpWithNewOp<CastOp>(op, op.getType(), narrow);
  return success();
}
