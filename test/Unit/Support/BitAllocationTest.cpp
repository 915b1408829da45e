//===- BitAllocationTest.cpp - Which part gets how many bits --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/BitAllocation.h"
#include "Published.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include "gtest/gtest.h"
#include <cmath>
#include <map>
#include <random>

using namespace quench;
using namespace quench::test;

/// The widths of items at the best point for `budget`.
static std::vector<double> getBits(const BitAllocation &allocation,
                                   llvm::ArrayRef<BitItem> items,
                                   int64_t budget) {
  std::vector<double> bits;
  size_t point = llvm::cantFail(allocation.find(budget));
  for (auto [item, choice] :
       llvm::zip_equal(items, allocation.getChoices(point)))
    bits.push_back(item.choices[choice].bits);
  return bits;
}

//===----------------------------------------------------------------------===//
// Published numbers
//===----------------------------------------------------------------------===//

/// The items of test/Vectors/bit_allocation.json.
static std::vector<BitItem>
getPublishedItems(const Published &published,
                  llvm::function_ref<double(double, int64_t)> getError) {
  std::vector<BitItem> items;
  for (auto [score, size] :
       llvm::zip_equal(published.numbers("score"), published.numbers("size"))) {
    BitItem item{static_cast<int64_t>(size), {}};
    for (int64_t bits = 3; bits <= 6; ++bits)
      item.choices.push_back({bits, getError(score, bits)});
    items.push_back(std::move(item));
  }
  return items;
}

TEST(BitAllocationTest, publishedSquaredErrors) {
  Published published("bit_allocation");
  std::vector<BitItem> items =
      getPublishedItems(published, [](double score, int64_t bits) {
        return score * std::pow(4.0, -bits);
      });
  BitAllocation allocation = llvm::cantFail(BitAllocation::create(items));
  int64_t budget = published.number("budget");
  size_t point = llvm::cantFail(allocation.find(budget));
  EXPECT_NEAR(allocation.getCurve()[point].error,
              published.number("best_mse/value"), 1e-15);
  EXPECT_EQ(getBits(allocation, items, budget),
            published.numbers("best_mse/bits"));
}

TEST(BitAllocationTest, publishedLinearScores) {
  Published published("bit_allocation");
  std::vector<BitItem> items =
      getPublishedItems(published, [](double score, int64_t bits) {
        return -score * static_cast<double>(bits);
      });
  BitAllocation allocation = llvm::cantFail(BitAllocation::create(items));
  int64_t budget = published.number("budget");
  size_t point = llvm::cantFail(allocation.find(budget));
  EXPECT_NEAR(-allocation.getCurve()[point].error,
              published.number("best_linear/value"), 1e-12);
  EXPECT_EQ(getBits(allocation, items, budget),
            published.numbers("best_linear/bits"));
}

//===----------------------------------------------------------------------===//
// All combinations
//===----------------------------------------------------------------------===//

/// The least error of each cost over all combinations of choices.
static std::map<int64_t, double> enumerate(llvm::ArrayRef<BitItem> items) {
  std::map<int64_t, double> best = {{0, 0.0}};
  for (const BitItem &item : items) {
    std::map<int64_t, double> next;
    for (auto [cost, error] : best)
      for (const BitChoice &choice : item.choices) {
        double sum = error + choice.error;
        auto [it, isNew] =
            next.try_emplace(cost + item.size * choice.bits, sum);
        it->second = std::min(it->second, sum);
      }
    best = std::move(next);
  }
  return best;
}

TEST(BitAllocationTest, everyBudgetAgainstAllCombinations) {
  std::mt19937 engine(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<BitItem> items(1 + engine() % 6);
    for (BitItem &item : items) {
      item.size = engine() % 20;
      // Wider codes are not always better, and not in order.
      for (size_t count = 1 + engine() % 4; count; --count)
        item.choices.push_back({static_cast<int64_t>(2 + engine() % 7),
                                static_cast<double>(engine() % 100) - 20});
    }
    BitAllocation allocation = llvm::cantFail(BitAllocation::create(items));
    std::map<int64_t, double> all = enumerate(items);
    double least = std::numeric_limits<double>::infinity();
    size_t numPoints = 0;
    for (int64_t budget = all.begin()->first; budget <= all.rbegin()->first;
         ++budget) {
      auto it = all.find(budget);
      if (it != all.end() && it->second < least) {
        least = it->second;
        ++numPoints;
      }
      size_t point = llvm::cantFail(allocation.find(budget));
      const BitAllocation::Point &found = allocation.getCurve()[point];
      ASSERT_EQ(found.error, least) << "round " << round;
      // The choices are what the point says.
      int64_t cost = 0;
      double error = 0;
      for (auto [item, choice] :
           llvm::zip_equal(items, allocation.getChoices(point))) {
        cost += item.size * item.choices[choice].bits;
        error += item.choices[choice].error;
      }
      ASSERT_EQ(cost, found.cost) << "round " << round;
      ASSERT_EQ(error, found.error) << "round " << round;
      ASSERT_LE(cost, budget) << "round " << round;
    }
    EXPECT_EQ(allocation.getCurve().size(), numPoints) << "round " << round;
  }
}

/// To give bits where an additional one gains most until none fits.
static double allocateGreedily(llvm::ArrayRef<BitItem> items, int64_t budget) {
  std::vector<size_t> choices(items.size());
  double error = 0;
  for (const BitItem &item : items) {
    budget -= item.size * item.choices[0].bits;
    error += item.choices[0].error;
  }
  while (true) {
    size_t best = items.size();
    double most = 0;
    for (auto [place, item] : llvm::enumerate(items)) {
      size_t choice = choices[place];
      if (choice + 1 == item.choices.size())
        continue;
      const BitChoice &from = item.choices[choice],
                      &into = item.choices[choice + 1];
      int64_t cost = item.size * (into.bits - from.bits);
      double gain = (from.error - into.error) / cost;
      if (cost <= budget && gain > most) {
        best = place;
        most = gain;
      }
    }
    if (best == items.size())
      return error;
    const BitChoice &from = items[best].choices[choices[best]],
                    &into = items[best].choices[++choices[best]];
    budget -= items[best].size * (into.bits - from.bits);
    error += into.error - from.error;
  }
}

TEST(BitAllocationTest, greedyChoicesAreWorse) {
  // One bit for the first gains more a parameter and leaves no room for the
  // others.
  std::vector<BitItem> items = {{6, {{3, 13.0}, {4, 0.0}}},
                                {5, {{3, 10.0}, {4, 0.0}}},
                                {5, {{3, 10.0}, {4, 0.0}}}};
  int64_t budget = 3 * 16 + 10;
  EXPECT_EQ(allocateGreedily(items, budget), 20.0);
  BitAllocation allocation = llvm::cantFail(BitAllocation::create(items));
  EXPECT_EQ(
      allocation.getCurve()[llvm::cantFail(allocation.find(budget))].error,
      13.0);
  EXPECT_EQ(getBits(allocation, items, budget), (std::vector<double>{3, 4, 4}));
}

TEST(BitAllocationTest, sizesOfLargeModels) {
  // 32 layers of seven linears.
  std::mt19937 engine(2);
  std::vector<BitItem> items;
  int64_t all = 0;
  for (int layer = 0; layer < 32; ++layer)
    for (int64_t size : {4096 * 4096, 4096 * 1024, 4096 * 1024, 4096 * 4096,
                         4096 * 14336, 4096 * 14336, 4096 * 14336}) {
      BitItem item{size, {}};
      double scale = 1.0 + engine() % 1000;
      for (int64_t bits = 2; bits <= 8; ++bits)
        item.choices.push_back({bits, scale * std::pow(4.0, -bits)});
      items.push_back(std::move(item));
      all += size;
    }
  BitAllocation allocation = llvm::cantFail(BitAllocation::create(items));
  EXPECT_EQ(allocation.getCurve().front().cost, 2 * all);
  EXPECT_EQ(allocation.getCurve().back().cost, 8 * all);
  double error =
      allocation.getCurve()[llvm::cantFail(allocation.find(9 * all / 2))].error;
  EXPECT_LE(error, allocateGreedily(items, 9 * all / 2));
}

//===----------------------------------------------------------------------===//
// Limits
//===----------------------------------------------------------------------===//

TEST(BitAllocationTest, equalsTakeTheFirstChoice) {
  std::vector<BitItem> items = {{2, {{4, 1.0}, {4, 1.0}, {5, 1.0}}}};
  BitAllocation allocation = llvm::cantFail(BitAllocation::create(items));
  ASSERT_EQ(allocation.getCurve().size(), 1u);
  EXPECT_EQ(allocation.getChoices(0), std::vector<size_t>{0});
}

TEST(BitAllocationTest, nothingToAllocate) {
  BitAllocation allocation = llvm::cantFail(BitAllocation::create({}));
  EXPECT_EQ(allocation.getCurve().size(), 1u);
  EXPECT_TRUE(
      allocation.getChoices(llvm::cantFail(allocation.find(0))).empty());
}

static std::string getError(llvm::ArrayRef<BitItem> items, size_t maxSums) {
  return llvm::toString(BitAllocation::create(items, maxSums).takeError());
}

TEST(BitAllocationTest, errors) {
  std::vector<BitItem> items = {{3, {{3, 2.0}, {4, 1.0}}},
                                {5, {{3, 2.0}, {4, 1.0}}}};
  BitAllocation allocation = llvm::cantFail(BitAllocation::create(items));
  EXPECT_EQ(llvm::toString(allocation.find(23).takeError()),
            "found a budget of 23 bits, expected the least that there is, 24, "
            "or more");
  EXPECT_EQ(getError(items, 4), "the exact allocation has more than 4 sums to "
                                "keep; give fewer widths");
  EXPECT_EQ(getError(items, 5), "");
  items[1].choices[1].error = NAN;
  EXPECT_EQ(getError(items, 100),
            "the error of item 1 with 4 bits is not finite");
  items[0].choices.clear();
  EXPECT_EQ(getError(items, 100), "item 0 has no choice of a width");
}
