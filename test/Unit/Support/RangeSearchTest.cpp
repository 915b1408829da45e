//===- RangeSearchTest.cpp - Which numbers codes should reach -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/RangeSearch.h"
#include "Published.h"

#include "llvm/ADT/STLExtras.h"

#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace quench;
using namespace quench::test;

namespace {
/// Uniform codes `0, ..., 2^bits - 1` with an integer zero point of any size.
class Codes {
public:
  explicit Codes(int64_t bits) : levels((1 << bits) - 1) {}

  bool operator()(Range range, llvm::ArrayRef<double> numbers,
                  llvm::MutableArrayRef<double> result) const {
    double scale = getScale(range), zero = getZero(range);
    for (auto [number, code] : llvm::zip_equal(numbers, result))
      code = (std::clamp(std::nearbyint(number / scale) + zero, 0.0, levels) -
              zero) *
             scale;
    return true;
  }
  double getScale(Range range) const {
    return (range.high - range.low) / levels;
  }
  double getZero(Range range) const {
    return std::nearbyint(-range.low / getScale(range));
  }

private:
  double levels;
};

/// Numbers as numpy has them.
struct Case {
  explicit Case(const llvm::json::Object &table)
      : table(table), numbers(Published::flatten(*table.get("numbers"))),
        distribution(Distribution::ofNumbers(numbers)) {}

  const llvm::json::Object &table;
  std::vector<double> numbers;
  Distribution distribution;
};

/// The bin of a sketch that counts `number`.
int64_t findBin(double number) {
  if (number < 0)
    return sketch::size - 1 - findBin(-number);
  int64_t bin = sketch::center;
  for (int64_t step = 4096; step > 0; step /= 2)
    if (bin + step < sketch::size && sketch::getBin(bin + step).low <= number)
      bin += step;
  return bin;
}

std::vector<double> getSketch(llvm::ArrayRef<double> numbers) {
  std::vector<double> counts(sketch::size);
  for (double number : numbers)
    ++counts[findBin(number)];
  return counts;
}
} // namespace

static void forEachCase(llvm::function_ref<void(const Case &)> body) {
  llvm::json::Value table = llvm::cantFail(readJsonFile(RANGES_TABLE));
  for (const llvm::json::Value &entry : *table.getAsArray()) {
    SCOPED_TRACE(entry.getAsObject()->getString("name")->str());
    body(Case(*entry.getAsObject()));
  }
}

static void expectChoice(const RangeChoice &found,
                         const llvm::json::Object &entry) {
  std::vector<double> best = Published::flatten(*entry.get("best"));
  EXPECT_NEAR(found.range.low, best[0], 1e-9);
  EXPECT_NEAR(found.range.high, best[1], 1e-9);
  EXPECT_NEAR(found.error, best[2], 1e-9 * best[2] + 1e-14);
}

TEST(RangeSearch, QuantilesOfNumpy) {
  forEachCase([](const Case &data) {
    std::vector<double> at = Published::flatten(*data.table.get("at"));
    for (auto [q, expected] :
         llvm::zip_equal(at, Published::flatten(*data.table.get("quantiles"))))
      EXPECT_NEAR(data.distribution.getQuantile(q), expected, 1e-12) << q;
  });
}

TEST(RangeSearch, ASketchIsOffByLessThanItsBound) {
  forEachCase([](const Case &data) {
    Range extent = data.distribution.getExtent();
    Distribution sketch =
        Distribution::ofSketch(getSketch(data.numbers), extent);
    EXPECT_DOUBLE_EQ(sketch.getTotal(), data.numbers.size());
    for (double q = 0; q <= 1; q += 1.0 / 64) {
      double exact = data.distribution.getQuantile(q);
      EXPECT_NEAR(sketch.getQuantile(q), exact,
                  std::abs(exact) / 64 + std::ldexp(1, -24))
          << q;
    }
    EXPECT_GE(sketch.getExtent().low, extent.low);
    EXPECT_LE(sketch.getExtent().high, extent.high);
  });
}

TEST(RangeSearch, ASketchFindsNearlyTheBestRange) {
  forEachCase([](const Case &data) {
    Range extent = data.distribution.getExtent();
    Distribution sketch =
        Distribution::ofSketch(getSketch(data.numbers), extent);
    for (int64_t bits : {4, 8}) {
      Codes codes(bits);
      auto search = [&](const Distribution &numbers) {
        return searchShrunken(extent, 100, /*dual=*/false, [&](Range range) {
          return getRangeError(numbers, range, 2, codes);
        });
      };
      RangeChoice exact = search(data.distribution), found = search(sketch);
      EXPECT_LE(getRangeError(data.distribution, found.range, 2, codes),
                exact.error * 1.05)
          << bits;
    }
  });
}

TEST(RangeSearch, HistogramsAddUp) {
  forEachCase([](const Case &data) {
    std::vector<double> whole = data.distribution.getHistogram();
    llvm::ArrayRef<double> numbers = data.numbers;
    auto getAbsMax = [](llvm::ArrayRef<double> numbers) {
      double greatest = 0;
      for (double number : numbers)
        greatest = std::max(greatest, std::abs(number));
      return greatest;
    };
    double limit = histogram::getLimit(getAbsMax(numbers));
    std::vector<double> sum(histogram::size);
    for (size_t begin = 0; begin < numbers.size(); begin += 100) {
      auto part = numbers.slice(begin, 100);
      std::vector<double> counts = Distribution::ofNumbers(part).getHistogram();
      histogram::widen(counts, histogram::getLimit(getAbsMax(part)), limit);
      for (auto [total, count] : llvm::zip_equal(sum, counts))
        total += count;
    }
    EXPECT_EQ(sum, whole);
  });
  EXPECT_EQ(histogram::getLimit(0), std::ldexp(1, -64));
  EXPECT_EQ(histogram::getLimit(2), 4);
  EXPECT_EQ(histogram::getLimit(3.9), 4);
}

TEST(RangeSearch, ShrunkenRangesOfNumpy) {
  forEachCase([](const Case &data) {
    for (const llvm::json::Value &value : *data.table.getArray("shrunken")) {
      const llvm::json::Object &entry = *value.getAsObject();
      Codes codes(*entry.getInteger("bits"));
      expectChoice(searchShrunken(
                       data.distribution.getExtent(),
                       *entry.getInteger("steps"), *entry.getBoolean("dual"),
                       [&](Range range) {
                         return getRangeError(data.distribution, range,
                                              *entry.getNumber("norm"), codes);
                       }),
                   entry);
    }
  });
}

TEST(RangeSearch, EntropyOfNumpy) {
  forEachCase([](const Case &data) {
    Range extent = data.distribution.getExtent();
    double limit = histogram::getLimit(std::max(-extent.low, extent.high));
    for (const llvm::json::Value &value : *data.table.getArray("entropy")) {
      const llvm::json::Object &entry = *value.getAsObject();
      Codes codes(*entry.getInteger("bits"));
      expectChoice(searchEntropy(data.distribution.getHistogram(), limit,
                                 extent, 64, codes),
                   entry);
    }
  });
}

TEST(RangeSearch, PercentilesOfRepQ) {
  Published file("repq_percentile");
  Distribution numbers = Distribution::ofNumbers(file.numbers("x"));
  for (const llvm::json::Value &value : *file.at("cases").getAsArray()) {
    const llvm::json::Object &entry = *value.getAsObject();
    const llvm::json::Object &chosen = *entry.getObject("chosen");
    Codes codes(*entry.getInteger("bits"));
    RangeChoice choice =
        searchPercentiles(numbers, {0.999, 0.9999, 0.99999}, [&](Range range) {
          return getRangeError(numbers, range, 2, codes);
        });
    EXPECT_NEAR(choice.range.low, *chosen.getNumber("min"), 1e-9);
    EXPECT_NEAR(choice.range.high, *chosen.getNumber("max"), 1e-9);
    EXPECT_NEAR(codes.getScale(choice.range), *chosen.getNumber("delta"), 1e-9);
    EXPECT_EQ(codes.getZero(choice.range), *chosen.getNumber("zp"));
    EXPECT_NEAR(choice.error, *chosen.getNumber("mse"), 1e-12);
  }
  std::vector<double> at = file.numbers("quantile_small/q");
  Distribution few = Distribution::ofNumbers(file.numbers("quantile_small/x"));
  for (auto [q, expected] :
       llvm::zip_equal(at, file.numbers("quantile_small/values")))
    EXPECT_NEAR(few.getQuantile(q), expected, 1e-12);
}

TEST(RangeSearch, ProgressiveSearchNeverLosesItsIncumbent) {
  Published file("adalog_fpcs_row");
  Distribution numbers = Distribution::ofNumbers(file.numbers("w"));
  bool isLostAsPublished = false;
  for (const llvm::json::Value &value : *file.at("cases").getAsArray()) {
    const llvm::json::Object &entry = *value.getAsObject();
    int64_t bits = *entry.getInteger("bits");
    Codes codes(bits);
    std::vector<Range> grids;
    for (double zero : Published::flatten(*entry.get("zps")))
      grids.push_back({-zero, (1 << bits) - 1 - zero});
    auto search = [&](unsigned steps) {
      ProgressiveRule rule;
      rule.grids = grids;
      rule.steps = steps;
      return searchProgressively(numbers, rule, [&](Range range) {
        return getRangeError(numbers, range, 2, codes);
      });
    };
    // As long as no step is worse than the one before, ours is the published.
    double best = HUGE_VAL;
    for (auto [index, step] : llvm::enumerate(*entry.getArray("trace"))) {
      const llvm::json::Object &published = *step.getAsObject();
      RangeChoice choice = search(index + 1);
      double error = *published.getNumber("mse");
      if (error < best) {
        EXPECT_NEAR(codes.getScale(choice.range),
                    *published.getNumber("best_scale"), 1e-12);
        EXPECT_EQ(codes.getZero(choice.range), *published.getNumber("best_zp"));
      }
      isLostAsPublished |= error > best;
      best = std::min(best, error);
      EXPECT_NEAR(choice.error, best, 1e-15);
    }
  }
  EXPECT_TRUE(isLostAsPublished);
}

TEST(RangeSearch, ADualClip) {
  Published file("dual_clip");
  Codes codes(*file.at("bits").getAsInteger());
  std::vector<double> max = file.numbers("max"), min = file.numbers("min");
  std::vector<double> upper = file.numbers("upper");
  std::vector<double> lower = file.numbers("lower");
  std::vector<double> scales = file.numbers("s"), zeros = file.numbers("z");
  for (size_t i = 0; i < max.size(); ++i) {
    // A search that likes these factors alone finds their scale and zero point.
    RangeChoice choice =
        searchShrunken({min[i], max[i]}, 4, /*dual=*/true, [&](Range range) {
          return std::abs(range.low - lower[i] * min[i]) +
                 std::abs(range.high - upper[i] * max[i]);
        });
    EXPECT_NEAR(codes.getScale(choice.range), scales[i], 1e-12);
    EXPECT_EQ(codes.getZero(choice.range), zeros[i]);
  }
}

TEST(FormatSearch, NeverLosesTheBest) {
  // Errors without any order.
  std::mt19937 random(3);
  for (int run = 0; run < 20; ++run) {
    double least = HUGE_VAL, multiple = 0;
    size_t tried = 0, format = 0;
    FormatChoice found = searchFormats(12, 0.2, [&](size_t f, double m) {
      double error = std::uniform_real_distribution<>()(random);
      EXPECT_LT(f, 12u);
      EXPECT_GT(m, 0);
      if (error < least) {
        least = error;
        format = f;
        multiple = m;
      }
      ++tried;
      return error;
    });
    EXPECT_EQ(tried, 12u + 8 * 16 + 4 * 32 * 4);
    EXPECT_EQ(found.error, least);
    EXPECT_EQ(found.format, format);
    EXPECT_EQ(found.multiple, multiple);
  }
}

TEST(FormatSearch, FindsAnOptimum) {
  FormatChoice found = searchFormats(30, 0.1, [](size_t f, double m) {
    return std::pow(f - 17.0, 2) + std::pow(m - 0.4321, 2);
  });
  EXPECT_EQ(found.format, 17u);
  EXPECT_NEAR(found.multiple, 0.4321, 1e-3);
  // There may be no codes.
  found = searchFormats(3, 0.1, [](size_t, double) { return HUGE_VAL; });
  EXPECT_EQ(found.error, HUGE_VAL);
}
