//===- DecomposeContractions.h - Contractions as loops ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_DECOMPOSECONTRACTIONS_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_DECOMPOSECONTRACTIONS_H

#include "TensorBuilder.h"

namespace quench {

/// `input` `[..., K]` times the transpose of `weight` `[O, K]`, plus `bias` if
/// there is one.
mlir::Value buildLinear(TensorBuilder &builder, mlir::Value input,
                        mlir::Value weight, mlir::Value bias);

/// The patches of `height` x `width` pixels of `image` `[B, C, H, W]`, as rows.
mlir::Value buildPatches(TensorBuilder &builder, mlir::Value image,
                         int64_t height, int64_t width);

/// `image` with `padding` rows and columns of zeros on each side of the
/// dimensions `first` and `first + 1`.
mlir::Value buildPadding(TensorBuilder &builder, mlir::Value image,
                         int64_t first, llvm::ArrayRef<int64_t> padding);

/// `size / divisor`.
mlir::OpFoldResult divide(TensorBuilder &builder, mlir::OpFoldResult size,
                          int64_t divisor);

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_DECOMPOSECONTRACTIONS_H
