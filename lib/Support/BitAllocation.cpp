//===- BitAllocation.cpp - Which part gets how many bits ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/BitAllocation.h"

#include "Quench/Support/Error.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <limits>
#include <tuple>

using namespace quench;

llvm::Expected<BitAllocation>
BitAllocation::create(llvm::ArrayRef<BitItem> items, size_t maxSums) {
  BitAllocation result;
  result.curve.push_back({0, 0});
  size_t numSums = 0;
  for (auto [place, item] : llvm::enumerate(items)) {
    if (item.choices.empty())
      return makeError("item ", place, " has no choice of a width");
    for (const BitChoice &choice : item.choices)
      if (!std::isfinite(choice.error))
        return makeError("the error of item ", place, " with ", choice.bits,
                         " bits is not finite");
    // Each choice shifts the curve so far, which stays sorted; these are
    // merged.
    llvm::ArrayRef<Point> before = result.curve;
    std::vector<size_t> next(item.choices.size());
    std::vector<Point> points;
    std::vector<Step> steps;
    double least = std::numeric_limits<double>::infinity();
    while (true) {
      size_t best = item.choices.size();
      Point point{};
      for (auto [index, choice] : llvm::enumerate(item.choices)) {
        if (next[index] == before.size())
          continue;
        const Point &last = before[next[index]];
        Point sum{last.cost + item.size * choice.bits,
                  last.error + choice.error};
        if (best == item.choices.size() ||
            std::tie(sum.cost, sum.error) < std::tie(point.cost, point.error)) {
          best = index;
          point = sum;
        }
      }
      if (best == item.choices.size())
        break;
      size_t previous = next[best]++;
      if (!(point.error < least))
        continue;
      if (++numSums > maxSums)
        return makeError("the exact allocation has more than ", maxSums,
                         " sums to keep; give fewer widths");
      least = point.error;
      points.push_back(point);
      steps.push_back(
          {static_cast<uint32_t>(previous), static_cast<uint32_t>(best)});
    }
    result.curve = std::move(points);
    result.steps.push_back(std::move(steps));
  }
  return std::move(result);
}

llvm::Expected<size_t> BitAllocation::find(int64_t budget) const {
  auto end = llvm::partition_point(
      curve, [&](const Point &point) { return point.cost <= budget; });
  if (end == curve.begin())
    return makeError("found a budget of ", budget,
                     " bits, expected the least that there is, ",
                     curve.front().cost, ", or more");
  return end - curve.begin() - 1;
}

std::vector<size_t> BitAllocation::getChoices(size_t point) const {
  std::vector<size_t> choices(steps.size());
  for (size_t item = steps.size(); item-- > 0;) {
    const Step &step = steps[item][point];
    choices[item] = step.choice;
    point = step.previous;
  }
  return choices;
}
