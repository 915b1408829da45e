//===- TensorTest.cpp - Types, shapes and memory of tensors ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tensor.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace quench::rt;

TEST(Tensor, CountsElementsWithoutOverflow) {
  EXPECT_EQ(countElements({}), 1);
  EXPECT_EQ(countElements({2, 3}), 6);
  EXPECT_EQ(countElements({2, 0}), 0);
  EXPECT_EQ(countElements({-1}), std::nullopt);
  EXPECT_EQ(countElements({INT64_MAX}), std::nullopt);
  EXPECT_EQ(countElements({int64_t(1) << 59}), int64_t(1) << 59);
  EXPECT_EQ(countElements({int64_t(1) << 60}), std::nullopt);
}

TEST(Tensor, KnowsWhatLosesNothing) {
  for (int from = QRT_BOOL; from <= QRT_F64; ++from)
    for (int to = QRT_BOOL; to <= QRT_F64; ++to) {
      auto a = static_cast<qrt_dtype>(from), b = static_cast<qrt_dtype>(to);
      if (from == to)
        EXPECT_TRUE(isLossless(a, b));
      else if (byteSize(a) >= byteSize(b))
        EXPECT_EQ(isLossless(a, b), a == QRT_BOOL && byteSize(b) == 1 && b)
            << from << " " << to;
    }
  EXPECT_TRUE(isLossless(QRT_I32, QRT_I64));
  EXPECT_TRUE(isLossless(QRT_U32, QRT_I64));
  EXPECT_FALSE(isLossless(QRT_I8, QRT_U64));
  EXPECT_FALSE(isLossless(QRT_I32, QRT_F64));
  EXPECT_FALSE(isLossless(QRT_F16, QRT_BF16));
  EXPECT_TRUE(isLossless(QRT_BF16, QRT_F32));
}

TEST(Tensor, ConvertsEveryHalfExactly) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    auto half = static_cast<uint16_t>(bits);
    float value;
    convert(QRT_F16, &half, QRT_F32, &value, 1);
    int exponent = (half >> 10) & 31, mantissa = half & 1023;
    double expected = exponent == 31 ? (mantissa ? NAN : HUGE_VAL)
                      : exponent == 0
                          ? std::ldexp(mantissa, -24)
                          : std::ldexp(1024 + mantissa, exponent - 25);
    if (half & 0x8000)
      expected = -expected;
    if (std::isnan(expected))
      EXPECT_TRUE(std::isnan(value));
    else
      ASSERT_EQ(value, expected) << bits;
    uint16_t back;
    fill(QRT_F16, &back, 1, value);
    if (!std::isnan(value))
      ASSERT_EQ(back, half);
    uint16_t brain = half;
    fill(QRT_BF16, &back, 1, elementAt(QRT_BF16, &brain, 0));
    if (!std::isnan(elementAt(QRT_BF16, &brain, 0)))
      ASSERT_EQ(back, brain);
  }
  uint16_t half;
  fill(QRT_F16, &half, 1, 65519.9);
  EXPECT_EQ(half, 0x7bff);
  fill(QRT_F16, &half, 1, 65520);
  EXPECT_EQ(half, 0x7c00);
  fill(QRT_F16, &half, 1, 0x1.ffep-15);
  EXPECT_EQ(half, 0x0400);
  fill(QRT_F16, &half, 1, 1 + 0x1p-11);
  EXPECT_EQ(half, 0x3c00);
}
