//===- SafeTensorsWriter.h - Writing safetensors ----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_SAFETENSORSWRITER_H
#define QUENCH_SUPPORT_SAFETENSORSWRITER_H

#include "Quench/Support/DType.h"
#include "Quench/Support/OutputFile.h"

#include <map>

namespace quench {

/// Writes a safetensors file front to back with no more memory than the header
/// needs. The data begins at a multiple of 64 in the file, and equal inputs
/// give equal bytes.
class SafeTensorsWriter {
public:
  /// What the header says of one tensor.
  struct Entry {
    std::string name;
    DType dtype;
    llvm::SmallVector<int64_t> shape;
  };

  /// Orders `entries` so that the format, which knows no padding, aligns as
  /// many tensors as it can: first those whose bytes are a multiple of 64, then
  /// of 32, and so on. Entries of the same kind keep their order.
  static void sortForAlignment(llvm::MutableArrayRef<Entry> entries);

  /// What such a file begins with: the length of the header and the header, as
  /// many bytes together as a multiple of 64. Names must be unique UTF-8,
  /// shapes of a size that a file can have.
  static llvm::Expected<std::string>
  makeHeader(llvm::ArrayRef<Entry> entries,
             const std::map<std::string, std::string> &metadata);

  /// Bytes of the data of `entry`, which makeHeader() took.
  static uint64_t countBytes(const Entry &entry);

  /// Opens the file and writes the header; `force` as in OutputFile.
  static llvm::Expected<std::unique_ptr<SafeTensorsWriter>>
  create(llvm::StringRef path, llvm::ArrayRef<Entry> entries,
         const std::map<std::string, std::string> &metadata, bool force);

  /// Appends the next bytes of the data: those of the first entry, then those
  /// of the second, and so on, in pieces of any size.
  llvm::Error append(llvm::ArrayRef<char> bytes);

  /// Appends the next `size` bytes of the data as zeros, to be filled through
  /// the mapping before finish().
  llvm::Expected<llvm::MutableArrayRef<char>> map(uint64_t size);

  /// Bytes of data that are still missing.
  uint64_t remaining() const { return missing; }

  /// Gives the complete file its name.
  llvm::Error finish();

private:
  SafeTensorsWriter() = default;
  llvm::Error take(uint64_t size);

  std::unique_ptr<OutputFile> output;
  uint64_t missing = 0;
};

} // namespace quench

#endif // QUENCH_SUPPORT_SAFETENSORSWRITER_H
