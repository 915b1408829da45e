//===- TensorFile.cpp - Tensors in npy and safetensors files --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorFile.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <cstring>

using namespace quench::rt;

static constexpr absl::string_view kNpyMagic("\x93NUMPY", 6);

/// A file of a kind that people confuse with tensor files.
static Status refuseKnownKinds(absl::string_view bytes) {
  if (absl::StartsWith(bytes, "PK\x03\x04"))
    return failure("is a zip archive, such as .npz or a PyTorch pickle; save "
                   "the tensors as safetensors or .npy");
  // The length of a safetensors header may begin with the same bytes.
  uint64_t length = 0;
  if (bytes.size() >= sizeof(length))
    std::memcpy(&length, bytes.data(), sizeof(length));
  bool isHeader = length != 0 && length <= bytes.size() - sizeof(length);
  if (bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 &&
      bytes[1] <= 5 && !isHeader)
    return failure("is a Python pickle, which may run code when it is read; "
                   "save the tensors as safetensors or .npy");
  return Status();
}

StatusOr<TensorFile> TensorFile::open(const std::string &path) {
  StatusOr<MappedFile> mapped = MappedFile::open(path);
  if (!mapped.ok())
    return mapped.status();
  TensorFile result;
  result.path = path;
  result.file = *std::move(mapped);
  absl::string_view bytes = result.file.bytes();
  auto failed = [&](const Status &status) {
    return failure(absl::StrCat("'", path, "' ", status.message()));
  };

  if (Status status = refuseKnownKinds(bytes))
    return failed(status);
  if (absl::StartsWith(bytes, kNpyMagic)) {
    StatusOr<FileTensor> tensor = parseNpy(bytes);
    if (!tensor.ok())
      return failed(tensor.status());
    result.npy = true;
    result.contents.push_back(*std::move(tensor));
    return result;
  }
  StatusOr<std::vector<FileTensor>> tensors = parseSafetensors(bytes);
  if (!tensors.ok())
    return failed(tensors.status());
  result.contents = *std::move(tensors);
  return result;
}

StatusOr<const FileTensor *> TensorFile::find(absl::string_view name) const {
  for (const FileTensor &tensor : contents)
    if (tensor.name == name)
      return &tensor;
  if (npy)
    return failure(absl::StrCat("'", path, "' is an npy file and holds one ",
                                "tensor without a name, not '", name, "'"));
  constexpr size_t maxNames = 20;
  std::vector<absl::string_view> names;
  for (size_t i = 0; i < contents.size() && i < maxNames; ++i)
    names.push_back(contents[i].name);
  if (contents.size() > maxNames)
    names.push_back("...");
  return failure(absl::StrCat("'", path, "' holds no tensor '", name,
                              "'; it holds ", absl::StrJoin(names, ", ")));
}
