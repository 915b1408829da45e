//===- BitAllocation.h - Which part gets how many bits ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_BITALLOCATION_H
#define QUENCH_SUPPORT_BITALLOCATION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <vector>

namespace quench {

/// A width that an item may have, and the error that it has with it, any finite
/// number.
struct BitChoice {
  int64_t bits;
  double error;
};

/// `size` numbers that have one width; the sum of all sizes times widths is
/// below 2^63.
struct BitItem {
  int64_t size;
  std::vector<BitChoice> choices;
};

/// The least `sum error(bits)` over items for every budget of `sum size * bits`
/// (a knapsack of multiple choices), exactly: items join one after another, and
/// of the sums so far those stay that no other one beats in both cost and
/// error. Sums of errors are taken in the order of the items; of equals that
/// with the first choice stays.
class BitAllocation {
public:
  /// What the chosen widths cost, and their error.
  struct Point {
    int64_t cost;
    double error;
  };

  /// At most `maxSums` sums, 8 bytes each, are kept, all items together. Fails
  /// where there are more, and where an item has no choice or an error is not
  /// finite.
  static llvm::Expected<BitAllocation> create(llvm::ArrayRef<BitItem> items,
                                              size_t maxSums = 1 << 26);

  /// All points that no other one beats, cost rising and error falling.
  llvm::ArrayRef<Point> getCurve() const { return curve; }

  /// The place in the curve of the least error for at most `budget`. Fails
  /// where every point costs more.
  llvm::Expected<size_t> find(int64_t budget) const;

  /// The place of the choice of each item at the place `point` of the curve.
  std::vector<size_t> getChoices(size_t point) const;

private:
  /// How a sum came to be: the place of the sum before and the choice.
  struct Step {
    uint32_t previous;
    uint32_t choice;
  };

  /// For each item its sums.
  std::vector<std::vector<Step>> steps;
  std::vector<Point> curve;
};

} // namespace quench

#endif // QUENCH_SUPPORT_BITALLOCATION_H
