//===- QuenchIntegerAttentionOps.h - Attention of codes ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGERATTENTIONOPS_H
#define QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGERATTENTIONOPS_H

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

#include <array>
#include <string>

namespace quench {

/// What C35, C36, C40 and C41 of docs/spec.md fix.
namespace integer_attention {
/// log2(e): what turns scores into octaves.
inline constexpr double octaves = 1.4426950408889634;
/// What the greatest score of a row is at least.
inline constexpr double leastMaximum = -0x1p100;
/// Octaves below the greatest score from where on weights are 0.
inline constexpr double leastOctave = -64;
/// Bits that weights have more than uniform codes with a scale for each row.
inline constexpr int64_t weightBits = 8;
/// The weight of the greatest score where weights become numbers first.
inline constexpr int64_t numberUnit = int64_t(1) << 22;
/// Bytes that the integers of numbers have at most.
inline constexpr int64_t greatestBytes = 3;
/// Keys whose products are summed as integers.
inline constexpr int64_t block = 256;

/// Why attention of codes cannot take probabilities of that format; empty where
/// it can.
std::string getProbabilityObstacle(QuantizerAttrInterface probabilities);

/// Whether each row of probabilities has a scale, computed at run time; else
/// one is given.
bool hasRowScales(QuantizerAttrInterface probabilities);

/// The polynomial of 2^f, f from -1/2 to 1/2, in the unit of weights, as f32:
/// the number of f^0 first. `probabilities` is the format of the codes.
std::array<float, 4> getWeightPolynomial(QuantizerAttrInterface probabilities);

/// The numbers of a format of probabilities as integers (C41).
struct ProbabilityIntegers {
  /// In the order of the numbers of the table. None where codes are the
  /// integers.
  llvm::SmallVector<int32_t> integers;
  /// What they are multiples of.
  float unit = 1;
  /// How many bytes hold them.
  int64_t bytes = 1;
};
ProbabilityIntegers
getProbabilityIntegers(QuantizerAttrInterface probabilities);
} // namespace integer_attention

} // namespace quench

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h.inc"

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGERATTENTIONOPS_H
