//===- WeightPrograms.h - From archives to parameters -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TRANSFORMS_WEIGHTPROGRAMS_H
#define QUENCH_TRANSFORMS_WEIGHTPROGRAMS_H

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Support/Archive.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"

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

/// The tensor of the archive that `param` names. Fails with a diagnostic at it
/// where there is none of its type.
mlir::FailureOr<const Archive::Tensor *>
resolveParam(ParamOp param, const ArchiveSet &archives);

/// Copies of weight programs in one block, equal ones once.
class WeightProgramSet {
public:
  /// Copies go to the end of `block`, which may be part of nothing.
  WeightProgramSet(mlir::MLIRContext *context, mlir::Block *block)
      : builder(context) {
    builder.setInsertionPointToEnd(block);
  }

  /// The index of the root that computes what `value` does, whose program must
  /// be one. Takes no roots twice.
  int64_t addRoot(mlir::Value value);

  /// The roots in the order in which they were new.
  llvm::ArrayRef<mlir::Value> getRoots() const { return roots; }

private:
  void copy(mlir::Operation *op);

  mlir::OpBuilder builder;
  mlir::IRMapping mapping;
  llvm::DenseMap<size_t, llvm::SmallVector<mlir::Operation *>> copies;
  llvm::DenseMap<mlir::Value, int64_t> indices;
  llvm::SmallVector<mlir::Value> roots;
};

/// A use of a parameter or weight program, and the index of its root.
using ParamUse = std::pair<mlir::OpOperand *, int64_t>;

/// Adds to `programs` what model ops below `op` read, in the order in which
/// they do, so that equal IR gives equal sets. Fails with a diagnostic where a
/// program is none.
mlir::FailureOr<llvm::SmallVector<ParamUse>>
collectPrograms(mlir::Operation *op, WeightProgramSet &programs);

/// Erases the ops on parameters below `op` that nothing uses.
void eraseDeadPrograms(mlir::Operation *op);

/// Evaluates the weight program that computes `root` into `result`, which has
/// as many bytes as the type of `root`, see WeightEvaluator.
mlir::LogicalResult evaluateWeights(mlir::Value root,
                                    const ArchiveSet &archives,
                                    llvm::MutableArrayRef<char> result);

/// Evaluates all roots that `params` returns, each at its byte offset in
/// `payload` by the `quench.offsets` of `params` (ascending array of i64); the
/// bytes between them become zero.
mlir::LogicalResult evaluatePayload(mlir::func::FuncOp params,
                                    const ArchiveSet &archives,
                                    llvm::MutableArrayRef<char> payload);

} // namespace quench

#endif // QUENCH_TRANSFORMS_WEIGHTPROGRAMS_H
