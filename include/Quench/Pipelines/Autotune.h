//===- Autotune.h - Schedules by measurement -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_AUTOTUNE_H
#define QUENCH_PIPELINES_AUTOTUNE_H

#include "Quench/Codegen/CPU/CPUTarget.h"
#include "Quench/Codegen/CPU/Schedule.h"

#include "mlir/IR/BuiltinOps.h"

#include <functional>

namespace quench {

struct TuneOptions {
  /// Threads that run the kernels; 0: one a core.
  int threads = 0;
  /// Told how many kernels of all have been measured.
  std::function<void(int64_t done, int64_t all)> onProgress;
};

/// Compiles each kernel of `module`, which stays as it is, that has schedules
/// and no entry in `file` with all that are worth measuring, times them on this
/// machine, and adds the best to `file`, with a remark of the category
/// `quench-autotune`. They give the same bits. Fails with a diagnostic, also
/// where `target` is not this machine.
mlir::LogicalResult tuneKernels(mlir::ModuleOp module, const CPUTarget &target,
                                const TuneOptions &options, ScheduleFile &file);

} // namespace quench

#endif // QUENCH_PIPELINES_AUTOTUNE_H
