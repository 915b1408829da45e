//===- Link.h - From an object file to the file users run -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_LINK_H
#define QUENCH_PIPELINES_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>

namespace quench {

/// The tools of the machine that linking needs.
struct LinkTools {
  std::string linker;  ///< path of a compiler driver that links
  std::string runtime; ///< path of libquench-rt.a

  /// Finds both: the first of `clang++-22`, `clang++`, `c++`, `g++` on PATH,
  /// and the archive beside this library. What the caller names comes first,
  /// and must exist. Fails with what was looked for and what helps.
  static llvm::Expected<LinkTools> find(llvm::StringRef linker,
                                        llvm::StringRef runtime);
};

/// What linking makes.
enum class LinkKind {
  Executable, ///< a program with the runtime's command line
  Shared      ///< exports its model and the caller side of quench_rt.h
};

/// Links object files with the runtime. `output` is written in place; `name` is
/// the file name that it will have. Fails with what the linker printed.
llvm::Error linkModel(const LinkTools &tools, LinkKind kind,
                      llvm::ArrayRef<std::string> objects,
                      llvm::StringRef output, llvm::StringRef name);

} // namespace quench

#endif // QUENCH_PIPELINES_LINK_H
