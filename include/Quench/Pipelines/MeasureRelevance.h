//===- MeasureRelevance.h - How much predictions owe to layers --*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_MEASURERELEVANCE_H
#define QUENCH_PIPELINES_MEASURERELEVANCE_H

#include "Quench/Pipelines/Evaluate.h"

namespace quench {

/// For each layer of `model`, by name, the part of the relevance of predictions
/// that reaches it (Analysis/Relevance.h), from 0 to 1, mean over examples. The
/// prediction is the largest of the last row of the result `logits`, of the
/// last that `attention_mask` counts where there is one. Examples run one at a
/// time; all values of one are held in memory, in f64 as far as they are looked
/// at. The module stays as it is. Fails with a diagnostic, also where an op has
/// no rule.
mlir::FailureOr<llvm::StringMap<double>>
measureRelevance(const LocatedModel &model, const CPUTarget &target,
                 const EvaluationOptions &options);

} // namespace quench

#endif // QUENCH_PIPELINES_MEASURERELEVANCE_H
