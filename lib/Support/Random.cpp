//===- Random.cpp - Numbers that a seed makes -----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Random.h"

#include <cmath>

using namespace quench;

/// The natural logarithm of `x`, positive and normal, to a few units in the
/// last place. Libraries differ in the last bit of theirs.
static double getLogarithm(double x) {
  constexpr double ln2 = 0x1.62e42fefa39efp-1, root = 0x1.6a09e667f3bcdp-1;
  int exponent;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < root) {
    mantissa *= 2;
    --exponent;
  }
  // log(m) = 2 atanh((m - 1) / (m + 1)), |s| < 0.172.
  double s = (mantissa - 1) / (mantissa + 1), sum = 0;
  for (int power = 21; power >= 1; power -= 2)
    sum = sum * (s * s) + 1.0 / power;
  return 2 * s * sum + exponent * ln2;
}

double NormalNumbers::nextUniform() {
  uint64_t bits = splitMix64(seed, index++) >> 11;
  return static_cast<double>(bits) * 0x1p-52 - 1;
}

double NormalNumbers::next() {
  if (pending) {
    double number = *pending;
    pending.reset();
    return number;
  }
  double x, y, square;
  do {
    x = nextUniform();
    y = nextUniform();
    square = x * x + y * y;
  } while (square >= 1 || square == 0);
  double factor = std::sqrt(-2 * getLogarithm(square) / square);
  pending = y * factor;
  return x * factor;
}
