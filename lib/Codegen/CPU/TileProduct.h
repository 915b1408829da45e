//===- TileProduct.h - Products of bytes on tile registers -----*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CODEGEN_CPU_TILEPRODUCT_H
#define QUENCH_LIB_CODEGEN_CPU_TILEPRODUCT_H

#include "KernelBuilder.h"

namespace quench {

/// Writes products of rows of unsigned bytes with a panel of signed ones on the
/// tile registers of AMX: four tiles of sums, 16 x 16 each, stay in registers
/// over the contracted dimension. The state of the registers belongs to a
/// thread: one task configures them, multiplies, and releases them.
class TileProduct {
public:
  /// Rows of a block and channels of a panel.
  static constexpr int64_t size = 32;

  /// Input channels that one instruction takes, at most 64, such that
  /// `channels` are whole steps; 0: none that keeps the registers busy.
  static int64_t getStep(int64_t channels);

  /// Products over `channels` input channels.
  TileProduct(KernelBuilder &builder, int64_t channels);

  /// Room for the sums of a block, i32 `[size, size]`, on the stack.
  mlir::Value allocateSums();

  /// Prepares the registers for blocks of `rows` rows, 1 to `size`.
  void configure(mlir::Value rows);

  /// sums[i, j] = sum over k of x[row + i, first + k] * panel[k, j] for i below
  /// `rows`, which is what the registers are configured for.
  /// `x` is u8 `[M, stride]`, `weights` s8 `[panels, channels / 4, 4 * size]`,
  /// of which `first`, in channels, is the first that counts, or
  /// `firstWeight` where that is another one.
  void multiply(mlir::Value x, mlir::Value row, mlir::Value rows,
                mlir::Value weights, mlir::Value panel, mlir::Value first,
                mlir::Value sums, mlir::Value firstWeight = {});

  /// Gives the registers back.
  void release();

private:
  /// The address of an element.
  mlir::Value address(mlir::Value buffer, mlir::ValueRange indices);
  void call(llvm::StringRef intrinsic, mlir::ValueRange operands = {});
  mlir::Value registerNumber(int64_t number);

  KernelBuilder &b;
  const int64_t step, steps;
  mlir::Value configuration;
};

} // namespace quench

#endif // QUENCH_LIB_CODEGEN_CPU_TILEPRODUCT_H
