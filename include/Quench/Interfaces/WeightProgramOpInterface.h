//===- WeightProgramOpInterface.h - Ops on parameters ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_H
#define QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <optional>

namespace quench {

/// Indices [begin, end) of the first dimension of a tensor. A tensor of rank 0
/// has one row.
struct RowRange {
  int64_t begin;
  int64_t end;

  int64_t size() const { return end - begin; }
};

/// Stands for an axis where an op needs an operand as a whole.
inline constexpr int64_t wholeOperand = -1;

/// All rows of a tensor of static shape.
RowRange getAllRows(mlir::Value tensor);

/// Evaluates `op`, a weight program that works on rows, from the bytes of its
/// whole operands.
llvm::LogicalResult
evaluateAllRows(mlir::Operation *op,
                llvm::ArrayRef<llvm::ArrayRef<char>> operands,
                llvm::MutableArrayRef<char> result);

} // namespace quench

#include "Quench/Interfaces/WeightProgramOpInterface.h.inc"

#endif // QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_H
