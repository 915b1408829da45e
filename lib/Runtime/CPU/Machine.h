//===- Machine.h - Cores that this process may use --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_MACHINE_H
#define QUENCH_RUNTIME_CPU_MACHINE_H

#include <vector>

namespace quench::rt {

/// The logical CPUs that this process should run threads on: one for each
/// physical core of its affinity mask, no more than its CPU quota allows.
/// Never empty.
std::vector<int> usableCores();

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_MACHINE_H
