//===- LogIntSoftmax.h - Softmax of integers to powers of two ---*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The numbers of FQ-ViT's Log-Int-Softmax, the exponential of which is that of
// I-BERT: C38 of docs/spec.md.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_LOGINTSOFTMAX_H
#define QUENCH_SUPPORT_LOGINTSOFTMAX_H

#include <cstdint>
#include <vector>

namespace quench {

/// The exponential of integers that count steps of scores, and the integers
/// that it is made of.
class LogIntSoftmax {
public:
  /// What a step is at least: the greatest power then takes 44 bits, and a sum
  /// that stays at `greatestSum` has keys of no code below 18.
  static constexpr double leastStep = 0x1p-6;
  /// What a step is at most: beyond it the polynomial has no integers left.
  static constexpr double greatestStep = 0.5;
  static constexpr int64_t greatestSum = int64_t(1) << 62;
  /// Bits of codes: numbers are multiples of 2^-15, or 0.
  static constexpr unsigned greatestBits = 4;

  /// `step` lies between the bounds above.
  explicit LogIntSoftmax(double step);

  /// The coefficients of the polynomial `r (r + linear) + constant`.
  int64_t getLinear() const { return linear; }
  int64_t getConstant() const { return constant; }
  /// The steps of an octave, rounded away from 0: negative.
  int64_t getOctave() const { return octave; }

  /// The power of a score that is `distance` steps below the greatest one, in
  /// units of which the greatest has `getConstant() * 2^30`; 0 from 31 octaves
  /// on.
  int64_t getPower(int64_t distance) const;
  /// The powers of the distances 0, 1, ..., up to the first that is 0.
  std::vector<int64_t> getPowers() const;

private:
  int64_t linear, constant, octave;
};

} // namespace quench

#endif // QUENCH_SUPPORT_LOGINTSOFTMAX_H
