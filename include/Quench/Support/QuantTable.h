//===- QuantTable.h - Formats whose numbers are a table ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_QUANTTABLE_H
#define QUENCH_SUPPORT_QUANTTABLE_H

#include "Quench/Support/Numerics.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

namespace quench {

/// What a logarithmic format, which has no code for 0 of its own, does with
/// numbers that are 0 or next to it (C15).
enum class ZeroState : uint8_t {
  /// They get the last code, the least number.
  None,
  /// The last code stands for 0.
  Last,
  /// A code more than the others stands for 0.
  Extra
};

/// A format as a table (C12). Numbers C12, C13, ... are those of docs/spec.md.
/// The tables made here are exact: every number and bound is rounded once, from
/// arithmetic with 100 bits.
struct QuantTable {
  /// What the codes stand for at scale 1, ascending.
  llvm::SmallVector<double> numbers;
  /// For every number but the last, the least f64 that belongs to a greater
  /// one.
  llvm::SmallVector<double> bounds;
  /// The code of every number.
  llvm::SmallVector<int32_t> codes;

  /// The least f32 that is not below each bound: what numbers of f32 are
  /// compared with.
  llvm::SmallVector<float> getFloatBounds() const;

  /// For the functions of Numerics.h.
  numerics::Table view() const {
    return {numbers.data(), bounds.data(), codes.data(),
            static_cast<uint32_t>(numbers.size())};
  }

  /// Two or more ascending numbers with their places as codes. What lies in the
  /// middle of two gets the even code (C13).
  static QuantTable getNearest(llvm::ArrayRef<double> numbers);

  /// The numbers -1, 0 and 1 with themselves as codes (C19).
  static QuantTable getTernary();

  /// The numbers -1 and 1 with the codes 0 and 1 (C19).
  static QuantTable getBinary();

  /// The numbers `2^(-code * numerator / denominator)` of `bits` bits (C14,
  /// C15). Mantissas are multiples of `1 / unit`, if `unit` is not 0 (C16).
  static QuantTable getLogarithmic(unsigned bits, unsigned numerator,
                                   unsigned denominator, unsigned unit,
                                   ZeroState zero);

  /// Numbers at equal distances in `tan(a x - b)`, from 0 to 1, for
  /// `0 < b < pi / 2` and `b < a < b + pi / 2` (C17).
  static QuantTable getTangent(unsigned bits, double a, double b);
};

} // namespace quench

#endif // QUENCH_SUPPORT_QUANTTABLE_H
