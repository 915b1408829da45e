//===- Importer.h - Checkpoints to modules ----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_IMPORT_IMPORTER_H
#define QUENCH_IMPORT_IMPORTER_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <functional>
#include <string>
#include <vector>

namespace quench {

class ModelBuilder;

/// What users choose about an import.
struct ImportOptions {
  /// Type of activations and parameters: f32, f64, f16 or bf16. A parameter
  /// that the checkpoint holds in another type is cast.
  std::string dtype = "f32";
  /// Values that are read in place of those of `config.json`, as
  /// `Config::assign` takes them.
  std::vector<std::string> config = {};
};

/// Builds the entry points of one family. On failure it has emitted an error.
using ImportFunction = std::function<mlir::LogicalResult(ModelBuilder &)>;

/// The families that can be imported, by the `model_type` of `config.json`.
class ImporterRegistry {
public:
  /// Adds a family, or replaces the importer that it had.
  void add(llvm::StringRef modelType, ImportFunction function) {
    importers[modelType] = std::move(function);
  }
  /// The importer of a family, or null.
  const ImportFunction *find(llvm::StringRef modelType) const;
  /// All families, sorted.
  llvm::SmallVector<llvm::StringRef> modelTypes() const;

private:
  llvm::StringMap<ImportFunction> importers;
};

/// Adds the families of this tree.
void registerAllImporters(ImporterRegistry &registry);

/// Reads the checkpoint in a folder (`config.json` and safetensors) as a module
/// whose parameters refer to the archive. Emits errors and warnings (unused
/// tensors) through the context and returns null on failure.
mlir::OwningOpRef<mlir::ModuleOp>
importCheckpoint(mlir::MLIRContext *context, llvm::StringRef directory,
                 const ImportOptions &options,
                 const ImporterRegistry &importers);

} // namespace quench

#endif // QUENCH_IMPORT_IMPORTER_H
