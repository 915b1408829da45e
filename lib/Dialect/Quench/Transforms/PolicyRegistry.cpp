//===- PolicyRegistry.cpp - Policies by name, and their options -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/PolicyRegistry.h"

using namespace mlir;
using namespace quench;

PolicyOptions::PolicyOptions(StringRef policy, ArrayRef<std::string> words,
                             function_ref<InFlightDiagnostic()> emitError)
    : policy(policy), emitError(emitError) {
  for (StringRef word : words) {
    auto [key, value] = word.split('=');
    if (values.try_emplace(key.str(), value.str()).second)
      continue;
    failed = true;
    emitError() << "option '" << key << "' of policy '" << policy
                << "' is given twice";
  }
}

std::string PolicyOptions::getWord(StringRef key, StringRef fallback,
                                   ArrayRef<StringRef> choices) {
  known.insert(key);
  auto it = values.find(key.str());
  StringRef word = it == values.end() ? fallback : StringRef(it->second);
  if (!choices.empty() && !llvm::is_contained(choices, word)) {
    failed = true;
    emitError() << "option '" << key << "' of policy '" << policy
                << "': expected one of " << llvm::join(choices, ", ")
                << ", found '" << word << "'";
  }
  return word.str();
}

double PolicyOptions::getNumber(StringRef key, double fallback, double low,
                                double high) {
  std::string word = getWord(key, "");
  double number = fallback;
  if (values.count(key.str()) && (StringRef(word).getAsDouble(number) ||
                                  !(number >= low) || !(number <= high))) {
    failed = true;
    emitError() << "option '" << key << "' of policy '" << policy
                << "': expected a number from " << std::to_string(low) << " to "
                << std::to_string(high) << ", found '" << word << "'";
    return fallback;
  }
  return number;
}

int64_t PolicyOptions::getInteger(StringRef key, int64_t fallback, int64_t low,
                                  int64_t high) {
  std::string word = getWord(key, "");
  int64_t number = fallback;
  if (values.count(key.str()) && (StringRef(word).getAsInteger(10, number) ||
                                  number < low || number > high)) {
    failed = true;
    emitError() << "option '" << key << "' of policy '" << policy
                << "': expected an integer from " << low << " to " << high
                << ", found '" << word << "'";
    return fallback;
  }
  return number;
}

LogicalResult PolicyOptions::finish() {
  for (const auto &[key, value] : values) {
    if (known.contains(key))
      continue;
    failed = true;
    InFlightDiagnostic diagnostic = emitError()
                                    << "policy '" << policy
                                    << "' has no option '" << key << "'";
    if (!known.empty())
      diagnostic << "; it has " << llvm::join(known, ", ");
  }
  return failure(failed);
}
