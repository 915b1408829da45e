//===- MatrixProduct.h - Products of matrices, to the bit -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_MATRIXPRODUCT_H
#define QUENCH_SUPPORT_MATRIXPRODUCT_H

#include <cstdint>

namespace quench {

/// Adds `a b` to `c`, for `a` `[rows, depth]`, `b` `[depth, columns]` and `c`
/// `[rows, columns]`, row-major with rows `lda`, `ldb` and `ldc` elements
/// apart. `c` overlaps neither.
///
/// Every element is `c += a[k] * b[k]` for `k` from 0 on, product and sum each
/// rounded: what it becomes depends neither on the processor nor on how a
/// larger product was cut.
void addProduct(int64_t rows, int64_t columns, int64_t depth, const double *a,
                int64_t lda, const double *b, int64_t ldb, double *c,
                int64_t ldc);
void addProduct(int64_t rows, int64_t columns, int64_t depth, const float *a,
                int64_t lda, const float *b, int64_t ldb, float *c,
                int64_t ldc);

} // namespace quench

#endif // QUENCH_SUPPORT_MATRIXPRODUCT_H
