//===- Evaluate.h - How good a model is on data -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs a model on data in this process and measures what comes out: against
// labels, against the tokens that follow, against another model. Only sums are
// kept, so memory does not grow with the data; they are taken in the order of
// the examples, so they do not depend on the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_EVALUATE_H
#define QUENCH_PIPELINES_EVALUATE_H

#include "Quench/Codegen/CPU/CPUTarget.h"
#include "Quench/Pipelines/DataOptions.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"

#include <functional>
#include <vector>

namespace quench {

/// How a model is evaluated.
struct EvaluationOptions : DataOptions {
  /// Classes that examples belong to: integers in an npy file, or in
  /// safetensors under the name `labels`; empty: those of the data, if it is
  /// safetensors and has such. A negative label does not count.
  std::string labels;
  /// Threads that run the model; 0: one a core. The result is the same.
  int threads = 0;
  /// As in CompileOptions.
  bool optimize = true;
  /// Told how many of how many examples have been run.
  std::function<void(int64_t done, int64_t all)> onProgress;
};

/// What was measured; docs/evaluating.md lists the names.
struct Evaluation {
  struct Metric {
    std::string name;
    /// A mean over `count` rows, classes or tokens.
    double value;
    int64_t count;
  };

  std::string entry;
  int64_t examples = 0;
  std::vector<Metric> metrics;

  /// `{"entry", "examples", "metrics": {NAME: value}, "counts": {NAME: n}}`; a
  /// value that is infinite is null.
  llvm::json::Object toJSON() const;
};

/// The ratio of two powers in dB, `10 log10(signal / noise)`; infinite where
/// there is no noise.
double getDecibels(double signal, double noise);

/// `value` in JSON, which has numbers that are finite only: else null.
llvm::json::Value getJSONNumber(double value);

/// A model and where its parameters are.
struct LocatedModel {
  mlir::ModuleOp module;
  /// The folder that its relative paths start from.
  std::string directory;
  /// Archives by scope, in place of those that the IR names.
  llvm::StringMap<std::string> params;
};

/// Runs an entry point of `model` on data. Where `reference` has a module, that
/// runs on the same data, and results of one name are compared. Both modules
/// are consumed. Fails with a diagnostic, also where nothing can be measured or
/// a result is not finite.
mlir::FailureOr<Evaluation> evaluateModel(const LocatedModel &model,
                                          const LocatedModel &reference,
                                          const CPUTarget &target,
                                          const EvaluationOptions &options);

} // namespace quench

#endif // QUENCH_PIPELINES_EVALUATE_H
