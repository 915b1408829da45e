//===- Manifest.h - What a compiled model takes and gives ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_MANIFEST_H
#define QUENCH_CODEGEN_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"
#include <string>
#include <vector>

namespace quench {

/// Where a compiled model finds its parameters.
enum class ParamsMode {
  Embed,    ///< payload at the end of the file
  External, ///< archive beside the file
  Memory    ///< bytes in memory
};

/// What a manifest says beyond the IR and the parameters.
struct ManifestInfo {
  /// Name of the model; empty: that of the module.
  std::string name;
  /// LLVM triple and the `--cpu` option.
  std::string target, cpu;
  /// CPU features that the code uses.
  std::vector<std::string> features;
  /// Text of the recipe.
  std::string recipe;
  /// Hash of the IR.
  std::string hash;
  /// Folder that relative paths in the IR start at.
  std::string baseDir;
};

/// The manifest of `module`, whose entry points are on tensors, as
/// docs/dev/manifest.md says, all but `params`. Emits a diagnostic when the
/// entry points do not say enough, or when the vocabulary of the tokenizer
/// cannot be read.
mlir::FailureOr<llvm::json::Object> buildManifest(mlir::ModuleOp module,
                                                  const ManifestInfo &info);

/// Adds the field `params`: where the parameters are, in which `file` if they
/// are external, and their bytes.
void addParams(llvm::json::Object &manifest, ParamsMode mode,
               llvm::StringRef file, llvm::ArrayRef<char> payload);

} // namespace quench

#endif // QUENCH_CODEGEN_MANIFEST_H
