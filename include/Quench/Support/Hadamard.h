//===- Hadamard.h - Hadamard matrices of many orders ------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_HADAMARD_H
#define QUENCH_SUPPORT_HADAMARD_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quench {

/// A Hadamard matrix `H`: all entries have one magnitude, and `H H^T = I`. It
/// is a Kronecker product of small matrices and one of Sylvester, `H_K (x) ...
/// (x) H_{2^m}`, so that a vector of n numbers is multiplied in n (K + m)
/// additions. Making one takes time and memory of the order of K^2.
class HadamardMatrix {
public:
  /// A factor of the Kronecker product.
  struct Factor {
    int64_t order;
    /// The signs of the entries, +1 and -1, row-major.
    std::vector<int8_t> signs;
    /// How it is made, for reports: "paley1(q=27)".
    std::string construction;
  };

  /// The Hadamard matrix of order `order`; none where `isKnown` says so. The
  /// same order has the same matrix for all time: checkpoints are rotated by
  /// it.
  static std::optional<HadamardMatrix> get(int64_t order);

  /// Whether there is a matrix of order `order`: powers of two by Sylvester,
  /// and products of those with the constructions of Paley (q + 1 for prime
  /// powers q = 3 mod 4, 2 (q + 1) for q = 1 mod 4) and of Williamson (156,
  /// 172).
  static bool isKnown(int64_t order);

  /// The largest order below or at `width` that divides it and has a matrix, 1
  /// at least: what `width` can be transformed by in blocks.
  static int64_t getLargestBlock(int64_t width);

  /// Why there is no matrix of order `order` and what there is instead, for a
  /// diagnostic: "no Hadamard matrix of order 14 is known here; ...".
  static std::string explainUnknown(int64_t order);

  int64_t getOrder() const { return order; }

  /// The factors that are not of Sylvester, the slowest first.
  llvm::ArrayRef<Factor> getFactors() const { return factors; }

  /// The order of the last factor, which is of Sylvester: 1, 2, 4, ...
  int64_t getPowerOfTwo() const { return powerOfTwo; }

  /// Whether the matrix of order `order`, which is known, is its own transpose.
  static bool isSymmetric(int64_t order);
  bool isSymmetric() const { return isSymmetric(order); }

  /// The sign, +1 or -1, of an entry.
  int getSign(int64_t row, int64_t column) const;

  /// How the matrix is made, for reports: "paley1(q=27) kron sylvester(512)".
  std::string getConstruction() const;

  /// Replaces each row `v` of `order` adjacent numbers of `rows` by `v H`, or
  /// by `v H^T` if `transposed`.
  void apply(llvm::MutableArrayRef<double> rows, bool transposed = false) const;
  void apply(llvm::MutableArrayRef<float> rows, bool transposed = false) const;

private:
  template <typename Number>
  void applyTo(llvm::MutableArrayRef<Number> rows, bool transposed) const;

  int64_t order = 1;
  int64_t powerOfTwo = 1;
  llvm::SmallVector<Factor, 1> factors;
};

} // namespace quench

#endif // QUENCH_SUPPORT_HADAMARD_H
