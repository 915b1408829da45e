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

/// What is unusual of a product.
struct TileProductForm {
  /// The first channel of the panel, where it is another one than that of x.
  mlir::Value firstWeight = {};
  /// Input channels, whole steps, where they are others than those that the
  /// product was made for.
  mlir::Value channels = {};
  /// The first column of the sums.
  mlir::Value column = {};
  bool isSigned = false; ///< x is s8.
  /// Where given, part `piece` of `pieces` of the next panel is asked for
  /// meanwhile.
  mlir::Value piece = {}, pieces = {};
};

/// Writes products of rows of bytes with a panel of signed ones on the tile
/// registers of AMX: four tiles of sums, 16 x 16 each, stay in registers
/// over the contracted dimension. The state of the registers belongs to a
/// thread: one task configures them, multiplies, and releases them.
class TileProduct {
public:
  /// Rows of a block and channels of a panel.
  static constexpr int64_t size = 32;

  /// Input channels that one instruction takes, at most 64, such that
  /// `channels` are whole steps; 0: none that keeps the registers busy.
  static int64_t getStep(int64_t channels);

  /// Products over `channels` input channels, where multiply() is not told
  /// otherwise.
  TileProduct(KernelBuilder &builder, int64_t channels);

  /// Room for the sums of a block, i32 `[size, size]`, on the stack.
  mlir::Value allocateSums();

  /// Prepares the registers for blocks of `rows` rows, 1 to `size`.
  void configure(mlir::Value rows);

  /// sums[i, j] = sum over k of x[row + i, first + k] * panel[k, j] for i below
  /// `rows`, which is at most what the registers are configured for.
  /// `x` is u8 `[M, stride]`, `weights` s8 `[panels, channels / 4, 4 * size]`,
  /// of which `first`, in channels, is the first that counts. `sums` has rows
  /// of a known distance.
  void multiply(mlir::Value x, mlir::Value row, mlir::Value rows,
                mlir::Value weights, mlir::Value panel, mlir::Value first,
                mlir::Value sums, const TileProductForm &form = {});

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
