//===- QuantSites.h - Values that quantizers are for ------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A quantizer site is a value of a model that may get a quantizer, or a weight.
// Its name does not depend on what rewrites did to the model, so that rules,
// statistics and reports mean the same by it.
//
//   PATH.weight         the weight of the op at PATH, or its table
//   PATH.input          what a contraction with a weight reads; PATH is that of
//                       the first op in the program that reads the value
//   PATH.query, PATH.key, PATH.value, PATH.probabilities
//                       operands of attention, and its softmax
//   PATH.scan, PATH.state
//                       operands of a recurrence, and what it keeps
//
// Further sites of a role at one path are called PATH.ROLE.1, PATH.ROLE.2, ...
// PATH is what `getSiteName` gives.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_ANALYSIS_QUANTSITES_H
#define QUENCH_ANALYSIS_QUANTSITES_H

#include "Quench/Interfaces/QuantizableOpInterface.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>
#include <vector>

namespace quench {

/// What a site is in its op.
enum class SiteRole {
  Weight,        ///< contracted with an activation
  Embedding,     ///< a table that rows are taken from
  Input,         ///< contracted with a weight, or with another input
  Query,         ///< of attention
  Key,           ///< of attention
  Value,         ///< of attention
  Probabilities, ///< results of the softmax of attention; no value in the IR
  Scan,          ///< operand of a recurrence
  State          ///< what a recurrence keeps from one call to the next
};

/// The word for a role that names of sites end in; `weight` for tables too.
llvm::StringRef stringifySiteRole(SiteRole role);

/// A value that may get a quantizer, in all entry points that have it.
struct QuantSite {
  std::string name;
  SiteRole role;
  /// One for each entry point, in order: the value that `uses` read, before a
  /// `quench.fake_quant`. Weights have one for each op that reads their
  /// program. Empty for probabilities.
  llvm::SmallVector<mlir::Value, 2> values;
  /// The operands that read the values. Empty for probabilities.
  llvm::SmallVector<mlir::OpOperand *> uses;
  /// The ops of `uses`; of probabilities, those that compute them.
  llvm::SmallVector<mlir::Operation *> ops;
  /// What the first op says about its operand: the axes that it sums over, and
  /// the axis of channels of a weight.
  QuantOperand operand;
  /// The values are results of activation functions or of gated products, or
  /// these and a parameter.
  bool isActivated = false;
  /// The values are results of norms.
  bool isNormalized = false;
  /// The values lie in a cache.
  bool isCached = false;
  /// The site belongs to an op whose result the model gives to its users.
  bool isHead = false;
  /// The site belongs to an op that treats each channel by itself, such as a
  /// depthwise convolution.
  bool isDepthwise = false;
  /// The site belongs to a bridge layer (Analysis/BridgeLayers.h).
  bool isBridge = false;

  bool isWeight() const {
    return role == SiteRole::Weight || role == SiteRole::Embedding;
  }
  /// The path of the op that the site is called after.
  llvm::StringRef getPath() const;
  /// What follows the path in the name, such as `input` or `input.1`.
  llvm::StringRef getSuffix() const;
  /// The type of the first value; null for probabilities.
  mlir::RankedTensorType getType() const;
};

/// The sites of `module`, in the order of the program.
std::vector<QuantSite> collectQuantSites(mlir::ModuleOp module);

} // namespace quench

#endif // QUENCH_ANALYSIS_QUANTSITES_H
