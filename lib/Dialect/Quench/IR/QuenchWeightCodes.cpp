//===- QuenchWeightCodes.cpp - Codes of parameters ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParameterMap.h"
#include "Rounder.h"
#include "TensorBuilder.h"
#include "WeightValues.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"

#include "Quench/Support/FloatBytes.h"

#include <cmath>

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;
using Operands = ArrayRef<ArrayRef<char>>;

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

ParameterMap::ParameterMap(Value tensor, QuantizerAttrInterface quantizer)
    : shape(getTensorType(tensor).getShape()),
      axes(getQuantAxes(quantizer, shape.size())) {}

std::optional<RowRange> ParameterMap::getParameterRows(RowRange rows,
                                                       RowRange all) const {
  if (axes.empty() || axes.front().dim != 0)
    return all;
  if (axes.front().block != 1)
    return std::nullopt;
  return rows;
}

std::optional<RowRange> ParameterMap::getTensorRows(RowRange rows) const {
  if (axes.empty() || axes.front().dim != 0 || axes.front().block != 1)
    return std::nullopt;
  return rows;
}

std::optional<int64_t> ParameterMap::getParameterAxis(int64_t axis) const {
  for (auto [index, quantAxis] : llvm::enumerate(axes))
    if (quantAxis.dim == axis)
      return quantAxis.block == 1 ? std::optional<int64_t>(index)
                                  : std::nullopt;
  return wholeOperand;
}

int64_t ParameterMap::getPlace(int64_t row, int64_t column) const {
  int64_t place = 0;
  for (QuantAxis axis : axes)
    place = place * (shape[axis.dim] / axis.block) +
            (axis.dim == 0 ? row : column) / axis.block;
  return place;
}

LogicalResult ParameterMap::walk(
    RowRange rows,
    llvm::function_ref<LogicalResult(int64_t, int64_t, int64_t)> body) const {
  SmallVector<int64_t> sizes = llvm::to_vector(shape);
  if (sizes.empty())
    return body(0, 1, 0);
  sizes.front() = rows.size();
  int64_t line = sizes.pop_back_val(), run = line, lines = 1;
  for (int64_t size : sizes)
    lines *= size;
  ArrayRef<QuantAxis> outer = axes;
  if (!axes.empty() && axes.back().dim == static_cast<int64_t>(sizes.size())) {
    run = axes.back().block;
    outer = outer.drop_back();
  }
  int64_t runs = run == 0 ? 0 : line / run;
  SmallVector<int64_t> indices(sizes.size(), 0);
  for (int64_t index = 0; index < lines; ++index) {
    int64_t parameter = 0;
    for (QuantAxis axis : outer)
      parameter = parameter * (sizes[axis.dim] / axis.block) +
                  indices[axis.dim] / axis.block;
    for (int64_t part = 0; part < runs; ++part)
      if (failed(body(index * line + part * run, run,
                      outer.size() == axes.size() ? parameter
                                                  : parameter * runs + part)))
        return failure();
    for (int64_t dim = sizes.size() - 1; dim >= 0; --dim) {
      if (++indices[dim] < sizes[dim])
        break;
      indices[dim] = 0;
    }
  }
  return success();
}

LogicalResult quench::checkAllStatic(ShapeInference &shapes, Value value,
                                     StringRef name) {
  for (int64_t dim = 0, rank = shapes.getRank(value); dim < rank; ++dim)
    if (failed(shapes.checkStatic(value, name, dim)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// QuantizeOp
//===----------------------------------------------------------------------===//

/// Whether operand `operand` of `op`, a QuantizeOp or DequantizeOp, is its
/// table.
template <typename OpT>
static bool isTable(OpT op, unsigned operand) {
  return op.getTable() && operand == op->getNumOperands() - 1;
}

/// The rows of operand `operand` of such an op for those of the result.
template <typename OpT>
static std::optional<RowRange> getCodingRows(OpT op, unsigned operand,
                                             RowRange rows) {
  if (operand == 0)
    return rows;
  RowRange all = getAllRows(op->getOperand(operand));
  if (isTable(op, operand))
    return all;
  return ParameterMap(op.getInput(), op.getQuantizer())
      .getParameterRows(rows, all);
}

/// The same for panels. A panel need not have whole blocks, nor the dimension
/// that the format names.
template <typename OpT>
static std::optional<int64_t> getCodingAxis(OpT op, unsigned operand,
                                            int64_t axis) {
  std::optional<int64_t> parameter =
      ParameterMap(op.getInput(), op.getQuantizer()).getParameterAxis(axis);
  if (parameter && operand == 0)
    return axis;
  return parameter && isTable(op, operand) ? wholeOperand : parameter;
}

/// What gives codes and numbers for `op`, which computes in the type of its
/// scale.
template <typename OpT>
static FailureOr<Rounder> getRounder(OpT op, Operands operands) {
  return Rounder::get(op, op.getQuantizer(),
                      getFloatDType(op.getScale()) == DType::F64,
                      op.getTable() ? operands.back() : ArrayRef<char>());
}

/// The zero point of the parameters at `place` of such an op; 0 for a format
/// without.
template <typename OpT>
static int8_t getZeroAt(OpT op, Operands operands, int64_t place) {
  return op.getZero() ? static_cast<int8_t>(operands[2][place]) : 0;
}

LogicalResult QuantizeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  Type code = IntegerType::get(shapes.getContext(), 8);
  if (failed(checkAllStatic(shapes, input, "input")) ||
      failed(checkCodeParameters(shapes, op.getQuantizer(), input,
                                 op.getScale(),
                                 getComputeType(shapes.getElementType(input)),
                                 op.getZero(), code, op.getTable())))
    return failure();
  shapes.addResult(shapes.getDims(input), code);
  return success();
}

std::optional<RowRange> QuantizeOp::getOperandRows(unsigned operand,
                                                   RowRange rows) {
  return getCodingRows(*this, operand, rows);
}

std::optional<int64_t> QuantizeOp::getOperandAxis(unsigned operand,
                                                  int64_t axis) {
  return getCodingAxis(*this, operand, axis);
}

LogicalResult QuantizeOp::evaluateRows(Operands operands, RowRange rows,
                                       MutableArrayRef<char> result) {
  std::vector<double> scale = decodeNumbers(getScale(), operands[1]);
  DType dtype = getFloatDType(getInput());
  int64_t width = getBitWidth(dtype) / 8;
  FailureOr<Rounder> rounder = getRounder(*this, operands);
  if (failed(rounder))
    return failure();
  std::vector<double> numbers;
  auto quantize = [&](int64_t begin, int64_t count,
                      int64_t parameter) -> LogicalResult {
    numbers.resize(count);
    decodeFloats(dtype, operands[0].data() + begin * width, numbers);
    MutableArrayRef<int8_t> codes(
        reinterpret_cast<int8_t *>(result.data()) + begin, count);
    if (failed(rounder->quantize(numbers, scale[parameter],
                                 getZeroAt(*this, operands, parameter), codes)))
      return failCodes(*this, getQuantizer());
    return success();
  };
  return ParameterMap(getInput(), getQuantizer()).walk(rows, quantize);
}

//===----------------------------------------------------------------------===//
// DequantizeOp
//===----------------------------------------------------------------------===//

LogicalResult DequantizeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), scale = op.getScale();
  if (failed(checkAllStatic(shapes, input, "input")) ||
      failed(checkCodeParameters(shapes, op.getQuantizer(), input, scale,
                                 shapes.getElementType(scale), op.getZero(),
                                 shapes.getElementType(input), op.getTable())))
    return failure();
  shapes.addResult(shapes.getDims(input), shapes.getElementType(scale));
  return success();
}

std::optional<RowRange> DequantizeOp::getOperandRows(unsigned operand,
                                                     RowRange rows) {
  return getCodingRows(*this, operand, rows);
}

std::optional<int64_t> DequantizeOp::getOperandAxis(unsigned operand,
                                                    int64_t axis) {
  return getCodingAxis(*this, operand, axis);
}

LogicalResult DequantizeOp::evaluateRows(Operands operands, RowRange rows,
                                         MutableArrayRef<char> result) {
  std::vector<double> scale = decodeNumbers(getScale(), operands[1]);
  DType dtype = getFloatDType(getScale());
  int64_t width = getBitWidth(dtype) / 8;
  FailureOr<Rounder> rounder = getRounder(*this, operands);
  if (failed(rounder))
    return failure();
  std::vector<double> numbers;
  auto dequantize = [&](int64_t begin, int64_t count,
                        int64_t parameter) -> LogicalResult {
    numbers.resize(count);
    ArrayRef<int8_t> codes(
        reinterpret_cast<const int8_t *>(operands[0].data()) + begin, count);
    if (failed(rounder->dequantize(codes, scale[parameter],
                                   getZeroAt(*this, operands, parameter),
                                   numbers)))
      return failCodes(*this, getQuantizer());
    encodeFloats(dtype, numbers, result.data() + begin * width);
    return success();
  };
  return ParameterMap(getInput(), getQuantizer()).walk(rows, dequantize);
}

//===----------------------------------------------------------------------===//
// QuantScaleOp
//===----------------------------------------------------------------------===//

LogicalResult QuantScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  SmallVector<Dim> dims;
  if (failed(checkAllStatic(shapes, input, "input")) ||
      failed(checkHasScalesAlone(shapes, op.getQuantizer())) ||
      failed(inferParameterDims(shapes, op.getQuantizer(), input, dims)))
    return failure();
  shapes.addResult(dims, getComputeType(shapes.getElementType(input)));
  return success();
}

std::optional<RowRange> QuantScaleOp::getOperandRows(unsigned operand,
                                                     RowRange rows) {
  if (getOuterDivisor(getQuantizer()))
    return std::nullopt;
  return ParameterMap(getInput(), getQuantizer()).getTensorRows(rows);
}

std::optional<int64_t> QuantScaleOp::getOperandAxis(unsigned operand,
                                                    int64_t axis) {
  QuantAxis quantAxis =
      getQuantAxes(getQuantizer(), getTensorType(getInput()).getRank())[axis];
  if (getOuterDivisor(getQuantizer()) || quantAxis.block != 1)
    return std::nullopt;
  return quantAxis.dim;
}

double quench::getOuterScale(ArrayRef<double> largest,
                             QuantizerAttrInterface quantizer, bool wide) {
  std::optional<double> divisor = getOuterDivisor(quantizer);
  if (!divisor)
    return 1;
  double all = 0;
  for (double number : largest)
    all = number > all || number != number ? number : all;
  double scale = wide ? all / *divisor : float(all) / float(*divisor);
  return finishScale(scale, numerics::ScaleForm::Any, /*upwards=*/true,
                     /*outer=*/1, wide);
}

LogicalResult QuantScaleOp::evaluateRows(Operands operands, RowRange rows,
                                         MutableArrayRef<char> result) {
  DType dtype = getFloatDType(getInput()),
        scaleType = getFloatDType(getResult());
  int64_t width = getBitWidth(dtype) / 8;
  std::vector<double> scales(result.size() * 8 / getBitWidth(scaleType), 0);
  RowRange inputRows = getOperandRows(0, rows).value_or(getAllRows(getInput()));
  std::vector<double> numbers;
  auto include = [&](int64_t begin, int64_t count, int64_t parameter) {
    numbers.resize(count);
    decodeFloats(dtype, operands[0].data() + begin * width, numbers);
    double largest = scales[parameter];
    for (double number : numbers) {
      number = std::fabs(number);
      largest = number > largest || number != number ? number : largest;
    }
    scales[parameter] = largest;
    return success();
  };
  if (failed(ParameterMap(getInput(), getQuantizer()).walk(inputRows, include)))
    return failure();
  bool wide = scaleType == DType::F64;
  double outer = getOuterScale(scales, getQuantizer(), wide);
  for (double &scale : scales)
    scale = getQuantizer().getParameters({-scale, scale, outer}, wide).scale;
  encodeFloats(scaleType, scales, result.data());
  return success();
}
