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

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define QUENCH_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define QUENCH_ADDRESS_SANITIZER
#endif
#ifdef QUENCH_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#elif __has_include(<valgrind/memcheck.h>)
#define QUENCH_VALGRIND
#include <valgrind/memcheck.h>
#endif

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

void quench::rt::forbidAccess([[maybe_unused]] const void *begin,
                              [[maybe_unused]] uint64_t bytes) {
#if defined(QUENCH_ADDRESS_SANITIZER)
  ASAN_POISON_MEMORY_REGION(begin, bytes);
#elif defined(QUENCH_VALGRIND)
  VALGRIND_MAKE_MEM_NOACCESS(begin, bytes);
#endif
}

void quench::rt::allowAccess([[maybe_unused]] const void *begin,
                             [[maybe_unused]] uint64_t bytes) {
#if defined(QUENCH_ADDRESS_SANITIZER)
  ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
#elif defined(QUENCH_VALGRIND)
  VALGRIND_MAKE_MEM_UNDEFINED(begin, bytes);
#endif
}
