//===- RangeSearch.cpp - Which numbers codes should reach -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/RangeSearch.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

using namespace quench;

static constexpr double infinity = std::numeric_limits<double>::infinity();

double quench::getRangeError(const Distribution &distribution, Range range,
                             double norm, RangeQuantizer quantize) {
  llvm::ArrayRef<double> numbers = distribution.getNumbers();
  std::vector<double> codes(numbers.size());
  if (!quantize(range, numbers, codes))
    return infinity;
  double sum = 0;
  for (auto [number, code, count] :
       llvm::zip_equal(numbers, codes, distribution.getCounts())) {
    double difference = std::abs(number - code);
    sum += count *
           (norm == 2 ? difference * difference : std::pow(difference, norm));
  }
  return sum / distribution.getTotal();
}

namespace {
/// The best of what was tried.
struct Incumbent {
  RangeChoice choice = {{0, 0}, infinity};
  bool isNone = true;

  /// Tries `range`, returns its error.
  double consider(Range range, double error) {
    if (isNone || error < choice.error)
      choice = {range, error};
    isNone = false;
    return error;
  }
};
} // namespace

RangeChoice quench::searchPercentiles(const Distribution &distribution,
                                      llvm::ArrayRef<double> percentiles,
                                      RangeError error) {
  Incumbent best;
  for (double p : percentiles) {
    Range range = {distribution.getQuantile(1 - p),
                   distribution.getQuantile(p)};
    best.consider(range, error(range));
  }
  return best.choice;
}

RangeChoice quench::searchShrunken(Range extent, unsigned steps, bool dual,
                                   RangeError error) {
  Incumbent best;
  for (unsigned i = steps; i >= 1; --i)
    for (unsigned j = dual ? steps : i; j >= (dual ? 1 : i); --j) {
      Range range = {extent.low * i / steps, extent.high * j / steps};
      best.consider(range, error(range));
    }
  return best.choice;
}

RangeChoice quench::searchMultiples(Range extent, double first, double step,
                                    unsigned count, RangeError error) {
  Incumbent best;
  for (unsigned i = 0; i < count; ++i) {
    double multiple = first + i * step;
    Range range = {extent.low * multiple, extent.high * multiple};
    best.consider(range, error(range));
  }
  return best.choice;
}

RangeChoice quench::searchProgressively(const Distribution &distribution,
                                        const ProgressiveRule &rule,
                                        RangeError error) {
  struct Candidate {
    Range grid;
    double scale, error;
    size_t number;
  };
  Incumbent best;
  std::vector<Candidate> kept;
  auto consider = [&](Range grid, double scale) {
    Range range = {grid.low * scale, grid.high * scale};
    kept.push_back(
        {grid, scale, best.consider(range, error(range)), kept.size()});
  };
  auto keep = [&] {
    llvm::sort(kept, [](const Candidate &a, const Candidate &b) {
      return std::tie(a.error, a.number) < std::tie(b.error, b.number);
    });
    kept.resize(std::min<size_t>(kept.size(), rule.width));
  };

  unsigned perGrid = std::max<size_t>(2, rule.candidates / rule.grids.size());
  // The scale with which the span of a grid reaches from quantile to quantile;
  // a grid that cannot move covers both.
  auto getScale = [&](double p) {
    double high = distribution.getQuantile(p);
    double low = distribution.getQuantile(1 - p);
    Range grid = rule.grids.front();
    if (rule.grids.size() > 1)
      return (high - low) / (grid.high - grid.low);
    return std::max(high / grid.high, grid.low < 0 ? low / grid.low : 0.0);
  };
  double first = getScale(rule.percentile), last = getScale(1);
  double delta = (last - first) / (perGrid - 1);
  for (Range grid : rule.grids)
    for (unsigned i = 0; i < perGrid; ++i)
      consider(grid, first + delta * i);
  unsigned finer = std::max(2u, rule.candidates / rule.width);
  for (unsigned step = 1; step < rule.steps; ++step) {
    keep();
    std::vector<Candidate> around = std::move(kept);
    kept.clear();
    for (const Candidate &candidate : around)
      for (unsigned i = 0; i < finer; ++i) {
        double scale =
            candidate.scale + (double(i) / (finer - 1) - 0.5) * delta;
        if (scale > 0)
          consider(candidate.grid, scale);
      }
    delta /= finer - 0.5;
  }
  return best.choice;
}

FormatChoice quench::searchFormats(
    size_t formats, double first,
    llvm::function_ref<double(size_t format, double multiple)> error) {
  constexpr size_t mostFormats = 8, width = 32;
  constexpr unsigned multiples = 16, finer = 4, steps = 4;
  FormatChoice best = {0, 1, infinity};
  std::vector<FormatChoice> kept;
  auto consider = [&](size_t format, double multiple) {
    kept.push_back({format, multiple, error(format, multiple)});
    if (kept.back().error < best.error)
      best = kept.back();
  };
  auto keep = [&](size_t count) {
    llvm::sort(kept, [](const FormatChoice &a, const FormatChoice &b) {
      return std::tie(a.error, a.format, a.multiple) <
             std::tie(b.error, b.format, b.multiple);
    });
    kept.resize(std::min(kept.size(), count));
    return std::move(kept);
  };
  for (size_t format = 0; format < formats; ++format)
    consider(format, 1);
  double delta = (1 - first) / (multiples - 1);
  std::vector<FormatChoice> around = keep(mostFormats);
  kept.clear();
  for (const FormatChoice &choice : around)
    for (unsigned i = 0; i < multiples; ++i)
      consider(choice.format, first + delta * i);
  for (unsigned step = 0; step < steps; ++step) {
    around = keep(width);
    kept.clear();
    for (const FormatChoice &choice : around)
      for (unsigned i = 0; i < finer; ++i) {
        double multiple =
            choice.multiple + (double(i) / (finer - 1) - 0.5) * delta;
        if (multiple > 0)
          consider(choice.format, multiple);
      }
    delta /= finer - 0.5;
  }
  return best;
}

/// Divides `counts` by their sum and gives those that are zero 1e-4 of it,
/// which the others lose in equal parts.
static void smooth(std::vector<double> &counts) {
  double sum = 0;
  size_t zeros = 0;
  for (double count : counts) {
    sum += count;
    zeros += count == 0;
  }
  constexpr double least = 1e-4;
  double loss = least * zeros / (counts.size() - zeros);
  for (double &count : counts)
    count = count == 0 ? least : count / sum - loss;
}

RangeChoice quench::searchEntropy(llvm::ArrayRef<double> counts, double limit,
                                  Range extent, unsigned steps,
                                  RangeQuantizer quantize) {
  int64_t size = counts.size();
  double width = 2 * limit / size;
  auto getBin = [&](double number) {
    return std::clamp<int64_t>(std::floor((number + limit) / width), 0,
                               size - 1);
  };
  auto getDivergence = [&](Range range) {
    // The bins that lie in the range, but for parts of them at its ends.
    int64_t begin = getBin(range.low), end = getBin(range.high) + 1;
    std::vector<double> centers,
        inside(counts.begin() + begin, counts.begin() + end);
    for (int64_t bin = begin; bin < end; ++bin)
      centers.push_back((bin + 0.5) * width - limit);
    std::vector<double> codes(centers.size());
    if (!quantize(range, centers, codes))
      return infinity;

    // Bins of one code share what they have.
    std::vector<double> coded(inside.size());
    for (size_t first = 0, last; first < codes.size(); first = last) {
      double sum = 0;
      size_t used = 0;
      for (last = first; last < codes.size() && codes[last] == codes[first];
           ++last) {
        sum += inside[last];
        used += inside[last] > 0;
      }
      for (size_t bin = first; bin < last; ++bin)
        coded[bin] = inside[bin] > 0 ? sum / used : 0;
    }
    for (int64_t bin = 0; bin < begin; ++bin)
      inside.front() += counts[bin];
    for (int64_t bin = end; bin < size; ++bin)
      inside.back() += counts[bin];
    if (llvm::all_of(coded, [](double count) { return count == 0; }))
      return infinity;
    smooth(inside);
    smooth(coded);
    double divergence = 0;
    for (auto [p, q] : llvm::zip_equal(inside, coded)) {
      // Smoothing has no room for tiny shares.
      if (!(p > 0 && q > 0))
        return infinity;
      divergence += p * std::log(p / q);
    }
    return divergence;
  };
  return searchShrunken(extent, steps, /*dual=*/false, getDivergence);
}
