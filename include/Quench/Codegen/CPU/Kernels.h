//===- Kernels.h - CPU kernels of model ops --------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_CPU_KERNELS_H
#define QUENCH_CODEGEN_CPU_KERNELS_H

#include <cstdint>
#include <string>

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace quench {

/// What instruction sums products of small integers in lanes of 32 bits.
enum class IntegerDot {
  None,  ///< There is none of the width of a register.
  Pairs, ///< Two products of 16 signed bits (`pmaddwd`).
  Quads, ///< Four of 8 unsigned and 8 signed bits (`vpdpbusd`).
  /// The same of codes of up to 4 bits, which sums of 16 bits hold for some
  /// steps (`pmaddubsw`).
  NarrowQuads
};

/// What kernels need to know of the machine.
struct CPUKernelOptions {
  /// Bytes of a vector register: 16, 32 or 64.
  int64_t vectorBytes = 64;
  /// Whether it multiplies and adds in one instruction.
  bool fma = true;
  IntegerDot dot = IntegerDot::Quads;
  /// Whether it also sums narrow quads, which `dot` is not.
  bool narrowQuads = false;
  /// Whether it also sums quads on tile registers (AMX): needs registers of 64
  /// bytes.
  bool tiles = false;
  /// Whether kernels are short rather than fast, for code that runs a few
  /// times. They compute the same numbers.
  bool compact = false;
  /// A ScheduleFile whose schedules for `level` are used in place of those that
  /// the cost model chooses; empty: none.
  std::string schedules, level;
  /// Write kernels that have a schedule with each one that is worth measuring,
  /// too, under their names and `_candidateN`.
  bool candidates = false;

  /// Vector registers.
  int64_t registers() const { return vectorBytes == 64 ? 32 : 16; }
};

/// Model ops on tensors to calls of generated kernels and, for ops without a
/// kernel, linalg on tensors. A kernel is a private function on buffers, one
/// for each distinct shape, called by `quench.call_kernel`.
void buildCPUKernelPipeline(mlir::OpPassManager &pm,
                            const CPUKernelOptions &options);

/// Teaches bufferization that `quench.call_kernel` writes its outputs in place.
void registerKernelBufferization(mlir::DialectRegistry &registry);

} // namespace quench

#endif // QUENCH_CODEGEN_CPU_KERNELS_H
