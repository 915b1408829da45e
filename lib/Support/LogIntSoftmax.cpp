//===- LogIntSoftmax.cpp - Softmax of integers to powers of two -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/LogIntSoftmax.h"

#include <cassert>
#include <cmath>

using namespace quench;

/// Octaves below the greatest score that have powers.
static constexpr int64_t lastOctave = 30;

LogIntSoftmax::LogIntSoftmax(double step) {
  assert(step >= leastStep && step <= greatestStep && "a step has bounds");
  // I-BERT: exp(r) is about 0.35815147 (r^2 + b r + c) from -log(2) to 0.
  constexpr double square = 0.35815147, first = 0.96963238;
  linear = static_cast<int64_t>(std::floor(first / square / step));
  constant = static_cast<int64_t>(std::floor(1 / square / (step * step)));
  octave = static_cast<int64_t>(std::floor(-0.6931 / step));
}

int64_t LogIntSoftmax::getPower(int64_t distance) const {
  int64_t whole = distance / -octave;
  if (whole > lastOctave)
    return 0;
  int64_t rest = whole * -octave - distance;
  return (rest * (rest + linear) + constant) << (lastOctave - whole);
}

std::vector<int64_t> LogIntSoftmax::getPowers() const {
  std::vector<int64_t> powers = {getPower(0)};
  while (powers.back() != 0)
    powers.push_back(getPower(static_cast<int64_t>(powers.size())));
  return powers;
}
