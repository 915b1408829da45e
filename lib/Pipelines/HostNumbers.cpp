//===- HostNumbers.cpp - Numbers that the compiler looks at ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostNumbers.h"

#include "ExampleData.h"

#include "Quench/Support/FloatBytes.h"

using namespace mlir;
using namespace quench;

FailureOr<std::vector<double>>
quench::evaluateFloats(Value root, const ArchiveSet &archives) {
  auto type = cast<RankedTensorType>(root.getType());
  std::optional<DType> dtype = getDType(type.getElementType());
  std::vector<char> bytes(type.getNumElements() * getBitWidth(*dtype) / 8);
  if (failed(evaluateWeights(root, archives, bytes)))
    return failure();
  std::vector<double> numbers(type.getNumElements());
  decodeFloats(*dtype, bytes.data(), numbers);
  return numbers;
}

std::optional<DType> quench::getFloatType(const qrt_tensor &tensor) {
  for (DType type : {DType::F16, DType::BF16, DType::F32, DType::F64})
    if (getRuntimeType(type) == tensor.dtype)
      return type;
  return std::nullopt;
}

static int64_t countElements(const qrt_tensor &tensor) {
  int64_t count = 1;
  for (int32_t dim = 0; dim < tensor.rank; ++dim)
    count *= tensor.shape[dim];
  return count;
}

std::optional<std::vector<int64_t>>
quench::getIntegers(const qrt_tensor &tensor) {
  int64_t count = countElements(tensor);
  auto read = [&](auto type) {
    const auto *data = static_cast<const decltype(type) *>(tensor.data);
    return std::vector<int64_t>(data, data + count);
  };
  switch (tensor.dtype) {
  case QRT_BOOL:
  case QRT_U8:
    return read(uint8_t());
  case QRT_I8:
    return read(int8_t());
  case QRT_I16:
    return read(int16_t());
  case QRT_I32:
    return read(int32_t());
  case QRT_I64:
    return read(int64_t());
  default:
    return std::nullopt;
  }
}

std::vector<double> quench::getNumbers(const qrt_tensor &tensor) {
  if (std::optional<std::vector<int64_t>> integers = getIntegers(tensor))
    return std::vector<double>(integers->begin(), integers->end());
  std::vector<double> numbers(countElements(tensor));
  decodeFloats(*getFloatType(tensor), static_cast<const char *>(tensor.data),
               numbers);
  return numbers;
}
