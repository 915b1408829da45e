//===- VisionOpsTest.cpp - Feature maps and their tokens -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NumberOps.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace quench;
using namespace quench::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {
class VisionOps : public NumberOps {};
} // namespace

TEST_F(VisionOps, BatchNormGainDividesByTheDeviation) {
  resultType = "tensor<3xf64>";
  auto get = [&](const Numbers &variance) {
    return run("quench.batch_norm_gain %w0 variance %w1 eps 0.25",
               {"tensor<3xf64>", "tensor<3xf64>"}, {{1, -2, 3}, variance});
  };
  EXPECT_THAT(get({0.75, 2, 0}), ElementsAre(1, -2 / 1.5, 6));
  EXPECT_TRUE(get({0.75, -0.125, 1}).empty());
  EXPECT_THAT(messages.back(),
              HasSubstr("variance of channel 1 is -1.250000e-01, expected a "
                        "number of at least 0"));
  EXPECT_TRUE(get({0.75, 1, NAN}).empty());
  EXPECT_THAT(messages.back(), HasSubstr("variance of channel 2 is "));
}
