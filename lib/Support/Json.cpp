//===- Json.cpp - Strict JSON ---------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Json.h"

#include "Quench/Support/Error.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace llvm;
using namespace quench;

static constexpr size_t maxDepth = 128;

/// The end of the string literal that begins at `begin`, past its quote.
static size_t skipString(StringRef text, size_t begin) {
  for (size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return i + 1;
  }
  return text.size();
}

/// Checks depth and keys without recursion. Text that is no JSON passes: the
/// parser goes no deeper into it than this scan did, and reports it.
static Error checkStructure(StringRef text) {
  struct Level {
    bool isObject;
    bool atKey;
    StringSet<> keys;
  };
  SmallVector<Level> levels;
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
    case '{':
    case '[':
      if (levels.size() == maxDepth)
        return makeError("JSON nests deeper than ", maxDepth, " levels");
      levels.push_back({text[i] == '{', text[i] == '{', {}});
      break;
    case '}':
    case ']':
      if (levels.empty() || levels.back().isObject != (text[i] == '}'))
        return Error::success();
      levels.pop_back();
      break;
    case ',':
      if (!levels.empty())
        levels.back().atKey = levels.back().isObject;
      break;
    case '"': {
      size_t end = skipString(text, i);
      StringRef literal = text.slice(i, end);
      i = end - 1;
      if (levels.empty() || !std::exchange(levels.back().atKey, false))
        break;
      std::string key = literal.drop_front().drop_back().str();
      if (literal.contains('\\')) {
        Expected<json::Value> value = json::parse(literal);
        if (!value)
          return value.takeError();
        key = value->getAsString()->str();
      }
      if (!levels.back().keys.insert(key).second)
        return makeError("duplicate key '", key, "'");
      break;
    }
    default:
      break;
    }
  }
  return Error::success();
}

Expected<json::Value> quench::parseJson(StringRef text) {
  if (Error error = checkStructure(text))
    return error;
  return json::parse(text);
}

Expected<json::Value> quench::readJsonFile(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return makeError("'", path, "': ", describe(buffer.getError()));
  Expected<json::Value> value = parseJson((*buffer)->getBuffer());
  if (!value)
    return makeError("'", path, "': ", toString(value.takeError()));
  return value;
}
