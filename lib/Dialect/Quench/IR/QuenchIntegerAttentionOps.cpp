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

#include <cmath>

using namespace mlir;
using namespace quench;

std::string quench::integer_attention::getProbabilityObstacle(
    QuantizerAttrInterface probabilities) {
  std::string reason;
  llvm::raw_string_ostream os(reason);
  SmallVector<double> numbers = probabilities.getTable().numbers;
  bool isUniform = isa<UniformAttr>(probabilities);
  if (probabilities.hasZeroPoint())
    os << probabilities << " has zero points";
  else if (probabilities.hasSignedCodes() ||
           (!isUniform && (numbers.empty() || numbers.front() < 0)))
    os << "the numbers of " << probabilities
       << " are neither unsigned integers nor a table from 0 on";
  else if (probabilities.getScaling().form != numerics::ScaleForm::Any ||
           (!hasRowScales(probabilities) &&
            !getQuantAxes(probabilities, 4).empty()))
    os << probabilities << " has neither a scale for each row nor one for all";
  return reason;
}

bool quench::integer_attention::hasRowScales(
    QuantizerAttrInterface probabilities) {
  SmallVector<QuantAxis> axes = getQuantAxes(probabilities, 4);
  return axes.size() == 3 && llvm::all_of(axes, [](QuantAxis axis) {
           return axis.dim < 3 && axis.block == 1;
         });
}

std::array<float, 4> quench::integer_attention::getWeightPolynomial(
    QuantizerAttrInterface probabilities) {
  // The least relative error with exactly 1 at 0: 1.1e-4.
  constexpr double coefficients[] = {1.0, 0.69328293, 0.24221096, 0.05500892};
  double unit = numberUnit;
  if (hasRowScales(probabilities) && isa<UniformAttr>(probabilities))
    unit = probabilities.getNumberRange().second *
           static_cast<double>(int64_t(1) << weightBits);
  std::array<float, 4> polynomial;
  for (auto [number, coefficient] : llvm::zip_equal(polynomial, coefficients))
    number = static_cast<float>(unit * coefficient);
  return polynomial;
}

integer_attention::ProbabilityIntegers
quench::integer_attention::getProbabilityIntegers(
    QuantizerAttrInterface probabilities) {
  // Of the distance to the next number, what rounding may change.
  constexpr double tolerance = 1.0 / 64;
  ProbabilityIntegers result;
  SmallVector<double> numbers = probabilities.getTable().numbers;
  if (numbers.empty())
    return result;
  auto [least, greatest] = probabilities.getNumberRange();
  for (result.bytes = 1;; ++result.bytes) {
    double unit = std::ldexp(greatest, 1 - 8 * static_cast<int>(result.bytes));
    result.unit = static_cast<float>(unit);
    result.integers.clear();
    bool isNear = true;
    for (size_t place = 0; place < numbers.size(); ++place) {
      double number = numbers[place], steps = number / unit,
             integer = std::nearbyint(steps);
      result.integers.push_back(static_cast<int32_t>(integer));
      double error = std::abs(integer - steps) * unit;
      // Neighbours that are the same number are none.
      auto isAllowed = [&](double other) {
        return other == number || error <= tolerance * std::abs(other - number);
      };
      isNear &= (place == 0 || isAllowed(numbers[place - 1])) &&
                (place + 1 == numbers.size() || isAllowed(numbers[place + 1]));
    }
    if (isNear || result.bytes == greatestBytes)
      return result;
  }
}

LogicalResult IntegerAttentionOp::inferShapes(Adaptor op,
                                              ShapeInference &shapes) {
  Type compute = Float32Type::get(shapes.getContext());
  QuantizerAttrInterface probabilities = op.getProbabilityQuantizer();
  if (failed(checkScoreShapes(op, shapes)) ||
      failed(checkIntegerOperands(op, shapes)))
    return failure();
  std::string reason = integer_attention::getProbabilityObstacle(probabilities);
  if (!reason.empty())
    return shapes.fail("cannot take such probabilities: ", reason);
  Value scale = op.getProbabilityScale();
  bool hasRows = integer_attention::hasRowScales(probabilities);
  if (hasRows != !scale)
    return shapes.fail("expected a scale of ", probabilities,
                       hasRows ? " to be computed, found one"
                               : " to be given, found none");
  // No dimension of the probabilities has parameters of its own.
  if (scale && failed(checkParameters(shapes, probabilities, op.getQuery(),
                                      scale, compute, Value(), Type())))
    return failure();
  return addAttentionResult(op, shapes, compute);
}

OpCost IntegerAttentionOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  return getAttentionCost(*this, getSize);
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.cpp.inc"
