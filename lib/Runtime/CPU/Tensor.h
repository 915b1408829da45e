//===- Tensor.h - Types, shapes and memory of tensors -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_TENSOR_H
#define QUENCH_RUNTIME_CPU_TENSOR_H

#include "Status.h"

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "quench-rt/quench_rt.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace quench::rt {

/// Bytes of one element.
int64_t byteSize(qrt_dtype dtype);

/// The name of a type in safetensors files: `F32`, `I64`, ...
absl::string_view nameOf(qrt_dtype dtype);
std::optional<qrt_dtype> parseDType(absl::string_view name);

/// Elements of a shape; nothing when an extent is negative or the bytes of an
/// f64 tensor of that shape would not fit 63 bits.
std::optional<int64_t> countElements(absl::Span<const int64_t> shape);

/// "[2, 128]"
std::string formatShape(absl::Span<const int64_t> shape);

/// Whether numbers of that type have fractions.
bool isFloat(qrt_dtype dtype);

/// Whether every value of `from` is a value of `to` of the same kind: a wider
/// integer, or a wider float.
bool isLossless(qrt_dtype from, qrt_dtype to);

/// Converts `count` elements of any alignment; isLossless(from, to) holds.
void convert(qrt_dtype from, const void *source, qrt_dtype to, void *target,
             int64_t count);

/// The element at `index` as a double.
double elementAt(qrt_dtype dtype, const void *data, int64_t index);

/// Sets `count` elements to `value`.
void fill(qrt_dtype dtype, void *data, int64_t count, double value);

/// Bytes aligned to 64.
struct FreeBytes {
  void operator()(void *bytes) const { std::free(bytes); }
};
using Bytes = std::unique_ptr<char, FreeBytes>;

/// Fails when the machine has none left.
StatusOr<Bytes> allocateBytes(int64_t count);

/// A tensor that owns its elements.
struct Tensor {
  std::string name;
  qrt_dtype dtype;
  std::vector<int64_t> shape;
  Bytes data;
  int64_t capacity = 0; ///< Bytes that there is room for.

  int64_t numElements() const { return *countElements(shape); }
  int64_t numBytes() const { return numElements() * byteSize(dtype); }
};

/// A tensor of that shape, its elements not set.
StatusOr<Tensor> makeTensor(std::string name, qrt_dtype dtype,
                            std::vector<int64_t> shape);

/// Gives `tensor` that shape. Its elements are not set; their memory stays
/// where they fit.
Status reshape(Tensor &tensor, absl::Span<const int64_t> shape);

/// `tensor` for the C ABI, without its elements changing hands.
qrt_tensor viewOf(const Tensor &tensor);

/// Bytes of a tensor of the C ABI whose shape was checked.
int64_t numBytes(const qrt_tensor &tensor);

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_TENSOR_H
