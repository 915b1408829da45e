//===- Quench.h - The quench dialect ---------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCH_H
#define QUENCH_DIALECT_QUENCH_IR_QUENCH_H

#include "Quench/Dialect/Quench/IR/ShapeInference.h"
#include "Quench/Interfaces/BasisOpInterface.h"
#include "Quench/Interfaces/ChannelScalableOpInterface.h"
#include "Quench/Interfaces/CostOpInterface.h"
#include "Quench/Interfaces/NormOpInterface.h"
#include "Quench/Interfaces/QuantizableOpInterface.h"
#include "Quench/Interfaces/QuantizerAttrInterface.h"
#include "Quench/Interfaces/RotationAttrInterface.h"
#include "Quench/Interfaces/ShiftableOpInterface.h"
#include "Quench/Interfaces/WeightProgramOpInterface.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h.inc"
#include "Quench/Dialect/Quench/IR/QuenchEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchAttrs.h.inc"

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchOps.h.inc"

namespace quench {

/// Names of the attributes of entry points, their arguments and results, and of
/// the modules that hold them.
namespace attrs {
inline constexpr llvm::StringLiteral entry = "quench.entry";
inline constexpr llvm::StringLiteral name = "quench.name";
inline constexpr llvm::StringLiteral dims = "quench.dims";
inline constexpr llvm::StringLiteral role = "quench.role";
inline constexpr llvm::StringLiteral defaultValue = "quench.default";
inline constexpr llvm::StringLiteral range = "quench.range";
inline constexpr llvm::StringLiteral state = "quench.state";
inline constexpr llvm::StringLiteral symbols = "quench.symbols";
inline constexpr llvm::StringLiteral modelType = "quench.model_type";
inline constexpr llvm::StringLiteral archives = "quench.archives";
inline constexpr llvm::StringLiteral tokenizer = "quench.tokenizer";
} // namespace attrs

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCH_H
