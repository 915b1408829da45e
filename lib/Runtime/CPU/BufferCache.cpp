//===- BufferCache.cpp - Buffers of generated code ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BufferCache.h"

#include "Memory.h"

#include <cstdlib>
#include <new>

using namespace quench::rt;

static constexpr uint64_t kUnit = kLineBytes;
static constexpr uint64_t kMaxBytes = uint64_t(1) << 47;

/// The unit before the bytes of a buffer.
struct alignas(kUnit) BufferCache::Buffer {
  Buffer *next;
  Buffer *previous; ///< Of the used ones alone.
  uint64_t lastRun;
  int step;

  void *bytes() { return this + 1; }
  static Buffer *of(void *bytes) { return static_cast<Buffer *>(bytes) - 1; }
};

/// Rounds `units` up to the next of eight steps an octave; returns its number.
static int roundToStep(uint64_t &units) {
  int shift = 0;
  while (((units - 1) >> shift) >= 8)
    ++shift;
  uint64_t mantissa = (units + (uint64_t(1) << shift) - 1) >> shift;
  units = mantissa << shift;
  return shift * 8 + static_cast<int>(mantissa);
}

BufferCache::~BufferCache() {
  releaseAll();
  std::lock_guard<std::mutex> lock(mutex);
  for (Buffer *buffer : freeBuffers)
    while (buffer) {
      Buffer *next = buffer->next;
      std::free(buffer);
      buffer = next;
    }
}

void *BufferCache::allocate(uint64_t bytes) {
  if (bytes > kMaxBytes)
    return nullptr;
  uint64_t units = bytes == 0 ? 1 : (bytes + kUnit - 1) / kUnit;
  int step = roundToStep(units);

  std::lock_guard<std::mutex> lock(mutex);
  Buffer *buffer = freeBuffers[step];
  if (buffer)
    freeBuffers[step] = buffer->next;
  else if (void *memory = takeFromSystem(units))
    buffer = new (memory) Buffer;
  else
    return nullptr;

  buffer->step = step;
  buffer->lastRun = numRuns;
  buffer->previous = nullptr;
  buffer->next = usedBuffers;
  if (usedBuffers)
    usedBuffers->previous = buffer;
  usedBuffers = buffer;
  return buffer->bytes();
}

void BufferCache::release(void *bytes) {
  if (!bytes)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  moveToFree(Buffer::of(bytes));
}

void BufferCache::releaseAll() {
  std::lock_guard<std::mutex> lock(mutex);
  while (usedBuffers)
    moveToFree(usedBuffers);
}

void BufferCache::beginRun() {
  std::lock_guard<std::mutex> lock(mutex);
  ++numRuns;
}

uint64_t BufferCache::systemAllocations() const {
  std::lock_guard<std::mutex> lock(mutex);
  return numSystemAllocations;
}

void *BufferCache::takeFromSystem(uint64_t units) {
  dropStale();
  ++numSystemAllocations;
  return allocateMemory(sizeof(Buffer) + units * kUnit);
}

void BufferCache::dropStale() {
  for (Buffer *&head : freeBuffers)
    for (Buffer **link = &head; *link;) {
      Buffer *buffer = *link;
      if (buffer->lastRun + 1 >= numRuns) {
        link = &buffer->next;
        continue;
      }
      *link = buffer->next;
      std::free(buffer);
    }
}

void BufferCache::moveToFree(Buffer *buffer) {
  if (buffer->previous)
    buffer->previous->next = buffer->next;
  else
    usedBuffers = buffer->next;
  if (buffer->next)
    buffer->next->previous = buffer->previous;
  buffer->next = freeBuffers[buffer->step];
  freeBuffers[buffer->step] = buffer;
}
