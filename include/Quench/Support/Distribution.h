//===- Distribution.h - Numbers and how often they were seen ----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two records of any amount of numbers in fixed memory. Both are counts, so
// that records of parts add up to that of the whole, in any order and to the
// bit.
//
// A sketch counts by sign, exponent and the first bits of the mantissa: what is
// read from it is off by less than 1/64 of itself, or 2^-24 (compare DDSketch).
// A histogram counts by place: bins of one width from minus to plus a power of
// two, the least that is above all magnitudes. Where a greater number comes,
// pairs of bins become one.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_DISTRIBUTION_H
#define QUENCH_SUPPORT_DISTRIBUTION_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace quench {

/// The numbers from `low` to `high`.
struct Range {
  double low, high;
};

/// The bins of sketches.
namespace sketch {
/// Bits of the mantissa that tell bins apart.
inline constexpr int64_t mantissaBits = 6;
/// Magnitudes below 2^lowestExponent share the bin of 0, those from
/// 2^highestExponent the outermost bins.
inline constexpr int64_t lowestExponent = -24, highestExponent = 16;
/// The place of the bin of 0, and the number of bins.
inline constexpr int64_t center = (highestExponent - lowestExponent)
                                  << mantissaBits;
inline constexpr int64_t size = 2 * center + 1;

/// The numbers that bin `index` counts, but for the outermost bins, which have
/// no end.
Range getBin(int64_t index);
} // namespace sketch

/// The bins of histograms.
namespace histogram {
inline constexpr int64_t size = 2048;
/// No histogram ends before 2^lowestExponent.
inline constexpr int lowestExponent = -64;

/// The end of the histogram of numbers of magnitudes up to `absmax`: the least
/// power of two above it.
double getLimit(double absmax);

/// Makes `counts`, of bins that end at `limit`, those of bins that end at
/// `newLimit`, a power of two that is not less.
void widen(llvm::MutableArrayRef<double> counts, double limit, double newLimit);
} // namespace histogram

/// Numbers in ascending order, each with how often it was seen.
class Distribution {
public:
  /// Each of `numbers` once. None of them may be a NaN.
  static Distribution ofNumbers(llvm::ArrayRef<double> numbers);
  /// What the sketch `counts` knows of numbers from `extent.low` to
  /// `extent.high`; within a bin they are spread evenly.
  static Distribution ofSketch(llvm::ArrayRef<double> counts, Range extent);

  llvm::ArrayRef<double> getNumbers() const { return numbers; }
  llvm::ArrayRef<double> getCounts() const { return counts; }
  /// The sum of the counts.
  double getTotal() const { return total; }
  bool empty() const { return numbers.empty(); }

  /// The least and the greatest number.
  Range getExtent() const { return {numbers.front(), numbers.back()}; }
  /// The number below which the part `q` of all lies, from 0 to 1, linear
  /// between neighbours: `quantile` of numpy and torch.
  double getQuantile(double q) const;
  /// The histogram of the numbers.
  std::vector<double> getHistogram() const;

private:
  void add(double number, double count);
  /// The first number with more than `rank` others before it.
  double getNumberAt(double rank) const;

  std::vector<double> numbers, counts, sums;
  double total = 0;
};

} // namespace quench

#endif // QUENCH_SUPPORT_DISTRIBUTION_H
