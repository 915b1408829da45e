//===- Remarks.h - Why passes did what they did -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_REMARKS_H
#define QUENCH_PIPELINES_REMARKS_H

#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringRef.h"

namespace quench {

/// Lets the remarks of every category on `context` go to the YAML file `path`,
/// or as diagnostics where `path` is `-`. Fails with a diagnostic when the file
/// cannot be written.
mlir::LogicalResult enableRemarks(mlir::MLIRContext &context,
                                  llvm::StringRef path);

} // namespace quench

#endif // QUENCH_PIPELINES_REMARKS_H
