//===- QuenchParamOps.cpp - Parameters and weight programs ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightValues.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"

#include "Quench/Support/FloatBytes.h"
#include "Quench/Support/Random.h"

#include "mlir/IR/BuiltinAttributes.h"

#include "llvm/ADT/SmallBitVector.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace quench;

using llvm::Twine;
using Dim = ShapeInference::Dim;

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

/// The bytes of one element of the tensor `value`; fails with a diagnostic at
/// `op` for elements that are not whole bytes.
static FailureOr<int64_t> getElementBytes(Operation *op, Value value) {
  Type element = getTensorType(value).getElementType();
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 != 0)
    return op->emitError("expected elements of whole bytes, found ")
           << value.getType();
  return element.getIntOrFloatBitWidth() / 8;
}

/// Copies `rows` blocks of `bytes` bytes, the starts of which are `fromStride`
/// and `toStride` bytes apart.
static void copyBlocks(const char *from, int64_t fromStride, char *to,
                       int64_t toStride, int64_t rows, int64_t bytes) {
  for (int64_t row = 0; row < rows; ++row)
    std::memcpy(to + row * toStride, from + row * fromStride, bytes);
}

/// Copies `count` elements of `bytes` bytes from places `stride` elements apart
/// to adjacent ones.
static void gather(const char *from, int64_t stride, char *to, int64_t count,
                   int64_t bytes) {
  auto copy = [&](auto width) {
    for (int64_t index = 0; index < count; ++index)
      std::memcpy(to + index * width, from + index * stride * width, width);
  };
  // A copy of constant size is one instruction.
  switch (bytes) {
  case 1:
    return copy(std::integral_constant<int64_t, 1>());
  case 2:
    return copy(std::integral_constant<int64_t, 2>());
  case 4:
    return copy(std::integral_constant<int64_t, 4>());
  case 8:
    return copy(std::integral_constant<int64_t, 8>());
  default:
    return copy(bytes);
  }
}

//===----------------------------------------------------------------------===//
// ParamOp
//===----------------------------------------------------------------------===//

LogicalResult ParamOp::verify() {
  if (!getTensorType(getResult()).hasStaticShape())
    return emitOpError("expected a parameter of static shape, found ")
           << getResult().getType();
  if (getRef().getScope().empty() || getRef().getKey().empty())
    return emitOpError("expected a scope and a key that are not empty");
  return success();
}

LogicalResult ParamOp::evaluateWeights(ArrayRef<ArrayRef<char>> operands,
                                       MutableArrayRef<char> result) {
  return emitOpError("is read from its archive and not evaluated");
}

//===----------------------------------------------------------------------===//
// TransposeOp
//===----------------------------------------------------------------------===//

/// Fails unless every dimension of `value` is static.
static LogicalResult checkStatic(ShapeInference &shapes, Value value) {
  for (int64_t index = 0, rank = shapes.getRank(value); index < rank; ++index)
    if (failed(shapes.checkStatic(value, "a parameter", index)))
      return failure();
  return success();
}

LogicalResult TransposeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  ArrayRef<int64_t> permutation = op.getPermutation();
  int64_t rank = shapes.getRank(input);
  llvm::SmallBitVector seen(rank);
  for (int64_t dim : permutation)
    if (dim >= 0 && dim < rank)
      seen.set(dim);
  if (static_cast<int64_t>(permutation.size()) != rank || !seen.all())
    return shapes.fail("expected a permutation of the ", rank,
                       " dimensions of the input");
  if (failed(checkStatic(shapes, input)))
    return failure();
  shapes.addResult(
      llvm::map_to_vector(
          permutation, [&](int64_t dim) { return shapes.getDim(input, dim); }),
      shapes.getElementType(input));
  return success();
}

std::optional<int64_t> TransposeOp::getOperandAxis(unsigned operand,
                                                   int64_t axis) {
  return getPermutation()[axis];
}

LogicalResult TransposeOp::evaluateWeights(ArrayRef<ArrayRef<char>> operands,
                                           MutableArrayRef<char> result) {
  FailureOr<int64_t> bytes = getElementBytes(*this, getInput());
  if (failed(bytes))
    return failure();
  ArrayRef<int64_t> from = getTensorType(getInput()).getShape();
  ArrayRef<int64_t> to = getTensorType(getResult()).getShape();
  ArrayRef<int64_t> permutation = getPermutation();
  int64_t rank = to.size();
  if (rank == 0 || result.empty()) {
    llvm::copy(operands.front(), result.begin());
    return success();
  }
  // Strides in the input, in elements, of the dimensions of the result.
  SmallVector<int64_t> strides(rank);
  for (int64_t dim = 0; dim < rank; ++dim)
    strides[dim] = getVolume(from.drop_front(permutation[dim] + 1));

  SmallVector<int64_t> index(rank - 1, 0);
  char *target = result.data();
  int64_t source = 0, columns = to.back();
  for (int64_t row = 0, rows = getVolume(to.drop_back()); row < rows; ++row) {
    gather(operands.front().data() + source * *bytes, strides.back(), target,
           columns, *bytes);
    target += columns * *bytes;
    for (int64_t dim = rank - 2; dim >= 0; --dim) {
      source += strides[dim];
      if (++index[dim] < to[dim])
        break;
      source -= strides[dim] * to[dim];
      index[dim] = 0;
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// SliceOp
//===----------------------------------------------------------------------===//

LogicalResult SliceOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t axis = op.getAxis(), begin = op.getBegin(), end = op.getEnd();
  int64_t rank = shapes.getRank(input);
  if (axis < 0 || axis >= rank)
    return shapes.fail("expected axis below ", rank, ", found ", axis);
  if (failed(checkStatic(shapes, input)))
    return failure();
  SmallVector<Dim> dims = shapes.getDims(input);
  int64_t size = ShapeInference::getSize(dims[axis]);
  if (begin < 0 || begin > end || end > size)
    return shapes.fail("expected a range within [0, ", size, "), found [",
                       begin, ", ", end, ")");
  dims[axis] = shapes.getConstant(end - begin);
  shapes.addResult(dims, shapes.getElementType(input));
  return success();
}

std::optional<RowRange> SliceOp::getOperandRows(unsigned operand,
                                                RowRange rows) {
  int64_t first = getAxis() == 0 ? getBegin() : 0;
  return RowRange{rows.begin + first, rows.end + first};
}

std::optional<int64_t> SliceOp::getOperandAxis(unsigned operand, int64_t axis) {
  if (axis == static_cast<int64_t>(getAxis()))
    return std::nullopt;
  return axis;
}

LogicalResult SliceOp::evaluateRows(ArrayRef<ArrayRef<char>> operands,
                                    RowRange rows,
                                    MutableArrayRef<char> result) {
  FailureOr<int64_t> bytes = getElementBytes(*this, getInput());
  if (failed(bytes))
    return failure();
  int64_t axis = getAxis();
  if (axis == 0) {
    llvm::copy(operands.front(), result.begin());
    return success();
  }
  ArrayRef<int64_t> shape = getTensorType(getInput()).getShape();
  int64_t inner = getVolume(shape.drop_front(axis + 1)) * *bytes;
  int64_t size = (getEnd() - getBegin()) * inner;
  copyBlocks(operands.front().data() + getBegin() * inner, shape[axis] * inner,
             result.data(), size,
             rows.size() * getVolume(shape.slice(1, axis - 1)), size);
  return success();
}

//===----------------------------------------------------------------------===//
// ConcatOp
//===----------------------------------------------------------------------===//

LogicalResult ConcatOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (op.getInputs().empty())
    return shapes.fail("expected at least one input, found none");
  Value first = op.getInputs().front();
  int64_t axis = op.getAxis(), rank = shapes.getRank(first);
  if (axis < 0 || axis >= rank)
    return shapes.fail("expected axis below ", rank, ", found ", axis);
  SmallVector<Dim> dims = shapes.getDims(first);
  dims[axis] = Dim();
  Dim size = shapes.getConstant(0);
  for (auto [index, input] : llvm::enumerate(op.getInputs())) {
    std::string name = ("input " + Twine(index)).str();
    if (failed(shapes.checkShape(input, name, dims)) ||
        failed(shapes.checkElementType(input, name,
                                       shapes.getElementType(first))) ||
        failed(checkStatic(shapes, input)))
      return failure();
    size = size + shapes.getDim(input, axis);
  }
  dims[axis] = size;
  shapes.addResult(dims, shapes.getElementType(first));
  return success();
}

std::optional<RowRange> ConcatOp::getOperandRows(unsigned operand,
                                                 RowRange rows) {
  if (getAxis() != 0)
    return rows;
  int64_t first = 0;
  for (Value input : getInputs().take_front(operand))
    first += getTensorType(input).getDimSize(0);
  int64_t size = getTensorType(getInputs()[operand]).getDimSize(0);
  return RowRange{std::clamp<int64_t>(rows.begin - first, 0, size),
                  std::clamp<int64_t>(rows.end - first, 0, size)};
}

std::optional<int64_t> ConcatOp::getOperandAxis(unsigned operand,
                                                int64_t axis) {
  if (axis == static_cast<int64_t>(getAxis()))
    return std::nullopt;
  return axis;
}

LogicalResult ConcatOp::evaluateRows(ArrayRef<ArrayRef<char>> operands,
                                     RowRange rows,
                                     MutableArrayRef<char> result) {
  FailureOr<int64_t> bytes = getElementBytes(*this, getResult());
  if (failed(bytes))
    return failure();
  char *target = result.data();
  int64_t axis = getAxis();
  if (axis == 0) {
    for (ArrayRef<char> operand : operands)
      target = llvm::copy(operand, target);
    return success();
  }
  ArrayRef<int64_t> shape = getTensorType(getResult()).getShape();
  int64_t blocks = rows.size() * getVolume(shape.slice(1, axis - 1));
  int64_t stride = getVolume(shape.drop_front(axis)) * *bytes;
  for (auto [input, operand] : llvm::zip_equal(getInputs(), operands)) {
    int64_t size =
        getVolume(getTensorType(input).getShape().drop_front(axis)) * *bytes;
    copyBlocks(operand.data(), size, target, stride, blocks, size);
    target += size;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// ReshapeOp
//===----------------------------------------------------------------------===//

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = getTensorType(getInput()),
                   to = getTensorType(getResult());
  if (!from.hasStaticShape() || !to.hasStaticShape() ||
      from.getElementType() != to.getElementType() ||
      from.getNumElements() != to.getNumElements())
    return emitOpError("expected static shapes of as many elements of the same "
                       "type, found ")
           << from << " and " << to;
  return success();
}

/// Elements of one row of `value`.
static int64_t getRowVolume(Value value) {
  RankedTensorType type = getTensorType(value);
  return type.getRank() == 0 ? 1 : getVolume(type.getShape().drop_front());
}

std::optional<RowRange> ReshapeOp::getOperandRows(unsigned operand,
                                                  RowRange rows) {
  int64_t from = getRowVolume(getInput()), to = getRowVolume(getResult());
  if (from == 0 || to == 0)
    return RowRange{0, 0};
  return RowRange{rows.begin * to / from, (rows.end * to + from - 1) / from};
}

std::optional<int64_t> ReshapeOp::getOperandAxis(unsigned operand,
                                                 int64_t axis) {
  // A panel has another type, which fits when the reshape does not touch the
  // axis. Sizes of the result are static, those that change included.
  ArrayRef<int64_t> from = getTensorType(getInput()).getShape(),
                    to = getTensorType(getResult()).getShape();
  for (int64_t dim = 0, rank = from.size(); dim < rank; ++dim)
    if (from[dim] == to[axis] &&
        getVolume(from.take_front(dim)) == getVolume(to.take_front(axis)) &&
        getVolume(from.drop_front(dim)) == getVolume(to.drop_front(axis)))
      return dim;
  return std::nullopt;
}

LogicalResult ReshapeOp::evaluateRows(ArrayRef<ArrayRef<char>> operands,
                                      RowRange rows,
                                      MutableArrayRef<char> result) {
  FailureOr<int64_t> bytes = getElementBytes(*this, getInput());
  if (failed(bytes))
    return failure();
  // The operand may begin before the rows of the result do.
  int64_t from = getRowVolume(getInput()), to = getRowVolume(getResult());
  int64_t excess = result.empty() ? 0 : rows.begin * to % from * *bytes;
  llvm::copy(operands.front().slice(excess, result.size()), result.begin());
  return success();
}

//===----------------------------------------------------------------------===//
// CastOp
//===----------------------------------------------------------------------===//

LogicalResult CastOp::verify() {
  RankedTensorType from = getTensorType(getInput()),
                   to = getTensorType(getResult());
  if (!from.hasStaticShape() || from.getShape() != to.getShape())
    return emitOpError("expected the same static shape, found ")
           << from << " and " << to;
  return success();
}

std::optional<RowRange> CastOp::getOperandRows(unsigned operand,
                                               RowRange rows) {
  return rows;
}

std::optional<int64_t> CastOp::getOperandAxis(unsigned operand, int64_t axis) {
  return axis;
}

LogicalResult CastOp::evaluateRows(ArrayRef<ArrayRef<char>> operands,
                                   RowRange rows,
                                   MutableArrayRef<char> result) {
  DType from = getFloatDType(getInput()), to = getFloatDType(getResult());
  convertFloats(from, operands.front().data(), to, result.data(),
                operands.front().size() * 8 / getBitWidth(from));
  return success();
}

//===----------------------------------------------------------------------===//
// NoiseOp
//===----------------------------------------------------------------------===//

LogicalResult NoiseOp::verify() {
  if (!getResult().getType().hasStaticShape())
    return emitOpError("expected a static shape, found ")
           << getResult().getType();
  return success();
}

LogicalResult NoiseOp::evaluateWeights(ArrayRef<ArrayRef<char>> operands,
                                       MutableArrayRef<char> result) {
  SmallVector<double> numbers(getResult().getType().getNumElements());
  for (auto [index, number] : llvm::enumerate(numbers))
    number = std::ldexp(double(splitMix64(getSeed(), index) >> 40), -23) - 1;
  encodeFloats(getFloatDType(getResult()), numbers, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// PackOp
//===----------------------------------------------------------------------===//

LogicalResult PackOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t panel = op.getPanel();
  if (panel < 1)
    return shapes.fail("expected a panel of at least 1, found ", panel);
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim()})) ||
      failed(checkStatic(shapes, input)))
    return failure();
  shapes.addResult({shapes.getDim(input, 0).ceilDiv(panel),
                    shapes.getDim(input, 1), shapes.getConstant(panel)},
                   shapes.getElementType(input));
  return success();
}

std::optional<RowRange> PackOp::getOperandRows(unsigned operand,
                                               RowRange rows) {
  int64_t out = getTensorType(getInput()).getDimSize(0), panel = getPanel();
  return RowRange{rows.begin * panel, std::min(rows.end * panel, out)};
}

std::optional<int64_t> PackOp::getOperandAxis(unsigned operand, int64_t axis) {
  if (axis != 1)
    return std::nullopt;
  return axis;
}

LogicalResult PackOp::evaluateRows(ArrayRef<ArrayRef<char>> operands,
                                   RowRange rows,
                                   MutableArrayRef<char> result) {
  FailureOr<int64_t> bytes = getElementBytes(*this, getInput());
  if (failed(bytes))
    return failure();
  int64_t in = getTensorType(getInput()).getDimSize(1), panel = getPanel();
  int64_t out = getOperandRows(0, rows)->size();
  const char *source = operands.front().data();
  char *target = result.data();
  for (int64_t begin = 0; begin < out; begin += panel) {
    int64_t height = std::min(panel, out - begin);
    for (int64_t column = 0; column < in; ++column) {
      gather(source + (begin * in + column) * *bytes, in, target, height,
             *bytes);
      std::memset(target + height * *bytes, 0, (panel - height) * *bytes);
      target += panel * *bytes;
    }
  }
  return success();
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchParamOps.cpp.inc"
