//===- RandomTest.cpp - Numbers that a seed makes -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Random.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace quench;

// The outputs of the reference implementation (Vigna) from these seeds.
TEST(Random, SplitMix64) {
  EXPECT_EQ(splitMix64(1234567, 0), 6457827717110365317u);
  EXPECT_EQ(splitMix64(1234567, 1), 3203168211198807973u);
  EXPECT_EQ(splitMix64(1234567, 4), 16408922859458223821u);
  EXPECT_EQ(splitMix64(0, 0), 0xe220a8397b1dcdafu);
}

TEST(Random, NormalNumbers) {
  NormalNumbers numbers(7), same(7), other(8);
  constexpr int count = 200000;
  double moments[5] = {};
  int tails = 0;
  for (int i = 0; i < count; ++i) {
    double number = numbers.next(), power = 1;
    ASSERT_EQ(number, same.next());
    ASSERT_NE(number, other.next());
    for (double &moment : moments) {
      moment += power / count;
      power *= number;
    }
    tails += std::abs(number) > 2;
  }
  // Within four standard deviations of what a normal distribution has.
  EXPECT_NEAR(moments[1], 0, 4 * std::sqrt(1.0 / count));
  EXPECT_NEAR(moments[2], 1, 4 * std::sqrt(2.0 / count));
  EXPECT_NEAR(moments[3], 0, 4 * std::sqrt(15.0 / count));
  EXPECT_NEAR(moments[4], 3, 4 * std::sqrt(96.0 / count));
  EXPECT_NEAR(tails / double(count), 0.0455, 4 * std::sqrt(0.0434 / count));
}
