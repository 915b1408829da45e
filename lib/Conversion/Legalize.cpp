//===- Legalize.cpp - Quantized ops to arithmetic on codes ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Conversion/Passes.h"
#include "Quench/Dialect/Quench/IR/QuenchAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"
#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHLEGALIZE
#include "Quench/Conversion/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

static remark::RemarkOpts remarkOpts(StringRef name) {
  return remark::RemarkOpts::name(name).category("quench-legalize");
}

/// What `weight`, a program, dequantizes last, if it does so; a cast to the
/// type of the model may follow.
static DequantizeOp getDequantize(Value weight) {
  if (auto cast = weight.getDefiningOp<CastOp>())
    weight = cast.getInput();
  return weight.getDefiningOp<DequantizeOp>();
}

/// Why `quantizer`, of an operand of a product, has no integers; empty where it
/// has.
static std::string getFormatObstacle(QuantizerAttrInterface quantizer) {
  std::string reason;
  if (quantizer.getIntegerForm() != IntegerForm::Integer)
    llvm::raw_string_ostream(reason)
        << "the numbers of " << quantizer << " are no integers";
  return reason;
}

/// How many input channels of a weight `[out, in]` share a scale.
static int64_t getGroupSize(QuantizerAttrInterface quantizer, int64_t in) {
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(2, axes);
  return !axes.empty() && axes.back().dim == 1 ? axes.back().block : in;
}

/// Why products with the codes of `weight`, or with what a table has for them,
/// cannot be summed group by group; empty where they can.
static std::string getWeightObstacle(DequantizeOp weight) {
  QuantizerAttrInterface quantizer = weight.getQuantizer();
  std::string reason;
  if (!hasLookupTable(quantizer))
    reason = getFormatObstacle(quantizer);
  if (reason.empty() &&
      getGroupSize(quantizer, weight.getInput().getType().getDimSize(1)) == 1)
    llvm::raw_string_ostream(reason)
        << "every number of " << quantizer << " has a scale of its own";
  return reason;
}

/// Why the sums of products of `linear`, of what `input` rounds and of
/// `weight`, cannot be integers where the weight allows it; empty where they
/// can.
static std::string getInputObstacle(LinearOp linear, FakeQuantOp input,
                                    DequantizeOp weight) {
  if (!input)
    return "its input has no quantizer";
  QuantizerAttrInterface quantizer = input.getQuantizer();
  std::string reason = getFormatObstacle(quantizer);
  if (reason.empty())
    reason = getFormatObstacle(weight.getQuantizer());
  if (!reason.empty())
    return reason;
  llvm::raw_string_ostream os(reason);
  int64_t rank = linear.getInput().getType().getRank();
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(rank, axes);
  if (llvm::any_of(axes, [&](QuantAxis axis) {
        return axis.dim == rank - 1 || axis.block != 1;
      })) {
    os << "scales of " << quantizer << " differ within a row";
    return reason;
  }
  int64_t products = getGroupSize(weight.getQuantizer(),
                                  weight.getInput().getType().getDimSize(1));
  if (!fitsAccumulator(products, quantizer, weight.getQuantizer())) {
    os << "sums of " << products << " products of " << quantizer << " and "
       << weight.getQuantizer() << " need more than 32 bits";
    return reason;
  }
  Value zero = input.getZero();
  if (zero &&
      !cast<RankedTensorType>(zero.getType()).getElementType().isInteger(8))
    return "zero points of fewer than 8 bits have no bytes";
  return reason;
}

namespace {
/// The ops that make one attention of quantized operands; null where one has no
/// quantizer.
struct QuantizedAttention {
  explicit QuantizedAttention(AttentionValuesOp values)
      : values(values),
        weights(values.getProbabilities().getDefiningOp<FakeQuantOp>()),
        value(values.getValue().getDefiningOp<FakeQuantOp>()) {
    if (!weights)
      return;
    probabilities =
        weights.getInput().getDefiningOp<AttentionProbabilitiesOp>();
    if (!probabilities)
      return;
    query = probabilities.getQuery().getDefiningOp<FakeQuantOp>();
    key = probabilities.getKey().getDefiningOp<FakeQuantOp>();
  }

  AttentionValuesOp values;
  FakeQuantOp weights, value;
  AttentionProbabilitiesOp probabilities;
  FakeQuantOp query, key;
};
} // namespace

/// Why the codes of `name`, what `input` rounds, cannot be summed as integers
/// over dimension `dim`; empty where they can.
static std::string getOperandObstacle(FakeQuantOp input, StringRef name,
                                      int64_t dim) {
  if (!input)
    return ("its " + name + " has no quantizer").str();
  QuantizerAttrInterface quantizer = input.getQuantizer();
  std::string reason = getFormatObstacle(quantizer);
  if (!reason.empty())
    return reason;
  llvm::raw_string_ostream os(reason);
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(4, axes);
  Value zero = input.getZero();
  if (zero &&
      !cast<RankedTensorType>(zero.getType()).getElementType().isInteger(8))
    os << "zero points of fewer than 8 bits have no bytes";
  else if (llvm::any_of(axes, [&](QuantAxis axis) {
             return axis.dim == dim || axis.block != 1;
           }))
    os << "scales of " << quantizer << " differ within a sum";
  return reason;
}

/// Why 32 bits do not hold the sums of products of the codes of `query` and
/// `key`; empty where they do.
static std::string getScoreObstacle(FakeQuantOp query, FakeQuantOp key) {
  std::string reason;
  int64_t channels = query.getInput().getType().getDimSize(3);
  if (ShapedType::isStatic(channels) &&
      !fitsAccumulator(channels, query.getQuantizer(), key.getQuantizer()))
    llvm::raw_string_ostream(reason)
        << "sums of " << channels << " products of " << query.getQuantizer()
        << " and " << key.getQuantizer() << " need more than 32 bits";
  return reason;
}

/// Why the products of `attention` cannot be integers; empty where they can.
static std::string getObstacle(QuantizedAttention attention) {
  if (!attention.probabilities)
    return "its probabilities are computed elsewhere";
  if (attention.probabilities.getZeta())
    return "its softmax is clipped, and codes are made of weights that are not "
           "normalized yet";
  std::string reason;
  const std::tuple<FakeQuantOp, StringRef, int64_t> operands[] = {
      {attention.query, "query", 3},
      {attention.key, "key", 3},
      {attention.value, "value", 1}};
  for (auto [input, name, dim] : operands) {
    reason = getOperandObstacle(input, name, dim);
    if (!reason.empty())
      return reason;
  }
  QuantizerAttrInterface weights = attention.weights.getQuantizer();
  reason = integer_attention::getProbabilityObstacle(weights);
  if (!reason.empty())
    return "of its probabilities, " + reason;
  bool hasRows = integer_attention::hasRowScales(weights),
       isDynamic = isa_and_nonnull<DynamicScaleOp>(
           attention.weights.getScale().getDefiningOp());
  if (hasRows && !isDynamic)
    return "scales of rows of its probabilities are not computed at run time";
  if (!hasRows && isDynamic)
    return "the one scale of its probabilities is computed from all of them at "
           "run time";
  return getScoreObstacle(attention.query, attention.key);
}

namespace {
struct Legalize : quench::impl::QuenchLegalizeBase<Legalize> {
  using QuenchLegalizeBase::QuenchLegalizeBase;

  void runOnOperation() override {
    encoded.clear();
    SmallVector<LinearOp> linears;
    getOperation()->walk([&](LinearOp op) { linears.push_back(op); });
    for (LinearOp linear : linears)
      legalize(linear);
    SmallVector<AttentionValuesOp> attentions;
    getOperation()->walk(
        [&](AttentionValuesOp op) { attentions.push_back(op); });
    for (AttentionValuesOp values : attentions)
      legalize(values);
  }

private:
  void legalize(LinearOp linear);
  void legalize(AttentionValuesOp values);
  /// Where `probabilities` are those of an integer softmax.
  void legalize(AttentionValuesOp values, LogIntProbabilitiesOp probabilities);
  /// The codes of what `fakeQuant` rounds.
  Value encode(IRRewriter &rewriter, FakeQuantOp fakeQuant);

  DenseMap<Operation *, Value> encoded;
};
} // namespace

Value Legalize::encode(IRRewriter &rewriter, FakeQuantOp fakeQuant) {
  Value &codes = encoded[fakeQuant];
  if (codes)
    return codes;
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(fakeQuant);
  codes = EncodeOp::create(rewriter, fakeQuant.getLoc(), fakeQuant.getInput(),
                           fakeQuant.getScale(), fakeQuant.getZero(),
                           fakeQuant.getQuantizer());
  return codes;
}

void Legalize::legalize(LinearOp linear) {
  auto input = linear.getInput().getDefiningOp<FakeQuantOp>();
  DequantizeOp weight = getDequantize(linear.getWeight());
  if (!input && !weight)
    return;
  auto decline = [&](const Twine &reason) {
    remark::missed(linear.getLoc(), remarkOpts("float"))
        << (linear->getName().getStringRef() + " stays in floats: " + reason)
               .str();
  };
  if (!weight)
    return decline("its weight has no quantizer");
  RankedTensorType type = linear.getResult().getType();
  if (type.getElementType().isF64())
    return decline("sums of integers become f32, the model has f64");
  std::string reason = getWeightObstacle(weight);
  if (!reason.empty())
    return decline(reason);
  reason = getInputObstacle(linear, input, weight);

  IRRewriter rewriter(linear);
  Location loc = linear.getLoc();
  // f32 is what the epilogue computes in.
  Value scale = weight.getScale();
  if (weight.getScale().getType().getElementType().isF64())
    scale = CastOp::create(
        rewriter, loc, weight.getScale().getType().clone(rewriter.getF32Type()),
        scale);
  if (!reason.empty()) {
    auto product = WeightOnlyLinearOp::create(
        rewriter, loc, linear.getInput(), weight.getInput(), scale,
        weight.getZero(), weight.getTable(), linear.getBias(),
        weight.getQuantizer());
    remark::passed(loc, remarkOpts("weight-only"))
        << "quench.linear multiplies floats by the codes of its weight: " +
               reason;
    return rewriter.replaceOp(linear, product);
  }
  Value codes = encode(rewriter, input);
  TypeAttr element;
  if (!type.getElementType().isF32())
    element = TypeAttr::get(type.getElementType());
  auto integers = IntegerLinearOp::create(
      rewriter, loc, codes, input.getScale(), input.getZero(),
      weight.getInput(), scale, weight.getZero(), linear.getBias(),
      input.getQuantizer(), weight.getQuantizer(), element);
  remark::passed(loc, remarkOpts("integer"))
      << "quench.linear sums products of codes as integers";
  rewriter.replaceOp(linear, integers);
  if (input->use_empty())
    rewriter.eraseOp(input);
}

void Legalize::legalize(AttentionValuesOp values) {
  if (auto probabilities =
          values.getProbabilities().getDefiningOp<LogIntProbabilitiesOp>())
    return legalize(values, probabilities);
  QuantizedAttention attention(values);
  if (!attention.weights)
    return;
  Location loc = values.getLoc();
  RankedTensorType type = values.getResult().getType();
  std::string reason = type.getElementType().isF64()
                           ? "sums of integers become f32, the model has f64"
                           : getObstacle(attention);
  if (!reason.empty()) {
    remark::missed(loc, remarkOpts("float"))
        << "attention stays in floats: " + reason;
    return;
  }
  IRRewriter rewriter(values);
  AttentionProbabilitiesOp softmax = attention.probabilities;
  TypeAttr element;
  if (!type.getElementType().isF32())
    element = TypeAttr::get(type.getElementType());
  FakeQuantOp query = attention.query, key = attention.key,
              value = attention.value;
  Value codes[] = {encode(rewriter, query), encode(rewriter, key),
                   encode(rewriter, value)};
  QuantizerAttrInterface format = attention.weights.getQuantizer();
  bool hasRows = integer_attention::hasRowScales(format);
  auto integers = IntegerAttentionOp::create(
      rewriter, loc, codes[0], query.getScale(), query.getZero(), codes[1],
      key.getScale(), key.getZero(), codes[2], value.getScale(),
      value.getZero(), hasRows ? Value() : attention.weights.getScale(),
      softmax.getMask(), softmax.getBias(), query.getQuantizer(),
      key.getQuantizer(), value.getQuantizer(), format, softmax.getScaleAttr(),
      softmax.getMaskKindAttr(), softmax.getWindowAttr(),
      softmax.getHeadGroupsAttr(), element);
  remark::passed(loc, remarkOpts("integer"))
      << "attention sums products of codes as integers";
  rewriter.replaceOp(values, integers);
  // What nobody else reads goes, the last first. One may be two operands.
  llvm::SmallSetVector<Operation *, 6> ops;
  ops.insert(attention.weights);
  if (hasRows)
    ops.insert(attention.weights.getScale().getDefiningOp());
  ops.insert(softmax);
  ops.insert(query);
  ops.insert(key);
  ops.insert(value);
  for (Operation *op : ops)
    if (op->use_empty())
      rewriter.eraseOp(op);
}

void Legalize::legalize(AttentionValuesOp values,
                        LogIntProbabilitiesOp probabilities) {
  Location loc = values.getLoc();
  RankedTensorType type = values.getResult().getType();
  const std::tuple<FakeQuantOp, StringRef, int64_t> operands[] = {
      {probabilities.getQuery().getDefiningOp<FakeQuantOp>(), "query", 3},
      {probabilities.getKey().getDefiningOp<FakeQuantOp>(), "key", 3},
      {values.getValue().getDefiningOp<FakeQuantOp>(), "value", 1}};
  std::string reason;
  if (type.getElementType().isF64())
    reason = "sums of integers become f32, the model has f64";
  for (auto [input, name, dim] : operands)
    if (reason.empty())
      reason = getOperandObstacle(input, name, dim);
  FakeQuantOp query = std::get<0>(operands[0]), key = std::get<0>(operands[1]),
              value = std::get<0>(operands[2]);
  if (reason.empty())
    reason = getScoreObstacle(query, key);
  if (!reason.empty()) {
    remark::missed(loc, remarkOpts("float"))
        << "products of attention stay in floats: " + reason;
    return;
  }
  IRRewriter rewriter(values);
  TypeAttr element;
  if (!type.getElementType().isF32())
    element = TypeAttr::get(type.getElementType());
  Value codes[] = {encode(rewriter, query), encode(rewriter, key),
                   encode(rewriter, value)};
  auto integers = LogIntAttentionOp::create(
      rewriter, loc, codes[0], query.getScale(), query.getZero(), codes[1],
      key.getScale(), key.getZero(), codes[2], value.getScale(),
      value.getZero(), probabilities.getMask(), probabilities.getBias(),
      query.getQuantizer(), key.getQuantizer(), value.getQuantizer(),
      probabilities.getQuantizer(), probabilities.getStepAttr(),
      probabilities.getScaleAttr(), probabilities.getMaskKindAttr(),
      probabilities.getWindowAttr(), probabilities.getHeadGroupsAttr(),
      element);
  remark::passed(loc, remarkOpts("integer"))
      << "attention sums products of codes as integers";
  rewriter.replaceOp(values, integers);
  // What nobody else reads goes. One may be several operands.
  llvm::SmallSetVector<Operation *, 4> ops;
  ops.insert(probabilities);
  ops.insert(query);
  ops.insert(key);
  ops.insert(value);
  for (Operation *op : ops)
    if (op->use_empty())
      rewriter.eraseOp(op);
}
