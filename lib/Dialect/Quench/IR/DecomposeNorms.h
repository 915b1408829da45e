//===- DecomposeNorms.h - Norms and softmax as loops -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_DECOMPOSENORMS_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_DECOMPOSENORMS_H

#include "TensorBuilder.h"

#include "llvm/ADT/APFloat.h"

namespace quench {

/// Softmax of `scores` over the last dimension, rounded to `type`, stretched
/// and clipped where `zeta` and `gamma` are given. A row that is all -inf gives
/// zeros.
mlir::Value buildSoftmax(TensorBuilder &builder, mlir::Value scores,
                         mlir::Type type, std::optional<llvm::APFloat> zeta,
                         std::optional<llvm::APFloat> gamma);

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_DECOMPOSENORMS_H
