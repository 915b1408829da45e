//===- KMeans.h - Numbers that stand for many -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weighted k-means in one dimension. Clusters of the best partition are runs of
// the sorted numbers, so dynamic programming finds it (Wang and Song,
// Ckmeans.1d.dp, 2011): there is no start to depend on, and no cluster is
// empty. To take memory and time that do not grow with the numbers, only the
// bounds of bins are bounds of clusters; means are those of the numbers.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_KMEANS_H
#define QUENCH_SUPPORT_KMEANS_H

#include "llvm/ADT/SmallVector.h"

#include <vector>

namespace quench {

/// Numbers from -1 to 1, each with a weight, in bins of one width.
class ClusterHistogram {
public:
  static constexpr int64_t size = 4096;

  ClusterHistogram() : bins(size) {}

  /// Counts `number`, or the end beyond which it lies, `weight` times. A NaN
  /// counts nothing, and neither does a weight that is not positive and finite.
  void add(double number, double weight);

  /// Whether nothing was counted.
  bool empty() const;

  /// The means of the `count` clusters, or fewer where there are fewer bins
  /// with numbers, that leave the least weighted sum of squares of distances
  /// (C37 of docs/spec.md): ascending numbers of f32. Those that are missing,
  /// all but a first 0 where nothing was counted, are the next numbers of f32.
  llvm::SmallVector<float> getMeans(int64_t count) const;

private:
  struct Bin {
    double weight = 0, sum = 0;
  };
  std::vector<Bin> bins;
};

} // namespace quench

#endif // QUENCH_SUPPORT_KMEANS_H
