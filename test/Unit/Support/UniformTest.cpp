//===- UniformTest.cpp - Arithmetic of uniform quantizers -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Numerics.h"

#include "gtest/gtest.h"
#include <cfenv>
#include <cmath>

using namespace quench::numerics;

namespace {
template <typename Bits>
struct Row {
  unsigned bits;
  bool isSigned;
  int32_t zero;
  Bits scale, value, number;
  int32_t code;
};
} // namespace

#include "UniformTable.inc"

template <typename Float, typename Bits, size_t n>
static void check(const Row<Bits> (&rows)[n]) {
  for (const Row<Bits> &row : rows) {
    auto scale = bitCast<Float>(row.scale);
    int32_t code = quantize(bitCast<Float>(row.value), scale, row.zero,
                            {row.bits, row.isSigned});
    ASSERT_EQ(code, row.code)
        << row.bits << " bits, zero " << row.zero << ", scale " << scale
        << ", value " << bitCast<Float>(row.value);
    ASSERT_EQ(bitCast<Bits>(dequantize(code, scale, row.zero)), row.number);
  }
}

TEST(Uniform, AgreesWithExactArithmetic) {
  check<float>(f32Rows);
  check<double>(f64Rows);
}

// C2: sums and differences of halves are exact, whatever the mode.
TEST(Uniform, RoundsHalfToEvenInEveryMode) {
  for (int mode : {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO}) {
    std::fesetround(mode);
    bool equal = true;
    for (int i = -4000; i <= 4000; ++i) {
      double value = i / 8.0, floor = std::floor(value), rest = value - floor;
      bool up = rest > 0.5 || (rest == 0.5 && std::fmod(floor, 2) != 0);
      double expected = std::copysign(floor + (up ? 1 : 0), value);
      equal &= bitCast<uint64_t>(roundHalfEven(value)) ==
               bitCast<uint64_t>(expected);
      equal &= roundHalfEven(static_cast<float>(value)) == expected;
    }
    std::fesetround(FE_TONEAREST);
    EXPECT_TRUE(equal) << mode;
  }
}

TEST(Uniform, KeepsWhatIsNoFraction) {
  for (double value : {0.0, -0.0, 0x1p52, -0x1p60, 0x1.fffffffffffffp51, 1e300,
                       double(INFINITY), -double(INFINITY)})
    EXPECT_EQ(bitCast<uint64_t>(roundHalfEven(value)),
              bitCast<uint64_t>(std::nearbyint(value)));
  EXPECT_TRUE(std::isnan(roundHalfEven(double(NAN))));
  EXPECT_TRUE(std::signbit(roundHalfEven(-0.25f)));
}

// C10: the codes of one grid that is described twice differ at ties.
TEST(Uniform, TiesDoNotCommuteWithShifts) {
  constexpr UniformCodes codes{8, /*isSigned=*/false};
  const int32_t first[] = {5, 7, 7}, shifted[] = {6, 6, 8};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(quantize(i + 0.5, 1.0, 5, codes), first[i]);
    EXPECT_EQ(quantize(i + 1.5, 1.0, 4, codes), shifted[i]);
  }
}

// Constants can be quantized when code is compiled.
static_assert(quantize(2.5f, 1.0f, 0, {4, true}) == 2, "half to even");
static_assert(quantize(-100.0, 1.0, 3, {4, false}) == 0, "clamped");
static_assert(dequantize(7, 0.5f, 3) == 2.0f, "dequantized");
