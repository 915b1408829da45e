//===- Spelling.cpp - What a wrong name may have meant --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Spelling.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

using namespace llvm;

/// `A, B or C`.
static std::string joinNames(ArrayRef<std::string> names) {
  std::string text;
  for (auto [index, name] : llvm::enumerate(names)) {
    if (index != 0)
      text += index + 1 == names.size() ? " or " : ", ";
    text += name;
  }
  return text;
}

std::string quench::suggest(StringRef name, ArrayRef<std::string> names) {
  if (names.empty())
    return "";
  unsigned best = name.size() / 3;
  SmallVector<std::string> similar;
  for (const std::string &candidate : names) {
    unsigned distance = name.edit_distance(candidate, true, best);
    if (distance > best)
      continue;
    if (distance < best)
      similar.clear();
    best = distance;
    similar.push_back("'" + candidate + "'");
  }
  if (similar.empty())
    return "; expected " + joinNames(names);
  return "; did you mean " + joinNames(similar) + "?";
}

std::string quench::formatCount(int64_t count, StringRef noun) {
  return std::to_string(count) + " " + noun.str() + (count == 1 ? "" : "s");
}
