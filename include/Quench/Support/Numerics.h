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
#include <limits>
#include <type_traits>

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

/// The integer next to `steps` among those from `low` to `high` (C6, C7).
/// Without branches: which way numbers are rounded cannot be foretold.
template <typename Float>
constexpr int32_t roundToCode(Float steps, int32_t low, int32_t high) {
  // A NaN compares false.
  Float least = static_cast<Float>(low), greatest = static_cast<Float>(high);
  steps = steps > least ? steps : least;
  steps = steps < greatest ? steps : greatest;
  auto whole = static_cast<int32_t>(steps);
  Float rest = steps - static_cast<Float>(whole);
  int32_t odd = whole & 1;
  int32_t up = int32_t(rest > Float(0.5)) | (int32_t(rest == Float(0.5)) & odd);
  int32_t down =
      int32_t(rest < Float(-0.5)) | (int32_t(rest == Float(-0.5)) & odd);
  return whole + up - down;
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
  return roundToCode(value / scale, codes.lowest() - zero,
                     codes.highest() - zero) +
         zero;
}

/// The number that `code` stands for (C8).
template <typename Float>
constexpr Float dequantize(int32_t code, Float scale, int32_t zero) {
  return static_cast<Float>(code - zero) * scale;
}

/// The zero point of a uniform format whose `scale` covers numbers from `low`
/// on (C25).
template <typename Float>
constexpr int32_t getZeroPoint(Float low, Float scale, UniformCodes codes) {
  int32_t span = codes.highest() - codes.lowest();
  return codes.lowest() + roundToCode(-low / scale, 0, span);
}

/// Two uniform grids in one (C18): the finer one has the step 1, the coarser
/// one the step `2^|shift|`. Unsigned codes have a flag, their highest bit, for
/// the coarser one; signed codes use one for numbers below 0 and the other
/// above.
struct TwinCodes {
  unsigned bits;
  bool isSigned;
  int32_t shift;
  /// The largest magnitude beside the flag or the sign.
  constexpr int32_t largest() const { return (1 << (bits - 1)) - 1; }
  constexpr int32_t flag() const { return 1 << (bits - 1); }
  /// The step of codes of this side of 0.
  constexpr int32_t step(bool negative) const {
    return 1 << (negative ? (shift < 0 ? -shift : 0) : (shift > 0 ? shift : 0));
  }
};

/// The code of `value` (C18).
template <typename Float>
constexpr int32_t quantize(Float value, Float scale, TwinCodes codes) {
  Float steps = value / scale;
  int32_t largest = codes.largest();
  if (codes.isSigned)
    return roundToCode(steps / static_cast<Float>(codes.step(steps < 0)),
                       -largest - 1, largest);
  if (steps >= static_cast<Float>(largest) + Float(0.5))
    return codes.flag() + roundToCode(steps / static_cast<Float>(codes.step(
                                                  /*negative=*/false)),
                                      1, largest);
  return roundToCode(steps, 0, largest);
}

/// The number that `code` stands for (C18).
template <typename Float>
constexpr Float dequantize(int32_t code, Float scale, TwinCodes codes) {
  int32_t magnitude = codes.isSigned ? code : code & codes.largest();
  int32_t step = codes.isSigned ? codes.step(code < 0)
                                : (code & codes.flag() ? codes.step(false) : 1);
  return static_cast<Float>(magnitude * step) * scale;
}

/// A format as a table (C12). Numbers ascend; `bounds[i]` is the least number
/// with a rank above `i`; `codes[i]` has rank `i`.
struct Table {
  const double *numbers;
  const double *bounds;
  const int32_t *codes;
  uint32_t size;
};

/// The code of `value` (C12).
template <typename Float>
constexpr int32_t quantize(Float value, Float scale, const Table &table) {
  auto steps = static_cast<double>(value / scale);
  // A NaN has reached no bound.
  uint32_t rank = 0, end = table.size - 1;
  while (rank != end) {
    uint32_t middle = (rank + end) / 2;
    if (steps >= table.bounds[middle])
      rank = middle + 1;
    else
      end = middle;
  }
  return table.codes[rank];
}

/// The number that `code` stands for (C12).
template <typename Float>
constexpr Float dequantize(int32_t code, Float scale, const Table &table) {
  uint32_t rank = table.size - 1;
  while (rank != 0 && table.codes[rank] != code)
    --rank;
  return static_cast<Float>(table.numbers[rank]) * scale;
}

/// What the bits of a float are.
template <typename Float>
struct FloatLayout {
  static constexpr bool isSingle = sizeof(Float) == 4;
  using Bits = std::conditional_t<isSingle, uint32_t, uint64_t>;
  static constexpr unsigned mantissaBits = isSingle ? 23 : 52;
  static constexpr int32_t bias = isSingle ? 127 : 1023;
  /// `2^exponent`, for exponents of normal numbers.
  static Float powerOfTwo(int32_t exponent) {
    return bitCast<Float>(static_cast<Bits>(exponent + bias) << mantissaBits);
  }
  /// The exponent of `magnitude`, which is positive; too small for a subnormal.
  static int32_t exponent(Float magnitude) {
    return static_cast<int32_t>(bitCast<Bits>(magnitude) >> mantissaBits) -
           bias;
  }
};

/// A float of few bits: a sign, an exponent, a mantissa, with subnormals (C20).
struct SmallFloat {
  /// What the codes of the largest exponent are beside numbers.
  enum Specials : uint8_t {
    None,
    /// All bits set is a NaN.
    NaN,
    /// All of them are infinities and NaNs.
    Infinity
  };
  unsigned exponentBits, mantissaBits;
  Specials specials;

  constexpr unsigned bits() const { return 1 + exponentBits + mantissaBits; }
  constexpr int32_t sign() const { return 1 << (exponentBits + mantissaBits); }
  constexpr int32_t bias() const { return (1 << (exponentBits - 1)) - 1; }
  /// The code of the largest number.
  constexpr int32_t highest() const {
    if (specials == Infinity)
      return (((1 << exponentBits) - 1) << mantissaBits) - 1;
    return sign() - (specials == NaN ? 2 : 1);
  }
  /// The code of a NaN; where there is none, of the least number.
  constexpr int32_t nan() const {
    return specials == None ? sign() + highest() : sign() - 1;
  }
  /// The exponent of the largest number.
  constexpr int32_t maxExponent() const {
    return (highest() >> mantissaBits) - bias();
  }
};

constexpr SmallFloat e4m3{4, 3, SmallFloat::NaN};
constexpr SmallFloat e5m2{5, 2, SmallFloat::Infinity};
constexpr SmallFloat e3m2{3, 2, SmallFloat::None};
constexpr SmallFloat e2m3{2, 3, SmallFloat::None};
constexpr SmallFloat e2m1{2, 1, SmallFloat::None};

/// The number that `code` of `format` stands for, exactly (C20, C21).
template <typename Float>
inline Float decode(int32_t code, SmallFloat format) {
  int32_t magnitude = code & (format.sign() - 1);
  int32_t field = magnitude >> format.mantissaBits;
  int32_t fraction = magnitude & ((1 << format.mantissaBits) - 1);
  Float number;
  if (magnitude <= format.highest()) {
    int32_t shift = field == 0 ? 0 : field - 1;
    int32_t units = fraction + (field == 0 ? 0 : 1 << format.mantissaBits);
    int32_t least = 1 - format.bias() - int32_t(format.mantissaBits);
    number = static_cast<Float>(units) *
             FloatLayout<Float>::powerOfTwo(least + shift);
  } else if (format.specials == SmallFloat::Infinity && fraction == 0) {
    number = std::numeric_limits<Float>::infinity();
  } else {
    number = std::numeric_limits<Float>::quiet_NaN();
  }
  return code & format.sign() ? -number : number;
}

/// The code of `value` (C20, C21).
template <typename Float>
inline int32_t quantize(Float value, Float scale, SmallFloat format) {
  using Layout = FloatLayout<Float>;
  Float steps = value / scale;
  if (steps != steps)
    return format.nan();
  auto bits = bitCast<typename Layout::Bits>(steps);
  int32_t sign = bits >> (8 * sizeof(Float) - 1) ? format.sign() : 0;
  auto magnitude = bitCast<Float>(bits << 1 >> 1);
  Float greatest = decode<Float>(format.highest(), format);
  magnitude = magnitude < greatest ? magnitude : greatest;
  // In units of the last place, of which there are the same in the two lowest
  // exponents; a carry moves into the exponent as it should.
  int32_t shift = Layout::exponent(magnitude) - (1 - format.bias());
  shift = shift > 0 ? shift : 0;
  int32_t least = 1 - format.bias() - int32_t(format.mantissaBits);
  Float units = roundHalfEven(magnitude / Layout::powerOfTwo(least + shift));
  return sign + (shift << format.mantissaBits) + static_cast<int32_t>(units);
}

/// The number that `code` stands for (C8, C20).
template <typename Float>
inline Float dequantize(int32_t code, Float scale, SmallFloat format) {
  return decode<Float>(code, format) * scale;
}

/// What scales may be (C22).
enum class ScaleForm : uint8_t {
  /// Any positive finite number.
  Any,
  /// Powers of two, from 2^-126 to 2^127.
  E8M0,
  /// Positive numbers of e4m3, times a scale of the whole tensor.
  E4M3
};

/// What scales that are computed are: 1 where the quotient `scale` is 0 or a
/// NaN, at most the largest power of two (C23).
template <typename Float>
inline Float limitScale(Float scale) {
  using Layout = FloatLayout<Float>;
  Float greatest = Layout::powerOfTwo(Layout::bias);
  scale = scale > 0 ? scale : 1;
  return scale < greatest ? scale : greatest;
}

/// The power of two next to `scale`, upwards or downwards, of those that e8m0
/// and f32, as normal numbers, hold (C24).
template <typename Float>
inline Float roundToPowerOfTwo(Float scale, bool upwards) {
  using Layout = FloatLayout<Float>;
  int32_t exponent = Layout::exponent(scale);
  if (upwards && scale != Layout::powerOfTwo(exponent))
    ++exponent;
  exponent = exponent > -126 ? exponent : -126;
  return Layout::powerOfTwo(exponent < 127 ? exponent : 127);
}

/// `outer` times the number of e4m3, not 0, next to `scale / outer` (C24).
template <typename Float>
inline Float roundToE4M3(Float scale, Float outer) {
  int32_t code = quantize(scale, outer, e4m3);
  return dequantize(code > 0 ? code : 1, outer, e4m3);
}

/// Writes `count` codes of `bits` bits as a stream of bits, little-endian, the
/// low bits first (C34). `bytes` holds `(count * bits + 7) / 8`.
inline void pack(const int32_t *codes, uint64_t count, unsigned bits,
                 uint8_t *bytes) {
  std::memset(bytes, 0, (count * bits + 7) / 8);
  for (uint64_t i = 0, at = 0; i != count; ++i)
    for (unsigned bit = 0; bit != bits; ++bit, ++at)
      bytes[at / 8] |= (static_cast<uint32_t>(codes[i]) >> bit & 1) << at % 8;
}

/// Reads `count` codes of `bits` bits that `pack` wrote.
inline void unpack(const uint8_t *bytes, uint64_t count, unsigned bits,
                   bool isSigned, int32_t *codes) {
  for (uint64_t i = 0, at = 0; i != count; ++i) {
    int32_t code = 0;
    for (unsigned bit = 0; bit != bits; ++bit, ++at)
      code |= (bytes[at / 8] >> at % 8 & 1) << bit;
    codes[i] = isSigned && code >> (bits - 1) ? code - (1 << bits) : code;
  }
}

} // namespace quench::numerics

#endif // QUENCH_SUPPORT_NUMERICS_H
