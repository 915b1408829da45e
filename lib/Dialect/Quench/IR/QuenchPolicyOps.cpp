//===- QuenchPolicyOps.cpp - Rotations that policies choose --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightValues.h"

#include "Quench/Dialect/Quench/IR/QuenchPolicyOps.h"

#include "Quench/Support/Numerics.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/FormatVariadic.h"

#include <Eigen/Dense>

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;
using Matrix =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

static ArrayRef<int64_t> getShape(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// Reads `size` doubles from `bytes`, number `index` of such parts.
static Eigen::VectorXd readVector(ArrayRef<char> bytes, int64_t index,
                                  int64_t size) {
  Eigen::VectorXd vector(size);
  std::memcpy(vector.data(), bytes.data() + index * size * sizeof(double),
              size * sizeof(double));
  return vector;
}

/// Reads matrix number `index` of those of `n` rows and columns in `bytes`.
static Matrix readMatrix(ArrayRef<char> bytes, int64_t index, int64_t n) {
  Matrix matrix(n, n);
  std::memcpy(matrix.data(), bytes.data() + index * n * n * sizeof(double),
              n * n * sizeof(double));
  return matrix;
}

static void write(const Matrix &matrix, int64_t index,
                  MutableArrayRef<char> bytes) {
  size_t size = matrix.size() * sizeof(double);
  std::memcpy(bytes.data() + index * size, matrix.data(), size);
}

/// A number as a person reads it: three digits.
static std::string format(double number) {
  return llvm::formatv("{0:E2}", number).str();
}

/// Fails unless all elements of `op`'s operand called `name` are finite.
static LogicalResult checkFinite(Operation *op, StringRef name,
                                 const Eigen::Ref<const Matrix> &numbers) {
  if (numbers.allFinite())
    return success();
  return op->emitOpError("found a number in the ")
         << name << " that is not finite";
}

/// Fails unless the last two dimensions of `value` are static and equal and
/// there are two or three in all.
static LogicalResult checkSquares(ShapeInference &shapes, Value value,
                                  StringRef name) {
  int64_t rank = shapes.getRank(value);
  for (int64_t index = 0; index < rank; ++index)
    if (failed(shapes.checkStatic(value, name, index)))
      return failure();
  ArrayRef<int64_t> shape = getShape(value);
  if (rank < 2 || rank > 3 || shape[rank - 1] != shape[rank - 2] ||
      shape[rank - 1] == 0)
    return shapes.fail("expected ", name,
                       " to be [n, n] or [blocks, n, n], "
                       "found ",
                       value.getType());
  return success();
}

/// How many matrices the last two dimensions of `value` are.
static int64_t countMatrices(Value value) {
  return getVolume(getShape(value).drop_back(2));
}

//===----------------------------------------------------------------------===//
// MomentsOp
//===----------------------------------------------------------------------===//

LogicalResult MomentsOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t axis = op.getAxis(), rank = shapes.getRank(input);
  if (axis < 0 || axis >= rank)
    return shapes.fail("expected axis below ", rank, ", found ", axis);
  for (int64_t index = 0; index < rank; ++index)
    if (failed(shapes.checkStatic(input, "a parameter", index)))
      return failure();
  int64_t length = getShape(input)[axis];
  if (length == 0)
    return shapes.fail("expected vectors of at least one number along axis ",
                       axis, ", found ", input.getType());
  int64_t size = length;
  SmallVector<Dim> dims;
  if (op.getBlocks().has_value() != op.getSize().has_value())
    return shapes.fail("expected blocks and size, or neither");
  if (std::optional<int64_t> blocks = op.getBlocks()) {
    size = *op.getSize();
    if (*blocks < 1 || size < 1 || length % *blocks != 0 ||
        length / *blocks % size != 0)
      return shapes.fail("expected ", *blocks, " blocks of vectors of length ",
                         size, " along axis ", axis, ", found length ", length);
    dims.push_back(shapes.getConstant(*blocks));
  }
  dims.append(2, shapes.getConstant(size + 1));
  auto *context = shapes.getContext();
  if (op.getTotal() && failed(shapes.checkShape(op.getTotal(), "total", dims)))
    return failure();
  shapes.addResult(dims, Float64Type::get(context));
  return success();
}

/// Calls `body` with the format of `type`.
template <typename Body>
static void dispatch(Type type, Body body) {
  if (type.isF16())
    body(numerics::F16());
  else if (type.isBF16())
    body(numerics::BF16());
  else if (type.isF32())
    body(numerics::F32());
  else
    body(numerics::F64());
}

LogicalResult MomentsOp::evaluateWeights(ArrayRef<ArrayRef<char>> operands,
                                         MutableArrayRef<char> result) {
  ArrayRef<int64_t> shape = getShape(getInput());
  int64_t axis = getAxis(), length = shape[axis];
  int64_t blocks = getBlocks().value_or(1), size = getSize().value_or(length);
  int64_t inner = getVolume(shape.drop_front(axis + 1));
  int64_t outer = getVolume(shape.take_front(axis));
  int64_t perBlock = length / blocks / size;
  ArrayRef<char> bytes = operands.back();
  Type element = cast<RankedTensorType>(getInput().getType()).getElementType();

  for (int64_t block = 0; block < blocks; ++block) {
    Matrix sum = getTotal() ? readMatrix(operands.front(), block, size + 1)
                            : Matrix::Zero(size + 1, size + 1);
    // Vectors are summed in batches, since products of matrices are fast.
    constexpr int64_t batch = 256;
    Matrix rows = Matrix::Ones(batch, size + 1);
    int64_t used = 0;
    auto flush = [&]() {
      sum.noalias() += rows.topRows(used).transpose() * rows.topRows(used);
      used = 0;
    };
    dispatch(element, [&](auto format) {
      using Format = decltype(format);
      auto read = [&](int64_t index) {
        typename Format::Bits bits;
        std::memcpy(&bits, bytes.data() + index * sizeof(bits), sizeof(bits));
        return static_cast<double>(Format::decode(bits));
      };
      for (int64_t i = 0; i < outer; ++i)
        for (int64_t part = 0; part < perBlock; ++part)
          for (int64_t j = 0; j < inner; ++j) {
            int64_t first = (block * perBlock + part) * size;
            for (int64_t k = 0; k < size; ++k)
              rows(used, k) = read((i * length + first + k) * inner + j);
            if (++used == batch)
              flush();
          }
    });
    flush();
    write(sum, block, result);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// CovarianceOp
//===----------------------------------------------------------------------===//

LogicalResult CovarianceOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value moments = op.getMoments();
  if (failed(checkSquares(shapes, moments, "moments")))
    return failure();
  int64_t n = getShape(moments).back() - 1;
  if (n == 0)
    return shapes.fail("expected moments of at least one number, found ",
                       moments.getType());
  SmallVector<Dim> dims = shapes.getDims(moments, 2);
  dims.append(2, shapes.getConstant(n));
  shapes.addResult(dims, shapes.getElementType(moments));
  return success();
}

LogicalResult CovarianceOp::evaluateWeights(ArrayRef<ArrayRef<char>> operands,
                                            MutableArrayRef<char> result) {
  int64_t n = getShape(getResult()).back();
  for (int64_t index = 0, e = countMatrices(getMoments()); index < e; ++index) {
    Matrix moments = readMatrix(operands.front(), index, n + 1);
    double count = moments(n, n);
    if (!(count >= 2))
      return emitOpError("expected moments of two vectors or more, found ")
             << format(count);
    Eigen::VectorXd sums = moments.col(n).head(n);
    write((moments.topLeftCorner(n, n) - sums * sums.transpose() / count) /
              (count - 1),
          index, result);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// KLTOp
//===----------------------------------------------------------------------===//

LogicalResult KLTOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value covariance = op.getCovariance();
  if (failed(checkSquares(shapes, covariance, "covariance")) ||
      failed(shapes.checkShape(op.getMean(), "mean",
                               shapes.getDims(covariance, 1))))
    return failure();
  shapes.addResultLike(covariance);
  return success();
}

LogicalResult KLTOp::evaluateWeights(ArrayRef<ArrayRef<char>> operands,
                                     MutableArrayRef<char> result) {
  int64_t n = getShape(getResult()).back();
  for (int64_t index = 0, e = countMatrices(getResult()); index < e; ++index) {
    Matrix covariance = readMatrix(operands.front(), index, n);
    if (getMean()) {
      Eigen::VectorXd mean = readVector(operands.back(), index, n);
      covariance -= mean * mean.transpose();
    }
    if (failed(checkFinite(*this, "covariance", covariance)))
      return failure();
    Eigen::SelfAdjointEigenSolver<Matrix> solver(
        (covariance + covariance.transpose()) / 2);
    if (solver.info() != Eigen::Success)
      return emitOpError("found no eigenvectors of the covariance");
    // Ascending; signs are the solver's choice.
    Matrix vectors = solver.eigenvectors().rowwise().reverse();
    for (int64_t column = 0; column < n; ++column) {
      Eigen::Index largest;
      vectors.col(column).cwiseAbs().maxCoeff(&largest);
      if (vectors(largest, column) < 0)
        vectors.col(column) *= -1;
    }
    write(vectors, index, result);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// OrthogonalizeOp
//===----------------------------------------------------------------------===//

LogicalResult OrthogonalizeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkSquares(shapes, op.getInput(), "input")))
    return failure();
  double tolerance = op.getTolerance().convertToDouble();
  if (!(tolerance > 0 && tolerance < 1))
    return shapes.fail("expected a tolerance between 0 and 1, found ",
                       format(tolerance));
  shapes.addResultLike(op.getInput());
  return success();
}

/// The largest entry of `r r^T - I`.
static double getDeviation(const Matrix &r) {
  return (r * r.transpose() - Matrix::Identity(r.rows(), r.cols()))
      .cwiseAbs()
      .maxCoeff();
}

LogicalResult
OrthogonalizeOp::evaluateWeights(ArrayRef<ArrayRef<char>> operands,
                                 MutableArrayRef<char> result) {
  int64_t n = getShape(getResult()).back();
  double tolerance = getTolerance().convertToDouble(), worst = 0;
  for (int64_t index = 0, e = countMatrices(getResult()); index < e; ++index) {
    Matrix r = readMatrix(operands.front(), index, n);
    if (failed(checkFinite(*this, "matrix", r)))
      return failure();
    double deviation = getDeviation(r);
    worst = std::max(worst, deviation);
    if (deviation > tolerance)
      return emitOpError("expected an orthogonal matrix, found R R^T off the "
                         "identity by ")
             << format(deviation) << ", more than " << format(tolerance);
    // Newton's iteration for the polar factor; so near to it, it at least
    // squares the deviation each time.
    double smallest = std::numeric_limits<double>::infinity();
    while (deviation < smallest) {
      smallest = deviation;
      r = (r + r.inverse().transpose()) / 2;
      deviation = getDeviation(r);
    }
    write(r, index, result);
  }
  // Columns of f32 are off by about this much.
  if (worst > n * 0x1p-22)
    emitRemark("R R^T is off the identity by ")
        << format(worst) << "; taking the nearest orthogonal matrix";
  return success();
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchPolicyOps.cpp.inc"
