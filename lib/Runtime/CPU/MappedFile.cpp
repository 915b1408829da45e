//===- MappedFile.cpp - Files in memory -----------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MappedFile.h"

#include "Status.h"

#include "absl/strings/str_cat.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace quench::rt;

StatusOr<MappedFile> MappedFile::open(const std::string &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return systemFailure(absl::StrCat("cannot open '", path, "'"));
  struct stat status;
  Status error;
  MappedFile file;
  if (fstat(fd, &status) != 0) {
    error = systemFailure(absl::StrCat("cannot read '", path, "'"));
  } else if (!S_ISREG(status.st_mode)) {
    error = failure(absl::StrCat("'", path, "' is not a regular file"));
  } else if (status.st_size > 0) {
    void *memory = mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED) {
      error = systemFailure(absl::StrCat("cannot map '", path, "'"));
    } else {
      file.data = static_cast<const char *>(memory);
      file.size = status.st_size;
    }
  }
  close(fd);
  if (!error.ok())
    return error;
  return file;
}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(data, other.data);
  std::swap(size, other.size);
  return *this;
}

MappedFile::~MappedFile() {
  if (data)
    munmap(const_cast<char *>(data), size);
}
