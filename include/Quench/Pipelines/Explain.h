//===- Explain.h - Why a layer is quantized as it is ------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_EXPLAIN_H
#define QUENCH_PIPELINES_EXPLAIN_H

#include "Quench/Dialect/Quench/Transforms/FormatPlan.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace quench {

/// What rules made of a site of a layer.
struct SiteExplanation {
  /// The name of the site, its role, and the type of its value; the type is
  /// empty for probabilities.
  std::string name, role, type;
  /// The format, or `float`, with what it needs: `method` of weights, `range`
  /// of activations, empty for scales that are computed at run time, `softmax`
  /// of probabilities, empty for that of the model.
  std::string format, method, range, softmax;
  /// The rule that decided, empty where none is about the site, and those that
  /// would have without it, the last one first.
  std::string rule;
  std::vector<std::string> overruled;
  /// How the format differs from that of the rule, and why the site stays in
  /// floats although it has one.
  std::string change, refusal;
  /// Transforms that its values carry since the import, oldest first.
  std::vector<std::string> transforms;
};

/// A class of channels that a layer takes part in.
struct ClassExplanation {
  std::string name;
  /// `rotation`, `scale` or `shift`.
  std::string kind;
  /// The weight of the layer writes the channels, else it reads them.
  bool isWriter = false;
  /// What forbids transforms; empty where they are possible.
  std::string blocker;
};

/// One op, in all entry points.
struct LayerExplanation {
  std::string name;
  /// Where it is a bridge between a feature map and tokens; empty where it is
  /// none.
  std::string bridge;
  std::vector<SiteExplanation> sites;
  std::vector<ClassExplanation> classes;
};

/// Explains what `plan` decided about the layers of `module` that `pattern`
/// names, or whose sites it names, in the order of the program. Fails with the
/// names that are most like it where there are none.
llvm::Expected<std::vector<LayerExplanation>>
explainLayers(mlir::ModuleOp module, const FormatPlan &plan,
              const SitePattern &pattern);

/// One object for each layer.
llvm::json::Array toJSON(llvm::ArrayRef<LayerExplanation> layers);

/// Prints `layers` for people.
void printExplanations(llvm::ArrayRef<LayerExplanation> layers,
                       llvm::raw_ostream &os);

} // namespace quench

#endif // QUENCH_PIPELINES_EXPLAIN_H
