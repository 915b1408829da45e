//===- KMeans.cpp - Numbers that stand for many ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/KMeans.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <iterator>

using namespace llvm;
using namespace quench;

void ClusterHistogram::add(double number, double weight) {
  if (number != number || !(weight > 0) || std::isinf(weight))
    return;
  number = std::clamp(number, -1.0, 1.0);
  auto index = static_cast<int64_t>((number + 1) * (size / 2));
  Bin &bin = bins[std::min(index, size - 1)];
  bin.weight += weight;
  bin.sum += weight * number;
}

bool ClusterHistogram::empty() const {
  return llvm::all_of(bins, [](const Bin &bin) { return bin.weight == 0; });
}

namespace {
/// The best partitions of the first bins, for one number of clusters after the
/// other.
class Partitions {
public:
  /// Weights and weighted sums of the numbers before each bin, from 0 on.
  Partitions(ArrayRef<double> weights, ArrayRef<double> sums)
      : weights(weights), sums(sums), gains(weights.size(), -HUGE_VAL) {
    gains.front() = 0;
  }

  /// Adds a cluster. Every one has a bin at least.
  void addCluster() {
    std::vector<double> next(gains.size(), -HUGE_VAL);
    begins.emplace_back(gains.size(), 0);
    auto clusters = static_cast<int64_t>(begins.size());
    search(next, clusters, weights.size() - 1, clusters - 1,
           weights.size() - 2);
    gains = std::move(next);
  }

  /// The first bins of the clusters, and the end.
  SmallVector<int64_t> getBounds() const {
    SmallVector<int64_t> bounds = {int64_t(weights.size()) - 1};
    for (const std::vector<int64_t> &begin : llvm::reverse(begins))
      bounds.push_back(begin[bounds.back()]);
    std::reverse(bounds.begin(), bounds.end());
    return bounds;
  }

private:
  /// What a cluster of the bins from `begin` to `end` takes from the sum of
  /// squares of the numbers.
  double getGain(int64_t begin, int64_t end) const {
    double sum = sums[end] - sums[begin];
    return sum * sum / (weights[end] - weights[begin]);
  }

  /// Finds where the last cluster begins, from `first` to `last`, for all ends
  /// from `low` to `high`. It begins no earlier where it ends later.
  void search(std::vector<double> &next, int64_t low, int64_t high,
              int64_t first, int64_t last) {
    if (low > high)
      return;
    int64_t end = low + (high - low) / 2;
    int64_t &best = begins.back()[end];
    for (int64_t begin = first; begin <= std::min(last, end - 1); ++begin) {
      double gain = gains[begin] + getGain(begin, end);
      if (gain > next[end]) {
        next[end] = gain;
        best = begin;
      }
    }
    int64_t middle = best;
    search(next, low, end - 1, first, middle);
    search(next, end + 1, high, middle, last);
  }

  ArrayRef<double> weights, sums;
  std::vector<double> gains;
  std::vector<std::vector<int64_t>> begins;
};
} // namespace

SmallVector<float> ClusterHistogram::getMeans(int64_t count) const {
  double total = 0;
  for (const Bin &bin : bins)
    total += bin.weight;
  // What differences of sums do not show any more counts nothing.
  std::vector<Bin> filled;
  llvm::copy_if(bins, std::back_inserter(filled),
                [&](const Bin &bin) { return bin.weight > total * 0x1p-40; });
  std::vector<double> weights = {0}, sums = {0};
  for (const Bin &bin : filled) {
    weights.push_back(weights.back() + bin.weight);
    sums.push_back(sums.back() + bin.sum);
  }
  Partitions partitions(weights, sums);
  auto clusters = std::min<int64_t>(count, filled.size());
  for (int64_t i = 0; i < clusters; ++i)
    partitions.addCluster();
  SmallVector<float> means;
  SmallVector<int64_t> bounds = partitions.getBounds();
  auto push = [&](float mean) {
    // Means of neighbouring bins may be one number of f32.
    means.push_back(means.empty() ? mean
                                  : std::max(mean, std::nextafter(means.back(),
                                                                  HUGE_VALF)));
  };
  for (int64_t i = 0; i < clusters; ++i) {
    Bin all;
    for (const Bin &bin :
         ArrayRef(filled).slice(bounds[i], bounds[i + 1] - bounds[i])) {
      all.weight += bin.weight;
      all.sum += bin.sum;
    }
    push(static_cast<float>(all.sum / all.weight));
  }
  if (means.empty())
    push(0);
  while (static_cast<int64_t>(means.size()) < count)
    push(means.back());
  return means;
}
