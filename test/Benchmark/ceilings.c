//===- ceilings.c - What kernels are compared with ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ceilings of this machine, one thread, pinned: what kernels are compared with.
//
//   clang -O2 -march=native ceilings.c -o ceilings && ./ceilings [FILE]
//
// Prints `name value unit`, each the best of the rounds: sums of products of
// bytes and of f32 in registers, and reading memory in huge pages and, where a
// file is given, its pages in the page cache, as the weights of a compiled model
// are read. Both are read whole, so they are to be larger than the last cache.
//
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include <fcntl.h>
#include <immintrin.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

enum { chains = 24, rounds = 7 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* Seconds of `count` rounds of `chains` instructions that do not wait for each
   other. */
#define DEFINE_CEILING(name, type, instruction)                                \
  static double name(long count) {                                             \
    type sums[chains], x, y;                                                   \
    memset(sums, 0, sizeof sums);                                              \
    memset(&x, 0, sizeof x);                                                   \
    memset(&y, 0, sizeof y);                                                   \
    double begin = now();                                                      \
    for (long i = 0; i < count; ++i) {                                         \
      _Pragma("GCC unroll 24") for (int c = 0; c < chains; ++c)                \
          __asm__ volatile(instruction " %2, %1, %0"                           \
                           : "+v"(sums[c])                                     \
                           : "v"(x), "v"(y));                                  \
    }                                                                          \
    double seconds = now() - begin;                                            \
    for (int c = 0; c < chains; ++c)                                           \
      __asm__ volatile("" ::"v"(sums[c]));                                     \
    return seconds;                                                            \
  }

#if defined(__AVX512F__)
typedef __m512i integers;
typedef __m512 floats;
#else
typedef __m256i integers;
typedef __m256 floats;
#endif
#if defined(__AVX512VNNI__)
DEFINE_CEILING(sumBytes, integers, "vpdpbusd")
#elif defined(__AVXVNNI__)
DEFINE_CEILING(sumBytes, integers, "{vex} vpdpbusd")
#endif
DEFINE_CEILING(sumFloats, floats, "vfmadd231ps")

/* Seconds of reading `bytes`. */
static double readAll(const char *data, size_t bytes) {
  double begin = now();
  integers a = {0}, b = a, c = a, d = a;
  const size_t size = sizeof a;
  for (size_t at = 0; at + 4 * size <= bytes; at += 4 * size) {
    const integers *line = (const integers *)(data + at);
    a ^= line[0], b ^= line[1], c ^= line[2], d ^= line[3];
  }
  __asm__ volatile("" ::"v"(a), "v"(b), "v"(c), "v"(d));
  return now() - begin;
}

static double best(double (*body)(long), long count) {
  double least = body(count);
  for (int i = 1; i < rounds; ++i) {
    double seconds = body(count);
    least = seconds < least ? seconds : least;
  }
  return least;
}

static double bestRead(const char *data, size_t bytes) {
  double least = readAll(data, bytes);
  for (int i = 1; i < rounds; ++i) {
    double seconds = readAll(data, bytes);
    least = seconds < least ? seconds : least;
  }
  return least;
}

int main(int argc, char **argv) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(0, sizeof set, &set);
  const long count = 2000000;
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
  printf("bytes %.1f Gop/s\n",
         chains * count * 2.0 * sizeof(integers) / best(sumBytes, count) / 1e9);
#endif
  printf("floats %.1f Gop/s\n",
         chains * count * 2.0 * (sizeof(floats) / 4) / best(sumFloats, count) /
             1e9);
  const size_t size = (size_t)600 << 20;
  char *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return 1;
  madvise(data, size, MADV_HUGEPAGE);
  memset(data, 1, size);
  printf("memory %.2f GB/s\n", size / bestRead(data, size) / 1e9);
  munmap(data, size);
  if (argc > 1) {
    int file = open(argv[1], O_RDONLY);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0)
      return 1;
    data = mmap(NULL, info.st_size, PROT_READ, MAP_SHARED, file, 0);
    if (data == MAP_FAILED)
      return 1;
    printf("file %.2f GB/s\n",
           info.st_size / bestRead(data, info.st_size) / 1e9);
  }
  return 0;
}
