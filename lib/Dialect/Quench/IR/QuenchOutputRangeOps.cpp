//===- QuenchOutputRangeOps.cpp - Ranges by errors of outputs -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParameterMap.h"
#include "WeightValues.h"

#include "Quench/Dialect/Quench/IR/QuenchOutputRangeOps.h"

#include "Quench/Support/MatrixProduct.h"
#include "Quench/Support/RangeSearch.h"

#include "mlir/IR/Threading.h"

#include <cmath>

using namespace mlir;
using namespace quench;

using Bytes = ArrayRef<char>;
using Dim = ShapeInference::Dim;

//===----------------------------------------------------------------------===//
// Errors of products
//===----------------------------------------------------------------------===//

namespace {
/// What codes of a format make of numbers. A table is made once.
class FakeQuantizer {
public:
  explicit FakeQuantizer(QuantizerAttrInterface format)
      : format(format), table(format.getTable()) {}

  QuantizerAttrInterface getFormat() const { return format; }

  /// Fails where the format computes no numbers here.
  LogicalResult run(HostQuantParameters parameters, ArrayRef<double> numbers,
                    MutableArrayRef<double> result) const;

private:
  QuantizerAttrInterface format;
  QuantTable table;
};

/// Numbers `[rows, width]` that are multiplied by the transpose of a matrix
/// `[outputs, width]`.
class Product {
public:
  Product(std::vector<double> numbers, int64_t width, ArrayRef<double> matrix);

  ArrayRef<double> getNumbers() const { return numbers; }
  int64_t getNumRows() const { return numbers.size() / width; }
  /// The sum of squares of the error of the products of `count` rows from
  /// `first` on, infinite where there are no codes.
  double getError(int64_t first, int64_t count, const FakeQuantizer &quantizer,
                  HostQuantParameters parameters) const;

private:
  std::vector<double> numbers;
  int64_t width, columns;
  /// The transposed matrix; or, where that is smaller, the matrix `G` with
  /// which `e G e^T` is the sum for errors `e`.
  std::vector<double> factor;
  bool isGram;
};

/// What shares a range: products, and all their numbers.
class Part {
public:
  Part(MLIRContext *context, std::vector<Product> all);

  const Distribution &getNumbers() const { return numbers; }
  /// The sum of squares of the error of all products where codes reach `range`.
  double getError(const FakeQuantizer &quantizer, quench::Range range) const;
  /// The range of least error of those that `quench.output_range` tries, with
  /// up to `zeroPoints` zero points.
  RangeChoice search(const FakeQuantizer &quantizer, int64_t zeroPoints) const;
  /// The format of least error for the best range of each, as
  /// `quench.output_format` finds it.
  FormatChoice search(ArrayRef<FakeQuantizer> quantizers) const;

private:
  /// Rows of a product whose error is computed at once.
  struct Block {
    size_t product;
    int64_t first, count;
  };

  MLIRContext *context;
  std::vector<Product> products;
  std::vector<Block> blocks;
  Distribution numbers;
};
} // namespace

LogicalResult FakeQuantizer::run(HostQuantParameters parameters,
                                 ArrayRef<double> numbers,
                                 MutableArrayRef<double> result) const {
  double scale = parameters.scale;
  if (!table.numbers.empty()) {
    for (auto [number, near] : llvm::zip_equal(numbers, result))
      near = table.numbers[llvm::upper_bound(table.bounds, number / scale) -
                           table.bounds.begin()] *
             scale;
    return success();
  }
  auto zero = static_cast<int8_t>(parameters.zero);
  std::vector<int8_t> codes(numbers.size());
  return success(
      succeeded(format.quantize(numbers, scale, zero, /*wide=*/true, codes)) &&
      succeeded(format.dequantize(codes, scale, zero, /*wide=*/true, result)));
}

Product::Product(std::vector<double> numbers, int64_t width,
                 ArrayRef<double> matrix)
    : numbers(std::move(numbers)), width(width), columns(matrix.size() / width),
      factor(matrix.size()), isGram(columns > width) {
  int64_t outputs = columns;
  for (int64_t output = 0; output < outputs; ++output)
    for (int64_t i = 0; i < width; ++i)
      factor[i * outputs + output] = matrix[output * width + i];
  if (!isGram)
    return;
  std::vector<double> gram(width * width);
  addProduct(width, width, outputs, factor.data(), outputs, matrix.data(),
             width, gram.data(), width);
  factor = std::move(gram);
  columns = width;
}

double Product::getError(int64_t first, int64_t count,
                         const FakeQuantizer &quantizer,
                         HostQuantParameters parameters) const {
  ArrayRef<double> rows = getNumbers().slice(first * width, count * width);
  std::vector<double> errors(rows.size()), outputs(count * columns);
  if (failed(quantizer.run(parameters, rows, errors)))
    return std::numeric_limits<double>::infinity();
  for (auto [error, number] : llvm::zip_equal(errors, rows))
    error = number - error;
  addProduct(count, columns, width, errors.data(), width, factor.data(),
             columns, outputs.data(), columns);
  double sum = 0;
  for (auto [i, output] : llvm::enumerate(outputs))
    sum += output * (isGram ? errors[i] : output);
  return sum;
}

Part::Part(MLIRContext *context, std::vector<Product> all)
    : context(context), products(std::move(all)) {
  constexpr int64_t rows = 64;
  std::vector<double> everything;
  for (auto [index, product] : llvm::enumerate(products)) {
    llvm::append_range(everything, product.getNumbers());
    int64_t count = product.getNumRows();
    for (int64_t first = 0; first < count; first += rows)
      blocks.push_back({index, first, std::min(rows, count - first)});
  }
  numbers = Distribution::ofNumbers(everything);
}

double Part::getError(const FakeQuantizer &quantizer,
                      quench::Range range) const {
  HostQuantParameters parameters = quantizer.getFormat().getParameters(
      {range.low, range.high}, /*wide=*/true);
  std::vector<double> sums(blocks.size());
  parallelFor(context, 0, blocks.size(), [&](size_t index) {
    const Block &block = blocks[index];
    sums[index] = products[block.product].getError(block.first, block.count,
                                                   quantizer, parameters);
  });
  double sum = 0;
  for (double error : sums)
    sum += error;
  return sum;
}

RangeChoice Part::search(const FakeQuantizer &quantizer,
                         int64_t zeroPoints) const {
  QuantizerAttrInterface format = quantizer.getFormat();
  auto error = [&](quench::Range range) { return getError(quantizer, range); };
  quench::Range extent = numbers.getExtent();
  if (!format.hasZeroPoint())
    return searchMultiples(extent, 0.01, 0.0119, 100, error);
  RangeChoice whole = {extent, error(extent)};
  auto [low, high] = format.getNumberRange();
  double count = std::min<double>(zeroPoints, high - low + 1);
  double zero =
      format.getParameters({extent.low, extent.high}, /*wide=*/true).zero;
  double first =
      std::clamp(zero - std::floor(count / 2), low, high + 1 - count);
  SmallVector<quench::Range> grids;
  for (double zero = first; zero < first + count; ++zero)
    grids.push_back({low - zero, high - zero});
  ProgressiveRule rule;
  rule.grids = grids;
  RangeChoice found = searchProgressively(numbers, rule, error);
  return found.error < whole.error ? found : whole;
}

FormatChoice Part::search(ArrayRef<FakeQuantizer> quantizers) const {
  auto [low, high] = numbers.getExtent();
  auto getPart = [](double number, double end) {
    return end != 0 ? std::clamp(number / end, 0.0, 1.0) : 0;
  };
  double first = std::max(getPart(numbers.getQuantile(0.1), low),
                          getPart(numbers.getQuantile(0.9), high));
  return searchFormats(quantizers.size(), first,
                       [&, low = low, high = high](size_t format, double part) {
                         return getError(quantizers[format],
                                         {low * part, high * part});
                       });
}

/// Fails with a diagnostic unless all of `numbers`, called `name`, are finite
/// and there is one.
static LogicalResult checkNumbers(Operation *op, StringRef name,
                                  ArrayRef<double> numbers) {
  if (numbers.empty())
    return op->emitOpError("found no number in the ") << name;
  if (llvm::all_of(numbers, [](double x) { return std::isfinite(x); }))
    return success();
  return op->emitOpError("found a number in the ")
         << name << " that is not finite";
}

/// Writes the range of each of `parts`; fails with a diagnostic where there is
/// none.
static LogicalResult writeRanges(Operation *op, ArrayRef<Part> parts,
                                 QuantizerAttrInterface format,
                                 int64_t zeroPoints,
                                 MutableArrayRef<char> result) {
  FakeQuantizer quantizer(format);
  std::vector<double> ends;
  for (auto [index, part] : llvm::enumerate(parts)) {
    RangeChoice choice = part.search(quantizer, zeroPoints);
    if (!std::isfinite(choice.error))
      return op->emitOpError("finds no range of finite error for part ")
             << index;
    ends.insert(ends.end(), {choice.range.low, choice.range.high});
  }
  encodeFloats(getFloatDType(op->getResult(0)), ends, result.data());
  return success();
}

//===----------------------------------------------------------------------===//
// OutputRangeOp
//===----------------------------------------------------------------------===//

/// Fails unless there are weights for the tokens `sample`.
static LogicalResult checkWeights(ShapeInference &shapes, Value sample,
                                  ValueRange weights) {
  if (failed(checkAllStatic(shapes, sample, "sample")) ||
      failed(shapes.checkShape(sample, "sample", {Dim(), Dim()})))
    return failure();
  if (weights.empty())
    return shapes.fail("expected at least one weight, found none");
  for (Value weight : weights)
    if (failed(checkAllStatic(shapes, weight, "weight")) ||
        failed(shapes.checkShape(weight, "weight",
                                 {Dim(), shapes.getDim(sample, 1)})))
      return failure();
  return success();
}

LogicalResult OutputRangeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkWeights(shapes, op.getSample(), op.getWeights())))
    return failure();
  SmallVector<QuantAxis> axes;
  op.getQuantizer().getQuantAxes(/*rank=*/2, axes);
  if (!axes.empty())
    return shapes.fail("expected a quantizer with one range, found ",
                       op.getQuantizer());
  shapes.addResult({shapes.getConstant(2)},
                   Float64Type::get(shapes.getContext()));
  return success();
}

/// The product of the tokens that are the first of `operands`, called `sample`,
/// with the weights that are the others.
static FailureOr<Part> readTokens(Operation *op, ArrayRef<Bytes> operands) {
  std::vector<double> sample = decodeNumbers(op->getOperand(0), operands[0]);
  std::vector<double> rows;
  for (unsigned i = 1; i < op->getNumOperands(); ++i)
    llvm::append_range(rows, decodeNumbers(op->getOperand(i), operands[i]));
  if (failed(checkNumbers(op, "sample", sample)) ||
      failed(checkNumbers(op, "weights", rows)))
    return failure();
  int64_t width = getTensorType(op->getOperand(0)).getDimSize(1);
  std::vector<Product> products;
  products.emplace_back(std::move(sample), width, rows);
  return Part(op->getContext(), std::move(products));
}

LogicalResult OutputRangeOp::evaluateWeights(ArrayRef<Bytes> operands,
                                             MutableArrayRef<char> result) {
  FailureOr<Part> part = readTokens(*this, operands);
  if (failed(part))
    return failure();
  return writeRanges(*this, *part, getQuantizer(), /*zeroPoints=*/16, result);
}

//===----------------------------------------------------------------------===//
// AttentionRangeOp
//===----------------------------------------------------------------------===//

static bool isProbabilities(StringRef role) { return role == "probabilities"; }
static bool isQuery(StringRef role) { return role == "query"; }
static bool isKey(StringRef role) { return role == "key"; }

/// Fails unless `op` is about operands of one attention, `role` being that of
/// its sample.
template <typename Adaptor>
static LogicalResult checkAttention(Adaptor op, StringRef role,
                                    ShapeInference &shapes) {
  if (!isQuery(role) && !isKey(role) && role != "value" &&
      !isProbabilities(role))
    return shapes.fail("expected the role query, key, value or probabilities, "
                       "found ",
                       role);
  int64_t heads = static_cast<int64_t>(op.getHeads());
  int64_t groups = static_cast<int64_t>(op.getGroups());
  std::optional<ArrayRef<int64_t>> map = op.getHeadGroups();
  if (heads < 1 || groups < 1 || (!map && heads % groups != 0))
    return shapes.fail("expected heads in equal groups, found ", heads,
                       " heads and ", groups, " groups");
  if (map && (static_cast<int64_t>(map->size()) != heads ||
              llvm::any_of(*map, [&](int64_t group) {
                return group < 0 || group >= groups;
              })))
    return shapes.fail("expected one of ", groups, " groups for each of ",
                       heads, " heads");

  // What stands on the left of the product, and on its right.
  bool isLeft = isQuery(role) || isProbabilities(role);
  bool isOfScores = isQuery(role) || isKey(role);
  Value left = isLeft ? op.getSample() : op.getOther();
  Value right = isLeft ? op.getOther() : op.getSample();
  auto getName = [&](Value value) {
    return value == op.getSample() ? "sample" : "other";
  };
  for (Value value : {left, right})
    if (failed(checkAllStatic(shapes, value, getName(value))))
      return failure();
  if (failed(shapes.checkShape(right, getName(right), {Dim(), Dim(), Dim()})))
    return failure();
  Dim sequences = shapes.getDim(right, 0), keys = shapes.getDim(right, 1);
  int64_t channels = ShapeInference::getSize(shapes.getDim(right, 2));
  if (channels % groups != 0)
    return shapes.fail("expected channels of ", groups, " groups, found ",
                       channels);
  if (!isOfScores)
    return shapes.checkShape(
        left, getName(left),
        {sequences, shapes.getConstant(heads), Dim(), keys});
  return shapes.checkShape(
      left, getName(left),
      {sequences, Dim(), shapes.getConstant(channels / groups * heads)});
}

/// How many ranges parameters by `format` of an operand of attention have, one
/// or `heads`; 0 where heads are not what they are for.
static int64_t getNumRanges(QuantizerAttrInterface format, int64_t heads) {
  SmallVector<QuantAxis> axes;
  format.getQuantAxes(/*rank=*/4, axes);
  if (axes.empty())
    return 1;
  bool isOfHeads = axes.size() == 1 && axes[0].dim == 2 && axes[0].block == 1;
  return isOfHeads ? heads : 0;
}

LogicalResult AttentionRangeOp::inferShapes(Adaptor op,
                                            ShapeInference &shapes) {
  StringRef role = op.getRole();
  if (failed(checkAttention(op, role, shapes)))
    return failure();
  int64_t heads = isQuery(role) ? op.getHeads() : op.getGroups();
  SmallVector<QuantAxis> axes;
  op.getQuantizer().getQuantAxes(/*rank=*/4, axes);
  if (!axes.empty() &&
      (isProbabilities(role) || getNumRanges(op.getQuantizer(), heads) == 0))
    return shapes.fail("expected a quantizer with one range, or one for each "
                       "head of queries, keys or values, found ",
                       op.getQuantizer());
  SmallVector<Dim> dims;
  if (!axes.empty())
    dims.push_back(shapes.getConstant(heads));
  dims.push_back(shapes.getConstant(2));
  shapes.addResult(dims, Float64Type::get(shapes.getContext()));
  return success();
}

namespace {
/// The parts of sequences in a sample of an operand of attention.
class SequenceSample {
public:
  /// `heads` lie side by side in the last dimension, or, of probabilities, are
  /// the second dimension.
  SequenceSample(Value value, ArrayRef<double> numbers, int64_t heads)
      : numbers(numbers), heads(heads) {
    ArrayRef<int64_t> shape = getTensorType(value).getShape();
    sequences = shape[0];
    areHeadsInside = shape.size() == 3;
    rows = shape[shape.size() - 2];
    width = areHeadsInside ? shape.back() / heads : shape.back();
  }

  int64_t getNumSequences() const { return sequences; }
  int64_t getNumRows() const { return rows; }
  int64_t getWidth() const { return width; }

  /// Adds the matrix `[rows, width]` of a head in a sequence to `matrix`.
  void append(int64_t sequence, int64_t head,
              std::vector<double> &matrix) const {
    for (int64_t row = 0; row < rows; ++row) {
      int64_t place = areHeadsInside ? (sequence * rows + row) * heads + head
                                     : (sequence * heads + head) * rows + row;
      llvm::append_range(matrix, numbers.slice(place * width, width));
    }
  }

  /// Its transpose.
  std::vector<double> getTransposed(int64_t sequence, int64_t head) const {
    std::vector<double> matrix, transposed(rows * width);
    append(sequence, head, matrix);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < width; ++column)
        transposed[column * rows + row] = matrix[row * width + column];
    return transposed;
  }

private:
  ArrayRef<double> numbers;
  int64_t heads, sequences, rows, width;
  bool areHeadsInside;
};
} // namespace

/// The products that the sample of `op`, an operand of attention of the role
/// `role`, has with the other one, in `count` parts: those of a head each, or
/// all in one.
template <typename Op>
static FailureOr<std::vector<Part>>
readAttention(Op op, StringRef role, ArrayRef<Bytes> operands, int64_t count) {
  Numbers sampleNumbers(op.getSample(), operands[0]);
  Numbers otherNumbers(op.getOther(), operands[1]);
  if (failed(checkNumbers(op, "sample", sampleNumbers.get())) ||
      failed(checkNumbers(op, "other sample", otherNumbers.get())))
    return failure();
  int64_t heads = op.getHeads(), groups = op.getGroups();
  bool isOfQueries = isQuery(role) || isProbabilities(role);
  SequenceSample sample(op.getSample(), sampleNumbers.get(),
                        isOfQueries ? heads : groups);
  SequenceSample other(op.getOther(), otherNumbers.get(),
                       isOfQueries ? groups : heads);
  auto getGroup = [&](int64_t head) {
    return op.getHeadGroups() ? (*op.getHeadGroups())[head]
                              : head / (heads / groups);
  };
  std::vector<std::vector<Product>> products(count);
  for (int64_t head = 0; head < (isOfQueries ? heads : groups); ++head)
    for (int64_t s = 0; s < sample.getNumSequences(); ++s) {
      // Rows of the sample are multiplied by rows of the other; sums over keys
      // need the transpose of values.
      std::vector<double> rows, matrix;
      int64_t width = sample.getWidth();
      if (role == "value") {
        rows = sample.getTransposed(s, head);
        width = sample.getNumRows();
      } else {
        sample.append(s, head, rows);
      }
      if (isProbabilities(role))
        matrix = other.getTransposed(s, getGroup(head));
      else if (isQuery(role))
        other.append(s, getGroup(head), matrix);
      else
        for (int64_t reader = 0; reader < heads; ++reader)
          if (getGroup(reader) == head)
            other.append(s, reader, matrix);
      products[count == 1 ? 0 : head].emplace_back(std::move(rows), width,
                                                   matrix);
    }
  std::vector<Part> parts;
  for (std::vector<Product> &some : products)
    parts.emplace_back(op.getContext(), std::move(some));
  return parts;
}

LogicalResult AttentionRangeOp::evaluateWeights(ArrayRef<Bytes> operands,
                                                MutableArrayRef<char> result) {
  int64_t count = getTensorType(getResult()).getNumElements() / 2;
  FailureOr<std::vector<Part>> parts =
      readAttention(*this, getRole(), operands, count);
  if (failed(parts))
    return failure();
  return writeRanges(*this, *parts, getQuantizer(), /*zeroPoints=*/8, result);
}

//===----------------------------------------------------------------------===//
// OutputFormatOp, ProbabilitiesFormatOp
//===----------------------------------------------------------------------===//

/// Adds a result for the place of one of `formats`; fails unless these are
/// quantizers of one range each, which `fits` too.
static LogicalResult
inferPlace(ShapeInference &shapes, ArrayAttr formats,
           llvm::function_ref<bool(QuantizerAttrInterface)> fits) {
  if (formats.empty())
    return shapes.fail("expected at least one format, found none");
  for (Attribute attr : formats) {
    auto format = dyn_cast<QuantizerAttrInterface>(attr);
    SmallVector<QuantAxis> axes;
    if (format)
      format.getQuantAxes(/*rank=*/4, axes);
    if (!format || !axes.empty() || !fits(format))
      return shapes.fail("expected quantizers with one range, found ", attr);
  }
  shapes.addResult({shapes.getConstant(1)},
                   Float64Type::get(shapes.getContext()));
  return success();
}

static std::vector<FakeQuantizer> getQuantizers(ArrayAttr formats) {
  std::vector<FakeQuantizer> quantizers;
  for (auto format : formats.getAsRange<QuantizerAttrInterface>())
    quantizers.emplace_back(format);
  return quantizers;
}

/// Writes the place of `choice`; fails with a diagnostic where there is none.
static LogicalResult writePlace(Operation *op, FormatChoice choice,
                                MutableArrayRef<char> result) {
  if (!std::isfinite(choice.error))
    return op->emitOpError("finds no format of finite error");
  encodeFloats(getFloatDType(op->getResult(0)),
               {static_cast<double>(choice.format)}, result.data());
  return success();
}

LogicalResult OutputFormatOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkWeights(shapes, op.getSample(), op.getWeights())))
    return failure();
  return inferPlace(shapes, op.getFormats(),
                    [](QuantizerAttrInterface) { return true; });
}

LogicalResult OutputFormatOp::evaluateWeights(ArrayRef<Bytes> operands,
                                              MutableArrayRef<char> result) {
  FailureOr<Part> part = readTokens(*this, operands);
  if (failed(part))
    return failure();
  return writePlace(*this, part->search(getQuantizers(getFormats())), result);
}

LogicalResult ProbabilitiesFormatOp::inferShapes(Adaptor op,
                                                 ShapeInference &shapes) {
  if (failed(checkAttention(op, "probabilities", shapes)))
    return failure();
  return inferPlace(shapes, op.getFormats(), [](QuantizerAttrInterface format) {
    return !format.hasZeroPoint();
  });
}

LogicalResult
ProbabilitiesFormatOp::evaluateWeights(ArrayRef<Bytes> operands,
                                       MutableArrayRef<char> result) {
  FailureOr<std::vector<Part>> parts =
      readAttention(*this, "probabilities", operands, /*count=*/1);
  if (failed(parts))
    return failure();
  FormatChoice best = {0, 1, std::numeric_limits<double>::infinity()};
  for (auto [index, quantizer] : llvm::enumerate(getQuantizers(getFormats())))
    if (double error = parts->front().getError(quantizer, {0, 1});
        error < best.error)
      best = {index, 1, error};
  return writePlace(*this, best, result);
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchOutputRangeOps.cpp.inc"
