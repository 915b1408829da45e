//===- QuenchIntegerAttentionOps.cpp - Attention of codes -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h"

#include "AttentionShapes.h"
#include "QuantParameters.h"

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;

std::array<float, 4> quench::integer_attention::getWeightPolynomial(
    QuantizerAttrInterface probabilities) {
  // The least relative error with exactly 1 at 0: 1.1e-4.
  constexpr double coefficients[] = {1.0, 0.69328293, 0.24221096, 0.05500892};
  double unit = probabilities.getNumberRange().second *
                static_cast<double>(int64_t(1) << weightBits);
  std::array<float, 4> polynomial;
  for (auto [number, coefficient] : llvm::zip_equal(polynomial, coefficients))
    number = static_cast<float>(unit * coefficient);
  return polynomial;
}

/// Fails unless `quantizer`, of what is called `name`, has integers without
/// zero points, and scales that are the same within dimension `dim` of four.
static LogicalResult checkFormat(ShapeInference &shapes,
                                 QuantizerAttrInterface quantizer,
                                 StringRef name, int64_t dim) {
  return failure(failed(checkHasIntegers(shapes, quantizer)) ||
                 failed(checkHasScalesAlone(shapes, quantizer)) ||
                 failed(checkHasOneScale(shapes, quantizer, name, dim)));
}

LogicalResult IntegerAttentionOp::inferShapes(Adaptor op,
                                              ShapeInference &shapes) {
  Value query = op.getQuery(), key = op.getKey(), value = op.getValue();
  QuantizerAttrInterface probabilities = op.getProbabilityQuantizer();
  Type compute = Float32Type::get(shapes.getContext());
  if (failed(checkScoreShapes(op, shapes)) ||
      failed(shapes.checkShape(value, "value",
                               {shapes.getDim(key, 0), shapes.getDim(key, 1),
                                shapes.getDim(key, 2), Dim()})) ||
      failed(checkFormat(shapes, op.getQueryQuantizer(), "query", 3)) ||
      failed(checkFormat(shapes, op.getKeyQuantizer(), "key", 3)) ||
      failed(checkFormat(shapes, op.getValueQuantizer(), "value", 1)) ||
      failed(checkFormat(shapes, probabilities, "probabilities", 3)) ||
      failed(checkParameters(shapes, op.getQueryQuantizer(), query,
                             op.getQueryScale(), compute, Value(), Type())) ||
      failed(checkParameters(shapes, op.getKeyQuantizer(), key,
                             op.getKeyScale(), compute, Value(), Type())) ||
      failed(checkParameters(shapes, op.getValueQuantizer(), value,
                             op.getValueScale(), compute, Value(), Type())))
    return failure();
  if (probabilities.hasSignedCodes() ||
      getQuantAxes(probabilities, 4).size() != 3 ||
      probabilities.getScaling().form != numerics::ScaleForm::Any)
    return shapes.fail("expected unsigned probabilities with a scale for each "
                       "row, found ",
                       probabilities);
  if (failed(checkScoreSums(op, shapes)))
    return failure();
  return addAttentionResult(op, shapes, compute);
}

OpCost IntegerAttentionOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  return getAttentionCost(*this, getSize);
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.cpp.inc"
