//===- Pipeline.cpp - From model ops to LLVM on a CPU ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Pipeline.h"

#include "Quench/Codegen/CPU/Kernels.h"
#include "Quench/Codegen/CPU/Passes.h"
#include "Quench/Conversion/Passes.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace quench;

/// What runs before kernels are selected.
static void buildLegalization(OpPassManager &pm) {
  // Parameters and kernels are looked for in entry points.
  pm.addPass(createInlinerPass({}, [](OpPassManager &) {}));
  pm.addPass(createSymbolDCEPass());
  // Arithmetic on whole tensors, which models may hold beside our ops.
  pm.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  pm.addPass(createQuenchLegalize());
}

void quench::buildCPUSelectionPipeline(OpPassManager &pm,
                                       const CPUKernelOptions &options) {
  buildLegalization(pm);
  pm.addPass(createSelectKernels(options));
}

void quench::buildCPUCodegenPipeline(OpPassManager &pm,
                                     const CPUKernelOptions &options) {
  buildLegalization(pm);
  buildCPUKernelPipeline(pm, options);
  pm.addPass(createOutlineParamsPass());
}

void quench::buildCPULoweringPipeline(OpPassManager &pm) {
  pm.addPass(createLowerEntryPointsPass());
  pm.addPass(createSpaceRowsPass());
  pm.addPass(createBufferizePass());

  // Loops of scalars and vectors.
  OpPassManager &loops = pm.nest<func::FuncOp>();
  loops.addPass(createCSEPass());
  loops.addPass(createCanonicalizerPass());
  loops.addPass(createSplitCopiesPass());
  loops.addPass(createConvertLinalgToLoopsPass());
  loops.addPass(memref::createFoldMemRefAliasOpsPass());
  loops.addPass(createCanonicalizerPass());
  loops.addPass(createCSEPass());
  loops.addPass(createHoistLoadsPass());
  pm.addPass(createOutlineParallelLoopsPass());
  pm.addPass(createShareLoopsPass());

  // Halves and brain floats are stored as such and computed in f32.
  arith::ArithEmulateUnsupportedFloatsOptions narrow;
  narrow.sourceTypeStrs = {"f16", "bf16"};
  OpPassManager &scalars = pm.nest<func::FuncOp>();
  scalars.addPass(arith::createArithEmulateUnsupportedFloats(narrow));
  scalars.addPass(math::createMathExtendToSupportedTypes());
  scalars.addPass(createExpandArithPass());
  scalars.addPass(createConvertVectorToSCFPass(
      VectorTransferToSCFOptions().enableFullUnroll()));
  scalars.addPass(createPlaceBuffersPass());
  scalars.addPass(createQuenchExpandReshapes());
  scalars.addPass(memref::createExpandStridedMetadataPass());
  scalars.addPass(createLowerAffinePass());
  scalars.addPass(createCanonicalizerPass());
  scalars.addPass(createCSEPass());
  scalars.addPass(createSCFToControlFlowPass());

  // LLVM's intrinsics before libm, or a fused multiply-add becomes a call;
  // libm, which takes vectors apart, before vectors become LLVM's.
  scalars.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createConvertVectorToLLVMPass());
  FinalizeMemRefToLLVMConversionPassOptions memref;
  memref.useAlignedAlloc = true;
  pm.addPass(createFinalizeMemRefToLLVMConversionPass(memref));
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createLowerRuntimeCallsPass());
}

namespace {
struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<int64_t> vectorBytes{
      *this, "vector-bytes",
      llvm::cl::desc("bytes of a vector register: 16, 32 or 64"),
      llvm::cl::init(64)};
  Option<bool> fma{
      *this, "fma",
      llvm::cl::desc(
          "whether the target multiplies and adds in one instruction"),
      llvm::cl::init(true)};
  Option<IntegerDot> dot{
      *this, "dot",
      llvm::cl::desc("what the target sums products of integers by"),
      llvm::cl::values(
          clEnumValN(IntegerDot::None, "none",
                     "nothing: loops compute such products"),
          clEnumValN(IntegerDot::Pairs, "pairs", "two products of 16 bits"),
          clEnumValN(IntegerDot::Quads, "quads", "four products of 8 bits")),
      llvm::cl::init(IntegerDot::Quads)};
  Option<bool> narrowQuads{
      *this, "narrow-quads",
      llvm::cl::desc("whether the target sums four products of 8 bits and "
                     "codes of up to 4 bits in 16 bits, beside pairs"),
      llvm::cl::init(false)};
  Option<bool> tiles{
      *this, "tiles",
      llvm::cl::desc(
          "whether the target sums four products on tile registers, too"),
      llvm::cl::init(false)};
  Option<bool> compact{
      *this, "compact",
      llvm::cl::desc(
          "whether kernels are short rather than fast: the same numbers"),
      llvm::cl::init(false)};

  CPUKernelOptions get() const {
    CPUKernelOptions options;
    options.vectorBytes = vectorBytes;
    options.fma = fma;
    options.dot = dot;
    options.narrowQuads = narrowQuads;
    options.tiles = tiles;
    options.compact = compact;
    return options;
  }
};
} // namespace

void quench::registerCPUPipelines() {
  PassPipelineRegistration<PipelineOptions>(
      "quench-cpu-kernel-pipeline",
      "Model ops to calls of kernels and linalg on tensors",
      [](OpPassManager &pm, const PipelineOptions &options) {
        buildCPUKernelPipeline(pm, options.get());
      });
  PassPipelineRegistration<PipelineOptions>(
      "quench-cpu-codegen-pipeline",
      "Model ops to kernels and views of the parameter bytes",
      [](OpPassManager &pm, const PipelineOptions &options) {
        buildCPUCodegenPipeline(pm, options.get());
      });
  PassPipelineRegistration<>(
      "quench-cpu-lowering-pipeline",
      "Lower tensors, buffers and loops to the LLVM dialect",
      buildCPULoweringPipeline);
}
