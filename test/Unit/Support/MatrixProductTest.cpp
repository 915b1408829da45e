//===- MatrixProductTest.cpp - Products of matrices, to the bit ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/MatrixProduct.h"

#include "gtest/gtest.h"

#include <random>
#include <vector>

using namespace quench;

template <typename T>
static void checkShape(int64_t rows, int64_t columns, int64_t depth) {
  // Rows are further apart than they are long.
  int64_t lda = depth + 3, ldb = columns + 5, ldc = columns + 1;
  std::mt19937 random(1);
  std::uniform_real_distribution<T> uniform(-1, 1);
  std::vector<T> a(rows * lda), b(depth * ldb), c(rows * ldc);
  for (std::vector<T> *matrix : {&a, &b, &c})
    for (T &number : *matrix)
      number = uniform(random);
  std::vector<T> expected = c;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t k = 0; k < depth; ++k) {
        volatile T product = a[i * lda + k] * b[k * ldb + j];
        expected[i * ldc + j] = expected[i * ldc + j] + product;
      }
  addProduct(rows, columns, depth, a.data(), lda, b.data(), ldb, c.data(), ldc);
  EXPECT_EQ(c, expected) << rows << " x " << columns << " x " << depth;
}

TEST(MatrixProduct, RoundsEveryProductAndSumInOrder) {
  for (int64_t rows : {1, 4, 7})
    for (int64_t columns : {1, 16, 45})
      for (int64_t depth : {0, 1, 256, 300}) {
        checkShape<double>(rows, columns, depth);
        checkShape<float>(rows, columns, depth);
      }
}
