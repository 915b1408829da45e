//===- ScaleOpsTest.cpp - Scales of channels as programs -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support/Published.h"
#include "NumberOps.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>

using namespace quench;
using namespace quench::test;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

namespace {
class ScaleOps : public NumberOps {};

constexpr double infinity = std::numeric_limits<double>::infinity();
} // namespace

TEST_F(ScaleOps, BalancedScaleTakesTheGreatestOfAllWeights) {
  resultType = "tensor<3xf64>";
  EXPECT_THAT(run("quench.balanced_scale %w0 weights %w1, %w2 alpha 0.5 "
                  "{high = 2.0, low = 0.5}",
                  {"tensor<3xf64>", "tensor<3xf64>", "tensor<3xf64>"},
                  {{4, 9, 0}, {1, 1, 1}, {4, 0.5, 2}}),
              ElementsAre(1, 2, 0.5));
}

TEST_F(ScaleOps, BalancedScaleIsThePublishedOne) {
  Published file("smooth_awq");
  Numbers x = file.numbers("X"), w = file.numbers("W");
  auto max = [](const Numbers &matrix) {
    Numbers greatest(8, 0);
    for (size_t i = 0; i < matrix.size(); ++i)
      greatest[i % 8] = std::max(greatest[i % 8], std::abs(matrix[i]));
    return greatest;
  };
  resultType = "tensor<8xf64>";
  EXPECT_THAT(
      run("quench.balanced_scale %w0 weights %w1 alpha 0.85",
          {"tensor<8xf64>", "tensor<8xf64>"}, {max(x), max(w)}),
      Pointwise(DoubleNear(1e-12), file.numbers("smoothquant_alpha_0.85/s")));
}

TEST_F(ScaleOps, AwqScaleIsThePublishedOne) {
  Published file("smooth_awq");
  Numbers x = file.numbers("X"), gram(64), mean(8);
  for (size_t row = 0; row < x.size(); row += 8)
    for (size_t i = 0; i < 8; ++i) {
      mean[i] += std::abs(x[row + i]) / 32;
      for (size_t j = 0; j < 8; ++j)
        gram[i * 8 + j] += x[row + i] * x[row + j] / 32;
    }
  resultType = "tensor<8xf64>";
  std::vector<llvm::StringRef> types = {"tensor<8xf64>", "tensor<8x8xf64>",
                                        "tensor<6x8xf64>"};
  EXPECT_THAT(run("quench.awq_scale %w0 gram %w1 weights %w2 {group = 4 : i64}",
                  types, {mean, gram, file.numbers("W")}),
              Pointwise(DoubleNear(1e-12), file.numbers("awq/best_scale")));
  gram[0] = NAN;
  EXPECT_TRUE(run("quench.awq_scale %w0 gram %w1 weights %w2", types,
                  {mean, gram, file.numbers("W")})
                  .empty());
  EXPECT_THAT(messages.back(), HasSubstr("finds no scale of finite error"));
}

TEST_F(ScaleOps, RandomScaleFollowsFromItsSeed) {
  resultType = "tensor<1000xf64>";
  auto draw = [&](llvm::StringRef seed) {
    module = mlir::parseSourceString<mlir::ModuleOp>(
        ("%r = quench.random_scale seed " + seed +
         " from 1.0e-2 to 1.0e+2 : tensor<1000xf64>")
            .str(),
        &context);
    Numbers result(1000);
    auto op = mlir::cast<WeightProgramOpInterface>(module->getBody()->back());
    EXPECT_TRUE(mlir::succeeded(op.evaluateWeights(
        {}, {reinterpret_cast<char *>(result.data()), 8000})));
    return result;
  };
  Numbers first = draw("1");
  EXPECT_EQ(first, draw("1"));
  EXPECT_NE(first, draw("2"));
  auto [least, greatest] = std::minmax_element(first.begin(), first.end());
  EXPECT_GE(*least, 1e-2);
  EXPECT_LT(*least, 2e-2);
  EXPECT_LE(*greatest, 1e2);
  EXPECT_GT(*greatest, 5e1);
}

TEST_F(ScaleOps, TiesPartnersToTheGreater) {
  resultType = "tensor<8xf64>";
  EXPECT_THAT(run("quench.tie_scale %w0 partners [2, 1, 0, 3]",
                  {"tensor<8xf64>"}, {{1, 2, 3, 4, 9, 6, 7, 8}}),
              ElementsAre(3, 2, 3, 4, 9, 6, 9, 8));
}

TEST_F(ScaleOps, CheckedScaleNamesSiteAndChannel) {
  resultType = "tensor<2xf64>";
  auto check = [&](Numbers scale) {
    return run("quench.checked_scale %w0 of \"layers.0.up\"", {"tensor<2xf64>"},
               {std::move(scale)});
  };
  EXPECT_THAT(check({1e-300, 5}), ElementsAre(1e-300, 5));
  for (double wrong : {0.0, -1.0, double(NAN), infinity}) {
    EXPECT_TRUE(check({1, wrong}).empty());
    EXPECT_THAT(messages.back(), HasSubstr("scale of site 'layers.0.up' is "));
    EXPECT_THAT(messages.back(),
                HasSubstr("at channel 1, expected a positive finite number"));
  }
  resultType = "tensor<4xf64>";
  auto checkPairs = [&](Numbers scale) {
    return run("quench.checked_scale %w0 of \"q\" {partners = array<i64: 2, 3, "
               "0, 1>}",
               {"tensor<4xf64>"}, {std::move(scale)});
  };
  EXPECT_THAT(checkPairs({1, 2, 1, 2}), ElementsAre(1, 2, 1, 2));
  EXPECT_TRUE(checkPairs({1, 2, 1, 3}).empty());
  EXPECT_THAT(messages.back(),
              HasSubstr("scale of site 'q' is 2.000000e+00 at channel 1 and "
                        "3.000000e+00 at channel 3, expected one number for a "
                        "pair of rotary embedding"));
}

TEST_F(ScaleOps, OneScaleAndZeroForAllChannels) {
  Numbers scales = {0, 1, 4, 16}, zeros = {100, 3, 4, 6};
  resultType = "tensor<f64>";
  auto common = [&](llvm::StringRef kind) {
    return run(("quench.common_scale %w0 by " + kind).str(), {"tensor<4xf64>"},
               scales);
  };
  EXPECT_THAT(common("mean"), ElementsAre(7));
  EXPECT_THAT(common("median"), ElementsAre(4));
  EXPECT_THAT(common("power_of_two"), ElementsAre(8));
  EXPECT_THAT(run("quench.common_zero %w0 scales %w1 from 0 to 15",
                  {"tensor<4xf64>", "tensor<4xf64>"}, {zeros, scales}),
              ElementsAre(4));
  EXPECT_THAT(run("quench.common_zero %w0 scales %w1 from -2 to 1",
                  {"tensor<4xf64>", "tensor<4xf64>"}, {zeros, scales}),
              ElementsAre(1));
  EXPECT_THAT(run("quench.common_zero %w0 scales %w1 from -8 to 7",
                  {"tensor<4xf64>", "tensor<4xf64>"}, {zeros, scales}),
              ElementsAre(4));
  EXPECT_THAT(run("quench.common_zero %w0 scales %w1 from -8 to -5",
                  {"tensor<4xf64>", "tensor<4xf64>"}, {zeros, scales}),
              ElementsAre(-5));
  resultType = "tensor<4xf64>";
  EXPECT_THAT(run("quench.fill_dead %w0 scales %w1 with %w2",
                  {"tensor<4xf64>", "tensor<4xf64>", "tensor<f64>"},
                  {zeros, scales, {4}}),
              ElementsAre(4, 3, 4, 6));
  // Of no channels.
  resultType = "tensor<f64>";
  EXPECT_THAT(
      run("quench.common_scale %w0 by mean", {"tensor<0xf64>"}, {Numbers()}),
      ElementsAre(1));
}

TEST_F(ScaleOps, Ranges) {
  resultType = "tensor<3xf64>";
  std::vector<llvm::StringRef> types = {"tensor<3xf64>", "tensor<3xf64>"};
  // The last two are those of a range that does not contain 0, and of none.
  std::vector<Numbers> ranges = {{-1, 3, 2}, {0.5, 5, 2}};
  EXPECT_THAT(run("quench.range_scale %w0 to %w1 levels 256", types, ranges),
              ElementsAre(1.5 / 255, 2.0 / 255, 0));
  EXPECT_THAT(
      run("quench.range_zero %w0 to %w1 levels 256 low 0", types, ranges),
      ElementsAre(170, -382, 0));
  EXPECT_THAT(
      run("quench.range_zero %w0 to %w1 levels 256 low -128", types, ranges),
      ElementsAre(42, -510, 0));
  EXPECT_TRUE(run("quench.range_scale %w0 to %w1 levels 256", types,
                  {{0, 0, 2}, {1, 1, 1}})
                  .empty());
  EXPECT_THAT(messages.back(),
              HasSubstr("range of channel 2 goes from 2.000000e+00 to "
                        "1.000000e+00"));
}
