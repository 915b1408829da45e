//===- QuenchIntegerOps.cpp - Arithmetic on codes -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantParameters.h"
#include "TensorBuilder.h"
#include "WeightValues.h"

#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <numeric>

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;
using Operands = ArrayRef<ArrayRef<char>>;

LogicalResult quench::checkHasIntegers(ShapeInference &shapes,
                                       QuantizerAttrInterface quantizer) {
  if (quantizer.getIntegerForm() != IntegerForm::Integer)
    return shapes.fail("expected a format of integers, found ", quantizer);
  return success();
}

/// Fails unless `weight` is a matrix of static shape.
static LogicalResult checkMatrix(ShapeInference &shapes, Value weight,
                                 StringRef name) {
  return failure(failed(shapes.checkShape(weight, name, {Dim(), Dim()})) ||
                 failed(shapes.checkStatic(weight, name, 0)) ||
                 failed(shapes.checkStatic(weight, name, 1)));
}

bool quench::hasLookupTable(QuantizerAttrInterface quantizer) {
  bool isLearned =
      quantizer.hasLearnedTable() && quantizer.getStorageType().getWidth() <= 4;
  return isLearned || !getLookupTable(quantizer).empty();
}

SmallVector<float> quench::getLookupTable(QuantizerAttrInterface quantizer) {
  unsigned bits = quantizer.getStorageType().getWidth();
  bool isScaled = quantizer.getIntegerForm() == IntegerForm::Float ||
                  !quantizer.getTable().numbers.empty();
  if (quantizer.hasZeroPoint() || bits > 4 || !isScaled)
    return {};
  constexpr int32_t count = 16;
  int32_t first = quantizer.hasSignedCodes() ? -(1 << (bits - 1)) : 0;
  std::vector<int8_t> codes(1 << bits);
  std::iota(codes.begin(), codes.end(), static_cast<int8_t>(first));
  std::vector<double> numbers(codes.size());
  if (failed(quantizer.dequantize(codes, /*scale=*/1, /*zero=*/0,
                                  /*wide=*/false, numbers)))
    return {};
  SmallVector<float> table(count, 0);
  int32_t place = quantizer.hasSignedCodes() ? first + count / 2 : 0;
  llvm::copy(numbers, table.begin() + place);
  return table;
}

/// Fails with a diagnostic unless kernels multiply by the codes of `quantizer`,
/// of a weight.
static LogicalResult checkWeightFormat(ShapeInference &shapes,
                                       QuantizerAttrInterface quantizer) {
  if (quantizer.getIntegerForm() == IntegerForm::Integer ||
      hasLookupTable(quantizer))
    return success();
  return shapes.fail("expected a format of integers or a table for codes of up "
                     "to 4 bits, found ",
                     quantizer);
}

Value quench::emitCodes(OpBuilder &b, Location loc,
                        QuantizerAttrInterface quantizer, Value input,
                        Value scale, Value zero) {
  QuantizerBuilder builder(b, loc);
  IntegerType storage = quantizer.getStorageType();
  bool isByte = storage.getWidth() == 8;
  if (zero && !isByte)
    zero = builder.truncate(zero, storage);
  Value codes = quantizer.emitQuantize(b, loc, input, scale, zero);
  if (isByte)
    return codes;
  Type bytes = QuantizerBuilder::withElements(codes.getType(), b.getI8Type());
  if (quantizer.hasSignedCodes())
    return arith::ExtSIOp::create(builder, bytes, codes);
  return arith::ExtUIOp::create(builder, bytes, codes);
}

Value quench::emitIntegers(OpBuilder &builder, Location loc,
                           QuantizerAttrInterface quantizer, Value codes,
                           Value zero, IntegerType type) {
  auto extend = [&](Value value) -> Value {
    Type wide = QuantizerBuilder::withElements(value.getType(), type);
    if (quantizer.hasSignedCodes())
      return arith::ExtSIOp::create(builder, loc, wide, value);
    return arith::ExtUIOp::create(builder, loc, wide, value);
  };
  Value integers = extend(codes);
  if (!zero)
    return integers;
  return arith::SubIOp::create(builder, loc, integers, extend(zero));
}

//===----------------------------------------------------------------------===//
// EncodeOp
//===----------------------------------------------------------------------===//

LogicalResult EncodeOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  Type code = IntegerType::get(shapes.getContext(), 8);
  if (failed(checkParameters(shapes, op.getQuantizer(), input, op.getScale(),
                             getComputeType(shapes.getElementType(input)),
                             op.getZero(), code)))
    return failure();
  shapes.addResult(shapes.getDims(input), code);
  return success();
}

FailureOr<SmallVector<Value>> EncodeOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  QuantizerAttrInterface quantizer = getQuantizer();
  Value result = mapByParameters(
      builder, getInput(), getScale(), getZero(), quantizer,
      builder.getI8Type(),
      [&](OpBuilder &body, Value number, Value scale, Value zero) {
        return emitCodes(body, getLoc(), quantizer, number, scale, zero);
      });
  return SmallVector<Value>{builder.cast(result, getResult().getType())};
}

OpCost EncodeOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  return {/*macs=*/0, countElements(getInput(), getSize)};
}

//===----------------------------------------------------------------------===//
// IntegerLinearOp
//===----------------------------------------------------------------------===//

/// The number of input channels of a weight `[out, in]` that share parameters.
static int64_t getGroupSize(QuantizerAttrInterface quantizer, int64_t in) {
  SmallVector<QuantAxis> axes = getQuantAxes(quantizer, 2);
  return !axes.empty() && axes.back().dim == 1 ? axes.back().block : in;
}

int64_t IntegerLinearOp::getGroupSize() {
  return ::getGroupSize(getWeightQuantizer(),
                        getWeight().getType().getDimSize(1));
}

LogicalResult IntegerLinearOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), weight = op.getWeight();
  QuantizerAttrInterface inputQuantizer = op.getInputQuantizer(),
                         weightQuantizer = op.getWeightQuantizer();
  Type code = IntegerType::get(shapes.getContext(), 8);
  Type compute = Float32Type::get(shapes.getContext());
  if (failed(checkHasIntegers(shapes, inputQuantizer)) ||
      failed(checkHasIntegers(shapes, weightQuantizer)) ||
      failed(shapes.checkMinimalRank(input, "input", 1)) ||
      failed(checkMatrix(shapes, weight, "weight")) ||
      failed(shapes.checkShape(weight, "weight",
                               {Dim(), shapes.getDim(input, -1)})) ||
      failed(checkParameters(shapes, inputQuantizer, input, op.getInputScale(),
                             compute, op.getInputZero(), code)) ||
      failed(checkParameters(shapes, weightQuantizer, weight,
                             op.getWeightScale(), compute, op.getWeightZero(),
                             code)) ||
      failed(
          shapes.checkShape(op.getBias(), "bias", {shapes.getDim(weight, 0)})))
    return failure();
  int64_t last = shapes.getRank(input) - 1;
  for (QuantAxis axis : getQuantAxes(inputQuantizer, last + 1))
    if (axis.dim == last || axis.block != 1)
      return shapes.fail("expected one scale for a row of the input, found ",
                         inputQuantizer);
  Type element = op.getElementType().value_or(compute);
  if (!isa<Float16Type, BFloat16Type, Float32Type>(element))
    return shapes.fail("expected an element type of f16, bf16 or f32, found ",
                       element);
  int64_t in = ShapeInference::getSize(shapes.getDim(weight, 1));
  if (!fitsAccumulator(::getGroupSize(weightQuantizer, in), inputQuantizer,
                       weightQuantizer))
    return shapes.fail("expected sums that 32 bits hold, found sums of ",
                       ::getGroupSize(weightQuantizer, in), " products of ",
                       inputQuantizer, " and ", weightQuantizer);
  SmallVector<Dim> dims = shapes.getDims(input, /*drop=*/1);
  dims.push_back(shapes.getDim(weight, 0));
  shapes.addResult(dims, element);
  return success();
}

bool quench::fitsAccumulator(int64_t products, QuantizerAttrInterface lhs,
                             QuantizerAttrInterface rhs) {
  unsigned bits =
      lhs.getStorageType().getWidth() + rhs.getStorageType().getWidth();
  return products < int64_t(1) << (31 - bits);
}

/// A product of rows and of a weight `[out, in]`, summed group by group. Loops
/// of sums: the dimensions of the result, then with groups the group, then what
/// is summed at once.
struct GroupedProduct {
  RankedTensorType type;
  Value input, weight, bias;
  int64_t group;
  Type sumType;
  /// What the body of sums sees behind input and weight.
  SmallVector<LoopInput> parameters;
  /// The scales of the weight, and of rows where they have some.
  LoopInput scale;
  std::optional<LoopInput> rowScale;
  /// The next sum.
  TensorBuilder::FoldBody add;
};

/// The loops over the parameters of `weight` in a result of rank `rank`.
static SmallVector<unsigned> getWeightLoops(QuantizerAttrInterface quantizer,
                                            unsigned rank) {
  SmallVector<unsigned> loops;
  for (QuantAxis axis : getQuantAxes(quantizer, 2))
    loops.push_back(axis.dim == 0 ? rank - 1 : rank);
  return loops;
}

// C30 of docs/spec.md.
static Value decompose(TensorBuilder &builder, Operation *op,
                       const GroupedProduct &product) {
  unsigned rank = product.type.getRank(), column = rank - 1, group = rank;
  int64_t in = getTensorType(product.weight).getDimSize(1);
  bool hasGroups = product.group != in;
  SmallVector<OpFoldResult> sizes = builder.getResultSizes(op),
                            sumSizes = sizes;
  Value input = product.input, weight = product.weight;
  SmallVector<unsigned> inputLoops = TensorBuilder::range(rank - 1),
                        weightLoops{column};
  if (hasGroups) {
    OpFoldResult groups = builder.getIndexAttr(in / product.group);
    OpFoldResult size = builder.getIndexAttr(product.group);
    auto split = [&](Value value) {
      SmallVector<OpFoldResult> splitSizes = builder.getSizes(value);
      SmallVector<ReassociationIndices> indices;
      int64_t last = splitSizes.size() - 1;
      for (int64_t dim = 0; dim < last; ++dim)
        indices.push_back({dim});
      indices.push_back({last, last + 1});
      splitSizes.back() = groups;
      splitSizes.push_back(size);
      return builder.expand(value, indices, splitSizes);
    };
    input = split(input);
    weight = split(weight);
    inputLoops.push_back(group);
    weightLoops.push_back(group);
    sumSizes.push_back(groups);
  }
  unsigned reduced = sumSizes.size();
  inputLoops.push_back(reduced);
  weightLoops.push_back(reduced);

  SmallVector<LoopInput> operands = {{input, inputLoops},
                                     {weight, weightLoops}};
  llvm::append_range(operands, product.parameters);
  Value sums = builder.fold(builder.fill(sumSizes, product.sumType, 0),
                            TensorBuilder::range(sumSizes.size()), reduced + 1,
                            operands, product.add);

  auto toFloat = [&](LoopBody &loop) {
    Value sum = loop[0];
    if (product.sumType.isInteger())
      sum =
          arith::SIToFPOp::create(loop.getBuilder(), builder.getF32Type(), sum);
    return Scalar(loop.getBuilder(), sum);
  };
  SmallVector<LoopInput> epilogue = {
      {sums, TensorBuilder::range(sumSizes.size())}, product.scale};
  if (hasGroups) {
    Value result = builder.fold(
        builder.fill(sizes, builder.getF32Type(), 0),
        TensorBuilder::range(rank), rank + 1, epilogue,
        [&](LoopBody &loop, Scalar result) {
          return Scalar(loop.getBuilder(),
                        math::FmaOp::create(loop.getBuilder(),
                                            Value(toFloat(loop)),
                                            Value(loop[1]), Value(result)));
        });
    epilogue = {{result, TensorBuilder::range(rank)}};
  }
  unsigned rowScale = epilogue.size();
  if (product.rowScale)
    epilogue.push_back(*product.rowScale);
  unsigned bias = epilogue.size();
  if (product.bias)
    epilogue.push_back({product.bias, {column}});
  Value result = builder.map(
      sizes, product.type.getElementType(), epilogue, [&](LoopBody &loop) {
        Scalar value = loop[0];
        if (!hasGroups)
          value = toFloat(loop) *
                  (product.rowScale ? loop[rowScale] * loop[1] : loop[1]);
        else if (product.rowScale)
          value = value * loop[rowScale];
        return product.bias ? value + loop[bias] : value;
      });
  return builder.cast(result, product.type);
}

FailureOr<SmallVector<Value>>
IntegerLinearOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  RankedTensorType type = getResult().getType();
  SmallVector<unsigned> inputLoops,
      weightLoops = getWeightLoops(getWeightQuantizer(), type.getRank());
  for (QuantAxis axis : getQuantAxes(getInputQuantizer(), type.getRank()))
    inputLoops.push_back(axis.dim);
  SmallVector<LoopInput> zeros;
  unsigned inputZero = 2 + zeros.size();
  if (getInputZero())
    zeros.push_back({getInputZero(), inputLoops});
  unsigned weightZero = 2 + zeros.size();
  if (getWeightZero())
    zeros.push_back({getWeightZero(), weightLoops});
  auto add = [&](LoopBody &loop, Scalar sum) {
    ImplicitLocOpBuilder &body = loop.getBuilder();
    Value x = emitIntegers(body, getLoc(), getInputQuantizer(), loop[0],
                           getInputZero() ? Value(loop[inputZero]) : Value(),
                           body.getI32Type());
    Value w = emitIntegers(body, getLoc(), getWeightQuantizer(), loop[1],
                           getWeightZero() ? Value(loop[weightZero]) : Value(),
                           body.getI32Type());
    Value product = arith::MulIOp::create(body, x, w);
    return Scalar(body, arith::AddIOp::create(body, sum, product));
  };
  return SmallVector<Value>{decompose(builder, *this,
                                      {type,
                                       getInput(),
                                       getWeight(),
                                       getBias(),
                                       getGroupSize(),
                                       builder.getI32Type(),
                                       zeros,
                                       {getWeightScale(), weightLoops},
                                       LoopInput{getInputScale(), inputLoops},
                                       add})};
}

OpCost IntegerLinearOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  int64_t numbers = countElements(getResult(), getSize);
  return {numbers * getSize(getWeight(), 1), /*elementwise=*/0};
}

//===----------------------------------------------------------------------===//
// WeightOnlyLinearOp
//===----------------------------------------------------------------------===//

int64_t WeightOnlyLinearOp::getGroupSize() {
  return ::getGroupSize(getWeightQuantizer(),
                        getWeight().getType().getDimSize(1));
}

LogicalResult WeightOnlyLinearOp::inferShapes(Adaptor op,
                                              ShapeInference &shapes) {
  Value input = op.getInput(), weight = op.getWeight();
  QuantizerAttrInterface quantizer = op.getWeightQuantizer();
  Type element = shapes.getElementType(input);
  if (element.isF64())
    return shapes.fail("expected an input of f16, bf16 or f32, found ",
                       element);
  if (failed(checkWeightFormat(shapes, quantizer)) ||
      failed(shapes.checkMinimalRank(input, "input", 1)) ||
      failed(checkMatrix(shapes, weight, "weight")) ||
      failed(shapes.checkShape(weight, "weight",
                               {Dim(), shapes.getDim(input, -1)})) ||
      failed(checkCodeParameters(
          shapes, quantizer, weight, op.getWeightScale(),
          Float32Type::get(shapes.getContext()), op.getWeightZero(),
          IntegerType::get(shapes.getContext(), 8), op.getWeightTable())) ||
      failed(
          shapes.checkShape(op.getBias(), "bias", {shapes.getDim(weight, 0)})))
    return failure();
  SmallVector<Dim> dims = shapes.getDims(input, /*drop=*/1);
  dims.push_back(shapes.getDim(weight, 0));
  shapes.addResult(dims, element);
  return success();
}

/// The number of f32 that `code` of `quantizer` stands for at scale 1; `table`
/// has the learned ones.
static Value emitLookup(ImplicitLocOpBuilder &body,
                        QuantizerAttrInterface quantizer, Value code,
                        Value table) {
  if (table) {
    Value place = arith::IndexCastUIOp::create(body, body.getIndexType(), code);
    return tensor::ExtractOp::create(body, table, place);
  }
  Value one = arith::ConstantOp::create(body, body.getF32FloatAttr(1));
  return quantizer.emitDequantize(body, body.getLoc(), code, one,
                                  /*zero=*/Value());
}

FailureOr<SmallVector<Value>>
WeightOnlyLinearOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  RankedTensorType type = getResult().getType();
  SmallVector<unsigned> loops =
      getWeightLoops(getWeightQuantizer(), type.getRank());
  SmallVector<LoopInput> zeros;
  if (getWeightZero())
    zeros.push_back({getWeightZero(), loops});
  QuantizerAttrInterface quantizer = getWeightQuantizer();
  auto add = [&](LoopBody &loop, Scalar sum) {
    ImplicitLocOpBuilder &body = loop.getBuilder();
    Value number;
    if (quantizer.getIntegerForm() == IntegerForm::Integer) {
      number = emitIntegers(body, getLoc(), quantizer, loop[1],
                            getWeightZero() ? Value(loop[2]) : Value(),
                            body.getI32Type());
      number = arith::SIToFPOp::create(body, body.getF32Type(), number);
    } else {
      Value code = arith::TruncIOp::create(body, quantizer.getStorageType(),
                                           Value(loop[1]));
      number = emitLookup(body, quantizer, code, getWeightTable());
    }
    return sum + loop[0] * Scalar(body, number);
  };
  return SmallVector<Value>{decompose(builder, *this,
                                      {type,
                                       getInput(),
                                       getWeight(),
                                       getBias(),
                                       getGroupSize(),
                                       builder.getF32Type(),
                                       zeros,
                                       {getWeightScale(), loops},
                                       /*rowScale=*/std::nullopt,
                                       add})};
}

OpCost WeightOnlyLinearOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  int64_t numbers = countElements(getResult(), getSize);
  return {numbers * getSize(getWeight(), 1), /*elementwise=*/0};
}

//===----------------------------------------------------------------------===//
// Panels of codes
//===----------------------------------------------------------------------===//

namespace {
/// How codes `[out, in]` are read: with which zero point, in which groups.
class CodeMatrix {
public:
  CodeMatrix(Value codes, QuantizerAttrInterface quantizer)
      : in(getTensorType(codes).getDimSize(1)),
        group(::getGroupSize(quantizer, in)),
        isSigned(quantizer.hasSignedCodes()) {
    SmallVector<QuantAxis> axes = getQuantAxes(quantizer, 2);
    hasRows = !axes.empty() && axes.front().dim == 0;
    hasGroups = !axes.empty() && axes.back().dim == 1;
  }

  int64_t getNumGroups() const { return in / group; }
  int64_t getGroupSize() const { return group; }
  /// Whether rows have zero points of their own.
  bool hasRowParameters() const { return hasRows; }

  /// The zero point of a group of `row`, from the first row of `zeros` on; 0
  /// where there are none.
  int32_t getZero(int64_t row, int64_t group, ArrayRef<char> zeros) const {
    if (zeros.empty())
      return 0;
    return widen(zeros[(hasRows ? row : 0) * (hasGroups ? getNumGroups() : 1) +
                       (hasGroups ? group : 0)]);
  }

  /// Calls `body` with the group, the place in the row, and the integer of each
  /// code of `row`, all from the first row of `codes` and of `zeros` on.
  template <typename Body>
  void walkRow(int64_t row, ArrayRef<char> codes, ArrayRef<char> zeros,
               Body body) const {
    walkCodes(row, codes, zeros,
              [&](int64_t group, int64_t i, int32_t code, int32_t zero) {
                body(group, i, code - zero);
              });
  }

  /// The same with each code and its zero point.
  template <typename Body>
  void walkCodes(int64_t row, ArrayRef<char> codes, ArrayRef<char> zeros,
                 Body body) const {
    for (int64_t g = 0; g < getNumGroups(); ++g) {
      int32_t zero = getZero(row, g, zeros);
      for (int64_t i = g * group; i < (g + 1) * group; ++i)
        body(g, i, widen(codes[row * in + i]), zero);
    }
  }

private:
  int32_t widen(char code) const {
    return isSigned ? static_cast<int8_t>(code) : static_cast<uint8_t>(code);
  }

  int64_t in, group;
  bool isSigned, hasRows, hasGroups;
};
} // namespace

/// What is added to codes of `quantizer` in words, so that they are not
/// negative.
static int32_t getNibbleOffset(QuantizerAttrInterface quantizer) {
  return quantizer.hasSignedCodes() ? 8 : 0;
}

/// Fails unless the codes of `op`, with their zero points, are a weight matrix
/// that can be cut into its panels, of a format that `checkFormat` lets pass.
template <typename Adaptor>
static LogicalResult checkPanels(
    Adaptor op, ShapeInference &shapes,
    LogicalResult (*checkFormat)(ShapeInference &, QuantizerAttrInterface)) {
  if (static_cast<int64_t>(op.getPanel()) < 1)
    return shapes.fail("expected a panel of at least 1, found ",
                       static_cast<int64_t>(op.getPanel()));
  if (failed(checkFormat(shapes, op.getQuantizer())) ||
      failed(checkMatrix(shapes, op.getInput(), "input")))
    return failure();
  return checkZeros(shapes, op.getQuantizer(), op.getInput(), op.getZero(),
                    IntegerType::get(shapes.getContext(), 8));
}

/// Adds a result of 32 bits for each group and each output channel of the codes
/// of `op`, in its panels.
template <typename Adaptor>
static void addGroupPanels(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t panel = op.getPanel();
  int64_t in = ShapeInference::getSize(shapes.getDim(input, 1));
  shapes.addResult(
      {shapes.getDim(input, 0).ceilDiv(panel),
       shapes.getConstant(in / getGroupSize(op.getQuantizer(), in)),
       shapes.getConstant(panel)},
      IntegerType::get(shapes.getContext(), 32));
}

/// The rows of the operand `operand` of `op` for the panels `rows`.
template <typename Op>
static RowRange getPanelRows(Op op, unsigned operand, RowRange rows) {
  if (operand == 1 &&
      !CodeMatrix(op.getInput(), op.getQuantizer()).hasRowParameters())
    return getAllRows(op.getZero());
  int64_t out = getTensorType(op.getInput()).getDimSize(0);
  int64_t panel = op.getPanel();
  return {rows.begin * panel, std::min(rows.end * panel, out)};
}

/// The least and the greatest integer that codes less zero points are.
static std::pair<int64_t, int64_t>
getIntegers(QuantizerAttrInterface quantizer) {
  int64_t span = (int64_t(1) << quantizer.getStorageType().getWidth()) - 1;
  if (quantizer.hasZeroPoint())
    return {-span, span};
  if (quantizer.hasSignedCodes())
    return {-(span + 1) / 2, span / 2};
  return {0, span};
}

bool quench::hasByteIntegers(QuantizerAttrInterface quantizer) {
  auto [low, high] = getIntegers(quantizer);
  return low >= INT8_MIN && high <= INT8_MAX;
}

LogicalResult PackCodesOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t panel = op.getPanel(), depth = op.getDepth();
  if (depth < 1)
    return shapes.fail("expected a depth of at least 1, found ", depth);
  if (failed(checkPanels(op, shapes, checkWeightFormat)))
    return failure();
  Type element = IntegerType::get(shapes.getContext(),
                                  hasByteIntegers(op.getQuantizer()) ? 8 : 16);
  shapes.addResult({shapes.getDim(input, 0).ceilDiv(panel),
                    shapes.getDim(input, 1).ceilDiv(depth),
                    shapes.getConstant(panel * depth)},
                   element);
  return success();
}

std::optional<RowRange> PackCodesOp::getOperandRows(unsigned operand,
                                                    RowRange rows) {
  return getPanelRows(*this, operand, rows);
}

template <typename Integer>
static void packCodes(const CodeMatrix &matrix, ArrayRef<char> codes,
                      ArrayRef<char> zeros, int64_t out, int64_t steps,
                      int64_t panel, int64_t depth,
                      MutableArrayRef<char> result) {
  std::memset(result.data(), 0, result.size());
  // Bytes of values may begin anywhere.
  char *target = result.data();
  for (int64_t row = 0; row < out; ++row) {
    int64_t first = (row / panel * steps * panel + row % panel) * depth;
    matrix.walkRow(row, codes, zeros, [&](int64_t, int64_t i, int32_t number) {
      Integer integer = static_cast<Integer>(number);
      int64_t place = first + i / depth * panel * depth + i % depth;
      std::memcpy(target + place * sizeof(Integer), &integer, sizeof(Integer));
    });
  }
}

LogicalResult PackCodesOp::evaluateRows(Operands operands, RowRange rows,
                                        MutableArrayRef<char> result) {
  CodeMatrix matrix(getInput(), getQuantizer());
  auto type = getTensorType(getResult());
  ArrayRef<char> zeros = getZero() ? operands[1] : ArrayRef<char>();
  auto pack = type.getElementType().isInteger(8) ? packCodes<int8_t>
                                                 : packCodes<int16_t>;
  pack(matrix, operands[0], zeros, getOperandRows(0, rows)->size(),
       type.getDimSize(1), getPanel(), getDepth(), result);
  return success();
}

LogicalResult SumCodesOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkPanels(op, shapes, checkHasIntegers)))
    return failure();
  addGroupPanels(op, shapes);
  return success();
}

std::optional<RowRange> SumCodesOp::getOperandRows(unsigned operand,
                                                   RowRange rows) {
  return getPanelRows(*this, operand, rows);
}

LogicalResult SumCodesOp::evaluateRows(Operands operands, RowRange rows,
                                       MutableArrayRef<char> result) {
  CodeMatrix matrix(getInput(), getQuantizer());
  ArrayRef<char> zeros = getZero() ? operands[1] : ArrayRef<char>();
  int64_t out = getOperandRows(0, rows)->size(), panel = getPanel();
  std::vector<int32_t> sums(result.size() / sizeof(int32_t), 0);
  for (int64_t row = 0; row < out; ++row)
    matrix.walkRow(
        row, operands[0], zeros, [&](int64_t group, int64_t, int32_t number) {
          sums[(row / panel * matrix.getNumGroups() + group) * panel +
               row % panel] += number;
        });
  std::memcpy(result.data(), sums.data(), result.size());
  return success();
}

//===----------------------------------------------------------------------===//
// Panels of words
//===----------------------------------------------------------------------===//

/// Codes of 4 bits in a word.
static constexpr int64_t wordCodes = 8;

/// Fails unless codes of `quantizer` have at most 4 bits, and `depth` of them
/// are an instruction's.
static LogicalResult checkNibbles(ShapeInference &shapes,
                                  QuantizerAttrInterface quantizer,
                                  int64_t depth) {
  if (quantizer.getStorageType().getWidth() > 4)
    return shapes.fail("expected codes of at most 4 bits, found ", quantizer);
  if (depth != 1 && depth != 2 && depth != 4)
    return shapes.fail("expected a depth of 1, 2 or 4, found ", depth);
  return success();
}

LogicalResult PackNibblesOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput();
  int64_t panel = op.getPanel();
  if (failed(checkNibbles(shapes, op.getQuantizer(), op.getDepth())) ||
      failed(checkPanels(op, shapes, checkWeightFormat)))
    return failure();
  shapes.addResult({shapes.getDim(input, 0).ceilDiv(panel),
                    shapes.getDim(input, 1).ceilDiv(wordCodes),
                    shapes.getConstant(panel)},
                   IntegerType::get(shapes.getContext(), 32));
  return success();
}

std::optional<RowRange> PackNibblesOp::getOperandRows(unsigned operand,
                                                      RowRange rows) {
  return getPanelRows(*this, operand, rows);
}

LogicalResult PackNibblesOp::evaluateRows(Operands operands, RowRange rows,
                                          MutableArrayRef<char> result) {
  CodeMatrix matrix(getInput(), getQuantizer());
  ArrayRef<char> zeros = getZero() ? operands[1] : ArrayRef<char>();
  const int64_t out = getOperandRows(0, rows)->size(), panel = getPanel(),
                depth = getDepth(), partBits = 32 / depth,
                in = getInput().getType().getDimSize(1),
                words = llvm::divideCeil(in, wordCodes);
  const int32_t offset = getNibbleOffset(getQuantizer());
  auto place = [&](int64_t i) {
    int64_t code = i % wordCodes;
    return code % depth * partBits + code / depth * 4;
  };
  std::memset(result.data(), 0, result.size());
  std::vector<uint32_t> row(words);
  for (int64_t channel = 0; channel < out; ++channel) {
    llvm::fill(row, 0);
    int32_t last = 0;
    matrix.walkCodes(channel, operands[0], zeros,
                     [&](int64_t, int64_t i, int32_t code, int32_t zero) {
                       row[i / wordCodes] |= uint32_t((code + offset) & 15)
                                             << place(i);
                       last = zero;
                     });
    for (int64_t i = in; i < words * wordCodes; ++i)
      row.back() |= uint32_t((last + offset) & 15) << place(i);
    char *target =
        result.data() + (channel / panel * words * panel + channel % panel) * 4;
    for (int64_t word = 0; word < words; ++word)
      std::memcpy(target + word * panel * 4, &row[word], 4);
  }
  return success();
}

LogicalResult PackZerosOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  if (failed(checkNibbles(shapes, op.getQuantizer(), op.getDepth())) ||
      failed(checkPanels(op, shapes, checkHasIntegers)))
    return failure();
  addGroupPanels(op, shapes);
  return success();
}

std::optional<RowRange> PackZerosOp::getOperandRows(unsigned operand,
                                                    RowRange rows) {
  return getPanelRows(*this, operand, rows);
}

LogicalResult PackZerosOp::evaluateRows(Operands operands, RowRange rows,
                                        MutableArrayRef<char> result) {
  CodeMatrix matrix(getInput(), getQuantizer());
  const int64_t out = getOperandRows(0, rows)->size(), panel = getPanel(),
                groups = matrix.getNumGroups();
  const int32_t offset = getNibbleOffset(getQuantizer());
  std::memset(result.data(), 0, result.size());
  for (int64_t row = 0; row < out; ++row)
    for (int64_t group = 0; group < groups; ++group) {
      int32_t zero = matrix.getZero(row, group, operands[1]) + offset;
      uint32_t word = 0;
      for (int64_t bits = 0; bits < 32; bits += 32 / getDepth())
        word |= uint32_t(zero) << bits;
      int64_t target = (row / panel * groups + group) * panel + row % panel;
      std::memcpy(result.data() + target * 4, &word, 4);
    }
  return success();
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.cpp.inc"
