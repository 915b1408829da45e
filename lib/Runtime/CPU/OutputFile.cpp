//===- OutputFile.cpp - Files that are whole or not there -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OutputFile.h"

#include "Tensor.h"
#include "TensorFile.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace quench::rt;

StatusOr<OutputFile> OutputFile::create(const std::string &path, bool replace) {
  OutputFile file;
  file.path = path;
  struct stat status;
  if (stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode))
      return failure(absl::StrCat("cannot write '", path, "': it is a folder"));
    if (!S_ISREG(status.st_mode)) {
      file.fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (file.fd < 0)
        return file.systemError();
      return file;
    }
    if (!replace)
      return failure(absl::StrCat("'", path, "' exists; --force replaces it"));
    // A link stays one: what it points to is replaced.
    if (char *target = realpath(path.c_str(), nullptr)) {
      file.path = target;
      std::free(target);
    }
  }

  file.temporary = absl::StrCat(file.path, ".tmp", getpid());
  std::string folder = file.path.substr(0, file.path.rfind('/') + 1);
  file.fd = open(folder.empty() ? "." : folder.c_str(),
                 O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (file.fd < 0) {
    file.fd = open(file.temporary.c_str(),
                   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.fd < 0)
      return file.systemError();
    file.isNamed = true;
  }
  return file;
}

OutputFile::OutputFile(OutputFile &&other) noexcept
    : path(std::move(other.path)), temporary(std::move(other.temporary)),
      isNamed(std::exchange(other.isNamed, false)),
      fd(std::exchange(other.fd, -1)) {}

OutputFile::~OutputFile() {
  if (fd >= 0)
    close(fd);
  if (isNamed)
    unlink(temporary.c_str());
}

Status OutputFile::systemError() const {
  return systemFailure(absl::StrCat("cannot write '", path, "'"));
}

Status OutputFile::write(absl::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError();
    bytes.remove_prefix(count);
  }
  return Status();
}

Status OutputFile::commit() {
  if (!temporary.empty() && !isNamed) {
    std::string nameless = absl::StrCat("/proc/self/fd/", fd);
    if (linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, temporary.c_str(),
               AT_SYMLINK_FOLLOW) != 0)
      return systemError();
    isNamed = true;
  }
  if (close(std::exchange(fd, -1)) != 0)
    return systemError();
  if (isNamed && std::rename(temporary.c_str(), path.c_str()) != 0)
    return systemError();
  isNamed = false;
  return Status();
}

static absl::string_view bytesOf(const qrt_tensor &tensor) {
  return {static_cast<const char *>(tensor.data),
          static_cast<size_t>(numBytes(tensor))};
}

Status quench::rt::writeTensors(OutputFile &file,
                                absl::Span<const qrt_tensor> tensors,
                                bool isNpy) {
  // Larger elements first keeps every tensor aligned to its elements.
  std::vector<qrt_tensor> ordered;
  for (int64_t bytes : {8, 4, 2, 1})
    for (const qrt_tensor &tensor : tensors)
      if (byteSize(tensor.dtype) == bytes)
        ordered.push_back(tensor);
  StatusOr<std::string> header =
      isNpy ? npyHeader(ordered.front()) : safetensorsHeader(ordered);
  if (!header.ok())
    return header.status();
  if (Status status = file.write(*header))
    return status;
  for (const qrt_tensor &tensor : ordered)
    if (Status status = file.write(bytesOf(tensor)))
      return status;
  return file.commit();
}
