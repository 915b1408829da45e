//===- SplitCopies.cpp - Copies between buffers with gaps -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quench {
#define GEN_PASS_DEF_SPLITCOPIESPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {

/// How many of the last dimensions of `type` lie without gaps, by its type.
int64_t countContiguousDims(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return 0;
  int64_t expected = 1;
  int64_t count = 0;
  for (int64_t i = type.getRank(); i-- > 0; ++count) {
    if (strides[i] != expected || type.isDynamicDim(i))
      break;
    expected *= type.getDimSize(i);
  }
  return count;
}

/// Makes loops over the outer dimensions of a copy that is not one run of
/// bytes; a memcpy or one element is left inside.
struct SplitCopy : OpRewritePattern<memref::CopyOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(memref::CopyOp copy,
                                PatternRewriter &rewriter) const override {
    auto source = dyn_cast<MemRefType>(copy.getSource().getType());
    auto target = dyn_cast<MemRefType>(copy.getTarget().getType());
    if (!source || !target ||
        (source.getLayout().isIdentity() && target.getLayout().isIdentity()))
      return failure();
    int64_t rank = source.getRank();
    int64_t run =
        std::min(countContiguousDims(source), countContiguousDims(target));
    if (run == rank && rank > 0)
      return failure();

    Location loc = copy.getLoc();
    Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
    Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
    SmallVector<Value> variables;
    for (int64_t i = 0; i < rank - run; ++i) {
      Value size = memref::DimOp::create(rewriter, loc, copy.getSource(), i);
      auto loop = scf::ForOp::create(rewriter, loc, zero, size, one);
      variables.push_back(loop.getInductionVar());
      rewriter.setInsertionPointToStart(loop.getBody());
    }
    if (run == 0) {
      Value element =
          memref::LoadOp::create(rewriter, loc, copy.getSource(), variables);
      memref::StoreOp::create(rewriter, loc, element, copy.getTarget(),
                              variables);
    } else {
      auto slice = [&](Value buffer, MemRefType type) -> Value {
        SmallVector<OpFoldResult> offsets(variables.begin(), variables.end());
        SmallVector<OpFoldResult> sizes(variables.size(),
                                        rewriter.getIndexAttr(1));
        for (int64_t i = rank - run; i < rank; ++i) {
          offsets.push_back(rewriter.getIndexAttr(0));
          sizes.push_back(rewriter.getIndexAttr(type.getDimSize(i)));
        }
        SmallVector<OpFoldResult> strides(rank, rewriter.getIndexAttr(1));
        auto reduced = memref::SubViewOp::inferRankReducedResultType(
            type.getShape().take_back(run), type, offsets, sizes, strides);
        return memref::SubViewOp::create(rewriter, loc,
                                         cast<MemRefType>(reduced), buffer,
                                         offsets, sizes, strides);
      };
      memref::CopyOp::create(rewriter, loc, slice(copy.getSource(), source),
                             slice(copy.getTarget(), target));
    }
    rewriter.eraseOp(copy);
    return success();
  }
};

struct SplitCopies : quench::impl::SplitCopiesPassBase<SplitCopies> {
  using SplitCopiesPassBase::SplitCopiesPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SplitCopy>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
