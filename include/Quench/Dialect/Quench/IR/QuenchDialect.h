//===- QuenchDialect.h - The dialect and its attributes ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHDIALECT_H
#define QUENCH_DIALECT_QUENCH_IR_QUENCHDIALECT_H

#include "Quench/Interfaces/QuantizerAttrInterface.h"
#include "Quench/Interfaces/RotationAttrInterface.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h.inc"
#include "Quench/Dialect/Quench/IR/QuenchEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchAttrs.h.inc"

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

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHDIALECT_H
