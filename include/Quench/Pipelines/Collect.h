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

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <string>

namespace quench {

struct CollectOptions {
  /// What the model runs on: safetensors or npy with inputs, the first
  /// dimension of which counts examples; else text, in lines where the model
  /// has a tokenizer, otherwise its bytes are the tokens.
  std::string data;
  /// The entry point that runs; empty: the first.
  std::string entry;
  /// Examples that run at once, and tokens of an example that bytes make.
  int64_t batch = 8, length = 128;
  /// Examples that are used; 0: all.
  int64_t limit = 0;
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
