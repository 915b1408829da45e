//===- PolicyOpsTest.cpp - Rotations that policies choose ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support/Published.h"
#include "NumberOps.h"

#include "llvm/Support/FormatVariadic.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace quench;
using namespace quench::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
class PolicyOps : public NumberOps {};

/// The variances of the columns of `rows` `[count, n]` times `r` times the
/// normalized Hadamard matrix of Sylvester.
Numbers getRotatedVariances(const Numbers &rows, const Numbers &r, size_t n) {
  size_t count = rows.size() / n;
  Numbers variances;
  for (size_t column = 0; column < n; ++column) {
    double sum = 0, squares = 0;
    for (size_t row = 0; row < count; ++row) {
      double value = 0;
      for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) {
          int sign = llvm::popcount(j & column) % 2 ? -1 : 1;
          value += rows[row * n + i] * r[i * n + j] * sign;
        }
      value /= std::sqrt(n);
      sum += value;
      squares += value * value;
    }
    variances.push_back((squares - sum * sum / count) / (count - 1));
  }
  return variances;
}

/// The largest entry of `r r^T - I`.
double getDeviation(const Numbers &r, size_t n) {
  double worst = 0;
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < n; ++j) {
      double product = i == j ? -1 : 0;
      for (size_t k = 0; k < n; ++k)
        product += r[i * n + k] * r[j * n + k];
      worst = std::max(worst, std::abs(product));
    }
  return worst;
}
} // namespace

TEST_F(PolicyOps, WeightsOnlyMakeAllVariancesEqual) {
  Published file("ost_qsur");
  Numbers stack = file.numbers("womi/W_stack"), cov = file.numbers("womi/cov");
  size_t rows = stack.size() / 8;
  std::string type = llvm::formatv("tensor<{0}x8xf64>", rows);
  resultType = "tensor<9x9xf64>";
  Numbers moments =
      run("quench.moments of %w0 axis 1", {StringRef(type)}, {stack});
  ASSERT_EQ(moments.size(), 81u);
  resultType = "tensor<8x8xf64>";
  Numbers found = run("quench.covariance %w0", {"tensor<9x9xf64>"}, {moments});
  ASSERT_EQ(found.size(), cov.size());
  for (auto [a, b] : llvm::zip_equal(found, cov))
    EXPECT_NEAR(a, b, 1e-13);
  Numbers klt = run("quench.klt %w0", {"tensor<8x8xf64>"}, {found});
  ASSERT_EQ(klt.size(), 64u);
  EXPECT_LT(getDeviation(klt, 8), 1e-14);
  for (double variance : getRotatedVariances(stack, klt, 8))
    EXPECT_NEAR(variance, file.number("womi/mean_eig"), 1e-13);
}

TEST_F(PolicyOps, KLTOfActivationsMakesAllVariancesEqual) {
  Published file("mamba_block");
  Numbers rows = file.numbers("dt_low"), mean(4), gram(16);
  size_t count = rows.size() / 4;
  for (size_t row = 0; row < count; ++row)
    for (size_t i = 0; i < 4; ++i) {
      mean[i] += rows[row * 4 + i] / count;
      for (size_t j = 0; j < 4; ++j)
        gram[i * 4 + j] += rows[row * 4 + i] * rows[row * 4 + j] / count;
    }
  resultType = "tensor<4x4xf64>";
  Numbers klt = run("quench.klt %w0 mean %w1",
                    {"tensor<4x4xf64>", "tensor<4xf64>"}, {gram, mean});
  ASSERT_EQ(klt.size(), 16u);
  for (double variance : getRotatedVariances(rows, klt, 4))
    EXPECT_NEAR(variance, file.number("klt/mean_eig"), 1e-13);
}

TEST_F(PolicyOps, MomentsOfBlocksAndTotals) {
  // Two blocks of two vectors of length 2 each, along axis 0.
  resultType = "tensor<2x3x3xf64>";
  Numbers w = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_THAT(run("quench.moments of %w0 axis 0 blocks 2 size 2",
                  {"tensor<8x1xf64>"}, {w}),
              ElementsAre(10, 14, 4, 14, 20, 6, 4, 6, 2, //
                          74, 86, 12, 86, 100, 14, 12, 14, 2));
  resultType = "tensor<2x2xf64>";
  EXPECT_THAT(run("quench.moments total %w0 of %w1 axis 1",
                  {"tensor<2x2xf64>", "tensor<2x1xf64>"},
                  {{1, 2, 3, 4}, {2, 5}}),
              ElementsAre(30, 9, 10, 6));
}

TEST_F(PolicyOps, TheNearestOrthogonalMatrix) {
  Published file("stiefel_steps");
  Numbers learned = file.numbers("cayley_sgd/R_new_5iter");
  Numbers exact = file.numbers("cayley_sgd/R_new_exact_cayley");
  resultType = "tensor<4x4xf64>";
  EXPECT_NEAR(getDeviation(learned, 4),
              file.number("cayley_sgd/orth_err_5iter"), 1e-12);
  Numbers found = run("quench.orthogonalize %w0 tolerance 0.05",
                      {"tensor<4x4xf64>"}, {learned});
  ASSERT_EQ(found.size(), 16u);
  EXPECT_LT(getDeviation(found, 4), 1e-15);
  for (auto [a, b] : llvm::zip_equal(found, exact))
    EXPECT_NEAR(a, b, 3e-3);
  EXPECT_THAT(messages,
              ElementsAre("R R^T is off the identity by 3.63E-03; taking the "
                          "nearest orthogonal matrix"));

  // Nothing is said of what is one already.
  messages.clear();
  EXPECT_EQ(run("quench.orthogonalize %w0 tolerance 0.05", {"tensor<4x4xf64>"},
                {found})
                .size(),
            16u);
  EXPECT_TRUE(messages.empty());

  EXPECT_TRUE(run("quench.orthogonalize %w0 tolerance 1.0e-3",
                  {"tensor<4x4xf64>"}, {learned})
                  .empty());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_THAT(messages[0],
              HasSubstr("expected an orthogonal matrix, found R R^T off the "
                        "identity by 3.63E-03, more than 1.00E-03"));
}

TEST_F(PolicyOps, NumbersThatAreNone) {
  resultType = "tensor<1x1xf64>";
  for (auto [op, value, message] :
       {std::tuple("quench.klt %w0", double(NAN), "not finite"),
        std::tuple("quench.orthogonalize %w0 tolerance 0.5", double(NAN),
                   "not finite"),
        std::tuple("quench.orthogonalize %w0 tolerance 0.5", 0.0,
                   "expected an orthogonal matrix")}) {
    messages.clear();
    EXPECT_TRUE(run(op, {"tensor<1x1xf64>"}, {{value}}).empty());
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_THAT(messages[0], HasSubstr(message));
  }
  messages.clear();
  EXPECT_TRUE(run("quench.covariance %w0", {"tensor<2x2xf64>"}, {{4, 2, 2, 1}})
                  .empty());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_THAT(messages[0], HasSubstr("expected moments of two vectors or more, "
                                     "found 1.00E+00"));
}
