//===- QuenchDynamicOps.cpp - Parameters at run time ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantParameters.h"
#include "TensorBuilder.h"

#include "Quench/Dialect/Quench/IR/QuenchDynamicOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;

LogicalResult DynamicParametersOp::inferShapes(Adaptor op,
                                               ShapeInference &shapes) {
  Value input = op.getInput();
  QuantizerAttrInterface quantizer = op.getQuantizer();
  if (!quantizer.hasZeroPoint())
    return shapes.fail("expected a format with zero points, found ", quantizer);
  if (getOuterDivisor(quantizer))
    return shapes.fail("expected scales that are not multiples of one for the "
                       "whole tensor, found ",
                       quantizer);
  SmallVector<Dim> dims;
  if (failed(inferParameterDims(shapes, quantizer, input, dims)))
    return failure();
  shapes.addResult(dims, getComputeType(shapes.getElementType(input)));
  shapes.addResult(dims, IntegerType::get(shapes.getContext(), 8));
  return success();
}

FailureOr<SmallVector<Value>>
DynamicParametersOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  QuantizerAttrInterface quantizer = getQuantizer();
  Type element = getScale().getType().getElementType();
  SmallVector<OpFoldResult> sizes = builder.getResultSizes(*this);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Value low = foldByParameters(
      builder, getInput(), quantizer, sizes, element, infinity,
      [](LoopBody &loop, Scalar least) { return min(least, loop[0]); });
  Value high = foldByParameters(
      builder, getInput(), quantizer, sizes, element, -infinity,
      [](LoopBody &loop, Scalar greatest) { return max(greatest, loop[0]); });
  SmallVector<unsigned> loops = TensorBuilder::range(sizes.size());
  SmallVector<Value> results = builder.mapMany(
      sizes, {element, builder.getI8Type()}, {{low, loops}, {high, loops}},
      [&](LoopBody &loop) {
        ImplicitLocOpBuilder &body = loop.getBuilder();
        QuantParameters parameters = quantizer.emitParameters(
            body, getLoc(), {Value(loop[0]), Value(loop[1]), Value()});
        Value zero = parameters.zero;
        if (Type byte = body.getI8Type(); zero.getType() != byte)
          zero = quantizer.hasSignedCodes()
                     ? Value(arith::ExtSIOp::create(body, byte, zero))
                     : Value(arith::ExtUIOp::create(body, byte, zero));
        return SmallVector<Scalar>{Scalar(body, parameters.scale),
                                   Scalar(body, zero)};
      });
  return SmallVector<Value>{builder.cast(results[0], getScale().getType()),
                            builder.cast(results[1], getZero().getType())};
}

OpCost DynamicParametersOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  return {/*macs=*/0, 2 * countElements(getInput(), getSize)};
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchDynamicOps.cpp.inc"
