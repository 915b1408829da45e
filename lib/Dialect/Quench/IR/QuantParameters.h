//===- QuantParameters.h - Which elements share a scale --------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_QUANTPARAMETERS_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_QUANTPARAMETERS_H

#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/ShapeInference.h"
#include "Quench/Interfaces/QuantizerAttrInterface.h"

#include "llvm/ADT/SmallVector.h"

namespace quench {

/// The dimensions of the parameters of a tensor of rank `rank`.
llvm::SmallVector<QuantAxis> getQuantAxes(QuantizerAttrInterface quantizer,
                                          int64_t rank);

/// Adds the sizes of the parameters of the tensor `input` to `dims`. Fails with
/// a diagnostic where the quantizer does not fit the tensor.
llvm::LogicalResult
inferParameterDims(ShapeInference &shapes, QuantizerAttrInterface quantizer,
                   mlir::Value input,
                   llvm::SmallVectorImpl<ShapeInference::Dim> &dims);

/// Fails with a diagnostic unless `scale` and `zero`, which may be null, are
/// parameters of the tensor `input`, the scale of type `scaleType` and the zero
/// point of type `zeroType`, and where the numbers of `quantizer` are learned.
llvm::LogicalResult checkParameters(ShapeInference &shapes,
                                    QuantizerAttrInterface quantizer,
                                    mlir::Value input, mlir::Value scale,
                                    mlir::Type scaleType, mlir::Value zero,
                                    mlir::Type zeroType);

/// The same, but that learned numbers are `table`, null where there are none.
llvm::LogicalResult checkCodeParameters(ShapeInference &shapes,
                                        QuantizerAttrInterface quantizer,
                                        mlir::Value input, mlir::Value scale,
                                        mlir::Type scaleType, mlir::Value zero,
                                        mlir::Type zeroType, mlir::Value table);

/// Fails with a diagnostic unless `zero`, which may be null, has the zero
/// points of the tensor `input`, of type `type`.
llvm::LogicalResult checkZeros(ShapeInference &shapes,
                               QuantizerAttrInterface quantizer,
                               mlir::Value input, mlir::Value zero,
                               mlir::Type type);

/// Fails with a diagnostic where a format has zero points: scales alone are
/// then no parameters.
llvm::LogicalResult checkHasScalesAlone(ShapeInference &shapes,
                                        QuantizerAttrInterface quantizer);

/// Fails with a diagnostic unless products with `quantizer` are sums of
/// integers.
llvm::LogicalResult checkHasIntegers(ShapeInference &shapes,
                                     QuantizerAttrInterface quantizer);

/// Where scales of `quantizer` are multiples of one for the whole tensor, what
/// the greatest magnitude of the tensor is divided by for that one (C24).
std::optional<double> getOuterDivisor(QuantizerAttrInterface quantizer);

/// What `body` makes of each element of `input`, its scale, and its zero point,
/// where `zero` is not null; a tensor of elements of type `type`.
mlir::Value mapByParameters(
    TensorBuilder &builder, mlir::Value input, mlir::Value scale,
    mlir::Value zero, QuantizerAttrInterface quantizer, mlir::Type type,
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Value number,
                                   mlir::Value scale, mlir::Value zero)>
        body);

/// One number of type `type` for each set of elements of `input` that shares
/// parameters, a tensor of `sizes`: what `body` makes of `init` and all of
/// them.
mlir::Value foldByParameters(TensorBuilder &builder, mlir::Value input,
                             QuantizerAttrInterface quantizer,
                             llvm::ArrayRef<mlir::OpFoldResult> sizes,
                             mlir::Type type, double init,
                             TensorBuilder::FoldBody body);

/// The product of the sizes of `value`.
int64_t countElements(
    mlir::Value value,
    llvm::function_ref<int64_t(mlir::Value value, int64_t dim)> getSize);

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_QUANTPARAMETERS_H
