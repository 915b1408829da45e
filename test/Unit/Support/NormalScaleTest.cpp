//===- NormalScaleTest.cpp - Scales for normal distributions -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/NormalScale.h"

#include "Published.h"

#include "gtest/gtest.h"

using namespace quench;
using llvm::StringRef;
using namespace quench::test;

/// Expects the least error `error` at `scale` for `numbers`.
static void expectOptimum(const std::vector<double> &numbers, double scale,
                          double error) {
  std::vector<double> bounds;
  for (size_t i = 1; i < numbers.size(); ++i)
    bounds.push_back((numbers[i - 1] + numbers[i]) / 2);
  double found = getNormalScale(numbers, bounds);
  EXPECT_NEAR(found, scale, scale * 2e-6);
  EXPECT_NEAR(getNormalError(numbers, bounds, found), error, error * 1e-9);
}

static std::vector<double> countFrom(double first, int64_t count) {
  std::vector<double> numbers;
  for (int64_t i = 0; i < count; ++i)
    numbers.push_back(first + i);
  return numbers;
}

TEST(NormalScale, PublishedConstants) {
  Published file("quest");
  auto number = [&](std::string path, StringRef key) {
    return *file.at(path).getAsObject()->getNumber(key);
  };
  for (int bits = 1; bits <= 8; ++bits) {
    std::string path = "centered_uniform/" + std::to_string(bits);
    int64_t count = int64_t(1) << bits;
    expectOptimum(countFrom(0.5 - count / 2, count), number(path, "step/std"),
                  number(path, "mse"));
  }
  for (int bits : {2, 3, 4, 8}) {
    std::string path = "signed_int_with_zero/" + std::to_string(bits);
    int64_t count = int64_t(1) << bits;
    expectOptimum(countFrom(-count / 2, count), number(path, "scale/std"),
                  number(path, "mse"));
  }
  expectOptimum({-6, -4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 6},
                number("fp4_e2m1", "scale_for_max6/std"),
                number("fp4_e2m1", "mse"));
}
