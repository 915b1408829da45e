//===- ShiftSite.h - A class of channels that is shifted -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_SHIFTSITE_H
#define QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_SHIFTSITE_H

#include "Quench/Analysis/ChannelClasses.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quench {

/// A class of shifts, or the part of it in one entry point. Unlike the class it
/// stays valid when ops get biases.
class ShiftSite {
public:
  explicit ShiftSite(ChannelClass site);

  const ChannelClass &getClass() const { return site; }

  /// What forbids to shift although the class is free; none if nothing does.
  std::optional<ClassBlocker> getBlocker() const;

  /// Adds `shift`, an f64 number for each channel of the class, to its values:
  /// to what producers add, while consumers subtract what they make of it.
  /// Biases are made where there are none.
  void apply(mlir::Value shift) const;

private:
  struct End {
    mlir::Operation *op;
    bool consumer;
    /// The vector, once there is one, and the weight of a consumer.
    std::optional<unsigned> vector, map;
    int64_t axis;
    llvm::SmallVector<ChannelBlock> blocks;
  };

  ChannelClass site;
  std::vector<End> ends;
};

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_SHIFTSITE_H
