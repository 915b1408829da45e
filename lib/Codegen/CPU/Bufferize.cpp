//===- Bufferize.cpp - From tensors to buffers ----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace quench {
#define GEN_PASS_DEF_BUFFERIZEPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {

/// The buffer that a private function takes for a tensor: any rows, contiguous
/// innermost elements, so that vectors load from it.
bufferization::BufferLikeType
getArgumentType(bufferization::TensorLikeType type, Attribute memorySpace,
                func::FuncOp, const bufferization::BufferizationOptions &) {
  auto tensor = cast<RankedTensorType>(type);
  SmallVector<int64_t> strides(tensor.getRank(), ShapedType::kDynamic);
  if (!strides.empty())
    strides.back() = 1;
  auto layout = StridedLayoutAttr::get(tensor.getContext(),
                                       ShapedType::kDynamic, strides);
  return cast<bufferization::BufferLikeType>(MemRefType::get(
      tensor.getShape(), tensor.getElementType(), layout, memorySpace));
}

/// Whether a result begins as the tensor that `use` is.
bool isInit(OpOperand &use) {
  if (auto op = dyn_cast<DestinationStyleOpInterface>(use.getOwner()))
    return op.isDpsInit(&use);
  auto loop = dyn_cast<LoopLikeOpInterface>(use.getOwner());
  return loop && llvm::is_contained(
                     llvm::make_pointer_range(loop.getInitsMutable()), &use);
}

/// Gives every place where a tensor begins as nothing, or filled, a tensor of
/// its own. Once the first of such tensors is the buffer of an output, the
/// analysis of upstream no longer sees that results which begin as it write
/// there too.
void separateInits(ModuleOp module) {
  IRRewriter rewriter(module.getContext());
  auto separate = [&](Operation *op) {
    for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
      if (!isInit(use) || op->hasOneUse())
        continue;
      rewriter.setInsertionPoint(op);
      use.set(rewriter.clone(*op)->getResult(0));
    }
  };
  module.walk([&](linalg::FillOp fill) {
    if (fill->getNumResults() == 1)
      separate(fill);
  });
  module.walk([&](tensor::EmptyOp empty) { separate(empty); });
}

struct Bufferize : quench::impl::BufferizePassBase<Bufferize> {
  using BufferizePassBase::BufferizePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    RewritePatternSet tensorPatterns(&getContext());
    tensor::populateDecomposeTensorConcatPatterns(tensorPatterns);
    if (failed(applyPatternsGreedily(module, std::move(tensorPatterns))))
      return signalPassFailure();

    separateInits(module);
    IRRewriter rewriter(&getContext());
    for (auto func : module.getOps<func::FuncOp>())
      if (!func.isExternal() &&
          failed(bufferization::eliminateEmptyTensors(rewriter, func)))
        return signalPassFailure();

    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.functionArgTypeConverterFn = getArgumentType;
    bufferization::BufferizationState state;
    if (failed(
            bufferization::runOneShotModuleBufferize(module, options, state)))
      return signalPassFailure();

    bufferization::BufferResultsToOutParamsOpts results;
    results.hoistStaticAllocs = true;
    results.hoistDynamicAllocs = true;
    if (failed(bufferization::dropEquivalentBufferResults(module)) ||
        failed(bufferization::promoteBufferResultsToOutParams(module, results)))
      return signalPassFailure();
  }
};

} // namespace
