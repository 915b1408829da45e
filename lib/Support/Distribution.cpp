//===- Distribution.cpp - Numbers and how often they were seen ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Distribution.h"

#include <algorithm>
#include <cassert>
#include <cmath>

using namespace quench;

Range sketch::getBin(int64_t index) {
  int64_t place = std::abs(index - center);
  if (place == 0)
    return {-std::ldexp(1, lowestExponent), std::ldexp(1, lowestExponent)};
  int64_t perOctave = int64_t(1) << mantissaBits;
  auto getStart = [&](int64_t place) {
    return std::ldexp(perOctave + place % perOctave,
                      lowestExponent + place / perOctave - mantissaBits);
  };
  Range bin = {getStart(place - 1), getStart(place)};
  return index > center ? bin : Range{-bin.high, -bin.low};
}

double histogram::getLimit(double absmax) {
  int exponent = lowestExponent;
  if (absmax > 0)
    std::frexp(absmax, &exponent);
  return std::ldexp(1, std::max<int>(exponent, lowestExponent));
}

void histogram::widen(llvm::MutableArrayRef<double> counts, double limit,
                      double newLimit) {
  int64_t half = counts.size() / 2;
  for (; limit < newLimit; limit *= 2) {
    // Outwards from the middle, so that none is overwritten before it is read.
    for (int64_t k = 0; k < half; ++k) {
      bool isInside = 2 * k < half;
      double &up = counts[half + k], &down = counts[half - 1 - k];
      up = isInside ? counts[half + 2 * k] + counts[half + 2 * k + 1] : 0;
      down = isInside ? counts[half - 1 - 2 * k] + counts[half - 2 - 2 * k] : 0;
    }
  }
}

void Distribution::add(double number, double count) {
  if (!numbers.empty() && numbers.back() == number) {
    counts.back() += count;
    sums.back() += count;
  } else {
    numbers.push_back(number);
    counts.push_back(count);
    sums.push_back(total + count);
  }
  total += count;
}

Distribution Distribution::ofNumbers(llvm::ArrayRef<double> numbers) {
  std::vector<double> sorted(numbers);
  std::sort(sorted.begin(), sorted.end());
  Distribution result;
  for (double number : sorted)
    result.add(number, 1);
  return result;
}

Distribution Distribution::ofSketch(llvm::ArrayRef<double> counts,
                                    Range extent) {
  assert(counts.size() == sketch::size && "sketches have one size");
  // So many that codes of 8 bits do not fall into step with them.
  constexpr int parts = 8;
  Distribution result;
  for (int64_t index = 0; index < sketch::size; ++index) {
    if (!(counts[index] > 0))
      continue;
    if (index == sketch::center) {
      result.add(std::clamp(0.0, extent.low, extent.high), counts[index]);
      continue;
    }
    Range bin = sketch::getBin(index);
    if (index == 0 || extent.low > bin.low)
      bin.low = std::min(extent.low, bin.high);
    if (index + 1 == sketch::size || extent.high < bin.high)
      bin.high = std::max(extent.high, bin.low);
    for (int part = 0; part < parts; ++part)
      result.add(bin.low + (bin.high - bin.low) * (2 * part + 1) / (2 * parts),
                 counts[index] / parts);
  }
  // The ends are known exactly.
  if (result.numbers.size() > 1) {
    result.numbers.front() = extent.low;
    result.numbers.back() = extent.high;
  }
  return result;
}

double Distribution::getNumberAt(double rank) const {
  auto it = std::upper_bound(sums.begin(), sums.end(), rank);
  return it == sums.end() ? numbers.back() : numbers[it - sums.begin()];
}

double Distribution::getQuantile(double q) const {
  // A part of a bin may count less than 1: ranks miss the ends.
  if (q <= 0 || q >= 1)
    return q <= 0 ? numbers.front() : numbers.back();
  double rank = q * std::max(total - 1, 0.0);
  double below = getNumberAt(std::floor(rank));
  double above = getNumberAt(std::floor(rank) + 1);
  return below + (above - below) * (rank - std::floor(rank));
}

std::vector<double> Distribution::getHistogram() const {
  std::vector<double> bins(histogram::size);
  Range extent = getExtent();
  double limit = histogram::getLimit(
      std::max(std::abs(extent.low), std::abs(extent.high)));
  constexpr int64_t half = histogram::size / 2;
  for (auto [number, count] : llvm::zip_equal(numbers, counts))
    bins[half + static_cast<int64_t>(std::floor(number / limit * half))] +=
        count;
  return bins;
}
