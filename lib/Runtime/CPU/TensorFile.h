//===- TensorFile.h - Tensors in npy and safetensors files ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_TENSORFILE_H
#define QUENCH_RUNTIME_CPU_TENSORFILE_H

#include "MappedFile.h"
#include "Tensor.h"

#include <optional>
#include <string>
#include <vector>

namespace quench::rt {

/// A tensor whose elements lie in a mapped file, at any alignment.
struct FileTensor {
  std::string name;               ///< Empty in an npy file.
  std::string type;               ///< As the file has it.
  std::optional<qrt_dtype> dtype; ///< Nothing: no type that models take.
  std::vector<int64_t> shape;
  absl::string_view bytes;
};

/// An npy or a safetensors file, told apart by their first bytes. Everything
/// about a file is checked when it is opened: sizes, offsets, types, overlaps.
class TensorFile {
public:
  static StatusOr<TensorFile> open(const std::string &path);

  /// The tensor of that name, or that of an npy file when `name` is empty.
  /// Fails with the names there are.
  StatusOr<const FileTensor *> find(absl::string_view name) const;

  bool isNpy() const { return npy; }
  const std::vector<FileTensor> &tensors() const { return contents; }

private:
  std::string path;
  MappedFile file;
  bool npy = false;
  std::vector<FileTensor> contents;
};

/// The tensor of an npy file of those bytes.
StatusOr<FileTensor> parseNpy(absl::string_view bytes);

/// The tensors of a safetensors file of those bytes, in the order of the data.
StatusOr<std::vector<FileTensor>> parseSafetensors(absl::string_view bytes);

/// The header of an npy file that holds `tensor`. Fails for bf16, which the
/// format does not have.
StatusOr<std::string> npyHeader(const qrt_tensor &tensor);

/// The header of a safetensors file that holds `tensors` in this order, its
/// size a multiple of 64.
std::string safetensorsHeader(absl::Span<const qrt_tensor> tensors);

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_TENSORFILE_H
