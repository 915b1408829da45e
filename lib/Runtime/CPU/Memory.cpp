//===- Memory.cpp - Memory for numbers ------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Memory.h"

#include <algorithm>
#include <cstdlib>
#include <sys/mman.h>

using namespace quench::rt;

static constexpr uint64_t kLargePageBytes = uint64_t(2) << 20;

/// From here on the rest of the last large page is little.
static constexpr uint64_t kLargeBytes = 2 * kLargePageBytes;

void *quench::rt::allocateMemory(uint64_t bytes) {
  uint64_t unit = bytes < kLargeBytes ? kLineBytes : kLargePageBytes;
  if (bytes > UINT64_MAX - unit)
    return nullptr;
  uint64_t rounded = (std::max<uint64_t>(bytes, 1) + unit - 1) / unit * unit;
  void *memory = std::aligned_alloc(unit, rounded);
  // A system without large pages refuses, which changes nothing.
  if (memory && unit == kLargePageBytes)
    madvise(memory, rounded, MADV_HUGEPAGE);
  return memory;
}
