//===- OutputFile.cpp - Files that appear complete or not at all ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/OutputFile.h"

#include "Quench/Support/Error.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"

#include <fcntl.h>

using namespace llvm;
using namespace quench;

/// Devices and pipes are no files that could be replaced.
static bool isSpecial(StringRef path) {
  sys::fs::file_status status;
  return !sys::fs::status(path, status) && sys::fs::exists(status) &&
         !sys::fs::is_regular_file(status) && !sys::fs::is_directory(status);
}

static Error fail(StringRef path, std::error_code code) {
  return makeError("cannot write '", path, "': ", describe(code));
}

Error quench::checkOutput(StringRef path, bool force) {
  if (path.empty())
    return makeError("expected the name of an output file, found none");
  if (isSpecial(path))
    return Error::success();
  if (sys::fs::is_directory(path))
    return makeError("cannot write '", path, "': it is a folder");
  if (!force && sys::fs::exists(path))
    return makeError("'", path, "' exists already; replace it with --force");
  StringRef folder = sys::path::parent_path(path);
  if (std::error_code code = sys::fs::access(folder.empty() ? "." : folder,
                                             sys::fs::AccessMode::Write))
    return fail(path, code);
  return Error::success();
}

std::string quench::getPathBeside(StringRef path, StringRef suffix) {
  SmallString<128> target;
  if (sys::fs::real_path(path, target))
    target = path;
  SmallString<128> beside(sys::path::parent_path(target));
  sys::path::append(beside, "." + sys::path::filename(target) + suffix);
  return std::string(beside);
}

Expected<std::unique_ptr<OutputFile>>
OutputFile::create(StringRef path, bool force, bool executable) {
  if (Error error = checkOutput(path, force))
    return error;
  std::unique_ptr<OutputFile> output(new OutputFile(path));
  output->force = force;
  std::error_code code;
  if (isSpecial(path)) {
    output->temporaryName = output->finalName;
    code =
        sys::fs::openFileForWrite(path, output->file, sys::fs::CD_OpenExisting);
  } else {
    // What a link points to is replaced, not the link.
    SmallString<128> target;
    if (!sys::fs::real_path(path, target))
      output->finalName = target.str();
    SmallString<128> stem(sys::path::parent_path(output->finalName));
    sys::path::append(stem, "." + sys::path::filename(output->finalName) +
                                ".tmp" + Twine(sys::Process::getProcessId()));
    unsigned attempt = 0;
    do {
      output->temporaryName = (stem + "-" + Twine(attempt++)).str();
      code = sys::fs::openFile(output->temporaryName, output->file,
                               sys::fs::CD_CreateNew,
                               sys::fs::FA_Read | sys::fs::FA_Write,
                               sys::fs::OF_None, executable ? 0777 : 0666);
    } while (code == std::errc::file_exists);
    if (!code)
      sys::RemoveFileOnSignal(output->temporaryName);
  }
  if (code) {
    output->done = true;
    return fail(path, code);
  }
  output->stream = std::make_unique<raw_fd_ostream>(output->file,
                                                    /*shouldClose=*/false);
  return output;
}

OutputFile::~OutputFile() {
  if (done)
    return;
  consumeError(close());
  if (temporaryName == finalName)
    return;
  sys::fs::remove(temporaryName);
  sys::DontRemoveFileOnSignal(temporaryName);
}

Error OutputFile::check() {
  return stream->has_error() ? fail(finalName, stream->error())
                             : Error::success();
}

Error OutputFile::close() {
  if (!stream)
    return Error::success();
  mappings.clear();
  stream->flush();
  Error error = check();
  // A stream that dies with an error takes the program along.
  stream->clear_error();
  stream.reset();
  if (std::error_code code = sys::fs::closeFile(file); code && !error)
    return fail(finalName, code);
  return error;
}

Expected<MutableArrayRef<char>> OutputFile::mapAppended(uint64_t size) {
  stream->flush();
  if (Error error = check())
    return error;
  if (size == 0)
    return MutableArrayRef<char>();
  uint64_t begin = stream->tell();
  if (int error = ::posix_fallocate(file, begin, size))
    return fail(finalName, std::error_code(error, std::generic_category()));
  uint64_t start = alignDown(begin, sys::fs::mapped_file_region::alignment());
  std::error_code code;
  sys::fs::mapped_file_region region(file,
                                     sys::fs::mapped_file_region::readwrite,
                                     begin - start + size, start, code);
  if (code)
    return fail(finalName, code);
  stream->seek(begin + size);
  mappings.push_back(std::move(region));
  return MutableArrayRef<char>(mappings.back().data() + (begin - start), size);
}

Error OutputFile::commit() {
  if (Error error = close())
    return error;
  if (temporaryName != finalName) {
    // It may have come while this one was written.
    if (Error error = checkOutput(finalName, force))
      return error;
    if (std::error_code code = sys::fs::rename(temporaryName, finalName))
      return fail(finalName, code);
    sys::DontRemoveFileOnSignal(temporaryName);
  }
  done = true;
  return Error::success();
}
