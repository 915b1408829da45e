//===- Mutator.h - Random damage to files -----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TEST_UNIT_SUPPORT_MUTATOR_H
#define QUENCH_TEST_UNIT_SUPPORT_MUTATOR_H

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace quench::test {

/// Damages bytes the way fuzzers do; the same seed gives the same damage. Needs
/// the standard library alone, so that tests of the runtime can use it too.
class Mutator {
public:
  /// `tokens` are pieces of the format that are inserted at random.
  Mutator(uint32_t seed, std::vector<std::string> tokens)
      : random(seed), tokens(std::move(tokens)) {}

  /// `bytes` after one to four changes.
  std::string mutate(std::string bytes) {
    for (uint64_t i = 0, count = 1 + below(4); i < count; ++i)
      change(bytes);
    return bytes;
  }

private:
  uint64_t below(uint64_t limit) { return random() % limit; }

  void change(std::string &bytes) {
    // The first bytes decide how all others are read.
    uint64_t size = bytes.size();
    if (size > 16 && below(8) == 0)
      size = 16;
    uint64_t at = below(size + 1);
    uint64_t length = below(std::min<uint64_t>(bytes.size() - at, 32) + 1);
    switch (below(8)) {
    case 0:
      bytes.resize(at);
      break;
    case 1:
      bytes.erase(at, length);
      break;
    case 2:
      bytes.insert(at, bytes, below(bytes.size() + 1), length);
      break;
    case 3:
      bytes.insert(at, tokens[below(tokens.size())]);
      break;
    case 4:
      bytes.replace(at, length, tokens[below(tokens.size())]);
      break;
    case 5:
      if (at < bytes.size())
        bytes[at] = static_cast<char>(below(256));
      break;
    case 6:
      if (at < bytes.size())
        bytes[at] ^= static_cast<char>(1 << below(8));
      break;
    default:
      changeNumber(bytes);
    }
  }

  /// Replaces one run of digits.
  void changeNumber(std::string &bytes) {
    static constexpr const char *digits = "0123456789";
    size_t begin = bytes.find_first_of(digits, below(bytes.size() + 1));
    if (begin == std::string::npos)
      return;
    size_t end = std::min(bytes.find_first_not_of(digits, begin), bytes.size());
    static constexpr uint64_t numbers[] = {
        0, 1, 7, 8, 255, 1u << 31, uint64_t(1) << 32, INT64_MAX, UINT64_MAX};
    bytes.replace(
        begin, end - begin,
        std::to_string(numbers[below(std::size(numbers))] + below(3)));
  }

  std::mt19937 random;
  std::vector<std::string> tokens;
};

} // namespace quench::test

#endif // QUENCH_TEST_UNIT_SUPPORT_MUTATOR_H
