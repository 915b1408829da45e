//===- QuenchScaleOps.cpp - Scales of channels as programs ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchScaleOps.h"

#include "Quench/Support/ScaleRules.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace quench;

using Bytes = ArrayRef<char>;
using Dim = ShapeInference::Dim;

/// The numbers of `bytes`, which may lie anywhere.
static std::vector<double> getNumbers(Bytes bytes) {
  std::vector<double> numbers(bytes.size() / sizeof(double));
  llvm::copy(bytes, reinterpret_cast<char *>(numbers.data()));
  return numbers;
}

static void setNumbers(MutableArrayRef<char> result, ArrayRef<double> numbers) {
  std::copy_n(reinterpret_cast<const char *>(numbers.data()), result.size(),
              result.data());
}

/// Fails unless `vector`, called `name`, has one number for each of the
/// channels of `like`, or any number of them where `like` is null.
static LogicalResult checkVector(ShapeInference &shapes, Value vector,
                                 StringRef name, Value like = {}) {
  if (failed(shapes.checkShape(vector, name,
                               {like ? shapes.getDim(like, 0) : Dim()})))
    return failure();
  return shapes.checkStatic(vector, name, 0);
}

/// Checks that `first` and `second` are vectors of one size, which is that of
/// the result.
static LogicalResult inferPair(ShapeInference &shapes, Value first,
                               StringRef firstName, Value second,
                               StringRef secondName) {
  if (failed(checkVector(shapes, first, firstName)) ||
      failed(checkVector(shapes, second, secondName, first)))
    return failure();
  shapes.addResultLike(first);
  return success();
}

//===----------------------------------------------------------------------===//
// RandomScaleOp
//===----------------------------------------------------------------------===//

LogicalResult RandomScaleOp::verify() {
  double low = getLow().convertToDouble(), high = getHigh().convertToDouble();
  if (!(0 < low && low <= high && std::isfinite(high)))
    return emitOpError("expected 0 < low <= high, found ")
           << getLowAttr() << " and " << getHighAttr();
  if (!getResult().getType().hasStaticShape())
    return emitOpError("expected a static shape, found ")
           << getResult().getType();
  return success();
}

LogicalResult RandomScaleOp::evaluateWeights(ArrayRef<Bytes> operands,
                                             MutableArrayRef<char> result) {
  // The engine is the same everywhere, distributions of the library are not.
  std::mt19937_64 engine(getSeed());
  double low = std::log(getLow().convertToDouble());
  double high = std::log(getHigh().convertToDouble());
  std::vector<double> numbers(result.size() / sizeof(double));
  for (double &number : numbers)
    number =
        std::exp(low + (high - low) * std::ldexp(double(engine() >> 11), -53));
  setNumbers(result, numbers);
  return success();
}

//===----------------------------------------------------------------------===//
// BalancedScaleOp
//===----------------------------------------------------------------------===//

LogicalResult BalancedScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  double alpha = op.getAlpha().convertToDouble();
  if (!(alpha >= 0 && alpha <= 1))
    return shapes.fail("expected alpha from 0 to 1, found ", op.getAlphaAttr());
  double high = op.getHigh() ? op.getHigh()->convertToDouble() : HUGE_VAL;
  if (!(op.getLow().convertToDouble() > 0 &&
        op.getLow().convertToDouble() <= high))
    return shapes.fail("expected 0 < low <= high, found ", op.getLowAttr(),
                       " and ", high);
  if (!(op.getWeightFloor().convertToDouble() > 0))
    return shapes.fail("expected a positive weight_floor, found ",
                       op.getWeightFloorAttr());
  if (op.getWeights().empty())
    return shapes.fail("expected at least one weight, found none");
  if (failed(checkVector(shapes, op.getActivation(), "activation")))
    return failure();
  for (Value weight : op.getWeights())
    if (failed(checkVector(shapes, weight, "weight", op.getActivation())))
      return failure();
  shapes.addResultLike(op.getActivation());
  return success();
}

LogicalResult BalancedScaleOp::evaluateWeights(ArrayRef<Bytes> operands,
                                               MutableArrayRef<char> result) {
  BalanceRule rule{getAlpha().convertToDouble(),
                   getWeightFloor().convertToDouble(),
                   getLow().convertToDouble()};
  if (getHigh())
    rule.high = getHigh()->convertToDouble();
  std::vector<double> numbers = getNumbers(operands.front());
  std::vector<double> weight(numbers.size(), 0);
  for (Bytes operand : operands.drop_front())
    for (auto [greatest, number] : llvm::zip_equal(weight, getNumbers(operand)))
      greatest = number > greatest || std::isnan(number) ? number : greatest;
  for (auto [number, greatest] : llvm::zip_equal(numbers, weight))
    number = balanceScale(number, greatest, rule);
  setNumbers(result, numbers);
  return success();
}

//===----------------------------------------------------------------------===//
// AwqScaleOp
//===----------------------------------------------------------------------===//

LogicalResult AwqScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  int64_t bits = op.getBits(), group = op.getGroup(), steps = op.getSteps();
  if (bits < 1 || bits > 16)
    return shapes.fail("expected 1 to 16 bits, found ", bits);
  if (group < 0)
    return shapes.fail("expected a group of at least 0, found ", group);
  if (steps < 1)
    return shapes.fail("expected at least 1 step, found ", steps);
  if (op.getWeights().empty())
    return shapes.fail("expected at least one weight, found none");
  if (failed(checkVector(shapes, op.getMean(), "mean")))
    return failure();
  Dim channels = shapes.getDim(op.getMean(), 0);
  if (failed(shapes.checkShape(op.getGram(), "gram", {channels, channels})))
    return failure();
  for (Value weight : op.getWeights())
    if (failed(shapes.checkShape(weight, "weight", {Dim(), channels})) ||
        failed(shapes.checkStatic(weight, "weight", 0)))
      return failure();
  shapes.addResultLike(op.getMean());
  return success();
}

LogicalResult AwqScaleOp::evaluateWeights(ArrayRef<Bytes> operands,
                                          MutableArrayRef<char> result) {
  std::vector<double> mean = getNumbers(operands[0]);
  std::vector<double> gram = getNumbers(operands[1]);
  SmallVector<std::vector<double>> elements;
  for (Bytes operand : operands.drop_front(2))
    elements.push_back(getNumbers(operand));
  SmallVector<MatrixRef> weights;
  for (auto [weight, numbers] : llvm::zip_equal(getWeights(), elements))
    weights.push_back(
        {numbers, cast<RankedTensorType>(weight.getType()).getDimSize(0)});
  AwqRule rule{static_cast<unsigned>(getBits()),
               static_cast<int64_t>(getGroup()),
               static_cast<unsigned>(getSteps())};
  std::vector<double> scales(mean.size());
  AwqChoice choice = searchAwqScales(weights, mean, gram, rule, scales);
  if (!std::isfinite(choice.loss))
    return emitOpError("finds no scale of finite error: weights or statistics "
                       "are not finite");
  setNumbers(result, scales);
  return success();
}

//===----------------------------------------------------------------------===//
// TieScaleOp, CheckedScaleOp
//===----------------------------------------------------------------------===//

/// Checks that `input` is a vector of repetitions of `partners`, which go both
/// ways, and is the shape of the result.
static LogicalResult inferPartners(ShapeInference &shapes, Value input,
                                   ArrayRef<int64_t> partners) {
  if (failed(checkVector(shapes, input, "input")))
    return failure();
  int64_t size = partners.size();
  for (auto [index, partner] : llvm::enumerate(partners))
    if (partner < 0 || partner >= size ||
        partners[partner] != static_cast<int64_t>(index))
      return shapes.fail("expected each to be the partner of its partner, but "
                         "element ",
                         index, " has partner ", partner);
  int64_t channels = ShapeInference::getSize(shapes.getDim(input, 0));
  if (size != 0 && channels % size != 0)
    return shapes.fail("expected a multiple of ", size, " channels, found ",
                       channels);
  shapes.addResultLike(input);
  return success();
}

/// The partner of element `index`.
static size_t getPartner(ArrayRef<int64_t> partners, size_t index) {
  if (partners.empty())
    return index;
  size_t place = index % partners.size();
  return index - place + partners[place];
}

LogicalResult TieScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferPartners(shapes, op.getInput(), op.getPartners());
}

LogicalResult TieScaleOp::evaluateWeights(ArrayRef<Bytes> operands,
                                          MutableArrayRef<char> result) {
  std::vector<double> input = getNumbers(operands.front()), tied = input;
  for (size_t index = 0; index < input.size(); ++index) {
    double other = input[getPartner(getPartners(), index)];
    if (other > tied[index] || std::isnan(other))
      tied[index] = other;
  }
  setNumbers(result, tied);
  return success();
}

LogicalResult CheckedScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferPartners(shapes, op.getInput(), op.getPartners());
}

LogicalResult CheckedScaleOp::evaluateWeights(ArrayRef<Bytes> operands,
                                              MutableArrayRef<char> result) {
  std::vector<double> input = getNumbers(operands.front());
  for (auto [index, scale] : llvm::enumerate(input)) {
    if (!(scale > 0 && std::isfinite(scale)))
      return emitOpError("scale of site '")
             << getSite() << "' is " << scale << " at channel " << index
             << ", expected a positive finite number";
    size_t partner = getPartner(getPartners(), index);
    if (input[partner] != scale)
      return emitOpError("scale of site '")
             << getSite() << "' is " << scale << " at channel " << index
             << " and " << input[partner] << " at channel " << partner
             << ", expected one number for a pair of rotary embedding";
  }
  setNumbers(result, input);
  return success();
}

//===----------------------------------------------------------------------===//
// CommonScaleOp, CommonZeroOp, FillDeadOp
//===----------------------------------------------------------------------===//

LogicalResult CommonScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkVector(shapes, op.getScales(), "scales")))
    return failure();
  shapes.addResult({}, shapes.getElementType(op.getScales()));
  return success();
}

LogicalResult CommonScaleOp::evaluateWeights(ArrayRef<Bytes> operands,
                                             MutableArrayRef<char> result) {
  CommonScaleRule rule = CommonScaleRule::Mean;
  switch (getKind()) {
  case CommonScaleKind::Mean:
    break;
  case CommonScaleKind::Median:
    rule = CommonScaleRule::Median;
    break;
  case CommonScaleKind::PowerOfTwo:
    rule = CommonScaleRule::PowerOfTwo;
    break;
  }
  setNumbers(result, getCommonScale(getNumbers(operands.front()), rule));
  return success();
}

LogicalResult CommonZeroOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  int64_t low = op.getLow(), high = op.getHigh();
  if (low > high)
    return shapes.fail("expected low <= high, found ", low, " and ", high);
  if (failed(checkVector(shapes, op.getZeros(), "zeros")) ||
      failed(checkVector(shapes, op.getScales(), "scales", op.getZeros())))
    return failure();
  shapes.addResult({}, shapes.getElementType(op.getZeros()));
  return success();
}

LogicalResult CommonZeroOp::evaluateWeights(ArrayRef<Bytes> operands,
                                            MutableArrayRef<char> result) {
  double zero = getCommonZero(getNumbers(operands[0]), getNumbers(operands[1]),
                              static_cast<int64_t>(getLow()),
                              static_cast<int64_t>(getHigh()));
  setNumbers(result, zero);
  return success();
}

LogicalResult FillDeadOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(shapes.checkShape(op.getValue(), "value", {})))
    return failure();
  return inferPair(shapes, op.getInput(), "input", op.getScales(), "scales");
}

LogicalResult FillDeadOp::evaluateWeights(ArrayRef<Bytes> operands,
                                          MutableArrayRef<char> result) {
  std::vector<double> numbers = getNumbers(operands[0]);
  double value = getNumbers(operands[2]).front();
  for (auto [number, scale] : llvm::zip_equal(numbers, getNumbers(operands[1])))
    if (scale == 0)
      number = value;
  setNumbers(result, numbers);
  return success();
}

//===----------------------------------------------------------------------===//
// RangeScaleOp, RangeZeroOp
//===----------------------------------------------------------------------===//

static LogicalResult inferRange(ShapeInference &shapes, Value min, Value max,
                                int64_t levels) {
  if (levels < 2)
    return shapes.fail("expected at least 2 levels, found ", levels);
  return inferPair(shapes, min, "min", max, "max");
}

/// The ranges of all channels; fails with a diagnostic at `op` unless they are
/// ranges.
static FailureOr<SmallVector<ChannelRange>>
getRanges(Operation *op, ArrayRef<Bytes> operands, double low, double levels) {
  SmallVector<ChannelRange> ranges;
  for (auto [min, max] :
       llvm::zip_equal(getNumbers(operands[0]), getNumbers(operands[1]))) {
    if (!(min <= max && std::isfinite(max - min)))
      return op->emitOpError("range of channel ")
             << ranges.size() << " goes from " << min << " to " << max;
    ranges.push_back(getChannelRange(min, max, low, levels));
  }
  return ranges;
}

LogicalResult RangeScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferRange(shapes, op.getMin(), op.getMax(), op.getLevels());
}

LogicalResult RangeScaleOp::evaluateWeights(ArrayRef<Bytes> operands,
                                            MutableArrayRef<char> result) {
  FailureOr<SmallVector<ChannelRange>> ranges =
      getRanges(*this, operands, /*low=*/0, getLevels());
  if (failed(ranges))
    return failure();
  setNumbers(result, llvm::map_to_vector(*ranges, [](ChannelRange range) {
               return range.scale;
             }));
  return success();
}

LogicalResult RangeZeroOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferRange(shapes, op.getMin(), op.getMax(), op.getLevels());
}

LogicalResult RangeZeroOp::evaluateWeights(ArrayRef<Bytes> operands,
                                           MutableArrayRef<char> result) {
  FailureOr<SmallVector<ChannelRange>> ranges =
      getRanges(*this, operands, static_cast<int64_t>(getLow()), getLevels());
  if (failed(ranges))
    return failure();
  setNumbers(result, llvm::map_to_vector(*ranges, [](ChannelRange range) {
               return range.zero;
             }));
  return success();
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchScaleOps.cpp.inc"
