//===- ChannelPort.h - How ops meet transforms of channels -----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exact rewrites put a transform T between the op that writes a value and the
// ops that read it, `v' = v T` along one axis, and hide T and its inverse in
// weights. What an op can do with that is the same question for a rotation, a
// positive diagonal scale and a shift; the interfaces BasisOpInterface,
// ChannelScalableOpInterface and ShiftableOpInterface answer it with ports.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_CHANNELPORT_H
#define QUENCH_INTERFACES_CHANNELPORT_H

#include "mlir/IR/Value.h"

#include "llvm/ADT/SmallVector.h"

#include <optional>

namespace quench {

/// What an op does with a transform of one axis of one of its values.
enum class PortRole {
  /// The op writes the transformed result once its weights are transformed.
  Producer,
  /// The op reads the transformed operand and computes what it did before, once
  /// its weights are transformed inversely.
  Consumer,
  /// The op computes what it did before, transformed, when every port of the
  /// group carries the transform and its weights, if any, the inverse.
  Link,
  /// As `Link`, but this port carries the inverse transpose: a contraction of
  /// two activations cancels the transforms of its operands.
  Inverse
};

/// Which transforms of an axis a port admits.
enum class PortFreedom {
  /// Any of the kind that the interface asks about.
  Any,
  /// Only those that commute with a rotation of the pairs of rotary embedding:
  /// scales are equal within a pair, rotations stay within one.
  RotaryPairs
};

/// A dimension of an operand that holds weights.
struct WeightAxis {
  unsigned operand;
  int64_t axis;
};

/// An axis of an operand or result of an op, and what the op does with a
/// transform of it. Axes that an op does not list are pinned: nothing about
/// them may change.
struct ChannelPort {
  mlir::Value value;
  int64_t axis;
  PortRole role;
  /// Ports of one group carry one transform, an axis in several groups all.
  unsigned group = 0;
  /// The weights that take the transform (Producer) or its inverse (others).
  llvm::SmallVector<WeightAxis, 2> weights = {};
  PortFreedom freedom = PortFreedom::Any;
  /// The axis that counts heads, each of which may have its own transform; -1
  /// where there is none.
  int64_t headAxis = -1;
  /// With a head axis: for each head of `value`, the number of its transform.
  llvm::SmallVector<int64_t> heads = {};
  /// With RotaryPairs: for each channel the other one of its pair, itself where
  /// it has none.
  llvm::SmallVector<int64_t> partners = {};
  /// For a consumer of a shift `z`: the weight that is applied to it, on the
  /// axis that `z` is on; what it makes of `z` is subtracted from `weights`.
  std::optional<WeightAxis> map = {};
};

} // namespace quench

#endif // QUENCH_INTERFACES_CHANNELPORT_H
