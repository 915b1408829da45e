//===- CPUTargetTest.cpp - What --cpu may say -----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/CPUTarget.h"

#include "llvm/Target/TargetMachine.h"
#include "gtest/gtest.h"

using namespace quench;

namespace {

CPUTarget parse(llvm::StringRef option, llvm::StringRef triple = "") {
  llvm::Expected<CPUTarget> target = CPUTarget::parse(option, triple);
  EXPECT_TRUE(bool(target)) << llvm::toString(target.takeError());
  return target ? *target : CPUTarget();
}

std::string errorOf(llvm::StringRef option, llvm::StringRef triple = "") {
  llvm::Expected<CPUTarget> target = CPUTarget::parse(option, triple);
  EXPECT_FALSE(bool(target)) << option.str();
  return target ? "" : llvm::toString(target.takeError());
}

TEST(CPUTarget, Levels) {
  CPUTarget base = parse("x86-64");
  EXPECT_EQ(base.vectorBytes(), 16);
  EXPECT_FALSE(base.hasFeature("avx"));

  CPUTarget v3 = parse("x86-64-v3");
  EXPECT_EQ(v3.vectorBytes(), 32);
  EXPECT_TRUE(v3.hasFeature("fma"));
  EXPECT_FALSE(v3.hasFeature("avxvnni"));
  EXPECT_TRUE(parse("x86-64-v3+avxvnni").hasFeature("avxvnni"));

  CPUTarget v4 = parse("x86-64-v4");
  EXPECT_EQ(v4.vectorBytes(), 64);
  EXPECT_FALSE(v4.hasFeature("avx512vnni"));
  CPUTarget vnni = parse("x86-64-v4+vnni");
  EXPECT_TRUE(vnni.hasFeature("avx512vnni"));
  EXPECT_EQ(vnni.name, "x86-64-v4+vnni");
  EXPECT_FALSE(vnni.hasFeature("amx-tile"));
  CPUTarget amx = parse("x86-64-v4+amx");
  EXPECT_TRUE(amx.hasFeature("avx512vnni"));
  EXPECT_TRUE(amx.hasFeature("amx-int8"));
  EXPECT_TRUE(llvm::is_contained(amx.enabledFeatures(), "amx-tile"));
}

TEST(CPUTarget, NativeIsAnX86) {
  CPUTarget native = parse("native");
  EXPECT_FALSE(native.cpu.empty());
  EXPECT_TRUE(native.hasFeature("sse2"));
}

TEST(CPUTarget, NamesAndFeatures) {
  EXPECT_TRUE(parse("znver4").hasFeature("avx512vnni"));
  CPUTarget edited = parse("znver4,-avx512vnni,+avxvnni");
  EXPECT_FALSE(edited.hasFeature("avx512vnni"));
  EXPECT_TRUE(edited.hasFeature("avxvnni"));
}

TEST(CPUTarget, ListsWhatCodeNeeds) {
  std::vector<std::string> features = parse("x86-64-v3").enabledFeatures();
  EXPECT_TRUE(llvm::is_sorted(features));
  EXPECT_TRUE(llvm::is_contained(features, "avx2"));
  EXPECT_TRUE(llvm::is_contained(features, "fma"));
  EXPECT_FALSE(llvm::is_contained(features, "avx512f"));
  EXPECT_FALSE(llvm::is_contained(features, "slow-3ops-lea"));
}

TEST(CPUTarget, FindsTheLevel) {
  for (llvm::StringRef level : CPUTarget::getLevels())
    EXPECT_EQ(parse(level).getLevel(), level);
  EXPECT_EQ(parse("x86-64-v2").getLevel(), "x86-64");
  EXPECT_EQ(parse("alderlake").getLevel(), "x86-64-v3+avxvnni");
  EXPECT_EQ(parse("znver4").getLevel(), "x86-64-v4+vnni");
  EXPECT_EQ(parse("znver4,-avx512vnni").getLevel(), "x86-64-v4");
  EXPECT_EQ(parse("sapphirerapids").getLevel(), "x86-64-v4+amx");
}

TEST(CPUTarget, Errors) {
  EXPECT_EQ(errorOf("pentium9"),
            "unknown CPU 'pentium9': expected native, x86-64, x86-64-v3, "
            "x86-64-v3+avxvnni, x86-64-v4, x86-64-v4+vnni, x86-64-v4+amx or an "
            "LLVM CPU name, "
            "then ,+feature or ,-feature");
  EXPECT_NE(errorOf("").find("unknown CPU ''"), std::string::npos);
  EXPECT_NE(errorOf("x86-64-v3+vnni").find("unknown CPU 'x86-64-v3+vnni'"),
            std::string::npos);
  EXPECT_EQ(errorOf("x86-64,+warp-drive"),
            "unknown CPU feature 'warp-drive' in 'x86-64,+warp-drive'");
  EXPECT_EQ(errorOf("x86-64,avx2"),
            "'avx2' in 'x86-64,avx2': expected +feature or -feature");
  EXPECT_EQ(errorOf("x86-64,"),
            "'' in 'x86-64,': expected +feature or -feature");
  EXPECT_EQ(errorOf("i386"),
            "CPU 'i386' lacks '64bit', which x86-64 code needs");
  EXPECT_EQ(errorOf("x86-64,-sse2"),
            "CPU 'x86-64,-sse2' lacks 'sse2', which x86-64 code needs");
}

TEST(CPUTarget, OtherMachines) {
  EXPECT_EQ(errorOf("cortex-a72", "aarch64-linux-gnu"),
            "no code generator for 'aarch64-unknown-linux-gnu': this build "
            "targets x86-64 on Linux");
}

TEST(CPUTarget, MakesACodeGenerator) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine =
      parse("x86-64-v4").createTargetMachine();
  ASSERT_TRUE(bool(machine)) << llvm::toString(machine.takeError());
  EXPECT_EQ((*machine)->getTargetCPU(), "x86-64-v4");
  EXPECT_TRUE((*machine)->isPositionIndependent());
}

} // namespace
