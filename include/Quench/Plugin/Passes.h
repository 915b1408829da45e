//===- Passes.h - Passes that users extend Quench with ----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PLUGIN_PASSES_H
#define QUENCH_PLUGIN_PASSES_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassRegistry.h"

namespace quench {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "Quench/Plugin/Passes.h.inc"

} // namespace quench

#endif // QUENCH_PLUGIN_PASSES_H
