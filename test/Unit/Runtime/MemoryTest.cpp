//===- MemoryTest.cpp - Memory for numbers --------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"

#include "gtest/gtest.h"

#include <cstdlib>

using namespace quench::rt;

TEST(Memory, BeginsAtALineOrALargePage) {
  auto check = [](uint64_t bytes, uint64_t unit) {
    auto *memory = static_cast<char *>(allocateMemory(bytes));
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % unit, 0u) << bytes;
    if (bytes > 0)
      memory[0] = memory[bytes - 1] = 1;
    std::free(memory);
  };
  for (uint64_t bytes : {0, 1, 64, 65, (4 << 20) - 1})
    check(bytes, 64);
  for (uint64_t bytes : {4 << 20, (4 << 20) + 1, 7 << 20})
    check(bytes, 2 << 20);
}

TEST(Memory, RefusesWhatNoMachineHas) {
  EXPECT_EQ(allocateMemory(UINT64_MAX), nullptr);
  EXPECT_EQ(allocateMemory(UINT64_MAX - 64), nullptr);
}
