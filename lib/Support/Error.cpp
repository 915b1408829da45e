//===- Error.cpp - Making errors ------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Error.h"

#include "llvm/ADT/StringExtras.h"

std::string quench::describe(std::error_code code) {
  std::string text = code.message();
  if (!text.empty())
    text.front() = llvm::toLower(text.front());
  return text;
}
