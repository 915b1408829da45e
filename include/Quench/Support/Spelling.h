//===- Spelling.h - What a wrong name may have meant ------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_SPELLING_H
#define QUENCH_SUPPORT_SPELLING_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>

namespace quench {

/// The end of a message about `name`, which is not one of `names`: `; did you
/// mean 'A' or 'B'?` where some are spelled like it, else `; expected A, B or
/// C`, and nothing where there are no names.
std::string suggest(llvm::StringRef name, llvm::ArrayRef<std::string> names);

/// `count` and `noun`, with an s unless it is one: `1 example`, `2 examples`.
std::string formatCount(int64_t count, llvm::StringRef noun);

} // namespace quench

#endif // QUENCH_SUPPORT_SPELLING_H
