//===- QuenchLogIntOps.h - Attention by an integer softmax ----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHLOGINTOPS_H
#define QUENCH_DIALECT_QUENCH_IR_QUENCHLOGINTOPS_H

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/ShapeInference.h"
#include "Quench/Interfaces/CostOpInterface.h"
#include "Quench/Interfaces/QuantizerAttrInterface.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include <string>

namespace quench {

/// What steps of scores are where nobody says it.
inline constexpr double defaultScoreStep = 0x1p-4;

/// Why the probabilities of an integer softmax (C38 of docs/spec.md) cannot
/// have the codes of `quantizer`; empty where they can.
std::string getLogIntObstacle(QuantizerAttrInterface quantizer);

} // namespace quench

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.h.inc"

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHLOGINTOPS_H
