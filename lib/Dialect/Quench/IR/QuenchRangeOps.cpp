//===- QuenchRangeOps.cpp - Ranges of quantizers as programs --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightValues.h"

#include "Quench/Dialect/Quench/IR/QuenchRangeOps.h"

#include "Quench/Support/RangeSearch.h"

#include <cmath>

using namespace mlir;
using namespace quench;

using Bytes = ArrayRef<char>;
using Dim = ShapeInference::Dim;

//===----------------------------------------------------------------------===//
// What the ops share
//===----------------------------------------------------------------------===//

/// Fails unless all dimensions of `value`, called `name`, are static and there
/// is a last one, of size `last` unless that is 0.
static LogicalResult checkParts(ShapeInference &shapes, Value value,
                                StringRef name, int64_t last = 0) {
  if (failed(shapes.checkMinimalRank(value, name, 1)))
    return failure();
  for (int64_t dim = 0, rank = shapes.getRank(value); dim < rank; ++dim)
    if (failed(shapes.checkStatic(value, name, dim)))
      return failure();
  SmallVector<Dim> dims = shapes.getDims(value, 1);
  dims.push_back(last ? shapes.getConstant(last) : Dim());
  return shapes.checkShape(value, name, dims);
}

/// Adds a result that has two numbers where `value` has its last dimension.
static LogicalResult addRanges(ShapeInference &shapes, Value value) {
  SmallVector<Dim> dims = shapes.getDims(value, 1);
  dims.push_back(shapes.getConstant(2));
  shapes.addResult(dims, Float64Type::get(shapes.getContext()));
  return success();
}

/// The shapes of a search in elements of weights, or in records of `size`
/// counts.
template <typename Adaptor>
static LogicalResult inferSearch(Adaptor op, ShapeInference &shapes,
                                 int64_t size) {
  Value extent = op.getExtent();
  if (failed(checkParts(shapes, op.getData(), "data", extent ? size : 0)))
    return failure();
  if (ShapeInference::getSize(shapes.getDim(op.getData(), -1)) == 0)
    return shapes.fail("expected data of at least one number, found ",
                       op.getData().getType());
  SmallVector<Dim> dims = shapes.getDims(op.getData(), 1);
  dims.push_back(shapes.getConstant(2));
  if (failed(shapes.checkShape(extent, "extent", dims)))
    return failure();
  return addRanges(shapes, op.getData());
}

static LogicalResult checkSteps(ShapeInference &shapes, int64_t steps) {
  if (steps >= 1 && steps <= 4096)
    return success();
  return shapes.fail("expected 1 to 4096 steps, found ", steps);
}

/// Part number `index` of the parts of `size` numbers of `value` in `bytes`.
static std::vector<double> getPart(Value value, Bytes bytes, int64_t index,
                                   int64_t size) {
  int64_t length = size * getBitWidth(getFloatDType(value)) / 8;
  return decodeNumbers(value, bytes.slice(index * length, length));
}

static int64_t getLastSize(Value value) {
  return getTensorType(value).getShape().back();
}

static bool isRange(double low, double high) {
  return low <= high && std::isfinite(high - low);
}

/// What codes of `quantizer` for a range make of numbers.
static bool fakeQuantize(QuantizerAttrInterface quantizer, Range range,
                         ArrayRef<double> numbers,
                         MutableArrayRef<double> result) {
  HostQuantParameters parameters =
      quantizer.getParameters({range.low, range.high}, /*wide=*/true);
  std::vector<int8_t> codes(numbers.size());
  int8_t zero = static_cast<int8_t>(parameters.zero);
  return succeeded(quantizer.quantize(numbers, parameters.scale, zero,
                                      /*wide=*/true, codes)) &&
         succeeded(quantizer.dequantize(codes, parameters.scale, zero,
                                        /*wide=*/true, result));
}

namespace {
/// The search of one part: its numbers, and how they become codes.
struct PartSearch {
  const Distribution &numbers;
  /// The record and the range of its numbers; no record where these are
  /// elements.
  ArrayRef<double> record;
  Range extent;
  RangeQuantizer quantize;

  double getError(Range range, double norm = 2) const {
    return getRangeError(numbers, range, norm, quantize);
  }
};
} // namespace

/// Runs `search` for every part of the data of `op`; fails with a diagnostic
/// where numbers are not finite or have no codes.
template <typename Op>
static LogicalResult
searchParts(Op op, ArrayRef<Bytes> operands, MutableArrayRef<char> result,
            llvm::function_ref<RangeChoice(const PartSearch &)> search) {
  QuantizerAttrInterface quantizer = op.getQuantizer();
  auto quantize = [&](Range range, ArrayRef<double> numbers,
                      MutableArrayRef<double> codes) {
    return fakeQuantize(quantizer, range, numbers, codes);
  };
  int64_t size = getLastSize(op.getData());
  std::vector<double> ranges;
  for (int64_t part = 0,
               e = getTensorType(op.getData()).getNumElements() / size;
       part < e; ++part) {
    std::vector<double> data =
        getPart(op.getData(), operands.front(), part, size);
    Range extent;
    if (op.getExtent()) {
      std::vector<double> ends =
          getPart(op.getExtent(), operands.back(), part, 2);
      extent = {ends[0], ends[1]};
    } else {
      auto [low, high] = std::minmax_element(data.begin(), data.end());
      extent = {*low, *high};
    }
    bool isFinite =
        llvm::all_of(data, [](double x) { return std::isfinite(x); });
    if (!isFinite || !isRange(extent.low, extent.high))
      return op.emitOpError("found numbers from ")
             << extent.low << " to " << extent.high << " in part " << part
             << ", expected finite ones";
    bool isSketch = op.getExtent() && size == sketch::size;
    Distribution numbers = isSketch ? Distribution::ofSketch(data, extent)
                           : op.getExtent() ? Distribution()
                                            : Distribution::ofNumbers(data);
    if (isSketch && numbers.empty())
      return op.emitOpError("found no number in the sketch of part ") << part;
    RangeChoice choice = search(
        {numbers, op.getExtent() ? ArrayRef<double>(data) : ArrayRef<double>(),
         extent, quantize});
    if (!std::isfinite(choice.error))
      return op.emitOpError("finds no range of finite error for part ") << part;
    ranges.insert(ranges.end(), {choice.range.low, choice.range.high});
  }
  encodeFloats(getFloatDType(op.getResult()), ranges, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// ExtentOp
//===----------------------------------------------------------------------===//

LogicalResult ExtentOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(shapes.checkShape(op.getMin(), "min", {Dim()})) ||
      failed(shapes.checkStatic(op.getMin(), "min", 0)) ||
      failed(shapes.checkShape(op.getMax(), "max",
                               {shapes.getDim(op.getMin(), 0)})))
    return failure();
  int64_t channels = ShapeInference::getSize(shapes.getDim(op.getMin(), 0));
  SmallVector<Dim> dims;
  int64_t parts = op.getParts().value_or(1);
  if (parts < 1 || channels == 0 || channels % parts != 0)
    return shapes.fail("expected to cut the channels into ", parts,
                       " equal parts, found ", channels);
  if (op.getParts())
    dims.push_back(shapes.getConstant(parts));
  dims.push_back(shapes.getConstant(2));
  shapes.addResult(dims, Float64Type::get(shapes.getContext()));
  return success();
}

LogicalResult ExtentOp::evaluateWeights(ArrayRef<Bytes> operands,
                                        MutableArrayRef<char> result) {
  int64_t parts = getParts().value_or(1);
  int64_t size = getLastSize(getMin()) / parts;
  std::vector<double> ranges;
  for (int64_t part = 0; part < parts; ++part) {
    std::vector<double> min = getPart(getMin(), operands[0], part, size);
    std::vector<double> max = getPart(getMax(), operands[1], part, size);
    for (auto [index, low, high] : llvm::enumerate(min, max))
      if (!isRange(low, high))
        return emitOpError("range of channel ")
               << part * size + index << " goes from " << low << " to " << high;
    ranges.insert(ranges.end(), {*std::min_element(min.begin(), min.end()),
                                 *std::max_element(max.begin(), max.end())});
  }
  encodeFloats(getFloatDType(getResult()), ranges, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// Searches
//===----------------------------------------------------------------------===//

LogicalResult PercentileRangeOp::inferShapes(Adaptor op,
                                             ShapeInference &shapes) {
  if (op.getPercentiles().empty())
    return shapes.fail("expected at least one percentile, found none");
  for (double p : op.getPercentiles())
    if (!(p >= 0.5 && p <= 1))
      return shapes.fail("expected percentiles from 0.5 to 1, found ", p);
  return inferSearch(op, shapes, sketch::size);
}

LogicalResult PercentileRangeOp::evaluateWeights(ArrayRef<Bytes> operands,
                                                 MutableArrayRef<char> result) {
  return searchParts(*this, operands, result, [&](const PartSearch &part) {
    return searchPercentiles(part.numbers, getPercentiles(),
                             [&](Range range) { return part.getError(range); });
  });
}

LogicalResult ShrunkenRangeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  double norm = op.getNorm().convertToDouble();
  if (!(norm > 0 && norm <= 16))
    return shapes.fail("expected a norm above 0, up to 16, found ", norm);
  if (failed(checkSteps(shapes, op.getSteps())))
    return failure();
  return inferSearch(op, shapes, sketch::size);
}

LogicalResult ShrunkenRangeOp::evaluateWeights(ArrayRef<Bytes> operands,
                                               MutableArrayRef<char> result) {
  double norm = getNorm().convertToDouble();
  return searchParts(*this, operands, result, [&](const PartSearch &part) {
    return searchShrunken(part.extent, getSteps(), getDual(), [&](Range range) {
      return part.getError(range, norm);
    });
  });
}

LogicalResult ProgressiveRangeOp::inferShapes(Adaptor op,
                                              ShapeInference &shapes) {
  int64_t zeros = op.getZeroPoints();
  if (zeros < 1 || zeros > 64)
    return shapes.fail("expected 1 to 64 zero points, found ", zeros);
  if (failed(checkSteps(shapes, op.getSteps())))
    return failure();
  return inferSearch(op, shapes, sketch::size);
}

LogicalResult
ProgressiveRangeOp::evaluateWeights(ArrayRef<Bytes> operands,
                                    MutableArrayRef<char> result) {
  auto [low, high] = getQuantizer().getNumberRange();
  SmallVector<Range> grids;
  if (getQuantizer().hasZeroPoint()) {
    // Zero points count from the lowest code.
    double span = high - low, middle = std::floor((span + 1) / 2);
    double count = std::min<double>(getZeroPoints(), span + 1);
    for (double zero = middle - std::floor(count / 2), end = zero + count;
         zero < end; ++zero)
      grids.push_back({-zero, span - zero});
  } else {
    grids.push_back({low, high});
  }
  ProgressiveRule rule;
  rule.grids = grids;
  rule.steps = getSteps();
  return searchParts(*this, operands, result, [&](const PartSearch &part) {
    return searchProgressively(
        part.numbers, rule, [&](Range range) { return part.getError(range); });
  });
}

LogicalResult EntropyRangeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkSteps(shapes, op.getSteps())))
    return failure();
  return inferSearch(op, shapes, histogram::size);
}

/// What the codes of `quantizer` reach where they just reach `extent`: without
/// zero points the ends depend on each other.
static Range getReach(QuantizerAttrInterface quantizer, Range extent) {
  if (quantizer.hasZeroPoint())
    return extent;
  auto [low, high] = quantizer.getNumberRange();
  double scale = std::max(extent.high / high, low < 0 ? extent.low / low : 0);
  return {low * scale, high * scale};
}

LogicalResult EntropyRangeOp::evaluateWeights(ArrayRef<Bytes> operands,
                                              MutableArrayRef<char> result) {
  return searchParts(*this, operands, result, [&](const PartSearch &part) {
    std::vector<double> counts = part.record.empty()
                                     ? part.numbers.getHistogram()
                                     : std::vector<double>(part.record);
    double limit = histogram::getLimit(
        std::max(std::abs(part.extent.low), std::abs(part.extent.high)));
    return searchEntropy(counts, limit, getReach(getQuantizer(), part.extent),
                         getSteps(), part.quantize);
  });
}

//===----------------------------------------------------------------------===//
// StaticScaleOp, StaticZeroOp
//===----------------------------------------------------------------------===//

/// Calls `body` with what the format of `op` makes of each of the ranges in
/// `bytes`; fails with a diagnostic where one is none.
template <typename Op>
static LogicalResult
forEachRange(Op op, Bytes bytes,
             llvm::function_ref<void(int64_t, HostQuantParameters)> body) {
  std::vector<double> numbers = decodeNumbers(op.getRange(), bytes);
  bool wide = getFloatDType(op.getRange()) == DType::F64;
  for (size_t index = 0; index < numbers.size() / 2; ++index) {
    double low = numbers[2 * index], high = numbers[2 * index + 1];
    if (!isRange(low, high))
      return op.emitOpError("range ")
             << index << " goes from " << low << " to " << high;
    body(index, op.getQuantizer().getParameters({low, high}, wide));
  }
  return success();
}

LogicalResult StaticScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkParts(shapes, op.getRange(), "range", 2)))
    return failure();
  shapes.addResult(shapes.getDims(op.getRange(), 1),
                   shapes.getElementType(op.getRange()));
  return success();
}

LogicalResult StaticScaleOp::evaluateWeights(ArrayRef<Bytes> operands,
                                             MutableArrayRef<char> result) {
  std::vector<double> scales;
  if (failed(forEachRange(*this, operands.front(),
                          [&](int64_t, HostQuantParameters parameters) {
                            scales.push_back(parameters.scale);
                          })))
    return failure();
  encodeFloats(getFloatDType(getResult()), scales, result.data());
  return success();
}

LogicalResult StaticZeroOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (!op.getQuantizer().hasZeroPoint())
    return shapes.fail("expected a quantizer with zero points, found ",
                       op.getQuantizer());
  if (failed(checkParts(shapes, op.getRange(), "range", 2)))
    return failure();
  shapes.addResult(shapes.getDims(op.getRange(), 1),
                   IntegerType::get(shapes.getContext(), 8));
  return success();
}

LogicalResult StaticZeroOp::evaluateWeights(ArrayRef<Bytes> operands,
                                            MutableArrayRef<char> result) {
  return forEachRange(*this, operands.front(),
                      [&](int64_t index, HostQuantParameters parameters) {
                        result[index] = static_cast<char>(parameters.zero);
                      });
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchRangeOps.cpp.inc"
