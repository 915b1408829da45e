//===- RandomTensors.cpp - Numbers that hit what algebra forgets ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RandomTensors.h"

#include "Quench/Support/FloatBytes.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/xxhash.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// RandomStream
//===----------------------------------------------------------------------===//

RandomStream::RandomStream(uint64_t seed, llvm::StringRef text)
    : state(llvm::xxh3_64bits(text) ^ (seed * 0x9e3779b97f4a7c15)) {}

/// SplitMix64: Steele, Lea, Flood, Fast splittable pseudorandom number
/// generators, 2014.
uint64_t RandomStream::next() {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

double RandomStream::uniform(double low, double high) {
  return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53);
}

double RandomStream::normal() {
  // The sum of four uniform numbers is close enough, and four times as fast.
  uint64_t bits = next();
  int64_t sum = 0;
  for (unsigned i = 0; i < 4; ++i)
    sum += static_cast<int64_t>(bits >> (16 * i) & 0xffff);
  return (static_cast<double>(sum) + 2 - 2 * 0x1p16) *
         (1.7320508075688772 * 0x1p-16);
}

int64_t RandomStream::integer(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(next() % static_cast<uint64_t>(high - low));
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// Makes the rows of the matrix `values` orthonormal, Gram and Schmidt.
static void orthonormalize(std::vector<double> &values, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    double *row = &values[i * n];
    // Twice is enough: Giraud et al., 2005.
    for (int64_t j = 0; j < 2 * i; ++j) {
      const double *other = &values[(j % i) * n];
      double dot = 0;
      for (int64_t k = 0; k < n; ++k)
        dot += row[k] * other[k];
      for (int64_t k = 0; k < n; ++k)
        row[k] -= dot * other[k];
    }
    double norm = 0;
    for (int64_t k = 0; k < n; ++k)
      norm += row[k] * row[k];
    for (int64_t k = 0; k < n; ++k)
      row[k] /= std::sqrt(norm);
  }
}

/// A A^T / n + I / 10 of the square matrix `values`.
static void makeCovariance(std::vector<double> &values, int64_t n) {
  std::vector<double> product(values.size());
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = i == j ? 0.1 * n : 0;
      for (int64_t k = 0; k < n; ++k)
        sum += values[i * n + k] * values[j * n + k];
      product[i * n + j] = sum / n;
    }
  values = std::move(product);
}

llvm::Error quench::makeRandomParameter(
    uint64_t seed, llvm::StringRef scope, llvm::StringRef key,
    RankedTensorType type,
    llvm::function_ref<llvm::Error(llvm::ArrayRef<double>)> take) {
  RandomStream random(seed, (scope + "::" + key).str());
  bool isSquare =
      type.getRank() == 2 && type.getDimSize(0) == type.getDimSize(1);
  int64_t rows = type.getRank() ? type.getDimSize(0) : 1;
  bool isFloat = isa<FloatType>(type.getElementType());
  bool isOrthogonal = isFloat && scope == "learned" && isSquare;
  if (isFloat && scope != "stats" && !isOrthogonal && type.getRank() >= 2) {
    // Few rows at a time: it may be large.
    int64_t rowSize = rows ? type.getNumElements() / rows : 0;
    double unit = 1 / std::sqrt(static_cast<double>(rowSize));
    int64_t small = -1, large = -1;
    if (rows >= 8) {
      small = random.integer(0, rows);
      large = random.integer(0, rows);
    }
    int64_t step =
        std::clamp<int64_t>((1 << 16) / std::max<int64_t>(rowSize, 1), 1,
                            std::max<int64_t>(rows, 1));
    std::vector<double> some;
    for (int64_t begin = 0; begin < rows; begin += step) {
      some.clear();
      for (int64_t row = begin; row < std::min(begin + step, rows); ++row) {
        double factor = unit * (row == large ? 10 : 1);
        // A token of zeros would stay one through all norms, each of which
        // magnifies what rounding leaves of it by 1/sqrt(eps).
        factor *= row == small ? 0.03 : 1;
        for (int64_t i = 0; i < rowSize; ++i)
          some.push_back(random.normal() * factor);
      }
      if (llvm::Error error = take(some))
        return error;
    }
    return llvm::Error::success();
  }

  std::vector<double> values(type.getNumElements());
  auto fill = [&](auto draw) {
    std::generate(values.begin(), values.end(), draw);
  };
  auto ofEitherSign = [&] {
    double value = random.uniform(0.5, 1.5);
    return random.next() & 1 ? value : -value;
  };
  if (!isFloat) {
    fill([&] { return random.integer(0, 2); });
  } else if (scope == "stats") {
    llvm::StringRef kind = key.rsplit('.').second;
    if (kind == "mean")
      fill([&] { return random.normal() / 2; });
    else if (kind == "min")
      fill([&] { return -random.uniform(0.5, 2); });
    else if (kind == "extent")
      fill([&, sign = 1]() mutable {
        return (sign = -sign) * random.uniform(0.5, 2);
      });
    else
      fill([&] { return random.uniform(0.5, 2); });
    if (kind == "covariance" && isSquare)
      makeCovariance(values, rows);
  } else if (isOrthogonal) {
    fill([&] { return random.normal(); });
    orthonormalize(values, rows);
  } else if (key.rsplit('.').second == "running_var") {
    fill([&] { return random.uniform(0.5, 1.5); });
  } else {
    fill(ofEitherSign);
  }
  return take(values);
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

template <typename T>
static void encode(llvm::ArrayRef<double> values, std::vector<char> &bytes) {
  bytes.resize(values.size() * sizeof(T));
  char *to = bytes.data();
  for (double value : values) {
    T element = static_cast<T>(value);
    std::memcpy(to, &element, sizeof(T));
    to += sizeof(T);
  }
}

std::vector<char> quench::encodeTensor(llvm::ArrayRef<double> values,
                                       Type elementType) {
  std::vector<char> bytes;
  unsigned width = elementType.getIntOrFloatBitWidth();
  if (elementType.isF64() || elementType.isF32() || elementType.isBF16() ||
      elementType.isF16()) {
    bytes.resize(values.size() * width / 8);
    encodeFloats(*getDType(elementType), values, bytes.data());
  } else if (auto type = dyn_cast<FloatType>(elementType)) {
    unsigned size = width / 8;
    bytes.resize(values.size() * size);
    for (auto [i, value] : llvm::enumerate(values)) {
      APFloat number(value);
      bool losesInfo;
      number.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                     &losesInfo);
      uint64_t bits = number.bitcastToAPInt().getZExtValue();
      std::memcpy(&bytes[i * size], &bits, size);
    }
  } else if (width == 64) {
    encode<int64_t>(values, bytes);
  } else if (width == 32) {
    encode<int32_t>(values, bytes);
  } else if (width == 16) {
    encode<int16_t>(values, bytes);
  } else {
    encode<int8_t>(values, bytes);
  }
  return bytes;
}
