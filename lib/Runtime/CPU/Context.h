//===- Context.h - One execution of a session -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_CONTEXT_H
#define QUENCH_RUNTIME_CPU_CONTEXT_H

#include "Arena.h"
#include "Status.h"
#include "ThreadPool.h"

#include "absl/types/span.h"
#include "quench-rt/quench_rt.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

namespace quench::rt {

/// Pieces of a loop in a row that threads take from both ends. On a cache line
/// of its own.
class alignas(64) PieceRange {
public:
  /// Makes it the pieces from `first` to before `end`. Nobody takes any then.
  void reset(uint32_t first, uint32_t end) {
    bounds.store(pack(first, end), std::memory_order_relaxed);
  }

  /// The first or the last piece, for who asked; none where all are taken. What
  /// pieces read and write is not ordered by this.
  std::optional<uint32_t> takeFirst() { return take(/*isFirst=*/true); }
  std::optional<uint32_t> takeLast() { return take(/*isFirst=*/false); }

private:
  static uint64_t pack(uint32_t first, uint32_t end) {
    return uint64_t(end) << 32 | first;
  }
  std::optional<uint32_t> take(bool isFirst) {
    uint64_t known = bounds.load(std::memory_order_relaxed);
    while (true) {
      auto first = static_cast<uint32_t>(known);
      auto end = static_cast<uint32_t>(known >> 32);
      if (first == end)
        return std::nullopt;
      uint64_t next = isFirst ? pack(first + 1, end) : pack(first, end - 1);
      if (bounds.compare_exchange_weak(known, next, std::memory_order_relaxed))
        return isFirst ? first : end - 1;
    }
  }

  std::atomic<uint64_t> bounds{0};
};

} // namespace quench::rt

/// The buffers and the threads of a run, as generated code sees them.
struct qrt_context {
  explicit qrt_context(int numThreads);

  /// Runs an entry point with the arguments of each of `calls`, which do not
  /// depend on each other: a thread takes some of them where there are enough,
  /// else all threads take one after the other. Fails when memory ran out on
  /// the way; all buffers of the run are free again then.
  quench::rt::Status run(qrt_entry_fn entry,
                         absl::Span<void *const *const> calls);

  /// Takes the buffers that run() would take, in a fraction of the time: of
  /// each share of a loop only the first iteration runs. Buffers begin as
  /// zeros, so that no index comes out of numbers that were not computed. What
  /// the calls write has no meaning.
  quench::rt::Status rehearse(qrt_entry_fn entry,
                              absl::Span<void *const *const> calls);

  /// Bytes that buffers were in so far.
  uint64_t peakBytes() const;

  quench::rt::ThreadPool pool;
  /// What is left of each share of the loop that runs.
  std::vector<quench::rt::PieceRange> pieces;
  /// Where buffers come from, one for each share of a loop; what runs outside
  /// of loops, and so waits for them, has that of the first. So none waits for
  /// another.
  std::vector<quench::rt::Arena> arenas;
  bool isRehearsal = false;

  /// Bytes that could not be had when the run was given up, else zero.
  std::atomic<uint64_t> missingBytes{0};
  /// The result of a wrong shape that the run was given up for, else -1.
  std::atomic<int64_t> wrongResult{-1};
};

#endif // QUENCH_RUNTIME_CPU_CONTEXT_H
