//===- BatchIndependence.h - Batches that may be taken apart ---*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CODEGEN_BATCHINDEPENDENCE_H
#define QUENCH_LIB_CODEGEN_BATCHINDEPENDENCE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quench {

/// The symbol of the first dimension of all results of `entry`, an entry point,
/// if the results for a range of it need that range of its inputs alone, so
/// that a batch can be computed part by part; null if that is not so or not
/// known.
mlir::StringAttr getIndependentSymbol(mlir::func::FuncOp entry);

} // namespace quench

#endif // QUENCH_LIB_CODEGEN_BATCHINDEPENDENCE_H
