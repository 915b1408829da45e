//===- ParameterMap.h - Elements and their parameters -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_PARAMETERMAP_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_PARAMETERMAP_H

#include "QuantParameters.h"

#include "Quench/Interfaces/WeightProgramOpInterface.h"

namespace quench {

/// How rows of a tensor meet rows of its parameters.
class ParameterMap {
public:
  ParameterMap(mlir::Value tensor, QuantizerAttrInterface quantizer);

  /// The rows of the parameters, of which there are `all`, for `rows` of the
  /// tensor; none where a row of the former serves several of the latter.
  std::optional<RowRange> getParameterRows(RowRange rows, RowRange all) const;

  /// The rows of the tensor that `rows` of the parameters are of; none where
  /// that is not one row each.
  std::optional<RowRange> getTensorRows(RowRange rows) const;

  /// The axis of the parameters for that of the tensor, as `getOperandAxis`.
  std::optional<int64_t> getParameterAxis(int64_t axis) const;

  /// The place of the parameters of an element of a matrix, its row counted
  /// from the first of those that the parameters are of.
  int64_t getPlace(int64_t row, int64_t column) const;

  /// Calls `body` for every run of elements of `rows` with the same parameters:
  /// where it begins, how long it is, and the place of its parameters, all from
  /// the first of `rows` on. Stops when it fails.
  llvm::LogicalResult
  walk(RowRange rows,
       llvm::function_ref<llvm::LogicalResult(int64_t, int64_t, int64_t)> body)
      const;

private:
  llvm::ArrayRef<int64_t> shape;
  llvm::SmallVector<QuantAxis> axes;
};

/// Fails unless every dimension of `value`, called `name`, is static.
llvm::LogicalResult checkAllStatic(ShapeInference &shapes, mlir::Value value,
                                   llvm::StringRef name);

/// The scale of a whole tensor whose parts have the greatest magnitudes
/// `largest`, for scales that are multiples of it (C24); 1 where those of
/// `quantizer` are not.
double getOuterScale(llvm::ArrayRef<double> largest,
                     QuantizerAttrInterface quantizer, bool wide);

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_PARAMETERMAP_H
