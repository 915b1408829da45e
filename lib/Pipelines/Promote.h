//===- Promote.h - Models computed in f64 -----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_PROMOTE_H
#define QUENCH_LIB_PIPELINES_PROMOTE_H

#include "mlir/IR/BuiltinOps.h"

namespace quench {

/// Makes every float of `module` an f64: types, constants, the arguments and
/// results of entry points. Parameters keep the type that they have in their
/// archive and are widened; what rounds to a narrower type, between parameter
/// and model also, is gone, so that weights count as they are before they are
/// rounded. With `dropQuantizers` so are `quench.fake_quant` ops: what is left
/// is the function of real numbers that they approximate. Fails with a
/// diagnostic where the result is no valid IR.
mlir::LogicalResult promoteToF64(mlir::ModuleOp module, bool dropQuantizers);

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_PROMOTE_H
