//===- DimSymbols.h - Names of the dimensions of values ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_DIMSYMBOLS_H
#define QUENCH_LIB_PIPELINES_DIMSYMBOLS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace quench {

/// The names (`quench.dims`) of the dynamic dimensions of `value`, a tensor in
/// an entry point: those of the arguments that they are the sizes of.
/// `getKnown` gives the names of values that are known, null for others. Fails
/// where a size is none of an argument. May leave ops behind that nobody uses.
mlir::FailureOr<mlir::ArrayAttr>
findSymbols(mlir::Value value,
            llvm::function_ref<mlir::ArrayAttr(mlir::Value value)> getKnown);

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_DIMSYMBOLS_H
