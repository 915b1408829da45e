//===- BoundArchives.h - What archives say, in the IR -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes read no archives: they name their tensors, and bytes are read when
// programs are evaluated. Policies that take numbers from statistics or learned
// tensors must know which there are, though. Binding an archive writes its
// header into the module.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_BOUNDARCHIVES_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_BOUNDARCHIVES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace quench {

/// The attribute of modules that holds the headers of bound archives: from
/// scopes to dictionaries with `tensors`, from keys to types, and `metadata`,
/// from keys to strings.
inline constexpr llvm::StringLiteral boundAttrName = "quench.bound";

/// What the metadata of a statistics archive says of itself; docs/statistics.md
/// has the rest.
namespace statistics {
inline constexpr llvm::StringLiteral format = "quench-statistics";
inline constexpr llvm::StringLiteral version = "1";
} // namespace statistics

/// Binds the archive `file` to `scope`: `quench.archives` names it as
/// `writtenPath`, `quench.bound` holds its header. Fails with a diagnostic
/// where the archive cannot be read, or holds statistics of another version.
llvm::LogicalResult bindArchive(mlir::ModuleOp module, llvm::StringRef scope,
                                llvm::StringRef file,
                                llvm::StringRef writtenPath);

/// Whether an archive is bound to `scope`.
bool isBound(mlir::ModuleOp module, llvm::StringRef scope);

/// The text under `key` in the metadata of the archive of `scope`, or none.
std::optional<llvm::StringRef> getBoundText(mlir::ModuleOp module,
                                            llvm::StringRef scope,
                                            llvm::StringRef key);

/// Whether the archive of `scope` has a tensor `key`.
bool hasBoundTensor(mlir::ModuleOp module, llvm::StringRef scope,
                    llvm::StringRef key);

/// Builds the parameter `key` of `scope`, or returns null where the archive has
/// none.
mlir::Value createBoundParam(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::ModuleOp module, llvm::StringRef scope,
                             llvm::StringRef key);

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_BOUNDARCHIVES_H
