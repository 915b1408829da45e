//===- Calibrate.h - Statistics of the activations of a model ---*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_CALIBRATE_H
#define QUENCH_PIPELINES_CALIBRATE_H

#include "Quench/Codegen/CPU/CPUTarget.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Pipelines/DataOptions.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <functional>

namespace quench {

/// Tokens of a site that searches by the error of outputs look at.
inline constexpr int64_t usualSamples = 512;

/// What statistics are taken of.
enum class CalibrationRegime {
  /// The model as it is.
  Parallel,
  /// A model of which everything before a site is quantized, as its formats
  /// say, by then.
  Sequential
};

/// `batch` examples are one step: what is interrupted goes on from the last
/// complete one.
struct CalibrationOptions : DataOptions {
  CalibrationRegime regime = CalibrationRegime::Parallel;
  /// Run the model block by block, so that no more than one is in memory. The
  /// regime Sequential always does.
  bool inBlocks = false;
  /// Of the regime Sequential: the passes that run before quantizers are made.
  std::string quantizePipeline;
  /// Take products of channels too.
  bool products = false;
  /// Observe the values that quantizers are for, and classes of channels.
  bool quantizers = true, classes = true;
  /// Sums of products of tokens that weigh what they receive of the attention,
  /// and the least such weight (RSQ).
  TokenWeighting weighting = TokenWeighting::None;
  double leastWeight = 0.005;
  /// Tokens that are kept as they are of each site of quantizers.
  int64_t samples = 0;
  /// Threads that run the model; 0: one a core. The result is the same.
  int threads = 0;
  /// As in CompileOptions.
  bool optimize = true;
  /// Archives by scope, in place of those that the IR names.
  llvm::StringMap<std::string> params;
  /// Replace an output that exists.
  bool force = false;
  /// Told how many of how many examples have been seen, first when the model is
  /// ready: not 0 where an interrupted run goes on.
  std::function<void(int64_t seen, int64_t all)> onProgress;

  bool runsBlocks() const {
    return inBlocks || regime == CalibrationRegime::Sequential;
  }
};

/// Runs `module`, whose relative paths start from `directory`, over the data
/// and writes statistics of its activations to `output`, as docs/statistics.md
/// says. `module` is changed. Fails with a diagnostic and leaves nothing half
/// written but, when it is interrupted, a hidden file beside `output` with
/// which the same call goes on.
mlir::LogicalResult calibrate(mlir::ModuleOp module, llvm::StringRef directory,
                              const CPUTarget &target, llvm::StringRef output,
                              const CalibrationOptions &options);

/// The same into a file of `folder`, which is made where it does not exist, the
/// name of which follows from everything that the numbers depend on. Where it
/// is there already nothing runs. Returns its path.
///
/// Where it runs block by block `module` has formats (`quench.formats`), and
/// statistics are those that they need, without classes of channels. What
/// blocks give one another is kept in a hidden folder beside the file, with
/// which a call that was interrupted goes on.
mlir::FailureOr<std::string> calibrateInto(mlir::ModuleOp module,
                                           llvm::StringRef directory,
                                           const CPUTarget &target,
                                           llvm::StringRef folder,
                                           const CalibrationOptions &options);

} // namespace quench

#endif // QUENCH_PIPELINES_CALIBRATE_H
