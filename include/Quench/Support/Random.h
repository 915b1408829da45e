//===- Random.h - Numbers that a seed makes ---------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The same numbers on every machine: nothing here asks a mathematical library.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_RANDOM_H
#define QUENCH_SUPPORT_RANDOM_H

#include <cstdint>
#include <optional>

namespace quench {

/// Output `index` of the generator SplitMix64 (Steele, Lea, Flood: Fast
/// splittable pseudorandom number generators, 2014) that starts at `seed`.
inline uint64_t splitMix64(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// Independent numbers of the normal distribution with mean 0 and variance 1,
/// by the polar method of Marsaglia on pairs of outputs of SplitMix64, each
/// output giving its highest 53 bits.
class NormalNumbers {
public:
  explicit NormalNumbers(uint64_t seed) : seed(seed) {}

  double next();

private:
  /// Uniform in [-1, 1).
  double nextUniform();

  uint64_t seed;
  uint64_t index = 0;
  std::optional<double> pending;
};

} // namespace quench

#endif // QUENCH_SUPPORT_RANDOM_H
