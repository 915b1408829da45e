//===- CpuFeaturesTest.cpp - Features of this CPU -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"

#include "gtest/gtest.h"

using namespace quench::rt;

#if defined(__x86_64__)
TEST(CpuFeatures, AgreesWithTheCompiler) {
  EXPECT_TRUE(hasCpuFeature("sse2"));
  EXPECT_TRUE(hasCpuFeature("64bit"));
#define EXPECT_SAME(NAME)                                                      \
  EXPECT_EQ(hasCpuFeature(NAME), __builtin_cpu_supports(NAME) != 0) << NAME
  EXPECT_SAME("sse4.2");
  EXPECT_SAME("popcnt");
  EXPECT_SAME("avx");
  EXPECT_SAME("avx2");
  EXPECT_SAME("fma");
  EXPECT_SAME("bmi");
  EXPECT_SAME("bmi2");
  EXPECT_SAME("avx512f");
  EXPECT_SAME("avx512bw");
  EXPECT_SAME("avx512dq");
  EXPECT_SAME("avx512vl");
  EXPECT_SAME("avx512vnni");
  EXPECT_SAME("avx512bf16");
  EXPECT_SAME("gfni");
#undef EXPECT_SAME
}
#endif

TEST(CpuFeatures, NamesAllThatAreMissing) {
  EXPECT_TRUE(checkCpuFeatures({}, "x86-64").ok());
  EXPECT_EQ(checkCpuFeatures({"warp-drive", "tardis"}, "x86-64-v9").message(),
            "this CPU lacks warp-drive, tardis, which the model was built for "
            "(x86-64-v9)");
}
