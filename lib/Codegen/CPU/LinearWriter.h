//===- LinearWriter.h - What kernels of linears share ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CODEGEN_CPU_LINEARWRITER_H
#define QUENCH_LIB_CODEGEN_CPU_LINEARWRITER_H

#include "LinearSchedule.h"

namespace quench {

/// Writes a kernel of a linear: its operands, what sums begin with, and what
/// becomes of products. How the products are made is up to the derived class.
class LinearWriter {
public:
  virtual ~LinearWriter() = default;

  /// The kernel, whose name ends in `suffix`.
  mlir::func::FuncOp get(const KernelLibrary &library, llvm::StringRef suffix);

protected:
  LinearWriter(const KernelLibrary &library, const LinearKernel &kernel,
               const KernelSchedule &schedule)
      : b(library, kernel.element), k(kernel), schedule(schedule),
        lanes(b.lanes()), panel(panelVectors * lanes),
        panels(llvm::divideCeil(k.out, panel)) {}

  /// The operands that one matrix of weights has; null where there are none.
  struct Weight {
    mlir::Value matrix, zeros, sums, scales, table, bias;
    /// The numbers of `table`, for the panel that is computed.
    LookupTable numbers;
  };

  /// Writes the body; the operands are in the members below.
  virtual void write() = 0;

  int64_t numGroups() const {
    return k.weight.group == 0 ? 1 : k.in / k.weight.group;
  }
  /// What the tasks of a panel have in common: masks, biases and tables.
  void preparePanel(mlir::Value index);
  /// The rows from `begin` of tile `tile` on, of `numTiles` that differ in
  /// height by at most one.
  mlir::Value firstRow(mlir::Value tile, mlir::Value numTiles) {
    return b.floorDiv(b.mul(tile, b.dim(x, 0)), numTiles);
  }
  /// The scales of `size` rows in all lanes; one for all where rows have none
  /// of their own.
  llvm::SmallVector<mlir::Value> getInputScales(int64_t size, mlir::Value row);
  /// The scales of a panel for `group`.
  llvm::SmallVector<mlir::Value> getWeightScales(mlir::Value group,
                                                 const Weight &weight);
  /// What sums of integers begin with, for each vector of `size` rows.
  llvm::SmallVector<mlir::Value> getShifts(int64_t size, mlir::Value row,
                                           mlir::Value group,
                                           const Weight &weight);
  /// A sum as a float and its scale, for each vector of some rows. Rows
  /// multiply by their own scale at once where there is one group, else after
  /// all groups.
  using Factors = llvm::SmallVector<std::pair<mlir::Value, mlir::Value>>;
  /// The scale of a sum.
  mlir::Value getScale(mlir::Value inputScale, mlir::Value weightScale) {
    return numGroups() > 1 ? weightScale : b.fmul(inputScale, weightScale);
  }
  /// The products of `size` rows from `row` on, of the factors that each group
  /// has: those of one panel for all rows, then those of the next.
  llvm::SmallVector<mlir::Value>
  addGroups(int64_t size, mlir::Value row,
            llvm::function_ref<Factors(mlir::Value group)> get,
            int64_t numPanels = 1);
  /// Asks for the line that few rows read `bytesAhead` after the one in which
  /// `column` of `step` of the panel lies.
  void prefetchAhead(const Weight &weight, mlir::Value step,
                     mlir::Value column);
  /// Takes `sums`, of rows from `row` on, one row after the other, to the
  /// output, or into `tile` where finishTiles() does that.
  void put(mlir::ArrayRef<mlir::Value> sums, mlir::Value row, mlir::Value tile);
  /// Takes `size` rows from `tiles`, one for each weight, to the output.
  void finishTiles(mlir::ArrayRef<mlir::Value> tiles, mlir::Value row,
                   mlir::Value size);
  /// Stores what becomes of `sums`, one for each weight, vector `v` of row
  /// `row`.
  void finish(mlir::Value row, int64_t v, mlir::ArrayRef<mlir::Value> sums);
  /// Whether results can go from registers to the output.
  bool isDirect() const {
    return k.activation == Activation::None && !k.gated &&
           k.element == b.compute();
  }

  KernelBuilder b;
  const LinearKernel &k;
  const KernelSchedule &schedule;
  const int64_t lanes, panel, panels;

  mlir::Value x, scales, zeros, residual, out;
  llvm::SmallVector<Weight, 2> weights;
  // Of the panel that is computed.
  mlir::Value panelIndex, firstColumn;
  llvm::SmallVector<mlir::Value> masks, biases;

private:
  llvm::SmallVector<mlir::Type> getInputs();
  void takeInputs(mlir::func::FuncOp function);
};

/// The kernel of weights that are codes of 4 bits, or codes beside floats.
mlir::func::FuncOp getFewBitKernel(const KernelLibrary &library,
                                   const LinearKernel &kernel,
                                   const KernelSchedule &schedule,
                                   llvm::StringRef suffix);

} // namespace quench

#endif // QUENCH_LIB_CODEGEN_CPU_LINEARWRITER_H
