/*===- tile_registers.c - The instructions of AMX, without AMX ------------===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * What test/emulation.py calls instead of the intrinsics llvm.x86.tile* and
 * llvm.x86.tdp*. Each thread has registers of its own. What the instructions
 * do not allow ends the program.
 *
 *===----------------------------------------------------------------------===*/

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUM_TILES = 8, MAX_ROWS = 16, MAX_BYTES = 64 };

typedef struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes[NUM_TILES], other_bytes[8];
  uint8_t rows[NUM_TILES], other_rows[8];
} configuration;
_Static_assert(sizeof(configuration) == 64, "as ldtilecfg reads it");

typedef uint8_t tile[MAX_ROWS][MAX_BYTES];

static _Thread_local configuration config;
static _Thread_local tile tiles[NUM_TILES];

static void fail(const char *instruction, const char *why) {
  fprintf(stderr, "error: %s: %s\n", instruction, why);
  abort();
}

static void require(int condition, const char *instruction, const char *why) {
  if (!condition)
    fail(instruction, why);
}

static void use(const char *instruction, uint8_t number) {
  require(config.palette == 1, instruction, "no configuration is loaded");
  require(number < NUM_TILES, instruction, "no such register");
  require(config.rows[number] != 0, instruction,
          "the configuration lacks the register");
}

/* A transfer starts where an interrupted one ended: none of these is. */
static void use_memory(const char *instruction, uint8_t number) {
  use(instruction, number);
  require(config.start_row == 0, instruction, "starts within the register");
}

void emulated_ldtilecfg(const void *address) {
  static const uint8_t zeros[sizeof(config)];
  const char *name = "ldtilecfg";
  memcpy(&config, address, sizeof(config));
  memset(tiles, 0, sizeof(tiles));
  require(config.palette <= 1, name, "unknown palette");
  if (config.palette == 0) {
    memset(&config, 0, sizeof(config));
    return;
  }
  require(!memcmp(config.reserved, zeros, sizeof(config.reserved)) &&
              !memcmp(config.other_bytes, zeros, sizeof(config.other_bytes)) &&
              !memcmp(config.other_rows, zeros, sizeof(config.other_rows)),
          name, "reserved bytes are not zero");
  for (int i = 0; i < NUM_TILES; ++i) {
    require(config.rows[i] <= MAX_ROWS, name, "too many rows");
    require(config.bytes[i] <= MAX_BYTES, name, "too many bytes in a row");
    require(!config.rows[i] == !config.bytes[i], name,
            "rows without bytes or bytes without rows");
  }
}

void emulated_tilerelease(void) {
  memset(&config, 0, sizeof(config));
  memset(tiles, 0, sizeof(tiles));
}

void emulated_tilezero(uint8_t number) {
  use("tilezero", number);
  memset(tiles[number], 0, sizeof(tile));
}

void emulated_tileloadd64(uint8_t number, const char *from, int64_t stride) {
  use_memory("tileloadd", number);
  memset(tiles[number], 0, sizeof(tile));
  for (int row = 0; row < config.rows[number]; ++row)
    memcpy(tiles[number][row], from + row * stride, config.bytes[number]);
}

void emulated_tilestored64(uint8_t number, char *to, int64_t stride) {
  use_memory("tilestored", number);
  for (int row = 0; row < config.rows[number]; ++row)
    memcpy(to + row * stride, tiles[number][row], config.bytes[number]);
}

/* sums[m][n] += sum over k and i of a[m][4 k + i] b[k][4 n + i]. */
static inline __attribute__((always_inline)) void
multiply(const char *name, uint8_t sums, uint8_t a, uint8_t b, int is_a_signed,
         int is_b_signed) {
  use(name, sums);
  use(name, a);
  use(name, b);
  require(sums != a && a != b && b != sums, name, "registers are the same");
  require(config.bytes[sums] % 4 == 0 && config.bytes[a] % 4 == 0 &&
              config.bytes[b] % 4 == 0,
          name, "rows end within four bytes");
  require(config.rows[sums] == config.rows[a], name, "other rows than sums");
  require(config.bytes[sums] == config.bytes[b], name,
          "other columns than sums");
  require(config.bytes[a] / 4 == config.rows[b], name,
          "rows and columns do not match");
  for (int m = 0; m < config.rows[sums]; ++m) {
    /* Sums may wrap. */
    uint32_t total[MAX_BYTES / 4];
    memcpy(total, tiles[sums][m], sizeof(total));
    for (int k = 0; k < config.rows[b]; ++k)
      for (int i = 0; i < 4; ++i) {
        uint8_t left = tiles[a][m][4 * k + i];
        int32_t x = is_a_signed ? (int8_t)left : left;
        for (int n = 0; n < MAX_BYTES / 4; ++n) {
          uint8_t right = tiles[b][k][4 * n + i];
          total[n] += (uint32_t)(x * (is_b_signed ? (int8_t)right : right));
        }
      }
    memcpy(tiles[sums][m], total, sizeof(total));
  }
}

#define DEFINE_PRODUCT(NAME, IS_A_SIGNED, IS_B_SIGNED)                         \
  void emulated_##NAME(uint8_t sums, uint8_t a, uint8_t b) {                   \
    multiply(#NAME, sums, a, b, IS_A_SIGNED, IS_B_SIGNED);                     \
  }
DEFINE_PRODUCT(tdpbssd, 1, 1)
DEFINE_PRODUCT(tdpbsud, 1, 0)
DEFINE_PRODUCT(tdpbusd, 0, 1)
DEFINE_PRODUCT(tdpbuud, 0, 0)
