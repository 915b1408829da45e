//===- ChannelClasses.h - Where transforms of channels may go --*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ops of a module say by ports (ChannelPort.h) how they meet a transform of
// channels; ports that carry one transform tie axes together. This analysis
// finds the classes of axes that are tied, over all entry points of a module,
// with the weights that a transform of the class goes into and the ops that
// forbid it. A residual stream is such a class for rotations; what a norm gives
// to the linear maps that read it is one for scales.
//
// A class has `numTransforms` transforms of `size` channels each that may be
// chosen apart, one for each head of the values of attention, say. A block is
// `size` channels of some axis, counted over heads where the axis has heads:
// channel `c` of head `h` of `[B, T, H, D]` is number `h * D + c`.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_ANALYSIS_CHANNELCLASSES_H
#define QUENCH_ANALYSIS_CHANNELCLASSES_H

#include "Quench/Interfaces/ChannelPort.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <string>
#include <vector>

namespace quench {

/// The transforms of channels that ops are asked about.
enum class TransformKind { Basis, Scale, Shift };

/// `size` channels of an axis, from channel `offset`, that take transform
/// number `transform` of the class.
struct ChannelBlock {
  int64_t offset;
  int64_t transform;
};

/// An axis of an activation that carries the transform of a class, or a part of
/// an axis.
struct ClassMember {
  mlir::Value value;
  /// The axes that channels are counted over: those of heads, if any, and last
  /// the axis of channels.
  llvm::SmallVector<int64_t, 2> axes;
  /// Ascending by offset.
  llvm::SmallVector<ChannelBlock> blocks;
  /// The value carries the inverse of the transform (scales only; a rotation is
  /// its own inverse transpose).
  bool inverse = false;
};

/// A weight that takes the transform of a class, or its inverse.
struct ClassWeight {
  /// The op that reads the weight.
  mlir::Operation *op;
  /// The weight; null for the vector of a shift that the op could have and does
  /// not.
  mlir::OpOperand *operand = nullptr;
  /// The axis of the weight that the blocks are on. For a consumer of a shift,
  /// an axis of `map`.
  int64_t axis = 0;
  /// A consumer of a shift subtracts from `operand` what this weight makes of
  /// the shift; null in all other cases.
  mlir::OpOperand *map = nullptr;
  /// Ascending by offset.
  llvm::SmallVector<ChannelBlock> blocks;
  /// The op reads the class: it undoes what producers do.
  bool consumer = false;
  /// The value at this weight carries the inverse of the transform.
  bool inverse = false;

  /// Whether the weight takes the inverse: it is that of a consumer or at a
  /// value that carries the inverse, not both.
  bool takesInverse() const { return consumer != inverse; }
};

/// What forbids the transform of a class, as a phrase about `op` ("has a
/// gain").
struct ClassBlocker {
  mlir::Operation *op;
  std::string reason;
};

/// Axes that carry one transform, see above.
struct ChannelClass {
  TransformKind kind;
  /// The path in the checkpoint of the first op that produces the class, with
  /// `#1`, `#2`, ... behind it for further classes of that op; where no weight
  /// does, that of the first that reads it and `#input`. Entry points
  /// that share a class share its name. That op does not carry the inverse.
  std::string name;
  /// Channels of a transform.
  int64_t size = 0;
  /// Transforms that may be chosen apart.
  int64_t numTransforms = 1;
  /// With rotary pairs: for each channel the other one of its pair, itself
  /// where it has none. Scales are equal within a pair, rotations stay within
  /// one. Empty where every transform is admitted.
  llvm::SmallVector<int64_t> partners;
  std::vector<ClassMember> members;
  std::vector<ClassWeight> weights;
  std::vector<ClassBlocker> blockers;

  /// Whether the class may be transformed.
  bool isFree() const { return blockers.empty(); }
  /// Channels of all transforms.
  int64_t getNumChannels() const { return size * numTransforms; }
};

/// The classes of a module that have weights, in the order of the ops that
/// produce them. Holds values and ops: a rewrite that erases ops or replaces
/// values, other than by `applyTransform`, invalidates it.
class ChannelClasses {
public:
  ChannelClasses(mlir::ModuleOp module, TransformKind kind);

  llvm::ArrayRef<ChannelClass> getClasses() const { return classes; }

  /// The class that holds the first channels of axis `axis` of `value`, or
  /// null.
  const ChannelClass *find(mlir::Value value, int64_t axis) const;

private:
  std::vector<ChannelClass> classes;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, size_t> classOf;
};

/// Gives a weight with the transform or its inverse in it. The builder inserts
/// before the op that reads the weight.
using TransformWeightFn = llvm::function_ref<mlir::Value(
    mlir::OpBuilder &, mlir::Value weight, const ClassWeight &)>;

/// Puts a rotation or a scale of a free class into its weights: `forward` gives
/// those that take it, `inverse` those that take its inverse.
void applyTransform(const ChannelClass &site, TransformWeightFn forward,
                    TransformWeightFn inverse);

/// The path in the checkpoint that the location of `op` names, or the name of
/// the op.
std::string getSiteName(mlir::Operation *op);

} // namespace quench

#endif // QUENCH_ANALYSIS_CHANNELCLASSES_H
