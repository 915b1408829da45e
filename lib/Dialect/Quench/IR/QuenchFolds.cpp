//===- QuenchFolds.cpp - Folds and canonicalizations ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightValues.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// patch_embed
//===----------------------------------------------------------------------===//

// Every transformation of weights then sees one op, linear.
LogicalResult PatchEmbedOp::canonicalize(PatchEmbedOp op,
                                         PatternRewriter &rewriter) {
  Location loc = op.getLoc();
  RankedTensorType type = op.getWeight().getType();
  ArrayRef<int64_t> shape = type.getShape();
  Value weight;
  if (op.getWeight().getDefiningOp<WeightProgramOpInterface>()) {
    auto flat = RankedTensorType::get(
        {shape[0], shape[1] * shape[2] * shape[3]}, type.getElementType());
    weight = ReshapeOp::create(rewriter, loc, flat, op.getWeight());
  } else {
    SmallVector<ReassociationIndices> groups = {{0}, {1, 2, 3}};
    weight =
        tensor::CollapseShapeOp::create(rewriter, loc, op.getWeight(), groups);
  }
  Value patches =
      PatchesOp::create(rewriter, loc, op.getInput(), shape[2], shape[3]);
  rewriter.replaceOpWithNewOp<LinearOp>(op, patches, weight, op.getBias());
  return success();
}

//===----------------------------------------------------------------------===//
// transpose
//===----------------------------------------------------------------------===//

// Numbers that are moved go towards the parameters, where they are narrow and
// few, and casts towards the root, where two of them meet.

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [index, dim] : llvm::enumerate(getPermutation()))
    if (static_cast<int64_t>(index) != dim)
      return {};
  return getInput();
}

/// A transpose of a step along an axis is the step on the transpose.
template <typename StepOp>
static LogicalResult transposeInput(TransposeOp op, PatternRewriter &rewriter) {
  auto step = op.getInput().getDefiningOp<StepOp>();
  if (!step || !step->hasOneUse())
    return failure();
  Value input = TransposeOp::create(rewriter, op.getLoc(), step->getOperand(0),
                                    op.getPermutation());
  int64_t axis = std::distance(
      op.getPermutation().begin(),
      llvm::find(op.getPermutation(), static_cast<int64_t>(step.getAxis())));
  auto moved = cast<StepOp>(rewriter.clone(*step));
  rewriter.modifyOpInPlace(moved, [&] {
    moved->setOperand(0, input);
    moved.setAxis(axis);
    moved->getResult(0).setType(op.getType());
  });
  rewriter.replaceOp(op, moved);
  return success();
}

LogicalResult TransposeOp::canonicalize(TransposeOp op,
                                        PatternRewriter &rewriter) {
  if (auto cast = op.getInput().getDefiningOp<CastOp>()) {
    Value moved = TransposeOp::create(rewriter, op.getLoc(), cast.getInput(),
                                      op.getPermutation());
    rewriter.replaceOpWithNewOp<CastOp>(op, op.getType(), moved);
    return success();
  }
  if (auto fill = op.getInput().getDefiningOp<FillOp>()) {
    rewriter.replaceOpWithNewOp<FillOp>(op, op.getType(), fill.getValueAttr());
    return success();
  }
  if (succeeded(transposeInput<ChannelScaleOp>(op, rewriter)) ||
      succeeded(transposeInput<RotateOp>(op, rewriter)) ||
      succeeded(transposeInput<RotateByOp>(op, rewriter)) ||
      succeeded(transposeInput<CenterOp>(op, rewriter)))
    return success();
  auto inner = op.getInput().getDefiningOp<TransposeOp>();
  if (!inner)
    return failure();
  auto permutation = llvm::map_to_vector(op.getPermutation(), [&](int64_t dim) {
    return inner.getPermutation()[dim];
  });
  rewriter.replaceOpWithNewOp<TransposeOp>(op, inner.getInput(), permutation);
  return success();
}

//===----------------------------------------------------------------------===//
// slice
//===----------------------------------------------------------------------===//

OpFoldResult SliceOp::fold(FoldAdaptor) {
  return getInput().getType() == getResult().getType() ? getInput() : Value();
}

/// A slice of what `op` computes is what it computes from slices, where it says
/// so.
static LogicalResult sliceOperands(SliceOp slice, PatternRewriter &rewriter) {
  auto op = slice.getInput().getDefiningOp<WeightProgramOpInterface>();
  auto isSlice = [](Operation *user) { return isa<SliceOp>(user); };
  // Slices commute: they are left as they are. Others who need the whole of
  // what the op computes have it computed anyway.
  if (!op || isa<SliceOp>(op) || op->getNumOperands() == 0 ||
      op->getNumResults() != 1 || !llvm::all_of(op->getUsers(), isSlice))
    return failure();
  int64_t axis = slice.getAxis();
  SmallVector<int64_t> axes;
  for (unsigned index = 0; index < op->getNumOperands(); ++index) {
    std::optional<int64_t> operandAxis = op.getOperandAxis(index, axis);
    if (!operandAxis)
      return failure();
    axes.push_back(*operandAxis);
  }
  if (llvm::all_of(axes, [](int64_t axis) { return axis == wholeOperand; }))
    return failure();
  SmallVector<Value> operands;
  for (auto [operand, operandAxis] : llvm::zip_equal(op->getOperands(), axes)) {
    operands.push_back(operand);
    if (operandAxis != wholeOperand)
      operands.back() =
          SliceOp::create(rewriter, slice.getLoc(), operand, operandAxis,
                          slice.getBegin(), slice.getEnd());
  }
  Operation *sliced = rewriter.clone(*op);
  rewriter.modifyOpInPlace(sliced, [&] {
    sliced->setOperands(operands);
    sliced->getResult(0).setType(slice.getType());
  });
  rewriter.replaceOp(slice, sliced);
  return success();
}

LogicalResult SliceOp::canonicalize(SliceOp op, PatternRewriter &rewriter) {
  int64_t axis = op.getAxis(), begin = op.getBegin(), end = op.getEnd();
  auto inner = op.getInput().getDefiningOp<SliceOp>();
  if (inner && static_cast<int64_t>(inner.getAxis()) == axis) {
    int64_t offset = inner.getBegin();
    rewriter.replaceOpWithNewOp<SliceOp>(op, inner.getInput(), axis,
                                         offset + begin, offset + end);
    return success();
  }
  if (auto fill = op.getInput().getDefiningOp<FillOp>()) {
    rewriter.replaceOpWithNewOp<FillOp>(op, op.getType(), fill.getValueAttr());
    return success();
  }
  auto concat = op.getInput().getDefiningOp<ConcatOp>();
  if (!concat || static_cast<int64_t>(concat.getAxis()) != axis)
    return sliceOperands(op, rewriter);
  // The input of the concatenation that holds all of the slice, if one does.
  int64_t offset = 0;
  for (Value input : concat.getInputs()) {
    int64_t size = getTensorType(input).getDimSize(axis);
    if (begin >= offset && end <= offset + size) {
      rewriter.replaceOpWithNewOp<SliceOp>(op, input, axis, begin - offset,
                                           end - offset);
      return success();
    }
    offset += size;
  }
  return failure();
}

//===----------------------------------------------------------------------===//
// concat
//===----------------------------------------------------------------------===//

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 ? getInputs().front() : Value();
}

/// The slice that `left` and `right`, slices one after the other of one tensor,
/// are together.
static Value joinSlices(Value left, Value right, int64_t axis,
                        PatternRewriter &rewriter) {
  auto first = left.getDefiningOp<SliceOp>();
  auto second = right.getDefiningOp<SliceOp>();
  auto isAlong = [&](SliceOp slice) {
    return slice && static_cast<int64_t>(slice.getAxis()) == axis;
  };
  if (!isAlong(first) || !isAlong(second) ||
      first.getInput() != second.getInput() ||
      first.getEnd() != second.getBegin())
    return {};
  return SliceOp::create(rewriter, second.getLoc(), first.getInput(), axis,
                         first.getBegin(), second.getEnd());
}

LogicalResult ConcatOp::canonicalize(ConcatOp op, PatternRewriter &rewriter) {
  int64_t axis = op.getAxis();
  SmallVector<Value> inputs;
  bool changed = false;
  for (Value input : op.getInputs()) {
    auto nested = input.getDefiningOp<ConcatOp>();
    if (nested && static_cast<int64_t>(nested.getAxis()) == axis) {
      llvm::append_range(inputs, nested.getInputs());
      changed = true;
    } else if (getTensorType(input).getDimSize(axis) == 0 &&
               op.getInputs().size() > 1) {
      changed = true;
    } else {
      inputs.push_back(input);
    }
  }
  SmallVector<Value> joined;
  for (Value input : inputs) {
    Value both = joined.empty()
                     ? Value()
                     : joinSlices(joined.back(), input, axis, rewriter);
    changed |= static_cast<bool>(both);
    if (both)
      joined.back() = both;
    else
      joined.push_back(input);
  }
  if (changed && !joined.empty()) {
    rewriter.replaceOpWithNewOp<ConcatOp>(op, joined, axis);
    return success();
  }
  // Casts of one type to another are one of the whole.
  SmallVector<Value> sources;
  for (Value input : op.getInputs()) {
    auto cast = input.getDefiningOp<CastOp>();
    if (!cast)
      return failure();
    sources.push_back(cast.getInput());
  }
  auto getElement = [](Value source) {
    return getTensorType(source).getElementType();
  };
  if (!llvm::all_equal(llvm::map_range(sources, getElement)))
    return failure();
  Value whole = ConcatOp::create(rewriter, op.getLoc(), sources, axis);
  rewriter.replaceOpWithNewOp<CastOp>(op, op.getType(), whole);
  return success();
}

//===----------------------------------------------------------------------===//
// reshape, cast
//===----------------------------------------------------------------------===//

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  return getInput().getType() == getResult().getType() ? getInput() : Value();
}

LogicalResult ReshapeOp::canonicalize(ReshapeOp op, PatternRewriter &rewriter) {
  if (auto cast = op.getInput().getDefiningOp<CastOp>()) {
    Value moved = ReshapeOp::create(
        rewriter, op.getLoc(),
        op.getType().clone(getTensorType(cast.getInput()).getElementType()),
        cast.getInput());
    rewriter.replaceOpWithNewOp<CastOp>(op, op.getType(), moved);
    return success();
  }
  if (auto fill = op.getInput().getDefiningOp<FillOp>()) {
    rewriter.replaceOpWithNewOp<FillOp>(op, op.getType(), fill.getValueAttr());
    return success();
  }
  auto inner = op.getInput().getDefiningOp<ReshapeOp>();
  if (!inner)
    return failure();
  rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), inner.getInput());
  return success();
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  return getInput().getType() == getResult().getType() ? getInput() : Value();
}

bool CastOp::isExact() {
  auto getSemantics = [](Value value) -> const llvm::fltSemantics & {
    return cast<FloatType>(getTensorType(value).getElementType())
        .getFloatSemantics();
  };
  return llvm::APFloat::isRepresentableBy(getSemantics(getInput()),
                                          getSemantics(getResult()));
}

// A cast that rounds must not vanish: only an exact one is stepped over.
LogicalResult CastOp::canonicalize(CastOp op, PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<CastOp>();
  if (!inner || !inner.isExact())
    return failure();
  rewriter.replaceOpWithNewOp<CastOp>(op, op.getType(), inner.getInput());
  return success();
}
