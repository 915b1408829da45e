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

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>

using namespace quench;

/// Elements that are looked at together: few enough for the nearest cache.
static constexpr size_t blockSize = 512;

template <typename Format>
static void decode(const char *bytes, double *numbers, size_t count) {
  for (size_t index = 0; index < count; ++index) {
    typename Format::Bits bits;
    std::memcpy(&bits, bytes + index * sizeof(bits), sizeof(bits));
    numbers[index] = Format::decode(bits);
  }
}

/// Rounds numbers that become normal ones of an IEEE format, or zeros, which
/// needs no case for what is smaller or larger. Returns whether all were such.
template <unsigned ExponentBits, unsigned MantissaBits>
static bool roundNormal(const double *numbers, uint16_t *codes, size_t count) {
  constexpr uint64_t bias = (1 << (ExponentBits - 1)) - 1;
  constexpr unsigned shift = 52 - MantissaBits;
  constexpr uint64_t lowest = (1023 - bias + 1) << 52;
  constexpr uint64_t highest = (1023 + bias + 1) << 52;
  constexpr uint64_t offset = (1023 - bias) << MantissaBits;
  uint64_t others = 0;
  for (size_t index = 0; index < count; ++index) {
    uint64_t bits = numerics::bitCast<uint64_t>(numbers[index]);
    uint64_t magnitude = bits << 1 >> 1;
    // Half a unit less one, and one where the last bit that stays is set: ties
    // go to the even neighbour. A carry moves into the exponent as it should.
    uint64_t even = magnitude >> shift & 1;
    uint64_t rounded =
        (magnitude + ((uint64_t(1) << (shift - 1)) - 1) + even) >> shift;
    uint64_t isZero = uint64_t(0) - (magnitude == 0);
    uint64_t code = (rounded - offset) & ~isZero;
    // One of the differences wraps for what is too small or too large.
    uint64_t place = (magnitude - lowest) & ~isZero;
    others |= (place | (highest - lowest - 1 - place)) >> 63;
    codes[index] = static_cast<uint16_t>(
        code | bits >> 63 << (ExponentBits + MantissaBits));
  }
  return others == 0;
}

template <typename Format, unsigned ExponentBits, unsigned MantissaBits>
static void encodeShort(const double *numbers, char *bytes, size_t count) {
  for (size_t begin = 0; begin < count; begin += blockSize) {
    uint16_t codes[blockSize];
    size_t size = std::min(blockSize, count - begin);
    if (!roundNormal<ExponentBits, MantissaBits>(numbers + begin, codes, size))
      for (size_t index = 0; index < size; ++index)
        codes[index] = Format::encode(numbers[begin + index]);
    std::memcpy(bytes + begin * sizeof(uint16_t), codes,
                size * sizeof(uint16_t));
  }
}

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
    return decode<numerics::F16>(bytes, numbers.data(), numbers.size());
  case DType::BF16:
    return decode<numerics::BF16>(bytes, numbers.data(), numbers.size());
  case DType::F32:
    return decode<numerics::F32>(bytes, numbers.data(), numbers.size());
  case DType::F64:
    std::memcpy(numbers.data(), bytes, numbers.size() * sizeof(double));
    return;
  default:
    llvm_unreachable("expected a float type that is computed with");
  }
}

void quench::encodeFloats(DType dtype, llvm::ArrayRef<double> numbers,
                          char *bytes) {
  switch (dtype) {
  case DType::F16:
    return encodeShort<numerics::F16, 5, 10>(numbers.data(), bytes,
                                             numbers.size());
  case DType::BF16:
    return encodeShort<numerics::BF16, 8, 7>(numbers.data(), bytes,
                                             numbers.size());
  case DType::F32:
    return encodeF32(numbers.data(), bytes, numbers.size());
  case DType::F64:
    std::memcpy(bytes, numbers.data(), numbers.size() * sizeof(double));
    return;
  default:
    llvm_unreachable("expected a float type that is computed with");
  }
}

void quench::convertFloats(DType from, const char *bytes, DType to,
                           char *result, size_t count) {
  if (from == to) {
    std::memcpy(result, bytes, count * getBitWidth(from) / 8);
    return;
  }
  double numbers[blockSize];
  for (size_t begin = 0; begin < count; begin += blockSize) {
    size_t size = std::min(blockSize, count - begin);
    llvm::MutableArrayRef<double> some(numbers, size);
    decodeFloats(from, bytes + begin * getBitWidth(from) / 8, some);
    encodeFloats(to, some, result + begin * getBitWidth(to) / 8);
  }
}
