//===- Version.h - The version of Quench ------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_VERSION_H
#define QUENCH_SUPPORT_VERSION_H

#include "llvm/ADT/StringRef.h"

namespace quench {

/// Version of the compiler, `MAJOR.MINOR.PATCH`.
llvm::StringRef getVersion();

} // namespace quench

#endif // QUENCH_SUPPORT_VERSION_H
