//===- Arena.h - Buffers of generated code ----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_ARENA_H
#define QUENCH_RUNTIME_CPU_ARENA_H

#include "Memory.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quench::rt {

/// Memory that buffers of any size come from, for one thread at a time. A
/// buffer goes where there is room first, and memory from the system is added
/// behind all that there is: after everything was released, the same requests
/// get the same places, and take nothing from the system. The memory goes back
/// with the arena.
class alignas(kLineBytes) Arena {
public:
  Arena() = default;
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;
  ~Arena();

  /// Returns `bytes` bytes, aligned to a line of the cache, or null when the
  /// system has none left.
  void *allocate(uint64_t bytes);

  /// Takes a buffer of allocate() back.
  void release(void *buffer);

  /// Takes back every buffer that is still out.
  void releaseAll();

  /// Bytes that were in use so far, in the places where they were: less than
  /// what was taken from the system, of which the rest was never touched.
  uint64_t peakBytes() const;

private:
  struct Chunk {
    char *memory;
    uint64_t bytes;
    uint64_t peak; ///< Where the last buffer ended.
  };
  /// A part of a chunk that is one buffer, or free. Pieces lie in the order of
  /// chunks and addresses; no two free ones of a chunk are neighbours.
  struct Piece {
    size_t chunk;
    char *begin;
    uint64_t bytes;
    bool isUsed;
  };

  bool addChunk(uint64_t bytes);
  void reservePieces();

  std::vector<Chunk> chunks;
  std::vector<Piece> pieces;
  size_t numUsed = 0, maxUsed = 0; ///< Buffers.
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_ARENA_H
