//===- Header.h - The C header of a compiled model --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_HEADER_H
#define QUENCH_PIPELINES_HEADER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace quench {

/// Writes the header of the shared library or object that exports the model of
/// `manifest` as `symbol`: its declaration, and in words what every entry point
/// takes and gives. Fails when `manifest` is not what docs/dev/manifest.md
/// says.
llvm::Error writeHeader(llvm::StringRef manifest, llvm::StringRef symbol,
                        llvm::raw_ostream &os);

} // namespace quench

#endif // QUENCH_PIPELINES_HEADER_H
