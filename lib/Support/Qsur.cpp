//===- Qsur.cpp - How much of a quantizer's range data fill ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Qsur.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <vector>

using namespace quench;

/// The logarithm of the determinant of a positive semidefinite matrix, by its
/// Cholesky factor.
static double getLogDeterminant(llvm::ArrayRef<double> matrix, int64_t d) {
  std::vector<double> factor(matrix.begin(), matrix.end());
  double logarithm = 0;
  for (int64_t column = 0; column < d; ++column) {
    double *line = factor.data() + column * d;
    double pivot = line[column];
    for (int64_t index = 0; index < column; ++index)
      pivot -= line[index] * line[index];
    // What rounding leaves of 0.
    double noise = static_cast<double>(d) * matrix[column * d + column] *
                   std::numeric_limits<double>::epsilon();
    if (pivot <= noise)
      return -std::numeric_limits<double>::infinity();
    logarithm += std::log(pivot);
    double root = std::sqrt(pivot);
    line[column] = root;
    for (int64_t row = column + 1; row < d; ++row) {
      double *other = factor.data() + row * d;
      double sum = other[column];
      for (int64_t index = 0; index < column; ++index)
        sum -= other[index] * line[index];
      other[column] = sum / root;
    }
  }
  return logarithm;
}

/// From the logarithm of the determinant and the greatest variance.
static Qsur makeQsur(double logDeterminant, double variance, int64_t d) {
  double n = static_cast<double>(d);
  double logPi = std::log(3.14159265358979323846);
  double logRelative = logDeterminant / (2 * n) - std::log(variance) / 2;
  double logBound = logPi / 2 - std::lgamma(n / 2 + 1) / n - std::log(2.0);
  return {n * (logBound + logRelative), std::exp(logBound + logRelative),
          std::exp(logRelative)};
}

Qsur quench::getQsur(llvm::ArrayRef<double> covariance, int64_t d) {
  assert(d > 0 && covariance.size() == static_cast<size_t>(d * d) &&
         "expected a square matrix");
  double variance = 0;
  for (int64_t index = 0; index < d; ++index)
    variance = std::max(variance, covariance[index * d + index]);
  if (variance == 0)
    return {-std::numeric_limits<double>::infinity(), 0, 0};
  return makeQsur(getLogDeterminant(covariance, d), variance, d);
}

Qsur quench::getQsur(llvm::ArrayRef<double> variances,
                     llvm::ArrayRef<double> eigenvalues) {
  assert(!variances.empty() && variances.size() == eigenvalues.size() &&
         "expected as many eigenvalues as channels");
  double variance = *std::max_element(variances.begin(), variances.end());
  double logarithm = 0;
  for (double eigenvalue : eigenvalues)
    logarithm += std::log(std::max(eigenvalue, 0.0));
  if (variance <= 0)
    return {-std::numeric_limits<double>::infinity(), 0, 0};
  return makeQsur(logarithm, variance, variances.size());
}
