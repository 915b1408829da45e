//===- DecomposeScan.cpp - The scan as a loop over time
//---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace quench;

// The state and the result are carried by a loop over tokens and updated in
// place; the state keeps the precision that the recurrence is computed in.
FailureOr<SmallVector<Value>>
SelectiveScanOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  Type type = getInput().getType().getElementType();
  Type compute = getComputeType(type);
  SmallVector<OpFoldResult> resultSizes = builder.getResultSizes(*this, 0);
  SmallVector<OpFoldResult> stateSizes = builder.getResultSizes(*this, 1);
  Value state = getState() ? builder.convert(getState(), compute)
                           : builder.fill(stateSizes, compute, 0);
  state = builder.cast(
      state, RankedTensorType::get(getUpdated().getType().getShape(), compute));
  Value result = builder.empty(resultSizes, type);

  Value zero = arith::ConstantIndexOp::create(builder, 0);
  Value one = arith::ConstantIndexOp::create(builder, 1);
  Value tokens = builder.getIndex(resultSizes[1]);
  enum : unsigned { B, C, S };
  auto loop = scf::ForOp::create(
      builder, zero, tokens, one, ValueRange{state, result},
      [&](OpBuilder &nested, Location loc, Value token, ValueRange carried) {
        TensorBuilder inner(nested, loc);
        auto at = [&](Value sequence) {
          return inner.select(sequence, 1, token);
        };
        Value u = at(getInput()), delta = at(getDelta());
        Value next = inner.fold(carried[0], {B, C, S}, 3,
                                {{u, {B, C}},
                                 {delta, {B, C}},
                                 {getA(), {C, S}},
                                 {at(getB()), {B, S}}},
                                [](LoopBody &body, Scalar h) {
                                  Scalar u = body[0], delta = body[1],
                                         a = body[2], b = body[3];
                                  return exp(delta * a) * h + delta * u * b;
                                });
        SmallVector<OpFoldResult> rowSizes = {resultSizes[0], resultSizes[2]};
        Value init =
            getD() ? inner.map(rowSizes, compute, {{u, {B, C}}, {getD(), {C}}},
                               [](LoopBody &body) { return body[0] * body[1]; })
                   : inner.fill(rowSizes, compute, 0);
        Value row = inner.fold(
            init, {B, C}, 3, {{next, {B, C, S}}, {at(getC()), {B, S}}},
            [](LoopBody &body, Scalar sum) { return sum + body[0] * body[1]; });
        Value written =
            inner.insert(inner.convert(row, type), carried[1], 1, token);
        scf::YieldOp::create(inner, ValueRange{next, written});
      });
  return SmallVector<Value>{loop.getResult(1),
                            builder.convert(loop.getResult(0), type)};
}
