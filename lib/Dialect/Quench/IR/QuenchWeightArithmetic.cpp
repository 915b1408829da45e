//===- QuenchWeightArithmetic.cpp - Arithmetic on parameters --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightValues.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"

#include "Quench/Support/FloatBytes.h"
#include "Quench/Support/VectorClones.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;
using Operands = ArrayRef<ArrayRef<char>>;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// Fails unless `value`, called `name` in diagnostics, has a static shape and
/// elements of the type of `like`.
static LogicalResult checkWeight(ShapeInference &shapes, Value value,
                                 StringRef name, Value like) {
  for (int64_t dim = 0, rank = shapes.getRank(value); dim < rank; ++dim)
    if (failed(shapes.checkStatic(value, name, dim)))
      return failure();
  return shapes.checkElementType(value, name, shapes.getElementType(like));
}

/// The same for the operand `input` of an op on its `axis`.
static LogicalResult checkInput(ShapeInference &shapes, Value input,
                                int64_t axis) {
  int64_t rank = shapes.getRank(input);
  if (axis < 0 || axis >= rank)
    return shapes.fail("expected axis below ", rank, ", found ", axis);
  return checkWeight(shapes, input, "input", input);
}

static int64_t getSize(ShapeInference &shapes, Value value, int64_t dim) {
  return ShapeInference::getSize(shapes.getDim(value, dim));
}

namespace {
/// Rows of a tensor as `[outer, size, inner]`, `size` being its `axis`.
struct AxisView {
  AxisView(Value value, int64_t axis, RowRange rows) {
    ArrayRef<int64_t> shape = getTensorType(value).getShape();
    inner = getVolume(shape.drop_front(axis + 1));
    size = axis == 0 ? rows.size() : shape[axis];
    outer = axis == 0 ? 1 : rows.size() * getVolume(shape.slice(1, axis - 1));
  }

  int64_t outer, size, inner;
};
} // namespace

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// Numbers that are worked on together: few enough for a near cache, and for
/// the nearest.
static constexpr int64_t chunkSize = 1 << 15;
static constexpr int64_t smallChunkSize = 1 << 11;

static int64_t getElementBytes(Value value) {
  return getBitWidth(getFloatDType(value)) / 8;
}

/// Makes numbers of numbers, from the place in a tensor of the first.
using ChunkBody = llvm::function_ref<void(int64_t, ArrayRef<double>,
                                          MutableArrayRef<double>)>;

/// Calls `body` with the numbers of `input`, `chunk` of them at a time; what it
/// makes of them, as many, elsewhere in memory, goes to `result`, of the same
/// type.
static void mapChunks(Value input, ArrayRef<char> bytes,
                      MutableArrayRef<char> result, int64_t chunk,
                      ChunkBody body) {
  DType dtype = getFloatDType(input);
  int64_t width = getBitWidth(dtype) / 8, count = bytes.size() / width;
  auto isAligned = [](const char *place) {
    return llvm::isAddrAligned(llvm::Align::Of<double>(), place);
  };
  bool isInPlace = dtype == DType::F64 && isAligned(bytes.data()) &&
                   isAligned(result.data());
  std::vector<double> from(isInPlace ? 0 : std::min(chunk, count));
  std::vector<double> to(from.size());
  for (int64_t begin = 0; begin < count; begin += chunk) {
    int64_t size = std::min(chunk, count - begin);
    const char *source = bytes.data() + begin * width;
    char *place = result.data() + begin * width;
    if (isInPlace) {
      body(begin, {reinterpret_cast<const double *>(source), size_t(size)},
           {reinterpret_cast<double *>(place), size_t(size)});
      continue;
    }
    MutableArrayRef<double> made(to.data(), size);
    decodeFloats(dtype, source, MutableArrayRef(from.data(), size));
    body(begin, ArrayRef(from.data(), size), made);
    encodeFloats(dtype, made, place);
  }
}

/// `count` rounded up to whole `unit`s.
static int64_t roundUp(int64_t count, int64_t unit) {
  unit = std::max<int64_t>(unit, 1);
  return (count + unit - 1) / unit * unit;
}

/// Calls `body` with the vectors of `input` along the dimension `view.size`,
/// one after another, a few at a time; what it makes of them goes to `result`.
static void mapVectors(Value input, AxisView view, ArrayRef<char> bytes,
                       MutableArrayRef<char> result,
                       llvm::function_ref<void(MutableArrayRef<double>)> body) {
  if (bytes.empty())
    return;
  if (view.inner == 1)
    return mapChunks(
        input, bytes, result, roundUp(chunkSize, view.size),
        [&](int64_t, ArrayRef<double> from, MutableArrayRef<double> to) {
          llvm::copy(from, to.begin());
          body(to);
        });
  // Bands of adjacent vectors are turned, worked on and turned back.
  DType dtype = getFloatDType(input);
  int64_t width = getBitWidth(dtype) / 8;
  int64_t band =
      std::min(std::max<int64_t>(chunkSize / view.size, 8), view.inner);
  std::vector<double> vectors(band * view.size), line(band);
  for (int64_t outer = 0; outer < view.outer; ++outer)
    for (int64_t begin = 0; begin < view.inner; begin += band) {
      int64_t count = std::min(band, view.inner - begin);
      MutableArrayRef<double> some(line.data(), count);
      auto getOffset = [&](int64_t index) {
        return ((outer * view.size + index) * view.inner + begin) * width;
      };
      for (int64_t index = 0; index < view.size; ++index) {
        decodeFloats(dtype, bytes.data() + getOffset(index), some);
        for (int64_t vector = 0; vector < count; ++vector)
          vectors[vector * view.size + index] = some[vector];
      }
      body(MutableArrayRef<double>(vectors).take_front(count * view.size));
      for (int64_t index = 0; index < view.size; ++index) {
        for (int64_t vector = 0; vector < count; ++vector)
          some[vector] = vectors[vector * view.size + index];
        encodeFloats(dtype, some, result.data() + getOffset(index));
      }
    }
}

/// Writes the product of `lhs` `[rows, depth]` and `rhs` `[depth, columns]` to
/// `result`. Sums run over the depth in order.
static void multiply(ArrayRef<double> lhs, ArrayRef<double> rhs, int64_t depth,
                     int64_t columns, MutableArrayRef<double> result) {
  constexpr int64_t depthTile = 64, columnTile = 256;
  int64_t rows = columns == 0 ? 0 : result.size() / columns;
  std::fill(result.begin(), result.end(), 0);
  for (int64_t firstDepth = 0; firstDepth < depth; firstDepth += depthTile)
    for (int64_t first = 0; first < columns; first += columnTile) {
      int64_t last = std::min(first + columnTile, columns);
      int64_t lastDepth = std::min(firstDepth + depthTile, depth);
      for (int64_t row = 0; row < rows; ++row) {
        double *sums = result.data() + row * columns;
        for (int64_t index = firstDepth; index < lastDepth; ++index) {
          double factor = lhs[row * depth + index];
          const double *line = rhs.data() + index * columns;
          for (int64_t column = first; column < last; ++column)
            sums[column] += factor * line[column];
        }
      }
    }
}

/// The sum of products of `lhs` and `rhs`.
static double getProduct(ArrayRef<double> lhs, ArrayRef<double> rhs) {
  double sum = 0;
  for (auto [left, right] : llvm::zip_equal(lhs, rhs))
    sum += left * right;
  return sum;
}

//===----------------------------------------------------------------------===//
// ChannelScaleOp
//===----------------------------------------------------------------------===//

LogicalResult ChannelScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), scale = op.getScale();
  int64_t axis = op.getAxis();
  if (failed(checkInput(shapes, input, axis)) ||
      failed(checkWeight(shapes, scale, "scale", input)))
    return failure();
  if (shapes.getRank(scale) != 0 &&
      failed(shapes.checkShape(scale, "scale", {shapes.getDim(input, axis)})))
    return failure();
  shapes.addResultLike(input);
  return success();
}

/// The rows that an op needs of an operand with a number for each index of
/// `axis`, or with one number.
static RowRange getVectorRows(Value vector, int64_t axis, RowRange rows) {
  return axis == 0 && getTensorType(vector).getRank() != 0 ? rows
                                                           : getAllRows(vector);
}

std::optional<RowRange> ChannelScaleOp::getOperandRows(unsigned operand,
                                                       RowRange rows) {
  return operand == 0 ? rows : getVectorRows(getScale(), getAxis(), rows);
}

std::optional<int64_t> ChannelScaleOp::getOperandAxis(unsigned operand,
                                                      int64_t axis) {
  if (operand == 0)
    return axis;
  bool isAlong = axis == static_cast<int64_t>(getAxis()) &&
                 getTensorType(getScale()).getRank() != 0;
  return isAlong ? 0 : wholeOperand;
}

/// Multiplies numbers by one factor each, or divides by it.
QUENCH_VECTOR_CLONES
static void scaleEach(const double *from, const double *factors, int64_t count,
                      bool inverse, double *__restrict to) {
  for (int64_t index = 0; index < count; ++index)
    to[index] =
        inverse ? from[index] / factors[index] : from[index] * factors[index];
}

/// The same by one factor for all.
QUENCH_VECTOR_CLONES
static void scaleAll(const double *from, double factor, int64_t count,
                     bool inverse, double *__restrict to) {
  for (int64_t index = 0; index < count; ++index)
    to[index] = inverse ? from[index] / factor : from[index] * factor;
}

LogicalResult ChannelScaleOp::evaluateRows(Operands operands, RowRange rows,
                                           MutableArrayRef<char> result) {
  AxisView view(getInput(), getAxis(), rows);
  Numbers scale(getScale(), operands[1]);
  ArrayRef<double> factors = scale.get();
  // Whole vectors along the axis where it is last, else runs of one factor.
  bool isLast = view.inner == 1;
  int64_t run = isLast ? view.size : view.inner;
  mapChunks(
      getInput(), operands[0], result, roundUp(smallChunkSize, run),
      [&](int64_t begin, ArrayRef<double> from, MutableArrayRef<double> to) {
        if (factors.size() == 1)
          return scaleAll(from.data(), factors.front(), from.size(),
                          getInverse(), to.data());
        int64_t count = from.size();
        for (int64_t place = 0; place < count; place += run) {
          if (isLast)
            scaleEach(&from[place], factors.data(), run, getInverse(),
                      &to[place]);
          else
            scaleAll(&from[place], factors[(begin + place) / run % view.size],
                     run, getInverse(), &to[place]);
        }
      });
  return success();
}

//===----------------------------------------------------------------------===//
// RotateOp, RotateByOp
//===----------------------------------------------------------------------===//

/// The rows that an op which mixes the elements along `mixed` needs of its
/// input.
static std::optional<RowRange> getUnmixedRows(int64_t mixed, RowRange rows) {
  if (mixed == 0)
    return std::nullopt;
  return rows;
}

/// The same for panels.
static std::optional<int64_t> getUnmixedAxis(int64_t mixed, int64_t axis) {
  if (mixed == axis)
    return std::nullopt;
  return axis;
}

LogicalResult RotateOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t axis = op.getAxis(), order = op.getRotation().getOrder();
  if (failed(checkInput(shapes, input, axis)))
    return failure();
  int64_t size = getSize(shapes, input, axis);
  if (order < 1 || size % order != 0)
    return shapes.fail("expected dimension ", axis, " to be a multiple of ",
                       order, ", found ", size);
  shapes.addResultLike(input);
  return success();
}

std::optional<RowRange> RotateOp::getOperandRows(unsigned operand,
                                                 RowRange rows) {
  return getUnmixedRows(getAxis(), rows);
}

std::optional<int64_t> RotateOp::getOperandAxis(unsigned operand,
                                                int64_t axis) {
  return getUnmixedAxis(getAxis(), axis);
}

LogicalResult RotateOp::evaluateRows(Operands operands, RowRange rows,
                                     MutableArrayRef<char> result) {
  RotationAttrInterface rotation = getRotation();
  mapVectors(
      getInput(), AxisView(getInput(), getAxis(), rows), operands[0], result,
      [&](MutableArrayRef<double> vectors) { rotation.applyToRows(vectors); });
  return success();
}

LogicalResult RotateByOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), matrix = op.getMatrix();
  int64_t axis = op.getAxis(), rank = shapes.getRank(matrix);
  if (failed(checkInput(shapes, input, axis)) ||
      failed(checkWeight(shapes, matrix, "matrix", input)))
    return failure();
  int64_t order = rank == 0 ? 0 : getSize(shapes, matrix, -1);
  if (rank < 2 || rank > 3 || order < 1 || getSize(shapes, matrix, -2) != order)
    return shapes.fail(
        "expected a matrix of shape [n, n] or [blocks, n, n], found ",
        matrix.getType());
  int64_t size = getSize(shapes, input, axis);
  if (size % order != 0)
    return shapes.fail("expected dimension ", axis, " to be a multiple of ",
                       order, ", found ", size);
  if (rank == 3 && getSize(shapes, matrix, 0) != size / order)
    return shapes.fail("expected ", size / order, " matrices of order ", order,
                       " for dimension ", axis, " of ", size, ", found ",
                       getSize(shapes, matrix, 0));
  shapes.addResultLike(input);
  return success();
}

std::optional<RowRange> RotateByOp::getOperandRows(unsigned operand,
                                                   RowRange rows) {
  if (operand == 1)
    return getAllRows(getMatrix());
  return getUnmixedRows(getAxis(), rows);
}

std::optional<int64_t> RotateByOp::getOperandAxis(unsigned operand,
                                                  int64_t axis) {
  if (operand == 1)
    return wholeOperand;
  return getUnmixedAxis(getAxis(), axis);
}

LogicalResult RotateByOp::evaluateRows(Operands operands, RowRange rows,
                                       MutableArrayRef<char> result) {
  int64_t order = getTensorType(getMatrix()).getShape().back();
  std::vector<double> matrices = decodeNumbers(getMatrix(), operands[1]);
  int64_t area = order * order, blocks = matrices.size() / area;
  if (getTransposed())
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t row = 0; row < order; ++row)
        for (int64_t column = 0; column < row; ++column)
          std::swap(matrices[block * area + row * order + column],
                    matrices[block * area + column * order + row]);
  AxisView view(getInput(), getAxis(), rows);
  std::vector<double> lhs, product;
  mapVectors(getInput(), view, operands[0], result,
             [&](MutableArrayRef<double> vectors) {
               // All vectors' parts that one matrix multiplies are its
               // left-hand side.
               for (int64_t block = 0; block < blocks; ++block) {
                 int64_t width = blocks == 1 ? view.size : order;
                 int64_t count = vectors.size() / view.size;
                 lhs.clear();
                 for (int64_t vector = 0; vector < count; ++vector) {
                   const double *part =
                       vectors.data() + vector * view.size + block * order;
                   lhs.insert(lhs.end(), part, part + width);
                 }
                 product.resize(lhs.size());
                 multiply(lhs, ArrayRef(matrices).slice(block * area, area),
                          order, order, product);
                 for (int64_t vector = 0; vector < count; ++vector)
                   std::copy_n(product.data() + vector * width, width,
                               vectors.data() + vector * view.size +
                                   block * order);
               }
             });
  return success();
}

//===----------------------------------------------------------------------===//
// CenterOp
//===----------------------------------------------------------------------===//

LogicalResult CenterOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkInput(shapes, op.getInput(), op.getAxis())))
    return failure();
  shapes.addResultLike(op.getInput());
  return success();
}

std::optional<RowRange> CenterOp::getOperandRows(unsigned operand,
                                                 RowRange rows) {
  return getUnmixedRows(getAxis(), rows);
}

std::optional<int64_t> CenterOp::getOperandAxis(unsigned operand,
                                                int64_t axis) {
  return getUnmixedAxis(getAxis(), axis);
}

LogicalResult CenterOp::evaluateRows(Operands operands, RowRange rows,
                                     MutableArrayRef<char> result) {
  AxisView view(getInput(), getAxis(), rows);
  mapVectors(getInput(), view, operands[0], result,
             [&](MutableArrayRef<double> vectors) {
               for (; !vectors.empty();
                    vectors = vectors.drop_front(view.size)) {
                 double sum = 0;
                 for (double number : vectors.take_front(view.size))
                   sum += number;
                 double mean = sum / static_cast<double>(view.size);
                 for (double &number : vectors.take_front(view.size))
                   number -= mean;
               }
             });
  return success();
}

//===----------------------------------------------------------------------===//
// ContractOp
//===----------------------------------------------------------------------===//

LogicalResult ContractOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value lhs = op.getLhs(), rhs = op.getRhs();
  if (failed(shapes.checkMinimalRank(lhs, "lhs", 1)) ||
      failed(shapes.checkMinimalRank(rhs, "rhs", 1)) ||
      failed(checkWeight(shapes, lhs, "lhs", lhs)) ||
      failed(checkWeight(shapes, rhs, "rhs", lhs)))
    return failure();
  if (getSize(shapes, lhs, -1) != getSize(shapes, rhs, 0))
    return shapes.fail("expected the first dimension of rhs to be ",
                       getSize(shapes, lhs, -1), ", the last of lhs, found ",
                       getSize(shapes, rhs, 0));
  SmallVector<Dim> dims = shapes.getDims(lhs, /*drop=*/1);
  llvm::append_range(dims, llvm::drop_begin(shapes.getDims(rhs)));
  shapes.addResult(dims, shapes.getElementType(lhs));
  return success();
}

// A vector on the left is one row: the rows of the result are none of its.
std::optional<RowRange> ContractOp::getOperandRows(unsigned operand,
                                                   RowRange rows) {
  if (getTensorType(getLhs()).getRank() == 1)
    return std::nullopt;
  return operand == 0 ? rows : getAllRows(getRhs());
}

std::optional<int64_t> ContractOp::getOperandAxis(unsigned operand,
                                                  int64_t axis) {
  int64_t leading = getTensorType(getLhs()).getRank() - 1;
  if (axis < leading)
    return operand == 0 ? axis : wholeOperand;
  return operand == 0 ? wholeOperand : axis - leading + 1;
}

LogicalResult ContractOp::evaluateRows(Operands operands, RowRange rows,
                                       MutableArrayRef<char> result) {
  std::vector<double> rhs = decodeNumbers(getRhs(), operands[1]);
  int64_t depth = getTensorType(getLhs()).getShape().back();
  int64_t columns = getVolume(getTensorType(getRhs()).getShape().drop_front());
  DType dtype = getFloatDType(getLhs());
  int64_t width = getBitWidth(dtype) / 8;
  int64_t count = columns == 0 ? 0 : result.size() / (columns * width);
  int64_t step = roundUp(chunkSize, depth) / std::max<int64_t>(depth, 1);
  std::vector<double> lhs, products;
  for (int64_t begin = 0; begin < count; begin += step) {
    int64_t some = std::min(step, count - begin);
    lhs.resize(some * depth);
    decodeFloats(dtype, operands[0].data() + begin * depth * width, lhs);
    products.resize(some * columns);
    multiply(lhs, rhs, depth, columns, products);
    encodeFloats(dtype, products, result.data() + begin * columns * width);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// ShiftOp
//===----------------------------------------------------------------------===//

LogicalResult ShiftOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), offset = op.getOffset();
  if (failed(checkWeight(shapes, input, "input", input)) ||
      failed(checkWeight(shapes, offset, "offset", input)) ||
      failed(shapes.checkSuffix(offset, "offset", shapes.getDims(input))))
    return failure();
  shapes.addResultLike(input);
  return success();
}

std::optional<RowRange> ShiftOp::getOperandRows(unsigned operand,
                                                RowRange rows) {
  bool isWhole = getTensorType(getOffset()).getRank() <
                 getTensorType(getInput()).getRank();
  return operand == 1 && isWhole ? getAllRows(getOffset()) : rows;
}

std::optional<int64_t> ShiftOp::getOperandAxis(unsigned operand, int64_t axis) {
  if (operand == 0)
    return axis;
  int64_t missing = getTensorType(getInput()).getRank() -
                    getTensorType(getOffset()).getRank();
  return axis < missing ? wholeOperand : axis - missing;
}

LogicalResult ShiftOp::evaluateRows(Operands operands, RowRange rows,
                                    MutableArrayRef<char> result) {
  if (result.empty())
    return success();
  std::vector<double> offset = decodeNumbers(getOffset(), operands[1]);
  int64_t period = offset.size();
  double sign = getNegative() ? -1 : 1;
  mapChunks(getInput(), operands[0], result, roundUp(chunkSize, period),
            [&](int64_t, ArrayRef<double> from, MutableArrayRef<double> to) {
              int64_t count = from.size();
              for (int64_t place = 0; place < count; place += period)
                for (int64_t index = 0; index < period; ++index)
                  to[place + index] =
                      from[place + index] + sign * offset[index];
            });
  return success();
}

//===----------------------------------------------------------------------===//
// FillOp
//===----------------------------------------------------------------------===//

LogicalResult FillOp::verify() {
  if (!getResult().getType().hasStaticShape())
    return emitOpError("expected a static shape, found ")
           << getResult().getType();
  return success();
}

LogicalResult FillOp::evaluateWeights(Operands operands,
                                      MutableArrayRef<char> result) {
  int64_t width = getElementBytes(getResult());
  SmallVector<char, 8> element(width);
  double value = getValue().convertToDouble();
  encodeFloats(getFloatDType(getResult()), value, element.data());
  for (size_t begin = 0; begin < result.size(); begin += width)
    std::copy_n(element.data(), width, result.data() + begin);
  return success();
}

//===----------------------------------------------------------------------===//
// AbsMaxOp
//===----------------------------------------------------------------------===//

LogicalResult AbsMaxOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  if (failed(checkInput(shapes, input, op.getAxis())))
    return failure();
  shapes.addResult({shapes.getDim(input, op.getAxis())},
                   shapes.getElementType(input));
  return success();
}

std::optional<RowRange> AbsMaxOp::getOperandRows(unsigned operand,
                                                 RowRange rows) {
  if (getAxis() != 0)
    return std::nullopt;
  return rows;
}

std::optional<int64_t> AbsMaxOp::getOperandAxis(unsigned operand,
                                                int64_t axis) {
  return getAxis();
}

LogicalResult AbsMaxOp::evaluateRows(Operands operands, RowRange rows,
                                     MutableArrayRef<char> result) {
  AxisView view(getInput(), getAxis(),
                getAxis() == 0 ? rows : getAllRows(getInput()));
  DType dtype = getFloatDType(getInput());
  int64_t width = getBitWidth(dtype) / 8;
  std::vector<double> largest(view.size, 0), line;
  auto include = [](double &largest, double number) {
    number = std::fabs(number);
    largest = number > largest || number != number ? number : largest;
  };
  // Vectors along the axis where it is last, else runs of one index.
  int64_t run = view.inner == 1 ? view.size : view.inner;
  line.resize(run);
  int64_t count = run == 0 ? 0 : operands[0].size() / (run * width);
  for (int64_t place = 0; place < count; ++place) {
    decodeFloats(dtype, operands[0].data() + place * run * width, line);
    if (view.inner == 1)
      for (auto [result, number] : llvm::zip_equal(largest, line))
        include(result, number);
    else
      for (double number : line)
        include(largest[place % view.size], number);
  }
  encodeFloats(dtype, largest, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// SpectralNormOp
//===----------------------------------------------------------------------===//

LogicalResult SpectralNormOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), vector = op.getVector();
  if (failed(shapes.checkMinimalRank(input, "input", 2)) ||
      failed(checkWeight(shapes, input, "input", input)) ||
      failed(checkWeight(shapes, vector, "vector", input)))
    return failure();
  int64_t length = 1;
  for (int64_t dim = 1, rank = shapes.getRank(input); dim < rank; ++dim)
    length *= getSize(shapes, input, dim);
  if (failed(shapes.checkShape(vector, "vector", {shapes.getConstant(length)})))
    return failure();
  shapes.addResult({}, shapes.getElementType(input));
  return success();
}

std::optional<int64_t> SpectralNormOp::getOperandAxis(unsigned operand,
                                                      int64_t axis) {
  return std::nullopt;
}

LogicalResult SpectralNormOp::evaluateWeights(Operands operands,
                                              MutableArrayRef<char> result) {
  std::vector<double> weight = decodeNumbers(getInput(), operands[0]);
  std::vector<double> vector = decodeNumbers(getVector(), operands[1]);
  int64_t rows = getTensorType(getInput()).getDimSize(0);
  int64_t columns = vector.size();
  auto normalize = [](std::vector<double> &numbers) {
    double length = std::sqrt(getProduct(numbers, numbers));
    for (double &number : numbers)
      number /= length;
  };
  std::vector<double> left(rows), right(columns);
  multiply(weight, vector, columns, 1, left);
  normalize(left);
  multiply(left, weight, rows, columns, right);
  vector = right;
  normalize(vector);
  encodeFloats(getFloatDType(getResult()), getProduct(right, vector),
               result.data());
  return success();
}
