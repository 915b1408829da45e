//===- ScaleRules.cpp - How scales of channels are chosen -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/ScaleRules.h"

#include "Quench/Support/MatrixProduct.h"
#include "Quench/Support/Numerics.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

using namespace quench;
using llvm::ArrayRef;
using llvm::MutableArrayRef;

double quench::balanceScale(double activation, double weight,
                            const BalanceRule &rule) {
  double scale = std::pow(activation, rule.alpha) /
                 std::pow(std::max(weight, rule.weightFloor), 1 - rule.alpha);
  return std::clamp(scale, rule.low, rule.high);
}

//===----------------------------------------------------------------------===//
// AWQ
//===----------------------------------------------------------------------===//

void quench::getAwqScales(ArrayRef<double> mean, double ratio,
                          MutableArrayRef<double> scales) {
  for (auto [scale, value] : llvm::zip_equal(scales, mean))
    scale = std::max(std::pow(value, ratio), 1e-4);
  auto [least, greatest] = std::minmax_element(scales.begin(), scales.end());
  double middle = std::sqrt(*least * *greatest);
  for (double &scale : scales)
    scale /= middle;
}

void quench::roundAwqRow(MutableArrayRef<double> row, const AwqRule &rule) {
  double top = std::ldexp(1.0, rule.bits) - 1;
  size_t width = rule.group ? rule.group : std::max<size_t>(row.size(), 1);
  for (size_t begin = 0; begin < row.size(); begin += width) {
    auto group = row.slice(begin, std::min(width, row.size() - begin));
    auto [low, high] = std::minmax_element(group.begin(), group.end());
    double scale = std::max(*high - *low, 1e-5) / top;
    double zero = std::clamp(-numerics::roundHalfEven(*low / scale), 0.0, top);
    for (double &value : group) {
      double code = numerics::roundHalfEven(value / scale) + zero;
      value = (std::clamp(code, 0.0, top) - zero) * scale;
    }
  }
}

double quench::getAwqLoss(ArrayRef<MatrixRef> weights, ArrayRef<double> scales,
                          ArrayRef<double> gram, const AwqRule &rule) {
  constexpr int64_t blockRows = 64;
  int64_t channels = scales.size();
  double loss = 0;
  int64_t outputs = 0;
  std::vector<double> errors(blockRows * channels), products(errors.size());
  for (const MatrixRef &weight : weights) {
    outputs += weight.rows;
    for (int64_t begin = 0; begin < weight.rows; begin += blockRows) {
      int64_t rows = std::min(blockRows, weight.rows - begin);
      for (int64_t index = 0; index < rows; ++index) {
        ArrayRef<double> row =
            weight.elements.slice((begin + index) * channels, channels);
        MutableArrayRef<double> error(&errors[index * channels], channels);
        for (int64_t i = 0; i < channels; ++i)
          error[i] = row[i] * scales[i];
        roundAwqRow(error, rule);
        for (int64_t i = 0; i < channels; ++i)
          error[i] = error[i] / scales[i] - row[i];
      }
      std::fill(products.begin(), products.end(), 0.0);
      addProduct(rows, channels, channels, errors.data(), channels, gram.data(),
                 channels, products.data(), channels);
      loss =
          std::inner_product(errors.begin(), errors.begin() + rows * channels,
                             products.begin(), loss);
    }
  }
  return loss / outputs;
}

AwqChoice quench::searchAwqScales(ArrayRef<MatrixRef> weights,
                                  ArrayRef<double> mean, ArrayRef<double> gram,
                                  const AwqRule &rule,
                                  MutableArrayRef<double> scales) {
  AwqChoice best = {0, std::numeric_limits<double>::infinity()};
  for (unsigned step = 0; step < rule.steps; ++step) {
    double ratio = double(step) / rule.steps;
    getAwqScales(mean, ratio, scales);
    double loss = getAwqLoss(weights, scales, gram, rule);
    if (loss < best.loss)
      best = {ratio, loss};
  }
  getAwqScales(mean, best.ratio, scales);
  return best;
}

//===----------------------------------------------------------------------===//
// RepQ
//===----------------------------------------------------------------------===//

double quench::getCommonScale(ArrayRef<double> scales, CommonScaleRule rule) {
  llvm::SmallVector<double> live;
  llvm::copy_if(scales, std::back_inserter(live),
                [](double scale) { return scale != 0; });
  if (live.empty())
    return 1;
  if (rule == CommonScaleRule::Median) {
    llvm::sort(live);
    size_t middle = live.size() / 2;
    return live.size() % 2 ? live[middle]
                           : (live[middle - 1] + live[middle]) / 2;
  }
  double sum = 0;
  for (double scale : live)
    sum += scale;
  double mean = sum / live.size();
  if (rule == CommonScaleRule::Mean)
    return mean;
  return std::exp2(numerics::roundHalfEven(std::log2(mean)));
}

double quench::getCommonZero(ArrayRef<double> zeros, ArrayRef<double> scales,
                             double low, double high) {
  double sum = 0;
  size_t count = 0;
  for (auto [zero, scale] : llvm::zip_equal(zeros, scales)) {
    if (scale == 0)
      continue;
    sum += zero;
    ++count;
  }
  double mean = count ? sum / count : (low + high) / 2;
  return std::clamp(numerics::roundHalfEven(mean), low, high);
}

ChannelRange quench::getChannelRange(double min, double max, double low,
                                     double levels) {
  double scale = (max - min) / (levels - 1);
  if (scale == 0)
    return {0, 0};
  return {scale, low - numerics::roundHalfEven(min / scale)};
}
