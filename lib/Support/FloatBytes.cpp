//===- FloatBytes.cpp - Arrays of floats as bytes -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is here runs over every weight of a model: loops are without branches,
// so that they become vector code.
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/FloatBytes.h"

#include "Quench/Support/Numerics.h"
#include "Quench/Support/VectorClones.h"

#include "llvm/Support/Alignment.h"
#include "llvm/Support/ErrorHandling.h"

#include <algorithm>

using namespace quench;

/// Elements that are looked at together: few enough for the nearest cache.
static constexpr size_t blockSize = 512;

template <typename Format>
static QUENCH_INLINE void decode(const char *bytes, double *numbers,
                                 size_t count) {
  for (size_t index = 0; index < count; ++index) {
    typename Format::Bits bits;
    std::memcpy(&bits, bytes + index * sizeof(bits), sizeof(bits));
    numbers[index] = Format::decode(bits);
  }
}

/// The f32 next to `number`, and whether it is too large or too small: the sign
/// and zeroness of `rest`, no number where it is infinite.
static QUENCH_INLINE void splitNumber(double number, float &nearest,
                                      float &rest) {
  nearest = static_cast<float>(number);
  // Scaled, so that it does not underflow where it matters.
  rest = static_cast<float>((number - static_cast<double>(nearest)) * 0x1p100);
}

/// The bits of what was split, truncated, the last bit being set where that is
/// inexact (rounded to odd). Rounding that to a format which is shorter by two
/// bits is rounding once.
static QUENCH_INLINE uint32_t roundToOdd(float nearest, float rest) {
  auto bits = numerics::bitCast<uint32_t>(nearest);
  uint32_t inexact = rest < 0 || rest > 0 ? 1 : 0;
  uint32_t beyond = inexact & (bits ^ numerics::bitCast<uint32_t>(rest)) >> 31;
  return (bits - beyond) | inexact;
}

static QUENCH_INLINE uint16_t roundBF16(uint32_t bits) {
  uint32_t quiet = 0x7fc00000;
  uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
  return static_cast<uint16_t>(
      ((bits & 0x7fffffff) > 0x7f800000 ? bits | quiet : rounded) >> 16);
}

static QUENCH_INLINE uint16_t roundF16(uint32_t bits) {
  uint32_t magnitude = bits & 0x7fffffff;
  uint32_t rounded =
      (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
  // The unit of the sum is that of the subnormal numbers of f16.
  uint32_t tiny =
      numerics::bitCast<uint32_t>(numerics::bitCast<float>(magnitude) + 0.5f) -
      0x3f000000;
  rounded = magnitude < 0x38800000 ? tiny : rounded;
  rounded = magnitude >= 0x47800000 ? 0x7c00 : rounded;
  uint32_t quiet = 0x7e00 | (magnitude >> 13 & 0x3ff);
  rounded = magnitude > 0x7f800000 ? quiet : rounded;
  return static_cast<uint16_t>(rounded | (bits >> 16 & 0x8000));
}

/// Two loops, on numbers of two widths.
template <uint16_t (*encode)(uint32_t)>
static QUENCH_INLINE void encodeShort(const double *numbers, char *bytes,
                                      size_t count) {
  for (size_t begin = 0; begin < count; begin += blockSize) {
    float nearest[blockSize], rest[blockSize];
    uint16_t codes[blockSize];
    size_t size = std::min(blockSize, count - begin);
    for (size_t index = 0; index < size; ++index)
      splitNumber(numbers[begin + index], nearest[index], rest[index]);
    for (size_t index = 0; index < size; ++index)
      codes[index] = encode(roundToOdd(nearest[index], rest[index]));
    std::memcpy(bytes + begin * sizeof(uint16_t), codes,
                size * sizeof(uint16_t));
  }
}

QUENCH_VECTOR_CLONES
static void decodeF16(const char *bytes, double *numbers, size_t count) {
  decode<numerics::F16>(bytes, numbers, count);
}

QUENCH_VECTOR_CLONES
static void decodeBF16(const char *bytes, double *numbers, size_t count) {
  decode<numerics::BF16>(bytes, numbers, count);
}

QUENCH_VECTOR_CLONES
static void decodeF32(const char *bytes, double *numbers, size_t count) {
  decode<numerics::F32>(bytes, numbers, count);
}

QUENCH_VECTOR_CLONES
static void encodeF16(const double *numbers, char *bytes, size_t count) {
  encodeShort<roundF16>(numbers, bytes, count);
}

QUENCH_VECTOR_CLONES
static void encodeBF16(const double *numbers, char *bytes, size_t count) {
  encodeShort<roundBF16>(numbers, bytes, count);
}

QUENCH_VECTOR_CLONES
static void encodeF32(const double *numbers, char *bytes, size_t count) {
  for (size_t index = 0; index < count; ++index) {
    auto number = static_cast<float>(numbers[index]);
    std::memcpy(bytes + index * sizeof(number), &number, sizeof(number));
  }
}

void quench::decodeFloats(DType dtype, const char *bytes,
                          llvm::MutableArrayRef<double> numbers) {
  switch (dtype) {
  case DType::F16:
    return decodeF16(bytes, numbers.data(), numbers.size());
  case DType::BF16:
    return decodeBF16(bytes, numbers.data(), numbers.size());
  case DType::F32:
    return decodeF32(bytes, numbers.data(), numbers.size());
  case DType::F64:
    std::copy_n(bytes, numbers.size() * sizeof(double),
                reinterpret_cast<char *>(numbers.data()));
    return;
  default:
    llvm_unreachable("expected a float type that is computed with");
  }
}

void quench::encodeFloats(DType dtype, llvm::ArrayRef<double> numbers,
                          char *bytes) {
  switch (dtype) {
  case DType::F16:
    return encodeF16(numbers.data(), bytes, numbers.size());
  case DType::BF16:
    return encodeBF16(numbers.data(), bytes, numbers.size());
  case DType::F32:
    return encodeF32(numbers.data(), bytes, numbers.size());
  case DType::F64:
    std::copy_n(reinterpret_cast<const char *>(numbers.data()),
                numbers.size() * sizeof(double), bytes);
    return;
  default:
    llvm_unreachable("expected a float type that is computed with");
  }
}

void quench::convertFloats(DType from, const char *bytes, DType to,
                           char *result, size_t count) {
  if (from == to) {
    std::copy_n(bytes, count * getBitWidth(from) / 8, result);
    return;
  }
  auto isAligned = [](const char *place) {
    return llvm::isAddrAligned(llvm::Align::Of<double>(), place);
  };
  if (from == DType::F64 && isAligned(bytes))
    return encodeFloats(to, {reinterpret_cast<const double *>(bytes), count},
                        result);
  if (to == DType::F64 && isAligned(result))
    return decodeFloats(from, bytes,
                        {reinterpret_cast<double *>(result), count});
  double numbers[blockSize];
  for (size_t begin = 0; begin < count; begin += blockSize) {
    size_t size = std::min(blockSize, count - begin);
    llvm::MutableArrayRef<double> some(numbers, size);
    decodeFloats(from, bytes + begin * getBitWidth(from) / 8, some);
    encodeFloats(to, some, result + begin * getBitWidth(to) / 8);
  }
}
