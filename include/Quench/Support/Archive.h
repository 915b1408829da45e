//===- Archive.h - Mapped safetensors ---------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_ARCHIVE_H
#define QUENCH_SUPPORT_ARCHIVE_H

#include "Quench/Support/DType.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/StringSaver.h"
#include <memory>
#include <string>

namespace quench {

/// Named tensors in one safetensors file or in shards that an index names. The
/// files are mapped, never read as a whole: opening touches the headers only,
/// and `Tensor::bytes` points into the mapping.
class Archive {
public:
  /// One tensor. The bytes are dense, row-major, little-endian, and have no
  /// alignment: the format promises none.
  struct Tensor {
    llvm::StringRef name;
    DType dtype;
    llvm::ArrayRef<int64_t> shape;
    llvm::ArrayRef<char> bytes;
  };

  /// Opens a safetensors file, an index of shards (`*.index.json`), or a folder
  /// that holds either. Everything that the headers say is checked against the
  /// files, so the tensors of an open archive are in bounds, of the size that
  /// their shape says, and under unique names. Errors begin with the path.
  static llvm::Expected<std::unique_ptr<Archive>> open(llvm::StringRef path);

  /// The tensor of that name, or null.
  const Tensor *find(llvm::StringRef name) const;

  /// All tensors in the order of their bytes, shard by shard.
  llvm::ArrayRef<Tensor> tensors() const { return table; }

  /// The names that are spelled most like `name`, at most three, best first.
  llvm::SmallVector<llvm::StringRef> findSimilar(llvm::StringRef name) const;

  /// The `__metadata__` of the file; of shards the union, the first shard that
  /// has a key deciding.
  const llvm::StringMap<std::string> &metadata() const { return texts; }

  /// The file or index that was opened: inside the folder when that was given.
  llvm::StringRef path() const { return location; }

  /// Bytes of all mapped files.
  uint64_t size() const;

  /// XXH3-128 of the file, 32 hex digits; of shards that of their hashes in the
  /// order of their names. Reads every byte.
  std::string hash() const;

  /// Says which files these are without a look at their tensors: a hash of
  /// size, time of the last change and header of each. Changes whenever a file
  /// is written, also with the same bytes.
  std::string identity() const;

  /// Tells the system that the pages of `bytes`, which are those of tensors,
  /// are not needed for now. They are read again when touched.
  void release(llvm::ArrayRef<char> bytes) const;

private:
  Archive() : names(allocator) {}

  /// Maps one safetensors file and returns its tensors, sorted by offset.
  llvm::Expected<llvm::SmallVector<Tensor>> map(llvm::StringRef path);
  llvm::Error openFile();
  llvm::Error openIndex();
  void add(const Tensor &tensor);

  std::string location;
  std::string stamps; ///< What identity() hashes.
  llvm::SmallVector<llvm::sys::fs::mapped_file_region> files;
  llvm::SmallVector<Tensor> table;
  llvm::DenseMap<llvm::StringRef, unsigned> index;
  llvm::StringMap<std::string> texts;
  llvm::BumpPtrAllocator allocator;
  llvm::StringSaver names;
};

} // namespace quench

#endif // QUENCH_SUPPORT_ARCHIVE_H
