//===- Passes.h - Passes of the CPU code generator --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_CPU_PASSES_H
#define QUENCH_CODEGEN_CPU_PASSES_H

#include "Quench/Codegen/CPU/Kernels.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace quench {

#define GEN_PASS_DECL
#include "Quench/Codegen/CPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "Quench/Codegen/CPU/Passes.h.inc"

/// The pass `quench-select-kernels` with these options.
std::unique_ptr<mlir::Pass>
createSelectKernels(const CPUKernelOptions &options);

} // namespace quench

#endif // QUENCH_CODEGEN_CPU_PASSES_H
