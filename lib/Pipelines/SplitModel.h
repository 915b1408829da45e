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

/// Cuts `module` after residual joins into modules that run one after another,
/// so that each has parameters of at most `maxBytes`, a single layer apart. A
/// piece has the same entry points: with those of their arguments and results
/// that are computed in it, and with what a later piece needs as results, an
/// earlier one gave as arguments, `crossingPrefix` and a number by name. What
/// follows from the arguments alone is computed again in each piece. Gives one
/// piece, a copy, where the model is small enough, or its entry points do not
/// have the same joins.
std::vector<mlir::OwningOpRef<mlir::ModuleOp>> splitModel(mlir::ModuleOp module,
                                                          int64_t maxBytes);

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_SPLITMODEL_H
