//===- Link.cpp - From an object file to the file users run ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Link.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <dlfcn.h>

using namespace llvm;
using namespace quench;

/// The folder that this code was loaded from; the runtime lies beside it in
/// the build tree and where it is installed.
static std::string libraryDirectory() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void *>(&libraryDirectory), &info))
    return ".";
  SmallString<128> path;
  if (sys::fs::real_path(info.dli_fname, path))
    path = info.dli_fname;
  return sys::path::parent_path(path).str();
}

Expected<LinkTools> LinkTools::find(StringRef linker, StringRef runtime) {
  LinkTools tools;
  if (!linker.empty()) {
    ErrorOr<std::string> found = sys::findProgramByName(linker);
    if (!found)
      return createStringError("linker '" + linker +
                               "' is not a program on this machine");
    tools.linker = *found;
  } else {
    for (StringRef name : {"clang++-22", "clang++", "c++", "g++"})
      if (ErrorOr<std::string> found = sys::findProgramByName(name)) {
        tools.linker = *found;
        break;
      }
    if (tools.linker.empty())
      return createStringError(
          "no linker: none of clang++-22, clang++, c++, g++ is on PATH; "
          "install one or name one with --linker");
  }

  SmallString<128> archive(runtime);
  if (archive.empty()) {
    archive = libraryDirectory();
    sys::path::append(archive, "libquench-rt.a");
  }
  if (!sys::fs::exists(archive))
    return createStringError("no runtime archive at '" + archive +
                             "'; name libquench-rt.a with --runtime");
  tools.runtime = std::string(archive);
  return tools;
}

/// Runs the linker; what it prints becomes the error.
static Error runLinker(const LinkTools &tools, ArrayRef<StringRef> args) {
  SmallString<128> log;
  if (std::error_code ec = sys::fs::createTemporaryFile("quench", "log", log))
    return createStringError(ec,
                             "cannot write a temporary file: " + ec.message());
  scope_exit removeLog([&] { sys::fs::remove(log); });
  SmallVector<StringRef> command = {tools.linker};
  command.append(args.begin(), args.end());
  std::optional<StringRef> redirects[] = {StringRef(""), StringRef(log),
                                          StringRef(log)};
  std::string message;
  int status = sys::ExecuteAndWait(tools.linker, command, std::nullopt,
                                   redirects, 0, 0, &message);
  if (status == 0)
    return Error::success();
  if (ErrorOr<std::unique_ptr<MemoryBuffer>> text = MemoryBuffer::getFile(log))
    message += (*text)->getBuffer();
  return createStringError("linking with '" + tools.linker +
                           "' failed: " + StringRef(message).trim());
}

Error quench::linkExecutable(const LinkTools &tools, StringRef object,
                             StringRef output) {
  return runLinker(tools, {object, tools.runtime, "-o", output, "-pthread",
                           "-ldl", "-static-libstdc++", "-static-libgcc",
                           "-Wl,--gc-sections", "-Wl,--build-id=none"});
}

Error quench::linkShared(const LinkTools &tools, StringRef object,
                         StringRef output) {
  // The runtime's members are pulled in by the names that callers use.
  static constexpr StringRef callerSide[] = {"qrt_last_error",
                                             "qrt_session_create",
                                             "qrt_session_destroy",
                                             "qrt_session_manifest",
                                             "qrt_run",
                                             "qrt_tensors_free",
                                             "qrt_tokenize"};
  SmallVector<std::string> roots;
  for (StringRef name : callerSide)
    roots.push_back(("-Wl,-u," + name).str());
  SmallVector<StringRef> args = {"-shared", object, tools.runtime};
  args.append(roots.begin(), roots.end());
  args.append({"-o", output, "-pthread", "-ldl", "-static-libstdc++",
               "-static-libgcc", "-Wl,--gc-sections", "-Wl,--build-id=none",
               "-Wl,-Bsymbolic"});
  return runLinker(tools, args);
}

Error quench::appendPayload(StringRef path, ArrayRef<char> payload) {
  std::error_code ec;
  raw_fd_ostream os(path, ec, sys::fs::CD_OpenExisting, sys::fs::FA_Write,
                    sys::fs::OF_Append);
  if (ec)
    return createFileError(path, ec);
  uint64_t end = 0;
  if ((ec = sys::fs::file_size(path, end)))
    return createFileError(path, ec);
  uint64_t offset = alignTo(end, 4096);
  os.write_zeros(offset - end);
  os.write(payload.data(), payload.size());
  char footer[64] = {'Q', 'N', 'C', 'H', 'P', 'A', 'Y', '1'};
  support::endian::write64le(footer + 8, offset);
  support::endian::write64le(footer + 16, payload.size());
  os.write(footer, sizeof(footer));
  os.close();
  if (os.has_error()) {
    ec = os.error();
    os.clear_error();
    return createFileError(path, ec);
  }
  return Error::success();
}
