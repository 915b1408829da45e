//===- CpuFeaturesTest.cpp - Features of this CPU -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuFeatures.h"

#include "gtest/gtest.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>

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
  EXPECT_TRUE(enableCpuFeatures({}, "x86-64").ok());
  EXPECT_EQ(enableCpuFeatures({"warp-drive", "tardis"}, "x86-64-v9").message(),
            "this CPU lacks warp-drive, tardis, which the model was built for "
            "(x86-64-v9)");
}

#if defined(__x86_64__)
// A signal stack too small for the state of the registers makes the system say
// no; in a process of its own, as permission cannot be given back.
TEST(CpuFeaturesDeathTest, SaysThatTilesAreRefused) {
  if (!hasCpuFeature("amx-tile"))
    GTEST_SKIP() << "this CPU has no tile registers";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto load = [] {
    static char bytes[4096];
    stack_t small = {};
    small.ss_sp = bytes;
    small.ss_size = sizeof(bytes);
    if (sigaltstack(&small, nullptr) != 0)
      std::exit(2);
    Status status =
        enableCpuFeatures({"amx-int8", "amx-tile"}, "sapphirerapids");
    std::fputs(status.message().c_str(), stderr);
    std::exit(status.ok() ? 0 : 1);
  };
  EXPECT_EXIT(
      load(), testing::ExitedWithCode(1),
      "the system refuses this process tile registers .amx-tile., which "
      "the model was built for .sapphirerapids.: No space left");
}

TEST(CpuFeatures, AsksForTiles) {
  if (hasCpuFeature("amx-tile")) {
    EXPECT_EQ(enableCpuFeatures({"amx-tile"}, "native").message(), "");
  }
}
#endif
