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
  Histogram,
  /// Parts that `quench.sample` took, the number of parts that it took them
  /// from is another result: of all runs as many as of one are kept, at random.
  Sample
};

/// Numbers that a run gives under names.
using RunNumbers = llvm::StringMap<std::vector<double>>;

/// Combines the numbers of runs, in their order, in memory that does not depend
/// on how many there are.
class Accumulator {
public:
  /// Combines `name` by `how`. `other` names the other result where `how` has
  /// one. Of a sample `parts` are kept.
  void track(llvm::StringRef name, Combine how, llvm::StringRef other = {},
             int64_t parts = 0);

  /// Adds a run. Fails where it lacks a tracked name, has it in another size
  /// than the runs before, or a number in it is not finite: then the name is
  /// what `getCulprit` gives.
  llvm::Error add(const RunNumbers &run);
  llvm::StringRef getCulprit() const { return culprit; }

  /// What all runs so far make of `name`; none before the first.
  llvm::ArrayRef<double> get(llvm::StringRef name, Combine how) const;
  /// The parts, of `size` numbers each, that are kept of the sample `name`. Of
  /// samples of one size, taken from as many parts in each run, the same parts
  /// are kept, in the same order. They do not depend on how often state was
  /// saved and loaded.
  std::vector<double> getSample(llvm::StringRef name, int64_t size) const;
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
    std::string other;
    int64_t parts = 0;
    /// Of a sample the number of parts that were seen, then those that are
    /// kept, each after its place in the order.
    std::vector<double> numbers;
    double limit = 0;
  };
  llvm::Error add(llvm::StringRef name, Total &total, const RunNumbers &run);
  static void addSample(Total &total, llvm::ArrayRef<double> numbers,
                        int64_t available);

  std::map<std::pair<std::string, Combine>, Total> totals;
  std::string culprit;
};

} // namespace quench

#endif // QUENCH_CALIBRATION_ACCUMULATOR_H
