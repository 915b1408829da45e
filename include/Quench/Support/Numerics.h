//===- Numerics.h - Rounding of numbers -------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_NUMERICS_H
#define QUENCH_SUPPORT_NUMERICS_H

#include <cstdint>
#include <cstring>

/// Number formats as bits, and the arithmetic of quantizers. Needs the standard
/// library alone, so that compiler and runtime can share it. Numbers C1, C2,
/// ... are those of docs/spec.md.
namespace quench::numerics {

/// The bits of `value` as a `To` of the same size.
template <typename To, typename From>
inline To bitCast(From value) {
  static_assert(sizeof(To) == sizeof(From), "expected types of one size");
  To result;
  std::memcpy(&result, &value, sizeof(result));
  return result;
}

/// `value` in an IEEE format of `ExponentBits` and `MantissaBits`, rounded
/// once, to nearest, ties to even. What is too large becomes infinite, what is
/// too small a subnormal or zero, and a NaN stays one.
template <unsigned ExponentBits, unsigned MantissaBits>
inline uint64_t round(double value) {
  constexpr int bias = (1 << (ExponentBits - 1)) - 1;
  constexpr uint64_t infinity = ((uint64_t(1) << ExponentBits) - 1)
                                << MantissaBits;
  constexpr uint64_t hidden = uint64_t(1) << 52;
  uint64_t bits = bitCast<uint64_t>(value);
  uint64_t sign = bits >> 63 << (ExponentBits + MantissaBits);
  uint64_t magnitude = bits << 1 >> 1;
  uint64_t fraction = magnitude & (hidden - 1);
  if (magnitude > uint64_t(0x7ff) << 52)
    return sign | infinity | uint64_t(1) << (MantissaBits - 1) |
           fraction >> (52 - MantissaBits);

  // Subnormals of f64 are far below half of what any narrower format can hold,
  // so it does not matter that they get a hidden bit.
  int exponent = static_cast<int>(magnitude >> 52) - 1023;
  uint64_t significand = fraction | hidden;
  int missing = exponent < 1 - bias ? 1 - bias - exponent : 0;
  int shift = 52 - static_cast<int>(MantissaBits) + missing;
  if (shift > 53)
    return sign;
  uint64_t rounded = significand >> shift;
  uint64_t rest = significand & ((uint64_t(1) << shift) - 1);
  uint64_t half = uint64_t(1) << (shift - 1);
  rounded += rest > half || (rest == half && (rounded & 1));
  // A carry out of the mantissa moves into the exponent as it should.
  if (missing == 0)
    rounded += uint64_t(exponent + bias - 1) << MantissaBits;
  return sign | (rounded < infinity ? rounded : infinity);
}

/// The formats of floats: how their bits become a number that holds it exactly,
/// and the bits of a number, rounded once.
struct F16 {
  using Bits = uint16_t;
  static float decode(Bits bits) {
    // Shifted into place, the exponent lacks 112; the product is exact, also
    // for subnormals.
    uint32_t magnitude = uint32_t(bits & 0x7fff) << 13;
    uint32_t special = (bits & 0x7c00) == 0x7c00 ? 0x7f800000 : 0;
    uint32_t sign = uint32_t(bits & 0x8000) << 16;
    uint32_t scaled = bitCast<uint32_t>(bitCast<float>(magnitude) * 0x1p112f);
    return bitCast<float>(scaled | special | sign);
  }
  static Bits encode(double value) {
    return static_cast<Bits>(round<5, 10>(value));
  }
};
struct BF16 {
  using Bits = uint16_t;
  static float decode(Bits bits) {
    return bitCast<float>(uint32_t(bits) << 16);
  }
  static Bits encode(double value) {
    return static_cast<Bits>(round<8, 7>(value));
  }
};
struct F32 {
  using Bits = uint32_t;
  static float decode(Bits bits) { return bitCast<float>(bits); }
  static Bits encode(float value) { return bitCast<Bits>(value); }
  static Bits encode(double value) {
    return bitCast<Bits>(static_cast<float>(value));
  }
};
struct F64 {
  using Bits = uint64_t;
  static double decode(Bits bits) { return bitCast<double>(bits); }
  static Bits encode(double value) { return bitCast<Bits>(value); }
};

/// The integer next to `value`, the even one of two that are as near, with the
/// sign of `value`. NaN and infinities stay. The rounding mode of the processor
/// does not matter: nothing here is inexact (C2).
template <typename Float>
constexpr Float roundHalfEven(Float value) {
  // From here on all numbers are integers.
  constexpr Float limit = sizeof(Float) == 4 ? Float(0x1p23) : Float(0x1p52);
  if (!(value > -limit && value < limit) || value == 0)
    return value;
  auto whole = static_cast<int64_t>(value);
  Float rest = value - static_cast<Float>(whole);
  if (rest > Float(0.5) || (rest == Float(0.5) && whole % 2 != 0))
    ++whole;
  else if (rest < Float(-0.5) || (rest == Float(-0.5) && whole % 2 != 0))
    --whole;
  if (whole == 0)
    return value < 0 ? -Float(0) : Float(0);
  return static_cast<Float>(whole);
}

/// The codes of a uniform format: all integers of `bits` bits (C3).
struct UniformCodes {
  unsigned bits;
  bool isSigned;
  constexpr int32_t lowest() const { return isSigned ? -(1 << (bits - 1)) : 0; }
  constexpr int32_t highest() const {
    return (1 << (isSigned ? bits - 1 : bits)) - 1;
  }
};

/// The code of `value`, `zero` being one of `codes` (C6, C7). `Float` is float
/// or double.
template <typename Float>
constexpr int32_t quantize(Float value, Float scale, int32_t zero,
                           UniformCodes codes) {
  Float low = static_cast<Float>(codes.lowest() - zero);
  Float high = static_cast<Float>(codes.highest() - zero);
  Float steps = value / scale;
  // A NaN compares false.
  steps = steps > low ? steps : low;
  steps = steps < high ? steps : high;
  return static_cast<int32_t>(roundHalfEven(steps)) + zero;
}

/// The number that `code` stands for (C8).
template <typename Float>
constexpr Float dequantize(int32_t code, Float scale, int32_t zero) {
  return static_cast<Float>(code - zero) * scale;
}

} // namespace quench::numerics

#endif // QUENCH_SUPPORT_NUMERICS_H
