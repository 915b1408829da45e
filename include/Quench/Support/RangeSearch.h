//===- RangeSearch.h - Which numbers codes should reach ---------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The published searches for the range of a quantizer, on plain numbers. What a
// format makes of a range, callers say. Of equally good ranges the first is
// taken, and nothing depends on the machine.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_RANGESEARCH_H
#define QUENCH_SUPPORT_RANGESEARCH_H

#include "Quench/Support/Distribution.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <utility>

namespace quench {

/// How bad codes for a range are: a mean error, infinite where there are none.
using RangeError = llvm::function_ref<double(Range)>;

/// The numbers that `numbers` become when they are codes for a range; false
/// where there are none.
using RangeQuantizer = llvm::function_ref<bool(
    Range, llvm::ArrayRef<double> numbers, llvm::MutableArrayRef<double>)>;

/// A range and what the error is with it.
struct RangeChoice {
  Range range;
  double error;
};

/// The mean of `|x - q(x)|^norm` over the numbers of `distribution`.
double getRangeError(const Distribution &distribution, Range range, double norm,
                     RangeQuantizer quantize);

/// The range from the quantile `1 - p` to the quantile `p`, for the one of
/// `percentiles` that leaves the least error (RepQ-ViT, with 0.999, 0.9999 and
/// 0.99999).
RangeChoice searchPercentiles(const Distribution &distribution,
                              llvm::ArrayRef<double> percentiles,
                              RangeError error);

/// The part `i / steps` of `extent`, `i` from `steps` to 1, that leaves the
/// least error. With `dual` each end has its part (dual clipping, as RepQuant's
/// is understood, on a grid).
RangeChoice searchShrunken(Range extent, unsigned steps, bool dual,
                           RangeError error);

/// The multiple `first + i * step` of `extent`, `i` from 0 to `count - 1`, that
/// leaves the least error (PTQ4ViT, with 0.01, 0.0119 and 100).
RangeChoice searchMultiples(Range extent, double first, double step,
                            unsigned count, RangeError error);

/// What a progressive search tries.
struct ProgressiveRule {
  /// The numbers that codes reach at scale 1, for each zero point.
  llvm::ArrayRef<Range> grids;
  /// Candidates that are tried at once, and how many of them are kept.
  unsigned candidates = 128, width = 16;
  unsigned steps = 6;
  /// The first scales reach from this quantile to the greatest number.
  double percentile = 0.9;
};

/// AdaLog's fast progressive combining search: scales for every zero point,
/// then finer ones around those that are kept, step by step. The best of all
/// steps is taken; as published it may be lost, since no later step tries it
/// again.
RangeChoice searchProgressively(const Distribution &distribution,
                                const ProgressiveRule &rule, RangeError error);

/// One of several formats, the multiple of a range, and what the error is.
struct FormatChoice {
  size_t format;
  double multiple, error;
};

/// AdaLog's search for the scale and the base of logarithms: the 8 of `formats`
/// formats are kept that are best with the multiple 1; 16 multiples from
/// `first` to 1 are tried with each, then, four times, 4 finer ones around each
/// of the best 32. The best of all steps is taken; `error` may be infinite.
FormatChoice
searchFormats(size_t formats, double first,
              llvm::function_ref<double(size_t format, double multiple)> error);

/// The part `i / steps` of `extent`, `i` from `steps` to 1, with which the
/// divergence of Kullback and Leibler is least: that of the histogram `counts`,
/// which ends at `limit`, with what lies beyond the range in its outermost
/// bins, from the same with the bins of one code alike (entropy calibration).
/// Bins that are zero count as 1e-4 of all in both, taken from the others.
RangeChoice searchEntropy(llvm::ArrayRef<double> counts, double limit,
                          Range extent, unsigned steps,
                          RangeQuantizer quantize);

} // namespace quench

#endif // QUENCH_SUPPORT_RANGESEARCH_H
