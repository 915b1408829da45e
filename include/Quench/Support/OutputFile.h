//===- OutputFile.h - Files that are whole or not there ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_OUTPUTFILE_H
#define QUENCH_SUPPORT_OUTPUTFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <memory>
#include <optional>
#include <string>

namespace quench {

/// A file that is written under a temporary name in the folder of the final
/// one and renamed when it is whole. What is not committed is removed, also
/// when a signal ends the process. Devices and pipes are written in place.
class OutputFile {
public:
  /// Fails when `path` exists and `force` is false, when it is a folder, or
  /// when its folder does not exist or cannot be written to.
  static llvm::Expected<std::unique_ptr<OutputFile>>
  create(llvm::StringRef path, bool force);

  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;
  ~OutputFile();

  /// Where to write until close().
  llvm::raw_fd_ostream &os() { return *stream; }

  /// Where the bytes are until commit(). Other programs may write there once
  /// this stream is closed.
  llvm::StringRef temporaryPath() const { return temporary; }

  /// Closes the stream without giving the file its final name. Fails when not
  /// all bytes could be written, for example because the disk is full.
  llvm::Error close();

  /// close() and gives the file its final name.
  llvm::Error commit();

private:
  OutputFile(llvm::StringRef path, std::string temporary, int descriptor);

  std::string path;
  /// Equal to `path` where the file is written in place.
  std::string temporary;
  std::optional<llvm::raw_fd_ostream> stream;
  bool done = false;
};

} // namespace quench

#endif // QUENCH_SUPPORT_OUTPUTFILE_H
