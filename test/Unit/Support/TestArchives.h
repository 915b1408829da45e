//===- TestArchives.h - Archives for tests ----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TEST_UNIT_SUPPORT_TESTARCHIVES_H
#define QUENCH_TEST_UNIT_SUPPORT_TESTARCHIVES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace quench::test {

/// A folder that lives as long as the object.
class TempFolder {
public:
  TempFolder() { llvm::sys::fs::createUniqueDirectory("quench-test", folder); }
  ~TempFolder() { llvm::sys::fs::remove_directories(folder); }
  TempFolder(const TempFolder &) = delete;

  std::string path(llvm::StringRef name = "") const {
    llvm::SmallString<128> path(folder);
    if (!name.empty())
      llvm::sys::path::append(path, name);
    return path.str().str();
  }
  /// Writes a file and returns its path.
  std::string write(llvm::StringRef name, llvm::StringRef bytes) const {
    std::error_code code;
    llvm::raw_fd_ostream(path(name), code) << bytes;
    return path(name);
  }

private:
  llvm::SmallString<128> folder;
};

/// The bytes of a safetensors file with that header, whatever it says.
inline std::string makeArchive(llvm::StringRef header, llvm::StringRef data) {
  std::string bytes(8, '\0');
  llvm::support::endian::write64le(bytes.data(), header.size());
  return bytes + header.str() + data.str();
}

} // namespace quench::test

#endif // QUENCH_TEST_UNIT_SUPPORT_TESTARCHIVES_H
