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
#include <vector>

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
  /// Where buffers come from, one for each share of a loop; what runs outside
  /// of loops, and so waits for them, has that of the first. So none waits for
  /// another, and who gets which buffer is the same in every run.
  std::vector<quench::rt::Arena> arenas;
  bool isRehearsal = false;

  /// Bytes that could not be had when the run was given up, else zero.
  std::atomic<uint64_t> missingBytes{0};
  /// The result of a wrong shape that the run was given up for, else -1.
  std::atomic<int64_t> wrongResult{-1};
};

#endif // QUENCH_RUNTIME_CPU_CONTEXT_H
