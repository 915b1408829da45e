//===- ArenaTest.cpp - Buffers of generated code --------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arena.h"

#include "gtest/gtest.h"

#include <cstring>
#include <random>
#include <vector>

using quench::rt::Arena;

TEST(Arena, AlignsAndSeparatesBuffers) {
  Arena arena;
  std::vector<std::pair<char *, size_t>> buffers;
  for (size_t bytes : {0, 1, 63, 64, 65, 511, 512, 513, 4097, 1 << 20}) {
    auto *buffer = static_cast<char *>(arena.allocate(bytes));
    ASSERT_NE(buffer, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer) % 64, 0u);
    std::memset(buffer, static_cast<int>(buffers.size()), bytes);
    buffers.emplace_back(buffer, bytes);
  }
  for (size_t i = 0; i < buffers.size(); ++i)
    for (size_t j = 0; j < buffers[i].second; ++j)
      ASSERT_EQ(buffers[i].first[j], static_cast<char>(i));
}

TEST(Arena, JoinsFreeNeighbours) {
  Arena arena;
  void *a = arena.allocate(1000), *b = arena.allocate(2000),
       *c = arena.allocate(3000), *d = arena.allocate(4000);
  arena.release(a);
  arena.release(c);
  arena.release(b);
  EXPECT_EQ(arena.allocate(6000), a);
  arena.release(d);
  EXPECT_EQ(arena.allocate(100), static_cast<char *>(a) + 6080);
}

TEST(Arena, CountsWhatWasInUseAtMost) {
  Arena arena;
  // Each with the line behind it.
  void *a = arena.allocate(960), *b = arena.allocate(1984);
  EXPECT_EQ(arena.peakBytes(), 3072u);
  arena.release(a);
  arena.allocate(100);
  arena.release(b);
  arena.allocate(1000);
  EXPECT_EQ(arena.peakBytes(), 3072u);
  arena.allocate(3000);
  EXPECT_GT(arena.peakBytes(), 3072u);
}

// What a run gets does not depend on what was there before it.
TEST(Arena, GivesTheSameRequestsTheSamePlaces) {
  std::mt19937 random(1);
  Arena arena;
  std::vector<std::vector<void *>> places(3);
  for (std::vector<void *> &place : places) {
    random.seed(7);
    std::vector<void *> out;
    for (int i = 0; i < 2000; ++i) {
      if (!out.empty() && random() % 2) {
        std::swap(out[random() % out.size()], out.back());
        arena.release(out.back());
        out.pop_back();
        continue;
      }
      out.push_back(
          arena.allocate(random() % 3 ? random() % 5000 : random() % 400000));
      place.push_back(out.back());
    }
    arena.releaseAll();
  }
  EXPECT_EQ(places[0], places[1]);
  EXPECT_EQ(places[0], places[2]);
}

TEST(Arena, RefusesWhatNoMachineHas) {
  Arena arena;
  EXPECT_EQ(arena.allocate(UINT64_MAX), nullptr);
  EXPECT_EQ(arena.allocate(uint64_t(1) << 46), nullptr);
  EXPECT_NE(arena.allocate(100), nullptr);
}

TEST(ArenaDeathTest, RefusesBuffersOfOthers) {
  Arena arena, other;
  void *buffer = other.allocate(100);
  EXPECT_DEATH(arena.release(buffer), "not a buffer of this part of the run");
}

#ifdef QUENCH_TEST_SANITIZED
TEST(ArenaDeathTest, TellsSanitizersWhatIsNobodys) {
  Arena arena;
  auto *buffer = static_cast<char *>(arena.allocate(100));
  buffer[99] = 1;
  EXPECT_DEATH(buffer[100] = 1, "use-after-poison");
  arena.release(buffer);
  EXPECT_DEATH(buffer[0] = 1, "use-after-poison");
}
#endif
