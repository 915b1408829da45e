//===- WeightPrograms.h - From archives to parameters -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TRANSFORMS_WEIGHTPROGRAMS_H
#define QUENCH_TRANSFORMS_WEIGHTPROGRAMS_H

#include "Quench/Support/Archive.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace quench {

/// The open archives of a module by parameter scope.
class ArchiveSet {
public:
  /// Opens the archives of all scopes that parameters in `module` use: where
  /// `overrides` has the scope, that path; else the path that the module's
  /// `quench.archives` has, relative to `baseDir`. Emits a diagnostic for each
  /// scope without archive, each archive that cannot be opened, and each
  /// override that no parameter uses.
  static mlir::FailureOr<ArchiveSet>
  open(mlir::ModuleOp module, const llvm::StringMap<std::string> &overrides,
       llvm::StringRef baseDir);

  /// The archive of `scope`, or null.
  const Archive *find(llvm::StringRef scope) const;

private:
  llvm::StringMap<std::unique_ptr<Archive>> archives;
};

/// Checks that every parameter under `op` is in its archive under its name,
/// with its element type and shape. Emits a diagnostic for each that is not, at
/// the op. Touches no tensor.
mlir::LogicalResult verifyParams(mlir::Operation *op,
                                 const ArchiveSet &archives);

/// Evaluates the weight program that computes `root` into `result`, which has
/// as many bytes as the type of `root`. Chains of ops that work on rows are
/// evaluated in pieces; of other intermediate tensors those that are still
/// needed are held. Pages of the archives are given back.
mlir::LogicalResult evaluateWeights(mlir::Value root,
                                    const ArchiveSet &archives,
                                    llvm::MutableArrayRef<char> result);

/// Evaluates all roots that `params` returns, each at its byte offset in
/// `payload` by the `quench.offsets` of `params` (ascending array of i64); the
/// bytes between them become zero. Roots are evaluated in parallel, as many at
/// once as have together few intermediate bytes; the result does not depend on
/// it.
mlir::LogicalResult evaluatePayload(mlir::func::FuncOp params,
                                    const ArchiveSet &archives,
                                    llvm::MutableArrayRef<char> payload);

} // namespace quench

#endif // QUENCH_TRANSFORMS_WEIGHTPROGRAMS_H
