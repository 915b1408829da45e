//===- ceilings.c - What kernels are compared with ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ceilings of this machine, by the wall clock, on threads that are pinned to
// the first processors:
//
//   clang -O2 -march=native -pthread ceilings.c -o ceilings
//   ./ceilings [--threads N] [--memory BYTES] [--file FILE]
//
// Sums of products of bytes and of f32 in registers, of bytes in tiles, reading
// what the second level cache does not hold, and, where told, reading memory in
// huge pages and a file from the page cache, as the weights of a compiled model
// are read. Those two are to be larger than the last cache; threads read a part
// each, and ask for lines as far ahead, or not at all, as is fastest.
//
// A thread works in slices, all threads at once. Between slices it multiplies
// integers in a chain, 3 cycles each on every processor with AVX2, which tells
// the clock that the slice before ran at. Prints JSON: for each ceiling the sum
// over the threads of their median rate, its unit, of reading the bytes ahead,
// and, of instructions, the median clock in GHz, how many one cycle retired, and
// how much that is of the next power of two, which is what the processor can.
//
//===----------------------------------------------------------------------===//

#define _GNU_SOURCE
#include <fcntl.h>
#include <immintrin.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { chains = 24, sets = 8, slices = 41, passes = 5, maxThreads = 64 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, count, sizeof *values, compare);
  return values[count / 2];
}

/* GHz, of a chain of multiplications that takes about 20 us. */
static double measureClock(void) {
  enum { count = 1024, unrolled = 16, latency = 3 };
  uint64_t x = 3;
  double begin = now();
  for (int i = 0; i < count; ++i) {
    _Pragma("GCC unroll 16") for (int j = 0; j < unrolled;
                                  ++j) __asm__ volatile("imul %0, %0" :
                                                        "+r"(x));
  }
  return latency * count * unrolled / (now() - begin) / 1e9;
}

#if defined(__AVX512F__)
typedef __m512i integers;
typedef __m512 floats;
#else
typedef __m256i integers;
typedef __m256 floats;
#endif

/* What is multiplied: the power that zeros take would be less. */
static _Alignas(64) uint8_t someBytes[1024];
static _Alignas(64) float someFloats[256];

/* Executes `count` rounds of `sets` times `chains` instructions that do not
   wait for each other: so many that those of the loop do not count, which take
   the same ports. */
#define DEFINE_CEILING(name, type, source, instruction)                        \
  static void name(long count) {                                               \
    type sums[chains], x, y;                                                   \
    memset(sums, 0, sizeof sums);                                              \
    memcpy(&x, source, sizeof x);                                              \
    memcpy(&y, (const char *)(source) + sizeof x, sizeof y);                   \
    for (long i = 0; i < count; ++i) {                                         \
      _Pragma("GCC unroll 8") for (int s = 0; s < sets; ++s) _Pragma(          \
          "GCC unroll 24") for (int c = 0; c < chains;                         \
                                ++c) __asm__ volatile(instruction              \
                                                      " %2, %1, %0" :          \
                                                      "+v"(sums[c]) : "v"(x),  \
                                                      "v"(y));                 \
    }                                                                          \
    for (int c = 0; c < chains; ++c)                                           \
      __asm__ volatile("" ::"v"(sums[c]));                                     \
  }

#if defined(__AVX512VNNI__)
#define HAS_BYTES
DEFINE_CEILING(sumBytes, integers, someBytes, "vpdpbusd")
#elif defined(__AVXVNNI__)
#define HAS_BYTES
DEFINE_CEILING(sumBytes, integers, someBytes, "{vex} vpdpbusd")
#endif
DEFINE_CEILING(sumFloats, floats, someFloats, "vfmadd231ps")

#if defined(__AMX_INT8__)
enum { tileSums = 6, tileOperations = 2 * 16 * 16 * 64 };

static void configureTiles(void) {
  uint8_t configuration[64] = {1};
  for (int tile = 0; tile < 8; ++tile) {
    configuration[16 + 2 * tile] = 64;
    configuration[48 + tile] = 16;
  }
  _tile_loadconfig(configuration);
  _tile_loadd(6, someBytes, 64);
  _tile_loadd(7, someBytes, 64);
}

static void sumTiles(long count) {
  for (long i = 0; i < count; ++i)
    __asm__ volatile("tdpbusd %%tmm7, %%tmm6, %%tmm0\n"
                     "tdpbusd %%tmm7, %%tmm6, %%tmm1\n"
                     "tdpbusd %%tmm7, %%tmm6, %%tmm2\n"
                     "tdpbusd %%tmm7, %%tmm6, %%tmm3\n"
                     "tdpbusd %%tmm7, %%tmm6, %%tmm4\n"
                     "tdpbusd %%tmm7, %%tmm6, %%tmm5\n" ::);
}
#endif

/* Reads `bytes`, and asks for lines that are `ahead` bytes ahead, if not 0. */
static void readAll(const char *data, size_t bytes, size_t ahead) {
  integers a = {0}, b = a, c = a, d = a;
  const size_t size = sizeof a;
  for (size_t at = 0; at + 4 * size <= bytes; at += 4 * size) {
    const integers *line = (const integers *)(data + at);
    for (size_t next = 0; ahead != 0 && next < 4 * size; next += 64)
      __builtin_prefetch(data + at + ahead + next, /*rw=*/0, /*locality=*/2);
    a ^= line[0], b ^= line[1], c ^= line[2], d ^= line[3];
  }
  __asm__ volatile("" ::"v"(a), "v"(b), "v"(c), "v"(d));
}

/* What a thread does and finds. */
struct Work {
  void (*body)(long count);
  long count;
  const char *data; /* That is read instead, where there is any. */
  size_t bytes, ahead;
  int slices, cpu;
  double seconds, clock, cycles; /* Medians, of a slice. */
  pthread_barrier_t *barrier;
};

static void *runSlices(void *argument) {
  struct Work *work = argument;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(work->cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
#if defined(__AMX_INT8__)
  if (work->body == sumTiles)
    configureTiles();
#endif
  double seconds[slices], clocks[slices], cycles[slices];
  for (int i = -1; i < work->slices; ++i) { /* One that does not count. */
    pthread_barrier_wait(work->barrier);
    double begin = now();
    if (work->data)
      readAll(work->data, work->bytes, work->ahead);
    else
      work->body(work->count);
    double taken = now() - begin, clock = measureClock();
    if (i >= 0)
      seconds[i] = taken, clocks[i] = clock, cycles[i] = taken * clock * 1e9;
  }
#if defined(__AMX_INT8__)
  if (work->body == sumTiles)
    _tile_release();
#endif
  work->seconds = median(seconds, work->slices);
  work->clock = median(clocks, work->slices);
  work->cycles = median(cycles, work->slices);
  return NULL;
}

static int numThreads = 1;
static const char *separator = "{";

/* Runs a copy of `work` on each thread. `result` becomes the medians of the
   first one, and the sum of their rates is returned: `amount` is what one slice
   of one thread does, in billions. */
static double run(struct Work work, double amount, struct Work *result) {
  pthread_t threads[maxThreads];
  struct Work works[maxThreads];
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, NULL, numThreads);
  double rate = 0;
  for (int i = 0; i < numThreads; ++i) {
    works[i] = work;
    works[i].cpu = i;
    works[i].barrier = &barrier;
    if (work.data)
      works[i].data += i * work.bytes;
    if (pthread_create(&threads[i], NULL, runSlices, &works[i]) != 0)
      exit(1);
  }
  for (int i = 0; i < numThreads; ++i) {
    pthread_join(threads[i], NULL);
    rate += amount / works[i].seconds;
  }
  *result = works[0];
  result->cycles = 0;
  for (int i = 0; i < numThreads; ++i)
    result->cycles += works[i].cycles / numThreads;
  return rate;
}

/* Prints the rate of `work`, whose slices have `instructions`. */
static void measure(const char *name, struct Work work, double amount,
                    double instructions) {
  struct Work result;
  double rate = run(work, amount, &result);
  double perCycle = instructions / result.cycles;
  printf("%s\n  \"%s\": {\"rate\": %.2f, \"unit\": \"Gop/s\", \"clock\": %.3f, "
         "\"per_cycle\": %.4f, \"of_cycle\": %.4f}",
         separator, name, rate, result.clock, perCycle,
         perCycle / exp2(round(log2(perCycle))));
  separator = ",";
}

static void measureRead(const char *name, const char *data, size_t bytes,
                        int count) {
  static const size_t distances[] = {0, 1024, 2048};
  size_t part = bytes / numThreads / 4096 * 4096, best = 0;
  double rate = 0;
  for (int i = 0; i < 3; ++i) {
    struct Work result, work = {.data = data,
                                .bytes = part,
                                .slices = count,
                                .ahead = distances[i]};
    double found = run(work, part / 1e9, &result);
    if (found > rate)
      rate = found, best = distances[i];
  }
  printf("%s\n  \"%s\": {\"rate\": %.2f, \"unit\": \"GB/s\", \"ahead\": %zu}",
         separator, name, rate, best);
  separator = ",";
}

static const char *map(int file, size_t bytes) {
  char *data =
      mmap(NULL, bytes, PROT_READ | (file < 0 ? PROT_WRITE : 0),
           file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
  if (data == MAP_FAILED) {
    perror("ceilings");
    exit(1);
  }
  if (file < 0) {
    madvise(data, bytes, MADV_HUGEPAGE);
    memset(data, 1, bytes);
  }
  return data;
}

int main(int argc, char **argv) {
  size_t memory = 0;
  const char *path = NULL;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--threads") == 0)
      numThreads = atoi(argv[i + 1]);
    else if (strcmp(argv[i], "--memory") == 0)
      memory = strtoull(argv[i + 1], NULL, 10);
    else if (strcmp(argv[i], "--file") == 0)
      path = argv[i + 1];
  }
  if (numThreads < 1 || numThreads > maxThreads)
    return 1;
  uint32_t state = 1;
  for (size_t i = 0; i < sizeof someBytes; ++i)
    someBytes[i] = (state = state * 1664525 + 1013904223) >> 24;
  for (int i = 0; i < 256; ++i)
    someFloats[i] = (someBytes[i] + 0.5f) / 128 - 1;

  struct Work work = {.slices = slices, .count = 2500};
  double instructions = (double)chains * sets * work.count;
#if defined(HAS_BYTES)
  work.body = sumBytes;
  measure("vpdpbusd", work, instructions * 2 * sizeof(integers) / 1e9,
          instructions);
#endif
  work.body = sumFloats;
  measure("fma", work, instructions * 2 * sizeof(floats) / 4 / 1e9,
          instructions);
#if defined(__AMX_INT8__)
  enum { requestPermission = 0x1023, tileData = 18 };
  if (syscall(SYS_arch_prctl, requestPermission, tileData) == 0) {
    work.body = sumTiles;
    work.count = 5000;
    instructions = (double)tileSums * work.count;
    measure("tdpbusd", work, instructions * tileOperations / 1e9, instructions);
  }
#endif
  long level2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
  size_t bytes = 4 * (size_t)(level2 > 0 ? level2 : 1 << 20) * numThreads;
  measureRead("l3", map(-1, bytes), bytes, slices);
  if (memory != 0)
    measureRead("memory", map(-1, memory), memory, passes);
  if (path) {
    int file = open(path, O_RDONLY);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0) {
      perror(path);
      return 1;
    }
    measureRead("file", map(file, info.st_size), info.st_size, passes);
  }
  printf("\n}\n");
  return 0;
}
