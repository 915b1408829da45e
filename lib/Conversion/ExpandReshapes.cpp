//===- ExpandReshapes.cpp - Lowers reshapes of dynamic dimensions --------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHEXPANDRESHAPES
#include "Quench/Conversion/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

/// Whether a dimension of the source becomes several dynamic ones.
static bool isAmbiguous(memref::ExpandShapeOp op) {
  MemRefType type = op.getResultType();
  return llvm::any_of(op.getReassociationIndices(),
                      [&](const ReassociationIndices &group) {
                        return llvm::count_if(group, [&](int64_t dim) {
                                 return type.isDynamicDim(dim);
                               }) > 1;
                      });
}

/// The result of `op` as a view of the buffer of its source: within a group, a
/// dimension steps over all of those after it.
static Value buildView(IRRewriter &rewriter, memref::ExpandShapeOp op) {
  Location loc = op.getLoc();
  MemRefType type = op.getResultType();
  auto metadata =
      memref::ExtractStridedMetadataOp::create(rewriter, loc, op.getSrc());
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
  auto [staticStrides, staticOffset] = type.getStridesAndOffset();
  SmallVector<OpFoldResult> strides(sizes.size());
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices())) {
    Value stride = metadata.getStrides()[dim];
    for (int64_t inner : llvm::reverse(group)) {
      strides[inner] = ShapedType::isDynamic(staticStrides[inner])
                           ? OpFoldResult(stride)
                           : rewriter.getIndexAttr(staticStrides[inner]);
      if (inner != group.front())
        stride = rewriter.createOrFold<arith::MulIOp>(
            loc, stride,
            getValueOrCreateConstantIndexOp(rewriter, loc, sizes[inner]));
    }
  }
  OpFoldResult offset = ShapedType::isDynamic(staticOffset)
                            ? OpFoldResult(metadata.getOffset())
                            : rewriter.getIndexAttr(staticOffset);
  return memref::ReinterpretCastOp::create(
      rewriter, loc, type, metadata.getBaseBuffer(), offset, sizes, strides);
}

namespace {
struct ExpandReshapes
    : public quench::impl::QuenchExpandReshapesBase<ExpandReshapes> {
  using QuenchExpandReshapesBase::QuenchExpandReshapesBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](memref::ExpandShapeOp op) {
      if (!isAmbiguous(op))
        return;
      rewriter.setInsertionPoint(op);
      rewriter.replaceOp(op, buildView(rewriter, op));
    });
  }
};
} // namespace
