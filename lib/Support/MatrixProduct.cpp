//===- MatrixProduct.cpp - Products of matrices, to the bit ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// This file is compiled without contraction to fused operations, which only
// some processors have.
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/MatrixProduct.h"

#include <algorithm>
#include <cstring>

// One function for each width of vectors; the loader takes the widest.
#if defined(__x86_64__) && defined(__linux__)
#define QUENCH_EACH_WIDTH                                                      \
  __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define QUENCH_EACH_WIDTH
#endif
#define QUENCH_INLINE __attribute__((always_inline)) inline

namespace {
/// Sixteen registers of 32 bytes hold a tile of the result.
constexpr int64_t tileRows = 4;
constexpr int64_t vectorBytes = 64;
constexpr int64_t tileVectors = 2;
/// Rows of `b` that are copied side by side, so that reading them is one
/// stream within the nearest cache.
constexpr int64_t panelDepth = 256;

template <typename T>
struct Tile {
  typedef T Vector __attribute__((vector_size(vectorBytes)));
  static constexpr int64_t lanes = vectorBytes / sizeof(T);
  static constexpr int64_t columns = lanes * tileVectors;

  /// Adds the product of four rows of `a` and `panel` to those of `c`.
  static QUENCH_INLINE void add(int64_t depth, const T *a, int64_t lda,
                                const T *panel, T *c, int64_t ldc) {
    Vector sums[tileRows][tileVectors];
    for (int64_t i = 0; i < tileRows; ++i)
      std::memcpy(sums[i], c + i * ldc, sizeof(sums[i]));
    for (int64_t k = 0; k < depth; ++k) {
      Vector right[tileVectors];
      std::memcpy(right, panel + k * columns, sizeof(right));
      for (int64_t i = 0; i < tileRows; ++i)
        for (int64_t j = 0; j < tileVectors; ++j)
          sums[i][j] += a[i * lda + k] * right[j];
    }
    for (int64_t i = 0; i < tileRows; ++i)
      std::memcpy(c + i * ldc, sums[i], sizeof(sums[i]));
  }

  /// The same for `rows` rows and `width` columns that are no whole tile.
  static QUENCH_INLINE void addPart(int64_t rows, int64_t width, int64_t depth,
                                    const T *a, int64_t lda, const T *panel,
                                    T *c, int64_t ldc) {
    T left[tileRows][panelDepth] = {}, sums[tileRows][columns] = {};
    for (int64_t i = 0; i < rows; ++i) {
      std::copy_n(a + i * lda, depth, left[i]);
      std::copy_n(c + i * ldc, width, sums[i]);
    }
    add(depth, left[0], panelDepth, panel, sums[0], columns);
    for (int64_t i = 0; i < rows; ++i)
      std::copy_n(sums[i], width, c + i * ldc);
  }

  static QUENCH_INLINE void addProduct(int64_t rows, int64_t allColumns,
                                       int64_t allDepth, const T *a,
                                       int64_t lda, const T *b, int64_t ldb,
                                       T *c, int64_t ldc) {
    alignas(vectorBytes) T panel[panelDepth * columns] = {};
    for (int64_t j = 0; j < allColumns; j += columns) {
      int64_t width = std::min(columns, allColumns - j);
      for (int64_t k = 0; k < allDepth; k += panelDepth) {
        int64_t depth = std::min(panelDepth, allDepth - k);
        for (int64_t row = 0; row < depth; ++row)
          std::copy_n(b + (k + row) * ldb + j, width, panel + row * columns);
        for (int64_t i = 0; i < rows; i += tileRows) {
          int64_t height = std::min(tileRows, rows - i);
          const T *left = a + i * lda + k;
          T *sums = c + i * ldc + j;
          if (height == tileRows && width == columns)
            add(depth, left, lda, panel, sums, ldc);
          else
            addPart(height, width, depth, left, lda, panel, sums, ldc);
        }
      }
    }
  }
};
} // namespace

QUENCH_EACH_WIDTH
void quench::addProduct(int64_t rows, int64_t columns, int64_t depth,
                        const double *a, int64_t lda, const double *b,
                        int64_t ldb, double *c, int64_t ldc) {
  Tile<double>::addProduct(rows, columns, depth, a, lda, b, ldb, c, ldc);
}

QUENCH_EACH_WIDTH
void quench::addProduct(int64_t rows, int64_t columns, int64_t depth,
                        const float *a, int64_t lda, const float *b,
                        int64_t ldb, float *c, int64_t ldc) {
  Tile<float>::addProduct(rows, columns, depth, a, lda, b, ldb, c, ldc);
}
