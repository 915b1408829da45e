//===- Installation.h - Where the files of Quench are -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_INSTALLATION_H
#define QUENCH_SUPPORT_INSTALLATION_H

#include "llvm/ADT/StringRef.h"

#include <string>

namespace quench {

/// The folder that this code was loaded from; the runtime lies beside it in
/// the build tree and where it is installed.
std::string getLibraryFolder();

/// The folder `share/quench/NAME` of the prefix that the library lies in, be it
/// the build tree or where Quench is installed.
std::string findSharedFolder(llvm::StringRef name);

} // namespace quench

#endif // QUENCH_SUPPORT_INSTALLATION_H
