//===- ApplyPDL.cpp - Apply the rewrite patterns of a PDL file ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Plugin/Passes.h"

#include "mlir/Dialect/PDL/IR/PDL.h"
#include "mlir/Dialect/PDL/IR/PDLOps.h"
#include "mlir/Dialect/PDLInterp/IR/PDLInterp.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Rewrite/FrozenRewritePatternSet.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

namespace quench {
#define GEN_PASS_DEF_APPLYPDL
#include "Quench/Plugin/Passes.h.inc"
} // namespace quench

using namespace mlir;

/// Refuses what cannot come from a file: functions of the host, and patterns
/// that are there in name only.
static LogicalResult checkPatterns(ModuleOp module) {
  if (module.getOps<pdl::PatternOp>().empty())
    return module.emitError("no pdl.pattern found");
  WalkResult result = module.walk([](Operation *op) {
    auto refuse = [&](StringRef function) {
      op->emitError() << "native function '" << function
                      << "' is not available to a PDL file";
      return WalkResult::interrupt();
    };
    if (auto call = dyn_cast<pdl::ApplyNativeConstraintOp>(op))
      return refuse(call.getName());
    if (auto call = dyn_cast<pdl::ApplyNativeRewriteOp>(op))
      return refuse(call.getName());
    if (auto rewrite = dyn_cast<pdl::RewriteOp>(op))
      if (std::optional<StringRef> name = rewrite.getName())
        return refuse(*name);
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct ApplyPDL : quench::impl::ApplyPDLBase<ApplyPDL> {
  using ApplyPDLBase::ApplyPDLBase;

  LogicalResult initialize(MLIRContext *context) override {
    Location loc = UnknownLoc::get(context);
    if (file.empty())
      return emitError(loc, "quench-apply-pdl needs the option 'file'");
    auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/true);
    if (!buffer)
      return emitError(loc)
             << "cannot read '" << file << "': " << buffer.getError().message();
    auto sources = std::make_shared<llvm::SourceMgr>();
    sources->AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
    OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(
        sources, ParserConfig(context, /*verifyAfterParse=*/true));
    if (!module || failed(checkPatterns(*module)))
      return emitError(loc) << "'" << file << "' is no file of PDL patterns";

    RewritePatternSet set(context);
    set.add(PDLPatternModule(std::move(module)));
    patterns = FrozenRewritePatternSet(std::move(set));
    return success();
  }

  void runOnOperation() override {
    GreedyRewriteConfig config;
    // Each iteration may rewrite that often; a second one finds nothing to do
    // where the patterns come to an end.
    config.setMaxIterations(10)
        .setMaxNumRewrites(maxRewrites)
        .enableFolding(false)
        .setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    if (succeeded(applyPatternsGreedily(getOperation(), patterns, config)))
      return;
    emitError(getOperation()->getLoc())
        << "patterns of '" << file << "' still apply after "
        << maxRewrites.getValue() << " rewrites";
    signalPassFailure();
  }

private:
  FrozenRewritePatternSet patterns;
};
} // namespace
