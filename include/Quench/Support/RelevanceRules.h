//===- RelevanceRules.h - How relevance is propagated -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules of layer-wise relevance propagation for transformers (Chefer et
// al., alpha = 1 and beta = 0), on plain numbers. Tensors are row-major. A
// quotient whose denominator is 0 is 0. Rules that sum up a whole tensor are
// for one example at a time.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_RELEVANCERULES_H
#define QUENCH_SUPPORT_RELEVANCERULES_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace quench {

/// What the input `[rows, in]` of a linear gets of the relevance
/// `[rows, out]` of its result: products with the weight `[out, in]` that are
/// not negative carry it, in proportion. Biases carry none, and an output
/// without such a product loses its relevance.
std::vector<double> getLinearRelevance(int64_t rows,
                                       llvm::ArrayRef<double> input,
                                       llvm::ArrayRef<double> weight,
                                       llvm::ArrayRef<double> relevance);

/// What the terms of `lhs + rhs` get: each number its part of the sum, then
/// each term as a whole by the magnitude of what its numbers got together, so
/// that both have what the sum had. `rhs` is repeated along the leading
/// dimensions of `lhs`.
std::pair<std::vector<double>, std::vector<double>>
getSumRelevance(llvm::ArrayRef<double> lhs, llvm::ArrayRef<double> rhs,
                llvm::ArrayRef<double> relevance);

/// What the factors `lhs` `[rows, depth]` and `rhs` `[depth, columns]` of a
/// matrix product get: each one half, in proportion to the products.
std::pair<std::vector<double>, std::vector<double>>
getProductRelevance(int64_t rows, int64_t depth, int64_t columns,
                    llvm::ArrayRef<double> lhs, llvm::ArrayRef<double> rhs,
                    llvm::ArrayRef<double> relevance);

/// What `value` gets that several ops read, of which each gave it one of
/// `parts`: the sum, and nothing where the value is 0.
std::vector<double>
getFanOutRelevance(llvm::ArrayRef<double> value,
                   llvm::ArrayRef<std::vector<double>> parts);

} // namespace quench

#endif // QUENCH_SUPPORT_RELEVANCERULES_H
