//===- OutputFile.h - Files that are whole or not there ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_OUTPUTFILE_H
#define QUENCH_RUNTIME_CPU_OUTPUTFILE_H

#include "Status.h"

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "quench-rt/quench_rt.h"

#include <string>

namespace quench::rt {

/// A file that has no name, or a temporary one where the file system wants it,
/// before it is complete and put in its place. What is not a regular file, such
/// as /dev/null, is written to directly.
class OutputFile {
public:
  /// Makes the file, so that a folder that cannot be written to shows
  /// before any work is done. An existing file is an error unless `replace`.
  static StatusOr<OutputFile> create(const std::string &path, bool replace);

  OutputFile(OutputFile &&other) noexcept;
  OutputFile &operator=(OutputFile &&) = delete;
  ~OutputFile();

  Status write(absl::string_view bytes);

  /// Puts the complete file in its place.
  Status commit();

private:
  OutputFile() = default;

  Status systemError() const;

  std::string path;
  std::string temporary; ///< The name before the last; empty: written directly.
  bool isNamed = false;  ///< Whether it has the temporary name already.
  int fd = -1;
};

/// Writes tensors to an .npy (one tensor) or a safetensors file and commits it.
Status writeTensors(OutputFile &file, absl::Span<const qrt_tensor> tensors,
                    bool isNpy);

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_OUTPUTFILE_H
