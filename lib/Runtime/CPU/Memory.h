//===- Memory.h - Memory for numbers ----------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_RUNTIME_CPU_MEMORY_H
#define QUENCH_LIB_RUNTIME_CPU_MEMORY_H

#include <cstdint>

namespace quench::rt {

/// What memory for numbers begins at a multiple of.
inline constexpr uint64_t kLineBytes = 64;

/// At least `bytes` of memory, for std::free, or null where the machine has
/// none left. Much of it comes in large pages, where the system has them: to
/// get, for each run anew, the small pages of a large output takes longer than
/// to compute it.
void *allocateMemory(uint64_t bytes);

/// Tells AddressSanitizer or Valgrind, where one of them watches, that nobody
/// may touch these bytes, which it cannot know of memory that is handed out
/// again and again.
void forbidAccess(const void *begin, uint64_t bytes);

/// Tells it that these bytes may be touched again, and hold nothing yet.
void allowAccess(const void *begin, uint64_t bytes);

} // namespace quench::rt

#endif // QUENCH_LIB_RUNTIME_CPU_MEMORY_H
