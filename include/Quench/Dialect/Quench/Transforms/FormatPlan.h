//===- FormatPlan.h - The formats that rules give to a model ----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Formats are decided for all sites of a model at once, written to its ops as
// attributes, and become quantizers late, when no rewrite can lose them.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_FORMATPLAN_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_FORMATPLAN_H

#include "Quench/Dialect/Quench/Transforms/QuantScheme.h"
#include "Quench/Interfaces/QuantizerAttrInterface.h"

#include "mlir/IR/BuiltinOps.h"

#include <set>
#include <string>
#include <vector>

namespace quench {

class AttentionOp;

/// The attribute of ops that says which formats their operands get: a
/// dictionary from `input`, `weight` and the other words of
/// `stringifySiteRole`, with `.1`, `.2`, ... for further operands of a role, to
/// dictionaries with `format`, a quantizer, `site`, the name of the site, and
/// where there are any `range`, `method` or `softmax`.
inline constexpr llvm::StringLiteral formatsAttrName = "quench.formats";

/// A quantizer, and where its parameters come from.
struct SiteFormat {
  /// Null where the site stays in floats.
  QuantizerAttrInterface quantizer;
  /// Of activations: how their range follows from statistics; empty: their
  /// parameters are computed at run time.
  std::string range;
  /// Of weights: who chooses the codes.
  std::string method;
  /// Of probabilities: how they are computed; empty: in floats.
  std::string softmax;

  explicit operator bool() const { return static_cast<bool>(quantizer); }
};

/// An operand that gets the format of its site.
struct FormatUse {
  mlir::Operation *op;
  /// Null for probabilities.
  mlir::OpOperand *operand;
  /// The place of the site in the plan.
  size_t site;
  /// The key of the attribute.
  std::string key;
};

/// What became of a site.
struct SiteDecision {
  SiteFormat format;
  /// The rule that decided, null where none is about the site, and those that
  /// are about it and come before that.
  const QuantRule *winner = nullptr;
  std::vector<const QuantRule *> overruled;
  /// How the format differs from that of the rule, and why.
  std::string change;
  /// Why the site stays in floats although a rule gave it a format.
  std::string refusal;
};

/// The formats of a model.
struct FormatPlan {
  std::vector<QuantRule> rules;
  std::vector<QuantSite> sites;
  /// One for each site.
  std::vector<SiteDecision> decisions;
  std::vector<FormatUse> uses;
};

struct FormatOptions {
  /// A scheme, as QuantScheme::find takes it; empty: none.
  std::string scheme;
  /// Rules after those of the scheme, as QuantRule::parse takes them.
  std::vector<std::string> rules;
  /// Rules that match everything are about heads too.
  bool quantizeHead = false;
  /// The method of weights for which no rule names one.
  std::string weightMethod;
};

/// The rules of `options`, those of the scheme first. Fails where one is none.
llvm::Expected<std::vector<QuantRule>> getRules(const FormatOptions &options);

/// Decides what `rules` make of `module`, which stays as it is. Fails with a
/// diagnostic where a rule of a user is about no site or impossible for all of
/// them, and where a format is none.
mlir::FailureOr<FormatPlan> planFormats(mlir::ModuleOp module,
                                        std::vector<QuantRule> rules);

/// The names of `sites` that `pattern`, which matches none, may have meant, for
/// the end of a message.
std::string suggestSites(llvm::StringRef pattern,
                         llvm::ArrayRef<QuantSite> sites);

/// The type of the probabilities of `attention`, `[B, H, T, L]`.
mlir::RankedTensorType getProbabilitiesType(AttentionOp attention);

/// Writes the formats of `plan` to the ops.
void annotateFormats(const FormatPlan &plan);

/// The format that an annotated op gives to the operand of `key`; no quantizer
/// where it gives none.
SiteFormat getAnnotatedFormat(mlir::Operation *op, llvm::StringRef key);

/// Gives the operand of `key` of an annotated op another quantizer and range.
void setAnnotatedFormat(mlir::Operation *op, llvm::StringRef key,
                        QuantizerAttrInterface quantizer,
                        llvm::StringRef range);

/// Takes that format from the op.
void removeAnnotatedFormat(mlir::Operation *op, llvm::StringRef key);

/// The tensors of the scope `stats` that the quantizers of annotated `module`,
/// which stays as it is, are made from. Fails with a diagnostic where a method
/// of weights is none.
mlir::FailureOr<std::set<std::string>>
findNeededStatistics(mlir::ModuleOp module);

/// The operands of `sites`, and probabilities, with their keys.
std::vector<FormatUse> getFormatUses(llvm::ArrayRef<QuantSite> sites);

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_FORMATPLAN_H
