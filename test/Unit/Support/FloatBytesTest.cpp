//===- FloatBytesTest.cpp - Arrays of floats as bytes ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/FloatBytes.h"
#include "Quench/Support/Numerics.h"
#include "Quench/Support/Random.h"

#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <vector>

using namespace quench;

/// Numbers next to every boundary of every format, and random bits.
static std::vector<double> makeNumbers() {
  std::vector<double> numbers = {0, std::numeric_limits<double>::infinity(),
                                 std::nan(""), 0x1p-1074, 1.7e308};
  for (int exponent = -160; exponent < 130; ++exponent)
    for (double step : {0x1p-8, 0x1p-9, 0x1p-11, 0x1p-12, 0x1p-24, 0x1p-25})
      for (int count = 0; count < 4; ++count)
        for (double nudge : {-0x1p-52, 0.0, 0x1p-52})
          numbers.push_back(
              std::ldexp(1 + count * step + (count ? nudge : 0), exponent));
  for (uint64_t index = 0; index < 20000; ++index)
    numbers.push_back(numerics::bitCast<double>(splitMix64(1, index)));
  for (size_t index = 0, end = numbers.size(); index < end; ++index)
    numbers.push_back(-numbers[index]);
  return numbers;
}

template <typename Format>
static void expectRounded(DType dtype, llvm::ArrayRef<double> numbers) {
  using Bits = typename Format::Bits;
  std::vector<char> bytes(numbers.size() * sizeof(Bits) + 1);
  // One byte off, as archives may have it.
  char *place = bytes.data() + 1;
  encodeFloats(dtype, numbers, place);
  std::vector<double> decoded(numbers.size());
  decodeFloats(dtype, place, decoded);
  for (size_t index = 0; index < numbers.size(); ++index) {
    Bits bits;
    std::memcpy(&bits, place + index * sizeof(bits), sizeof(bits));
    ASSERT_EQ(bits, Format::encode(numbers[index])) << numbers[index];
    double number = Format::decode(bits);
    ASSERT_TRUE(decoded[index] == number || std::isnan(number)) << bits;
  }
}

TEST(FloatBytes, RoundsAsNumericsDoes) {
  std::vector<double> numbers = makeNumbers();
  // Blocks that have special numbers take another way than those without.
  std::vector<double> tame;
  for (double number : numbers)
    if (number == 0 || (std::abs(number) > 1e-4 && std::abs(number) < 6e4))
      tame.push_back(number);
  ASSERT_GT(tame.size(), 1000u);
  for (const std::vector<double> &some : {numbers, tame}) {
    expectRounded<numerics::F16>(DType::F16, some);
    expectRounded<numerics::BF16>(DType::BF16, some);
    expectRounded<numerics::F32>(DType::F32, some);
    expectRounded<numerics::F64>(DType::F64, some);
  }
}

TEST(FloatBytes, ConvertsEveryShortFloat) {
  std::vector<uint16_t> codes(1 << 16), back(1 << 16);
  for (size_t code = 0; code < codes.size(); ++code)
    codes[code] = code;
  std::vector<double> numbers(codes.size());
  for (DType dtype : {DType::F16, DType::BF16}) {
    for (DType wide : {DType::F32, DType::F64}) {
      convertFloats(dtype, reinterpret_cast<const char *>(codes.data()), wide,
                    reinterpret_cast<char *>(numbers.data()), codes.size());
      convertFloats(wide, reinterpret_cast<const char *>(numbers.data()), dtype,
                    reinterpret_cast<char *>(back.data()), codes.size());
      for (size_t code = 0; code < codes.size(); ++code) {
        unsigned mantissa = dtype == DType::F16 ? 10 : 7;
        bool isNaN = (code & 0x7fff) > (0x7fffu >> mantissa << mantissa);
        // A NaN becomes a quiet one.
        ASSERT_EQ(back[code], isNaN ? code | 1 << (mantissa - 1) : code);
      }
    }
  }
}
