//===- NumericsTest.cpp - Rounding of numbers -----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Numerics.h"

#include "llvm/ADT/APFloat.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace llvm;
using namespace quench;

/// The bits of `bits` of format `from` in the format `to`, by LLVM.
static uint64_t convert(const fltSemantics &from, uint64_t bits,
                        const fltSemantics &to) {
  APFloat value(from, APInt(APFloat::getSizeInBits(from), bits));
  bool losesInfo;
  value.convert(to, APFloat::rmNearestTiesToEven, &losesInfo);
  return value.bitcastToAPInt().getZExtValue();
}

template <typename Format>
static void checkDecode(const fltSemantics &format) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = Format::decode(static_cast<uint16_t>(bits));
    float expected = numerics::bitCast<float>(
        static_cast<uint32_t>(convert(format, bits, APFloat::IEEEsingle())));
    if (std::isnan(expected))
      EXPECT_TRUE(std::isnan(value)) << bits;
    else
      EXPECT_EQ(numerics::bitCast<uint32_t>(value),
                numerics::bitCast<uint32_t>(expected))
          << bits;
    if (!std::isnan(expected))
      EXPECT_EQ(Format::encode(value), bits);
    else
      EXPECT_TRUE(std::isnan(Format::decode(Format::encode(value))));
  }
}

TEST(Numerics, DecodesEveryNumber) {
  checkDecode<numerics::F16>(APFloat::IEEEhalf());
  checkDecode<numerics::BF16>(APFloat::BFloat());
}

template <typename Format>
static void checkEncode(const fltSemantics &format) {
  auto check = [&](double value) {
    uint64_t bits = numerics::bitCast<uint64_t>(value);
    EXPECT_EQ(uint64_t(Format::encode(value)),
              convert(APFloat::IEEEdouble(), bits, format))
        << value;
  };
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    // Any bits, and values about the range of the format.
    double any = numerics::bitCast<double>(random());
    if (!std::isnan(any))
      check(any);
    double near = std::ldexp(static_cast<double>(random() >> 11) * 0x1p-53,
                             static_cast<int>(random() % 400) - 200);
    check(near);
    check(-near);
    // Halfway between two numbers of the format, and beside it.
    auto bits = static_cast<typename Format::Bits>(random());
    double low = Format::decode(bits);
    double high = Format::decode(static_cast<typename Format::Bits>(bits + 1));
    double middle = low + (high - low) / 2;
    if (std::isfinite(middle))
      for (double value :
           {middle, std::nextafter(middle, low), std::nextafter(middle, high)})
        check(value);
  }
  for (double value : {0.0, -0.0, double(INFINITY), -double(INFINITY), 65519.99,
                       65520.0, 0x1p-25, 0x1.8p-24, 5e-324, 1e308})
    check(value);
}

TEST(Numerics, RoundsOnce) {
  checkEncode<numerics::F16>(APFloat::IEEEhalf());
  checkEncode<numerics::BF16>(APFloat::BFloat());
  checkEncode<numerics::F32>(APFloat::IEEEsingle());
}
