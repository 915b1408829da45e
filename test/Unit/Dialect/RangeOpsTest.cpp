//===- RangeOpsTest.cpp - Ranges of quantizers as programs ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support/Published.h"
#include "NumberOps.h"

#include "Quench/Support/RangeSearch.h"

#include "llvm/Support/FormatVariadic.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using namespace quench::test;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
class RangeOps : public NumberOps {
protected:
  RangeOps() { resultType = "tensor<2xf64>"; }

  /// What `op` makes of `rows` rows of `numbers`.
  Numbers runOn(const Numbers &numbers, llvm::StringRef op, size_t rows = 1) {
    std::string type =
        llvm::formatv("tensor<{0}x{1}xf64>", rows, numbers.size() / rows);
    resultType = llvm::formatv("tensor<{0}x2xf64>", rows);
    return run(op, {StringRef(type)}, {numbers});
  }
};

/// The format of `2^bits` codes with zero points.
std::string getFormat(int64_t bits) {
  return llvm::formatv("by(#quench.uniform<u{0}, asymmetric>)", bits);
}
} // namespace

TEST_F(RangeOps, ExtentsOfParts) {
  EXPECT_THAT(run("quench.extent %w0 to %w1",
                  {"tensor<4xf64>", "tensor<4xf64>"},
                  {{-1, -2, 3, 0}, {1, 5, 4, 0}}),
              ElementsAre(-2, 5));
  resultType = "tensor<2x2xf64>";
  EXPECT_THAT(run("quench.extent %w0 to %w1 parts 2",
                  {"tensor<4xf64>", "tensor<4xf64>"},
                  {{-1, -2, 3, 0}, {1, 5, 4, 0}}),
              ElementsAre(-2, 5, 0, 4));
  EXPECT_THAT(run("quench.extent %w0 to %w1 parts 2",
                  {"tensor<4xf64>", "tensor<4xf64>"},
                  {{-1, -2, 3, NAN}, {1, 5, 4, 0}}),
              testing::IsEmpty());
  EXPECT_THAT(messages.back(),
              HasSubstr("range of channel 3 goes from nan to "));
}

TEST_F(RangeOps, PercentilesOfRepQ) {
  Published file("repq_percentile");
  Numbers x = file.numbers("x"), twice = x;
  twice.insert(twice.end(), x.begin(), x.end());
  for (const llvm::json::Value &value : *file.at("cases").getAsArray()) {
    const llvm::json::Object &entry = *value.getAsObject();
    const llvm::json::Object &chosen = *entry.getObject("chosen");
    Numbers range = runOn(twice,
                          "quench.percentile_range %w0 " +
                              getFormat(*entry.getInteger("bits")) +
                              " percentiles [0.999, 0.9999, 0.99999]",
                          /*rows=*/2);
    auto low = DoubleNear(*chosen.getNumber("min"), 1e-9);
    auto high = DoubleNear(*chosen.getNumber("max"), 1e-9);
    EXPECT_THAT(range, ElementsAre(low, high, low, high));
  }
}

TEST_F(RangeOps, ProgressiveSearchOfAdaLog) {
  Published file("adalog_fpcs_row");
  for (const llvm::json::Value &value : *file.at("cases").getAsArray()) {
    const llvm::json::Object &entry = *value.getAsObject();
    int64_t bits = *entry.getInteger("bits");
    Numbers range = runOn(
        file.numbers("w"),
        llvm::formatv("quench.progressive_range %w0 {0} {{zero_points = {1}}",
                      getFormat(bits), *entry.getInteger("num_zp"))
            .str());
    ASSERT_EQ(range.size(), 2u);
    double best = HUGE_VAL, scale = 0, zero = 0;
    for (const llvm::json::Value &step : *entry.getArray("trace"))
      if (double error = *step.getAsObject()->getNumber("mse"); error < best) {
        best = error;
        scale = *step.getAsObject()->getNumber("best_scale");
        zero = *step.getAsObject()->getNumber("best_zp");
      }
    EXPECT_NEAR(range[0], -zero * scale, 1e-9);
    EXPECT_NEAR(range[1], ((1 << bits) - 1 - zero) * scale, 1e-9);
  }
}

TEST_F(RangeOps, OutliersAreClipped) {
  // Numbers from -1 to 1, more of them near 0, and an outlier. (Evenly spread
  // numbers that share a code do not diverge.)
  Numbers numbers;
  for (int i = -500; i <= 500; ++i)
    numbers.push_back(std::copysign(1 - std::sqrt(1 - std::abs(i) / 500.0), i));
  numbers.push_back(8);
  for (const char *op :
       {"quench.shrunken_range %w0 by(#quench.uniform<i4>)",
        "quench.shrunken_range %w0 by(#quench.uniform<i4>) {steps = 50, norm = "
        "2.4}",
        "quench.shrunken_range %w0 by(#quench.uniform<u4, asymmetric>) {steps "
        "= 20, dual}",
        "quench.entropy_range %w0 by(#quench.uniform<i4>)",
        "quench.progressive_range %w0 by(#quench.uniform<i4>)"}) {
    Numbers range = runOn(numbers, op);
    ASSERT_EQ(range.size(), 2u) << op;
    EXPECT_LT(range[1], 7) << op;
    EXPECT_GT(range[1], 0.5) << op;
  }
}

TEST_F(RangeOps, SketchesOfNumbers) {
  // Four numbers of which the sketch is known: 1 begins a bin, 0 has its own.
  Numbers sketch(sketch::size), histogram(histogram::size);
  int64_t one = sketch::center + 1 - sketch::lowestExponent * 64;
  sketch[one] = 2;
  sketch[sketch::center] = 1;
  sketch[sketch::size - 1 - one] = 1;
  Numbers extent = {-1.01, 1.01};
  EXPECT_THAT(run("quench.percentile_range %w0 within %w1 "
                  "by(#quench.uniform<i8>) percentiles [1.0]",
                  {"tensor<5121xf64>", "tensor<2xf64>"}, {sketch, extent}),
              ElementsAre(DoubleNear(-1.01, 1e-3), DoubleNear(1.01, 1e-3)));
  histogram[1024 + 512] = 3;
  histogram[1023 - 512] = 1;
  Numbers range =
      run("quench.entropy_range %w0 within %w1 by(#quench.uniform<i8>)",
          {"tensor<2048xf64>", "tensor<2xf64>"}, {histogram, extent});
  ASSERT_EQ(range.size(), 2u);
  EXPECT_GT(range[1], 0.98);
  EXPECT_TRUE(
      run("quench.shrunken_range %w0 within %w1 by(#quench.uniform<i8>)",
          {"tensor<5121xf64>", "tensor<2xf64>"},
          {Numbers(sketch::size), extent})
          .empty());
  EXPECT_THAT(messages.back(), HasSubstr("found no number in the sketch"));
  EXPECT_TRUE(
      run("quench.shrunken_range %w0 within %w1 by(#quench.uniform<i8>)",
          {"tensor<5121xf64>", "tensor<2xf64>"}, {sketch, {1, HUGE_VAL}})
          .empty());
  EXPECT_THAT(messages.back(), HasSubstr("expected finite ones"));
}

TEST_F(RangeOps, ScalesAndZeroPoints) {
  Numbers ranges = {-1, 2, 3, 5};
  resultType = "tensor<2xf64>";
  EXPECT_THAT(run("quench.static_scale %w0 by(#quench.uniform<u8, asymmetric>)",
                  {"tensor<2x2xf64>"}, {ranges}),
              ElementsAre(3.0 / 255, 5.0 / 255));
  EXPECT_THAT(run("quench.static_scale %w0 by(#quench.uniform<i4>)",
                  {"tensor<2x2xf64>"}, {ranges}),
              ElementsAre(2.0 / 7, 5.0 / 7));
  resultType = "tensor<2xi8>";
  Numbers zeros =
      run("quench.static_zero %w0 by(#quench.uniform<u8, asymmetric>)",
          {"tensor<2x2xf64>"}, {ranges});
  EXPECT_THAT(zeros, ElementsAre(85, 0));
  EXPECT_TRUE(run("quench.static_zero %w0 by(#quench.uniform<u8, asymmetric>)",
                  {"tensor<2x2xf64>"}, {{2, 1, 0, 0}})
                  .empty());
  EXPECT_THAT(messages.back(), HasSubstr("range 0 goes from 2"));
}

TEST_F(RangeOps, SchemeOfQHyViT) {
  // Of the two schemes for the layer the one that is best with all numbers in
  // the range is also best with the range searched. Outputs count by weights.
  Published file("hybrid_choice");
  Numbers weight = file.numbers("weight"), w = file.numbers("W");
  for (auto [i, number] : llvm::enumerate(w))
    number *= std::sqrt(weight[i / (w.size() / weight.size())]);
  const llvm::json::Object &errors = *file.at("errors").getAsObject();
  ASSERT_LT(*errors.getNumber("layer_asym"), *errors.getNumber("layer_sym"));
  resultType = "tensor<1xf64>";
  for (auto [formats, place] :
       {std::pair("#quench.uniform<i4>, #quench.uniform<u4, asymmetric>", 1),
        std::pair("#quench.uniform<u4, asymmetric>, #quench.uniform<i4>", 0)})
    EXPECT_THAT(
        run(llvm::formatv("quench.output_format %w0 with %w1 among [{0}]",
                          formats)
                .str(),
            {"tensor<24x3xf64>", "tensor<2x3xf64>"}, {file.numbers("X"), w}),
        ElementsAre(place));
}
