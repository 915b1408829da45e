//===- Passes.h - Passes on the quench dialect -----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace quench {

/// Which SiLUs get a scale inside where one is to pass.
enum class FuseSilu { None, Gates, All };

/// How the scales of channels become one.
enum class ReparameterizeTarget { Mean, Median, PowerOfTwo, Given };

/// Which formats `quench-materialize-quantizers` makes quantizers of.
enum class QuantizerSites { All, Weights, Activations };

/// Where `quench-noisy-bias` takes noise from.
enum class NoiseSource {
  Uniform, ///< numbers that a seed makes
  Given    ///< parameters of the scope "learned"
};

/// Which weights tokens have in sums of products that `quench-observe` adds.
enum class TokenWeighting {
  None,
  Linear, ///< the attention that they receive, over its mean in the sequence
  Squared ///< its square
};

#define GEN_PASS_DECL
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"

} // namespace quench

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_H
