//===- CostOpInterface.h - Work and traffic of ops --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_COSTOPINTERFACE_H
#define QUENCH_INTERFACES_COSTOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"

namespace quench {

/// The work of an op.
struct OpCost {
  /// Multiplications followed by an addition.
  int64_t macs = 0;
  /// Numbers to which a function is applied: activations, exponentials, scales.
  int64_t elementwise = 0;
};

} // namespace quench

#include "Quench/Interfaces/CostOpInterface.h.inc"

#endif // QUENCH_INTERFACES_COSTOPINTERFACE_H
