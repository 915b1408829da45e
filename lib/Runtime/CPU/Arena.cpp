//===- Arena.cpp - Buffers of generated code ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arena.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace quench::rt;

static constexpr uint64_t kMaxBytes = uint64_t(1) << 47;
static constexpr uint64_t kMinChunkBytes = uint64_t(256) << 10;

Arena::~Arena() {
  for (const Chunk &chunk : chunks) {
    allowAccess(chunk.memory, chunk.bytes);
    std::free(chunk.memory);
  }
}

void *Arena::allocate(uint64_t bytes) {
  if (bytes > kMaxBytes)
    return nullptr;
  // A line between buffers: rows of the same length in several of them do not
  // share sets of the cache, and tools see what goes beyond.
  uint64_t needed = (std::max<uint64_t>(bytes, 1) + kLineBytes - 1) /
                        kLineBytes * kLineBytes +
                    kLineBytes;
  maxUsed = std::max(maxUsed, numUsed + 1);
  reservePieces();

  auto fits = [&](const Piece &piece) {
    return !piece.isUsed && piece.bytes >= needed;
  };
  auto piece = std::find_if(pieces.begin(), pieces.end(), fits);
  if (piece == pieces.end()) {
    if (!addChunk(needed))
      return nullptr;
    piece = std::prev(pieces.end());
  }
  char *begin = piece->begin;
  Chunk &chunk = chunks[piece->chunk];
  chunk.peak = std::max<uint64_t>(chunk.peak, begin + needed - chunk.memory);
  if (piece->bytes > needed) {
    Piece rest = {piece->chunk, begin + needed, piece->bytes - needed, false};
    piece->bytes = needed;
    piece = std::prev(pieces.insert(std::next(piece), rest));
  }
  piece->isUsed = true;
  ++numUsed;
  allowAccess(begin, bytes);
  return begin;
}

void Arena::release(void *buffer) {
  auto piece = std::find_if(pieces.begin(), pieces.end(), [&](const Piece &p) {
    return p.isUsed && p.begin == buffer;
  });
  if (piece == pieces.end()) {
    std::fputs("error: qrt_free: not a buffer of this part of the run\n",
               stderr);
    std::abort();
  }
  forbidAccess(piece->begin, piece->bytes);
  piece->isUsed = false;
  --numUsed;
  auto joins = [&](auto other) {
    return other != pieces.end() && !other->isUsed &&
           other->chunk == piece->chunk;
  };
  if (auto next = std::next(piece); joins(next)) {
    piece->bytes += next->bytes;
    pieces.erase(next);
  }
  if (piece != pieces.begin() && joins(std::prev(piece))) {
    std::prev(piece)->bytes += piece->bytes;
    pieces.erase(piece);
  }
}

void Arena::releaseAll() {
  pieces.clear();
  numUsed = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    forbidAccess(chunks[i].memory, chunks[i].bytes);
    pieces.push_back({i, chunks[i].memory, chunks[i].bytes, false});
  }
}

uint64_t Arena::peakBytes() const {
  uint64_t bytes = 0;
  for (const Chunk &chunk : chunks)
    bytes += chunk.peak;
  return bytes;
}

/// Makes room for the pieces that as many buffers can ever make, so that
/// smaller ones, which lie differently, need no more.
void Arena::reservePieces() {
  size_t maxPieces = 2 * maxUsed + chunks.size();
  if (pieces.capacity() < maxPieces)
    pieces.reserve(2 * maxPieces);
}

bool Arena::addChunk(uint64_t bytes) {
  // Half as much as there is: few chunks, whatever the buffers.
  uint64_t half = 0;
  for (const Chunk &chunk : chunks)
    half += chunk.bytes / 2 / kLineBytes * kLineBytes;
  uint64_t size = std::max({bytes, half, kMinChunkBytes});
  void *memory = allocateMemory(size);
  if (!memory && size > bytes)
    memory = allocateMemory(size = bytes);
  if (!memory)
    return false;
  forbidAccess(memory, size);
  chunks.push_back({static_cast<char *>(memory), size, /*peak=*/0});
  reservePieces();
  pieces.push_back(
      {chunks.size() - 1, chunks.back().memory, size, /*isUsed=*/false});
  return true;
}
