//===- RotateSites.h - What passes that rotate channels share ---*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_ROTATESITES_H
#define QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_ROTATESITES_H

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace quench {

/// Whether a residual branch joins what `site` holds: the class has the result
/// of an op with the attribute `residual`.
bool isResidualStream(const ChannelClass &site);

/// A pass that rotates classes of channels.
class RotationClaim : public EquivalenceClaim {
protected:
  /// Rotates the classes of `module` that `isSite` is about, the names of which
  /// match the regular expression `sites`, by what the policy `policy` with
  /// `options` says. Says of each what was done, or why nothing was; `none` is
  /// what there is to say when there is no such class. Fails after it emitted
  /// an error about the options.
  mlir::LogicalResult
  rotateSites(mlir::ModuleOp module, llvm::StringRef policy,
              llvm::ArrayRef<std::string> options, llvm::StringRef sites,
              llvm::StringRef none,
              llvm::function_ref<bool(const ChannelClass &)> isSite);
};

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_ROTATESITES_H
