//===- LinearSchedule.h - Schedules of kernels of linears ------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_CODEGEN_CPU_LINEARSCHEDULE_H
#define QUENCH_LIB_CODEGEN_CPU_LINEARSCHEDULE_H

#include "KernelLibrary.h"
#include "Quench/Codegen/CPU/Schedule.h"

namespace quench {

/// Whether weights stay codes in memory that the kernel unpacks.
bool isUnpacked(const LinearKernel &kernel);

/// The most rows that such a kernel unpacks in registers.
int64_t getStreamedRows(const CPUKernelOptions &options);

/// Whether tile registers compute more than few rows of the kernel.
bool usesTileRegisters(const KernelLibrary &library,
                       const LinearKernel &kernel);

/// What the cost model of docs/dev/cpu-kernels.md says, from the registers and
/// the sizes of caches.
KernelSchedule chooseSchedule(const KernelLibrary &library,
                              const LinearKernel &kernel);

/// Fails where there is no kernel with `schedule`: its sums exceed the
/// registers, or a part is not whole steps.
llvm::Error verifySchedule(const KernelLibrary &library,
                           const LinearKernel &kernel,
                           const KernelSchedule &schedule);

/// What is worth measuring, first what the cost model says. All of them give
/// the same bits: floats are added in one order.
llvm::SmallVector<KernelSchedule> getCandidates(const KernelLibrary &library,
                                                const LinearKernel &kernel);

} // namespace quench

#endif // QUENCH_LIB_CODEGEN_CPU_LINEARSCHEDULE_H
