//===- AssignBits.h - Schemes of mixed precision ----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Layers get codes of the widths with which the outputs lose least for so many
// bits on average. What a layer loses is measured with it quantized alone, once
// for each width; what layers lose together is taken as the sum. What a layer
// loses may count by its relevance (LRP-QViT).
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_ASSIGNBITS_H
#define QUENCH_PIPELINES_ASSIGNBITS_H

#include "Quench/Pipelines/Build.h"
#include "Quench/Pipelines/MeasureLayers.h"

namespace quench {

/// What a group of layers is with codes of one width.
struct MeasuredWidth {
  unsigned bits;
  /// Of codes, scales and zero points of its weights.
  int64_t bytes;
  /// The loss of the model with the group quantized and no other.
  double error;
};

/// Layers whose codes have one width, since they read an input or a weight with
/// codes of that width together.
struct WidthGroup {
  struct Site {
    std::string name;
    /// The rule of the scheme that decided about it.
    size_t rule;
  };

  /// As rules name them.
  std::vector<std::string> layers;
  std::vector<Site> sites;
  /// Elements of its weights.
  int64_t elements = 0;
  /// In the order in which they were measured.
  std::vector<MeasuredWidth> widths;
  /// What its error counts, relative to that of other groups: the mean
  /// relevance of its layers where that is measured.
  double relevance = 1;
};

/// A scheme whose integer codes of weights may have another width in each
/// group. Rules vary that are for all sites and give weights integers, and
/// those that give inputs integers of the same width. What other rules of the
/// scheme and those of the user decide stays as it is.
class VariableScheme {
public:
  /// Looks at what `formats` make of `module`, which is not quantized yet and
  /// stays as it is. Fails with a diagnostic, also where no weight may vary.
  static mlir::FailureOr<VariableScheme> create(mlir::ModuleOp module,
                                                const FormatOptions &formats);

  /// In the order of the program.
  llvm::MutableArrayRef<WidthGroup> getGroups() { return groups; }

  /// The formats with `bits` bits for all groups.
  FormatOptions getFormats(unsigned bits) const;

  /// The scheme with `bits[i]` bits for group `i`, the rules of the user after
  /// those of the scheme.
  QuantScheme getScheme(llvm::ArrayRef<unsigned> bits) const;

private:
  FormatOptions formats;
  QuantScheme scheme;
  std::vector<QuantRule> userRules;
  /// For each rule of the scheme whether it varies.
  std::vector<bool> varies;
  std::vector<WidthGroup> groups;
};

/// How widths are measured.
struct WidthOptions {
  /// How the model is prepared; with formats.
  PhaseOptions phases;
  /// Archives by scope, in place of those that the IR names.
  llvm::StringMap<std::string> params;
  /// Each from 2 to 8.
  std::vector<unsigned> bits;
  /// `error`, of the outputs (OutputLoss::ratio), a metric of them that is less
  /// the less is lost, such as `kl`, or `layer`: the sum over layers of the
  /// squared error of what a layer gives, over its squared numbers.
  std::string metric = "error";
  EvaluationOptions data;
};

/// Measures the groups of `scheme` on the model `input`, a checkpoint folder or
/// an IR file, with all widths, and fills them. Returns the number of examples
/// that it ran on. Fails with a diagnostic, also where the model has no such
/// metric.
mlir::FailureOr<int64_t> measureWidths(mlir::MLIRContext &context,
                                       llvm::StringRef input,
                                       const CPUTarget &target,
                                       const WidthOptions &options,
                                       VariableScheme &scheme);

/// Fills the relevance of the groups of `scheme` with what measureRelevance()
/// finds in `module`, from which `scheme` was made. Relative paths start from
/// `directory`. Fails with a diagnostic.
mlir::LogicalResult weighByRelevance(mlir::ModuleOp module,
                                     llvm::StringRef directory,
                                     const CPUTarget &target,
                                     const WidthOptions &options,
                                     VariableScheme &scheme);

} // namespace quench

#endif // QUENCH_PIPELINES_ASSIGNBITS_H
