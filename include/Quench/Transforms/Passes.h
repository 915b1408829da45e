//===- Passes.h - Passes that evaluate parameters --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TRANSFORMS_PASSES_H
#define QUENCH_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace quench {

#define GEN_PASS_DECL
#include "Quench/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "Quench/Transforms/Passes.h.inc"

} // namespace quench

#endif // QUENCH_TRANSFORMS_PASSES_H
