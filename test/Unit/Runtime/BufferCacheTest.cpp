//===- BufferCacheTest.cpp - Buffers of generated code --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BufferCache.h"

#include "gtest/gtest.h"

#include <cstring>
#include <thread>
#include <vector>

using quench::rt::BufferCache;

TEST(BufferCache, AlignsAndSeparatesBuffers) {
  BufferCache cache;
  std::vector<std::pair<char *, size_t>> buffers;
  for (size_t bytes : {0, 1, 63, 64, 65, 511, 512, 513, 4097, 1 << 20}) {
    auto *buffer = static_cast<char *>(cache.allocate(bytes));
    ASSERT_NE(buffer, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer) % 64, 0u);
    std::memset(buffer, static_cast<int>(buffers.size()), bytes);
    buffers.emplace_back(buffer, bytes);
  }
  for (size_t i = 0; i < buffers.size(); ++i)
    for (size_t j = 0; j < buffers[i].second; ++j)
      ASSERT_EQ(buffers[i].first[j], static_cast<char>(i));
}

TEST(BufferCache, SecondRunTakesNothingFromTheSystem) {
  BufferCache cache;
  auto run = [&] {
    cache.beginRun();
    void *a = cache.allocate(1000);
    void *b = cache.allocate(1000);
    cache.release(a);
    void *c = cache.allocate(990);
    EXPECT_EQ(a, c);
    cache.release(b);
    cache.release(c);
  };
  run();
  uint64_t allocations = cache.systemAllocations();
  EXPECT_EQ(allocations, 2u);
  run();
  EXPECT_EQ(cache.systemAllocations(), allocations);
}

TEST(BufferCache, TakesBuffersOfAnAbandonedRunBack) {
  BufferCache cache;
  cache.beginRun();
  cache.allocate(100);
  cache.allocate(200);
  cache.releaseAll();
  cache.allocate(200);
  cache.allocate(100);
  EXPECT_EQ(cache.systemAllocations(), 2u);
}

TEST(BufferCache, DropsWhatRunsNoLongerUse) {
  BufferCache cache;
  cache.beginRun();
  cache.release(cache.allocate(1000));
  for (int run = 0; run < 3; ++run) {
    cache.beginRun();
    cache.release(cache.allocate(uint64_t(5000) << run));
  }
  // The first buffer went back to the system on the way.
  cache.release(cache.allocate(1000));
  EXPECT_EQ(cache.systemAllocations(), 5u);
}

TEST(BufferCache, RefusesWhatNoMachineHas) {
  BufferCache cache;
  EXPECT_EQ(cache.allocate(UINT64_MAX), nullptr);
  EXPECT_EQ(cache.allocate(uint64_t(1) << 46), nullptr);
}

TEST(BufferCache, ServesThreads) {
  BufferCache cache;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&cache, t] {
      for (int i = 0; i < 2000; ++i) {
        size_t bytes = 64 + (i * 7919 + t) % 4000;
        auto *buffer = static_cast<char *>(cache.allocate(bytes));
        std::memset(buffer, t, bytes);
        for (size_t j = 0; j < bytes; j += 61)
          ASSERT_EQ(buffer[j], t);
        cache.release(buffer);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}
