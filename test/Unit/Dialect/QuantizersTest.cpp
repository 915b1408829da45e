//===- QuantizersTest.cpp - What quantizers emit --------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Support/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

#include "gtest/gtest.h"

using namespace mlir;
using namespace quench;

/// Emits the code of `value` and what it stands for and has both folded.
static void check(UniformAttr format, float value, float scale, int32_t zero) {
  MLIRContext *context = format.getContext();
  OpBuilder builder(context);
  Location loc = builder.getUnknownLoc();
  IntegerType storage = format.getStorageType();
  Type f32 = builder.getF32Type();
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, loc);
  builder.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(
      builder, loc, "f", builder.getFunctionType({}, {storage, f32, f32}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  auto constant = [&](TypedAttr attr) -> Value {
    return arith::ConstantOp::create(builder, loc, attr);
  };
  Value input = constant(builder.getF32FloatAttr(value));
  Value factor = constant(builder.getF32FloatAttr(scale));
  Value shift;
  if (format.hasZeroPoint())
    shift = constant(builder.getIntegerAttr(storage, zero));
  Value code = format.emitQuantize(builder, loc, input, factor, shift);
  Value number = format.emitDequantize(builder, loc, code, factor, shift);
  Value fake = format.emitFakeQuantize(builder, loc, input, factor, shift);
  auto exit = func::ReturnOp::create(builder, loc, {code, number, fake});
  ASSERT_TRUE(succeeded(verify(*module)));
  ASSERT_TRUE(succeeded(applyPatternsGreedily(*module, {})));

  int32_t expected = numerics::quantize(
      value, scale, zero, {format.getBits(), format.getIsSigned()});
  APInt foundCode;
  APFloat foundNumber(0.0f), foundFake(0.0f);
  ASSERT_TRUE(matchPattern(exit.getOperand(0), m_ConstantInt(&foundCode)));
  ASSERT_TRUE(matchPattern(exit.getOperand(1), m_ConstantFloat(&foundNumber)));
  ASSERT_TRUE(matchPattern(exit.getOperand(2), m_ConstantFloat(&foundFake)));
  EXPECT_EQ(format.getIsSigned() ? foundCode.getSExtValue()
                                 : int64_t(foundCode.getZExtValue()),
            expected);
  APFloat stands(numerics::dequantize(expected, scale, zero));
  EXPECT_TRUE(foundNumber.bitwiseIsEqual(stands));
  EXPECT_TRUE(foundFake.bitwiseIsEqual(stands));
}

// C6, C8, C9: codes, what they stand for, and both in one.
TEST(Quantizers, EmitTheContract) {
  MLIRContext context;
  context.loadDialect<QuenchDialect, arith::ArithDialect, func::FuncDialect,
                      math::MathDialect>();
  for (unsigned bits : {2, 4, 8})
    for (bool isSigned : {false, true})
      for (bool asymmetric : {false, true}) {
        auto format =
            UniformAttr::get(&context, bits, isSigned, asymmetric,
                             /*axis=*/std::nullopt, /*per_token=*/false,
                             /*group=*/std::nullopt);
        int32_t zero =
            asymmetric ? numerics::UniformCodes{bits, isSigned}.highest() - 2
                       : 0;
        for (float value : {0.0f, -0.0f, 0.25f, -0.25f, 0.75f, -1.25f, 3.1f,
                            -100.0f, 1e30f, -1e30f})
          check(format, value, 0.5f, zero);
      }
}
