//===- QuenchFolds.cpp - Folds and canonicalizations ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/Quench.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quench;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

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

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [index, dim] : llvm::enumerate(getPermutation()))
    if (static_cast<int64_t>(index) != dim)
      return {};
  return getInput();
}

LogicalResult TransposeOp::canonicalize(TransposeOp op,
                                        PatternRewriter &rewriter) {
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

LogicalResult SliceOp::canonicalize(SliceOp op, PatternRewriter &rewriter) {
  int64_t axis = op.getAxis(), begin = op.getBegin(), end = op.getEnd();
  if (auto inner = op.getInput().getDefiningOp<SliceOp>()) {
    if (static_cast<int64_t>(inner.getAxis()) != axis)
      return failure();
    int64_t offset = inner.getBegin();
    rewriter.replaceOpWithNewOp<SliceOp>(op, inner.getInput(), axis,
                                         offset + begin, offset + end);
    return success();
  }
  auto concat = op.getInput().getDefiningOp<ConcatOp>();
  if (!concat || static_cast<int64_t>(concat.getAxis()) != axis)
    return failure();
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

LogicalResult ConcatOp::canonicalize(ConcatOp op, PatternRewriter &rewriter) {
  auto isNested = [&](Value input) {
    auto inner = input.getDefiningOp<ConcatOp>();
    return inner && inner.getAxis() == op.getAxis();
  };
  if (llvm::none_of(op.getInputs(), isNested))
    return failure();
  SmallVector<Value> inputs;
  for (Value input : op.getInputs()) {
    if (isNested(input))
      llvm::append_range(inputs, input.getDefiningOp<ConcatOp>().getInputs());
    else
      inputs.push_back(input);
  }
  rewriter.replaceOpWithNewOp<ConcatOp>(op, inputs, op.getAxis());
  return success();
}

//===----------------------------------------------------------------------===//
// reshape, cast
//===----------------------------------------------------------------------===//

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  return getInput().getType() == getResult().getType() ? getInput() : Value();
}

LogicalResult ReshapeOp::canonicalize(ReshapeOp op, PatternRewriter &rewriter) {
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
