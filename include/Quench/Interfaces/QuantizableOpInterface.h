//===- QuantizableOpInterface.h - Operands that may be integers -*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_QUANTIZABLEOPINTERFACE_H
#define QUENCH_INTERFACES_QUANTIZABLEOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

namespace quench {

/// What an operand is to a quantizer.
enum class QuantRole {
  /// Changes with every run; its scale is calibrated or computed at run time.
  Activation,
  /// Is known when the model is compiled.
  Weight,
  /// Is added to an accumulator and takes its scale.
  Bias,
  /// Stays as it is: indices, masks, angles, states of recurrences.
  Exact
};

/// An operand as a quantizer sees it.
struct QuantOperand {
  QuantRole role;
  /// The axes that the op sums over: groups of a scale lie along them, and a
  /// scale may not vary within a sum otherwise.
  llvm::SmallVector<int64_t, 2> reducedAxes = {};
  /// The axis of a weight whose scales go into those of the result; -1 where
  /// there is none.
  int64_t channelAxis = -1;
};

/// How the scale of a result follows from those of the operands.
enum class QuantRelation {
  /// Sums of products: the scale is the product of those of the factors.
  Product,
  /// Values are moved or chosen: the result may keep the scale of operand 0.
  Same,
  /// The result needs a scale of its own.
  Own
};

} // namespace quench

#include "Quench/Interfaces/QuantizableOpInterface.h.inc"

#endif // QUENCH_INTERFACES_QUANTIZABLEOPINTERFACE_H
