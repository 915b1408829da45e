//===- Materialize.h - Models with parameters of their own ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_MATERIALIZE_H
#define QUENCH_PIPELINES_MATERIALIZE_H

#include "Quench/Pipelines/Build.h"
#include "Quench/Transforms/ParamPacker.h"

namespace quench {

/// Prepares `input` by `phases`, up to codegen, evaluates its weight programs
/// into an archive, and writes the IR beside it: `output`, when that ends in
/// `.mlir` or `.mlirbc`, and the same with `.safetensors`; else `model.mlir`
/// and `model.safetensors` in the folder `output`, which is made. `params` is
/// as in BuildOptions; `pack` says all but the path. Fails with a diagnostic.
/// After an interruption at any moment the same call goes on and ends with the
/// same files.
mlir::LogicalResult
materializeModel(mlir::MLIRContext &context, llvm::StringRef input,
                 llvm::StringRef output, const PhaseOptions &phases,
                 const llvm::StringMap<std::string> &params, PackOptions pack);

} // namespace quench

#endif // QUENCH_PIPELINES_MATERIALIZE_H
