//===- Context.cpp - One execution of a session ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Context.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>

using namespace quench::rt;

// Generated code has no path for "no memory left" and nothing to destroy, so a
// failed qrt_alloc leaves it by a jump to the point where the calling thread
// entered it: the run itself, or its share of a loop.

/// Where this thread entered generated code.
static thread_local jmp_buf *entryPoint = nullptr;
/// Whether this thread runs the body of a loop.
static thread_local bool inLoop = false;

/// Calls `code` and returns true, or false when it was left by a jump.
template <typename Code>
[[gnu::noinline]] static bool enter(Code &code) {
  jmp_buf here;
  jmp_buf *outer = entryPoint;
  bool outerInLoop = inLoop;
  entryPoint = &here;
  bool completed = _setjmp(here) == 0;
  if (completed)
    code();
  entryPoint = outer;
  inLoop = outerInLoop;
  return completed;
}

[[noreturn]] static void leave() { longjmp(*entryPoint, 1); }

Status qrt_context::run(qrt_entry_fn entry,
                        absl::Span<void *const *const> calls) {
  buffers.beginRun();
  missingBytes = 0;
  wrongResult = -1;
  auto code = [&] {
    if (calls.size() == 1 || static_cast<int>(calls.size()) < pool.size()) {
      for (void *const *args : calls)
        entry(this, args);
      return;
    }
    struct Closure {
      qrt_entry_fn entry;
      absl::Span<void *const *const> calls;
    } closure{entry, calls};
    auto body = [](qrt_context *ctx, const void *state, int64_t begin,
                   int64_t end) {
      const auto &closure = *static_cast<const Closure *>(state);
      for (int64_t i = begin; i < end; ++i)
        closure.entry(ctx, closure.calls[i]);
    };
    qrt_parallel_for(this, calls.size(), body, &closure);
  };
  if (enter(code))
    return Status();
  buffers.releaseAll();
  if (wrongResult >= 0)
    return failure(absl::StrCat("result ", wrongResult.load(),
                                " is not as large as the model declares it"));
  return failure(absl::StrCat("the machine has no memory left for a buffer of ",
                              missingBytes.load(), " bytes"));
}

void *qrt_alloc(qrt_context *ctx, uint64_t bytes) {
  if (void *buffer = ctx->buffers.allocate(bytes))
    return buffer;
  if (!entryPoint) {
    std::fputs("error: qrt_alloc: called outside of a run\n", stderr);
    std::abort();
  }
  ctx->missingBytes = std::max<uint64_t>(bytes, 1);
  leave();
}

void qrt_free(qrt_context *ctx, void *buffer) { ctx->buffers.release(buffer); }

void qrt_wrong_shape(qrt_context *ctx, int64_t result) {
  if (!entryPoint) {
    std::fputs("error: qrt_wrong_shape: called outside of a run\n", stderr);
    std::abort();
  }
  ctx->wrongResult = result;
  leave();
}

namespace {
/// A loop that the threads share.
struct Loop {
  qrt_context *ctx;
  int64_t count;
  qrt_loop_body body;
  const void *closure;
  int numThreads;

  /// First iteration of thread `index`; that of the one after the last is the
  /// count. Threads differ by one iteration at most.
  int64_t begin(int index) const {
    int64_t share = count / numThreads, rest = count % numThreads;
    return share * index + std::min<int64_t>(index, rest);
  }
};
} // namespace

void qrt_parallel_for(qrt_context *ctx, int64_t count, qrt_loop_body body,
                      const void *closure) {
  if (count <= 0)
    return;
  int numThreads = static_cast<int>(std::min<int64_t>(count, ctx->pool.size()));
  if (inLoop || numThreads == 1) {
    bool outerInLoop = inLoop;
    inLoop = true;
    body(ctx, closure, 0, count);
    inLoop = outerInLoop;
    return;
  }

  Loop loop{ctx, count, body, closure, numThreads};
  ctx->pool.run(
      numThreads,
      [](void *state, int index) {
        const Loop &loop = *static_cast<Loop *>(state);
        auto share = [&] {
          inLoop = true;
          loop.body(loop.ctx, loop.closure, loop.begin(index),
                    loop.begin(index + 1));
        };
        enter(share);
      },
      &loop);
  if (ctx->missingBytes != 0 || ctx->wrongResult >= 0)
    leave();
}
