//===- OutputMetrics.h - What outputs are worth -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_OUTPUTMETRICS_H
#define QUENCH_LIB_PIPELINES_OUTPUTMETRICS_H

#include "Quench/Pipelines/Evaluate.h"
#include "quench-rt/quench_rt.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <map>
#include <string>
#include <vector>

namespace quench {

/// Sums over all examples of what docs/evaluating.md lists.
class OutputMetrics {
public:
  /// For results of the entry point `function`; `areBytes` says that tokens
  /// are.
  OutputMetrics(mlir::func::FuncOp function, bool areBytes);

  /// Adds what a run on `inputs` gave; `expected` is what the reference gave,
  /// and empty without one. Fails where a number is not finite, and where
  /// labels or the reference do not fit.
  llvm::Error add(llvm::ArrayRef<qrt_tensor> inputs, const qrt_tensor *labels,
                  llvm::ArrayRef<qrt_tensor> outputs,
                  llvm::ArrayRef<qrt_tensor> expected);

  /// By name.
  std::vector<Evaluation::Metric> get() const;

  /// The squared differences from the reference over its squared numbers, mean
  /// over the outputs; 0 without a reference.
  double getErrorRatio() const;

private:
  /// Squares of a reference and of what differs from it.
  struct Power {
    double signal = 0, noise = 0;
    int64_t rows = 0;
  };

  llvm::Error addOutput(const qrt_tensor &output, const qrt_tensor *reference,
                        llvm::ArrayRef<qrt_tensor> inputs,
                        const qrt_tensor *labels);
  void add(const std::string &name, double value) {
    auto &[sum, count] = sums[name];
    sum += value;
    ++count;
  }

  /// What follows each token is what the logits are to say.
  bool isCausal = false;
  bool areBytes;
  std::string tokensName;
  std::map<std::string, std::pair<double, int64_t>> sums;
  /// By output.
  std::map<std::string, Power> powers;
  std::vector<double> numbers, referenceNumbers;
};

/// The tensor of that name, or null.
const qrt_tensor *findTensor(llvm::ArrayRef<qrt_tensor> tensors,
                             llvm::StringRef name);

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_OUTPUTMETRICS_H
