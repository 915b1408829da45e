//===- KernelPipeline.cpp - From model ops to kernels and linalg ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Kernels.h"
#include "Quench/Codegen/CPU/Passes.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace quench;

std::unique_ptr<Pass>
quench::createSelectKernels(const CPUKernelOptions &options) {
  SelectKernelsPassOptions select;
  select.vectorBytes = options.vectorBytes;
  select.fma = options.fma;
  select.dot = options.dot;
  select.narrowQuads = options.narrowQuads;
  select.tiles = options.tiles;
  select.compact = options.compact;
  select.schedules = options.schedules;
  select.level = options.level;
  select.candidates = options.candidates;
  return createSelectKernelsPass(select);
}

void quench::buildCPUKernelPipeline(OpPassManager &pm,
                                    const CPUKernelOptions &options) {
  pm.addPass(createSelectKernels(options));
  pm.addPass(createQuenchLowerToLinalg());
  pm.addPass(createExpandMathPass());
  OpPassManager &functions = pm.nest<func::FuncOp>();
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
  functions.addPass(createLinalgElementwiseOpFusionPass());
  functions.addPass(createCanonicalizerPass());
  functions.addPass(createCSEPass());
}
