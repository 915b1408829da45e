//===- Installation.cpp - Where the files of Quench are -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Installation.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <dlfcn.h>

using namespace llvm;

std::string quench::getLibraryFolder() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void *>(&getLibraryFolder), &info))
    return ".";
  SmallString<128> path;
  if (sys::fs::real_path(info.dli_fname, path))
    path = info.dli_fname;
  return sys::path::parent_path(path).str();
}

std::string quench::findSharedFolder(StringRef name) {
  // The library may lie in a folder of the architecture below `lib`.
  SmallString<128> folder;
  std::string prefix = getLibraryFolder();
  for (int level = 0; level < 2; ++level) {
    prefix = sys::path::parent_path(prefix).str();
    folder = prefix;
    sys::path::append(folder, "share", "quench", name);
    if (sys::fs::is_directory(folder))
      break;
  }
  return std::string(folder);
}
