//===- Accumulator.h - What is observed, over many runs ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CALIBRATION_ACCUMULATOR_H
#define QUENCH_CALIBRATION_ACCUMULATOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

#include <map>
#include <string>
#include <vector>

namespace quench {

/// What becomes of the numbers of one run and those of the next.
enum class Combine {
  Min,
  Max,
  Sum,
  /// The moving average `a + (x - a) / 100`, from the first `x` on.
  Moving,
  /// Counts of a histogram, the exponent of the end of which is another result.
  Histogram
};

/// Numbers that a run gives under names.
using RunNumbers = llvm::StringMap<std::vector<double>>;

/// Combines the numbers of runs, in their order, in memory that does not depend
/// on how many there are.
class Accumulator {
public:
  /// Combines `name` by `how`. `exponent` names the exponent of a histogram.
  void track(llvm::StringRef name, Combine how, llvm::StringRef exponent = {});

  /// Adds a run. Fails where it lacks a tracked name, has it in another size
  /// than the runs before, or a number in it is not finite: then the name is
  /// what `getCulprit` gives.
  llvm::Error add(const RunNumbers &run);
  llvm::StringRef getCulprit() const { return culprit; }

  /// What all runs so far make of `name`; none before the first.
  llvm::ArrayRef<double> get(llvm::StringRef name, Combine how) const;
  /// Where the histogram `name` ends.
  double getLimit(llvm::StringRef name) const;

  /// Writes everything to the file `path`, at once, with `key` and `runs`.
  llvm::Error save(llvm::StringRef path, llvm::StringRef key,
                   int64_t runs) const;
  /// Reads what `save` wrote with the same key, and returns its `runs`; 0 where
  /// there is no such file, or one with another key or other names.
  int64_t load(llvm::StringRef path, llvm::StringRef key);

private:
  struct Total {
    Combine how;
    std::string exponent;
    std::vector<double> numbers;
    double limit = 0;
  };
  llvm::Error add(llvm::StringRef name, Total &total, const RunNumbers &run);

  std::map<std::pair<std::string, Combine>, Total> totals;
  std::string culprit;
};

} // namespace quench

#endif // QUENCH_CALIBRATION_ACCUMULATOR_H
