//===- MappedFile.h - Files in memory ---------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_MAPPEDFILE_H
#define QUENCH_RUNTIME_CPU_MAPPEDFILE_H

#include "Status.h"

#include "absl/strings/string_view.h"

#include <cstddef>
#include <string>

namespace quench::rt {

/// A file that is mapped for reading.
class MappedFile {
public:
  /// Maps all of a regular file. Errors name the path.
  static StatusOr<MappedFile> open(const std::string &path);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept { *this = std::move(other); }
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  absl::string_view bytes() const { return {data, size}; }

private:
  const char *data = nullptr;
  size_t size = 0;
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_MAPPEDFILE_H
