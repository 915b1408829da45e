//===- Model.h - Models in files and in memory ------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_MODEL_H
#define QUENCH_PIPELINES_MODEL_H

#include "Quench/Import/Importer.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace quench {

/// Reads what a user names as a model: a checkpoint folder is imported, a file
/// is parsed as IR, text or bytecode, and verified. Returns null after a
/// diagnostic.
mlir::OwningOpRef<mlir::ModuleOp> loadModel(mlir::MLIRContext &context,
                                            llvm::StringRef path,
                                            const ImportOptions &options,
                                            const ImporterRegistry &importers);

/// The folder that relative paths in the IR of `path` start from: the
/// checkpoint folder itself, or the folder of the IR file.
std::string modelDirectory(llvm::StringRef path);

/// `path`, which starts from the folder `from` where it is relative, as a path
/// that starts from `to`.
std::string rebasePath(llvm::StringRef path, llvm::StringRef from,
                       llvm::StringRef to);

/// Rewrites the relative paths of archives and vocabularies, which start from
/// `from`, so that they start from `to` and name the same files.
void rebasePaths(mlir::ModuleOp module, llvm::StringRef from,
                 llvm::StringRef to);

/// Writes `module`, as bytecode where `path` ends in `.mlirbc`, as text with
/// the locations otherwise; `-` is standard output. Relative paths in the IR
/// must start from the folder of `path`. Fails with a diagnostic, also where
/// the file exists and `force` is false, and leaves no partial file.
mlir::LogicalResult writeModel(mlir::ModuleOp module, llvm::StringRef path,
                               bool force);

/// Writes one diagnostic with its notes, `LOCATION: error: TEXT` a line; a
/// diagnostic about no place is preceded by `prefix` instead.
void printDiagnostic(const mlir::Diagnostic &diagnostic, llvm::StringRef prefix,
                     llvm::raw_ostream &os);

} // namespace quench

#endif // QUENCH_PIPELINES_MODEL_H
