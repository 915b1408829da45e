//===- ScaleRulesTest.cpp - How scales of channels are chosen -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/ScaleRules.h"
#include "Published.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace quench;
using namespace quench::test;

namespace {
/// Inputs and one weight of SmoothQuant and AWQ.
struct Layer {
  static constexpr size_t channels = 8;
  Published file{"smooth_awq"};
  std::vector<double> inputs = file.numbers("X"), weight = file.numbers("W");

  double max(const std::vector<double> &matrix, size_t channel) const {
    double greatest = 0;
    for (size_t i = channel; i < matrix.size(); i += channels)
      greatest = std::max(greatest, std::abs(matrix[i]));
    return greatest;
  }

  std::vector<double> getMeans() const {
    std::vector<double> means(channels);
    for (size_t i = 0; i < inputs.size(); ++i)
      means[i % channels] += std::abs(inputs[i]) * channels / inputs.size();
    return means;
  }

  std::vector<double> getGram() const {
    std::vector<double> gram(channels * channels);
    for (size_t row = 0; row < inputs.size(); row += channels)
      for (size_t i = 0; i < channels; ++i)
        for (size_t j = 0; j < channels; ++j)
          gram[i * channels + j] +=
              inputs[row + i] * inputs[row + j] * channels / inputs.size();
    return gram;
  }
};
} // namespace

static void expectNear(llvm::ArrayRef<double> found,
                       llvm::ArrayRef<double> expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 1e-12 * std::abs(expected[i])) << i;
}

TEST(ScaleRules, SmoothQuant) {
  Layer layer;
  for (double alpha : {0.5, 0.85}) {
    std::vector<double> scales;
    for (size_t i = 0; i < Layer::channels; ++i)
      scales.push_back(balanceScale(layer.max(layer.inputs, i),
                                    layer.max(layer.weight, i), {alpha}));
    expectNear(scales,
               layer.file.numbers(alpha == 0.5 ? "smoothquant_alpha_0.5/s"
                                               : "smoothquant_alpha_0.85/s"));
  }
}

TEST(ScaleRules, BalanceStaysWithinItsLimits) {
  EXPECT_EQ(balanceScale(0, 1, {0.5}), 1e-5);
  EXPECT_EQ(balanceScale(4, 0, {0.5}), 2 / std::sqrt(1e-5));
  EXPECT_EQ(balanceScale(1e-9, 1, {0.5, 1e-5, 1e-2, 100}), 1e-2);
  EXPECT_EQ(balanceScale(1e9, 1, {0.5, 1e-5, 1e-2, 100}), 100);
}

// The scales of MambaQuant for the input of the output map, and for the steps.
TEST(ScaleRules, MambaQuant) {
  Published file("mamba_block");
  auto getMaxima = [&](llvm::StringRef path, size_t channels) {
    std::vector<double> matrix = file.numbers(path), maxima(channels);
    for (size_t i = 0; i < matrix.size(); ++i)
      maxima[i % channels] =
          std::max(maxima[i % channels], std::abs(matrix[i]));
    return maxima;
  };
  auto check = [&](llvm::StringRef activation, llvm::StringRef weight,
                   llvm::StringRef scale, size_t channels) {
    std::vector<double> scales;
    for (auto [x, w] : llvm::zip_equal(getMaxima(activation, channels),
                                       getMaxima(weight, channels)))
      scales.push_back(balanceScale(x, w, {0.5, 1e-5, 1e-2, 1e2}));
    expectNear(scales, file.numbers(scale));
  };
  check("gated_scan_out", "params/W_out", "s2", 16);
  check("dt_low", "params/dt_w", "s5", 4);
}

TEST(ScaleRules, Awq) {
  Layer layer;
  std::vector<double> means = layer.getMeans(), gram = layer.getGram();
  expectNear(means, layer.file.numbers("awq/x_mean_abs"));
  MatrixRef weight = {layer.weight, 6};
  AwqRule rule = {4, 4, 20};
  std::vector<double> scales(Layer::channels), losses;
  for (int step = 0; step < 20; ++step) {
    getAwqScales(means, step / 20.0, scales);
    losses.push_back(getAwqLoss(weight, scales, gram, rule));
  }
  std::vector<double> expected = layer.file.numbers("awq/grid_loss");
  ASSERT_EQ(losses.size(), expected.size());
  // The published losses sum over inputs instead of their second moments.
  for (size_t i = 0; i < losses.size(); ++i)
    EXPECT_NEAR(losses[i], expected[i], 1e-11 * expected[i]) << i;

  AwqChoice choice = searchAwqScales(weight, means, gram, rule, scales);
  EXPECT_EQ(choice.ratio, layer.file.number("awq/best_ratio"));
  expectNear(scales, layer.file.numbers("awq/best_scale"));

  std::vector<double> rounded = layer.weight;
  for (size_t i = 0; i < rounded.size(); ++i)
    rounded[i] *= scales[i % Layer::channels];
  for (size_t row = 0; row < 6; ++row)
    roundAwqRow(llvm::MutableArrayRef<double>(rounded).slice(
                    row * Layer::channels, Layer::channels),
                rule);
  for (size_t i = 0; i < rounded.size(); ++i)
    rounded[i] /= scales[i % Layer::channels];
  std::vector<double> best = layer.file.numbers("awq/Wq_best");
  for (size_t i = 0; i < rounded.size(); ++i)
    EXPECT_NEAR(rounded[i], best[i], 1e-12) << i;
}

// Two weights that read one activation share the scales: the loss is that of
// all their outputs.
TEST(ScaleRules, AwqOverTwoWeights) {
  Layer layer;
  std::vector<double> means = layer.getMeans(), gram = layer.getGram();
  std::vector<double> scales(Layer::channels, 1);
  llvm::ArrayRef<double> elements = layer.weight;
  AwqRule rule = {4, 0, 20};
  MatrixRef top = {elements.take_front(16), 2},
            rest = {elements.drop_front(16), 4};
  double whole = getAwqLoss(MatrixRef{elements, 6}, scales, gram, rule);
  EXPECT_NEAR(getAwqLoss({top, rest}, scales, gram, rule), whole,
              1e-12 * whole);
  EXPECT_NEAR((2 * getAwqLoss(top, scales, gram, rule) +
               4 * getAwqLoss(rest, scales, gram, rule)) /
                  6,
              whole, 1e-12 * whole);
}

TEST(ScaleRules, CommonScale) {
  Published file("mosf");
  std::vector<double> scales = file.numbers("s");
  EXPECT_NEAR(getCommonScale(scales, CommonScaleRule::Mean),
              file.number("mean"), 1e-15);
  EXPECT_EQ(getCommonScale(scales, CommonScaleRule::Median),
            file.number("median"));
  auto getMeanDistance = [&](double common) {
    double sum = 0;
    for (double scale : scales)
      sum += std::abs(scale - common) / scales.size();
    return sum;
  };
  EXPECT_NEAR(getMeanDistance(file.number("mean")), file.number("mad_at_mean"),
              1e-15);
  EXPECT_NEAR(getMeanDistance(file.number("median")),
              file.number("mad_at_median"), 1e-15);
  EXPECT_EQ(getCommonScale(scales, CommonScaleRule::PowerOfTwo), 0.5);
  EXPECT_EQ(getCommonScale({1, 2, 4, 100}, CommonScaleRule::Median), 3);
}

TEST(ScaleRules, ChannelsWithoutRangeDoNotCount) {
  std::vector<double> scales = {0, 0.5, 0, 1.5}, zeros = {77, 3, -50, 6};
  EXPECT_EQ(getCommonScale(scales, CommonScaleRule::Mean), 1);
  EXPECT_EQ(getCommonScale({0, 0}, CommonScaleRule::Mean), 1);
  // 4.5 goes to the even integer.
  EXPECT_EQ(getCommonZero(zeros, scales, 0, 15), 4);
  EXPECT_EQ(getCommonZero(zeros, {0, 0, 0, 0}, 0, 255), 128);
}

TEST(ScaleRules, ZeroPointsBeyondTheCodes) {
  Published file("zero_point_overflow");
  std::vector<double> scales, zeros;
  for (const llvm::json::Value &value : *file.at("rows").getAsArray()) {
    const llvm::json::Object &row = *value.getAsObject();
    ChannelRange range =
        getChannelRange(*row.getNumber("min"), *row.getNumber("max"), 0, 256);
    EXPECT_EQ(range.scale, *row.getNumber("asym_delta"));
    EXPECT_EQ(range.zero, *row.getNumber("asym_zp"));
    EXPECT_EQ(range.zero >= 0 && range.zero <= 255,
              *row.getBoolean("fits_uint8"));
    scales.push_back(range.scale);
    zeros.push_back(range.zero);
  }
  // Their mean would be 1065.3, which no 8 bits hold.
  EXPECT_EQ(getCommonZero(zeros, scales, 0, 255), 255);
  EXPECT_EQ(getChannelRange(2, 2, 0, 256).scale, 0);
}
