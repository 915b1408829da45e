//===- HostNumbers.h - Numbers that the compiler looks at -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_HOSTNUMBERS_H
#define QUENCH_LIB_PIPELINES_HOSTNUMBERS_H

#include "Quench/Support/DType.h"
#include "Quench/Transforms/WeightPrograms.h"
#include "quench-rt/quench_rt.h"

#include <optional>
#include <vector>

namespace quench {

/// The numbers of what the weight program computes whose result is `root`, a
/// tensor of floats. Fails with a diagnostic.
mlir::FailureOr<std::vector<double>> evaluateFloats(mlir::Value root,
                                                    const ArchiveSet &archives);

/// The type of the elements of `tensor`; none where these are no floats.
std::optional<DType> getFloatType(const qrt_tensor &tensor);

/// The integers of `tensor`; none where it has others.
std::optional<std::vector<int64_t>> getIntegers(const qrt_tensor &tensor);

/// The numbers of a tensor of floats or integers, which every tensor is that a
/// model gives.
std::vector<double> getNumbers(const qrt_tensor &tensor);

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_HOSTNUMBERS_H
