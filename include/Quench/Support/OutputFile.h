//===- OutputFile.h - Files that appear complete or not at all --*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_OUTPUTFILE_H
#define QUENCH_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <string>

namespace quench {

/// Fails when an output of that name cannot be made: it is a folder, its folder
/// is missing or cannot be written to, or it exists and `force` is false. Ask
/// before long work.
llvm::Error checkOutput(llvm::StringRef path, bool force);

/// A hidden file beside `path`, `.NAMEsuffix`, for what long work has done so
/// far. It stands beside what links point to.
std::string getPathBeside(llvm::StringRef path, llvm::StringRef suffix);

/// A file under a temporary name in the folder of its final name, which it
/// takes when it is complete. Until then whatever had that name stays; without
/// commit(), and when the program is interrupted, nothing is left behind. Links
/// are followed; devices and pipes, such as /dev/stdout, are written in place.
class OutputFile {
public:
  /// Opens the temporary file. With `force` an existing file will be replaced,
  /// otherwise it is an error. `executable` sets the permission to run it.
  static llvm::Expected<std::unique_ptr<OutputFile>>
  create(llvm::StringRef path, bool force, bool executable = false);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  llvm::raw_fd_ostream &os() { return *stream; }

  /// The final name.
  llvm::StringRef path() const { return finalName; }

  /// The name until commit(). Other programs may write there once the stream is
  /// closed.
  llvm::StringRef temporaryPath() const { return temporaryName; }

  /// The first failure to write so far, such as a full disk. Streams buffer,
  /// so it comes late; long work asks now and then.
  llvm::Error check();

  /// Appends `size` zero bytes and maps them for writing; valid until close().
  /// The disk space is reserved, so that stores cannot fail later.
  llvm::Expected<llvm::MutableArrayRef<char>> mapAppended(uint64_t size);

  /// Writes what is buffered and closes the stream without giving the file its
  /// final name.
  llvm::Error close();

  /// close() and gives the file its final name.
  llvm::Error commit();

private:
  explicit OutputFile(llvm::StringRef path) : finalName(path) {}

  std::string finalName;
  std::string temporaryName; ///< Equal to finalName for devices and pipes.
  bool force = false;
  bool done = false;
  int file = -1;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
  llvm::SmallVector<llvm::sys::fs::mapped_file_region> mappings;
};

} // namespace quench

#endif // QUENCH_SUPPORT_OUTPUTFILE_H
