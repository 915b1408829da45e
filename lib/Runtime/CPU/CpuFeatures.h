//===- CpuFeatures.h - Features of this CPU ---------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_CPUFEATURES_H
#define QUENCH_RUNTIME_CPU_CPUFEATURES_H

#include "Status.h"

#include <string>
#include <vector>

namespace quench::rt {

/// Whether this CPU, and the system on it, has a feature of LLVM's name.
bool hasCpuFeature(absl::string_view name);

/// Makes `features` usable for this process. Fails with the list of those that
/// this CPU lacks, or when the system does not let this process use tile
/// registers. `builtFor` names what the code was built for.
Status enableCpuFeatures(const std::vector<std::string> &features,
                         absl::string_view builtFor);

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_CPUFEATURES_H
