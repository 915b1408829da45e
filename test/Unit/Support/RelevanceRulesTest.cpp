//===- RelevanceRulesTest.cpp - How relevance is propagated ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/RelevanceRules.h"
#include "Published.h"

#include "gtest/gtest.h"
#include <cmath>
#include <numeric>

using namespace quench;
using namespace quench::test;

using Numbers = std::vector<double>;

static void expectNear(const Numbers &found, const Numbers &expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 1e-12 * std::abs(expected[i])) << i;
}

static double getSum(const Numbers &numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

//===----------------------------------------------------------------------===//
// Published numbers
//===----------------------------------------------------------------------===//

TEST(RelevanceRulesTest, publishedLinear) {
  Published published("lrp_rules");
  Numbers relevance = published.numbers("linear/R");
  Numbers found = getLinearRelevance(2, published.numbers("linear/x"),
                                     published.numbers("linear/W"), relevance);
  expectNear(found, published.numbers("linear/out"));
  // The first output of the second row has no product that is positive.
  EXPECT_DOUBLE_EQ(getSum(relevance), 5.0);
  EXPECT_DOUBLE_EQ(getSum(found), 4.5);
}

TEST(RelevanceRulesTest, publishedSum) {
  Published published("lrp_rules");
  auto [lhs, rhs] =
      getSumRelevance(published.numbers("add/a"), published.numbers("add/c"),
                      published.numbers("add/R"));
  expectNear(lhs, published.numbers("add/Ra"));
  expectNear(rhs, published.numbers("add/Rc"));
}

TEST(RelevanceRulesTest, publishedProduct) {
  Published published("lrp_rules");
  auto [lhs, rhs] = getProductRelevance(2, 2, 3, published.numbers("matmul/A"),
                                        published.numbers("matmul/B"),
                                        published.numbers("matmul/R"));
  expectNear(lhs, published.numbers("matmul/RA"));
  expectNear(rhs, published.numbers("matmul/RB"));
}

//===----------------------------------------------------------------------===//
// What the published numbers do not show
//===----------------------------------------------------------------------===//

TEST(RelevanceRulesTest, sumsGoByMagnitude) {
  // The parts are 3 and -1 of 2: by magnitude three quarters and one.
  auto [lhs, rhs] = getSumRelevance({3.0}, {-1.0}, {2.0});
  expectNear(lhs, {1.5});
  expectNear(rhs, {0.5});
}

TEST(RelevanceRulesTest, rhsIsRepeated) {
  auto [lhs, rhs] =
      getSumRelevance({1.0, 2.0, 3.0, 4.0}, {1.0, 2.0}, {2.0, 4.0, 4.0, 6.0});
  expectNear(lhs, {1.0, 2.0, 3.0, 4.0});
  expectNear(rhs, {2.0, 4.0});
}

TEST(RelevanceRulesTest, nothingIsDividedByZero) {
  expectNear(
      getLinearRelevance(1, {0.0, 1.0}, {1.0, 0.0, 1.0, 1.0}, {1.0, 1.0}),
      {0.0, 1.0});
  auto [lhs, rhs] = getSumRelevance({1.0, 1.0}, {-1.0, 1.0}, {1.0, 1.0});
  expectNear(lhs, {0.0, 1.0});
  expectNear(rhs, {0.0, 1.0});
  std::tie(lhs, rhs) = getSumRelevance({1.0}, {-1.0}, {1.0});
  expectNear(lhs, {0.0});
  expectNear(rhs, {0.0});
  std::tie(lhs, rhs) = getProductRelevance(1, 1, 1, {0.0}, {2.0}, {1.0});
  expectNear(lhs, {0.0});
  expectNear(rhs, {0.0});
}

TEST(RelevanceRulesTest, readersAddUp) {
  expectNear(
      getFanOutRelevance({1.0, 0.0, -1.0}, {{1.0, 2.0, 3.0}, {0.5, 1.0, -1.0}}),
      {1.5, 0.0, 2.0});
}
