//===- ThreadPoolTest.cpp - Persistent threads, static split --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Context.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

using quench::rt::ThreadPool;

TEST(ThreadPool, RunsEveryIndexOnce) {
  for (int size : {1, 2, 3, 8}) {
    ThreadPool pool(size);
    ASSERT_EQ(pool.size(), size);
    for (int count = 1; count <= size; ++count)
      for (int repeat = 0; repeat < 200; ++repeat) {
        std::vector<std::atomic<int>> runs(size);
        pool.run(
            count,
            [](void *state, int index) {
              ++(*static_cast<std::vector<std::atomic<int>> *>(state))[index];
            },
            &runs);
        for (int i = 0; i < size; ++i)
          ASSERT_EQ(runs[i], i < count ? 1 : 0);
      }
  }
}

TEST(ThreadPool, WakesFromSleep) {
  ThreadPool pool(2);
  std::atomic<int> runs{0};
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.run(
        2, [](void *state, int) { ++*static_cast<std::atomic<int> *>(state); },
        &runs);
  }
  EXPECT_EQ(runs, 10);
}

TEST(ThreadPool, GivesTheCallerItsCoresBack) {
  cpu_set_t before, after;
  sched_getaffinity(0, sizeof(before), &before);
  {
    ThreadPool pool(0);
    ThreadPool::CallerPin pin(pool);
  }
  sched_getaffinity(0, sizeof(after), &after);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

namespace {
/// How often each iteration of a loop ran.
struct Counts {
  std::vector<std::atomic<int>> runs;
  std::atomic<int> numParts{0};
};
} // namespace

static void count(qrt_context *, const void *closure, int64_t begin,
                  int64_t end) {
  auto &counts = **static_cast<Counts *const *>(closure);
  ++counts.numParts;
  for (int64_t i = begin; i < end; ++i)
    ++counts.runs[i];
}

TEST(ParallelFor, SplitsEvenlyAndCompletely) {
  qrt_context context(3);
  for (int64_t n : {1, 2, 3, 4, 5, 7, 25, 100}) {
    Counts counts{std::vector<std::atomic<int>>(n)};
    Counts *closure = &counts;
    qrt_parallel_for(&context, n, count, &closure);
    for (int64_t i = 0; i < n; ++i)
      ASSERT_EQ(counts.runs[i], 1);
    // One thread has one part, and eight are a share of three.
    EXPECT_EQ(counts.numParts, std::min<int64_t>(n, 3 * 8));
  }
  qrt_parallel_for(&context, 0, nullptr, nullptr);
  qrt_parallel_for(&context, -5, nullptr, nullptr);
}

/// Waits in the first iteration for all others.
static void waitForOthers(qrt_context *, const void *closure, int64_t begin,
                          int64_t end) {
  auto &numDone = **static_cast<std::atomic<int> *const *>(closure);
  auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (int64_t i = begin; i < end; ++i) {
    while (i == 0 && numDone < 15 && std::chrono::steady_clock::now() < limit)
      std::this_thread::yield();
    ++numDone;
  }
}

TEST(ParallelFor, TakesWhatASlowThreadHasNotBegun) {
  qrt_context context(2);
  ASSERT_EQ(context.pool.size(), 2);
  std::atomic<int> numDone{0};
  std::atomic<int> *closure = &numDone;
  auto start = std::chrono::steady_clock::now();
  qrt_parallel_for(&context, 16, waitForOthers, &closure);
  EXPECT_EQ(numDone, 16);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
}

static void useBuffers(qrt_context *ctx, const void *, int64_t begin,
                       int64_t end) {
  for (int64_t i = begin; i < end; ++i)
    qrt_free(ctx, qrt_alloc(ctx, 1000));
}

// What each thread does is a matter of chance, what an arena holds is not.
TEST(ParallelFor, ServesEachShareFromItsArena) {
  auto entry = [](qrt_context *ctx, void *const *) {
    qrt_parallel_for(ctx, 100, useBuffers, nullptr);
  };
  void *const *const call = nullptr;
  for (int repeat = 0; repeat < 200; ++repeat) {
    qrt_context context(3);
    ASSERT_EQ(context.run(entry, {&call, 1}).message(), "");
    for (const quench::rt::Arena &arena : context.arenas)
      ASSERT_EQ(arena.peakBytes(), 1000u + 24 + 64);
  }
}

static void nest(qrt_context *ctx, const void *closure, int64_t begin,
                 int64_t end) {
  auto self = std::this_thread::get_id();
  for (int64_t i = begin; i < end; ++i) {
    qrt_parallel_for(
        ctx, 10,
        [](qrt_context *, const void *caller, int64_t begin, int64_t end) {
          EXPECT_EQ(*static_cast<const std::thread::id *>(caller),
                    std::this_thread::get_id());
          EXPECT_EQ(begin, 0);
          EXPECT_EQ(end, 10);
        },
        &self);
    ++**static_cast<std::atomic<int> *const *>(closure);
  }
}

TEST(ParallelFor, RunsNestedLoopsInline) {
  qrt_context context(3);
  std::atomic<int> total{0};
  std::atomic<int> *closure = &total;
  qrt_parallel_for(&context, 20, nest, &closure);
  EXPECT_EQ(total, 20);
}
