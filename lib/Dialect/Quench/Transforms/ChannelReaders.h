//===- ChannelReaders.h - Who reads the channels of a value ----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_CHANNELREADERS_H
#define QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_CHANNELREADERS_H

#include "Quench/Interfaces/ChannelPort.h"

#include "mlir/IR/Builders.h"

#include "llvm/ADT/StringRef.h"

#include <optional>

namespace quench {

/// An op that reads the channels of an operand through a weight. A factor of
/// each channel can move into the weight, an addend of each into the bias.
struct ChannelReader {
  mlir::Operation *op;
  /// The operand that is read, its channels being the last axis.
  unsigned input;
  /// The weight, and its axis of those channels.
  WeightAxis weight;
  /// The operand that is the bias, if there is one.
  std::optional<unsigned> bias;
};

/// All ops that read the channels of a value, or an op that stands in the way
/// with a phrase that says why.
struct ChannelReaders {
  llvm::SmallVector<ChannelReader> readers;
  mlir::Operation *blocker = nullptr;
  llvm::StringRef reason;
};

/// Finds the readers of the last axis of `value`: directly, through views, and
/// through ops that pass on any factor of a channel, negative ones and zero
/// too; if `shifted`, those that take an addend as well.
ChannelReaders findChannelReaders(mlir::Value value, bool shifted);

/// The reader that `op` is with an addend of each channel; none where it reads
/// no channels through a parameter.
std::optional<ChannelReader> getShiftedReader(mlir::Operation *op);

/// Adds to the bias of `reader` what its weight makes of `shift`, a number of
/// each channel, or subtracts it. Makes a bias where there is none.
void shiftReader(mlir::OpBuilder &builder, const ChannelReader &reader,
                 mlir::Value shift, bool negative = false);

/// Adds `shift`, a number of each channel, to the bias of the op that writes
/// `value`, before which the program of `shift` is moved. False, with nothing
/// changed, where no such op has a parameter or room for it.
bool shiftWriter(mlir::OpBuilder &builder, mlir::Value value,
                 mlir::Value shift);

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_CHANNELREADERS_H
