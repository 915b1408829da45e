//===- KMeansTest.cpp - Numbers that stand for many ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/KMeans.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace llvm;
using namespace quench;
using testing::ElementsAre;
using testing::FloatEq;

namespace {
struct Weighted {
  double number, weight;
};

/// The weighted sum of squares of distances to the nearest of `means`.
double getLoss(ArrayRef<Weighted> numbers, ArrayRef<float> means) {
  double loss = 0;
  for (Weighted it : numbers) {
    double least = HUGE_VAL;
    for (double mean : means)
      least = std::min(least, (it.number - mean) * (it.number - mean));
    loss += it.weight * least;
  }
  return loss;
}

/// The least such sum of any `count` numbers: all partitions of `numbers`,
/// which ascend, into runs.
double getLeastLoss(ArrayRef<Weighted> numbers, int64_t count) {
  auto cost = [&](size_t begin, size_t end) {
    double weight = 0, sum = 0, squares = 0;
    for (Weighted it : numbers.slice(begin, end - begin)) {
      weight += it.weight;
      sum += it.weight * it.number;
      squares += it.weight * it.number * it.number;
    }
    return squares - sum * sum / weight;
  };
  std::vector<double> least(numbers.size() + 1, HUGE_VAL);
  least[0] = 0;
  for (int64_t cluster = 0; cluster < count; ++cluster)
    for (size_t end = numbers.size(); end > 0; --end) {
      least[end] = HUGE_VAL;
      for (size_t begin = 0; begin < end; ++begin)
        least[end] = std::min(least[end], least[begin] + cost(begin, end));
      least[0] = HUGE_VAL;
    }
  return least.back();
}

SmallVector<float> getMeans(ArrayRef<Weighted> numbers, int64_t count) {
  ClusterHistogram histogram;
  for (Weighted it : numbers)
    histogram.add(it.number, it.weight);
  return histogram.getMeans(count);
}

// No two numbers share a bin, so nothing is lost by them.
TEST(KMeans, FindsTheBestPartition) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> weights(0.01, 2);
  for (int64_t count : {2, 4, 7, 16}) {
    std::vector<Weighted> numbers;
    for (int i = -100; i <= 100; ++i)
      if (random() % 3 != 0)
        numbers.push_back({i / 100.0, random() % 5 == 0 ? 20 * weights(random)
                                                        : weights(random)});
    SmallVector<float> means = getMeans(numbers, count);
    ASSERT_EQ(int64_t(means.size()), count);
    for (auto [low, high] : zip(means, drop_begin(means)))
      EXPECT_LT(low, high);
    double least = getLeastLoss(numbers, count);
    EXPECT_NEAR(getLoss(numbers, means), least, 1e-6 * least);
  }
}

// Lloyd's iteration, from any start, ends in no better one; the bounds of bins
// cost next to nothing.
TEST(KMeans, IsNotBetteredByIterations) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal(0, 0.25);
  std::vector<Weighted> numbers;
  for (int i = 0; i < 20000; ++i)
    numbers.push_back({std::clamp(normal(random), -1.0, 1.0), 1});
  SmallVector<float> means = getMeans(numbers, 16);
  double loss = getLoss(numbers, means);
  SmallVector<float> other;
  for (int i = 0; i < 16; ++i)
    other.push_back((i - 7.5f) / 8);
  for (int step = 0; step < 30; ++step) {
    std::vector<double> sums(16), counts(16);
    for (Weighted it : numbers) {
      size_t nearest = 0;
      for (size_t i = 1; i < 16; ++i)
        if (std::fabs(it.number - other[i]) <
            std::fabs(it.number - other[nearest]))
          nearest = i;
      sums[nearest] += it.number;
      counts[nearest] += 1;
    }
    for (size_t i = 0; i < 16; ++i)
      if (counts[i] > 0)
        other[i] = static_cast<float>(sums[i] / counts[i]);
  }
  EXPECT_LT(loss, 1.0001 * getLoss(numbers, other));
}

TEST(KMeans, FewerNumbersThanClusters) {
  float next = std::nextafter(0.5f, 1.0f);
  EXPECT_THAT(getMeans({{0.5, 1}, {-0.25, 3}, {0.5, 2}}, 4),
              ElementsAre(-0.25f, 0.5f, next, std::nextafter(next, 1.0f)));
  EXPECT_THAT(getMeans({{1, 1}}, 2),
              ElementsAre(1.0f, std::nextafter(1.0f, 2.0f)));
  EXPECT_THAT(getMeans({}, 2), ElementsAre(0.0f, std::nextafter(0.0f, 1.0f)));
}

TEST(KMeans, WhatCountsNothing) {
  EXPECT_TRUE(ClusterHistogram().empty());
  EXPECT_THAT(getMeans({{NAN, 1},
                        {0.5, 1},
                        {0.25, 0},
                        {0.25, -1},
                        {0.25, NAN},
                        {0.25, INFINITY},
                        {-0.5, 1}},
                       2),
              ElementsAre(-0.5f, 0.5f));
  // What lies beyond is at the ends.
  EXPECT_THAT(getMeans({{INFINITY, 1}, {-3, 1}}, 2), ElementsAre(-1.0f, 1.0f));
  // Not even a number of its own, next to so many others.
  EXPECT_THAT(getMeans({{0.5, 1e20}, {-0.5, 1e20}, {0, 1}}, 2),
              ElementsAre(-0.5f, 0.5f));
}
} // namespace
