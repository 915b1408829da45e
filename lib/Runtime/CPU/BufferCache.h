//===- BufferCache.h - Buffers of generated code ----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_BUFFERCACHE_H
#define QUENCH_RUNTIME_CPU_BUFFERCACHE_H

#include <array>
#include <cstdint>
#include <mutex>

namespace quench::rt {

/// Buffers aligned to 64 bytes that are kept when they are freed, so that a
/// second run of a model takes none from the system. Sizes are rounded up to
/// eight steps an octave and a free buffer serves requests of its own step
/// only; what a run allocates then depends on what it asks for alone.
/// Safe to use from several threads.
class BufferCache {
public:
  BufferCache() = default;
  BufferCache(const BufferCache &) = delete;
  BufferCache &operator=(const BufferCache &) = delete;
  ~BufferCache();

  /// Returns `bytes` bytes, or null when the system has none left.
  void *allocate(uint64_t bytes);

  /// Takes a buffer of allocate() back; null is ignored.
  void release(void *buffer);

  /// Takes every buffer back that is still out, after a run that was given up.
  void releaseAll();

  /// Begins a run. Free buffers that neither this run nor the one before it
  /// has used go back to the system as soon as one must be taken from it.
  void beginRun();

  /// How many buffers were taken from the system so far.
  uint64_t systemAllocations() const;

private:
  struct Buffer;
  static constexpr int kNumSteps = 512;

  void *takeFromSystem(uint64_t units);
  void dropStale();
  void moveToFree(Buffer *buffer);

  mutable std::mutex mutex;
  std::array<Buffer *, kNumSteps> freeBuffers = {};
  Buffer *usedBuffers = nullptr;
  uint64_t numRuns = 0;
  uint64_t numSystemAllocations = 0;
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_BUFFERCACHE_H
