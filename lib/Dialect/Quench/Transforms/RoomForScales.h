//===- RoomForScales.h - Ones that scales may go into -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Vectors of ones that ops get so that a scale finds a weight to go into, and
// that are taken back where none did.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_ROOMFORSCALES_H
#define QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_ROOMFORSCALES_H

#include "Quench/Dialect/Quench/IR/Quench.h"

#include "mlir/IR/BuiltinOps.h"

namespace quench {

/// Gains that norms got.
class AddedGains {
public:
  /// Gives a gain to the norms of `module` that have none.
  void open(mlir::ModuleOp module);

  /// Takes back those that no scale went into.
  void close();

private:
  llvm::SmallVector<std::pair<NormOpInterface, mlir::Value>> opened;
};

/// Scales inside of SiLUs, and gated products that were taken apart for them.
class FusedSilus {
public:
  /// Opens gated products, and with `all` SiLUs, of `module`.
  void open(mlir::ModuleOp module, bool all);

  /// Gives back those that no scale passed.
  void close();

private:
  void addScale(SiluOp silu);

  struct Opened {
    SiluOp silu;
    mlir::Value ones;
    /// The product, if the SiLU is that of a gate.
    MulOp product;
  };
  llvm::SmallVector<Opened> opened;
};

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_TRANSFORMS_ROOMFORSCALES_H
