//===- SharedWeights.h - Weights that ops no longer share ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_SHAREDWEIGHTS_H
#define QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_SHAREDWEIGHTS_H

#include "mlir/IR/Value.h"
#include "mlir/Pass/Pass.h"

#include "llvm/ADT/MapVector.h"

namespace quench {

/// The weights that a pass replaced in some ops. An op that still reads one of
/// them, such as the embedding of a head, now has it for itself.
class SharedWeights {
public:
  /// Says that `op` does not read `weight` any longer.
  void note(mlir::Value weight, mlir::Operation *op) {
    weights.insert({weight, op});
  }

  /// Emits a remark of `pass` for each weight that is now stored twice.
  void remark(const mlir::Pass &pass) const;

private:
  llvm::MapVector<mlir::Value, mlir::Operation *> weights;
};

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_SHAREDWEIGHTS_H
