//===- Captures.h - What an outlined body takes along -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CODEGEN_CPU_CAPTURES_H
#define QUENCH_LIB_CODEGEN_CPU_CAPTURES_H

#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/STLExtras.h"

namespace quench {

/// What a body that becomes a function uses from outside.
struct Captures {
  /// Values that the function takes as arguments.
  llvm::SmallVector<mlir::Value> values;
  /// Constants, which are cheaper made again in the function.
  llvm::SmallVector<mlir::Operation *> constants;

  template <typename Range>
  explicit Captures(const Range &used) {
    for (mlir::Value value : used) {
      mlir::Operation *op = value.getDefiningOp();
      if (op && op->hasTrait<mlir::OpTrait::ConstantLike>())
        constants.push_back(op);
      else
        values.push_back(value);
    }
  }
};

} // namespace quench

#endif // QUENCH_LIB_CODEGEN_CPU_CAPTURES_H
