//===- Unquantize.cpp - What quantized values stand for -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Unquantize.h"

#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Transforms/WeightPrograms.h"

using namespace mlir;
using namespace quench;

Value quench::getUnquantized(OpBuilder &builder, Value value) {
  if (auto quantizer = value.getDefiningOp<FakeQuantOp>())
    return quantizer.getInput();
  if (auto numbers = value.getDefiningOp<DequantizeOp>()) {
    auto codes = numbers.getInput().getDefiningOp<QuantizeOp>();
    return codes ? codes.getInput() : Value();
  }
  if (auto cast = value.getDefiningOp<CastOp>())
    if (Value source = getUnquantized(builder, cast.getOperand()))
      return CastOp::create(builder, cast.getLoc(), cast.getType(), source);
  return {};
}

void quench::dropQuantizers(ModuleOp module) {
  OpBuilder builder(module.getContext());
  module.walk([&](Operation *op) {
    if (!isa<FakeQuantOp, DequantizeOp>(op))
      return;
    builder.setInsertionPoint(op);
    if (Value value = getUnquantized(builder, op->getResult(0)))
      op->getResult(0).replaceAllUsesWith(value);
  });
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
}
