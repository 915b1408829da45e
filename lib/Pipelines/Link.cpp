//===- Link.cpp - From an object file to the file users run ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Link.h"

#include "Quench/Support/Error.h"
#include "Quench/Support/Installation.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace quench;

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
    archive = getLibraryFolder();
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

Error quench::linkModel(const LinkTools &tools, LinkKind kind,
                        ArrayRef<std::string> objects, StringRef output,
                        StringRef name) {
  SmallVector<StringRef> args(objects.begin(), objects.end());
  args.append({tools.runtime, "-o", output, "-pthread", "-ldl", "-lm",
               "-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections",
               "-Wl,--build-id=none"});
  if (kind == LinkKind::Executable)
    return runLinker(tools, args);

  // The library keeps its own runtime, whatever else the process has loaded,
  // and shows the model and the caller side only; one name of the latter pulls
  // in all of it.
  SmallString<128> exports;
  int descriptor;
  if (std::error_code ec =
          sys::fs::createTemporaryFile("quench", "map", descriptor, exports))
    return makeError("cannot write a temporary file: ", describe(ec));
  scope_exit removeExports([&] { sys::fs::remove(exports); });
  raw_fd_ostream(descriptor, /*shouldClose=*/true)
      << "{ global: quench_model_*; qrt_*; local: *; };\n";
  std::string versionScript = ("-Wl,--version-script=" + exports).str();
  std::string soname = ("-Wl,-soname," + name).str();
  args.append({"-shared", "-Wl,-Bsymbolic", "-Wl,-u,qrt_session_create",
               "-Wl,-z,defs", versionScript, soname});
  return runLinker(tools, args);
}
