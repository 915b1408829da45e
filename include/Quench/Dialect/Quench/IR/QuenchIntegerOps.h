//===- QuenchIntegerOps.h - Arithmetic on codes -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGEROPS_H
#define QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGEROPS_H

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/ShapeInference.h"
#include "Quench/Interfaces/CostOpInterface.h"
#include "Quench/Interfaces/QuantizerAttrInterface.h"
#include "Quench/Interfaces/WeightProgramOpInterface.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace quench {

/// Whether 32 bits hold every sum of so many products of codes of `lhs` and
/// `rhs`, formats of integers, less their zero points (C28 of docs/spec.md).
bool fitsAccumulator(int64_t products, QuantizerAttrInterface lhs,
                     QuantizerAttrInterface rhs);

/// Whether 8 bits, signed, hold all codes of `quantizer`, a format of integers,
/// less their zero points.
bool hasByteIntegers(QuantizerAttrInterface quantizer);

/// Whether numbers of `quantizer` are the scale times what a table has for
/// their code, without zero points, and codes have up to 4 bits: products with
/// codes of weights look them up (C33). The table may be a learned one.
bool hasLookupTable(QuantizerAttrInterface quantizer);

/// The 16 numbers that codes of `quantizer` stand for at scale 1, from 0 on or,
/// where they have signs, from -8 on, and 0 for what is none of its codes; no
/// numbers where it has no such table, or a learned one.
llvm::SmallVector<float> getLookupTable(QuantizerAttrInterface quantizer);

/// The codes of `input` with parameters `scale` and `zero`, which may be null,
/// as bytes. Numbers or vectors, as `QuantizerAttrInterface::emitQuantize`
/// takes them, but that zero points are bytes.
mlir::Value emitCodes(mlir::OpBuilder &builder, mlir::Location loc,
                      QuantizerAttrInterface quantizer, mlir::Value input,
                      mlir::Value scale, mlir::Value zero);

/// What `codes` of `quantizer`, a format of integers, stand for at scale 1, as
/// integers of type `type`: their difference from `zero`, which may be null.
/// Numbers or vectors of bytes.
mlir::Value emitIntegers(mlir::OpBuilder &builder, mlir::Location loc,
                         QuantizerAttrInterface quantizer, mlir::Value codes,
                         mlir::Value zero, mlir::IntegerType type);

} // namespace quench

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h.inc"

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGEROPS_H
