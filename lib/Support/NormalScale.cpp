//===- NormalScale.cpp - Scales for normal distributions ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/NormalScale.h"

#include <cmath>

using namespace quench;

namespace {
/// Integrals of 1, x and x^2 times the density, from minus infinity.
struct Moments {
  double zeroth = 0, first = 0, second = 0;

  static Moments upTo(double x) {
    double density = std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
    double below = std::erfc(-x / std::sqrt(2.0)) / 2;
    return {below, -density, below - x * density};
  }
};
} // namespace

double quench::getNormalError(llvm::ArrayRef<double> numbers,
                              llvm::ArrayRef<double> bounds, double scale) {
  double error = 0;
  Moments begin;
  for (size_t i = 0; i < numbers.size(); ++i) {
    Moments end =
        i < bounds.size() ? Moments::upTo(bounds[i] * scale) : Moments{1, 0, 1};
    double number = numbers[i] * scale;
    error += end.second - begin.second -
             2 * number * (end.first - begin.first) +
             number * number * (end.zeroth - begin.zeroth);
    begin = end;
  }
  return error;
}

double quench::getNormalScale(llvm::ArrayRef<double> numbers,
                              llvm::ArrayRef<double> bounds) {
  double greatest = std::max(-numbers.front(), numbers.back());
  auto getError = [&](double logarithm) {
    return getNormalError(numbers, bounds, std::exp2(logarithm) / greatest);
  };
  // The greatest number lies within 2^-3 to 2^4 deviations.
  constexpr double width = 1.0 / 8;
  double best = -3;
  for (double next = best; next <= 4; next += width)
    if (getError(next) < getError(best))
      best = next;
  double low = best - width, high = best + width;
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  while (high - low > 1e-7) {
    double left = high - ratio * (high - low),
           right = low + ratio * (high - low);
    (getError(left) < getError(right) ? high : low) =
        getError(left) < getError(right) ? right : left;
  }
  double scale = std::exp2((low + high) / 2) / greatest;
  // What is left of the search, and of the mathematical library.
  double unit = std::exp2(std::floor(std::log2(scale)) - 20);
  return std::round(scale / unit) * unit;
}
