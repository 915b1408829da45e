//===- OutputFile.cpp - Files that are whole or not there -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/OutputFile.h"

#include "Quench/Support/Error.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"

using namespace quench;
namespace fs = llvm::sys::fs;

OutputFile::OutputFile(llvm::StringRef path, std::string temporary,
                       int descriptor)
    : path(path), temporary(std::move(temporary)) {
  stream.emplace(descriptor, /*shouldClose=*/true);
  if (this->temporary != this->path)
    llvm::sys::RemoveFileOnSignal(this->temporary);
}

llvm::Expected<std::unique_ptr<OutputFile>>
OutputFile::create(llvm::StringRef path, bool force) {
  // A link is followed, so that what it points to is replaced.
  llvm::SmallString<128> target(path);
  fs::file_status status;
  int descriptor;
  if (!fs::status(path, status) && fs::exists(status)) {
    if (fs::is_directory(status))
      return makeError("cannot write '", path, "': it is a folder");
    if (!fs::is_regular_file(status)) {
      if (std::error_code ec =
              fs::openFileForWrite(path, descriptor, fs::CD_OpenExisting))
        return makeError("cannot write '", path, "': ", describe(ec));
      return std::unique_ptr<OutputFile>(
          new OutputFile(path, path.str(), descriptor));
    }
    if (!force)
      return makeError("'", path, "' exists already; replace it with --force");
    if (std::error_code ec = fs::real_path(path, target))
      return makeError("cannot write '", path, "': ", describe(ec));
  }

  llvm::SmallString<128> model(llvm::sys::path::parent_path(target));
  llvm::sys::path::append(model, "." + llvm::sys::path::filename(target) +
                                     ".%%%%%%%%.tmp");
  llvm::SmallString<128> temporary;
  if (std::error_code ec =
          fs::createUniqueFile(model, descriptor, temporary, fs::OF_None,
                               fs::all_read | fs::all_write))
    return makeError("cannot write '", path, "': ", describe(ec));
  return std::unique_ptr<OutputFile>(
      new OutputFile(target, temporary.str().str(), descriptor));
}

OutputFile::~OutputFile() {
  if (done)
    return;
  llvm::consumeError(close());
  if (temporary == path)
    return;
  fs::remove(temporary);
  llvm::sys::DontRemoveFileOnSignal(temporary);
}

llvm::Error OutputFile::close() {
  if (!stream)
    return llvm::Error::success();
  stream->close();
  std::error_code ec = stream->error();
  stream->clear_error();
  stream.reset();
  if (!ec)
    return llvm::Error::success();
  return makeError("cannot write '", path, "': ", describe(ec));
}

llvm::Error OutputFile::commit() {
  if (llvm::Error error = close())
    return error;
  if (temporary != path) {
    if (std::error_code ec = fs::rename(temporary, path))
      return makeError("cannot write '", path, "': ", describe(ec));
    llvm::sys::DontRemoveFileOnSignal(temporary);
  }
  done = true;
  return llvm::Error::success();
}
