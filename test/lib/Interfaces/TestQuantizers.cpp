//===- TestQuantizers.cpp - Expands what quantizers emit ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/QuantizerAttrInterface.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/Pass.h"

using namespace mlir;
using namespace quench;

namespace {
/// Replaces ops such as "test.quantize"(%x, %s) {by = ...} by what the method
/// of that name emits. Zero points may follow the scale.
struct TestQuantizers : public PassWrapper<TestQuantizers, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestQuantizers)

  StringRef getArgument() const override { return "test-quench-quantizers"; }
  StringRef getDescription() const override {
    return "expand what quantizers emit";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, math::MathDialect>();
  }

  static SmallVector<Value> expand(OpBuilder &builder, Operation *op,
                                   QuantizerAttrInterface quantizer) {
    StringRef name = op->getName().getStringRef();
    Location loc = op->getLoc();
    auto operand = [&](unsigned index) {
      return index < op->getNumOperands() ? op->getOperand(index) : Value();
    };
    Value first = operand(0), second = operand(1), third = operand(2);
    if (name == "test.quantize")
      return {quantizer.emitQuantize(builder, loc, first, second, third)};
    if (name == "test.dequantize")
      return {quantizer.emitDequantize(builder, loc, first, second, third)};
    if (name == "test.fake_quantize")
      return {quantizer.emitFakeQuantize(builder, loc, first, second, third)};
    if (name == "test.straight_through")
      return {
          quantizer.emitStraightThrough(builder, loc, first, second, third)};
    if (name != "test.parameters")
      return {};
    QuantParameters parameters =
        quantizer.emitParameters(builder, loc, {first, second, third});
    if (!parameters.zero)
      return {parameters.scale};
    return {parameters.scale, parameters.zero};
  }

  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      auto quantizer = op->getAttrOfType<QuantizerAttrInterface>("by");
      if (!quantizer || op->isRegistered())
        return;
      OpBuilder builder(op);
      SmallVector<Value> values = expand(builder, op, quantizer);
      if (values.empty())
        return;
      op->replaceAllUsesWith(values);
      op->erase();
    });
  }
};
} // namespace

void registerTestQuantizers() { PassRegistration<TestQuantizers>(); }
