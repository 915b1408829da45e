//===- QuenchWeightQuantOps.cpp - Quantizing weights by data --------------===//
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

#include "Quench/Dialect/Quench/IR/QuenchWeightQuantOps.h"

#include "Quench/Support/KMeans.h"
#include "Quench/Support/MatrixProduct.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Threading.h"
#include "llvm/Support/MathExtras.h"

#include <Eigen/Dense>

#include <cmath>
#include <cstring>
#include <numeric>

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;
using Operands = ArrayRef<ArrayRef<char>>;
template <typename T>
using Matrix =
    Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename T>
using MatrixMap = Eigen::Map<Matrix<T>, Eigen::Unaligned, Eigen::OuterStride<>>;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

namespace {
/// Elements of type T at the alignment of T: bytes that have it, else a copy.
template <typename T>
class Elements {
public:
  explicit Elements(ArrayRef<char> bytes) {
    if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(T) == 0) {
      view = {reinterpret_cast<const T *>(bytes.data()),
              bytes.size() / sizeof(T)};
      return;
    }
    copy.resize(bytes.size() / sizeof(T));
    std::memcpy(copy.data(), bytes.data(), bytes.size());
    view = copy;
  }

  const T *data() const { return view.data(); }

private:
  std::vector<T> copy;
  ArrayRef<T> view;
};
} // namespace

/// Calls `body` with a number of the element type of `value`, f32 or f64.
template <typename Body>
static auto dispatch(Value value, Body body) {
  return getFloatDType(value) == DType::F64 ? body(double()) : body(float());
}

static bool isWide(Value value) { return getFloatDType(value) == DType::F64; }

/// Fails unless all of `numbers`, called `name`, are finite.
template <typename T>
static LogicalResult checkFinite(Operation *op, StringRef name,
                                 ArrayRef<T> numbers) {
  for (T number : numbers)
    if (!std::isfinite(number))
      return op->emitOpError("found a number in the ")
             << name << " that is not finite";
  return success();
}

//===----------------------------------------------------------------------===//
// Ranges, scales and codes of numbers that share them
//===----------------------------------------------------------------------===//

/// The range of `numbers`; one NaN makes it one (C26).
static HostQuantRange getRange(ArrayRef<double> numbers) {
  HostQuantRange range{0, 0};
  if (!numbers.empty())
    range = {numbers.front(), numbers.front()};
  for (double number : numbers) {
    range.low = number < range.low || number != number ? number : range.low;
    range.high = number > range.high || number != number ? number : range.high;
  }
  return range;
}

namespace {
/// How scales are searched: `steps` ranges, each `1 / grid` smaller, for the
/// least sum of `|error|^norm`.
struct ScaleSearch {
  int64_t steps, grid;
  double norm;

  /// The parameters of `numbers`, where `outer` is the scale of the whole
  /// tensor.
  FailureOr<HostQuantParameters>
  run(const Rounder &rounder, ArrayRef<double> numbers, double outer) const;

private:
  /// The sum of `|error|^norm` with `scale`, or any number above `least` where
  /// it is certainly more. `errors` has room for as many as `numbers`.
  FailureOr<double> sumErrors(const Rounder &rounder, ArrayRef<double> numbers,
                              double scale, int8_t zero, double least,
                              MutableArrayRef<double> errors) const;
};
} // namespace

// Powers take longer than all else. The sum M(p) of powers p of numbers that
// are not negative is logarithmically convex in p, so for a norm of 2 or more
// M(0), the count, and M(2), or M(1) and M(2), bound it from below; what is
// over the least already has no need of it.
FailureOr<double> ScaleSearch::sumErrors(const Rounder &rounder,
                                         ArrayRef<double> numbers, double scale,
                                         int8_t zero, double least,
                                         MutableArrayRef<double> errors) const {
  // Parts are short, to see early that another scale was better.
  constexpr size_t part = 16;
  constexpr double margin = 1 + 1e-9; // Of sums and powers that are rounded.
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double count = numbers.size();
  const double limit =
      norm < 2 ? infinity : margin * count * std::pow(least / count, 2 / norm);
  int8_t codes[part];
  double magnitudes = 0, squares = 0;
  for (size_t begin = 0; begin < numbers.size(); begin += part) {
    ArrayRef<double> some = numbers.slice(begin).take_front(part);
    MutableArrayRef<double> rounded = errors.slice(begin, some.size());
    if (failed(rounder.round(some, scale, zero, {codes, some.size()}, rounded)))
      return failure();
    for (auto [number, error] : llvm::zip_equal(some, rounded)) {
      error = std::fabs(error - number);
      magnitudes += error;
      squares += error * error;
    }
    if (squares > limit)
      return infinity;
  }
  if (norm == 2)
    return squares;
  if (norm > 2 &&
      squares * std::pow(squares / magnitudes, norm - 2) > margin * least)
    return infinity;
  double sum = 0;
  for (size_t begin = 0; begin < numbers.size() && sum <= least; begin += part)
    for (double error : errors.slice(begin).take_front(part))
      sum += std::pow(error, norm);
  return sum;
}

FailureOr<HostQuantParameters> ScaleSearch::run(const Rounder &rounder,
                                                ArrayRef<double> numbers,
                                                double outer) const {
  QuantizerAttrInterface quantizer = rounder.getQuantizer();
  HostQuantRange range = ::getRange(numbers);
  range.outer = outer;
  HostQuantParameters best = quantizer.getParameters(range, rounder.isWide());
  if (steps == 1)
    return best;
  SmallVector<double> scales;
  for (int64_t step = 0; step < steps; ++step) {
    double shrunken = 1 - double(step) / grid;
    HostQuantRange candidate = {range.low * shrunken, range.high * shrunken,
                                outer};
    double scale = quantizer.getParameters(candidate, rounder.isWide()).scale;
    if (scales.empty() || scale != scales.back())
      scales.push_back(scale);
  }

  // Every eighth first: with a scale near the best, others are left early.
  constexpr size_t stride = 8;
  std::vector<double> errors(numbers.size());
  double least = std::numeric_limits<double>::infinity();
  size_t bestPlace = scales.size();
  for (size_t offset = 0; offset < stride; ++offset)
    for (size_t place = offset; place < scales.size(); place += stride) {
      FailureOr<double> sum =
          sumErrors(rounder, numbers, scales[place],
                    static_cast<int8_t>(best.zero), least, errors);
      if (failed(sum))
        return failure();
      if (*sum < least || (*sum == least && place < bestPlace)) {
        least = *sum;
        bestPlace = place;
      }
    }
  // Of numbers that are not finite no sum is the least.
  if (std::isfinite(least))
    best.scale = scales[bestPlace];
  return best;
}

/// Fails with a diagnostic unless the attributes of a search make sense.
static LogicalResult checkSearch(ShapeInference &shapes, int64_t steps,
                                 int64_t grid) {
  if (steps < 1 || grid < steps)
    return shapes.fail("expected 1 step or more of a grid of no fewer, found ",
                       steps, " of ", grid);
  return success();
}

static LogicalResult checkNorm(ShapeInference &shapes, const APFloat &norm) {
  double number = norm.convertToDouble();
  if (!(number > 0) || std::isinf(number))
    return shapes.fail("expected a positive norm, found ", number);
  return success();
}

/// The numbers of `rows` of `input`, by the place of their parameters.
static std::vector<std::vector<double>>
collectByParameter(Value input, QuantizerAttrInterface quantizer,
                   ArrayRef<char> bytes, RowRange rows, size_t count) {
  std::vector<double> numbers = decodeNumbers(input, bytes);
  std::vector<std::vector<double>> parts(count);
  (void)ParameterMap(input, quantizer)
      .walk(rows, [&](int64_t begin, int64_t size, int64_t place) {
        parts[place].insert(parts[place].end(), numbers.begin() + begin,
                            numbers.begin() + begin + size);
        return success();
      });
  return parts;
}

/// The rows of `input` that the rows `rows` of its parameters are made of;
/// none where that needs all, as scales do that are multiples of one.
static std::optional<RowRange>
getInputRows(Value input, QuantizerAttrInterface quantizer, RowRange rows) {
  if (getOuterDivisor(quantizer))
    return std::nullopt;
  return ParameterMap(input, quantizer).getTensorRows(rows);
}

/// The same for panels.
static std::optional<int64_t>
getInputAxis(Value input, QuantizerAttrInterface quantizer, int64_t axis) {
  QuantAxis quantAxis =
      getQuantAxes(quantizer, getTensorType(input).getRank())[axis];
  if (getOuterDivisor(quantizer) || quantAxis.block != 1)
    return std::nullopt;
  return quantAxis.dim;
}

static LogicalResult inferParameters(ShapeInference &shapes,
                                     QuantizerAttrInterface quantizer,
                                     Value input, Type element) {
  SmallVector<Dim> dims;
  if (failed(checkAllStatic(shapes, input, "input")) ||
      failed(inferParameterDims(shapes, quantizer, input, dims)))
    return failure();
  shapes.addResult(dims, element);
  return success();
}

//===----------------------------------------------------------------------===//
// SearchScaleOp
//===----------------------------------------------------------------------===//

LogicalResult SearchScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkSearch(shapes, op.getSteps(), op.getGrid())) ||
      failed(checkNorm(shapes, op.getNorm())))
    return failure();
  return inferParameters(shapes, op.getQuantizer(), op.getInput(),
                         getComputeType(shapes.getElementType(op.getInput())));
}

std::optional<RowRange> SearchScaleOp::getOperandRows(unsigned operand,
                                                      RowRange rows) {
  return getInputRows(getInput(), getQuantizer(), rows);
}

std::optional<int64_t> SearchScaleOp::getOperandAxis(unsigned operand,
                                                     int64_t axis) {
  return getInputAxis(getInput(), getQuantizer(), axis);
}

LogicalResult SearchScaleOp::evaluateRows(Operands operands, RowRange rows,
                                          MutableArrayRef<char> result) {
  DType dtype = getFloatDType(getResult());
  Rounder rounder(getQuantizer(), dtype == DType::F64);
  std::vector<std::vector<double>> parts = collectByParameter(
      getInput(), getQuantizer(), operands[0],
      getOperandRows(0, rows).value_or(getAllRows(getInput())),
      result.size() * 8 / getBitWidth(dtype));
  std::vector<double> scales;
  for (const std::vector<double> &part : parts) {
    HostQuantRange range = ::getRange(part);
    scales.push_back(std::max(-range.low, range.high));
  }
  double outer = getOuterScale(scales, getQuantizer(), rounder.isWide());
  ScaleSearch search{int64_t(getSteps()), int64_t(getGrid()),
                     getNorm().convertToDouble()};
  for (auto [scale, part] : llvm::zip_equal(scales, parts)) {
    FailureOr<HostQuantParameters> found = search.run(rounder, part, outer);
    if (failed(found))
      return failCodes(*this, getQuantizer());
    scale = found->scale;
  }
  encodeFloats(dtype, scales, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// QuantZeroOp
//===----------------------------------------------------------------------===//

LogicalResult QuantZeroOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (!op.getQuantizer().hasZeroPoint())
    return shapes.fail("expected a format with zero points, found ",
                       op.getQuantizer());
  return inferParameters(shapes, op.getQuantizer(), op.getInput(),
                         IntegerType::get(shapes.getContext(), 8));
}

std::optional<RowRange> QuantZeroOp::getOperandRows(unsigned operand,
                                                    RowRange rows) {
  return getInputRows(getInput(), getQuantizer(), rows);
}

std::optional<int64_t> QuantZeroOp::getOperandAxis(unsigned operand,
                                                   int64_t axis) {
  return getInputAxis(getInput(), getQuantizer(), axis);
}

LogicalResult QuantZeroOp::evaluateRows(Operands operands, RowRange rows,
                                        MutableArrayRef<char> result) {
  std::vector<std::vector<double>> parts = collectByParameter(
      getInput(), getQuantizer(), operands[0],
      getOperandRows(0, rows).value_or(getAllRows(getInput())), result.size());
  bool wide =
      getComputeType(getTensorType(getInput()).getElementType()).isF64();
  for (auto [zero, part] : llvm::zip_equal(result, parts))
    zero = static_cast<char>(
        getQuantizer().getParameters(::getRange(part), wide).zero);
  return success();
}

//===----------------------------------------------------------------------===//
// RMSScaleOp
//===----------------------------------------------------------------------===//

LogicalResult RMSScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  double factor = op.getFactor().convertToDouble();
  if (!(factor > 0) || std::isinf(factor))
    return shapes.fail("expected a positive factor, found ", factor);
  if (getOuterDivisor(op.getQuantizer()))
    return shapes.fail("expected scales that are multiples of none, found ",
                       op.getQuantizer());
  if (failed(checkHasScalesAlone(shapes, op.getQuantizer())))
    return failure();
  return inferParameters(shapes, op.getQuantizer(), op.getInput(),
                         getComputeType(shapes.getElementType(op.getInput())));
}

std::optional<RowRange> RMSScaleOp::getOperandRows(unsigned operand,
                                                   RowRange rows) {
  return getInputRows(getInput(), getQuantizer(), rows);
}

std::optional<int64_t> RMSScaleOp::getOperandAxis(unsigned operand,
                                                  int64_t axis) {
  return getInputAxis(getInput(), getQuantizer(), axis);
}

LogicalResult RMSScaleOp::evaluateRows(Operands operands, RowRange rows,
                                       MutableArrayRef<char> result) {
  DType dtype = getFloatDType(getResult());
  std::vector<double> scales(result.size() * 8 / getBitWidth(dtype));
  std::vector<std::vector<double>> parts = collectByParameter(
      getInput(), getQuantizer(), operands[0],
      getOperandRows(0, rows).value_or(getAllRows(getInput())), scales.size());
  for (auto [scale, part] : llvm::zip_equal(scales, parts)) {
    double squares = 0;
    for (double number : part)
      squares += number * number;
    scale = finishScale(getFactor().convertToDouble() *
                            std::sqrt(squares / part.size()),
                        getQuantizer().getScaling().form, /*upwards=*/true,
                        /*outer=*/1, dtype == DType::F64);
  }
  encodeFloats(dtype, scales, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// Weights `[out, in]` and moments `[in, in]`
//===----------------------------------------------------------------------===//

/// Fails unless `input` is a matrix of static shape.
static LogicalResult checkMatrix(ShapeInference &shapes, Value input,
                                 StringRef name) {
  if (failed(checkAllStatic(shapes, input, name)))
    return failure();
  if (shapes.getRank(input) != 2)
    return shapes.fail("expected ", name, " to be a matrix, found ",
                       input.getType());
  return success();
}

/// Fails unless `moments`, called `name`, is a square matrix.
static LogicalResult checkSquare(ShapeInference &shapes, Value moments,
                                 StringRef name) {
  if (failed(checkMatrix(shapes, moments, name)))
    return failure();
  Dim size = shapes.getDim(moments, 0);
  return shapes.checkShape(moments, name, {size, size});
}

/// Fails unless each row of the matrix `input`, or each group of one, has a
/// scale of its own.
static LogicalResult checkRowScales(ShapeInference &shapes, Value input,
                                    QuantizerAttrInterface quantizer) {
  SmallVector<QuantAxis> axes = getQuantAxes(quantizer, 2);
  if (axes.empty() || axes.front().dim != 0 || axes.front().block != 1 ||
      (axes.size() == 2 && axes[1].block == 1) || getOuterDivisor(quantizer))
    return shapes.fail("expected a scale for each row or group of one, found ",
                       quantizer);
  SmallVector<Dim> dims;
  return inferParameterDims(shapes, quantizer, input, dims);
}

/// The columns of `input` that share a scale of such a format.
static int64_t getGroup(Value input, QuantizerAttrInterface quantizer) {
  SmallVector<QuantAxis> axes = getQuantAxes(quantizer, 2);
  return axes.size() == 2 ? axes[1].block : getTensorType(input).getDimSize(1);
}

//===----------------------------------------------------------------------===//
// ClipByGramOp
//===----------------------------------------------------------------------===//

LogicalResult ClipByGramOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  if (failed(checkMatrix(shapes, input, "input")) ||
      failed(checkRowScales(shapes, input, op.getQuantizer())) ||
      failed(shapes.checkShape(
          op.getGram(), "gram",
          {shapes.getDim(input, 1), shapes.getDim(input, 1)})) ||
      failed(checkSearch(shapes, op.getSteps(), op.getGrid())))
    return failure();
  shapes.addResultLike(input);
  return success();
}

std::optional<RowRange> ClipByGramOp::getOperandRows(unsigned operand,
                                                     RowRange rows) {
  return operand == 0 ? rows : getAllRows(getGram());
}

std::optional<int64_t> ClipByGramOp::getOperandAxis(unsigned operand,
                                                    int64_t axis) {
  if (axis != 0)
    return std::nullopt;
  return operand == 0 ? 0 : wholeOperand;
}

LogicalResult ClipByGramOp::evaluateRows(Operands operands, RowRange rows,
                                         MutableArrayRef<char> result) {
  Rounder rounder(getQuantizer(), isWide(getInput()));
  int64_t width = getTensorType(getInput()).getDimSize(1);
  int64_t group = getGroup(getInput(), getQuantizer());
  int64_t steps = getSteps();
  std::vector<double> weights = decodeNumbers(getInput(), operands[0]);
  if (failed(checkFinite<double>(*this, "weight", weights)))
    return failure();
  auto clip = [&](auto zero) -> LogicalResult {
    using T = decltype(zero);
    Elements<T> gram(operands[1]);
    std::vector<double> clipped(group), rounded(group);
    std::vector<int8_t> codes(group);
    std::vector<T> errors(steps * group), products(steps * group);
    for (size_t begin = 0; begin < weights.size(); begin += group) {
      MutableArrayRef<double> part(weights.data() + begin, group);
      double largest = 0;
      for (double weight : part)
        largest = std::max(largest, std::fabs(weight));
      auto limit = [&](int64_t step) {
        return largest * (1 - double(step) / getGrid());
      };
      for (int64_t step = 0; step < steps; ++step) {
        for (auto [to, from] : llvm::zip_equal(clipped, part))
          to = std::clamp(from, -limit(step), limit(step));
        HostQuantParameters parameters =
            getQuantizer().getParameters(::getRange(clipped), rounder.isWide());
        if (failed(rounder.round(clipped, parameters.scale,
                                 static_cast<int8_t>(parameters.zero), codes,
                                 rounded)))
          return failCodes(*this, getQuantizer());
        for (int64_t i = 0; i < group; ++i)
          errors[step * group + i] = static_cast<T>(rounded[i] - part[i]);
      }
      std::fill(products.begin(), products.end(), T(0));
      int64_t column = begin % width;
      addProduct(steps, group, group, errors.data(), group,
                 gram.data() + column * (width + 1), width, products.data(),
                 group);
      int64_t best = 0;
      double least = std::numeric_limits<double>::infinity();
      for (int64_t step = 0; step < steps; ++step) {
        double loss = 0;
        for (int64_t i = step * group; i < (step + 1) * group; ++i)
          loss += double(errors[i]) * products[i];
        if (loss < least) {
          least = loss;
          best = step;
        }
      }
      if (std::isinf(least))
        return emitOpError("found a number in the gram that is not finite");
      for (double &weight : part)
        weight = std::clamp(weight, -limit(best), limit(best));
    }
    return success();
  };
  if (failed(dispatch(getGram(), clip)))
    return failure();
  encodeFloats(getFloatDType(getResult()), weights, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// KMeansOp
//===----------------------------------------------------------------------===//

LogicalResult KMeansOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  QuantizerAttrInterface quantizer = op.getQuantizer();
  if (!quantizer.hasLearnedTable())
    return shapes.fail("expected a format whose numbers are learned, found ",
                       quantizer);
  SmallVector<Dim> dims;
  if (failed(checkAllStatic(shapes, input, "input")) ||
      failed(shapes.checkMinimalRank(input, "input", 1)) ||
      failed(inferParameterDims(shapes, quantizer, input, dims)) ||
      failed(shapes.checkShape(op.getScale(), "scale", dims)) ||
      failed(shapes.checkElementType(
          op.getScale(), "scale",
          getComputeType(shapes.getElementType(input)))) ||
      failed(shapes.checkShape(op.getMoments(), "moments",
                               {shapes.getDim(input, -1)})))
    return failure();
  shapes.addResult(
      {shapes.getConstant(int64_t(1) << quantizer.getStorageType().getWidth())},
      Float32Type::get(shapes.getContext()));
  return success();
}

LogicalResult KMeansOp::evaluateWeights(Operands operands,
                                        MutableArrayRef<char> result) {
  // Of the greatest, so that no product is too large.
  auto decodeParts = [](Value value, ArrayRef<char> bytes) {
    std::vector<double> numbers = decodeNumbers(value, bytes);
    double largest = 0;
    for (double number : numbers)
      largest = std::isfinite(number) ? std::max(largest, number) : largest;
    for (double &number : numbers)
      number /= largest;
    return numbers;
  };
  std::vector<double> scales = decodeNumbers(getScale(), operands[1]),
                      parts = decodeParts(getScale(), operands[1]), moments;
  if (getMoments())
    moments = decodeParts(getMoments(), operands[2]);
  DType dtype = getFloatDType(getInput());
  int64_t width = getBitWidth(dtype) / 8;
  int64_t line = getTensorType(getInput()).getShape().back();
  std::vector<double> numbers;
  auto count = [&](ArrayRef<double> moments) {
    ClusterHistogram histogram;
    (void)ParameterMap(getInput(), getQuantizer())
        .walk(getAllRows(getInput()), [&](int64_t begin, int64_t size,
                                          int64_t place) {
          numbers.resize(size);
          decodeFloats(dtype, operands[0].data() + begin * width, numbers);
          // An error of a quotient is so much in the weight.
          double square = parts[place] * parts[place];
          for (int64_t i = 0; i < size; ++i)
            histogram.add(numbers[i] / scales[place],
                          moments.empty()
                              ? square
                              : square * moments[(begin + i) % line]);
          return success();
        });
    return histogram;
  };
  ClusterHistogram histogram = count(moments);
  if (histogram.empty() && !moments.empty())
    histogram = count({});
  SmallVector<float> means = histogram.getMeans(result.size() / sizeof(float));
  std::memcpy(result.data(), means.data(), result.size());
  return success();
}

//===----------------------------------------------------------------------===//
// DiagonalOp
//===----------------------------------------------------------------------===//

LogicalResult DiagonalOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkSquare(shapes, op.getInput(), "input")))
    return failure();
  shapes.addResult({shapes.getDim(op.getInput(), 0)},
                   shapes.getElementType(op.getInput()));
  return success();
}

LogicalResult DiagonalOp::evaluateWeights(Operands operands,
                                          MutableArrayRef<char> result) {
  int64_t size = getTensorType(getResult()).getDimSize(0);
  int64_t width = getBitWidth(getFloatDType(getResult())) / 8;
  for (int64_t i = 0; i < size; ++i)
    std::memcpy(result.data() + i * width,
                operands[0].data() + i * (size + 1) * width, width);
  return success();
}

//===----------------------------------------------------------------------===//
// IsPositiveOp
//===----------------------------------------------------------------------===//

LogicalResult IsPositiveOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkAllStatic(shapes, op.getInput(), "input")))
    return failure();
  shapes.addResultLike(op.getInput());
  return success();
}

std::optional<RowRange> IsPositiveOp::getOperandRows(unsigned operand,
                                                     RowRange rows) {
  return rows;
}

std::optional<int64_t> IsPositiveOp::getOperandAxis(unsigned operand,
                                                    int64_t axis) {
  return axis;
}

LogicalResult IsPositiveOp::evaluateRows(Operands operands, RowRange rows,
                                         MutableArrayRef<char> result) {
  std::vector<double> numbers = decodeNumbers(getInput(), operands[0]);
  for (double &number : numbers)
    number = number > 0 ? 1 : 0;
  encodeFloats(getFloatDType(getResult()), numbers, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// GramFactorOp
//===----------------------------------------------------------------------===//

/// Columns that are factored at once.
static constexpr int64_t factorBlock = 128;

/// Replaces the lower triangle of the row-major `a` `[n, n]` by its Cholesky
/// factor, what is above keeps no meaning. Gives the first row where `a` is not
/// positive definite, or `n`. Eigen factors blocks of the diagonal; products of
/// matrices, which are nearly all of the work, run on all threads.
template <typename T>
static int64_t factorCholesky(MLIRContext *context, T *a, int64_t n) {
  std::vector<T> transposed;
  for (int64_t begin = 0; begin < n; begin += factorBlock) {
    int64_t size = std::min(factorBlock, n - begin), end = begin + size;
    Eigen::OuterStride<> stride(n);
    MatrixMap<T> block(a + begin * (n + 1), size, size, stride);
    Eigen::LLT<Matrix<T>> llt(block);
    if (llt.info() != Eigen::Success || !llt.matrixLLT().allFinite()) {
      int64_t bad = 0;
      while (bad < size - 1 && llt.matrixLLT()(bad, bad) > 0)
        ++bad;
      return begin + bad;
    }
    block.template triangularView<Eigen::Lower>() = llt.matrixL();
    int64_t rest = n - end;
    int64_t parts = llvm::divideCeil(rest, factorBlock);
    transposed.resize(size * rest);
    // The panel below, and its negative transpose.
    parallelFor(context, 0, parts, [&](size_t part) {
      int64_t first = part * factorBlock;
      int64_t count = std::min(factorBlock, rest - first);
      MatrixMap<T> panel(a + (end + first) * n + begin, count, size, stride);
      llt.matrixL().transpose().template solveInPlace<Eigen::OnTheRight>(panel);
      MatrixMap<T>(transposed.data() + first, size, count,
                   Eigen::OuterStride<>(rest)) = -panel.transpose();
    });
    // What is left, the longest rows first.
    parallelFor(context, 0, parts, [&](size_t index) {
      int64_t first = (parts - 1 - index) * factorBlock;
      int64_t count = std::min(factorBlock, rest - first);
      T *row = a + (end + first) * n;
      addProduct(count, first + count, size, row + begin, n, transposed.data(),
                 rest, row + end, n);
    });
  }
  return n;
}

/// The columns in descending order of `order`.
static std::vector<int64_t> sortColumns(ArrayRef<double> order) {
  std::vector<int64_t> columns(order.size());
  std::iota(columns.begin(), columns.end(), 0);
  llvm::sort(columns, [&](int64_t a, int64_t b) {
    return order[a] != order[b] ? order[a] > order[b] : a < b;
  });
  return columns;
}

LogicalResult GramFactorOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value gram = op.getGram();
  double damping = op.getDamping().convertToDouble();
  if (failed(checkSquare(shapes, gram, "gram")) ||
      failed(
          shapes.checkShape(op.getOrder(), "order", {shapes.getDim(gram, 0)})))
    return failure();
  if (!(damping >= 0) || std::isinf(damping))
    return shapes.fail("expected damping of 0 or more, found ", damping);
  shapes.addResultLike(gram);
  return success();
}

LogicalResult GramFactorOp::evaluateWeights(Operands operands,
                                            MutableArrayRef<char> result) {
  int64_t n = getTensorType(getResult()).getDimSize(0);
  std::vector<double> order(n, 0);
  if (getOrder())
    order = decodeNumbers(getOrder(), operands[1]);
  // NaN has no place in an order.
  if (failed(checkFinite<double>(*this, "order", order)))
    return failure();
  std::vector<int64_t> columns = sortColumns(order);
  return dispatch(getGram(), [&](auto zero) -> LogicalResult {
    using T = decltype(zero);
    Elements<T> gram(operands[0]);
    double sum = 0;
    auto getDiagonal = [&](int64_t column) {
      T number = gram.data()[column * (n + 1)];
      return number == 0 ? T(1) : number;
    };
    for (int64_t column = 0; column < n; ++column)
      sum += getDiagonal(column);
    if (!std::isfinite(sum))
      return emitOpError("found a number in the gram that is not finite");
    T damping = static_cast<T>(getDamping().convertToDouble() * sum / n);
    // `R R^T = H` is `L L^T` of the columns in reverse order, each reversed.
    auto *factor = reinterpret_cast<T *>(result.data());
    std::vector<T> copy;
    if (reinterpret_cast<uintptr_t>(factor) % alignof(T) != 0) {
      copy.resize(n * n);
      factor = copy.data();
    }
    parallelFor(getContext(), 0, n, [&](size_t index) {
      int64_t row = columns[n - 1 - index];
      T *to = factor + index * n;
      for (int64_t i = 0; i <= int64_t(index); ++i) {
        int64_t column = columns[n - 1 - i];
        to[i] = row == column ? getDiagonal(row) + damping
                              : gram.data()[std::max(row, column) * n +
                                            std::min(row, column)];
      }
      std::fill(to + index + 1, to + n, T(0));
    });
    int64_t good = factorCholesky(getContext(), factor, n);
    if (good != n)
      return emitOpError("expected a positive definite matrix, found none from "
                         "row ")
             << columns[n - 1 - good] << " on with damping "
             << getDamping().convertToDouble()
             << "; more damping, or more data, makes it one";
    for (int64_t row = 0; row < n; ++row)
      std::fill(factor + row * n + row + 1, factor + (row + 1) * n, T(0));
    std::reverse(factor, factor + n * n);
    if (!copy.empty())
      std::memcpy(result.data(), factor, result.size());
    return success();
  });
}

//===----------------------------------------------------------------------===//
// GPTQ
//===----------------------------------------------------------------------===//

/// Rows that are rounded at once: as many as fit the caches together with a
/// block of columns.
static constexpr int64_t mostRows = 64;

namespace {
/// Rounds rows of a weight `[.., width]`, a few at a time.
///
/// With `R R^T = H` the squares of `e R` sum up to the error `e H e^T`; column
/// `k` of that is `sum_{j <= k} e_j R_jk`. So it is least, for given errors of
/// the columns before, when column `k` of the weight is rounded after
/// `sum_{j < k} e_j R_jk / R_kk` was added.
template <typename T>
class ColumnRounder {
public:
  ColumnRounder(const T *factor, int64_t width, int64_t block)
      : factor(factor), width(width), block(std::min(block, width)),
        sums(mostRows * this->block) {}

  /// Rounds the rows of `weights`, at most `mostRows`, which become what was
  /// there less what it was rounded to. `begin(column, size)` is called before
  /// columns that are taken together, when `getCompensated` has them;
  /// `round(row, column, number)` gives what a number is rounded to. Both stop
  /// the work by failing.
  template <typename Begin, typename Round>
  LogicalResult run(MutableArrayRef<T> weights, Begin begin, Round round) {
    int64_t count = weights.size() / width;
    for (int64_t first = 0; first < width; first += block) {
      int64_t size = std::min(block, width - first);
      std::fill(sums.begin(), sums.end(), T(0));
      addProduct(count, size, first, weights.data(), width, factor + first,
                 width, sums.data(), block);
      if (failed(begin(first, size)))
        return failure();
      for (int64_t column = first; column < first + size; ++column) {
        const T *right = factor + column * width;
        for (int64_t row = 0; row < count; ++row) {
          T *sum = sums.data() + row * block - first;
          T &weight = weights[row * width + column];
          double number = weight + sum[column] / right[column];
          FailureOr<double> rounded = round(row, column, number);
          if (failed(rounded))
            return failure();
          weight = static_cast<T>(weight - *rounded);
          for (int64_t next = column + 1; next < first + size; ++next)
            sum[next] += weight * right[next];
        }
      }
    }
    return success();
  }

  /// The rows of `weights` from column `first` on, `size` of them, with
  /// the errors of all columns before spread over them.
  void getCompensated(ArrayRef<T> weights, int64_t first, int64_t size,
                      std::vector<double> &numbers) const {
    int64_t count = weights.size() / width;
    numbers.resize(count * size);
    for (int64_t row = 0; row < count; ++row) {
      double *spread = numbers.data() + row * size;
      for (int64_t i = 0; i < size; ++i) {
        double sum = sums[row * block + i];
        for (int64_t j = 0; j < i; ++j)
          sum -= spread[j] * factor[(first + j) * width + first + i];
        spread[i] = sum / factor[(first + i) * (width + 1)];
      }
      for (int64_t i = 0; i < size; ++i)
        spread[i] += weights[row * width + first + i];
    }
  }

private:
  const T *factor;
  int64_t width, block;
  std::vector<T> sums;
};
} // namespace

/// Calls `body(first, weights)` for the rows of the matrix `input` in `bytes`
/// from `first` on, at most `mostRows`, in the order `columns`. Stops when it
/// fails, and with a diagnostic at `op` at a number that is not finite.
template <typename T, typename Body>
static LogicalResult forEachTile(Operation *op, Value input,
                                 ArrayRef<char> bytes,
                                 ArrayRef<int64_t> columns, Body body) {
  DType dtype = getFloatDType(input);
  size_t width = columns.size(), rowBytes = width * getBitWidth(dtype) / 8;
  size_t allRows = bytes.size() / rowBytes;
  std::vector<double> numbers;
  std::vector<T> weights;
  for (size_t first = 0; first < allRows; first += mostRows) {
    numbers.resize(std::min<size_t>(mostRows, allRows - first) * width);
    decodeFloats(dtype, bytes.data() + first * rowBytes, numbers);
    if (failed(checkFinite<double>(op, "weight", numbers)))
      return failure();
    weights.resize(numbers.size());
    for (size_t begin = 0; begin < numbers.size(); begin += width)
      for (size_t i = 0; i < width; ++i)
        weights[begin + i] = static_cast<T>(numbers[begin + columns[i]]);
    if (failed(body(first, MutableArrayRef(weights))))
      return failure();
  }
  return success();
}

/// Fails unless `factor` is a matrix for the columns of the matrix `input`.
static LogicalResult checkFactor(ShapeInference &shapes, Value input,
                                 Value factor) {
  if (failed(checkMatrix(shapes, input, "input")))
    return failure();
  Dim width = shapes.getDim(input, 1);
  return shapes.checkShape(factor, "factor", {width, width});
}

LogicalResult GPTQOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  Type code = IntegerType::get(shapes.getContext(), 8);
  if (failed(checkFactor(shapes, input, op.getFactor())) ||
      failed(checkCodeParameters(shapes, op.getQuantizer(), input,
                                 op.getScale(),
                                 getComputeType(shapes.getElementType(input)),
                                 op.getZero(), code, op.getTable())) ||
      failed(
          shapes.checkShape(op.getOrder(), "order", {shapes.getDim(input, 1)})))
    return failure();
  if (static_cast<int64_t>(op.getBlock()) < 1)
    return shapes.fail("expected a block of 1 column or more, found ",
                       static_cast<int64_t>(op.getBlock()));
  shapes.addResult(shapes.getDims(input), code);
  return success();
}

std::optional<RowRange> GPTQOp::getOperandRows(unsigned operand,
                                               RowRange rows) {
  if (operand == 0)
    return rows;
  RowRange all = getAllRows(getOperand(operand));
  if (!isParameter(operand))
    return all;
  return ParameterMap(getInput(), getQuantizer()).getParameterRows(rows, all);
}

std::optional<int64_t> GPTQOp::getOperandAxis(unsigned operand, int64_t axis) {
  if (axis != 0)
    return std::nullopt;
  if (operand == 0)
    return 0;
  if (isParameter(operand))
    return ParameterMap(getInput(), getQuantizer()).getParameterAxis(axis);
  return wholeOperand;
}

LogicalResult GPTQOp::evaluateRows(Operands operands, RowRange rows,
                                   MutableArrayRef<char> result) {
  int64_t width = getTensorType(getInput()).getDimSize(1);
  std::vector<double> scales = decodeNumbers(getScale(), operands[1]);
  auto take = [next = operands.drop_front(2)](Value value) mutable {
    ArrayRef<char> bytes;
    if (value) {
      bytes = next.front();
      next = next.drop_front();
    }
    return bytes;
  };
  ArrayRef<char> zeros = take(getZero()), table = take(getTable()),
                 factor = take(getFactor());
  std::vector<double> order(width, 0);
  if (getOrder())
    order = decodeNumbers(getOrder(), take(getOrder()));
  if (failed(checkFinite<double>(*this, "order", order)))
    return failure();
  std::vector<int64_t> columns = sortColumns(order);
  ParameterMap map(getInput(), getQuantizer());
  FailureOr<Rounder> rounder =
      Rounder::get(*this, getQuantizer(), isWide(getScale()), table);
  if (failed(rounder))
    return failure();
  return dispatch(getFactor(), [&](auto zero) -> LogicalResult {
    using T = decltype(zero);
    Elements<T> elements(factor);
    ColumnRounder<T> walker(elements.data(), width, getBlock());
    auto roundRows = [&](int64_t first, MutableArrayRef<T> weights) {
      auto begin = [](int64_t, int64_t) { return success(); };
      auto round = [&](int64_t row, int64_t i,
                       double number) -> FailureOr<double> {
        int64_t column = columns[i];
        int64_t place = map.getPlace(first + row, column);
        auto &code =
            reinterpret_cast<int8_t &>(result[(first + row) * width + column]);
        double rounded;
        if (failed(rounder->round(number, scales[place],
                                  zeros.empty() ? 0 : int8_t(zeros[place]),
                                  code, rounded)))
          return failCodes(*this, getQuantizer());
        return rounded;
      };
      return walker.run(weights, begin, round);
    };
    return forEachTile<T>(*this, getInput(), operands[0], columns, roundRows);
  });
}

/// The parameters of `op`, a GPTQGridOp, for the rows of weights in `operands`:
/// one for each row and group, as GPTQ finds them on its way.
template <typename OpT>
static FailureOr<std::vector<HostQuantParameters>>
findGroupParameters(OpT op, Operands operands) {
  int64_t width = getTensorType(op.getInput()).getDimSize(1);
  int64_t group = getGroup(op.getInput(), op.getQuantizer());
  std::vector<int64_t> columns = sortColumns(std::vector<double>(width, 0));
  ScaleSearch search{int64_t(op.getSteps()), int64_t(op.getGrid()),
                     op.getNorm().convertToDouble()};
  Rounder rounder(op.getQuantizer(), isWide(op.getInput()));
  std::vector<HostQuantParameters> parameters(
      operands[0].size() * 8 / getBitWidth(getFloatDType(op.getInput())) /
      group);
  auto find = [&](auto zero) -> LogicalResult {
    using T = decltype(zero);
    Elements<T> factor(operands[1]);
    ColumnRounder<T> walker(factor.data(), width, group);
    std::vector<double> numbers;
    auto findRows = [&](int64_t first, MutableArrayRef<T> weights) {
      auto getParameters = [&](int64_t row,
                               int64_t column) -> HostQuantParameters & {
        return parameters[(first + row) * (width / group) + column / group];
      };
      auto begin = [&](int64_t column, int64_t size) -> LogicalResult {
        walker.getCompensated(weights, column, size, numbers);
        for (size_t row = 0; row * size < numbers.size(); ++row) {
          FailureOr<HostQuantParameters> found = search.run(
              rounder, ArrayRef(numbers).slice(row * size, size), /*outer=*/1);
          if (failed(found))
            return failCodes(op, op.getQuantizer());
          getParameters(row, column) = *found;
        }
        return success();
      };
      auto round = [&](int64_t row, int64_t column,
                       double number) -> FailureOr<double> {
        HostQuantParameters &found = getParameters(row, column);
        int8_t code;
        double rounded;
        if (failed(rounder.round(number, found.scale,
                                 static_cast<int8_t>(found.zero), code,
                                 rounded)))
          return failCodes(op, op.getQuantizer());
        return rounded;
      };
      return walker.run(weights, begin, round);
    };
    return forEachTile<T>(op, op.getInput(), operands[0], columns, findRows);
  };
  if (failed(dispatch(op.getFactor(), find)))
    return failure();
  return parameters;
}

template <typename AdaptorT>
static LogicalResult inferGroupParameters(ShapeInference &shapes, AdaptorT op,
                                          Type element) {
  if (failed(checkFactor(shapes, op.getInput(), op.getFactor())) ||
      failed(checkRowScales(shapes, op.getInput(), op.getQuantizer())) ||
      failed(checkSearch(shapes, op.getSteps(), op.getGrid())) ||
      failed(checkNorm(shapes, op.getNorm())))
    return failure();
  return inferParameters(shapes, op.getQuantizer(), op.getInput(), element);
}

LogicalResult GPTQScaleOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  return inferGroupParameters(
      shapes, op, getComputeType(shapes.getElementType(op.getInput())));
}

std::optional<RowRange> GPTQScaleOp::getOperandRows(unsigned operand,
                                                    RowRange rows) {
  return operand == 0 ? rows : getAllRows(getFactor());
}

std::optional<int64_t> GPTQScaleOp::getOperandAxis(unsigned operand,
                                                   int64_t axis) {
  if (axis != 0)
    return std::nullopt;
  return operand == 0 ? 0 : wholeOperand;
}

LogicalResult GPTQScaleOp::evaluateRows(Operands operands, RowRange rows,
                                        MutableArrayRef<char> result) {
  FailureOr<std::vector<HostQuantParameters>> found =
      findGroupParameters(*this, operands);
  if (failed(found))
    return failure();
  std::vector<double> scales;
  for (const HostQuantParameters &parameters : *found)
    scales.push_back(parameters.scale);
  encodeFloats(getFloatDType(getResult()), scales, result.data());
  return success();
}

LogicalResult GPTQZeroOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (!op.getQuantizer().hasZeroPoint())
    return shapes.fail("expected a format with zero points, found ",
                       op.getQuantizer());
  return inferGroupParameters(shapes, op,
                              IntegerType::get(shapes.getContext(), 8));
}

std::optional<RowRange> GPTQZeroOp::getOperandRows(unsigned operand,
                                                   RowRange rows) {
  return operand == 0 ? rows : getAllRows(getFactor());
}

std::optional<int64_t> GPTQZeroOp::getOperandAxis(unsigned operand,
                                                  int64_t axis) {
  if (axis != 0)
    return std::nullopt;
  return operand == 0 ? 0 : wholeOperand;
}

LogicalResult GPTQZeroOp::evaluateRows(Operands operands, RowRange rows,
                                       MutableArrayRef<char> result) {
  FailureOr<std::vector<HostQuantParameters>> found =
      findGroupParameters(*this, operands);
  if (failed(found))
    return failure();
  for (auto [zero, parameters] : llvm::zip_equal(result, *found))
    zero = static_cast<char>(parameters.zero);
  return success();
}

//===----------------------------------------------------------------------===//
// RidgeMapOp
//===----------------------------------------------------------------------===//

LogicalResult RidgeMapOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value gram = op.getGram();
  double ridge = op.getRidge().convertToDouble();
  double damping = op.getDamping().convertToDouble();
  if (failed(checkSquare(shapes, gram, "gram")) ||
      failed(shapes.checkShape(op.getCross(), "cross", shapes.getDims(gram))) ||
      failed(shapes.checkElementType(op.getCross(), "cross",
                                     shapes.getElementType(gram))))
    return failure();
  if (!(ridge >= 0) || !(damping >= 0) || std::isinf(ridge + damping))
    return shapes.fail("expected ridge and damping of 0 or more, found ", ridge,
                       " and ", damping);
  shapes.addResultLike(gram);
  return success();
}

LogicalResult RidgeMapOp::evaluateWeights(Operands operands,
                                          MutableArrayRef<char> result) {
  int64_t n = getTensorType(getResult()).getDimSize(0);
  return dispatch(getGram(), [&](auto zero) -> LogicalResult {
    using T = decltype(zero);
    Matrix<T> gram(n, n), cross(n, n);
    std::memcpy(gram.data(), operands[0].data(), operands[0].size());
    std::memcpy(cross.data(), operands[1].data(), operands[1].size());
    if (!gram.allFinite() || !cross.allFinite())
      return emitOpError("found a number in the moments that is not finite");
    // The transpose of the result: (gram + lambda I)^-1 (cross - gram).
    cross -= gram;
    double damping = getDamping().convertToDouble();
    gram.diagonal().array() += static_cast<T>(
        getRidge().convertToDouble() + damping * double(gram.trace()) / n);
    Eigen::LLT<Eigen::Ref<Matrix<T>>> llt(gram);
    if (llt.info() != Eigen::Success)
      return emitOpError("expected a positive definite matrix; more damping, "
                         "or more data, makes it one");
    llt.solveInPlace(cross);
    cross.transposeInPlace();
    std::memcpy(result.data(), cross.data(), result.size());
    return success();
  });
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchWeightQuantOps.cpp.inc"
