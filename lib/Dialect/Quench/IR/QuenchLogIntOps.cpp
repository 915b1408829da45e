//===- QuenchLogIntOps.cpp - Attention by an integer softmax --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.h"

#include "AttentionShapes.h"
#include "QuantParameters.h"

#include "Quench/Support/LogIntSoftmax.h"

using namespace mlir;
using namespace quench;

using SizeFn = llvm::function_ref<int64_t(Value value, int64_t dim)>;

std::string quench::getLogIntObstacle(QuantizerAttrInterface quantizer) {
  auto log = dyn_cast<LogAttr>(quantizer);
  if (log && log.getBits() <= LogIntSoftmax::greatestBits &&
      log.getNumerator() == log.getDenominator() && log.getUnit() == 0 &&
      log.getZero() != ZeroState::None && log.getScaling() == QuantScaling())
    return "";
  std::string reason;
  llvm::raw_string_ostream(reason)
      << quantizer << " is not #quench.log of up to "
      << LogIntSoftmax::greatestBits
      << " bits with step 1, a code for 0 and one scale";
  return reason;
}

/// Fails unless `quantizer` and `step` are those of an integer softmax.
static LogicalResult checkLogInt(ShapeInference &shapes,
                                 QuantizerAttrInterface quantizer,
                                 const APFloat &step) {
  if (std::string reason = getLogIntObstacle(quantizer); !reason.empty())
    return shapes.fail("cannot give such probabilities: ", reason);
  double number = step.convertToDouble();
  // Also false for a NaN.
  if (!(number >= LogIntSoftmax::leastStep &&
        number <= LogIntSoftmax::greatestStep))
    return shapes.fail("expected a step from ", LogIntSoftmax::leastStep,
                       " to ", LogIntSoftmax::greatestStep, ", found ", number);
  return success();
}

//===----------------------------------------------------------------------===//
// LogIntProbabilitiesOp
//===----------------------------------------------------------------------===//

LogicalResult LogIntProbabilitiesOp::inferShapes(Adaptor op,
                                                 ShapeInference &shapes) {
  Value query = op.getQuery();
  Type type = shapes.getElementType(query);
  if (failed(checkScoreShapes(op, shapes)) ||
      failed(shapes.checkElementType(op.getKey(), "key", type)) ||
      (op.getBias() &&
       failed(shapes.checkElementType(op.getBias(), "bias", type))) ||
      failed(checkLogInt(shapes, op.getQuantizer(), op.getStep())))
    return failure();
  shapes.addResult({shapes.getDim(query, 0), shapes.getDim(query, 2),
                    shapes.getDim(query, 1), shapes.getDim(op.getKey(), 1)},
                   type);
  return success();
}

OpCost LogIntProbabilitiesOp::getCost(SizeFn getSize) {
  int64_t scores = getSize(getKey(), 1);
  for (int64_t dim = 0; dim < 3; ++dim)
    scores *= getSize(getQuery(), dim);
  return {scores * getSize(getQuery(), 3), scores};
}

//===----------------------------------------------------------------------===//
// LogIntAttentionOp
//===----------------------------------------------------------------------===//

LogicalResult LogIntAttentionOp::inferShapes(Adaptor op,
                                             ShapeInference &shapes) {
  if (failed(checkScoreShapes(op, shapes)) ||
      failed(checkLogInt(shapes, op.getProbabilityQuantizer(), op.getStep())) ||
      failed(checkIntegerOperands(op, shapes)))
    return failure();
  return addAttentionResult(op, shapes, Float32Type::get(shapes.getContext()));
}

OpCost LogIntAttentionOp::getCost(SizeFn getSize) {
  return getAttentionCost(*this, getSize);
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.cpp.inc"
