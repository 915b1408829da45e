//===- Error.h - Errors across the C ABI ------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_ERROR_H
#define QUENCH_RUNTIME_CPU_ERROR_H

#include "absl/status/status.h"
#include "quench-rt/quench_rt.h"

namespace quench::rt {

/// Keeps the message for qrt_last_error() and gives the status of the C ABI:
/// an invalid argument is the caller's fault, all else the machine's.
qrt_status report(const absl::Status &status);

/// The error of the system call that failed last: "`what`: text of errno".
absl::Status systemError(absl::string_view what);

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_ERROR_H
