//===- Error.h - Making errors ----------------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_ERROR_H
#define QUENCH_SUPPORT_ERROR_H

#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace quench {

/// An error whose text is its arguments one after another. Texts are lower
/// case, without a period, and say what was found and what was expected.
template <typename... Args>
llvm::Error makeError(const Args &...args) {
  std::string text;
  llvm::raw_string_ostream os(text);
  (os << ... << args);
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

/// The system's text for `code`, lower case at its begin.
std::string describe(std::error_code code);

} // namespace quench

#endif // QUENCH_SUPPORT_ERROR_H
