//===- Unquantize.h - What quantized values stand for -----------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_UNQUANTIZE_H
#define QUENCH_PIPELINES_UNQUANTIZE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace quench {

/// What `value` was before it was quantized: the input of `quench.fake_quant`,
/// the weight that codes were made of. Null where it is not quantized. Ops that
/// this needs are made at `builder`.
mlir::Value getUnquantized(mlir::OpBuilder &builder, mlir::Value value);

/// Lets `module` compute without quantizers, with the rewrites that were made
/// before them.
void dropQuantizers(mlir::ModuleOp module);

} // namespace quench

#endif // QUENCH_PIPELINES_UNQUANTIZE_H
