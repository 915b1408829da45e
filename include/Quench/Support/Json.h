//===- Json.h - Strict JSON -------------------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_JSON_H
#define QUENCH_SUPPORT_JSON_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace quench {

/// Parses text from files that nobody vouches for. Stricter than
/// llvm::json::parse, which keeps the last of several equal keys and recurses
/// as deep as the text says: here a key that an object holds twice and nesting
/// deeper than 128 are errors.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text);

/// Reads and parses a JSON file; errors begin with its path.
llvm::Expected<llvm::json::Value> readJsonFile(llvm::StringRef path);

} // namespace quench

#endif // QUENCH_SUPPORT_JSON_H
