//===- Pipeline.h - From model ops to LLVM on a CPU -------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_CPU_PIPELINE_H
#define QUENCH_CODEGEN_CPU_PIPELINE_H

#include "Quench/Codegen/CPU/Kernels.h"

namespace quench {

/// Model ops to integer ops and calls of kernels, as far as there are some.
/// Functions that entry points call are inlined.
void buildCPUSelectionPipeline(mlir::OpPassManager &pm,
                               const CPUKernelOptions &options);

/// Model ops to calls of kernels and loops on tensors; parameters to views of
/// the parameter bytes that `@quench_params` computes. Functions that entry
/// points call are inlined.
void buildCPUCodegenPipeline(mlir::OpPassManager &pm,
                             const CPUKernelOptions &options);

/// Tensors, buffers and loops to the LLVM dialect, for modules whose parameters
/// are outlined and whose `@quench_params` was taken away.
void buildCPULoweringPipeline(mlir::OpPassManager &pm);

/// Registers the pipelines for textual use: `quench-cpu-kernel-pipeline`,
/// `quench-cpu-codegen-pipeline` and `quench-cpu-lowering-pipeline`.
void registerCPUPipelines();

} // namespace quench

#endif // QUENCH_CODEGEN_CPU_PIPELINE_H
