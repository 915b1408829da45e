//===- QuenchVisionOps.h - Feature maps and their tokens --------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHVISIONOPS_H
#define QUENCH_DIALECT_QUENCH_IR_QUENCHVISIONOPS_H

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/ShapeInference.h"
#include "Quench/Interfaces/BasisOpInterface.h"
#include "Quench/Interfaces/ChannelScalableOpInterface.h"
#include "Quench/Interfaces/CostOpInterface.h"
#include "Quench/Interfaces/QuantizableOpInterface.h"
#include "Quench/Interfaces/ShiftableOpInterface.h"
#include "Quench/Interfaces/TokenBoundaryOpInterface.h"
#include "Quench/Interfaces/WeightProgramOpInterface.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchVisionOps.h.inc"

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHVISIONOPS_H
