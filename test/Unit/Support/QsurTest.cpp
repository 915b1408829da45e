//===- QsurTest.cpp - How much of a quantizer's range data fill -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Qsur.h"
#include "Published.h"
#include "Quench/Support/Hadamard.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace quench;
using namespace quench::test;

/// `H^T matrix H` for the symmetric `matrix`.
static std::vector<double> rotate(std::vector<double> matrix, int64_t d) {
  HadamardMatrix hadamard = *HadamardMatrix::get(d);
  for (int pass = 0; pass < 2; ++pass) {
    hadamard.apply(matrix);
    for (int64_t i = 0; i < d; ++i)
      for (int64_t j = 0; j < i; ++j)
        std::swap(matrix[i * d + j], matrix[j * d + i]);
  }
  return matrix;
}

TEST(Qsur, Published) {
  Published file("ost_qsur");
  std::vector<double> covariance = file.numbers("Sigma");
  const llvm::json::Object &rates = *file.at("qsur").getAsObject();
  auto expectRate = [&](llvm::StringRef name, const Qsur &qsur) {
    const llvm::json::Object &entry = *rates.getObject(name);
    double rate = *entry.getNumber("exact");
    EXPECT_NEAR(std::exp(qsur.logarithm), rate, 1e-12 * rate) << name.str();
    EXPECT_NEAR(qsur.perDimension, *entry.getNumber("exact^(1/d)"), 1e-12)
        << name.str();
  };
  expectRate("original", getQsur(covariance, 8));
  expectRate("hadamard", getQsur(rotate(covariance, 8), 8));

  std::vector<double> smooth = covariance, spread(64, 0), white(64, 0);
  std::vector<double> eigenvalues = file.numbers("eig");
  for (int64_t i = 0; i < 8; ++i) {
    for (int64_t j = 0; j < 8; ++j)
      smooth[i * 8 + j] /= std::sqrt(covariance[i * 9] * covariance[j * 9]);
    spread[i * 9] = eigenvalues[i];
    white[i * 9] = 3;
  }
  expectRate("smooth", getQsur(smooth, 8));
  spread = rotate(spread, 8);
  expectRate("KLT_times_H", getQsur(spread, 8));
  expectRate("whiten", getQsur(white, 8));
  EXPECT_NEAR(getQsur(white, 8).relative, 1, 1e-15);

  std::vector<double> variances;
  for (int64_t i = 0; i < 8; ++i)
    variances.push_back(spread[i * 9]);
  expectRate("KLT_times_H", getQsur(variances, eigenvalues));
}

// The published form has pi / 4 here.
TEST(Qsur, ExactInTwoDimensions) {
  Qsur qsur = getQsur({2.5, 1.5, 1.5, 2.5}, 2);
  EXPECT_NEAR(std::exp(qsur.logarithm), 3.14159265358979323846 / 5, 1e-14);
}

TEST(Qsur, SingularAndLarge) {
  Qsur singular = getQsur({1, 1, 1, 1}, 2);
  EXPECT_EQ(singular.perDimension, 0);
  EXPECT_TRUE(std::isinf(singular.logarithm));
  EXPECT_EQ(getQsur({0, 0, 0, 0}, 2).relative, 0);
  // The rate underflows.
  constexpr int64_t d = 384;
  std::vector<double> white(d * d, 0);
  for (int64_t i = 0; i < d; ++i)
    white[i * (d + 1)] = 2;
  EXPECT_LT(getQsur(white, d).logarithm, -745);
  EXPECT_NEAR(getQsur(white, d).relative, 1, 1e-14);
}
