//===- RandomTensors.h - Numbers that hit what algebra forgets --*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_RANDOMTENSORS_H
#define QUENCH_LIB_PIPELINES_RANDOMTENSORS_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <vector>

namespace quench {

/// A stream of numbers that follows from a seed and a text alone.
class RandomStream {
public:
  RandomStream(uint64_t seed, llvm::StringRef text);

  uint64_t next();
  /// Uniform in [low, high).
  double uniform(double low, double high);
  /// Nearly of a normal distribution, around 0, of variance 1.
  double normal();
  /// Uniform in [low, high), integers.
  int64_t integer(int64_t low, int64_t high);

private:
  uint64_t state;
};

/// Gives `take` the values of the parameter `key` of `scope`, shape `type`, in
/// row-major order, some at a time; it fails as `take` does.
/// Weights keep activations near 1: tensors of rank 2 and more are normal with
/// the variance 1/(elements of a row), but one row ten times as large and one
/// so small that the epsilon of a norm counts; others, gains and biases, lie in
/// +-[0.5, 1.5). By the last part of the key, `.running_var`, the variances of
/// batch norms are positive. What a scope `stats` holds is statistics: `.min`
/// is negative, `.mean` of either sign, `.covariance` positive definite, all
/// else positive. Square matrices of a scope `learned` are orthogonal.
llvm::Error makeRandomParameter(
    uint64_t seed, llvm::StringRef scope, llvm::StringRef key,
    mlir::RankedTensorType type,
    llvm::function_ref<llvm::Error(llvm::ArrayRef<double>)> take);

/// `values` as elements of a type, an integer or a float of an archive, each
/// rounded once.
std::vector<char> encodeTensor(llvm::ArrayRef<double> values,
                               mlir::Type elementType);

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_RANDOMTENSORS_H
