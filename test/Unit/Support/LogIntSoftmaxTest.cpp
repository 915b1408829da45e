//===- LogIntSoftmaxTest.cpp - Tests of the integer softmax ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/LogIntSoftmax.h"

#include "Published.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>

using namespace quench;
using namespace quench::test;

// C38: every integer as published.
TEST(LogIntSoftmax, IsAsPublished) {
  Published published("fq_log_int_softmax");
  LogIntSoftmax softmax(published.number("scale"));
  EXPECT_EQ(softmax.getLinear(), published.number("out/b_int"));
  EXPECT_EQ(softmax.getConstant(), published.number("out/c_int"));
  EXPECT_EQ(softmax.getOctave(), published.number("out/x0_int"));
  std::vector<double> codes = published.numbers("codes");
  double greatest = *std::max_element(codes.begin(), codes.end());
  int64_t total = 0;
  for (auto [code, item] :
       llvm::zip_equal(codes, *published.at("out/items").getAsArray())) {
    int64_t power = softmax.getPower(static_cast<int64_t>(greatest - code));
    EXPECT_EQ(power, item.getAsObject()->getInteger("exp"));
    total += power;
  }
  EXPECT_EQ(total, published.at("out/total").getAsInteger());
}

// C38: powers fall, are positive for 31 octaves, and fit their bits whatever
// the step is.
TEST(LogIntSoftmax, PowersFitTheirBits) {
  for (double step : {LogIntSoftmax::leastStep, 1.0 / 48, 0.1, 0.4,
                      LogIntSoftmax::greatestStep}) {
    LogIntSoftmax softmax(step);
    std::vector<int64_t> powers = softmax.getPowers();
    EXPECT_EQ(static_cast<int64_t>(powers.size()),
              31 * -softmax.getOctave() + 1);
    EXPECT_TRUE(std::is_sorted(powers.rbegin(), powers.rend()));
    EXPECT_EQ(powers.back(), 0);
    EXPECT_GT(powers[powers.size() - 2], 0);
    EXPECT_LT(powers.front(), int64_t(1) << 44);
    // Floors cost up to a step in each octave.
    EXPECT_NEAR(static_cast<double>(powers[1]) / powers[0], std::exp(-step),
                step / 2);
  }
}

// Where a sum stops growing no key has a code of 4 bits, nor of one more.
TEST(LogIntSoftmax, SumsThatStopHaveZerosOnly) {
  LogIntSoftmax softmax(LogIntSoftmax::leastStep);
  int64_t ratio = LogIntSoftmax::greatestSum / softmax.getPower(0);
  EXPECT_GT(ratio, int64_t(1) << ((1 << LogIntSoftmax::greatestBits) + 1));
}
