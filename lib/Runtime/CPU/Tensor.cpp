//===- Tensor.cpp - Types, shapes and memory of tensors -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tensor.h"

#include "Memory.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace quench::rt;

namespace {
/// IEEE half and bfloat16 as their bits.
struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};

struct DTypeInfo {
  absl::string_view name;
  int64_t bytes;
};
} // namespace

/// In the order of qrt_dtype.
static constexpr DTypeInfo kDTypes[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"I16", 2}, {"U16", 2},
    {"I32", 4},  {"U32", 4}, {"I64", 8}, {"U64", 8}, {"F16", 2},
    {"BF16", 2}, {"F32", 4}, {"F64", 8},
};

int64_t quench::rt::byteSize(qrt_dtype dtype) { return kDTypes[dtype].bytes; }

absl::string_view quench::rt::nameOf(qrt_dtype dtype) {
  return kDTypes[dtype].name;
}

std::optional<qrt_dtype> quench::rt::parseDType(absl::string_view name) {
  for (int i = 0; i <= QRT_F64; ++i)
    if (kDTypes[i].name == name)
      return static_cast<qrt_dtype>(i);
  return std::nullopt;
}

std::optional<int64_t>
quench::rt::countElements(absl::Span<const int64_t> shape) {
  int64_t count = 8;
  bool isEmpty = false;
  for (int64_t extent : shape) {
    if (extent < 0)
      return std::nullopt;
    if (extent == 0)
      isEmpty = true;
    else if (__builtin_mul_overflow(count, extent, &count))
      return std::nullopt;
  }
  return isEmpty ? 0 : count / 8;
}

std::string quench::rt::formatShape(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static double toDouble(BFloat value) {
  return bitsToFloat(uint32_t(value.bits) << 16);
}

static double toDouble(Half value) {
  uint32_t sign = uint32_t(value.bits & 0x8000) << 16;
  uint32_t exponent = (value.bits >> 10) & 0x1f;
  uint32_t mantissa = value.bits & 0x3ff;
  if (exponent == 0) {
    float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  exponent = exponent == 31 ? 255 : exponent + 112;
  return bitsToFloat(sign | exponent << 23 | mantissa << 13);
}

template <typename T>
static double toDouble(T value) {
  return static_cast<double>(value);
}

static void fromDouble(double value, BFloat &result) {
  float single = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &single, sizeof(bits));
  // To nearest, ties to even; a NaN stays one.
  if (single == single)
    bits += 0x7fff + ((bits >> 16) & 1);
  else
    bits |= 0x400000;
  result.bits = static_cast<uint16_t>(bits >> 16);
}

static void fromDouble(double value, Half &result) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(value);
  if (!(magnitude < 65520)) {
    result.bits = sign | (magnitude == magnitude ? 0x7c00 : 0x7e00);
    return;
  }
  // One unit in the last place is 2^(exponent - 11), at least 2^-24.
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  exponent = magnitude == 0 ? -13 : std::max(exponent, -13);
  auto units = static_cast<uint32_t>(
      std::nearbyint(std::ldexp(magnitude, 11 - exponent)));
  // Rounding up to the next power of two carries into the exponent by itself.
  result.bits =
      static_cast<uint16_t>(sign | ((uint32_t(exponent + 13) << 10) + units));
}

template <typename T>
static void fromDouble(double value, T &result) {
  result = static_cast<T>(value);
}

/// Calls `visitor` with a value of the type of the elements.
template <typename Visitor>
static auto visit(qrt_dtype dtype, Visitor &&visitor) {
  switch (dtype) {
  case QRT_BOOL:
  case QRT_U8:
    return visitor(uint8_t());
  case QRT_I8:
    return visitor(int8_t());
  case QRT_I16:
    return visitor(int16_t());
  case QRT_U16:
    return visitor(uint16_t());
  case QRT_I32:
    return visitor(int32_t());
  case QRT_U32:
    return visitor(uint32_t());
  case QRT_I64:
    return visitor(int64_t());
  case QRT_U64:
    return visitor(uint64_t());
  case QRT_F16:
    return visitor(Half());
  case QRT_BF16:
    return visitor(BFloat());
  case QRT_F32:
    return visitor(float());
  case QRT_F64:
    return visitor(double());
  }
  __builtin_unreachable();
}

template <typename T>
static T load(const void *data, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char *>(data) + index * sizeof(T),
              sizeof(T));
  return value;
}

bool quench::rt::isFloat(qrt_dtype dtype) { return dtype >= QRT_F16; }
static bool isSigned(qrt_dtype dtype) {
  return dtype == QRT_I8 || dtype == QRT_I16 || dtype == QRT_I32 ||
         dtype == QRT_I64;
}

bool quench::rt::isLossless(qrt_dtype from, qrt_dtype to) {
  if (from == to)
    return true;
  if (isFloat(from) || isFloat(to))
    return isFloat(from) && isFloat(to) && byteSize(from) < byteSize(to);
  if (to == QRT_BOOL)
    return false;
  if (from == QRT_BOOL || isSigned(from) == isSigned(to))
    return from == QRT_BOOL || byteSize(from) < byteSize(to);
  return isSigned(to) && byteSize(from) < byteSize(to);
}

void quench::rt::convert(qrt_dtype from, const void *source, qrt_dtype to,
                         void *target, int64_t count) {
  if (from == to) {
    std::memcpy(target, source, count * byteSize(from));
    return;
  }
  // No type that widens losslessly has more than 53 significant bits.
  for (int64_t i = 0; i < count; ++i)
    visit(to, [&](auto result) {
      fromDouble(elementAt(from, source, i), result);
      std::memcpy(static_cast<char *>(target) + i * sizeof(result), &result,
                  sizeof(result));
    });
}

double quench::rt::elementAt(qrt_dtype dtype, const void *data, int64_t index) {
  return visit(dtype, [&](auto sample) {
    return toDouble(load<decltype(sample)>(data, index));
  });
}

void quench::rt::fill(qrt_dtype dtype, void *data, int64_t count,
                      double value) {
  visit(dtype, [&](auto element) {
    fromDouble(value, element);
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(static_cast<char *>(data) + i * sizeof(element), &element,
                  sizeof(element));
  });
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

StatusOr<Bytes> quench::rt::allocateBytes(int64_t count) {
  void *memory = allocateMemory(count);
  if (!memory)
    return failure(
        absl::StrCat("the machine has no memory left for ", count, " bytes"));
  return Bytes(static_cast<char *>(memory));
}

Status quench::rt::reshape(Tensor &tensor, absl::Span<const int64_t> shape) {
  std::optional<int64_t> count = countElements(shape);
  if (!count)
    return failure(absl::StrCat("'", tensor.name, "' of shape ",
                                formatShape(shape),
                                " is larger than any memory"));
  tensor.shape.assign(shape.begin(), shape.end());
  int64_t needed = *count * byteSize(tensor.dtype);
  if (tensor.data && tensor.capacity >= needed)
    return Status();
  tensor.data.reset();
  StatusOr<Bytes> data = allocateBytes(needed);
  if (!data.ok())
    return failure(
        absl::StrCat("'", tensor.name, "': ", data.status().message()));
  tensor.data = *std::move(data);
  tensor.capacity = needed;
  return Status();
}

StatusOr<Tensor> quench::rt::makeTensor(std::string name, qrt_dtype dtype,
                                        std::vector<int64_t> shape) {
  Tensor tensor{std::move(name), dtype, {}, nullptr};
  if (Status status = reshape(tensor, shape))
    return status;
  return tensor;
}

qrt_tensor quench::rt::viewOf(const Tensor &tensor) {
  return {tensor.name.c_str(), tensor.dtype,
          static_cast<int32_t>(tensor.shape.size()), tensor.shape.data(),
          tensor.data.get()};
}

int64_t quench::rt::numBytes(const qrt_tensor &tensor) {
  return *countElements({tensor.shape, static_cast<size_t>(tensor.rank)}) *
         byteSize(tensor.dtype);
}
