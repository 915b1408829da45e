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
#include <cstring>

using namespace quench::rt;

// Generated code has no path for "no memory left" and nothing to destroy, so a
// failed qrt_alloc leaves it by a jump to the point where the calling thread
// entered it: the run itself, or its share of a loop.

namespace {
/// Where a thread is in generated code.
struct Place {
  jmp_buf *entryPoint; ///< Where it entered; null: it is not there.
  Arena *arena;        ///< Where its buffers come from.
  bool isInLoop;       ///< Whether it runs the body of a loop.
};
} // namespace

static thread_local Place place = {nullptr, nullptr, false};

/// Calls `code`, which takes buffers from `arena`, and returns true, or false
/// when it was left by a jump.
template <typename Code>
[[gnu::noinline]] static bool enter(Arena &arena, bool isInLoop, Code &code) {
  jmp_buf here;
  Place outer = place;
  place = {&here, &arena, isInLoop};
  bool completed = _setjmp(here) == 0;
  if (completed)
    code();
  place = outer;
  return completed;
}

[[noreturn]] static void leave() { longjmp(*place.entryPoint, 1); }

/// Ends the program where the caller of `function` is not in generated code.
static void requireRun(const char *function) {
  if (place.entryPoint)
    return;
  std::fprintf(stderr, "error: %s: called outside of a run\n", function);
  std::abort();
}

// In a library that was loaded later, memory for a thread's own variables is
// taken when it first touches one: not in the middle of a run.
qrt_context::qrt_context(int numThreads)
    : pool(numThreads, [] { place = {nullptr, nullptr, false}; }),
      pieces(pool.size()), arenas(pool.size()) {}

Status qrt_context::run(qrt_entry_fn entry,
                        absl::Span<void *const *const> calls) {
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
  bool completed = enter(arenas[0], /*isInLoop=*/false, code);
  // Code that was left has freed nothing.
  for (Arena &arena : arenas)
    arena.releaseAll();
  if (completed)
    return Status();
  if (wrongResult >= 0)
    return failure(absl::StrCat("result ", wrongResult.load(),
                                " is not as large as the model declares it"));
  return failure(absl::StrCat("the machine has no memory left for a buffer of ",
                              missingBytes.load(), " bytes"));
}

Status qrt_context::rehearse(qrt_entry_fn entry,
                             absl::Span<void *const *const> calls) {
  isRehearsal = true;
  Status status = run(entry, calls);
  isRehearsal = false;
  return status;
}

uint64_t qrt_context::peakBytes() const {
  uint64_t bytes = 0;
  for (const Arena &arena : arenas)
    bytes += arena.peakBytes();
  return bytes;
}

void *qrt_alloc(qrt_context *ctx, uint64_t bytes) {
  requireRun("qrt_alloc");
  if (void *buffer = place.arena->allocate(bytes)) {
    if (ctx->isRehearsal)
      std::memset(buffer, 0, bytes);
    return buffer;
  }
  ctx->missingBytes = std::max<uint64_t>(bytes, 1);
  leave();
}

void qrt_free(qrt_context *, void *buffer) {
  requireRun("qrt_free");
  if (buffer)
    place.arena->release(buffer);
}

void qrt_wrong_shape(qrt_context *ctx, int64_t result) {
  requireRun("qrt_wrong_shape");
  ctx->wrongResult = result;
  leave();
}

namespace {
/// A loop that the threads share, piece by piece.
struct Loop {
  /// Pieces of a thread, of an iteration at least.
  static constexpr int64_t kPieces = 8;

  qrt_context *ctx;
  int64_t count;
  qrt_loop_body body;
  const void *closure;
  int numThreads;
  int64_t numPieces = std::min(count, numThreads *kPieces);

  /// Gives each thread its share, of which the first piece stays with it.
  void prepare() const {
    for (int i = 0; i < numThreads; ++i)
      ctx->pieces[i].reset(firstPiece(i) + 1, firstPiece(i + 1));
  }

  /// Runs the share of thread `index`, on whichever thread does it, and then
  /// what others have not begun, from their ends: a core that is slow, or has
  /// to do something else, keeps the others no longer than a piece takes. That
  /// the first piece is never taken from a share has each arena serve one in
  /// every run, so that none is left to grow in a later one.
  void runShare(int index) const {
    auto code = [&] {
      runPiece(firstPiece(index));
      while (std::optional<uint32_t> piece = ctx->pieces[index].takeFirst())
        runPiece(*piece);
      for (int i = 1; i < numThreads; ++i)
        while (std::optional<uint32_t> piece =
                   ctx->pieces[(index + i) % numThreads].takeLast())
          runPiece(*piece);
    };
    enter(ctx->arenas[index], /*isInLoop=*/true, code);
  }

  /// Runs the first iteration of the share of thread `index`.
  void rehearseShare(int index) const {
    auto code = [&] {
      int64_t first = begin(count, numThreads, index);
      runRange(first, first + 1);
    };
    enter(ctx->arenas[index], /*isInLoop=*/true, code);
  }

  void runRange(int64_t first, int64_t end) const {
    body(ctx, closure, first, end);
  }

private:
  int64_t firstPiece(int share) const {
    return begin(numPieces, numThreads, share);
  }

  void runPiece(int64_t piece) const {
    runRange(begin(count, numPieces, piece),
             begin(count, numPieces, piece + 1));
  }

  /// Where part `index` of `total` things, cut into `parts`, begins. Parts
  /// differ by one at most.
  static int64_t begin(int64_t total, int64_t parts, int64_t index) {
    return total / parts * index + std::min(index, total % parts);
  }
};
} // namespace

void qrt_parallel_for(qrt_context *ctx, int64_t count, qrt_loop_body body,
                      const void *closure) {
  if (count <= 0)
    return;
  int numThreads = static_cast<int>(std::min<int64_t>(count, ctx->pool.size()));
  Loop loop{ctx, count, body, closure, numThreads};
  if (place.isInLoop || numThreads == 1) {
    bool outer = place.isInLoop;
    place.isInLoop = true;
    loop.runRange(0, ctx->isRehearsal ? 1 : count);
    place.isInLoop = outer;
    return;
  }

  if (ctx->isRehearsal) {
    for (int i = 0; i < numThreads; ++i)
      loop.rehearseShare(i);
  } else {
    loop.prepare();
    ctx->pool.run(
        numThreads,
        [](void *state, int index) {
          static_cast<const Loop *>(state)->runShare(index);
        },
        &loop);
  }
  if (ctx->missingBytes != 0 || ctx->wrongResult >= 0)
    leave();
}
