//===- SplitModel.h - Models in pieces --------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_SPLITMODEL_H
#define QUENCH_LIB_PIPELINES_SPLITMODEL_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <vector>

namespace quench {

/// What the names of tensors begin with that one piece gives to another.
inline constexpr llvm::StringLiteral crossingPrefix = "%cut.";
/// What the names of residual streams begin with where they are results; the
/// rest is the number of the join.
inline constexpr llvm::StringLiteral joinPrefix = "%join.";

/// A model in modules that run one after another.
struct SplitModel {
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> pieces;
  /// The paths of the blocks that end in residual joins, in order; empty where
  /// the joins are no results.
  std::vector<std::string> blocks;
};

/// Cuts `module` into pieces, each with parameters of at most `maxBytes` as
/// f64, a single op apart. A piece has the same entry points: with those of
/// their arguments and results that are computed in it, and with what a later
/// piece needs as results, an earlier one gave as arguments, `crossingPrefix`
/// and a number by name. What follows from the arguments alone is computed
/// again in each piece. An op that writes channels of its result from as many
/// of its weights, and has more of them, is done part by part.
///
/// With `givesJoins` what residual joins compute are results, too, named by
/// `joinPrefix`.
///
/// Gives one piece, a copy, where the model is small enough, or its entry
/// points cannot be cut at the same places.
SplitModel splitModel(mlir::ModuleOp module, int64_t maxBytes, bool givesJoins);

/// The same after the residual joins that end a block. A block is what has the
/// same path up to its first number, such as `model.layers.3`.
SplitModel splitAtBlocks(mlir::ModuleOp module);

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_SPLITMODEL_H
