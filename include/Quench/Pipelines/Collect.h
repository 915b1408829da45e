//===- Collect.h - Statistics of the activations of a model ----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_COLLECT_H
#define QUENCH_PIPELINES_COLLECT_H

#include "Quench/Codegen/CPU/CPUTarget.h"
#include "Quench/Pipelines/DataOptions.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace quench {

struct CollectOptions : DataOptions {
  /// Collect products of channels too.
  bool products = false;
  /// Threads that run the model; 0: one a core. The result is the same.
  int threads = 0;
  /// Archives by scope, in place of those that the IR names.
  llvm::StringMap<std::string> params;
  /// Replace an output that exists.
  bool force = false;
};

/// Runs `module`, whose relative paths start from `directory`, over the data
/// and writes statistics of its activations to `output`, as docs/statistics.md
/// says. `module` is changed. Fails with a diagnostic and leaves nothing half
/// written.
mlir::LogicalResult collectStatistics(mlir::ModuleOp module,
                                      llvm::StringRef directory,
                                      const CPUTarget &target,
                                      llvm::StringRef output,
                                      const CollectOptions &options);

} // namespace quench

#endif // QUENCH_PIPELINES_COLLECT_H
