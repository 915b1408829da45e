//===- Published.h - Numbers that others computed --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TEST_UNIT_SUPPORT_PUBLISHED_H
#define QUENCH_TEST_UNIT_SUPPORT_PUBLISHED_H

#include "Quench/Support/Json.h"

#include <vector>

namespace quench::test {

/// Published numbers, from a file of test/Vectors.
class Published {
public:
  explicit Published(llvm::StringRef name)
      : root(llvm::cantFail(
            readJsonFile((QUENCH_TEST_VECTORS "/" + name + ".json").str()))) {}

  /// The value at `path`, keys separated by '/'.
  const llvm::json::Value &at(llvm::StringRef path) const {
    const llvm::json::Value *value = &root;
    llvm::SmallVector<llvm::StringRef> keys;
    path.split(keys, '/');
    for (llvm::StringRef key : keys)
      value = value->getAsObject()->get(key);
    return *value;
  }
  double number(llvm::StringRef path) const { return *at(path).getAsNumber(); }
  std::vector<double> numbers(llvm::StringRef path) const {
    return flatten(at(path));
  }

  /// The numbers in `value`, an array of arrays of any depth.
  static std::vector<double> flatten(const llvm::json::Value &value) {
    std::vector<double> result;
    flatten(value, result);
    return result;
  }

private:
  static void flatten(const llvm::json::Value &value,
                      std::vector<double> &result) {
    if (const llvm::json::Array *array = value.getAsArray())
      for (const llvm::json::Value &element : *array)
        flatten(element, result);
    else
      result.push_back(*value.getAsNumber());
  }

  llvm::json::Value root;
};

} // namespace quench::test

#endif // QUENCH_TEST_UNIT_SUPPORT_PUBLISHED_H
