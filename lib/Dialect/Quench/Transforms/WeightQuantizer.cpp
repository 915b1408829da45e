//===- WeightQuantizer.cpp - How weights become codes ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/WeightQuantizer.h"

#include "ChannelReaders.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchRangeOps.h"
#include "Quench/Dialect/Quench/IR/QuenchWeightQuantOps.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Interfaces/ShiftableOpInterface.h"
#include "Quench/Support/NormalScale.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/InterleavedRange.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

static ArrayRef<int64_t> getShape(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// The tensor `what` of shape `shape` that the statistics have of the input of
/// `site`, in f32 or f64; null, with the reason, where they have none.
static Value getStatistic(OpBuilder &builder, const WeightSite &site,
                          StringRef what, ArrayRef<int64_t> shape,
                          std::string &reason) {
  if (!site.obstacle.empty()) {
    reason = site.input + ": " + site.obstacle;
    return {};
  }
  std::string key = (site.input + "." + what).str();
  Location loc = site.use->get().getLoc();
  auto module = site.use->getOwner()->getParentOfType<ModuleOp>();
  if (!isBound(module, "stats"))
    return ParamOp::create(builder, loc,
                           RankedTensorType::get(shape, builder.getF64Type()),
                           RefAttr::get(builder.getContext(), "stats", key));
  Value param = createBoundParam(builder, loc, module, "stats", key);
  if (!param) {
    reason = "the statistics have no '" + key + "'";
    return {};
  }
  auto type = cast<RankedTensorType>(param.getType());
  if (type.getShape() != shape || !isa<FloatType>(type.getElementType())) {
    llvm::raw_string_ostream(reason)
        << "the statistics have '" << key << "' as " << type
        << ", expected floats of shape [" << llvm::interleaved(shape, "x")
        << "]";
    return {};
  }
  return type.getElementType().isF32() ? param : widenWeight(builder, param);
}

/// Whether the op of `site` sums over the last axis of an activation and that
/// of the weight, a matrix.
static bool readsChannels(const WeightSite &site) {
  if (getShape(site.use->get()).size() != 2 ||
      site.role.reducedAxes != SmallVector<int64_t, 2>{1})
    return false;
  auto op = cast<QuantizableOpInterface>(site.use->getOwner());
  SmallVector<QuantOperand> roles;
  op.getQuantOperands(roles);
  return llvm::any_of(llvm::zip(op->getOperands(), roles), [](auto pair) {
    auto [operand, role] = pair;
    return role.role == QuantRole::Activation &&
           role.reducedAxes ==
               SmallVector<int64_t, 2>{int64_t(getShape(operand).size()) - 1};
  });
}

/// The second moments of the input of `site`, `[in, in]` for a weight
/// `[out, in]`; null, with the reason, where there are none.
static Value getMoments(OpBuilder &builder, const WeightSite &site,
                        StringRef what, std::string &reason) {
  ArrayRef<int64_t> shape = getShape(site.use->get());
  if (!readsChannels(site)) {
    reason = "its sums are not over the channels of an input and the last of "
             "two axes of the weight";
    return {};
  }
  return getStatistic(builder, site, what, {shape[1], shape[1]}, reason);
}

//===----------------------------------------------------------------------===//
// Scales and codes
//===----------------------------------------------------------------------===//

namespace {
/// How the scale of a range is found; one step is that of the whole range.
struct ScaleSearch {
  int64_t steps, grid;
  double norm;

  static ScaleSearch getNone() { return {/*steps=*/1, /*grid=*/100, 2.4}; }
  static ScaleSearch get(PolicyOptions &options, int64_t steps) {
    constexpr int64_t grid = 100;
    return {options.getInteger("steps", steps, 1, grid), grid,
            options.getNumber("norm", 2.4, 0.1, 10)};
  }
};
} // namespace

/// The scales of `wide`, and its zero points where there are any.
static QuantizedWeight createGrid(OpBuilder &builder, Value wide,
                                  QuantizerAttrInterface format,
                                  ScaleSearch search) {
  Location loc = wide.getLoc();
  QuantizedWeight result;
  if (search.steps == 1 && !format.hasZeroPoint())
    result.scale = QuantScaleOp::create(builder, loc, wide, format);
  else
    result.scale =
        SearchScaleOp::create(builder, loc, wide, format, search.steps,
                              search.grid, APFloat(search.norm));
  if (format.hasZeroPoint())
    result.zero = QuantZeroOp::create(builder, loc, wide, format);
  return result;
}

/// The numbers of `format` for `wide` with the scales of `grid`, if it learns
/// them; `moments`, of each column, may be null.
static Value createTable(OpBuilder &builder, Value wide,
                         QuantizerAttrInterface format,
                         const QuantizedWeight &grid, Value moments = {}) {
  if (!format.hasLearnedTable())
    return {};
  return KMeansOp::create(builder, wide.getLoc(), wide, grid.scale, moments,
                          format);
}

/// `grid` with the codes of `wide` that are next to its numbers.
static QuantizedWeight roundToNearest(OpBuilder &builder, Value wide,
                                      QuantizerAttrInterface format,
                                      QuantizedWeight grid,
                                      Value moments = {}) {
  grid.table = createTable(builder, wide, format, grid, moments);
  grid.codes = QuantizeOp::create(builder, wide.getLoc(), wide, grid.scale,
                                  grid.zero, grid.table, format);
  return grid;
}

/// Whether scales of `format` can be chosen by what codes make of numbers; else
/// says why not.
static bool hasNumbers(QuantizerAttrInterface format, std::string &reason) {
  if (!format.hasLearnedTable())
    return true;
  llvm::raw_string_ostream(reason)
      << "scales cannot be chosen by the numbers of " << format
      << ", which are learned after them; rtn, sensitivity, gptq, rsq and erq "
         "do without";
  return false;
}

/// Whether each row, or each group of one, has a scale of its own.
static bool hasRowScales(QuantizerAttrInterface format) {
  SmallVector<QuantAxis> axes;
  format.getQuantAxes(/*rank=*/2, axes);
  return !axes.empty() && axes.front().dim == 0 && axes.front().block == 1 &&
         (axes.size() == 1 || axes[1].block > 1) &&
         format.getScaling().form != numerics::ScaleForm::E4M3;
}

//===----------------------------------------------------------------------===//
// Methods
//===----------------------------------------------------------------------===//

/// Codes next to the numbers.
static WeightQuantizer makeNearest(ScaleSearch search) {
  return [=](OpBuilder &builder, Value wide, QuantizerAttrInterface format,
             const WeightSite &,
             std::string &reason) -> std::optional<QuantizedWeight> {
    if (search.steps != 1 && !hasNumbers(format, reason))
      return std::nullopt;
    return roundToNearest(builder, wide, format,
                          createGrid(builder, wide, format, search));
  };
}

/// Codes of the range between two quantiles of each row (RepQ-ViT).
static WeightQuantizer makePercentile() {
  return [](OpBuilder &builder, Value wide, QuantizerAttrInterface format,
            const WeightSite &,
            std::string &reason) -> std::optional<QuantizedWeight> {
    SmallVector<QuantAxis> axes;
    format.getQuantAxes(/*rank=*/2, axes);
    if (getShape(wide).size() != 2 || axes.size() != 1 ||
        !hasRowScales(format)) {
      reason = "ranges between quantiles need a scale for each row";
      return std::nullopt;
    }
    Location loc = wide.getLoc();
    Value range =
        PercentileRangeOp::create(builder, loc, wide, /*extent=*/Value(),
                                  format, {0.999, 0.9999, 0.99999});
    QuantizedWeight grid;
    grid.scale = StaticScaleOp::create(builder, loc, range, format);
    if (format.hasZeroPoint())
      grid.zero = StaticZeroOp::create(builder, loc, range, format);
    return roundToNearest(builder, wide, format, grid);
  };
}

/// Codes next to numbers that are learned for the least error of products
/// (SqueezeLLM's, with second moments of the input for those of gradients).
static WeightQuantizer makeSensitive() {
  return [](OpBuilder &builder, Value wide, QuantizerAttrInterface format,
            const WeightSite &site,
            std::string &reason) -> std::optional<QuantizedWeight> {
    if (!format.hasLearnedTable()) {
      llvm::raw_string_ostream(reason)
          << format << " has no numbers that are learned; kmeans4 has";
      return std::nullopt;
    }
    Value gram = getMoments(builder, site, "gram", reason);
    if (!gram)
      return std::nullopt;
    Value moments = DiagonalOp::create(builder, wide.getLoc(), gram);
    QuantizedWeight grid =
        createGrid(builder, wide, format, ScaleSearch::getNone());
    return roundToNearest(builder, wide, format, grid, moments);
  };
}

/// The numbers of `format` at scale 1, ascending, and the bounds between them.
static QuantTable getNumbers(QuantizerAttrInterface format) {
  QuantTable table = format.getTable();
  if (!table.numbers.empty())
    return table;
  unsigned bits = format.getStorageType().getWidth();
  for (int64_t code = 0; code < int64_t(1) << bits; ++code) {
    int8_t byte = static_cast<int8_t>(
        format.hasSignedCodes() ? llvm::SignExtend64(code, bits) : code);
    double number;
    if (succeeded(format.dequantize(byte, 1, 0, /*wide=*/true, number)) &&
        std::isfinite(number))
      table.numbers.push_back(number);
  }
  llvm::sort(table.numbers);
  table.numbers.erase(llvm::unique(table.numbers), table.numbers.end());
  for (auto [low, high] :
       llvm::zip(table.numbers, llvm::drop_begin(table.numbers)))
    table.bounds.push_back((low + high) / 2);
  return table;
}

/// Scales for normally distributed numbers (QuEST).
static WeightQuantizer makeQuest() {
  return [](OpBuilder &builder, Value wide, QuantizerAttrInterface format,
            const WeightSite &,
            std::string &reason) -> std::optional<QuantizedWeight> {
    if (format.hasZeroPoint() ||
        format.getScaling().form == numerics::ScaleForm::E4M3) {
      reason = "scales from root mean squares need a format without zero "
               "points, the scales of which are multiples of none";
      return std::nullopt;
    }
    if (!hasNumbers(format, reason))
      return std::nullopt;
    QuantTable table = getNumbers(format);
    QuantizedWeight grid;
    grid.scale = RMSScaleOp::create(
        builder, wide.getLoc(), wide, format,
        APFloat(getNormalScale(table.numbers, table.bounds)));
    return roundToNearest(builder, wide, format, grid);
  };
}

/// Magnitudes limited for the least error of products (AWQ's clipping).
static WeightQuantizer makeClip(int64_t steps, int64_t grid) {
  return [=](OpBuilder &builder, Value wide, QuantizerAttrInterface format,
             const WeightSite &site,
             std::string &reason) -> std::optional<QuantizedWeight> {
    Value gram = getMoments(builder, site, "gram", reason);
    if (!gram)
      return std::nullopt;
    if (!hasRowScales(format)) {
      reason = "clipping needs a scale for each row or group of one";
      return std::nullopt;
    }
    if (!hasNumbers(format, reason))
      return std::nullopt;
    wide = ClipByGramOp::create(builder, wide.getLoc(), wide, gram, format,
                                steps, grid);
    return roundToNearest(
        builder, wide, format,
        createGrid(builder, wide, format, ScaleSearch::getNone()));
  };
}

namespace {
/// Rounding column by column, with the errors of those before (GPTQ).
struct ColumnRounding {
  double damping;
  int64_t block;
  bool byActivation, onTheWay, zeroDead;
  ScaleSearch search;

  static ColumnRounding get(PolicyOptions &options) {
    ColumnRounding result;
    result.damping = options.getNumber("damping", 0.01, 0, 100);
    result.block = options.getInteger("block", 128, 1, 1 << 20);
    result.byActivation =
        options.getWord("order", "columns", {"columns", "activation"}) ==
        "activation";
    result.onTheWay =
        options.getWord("groups", "static", {"static", "dynamic"}) == "dynamic";
    result.zeroDead =
        options.getWord("dead", "zero", {"zero", "keep"}) == "zero";
    result.search = ScaleSearch::get(options, /*steps=*/1);
    return result;
  }

  std::optional<QuantizedWeight> run(OpBuilder &builder, Value wide, Value gram,
                                     QuantizerAttrInterface format,
                                     std::string &reason) const;
};
} // namespace

std::optional<QuantizedWeight>
ColumnRounding::run(OpBuilder &builder, Value wide, Value gram,
                    QuantizerAttrInterface format, std::string &reason) const {
  Location loc = wide.getLoc();
  // The scale of a whole row is the same on the way.
  bool isOnTheWay = onTheWay && format.getScaling().group;
  if (isOnTheWay && (byActivation || !hasRowScales(format))) {
    reason = byActivation ? "dynamic groups need the order of columns"
                          : "dynamic groups need a scale for each group of a "
                            "row";
    return std::nullopt;
  }
  if ((isOnTheWay || search.steps != 1) && !hasNumbers(format, reason))
    return std::nullopt;
  Value diagonal = DiagonalOp::create(builder, loc, gram);
  if (zeroDead) {
    Value live = IsPositiveOp::create(builder, loc, diagonal);
    wide =
        ChannelScaleOp::create(builder, loc, wide, widenWeight(builder, live),
                               /*axis=*/1, /*inverse=*/false);
  }
  Value order = byActivation ? diagonal : Value();
  Value factor =
      GramFactorOp::create(builder, loc, gram, order, APFloat(damping));
  QuantizedWeight result;
  if (isOnTheWay) {
    result.scale =
        GPTQScaleOp::create(builder, loc, wide, factor, format, search.steps,
                            search.grid, APFloat(search.norm));
    if (format.hasZeroPoint())
      result.zero =
          GPTQZeroOp::create(builder, loc, wide, factor, format, search.steps,
                             search.grid, APFloat(search.norm));
  } else {
    result = createGrid(builder, wide, format, search);
  }
  result.table = createTable(builder, wide, format, result, diagonal);
  result.codes = GPTQOp::create(builder, loc, wide, result.scale, result.zero,
                                result.table, factor, order, format, block);
  return result;
}

/// GPTQ with the moments `what`.
static WeightQuantizer makeGPTQ(PolicyOptions &options, StringRef what) {
  return [rounding = ColumnRounding::get(options),
          what](OpBuilder &builder, Value wide, QuantizerAttrInterface format,
                const WeightSite &site,
                std::string &reason) -> std::optional<QuantizedWeight> {
    Value gram = getMoments(builder, site, what, reason);
    if (!gram)
      return std::nullopt;
    return rounding.run(builder, wide, gram, format, reason);
  };
}

/// Weights that make up for the errors of their input, then GPTQ (ERQ).
static WeightQuantizer makeReconstruction(PolicyOptions &options) {
  double ridge = options.getNumber("ridge", 0, 0, 1e12);
  double lambda = options.getNumber("lambda", 0.01, 0, 100);
  return [=, rounding = ColumnRounding::get(options)](
             OpBuilder &builder, Value wide, QuantizerAttrInterface format,
             const WeightSite &site,
             std::string &reason) -> std::optional<QuantizedWeight> {
    Location loc = wide.getLoc();
    Value gram = getMoments(builder, site, "gram", reason);
    Value cross = gram ? getMoments(builder, site, "cross", reason) : Value();
    if (!cross)
      return std::nullopt;
    Value map = RidgeMapOp::create(builder, loc, widenWeight(builder, gram),
                                   widenWeight(builder, cross), APFloat(ridge),
                                   APFloat(lambda));
    Value change = ContractOp::create(builder, loc, wide, map);
    wide = ShiftOp::create(builder, loc, wide, change, /*negative=*/false);
    return rounding.run(builder, wide, gram, format, reason);
  };
}

/// The reader that the op of `site` is, if it takes addends of outputs.
static std::optional<ChannelReader> getBiasedReader(const WeightSite &site) {
  std::optional<ChannelReader> reader = getShiftedReader(site.use->getOwner());
  if (reader && reader->weight.operand == site.use->getOperandNumber())
    return reader;
  return std::nullopt;
}

/// What the codes of `weight` stand for.
static Value createNumbers(OpBuilder &builder, Location loc,
                           const QuantizedWeight &weight,
                           QuantizerAttrInterface format) {
  return DequantizeOp::create(builder, loc, weight.codes, weight.scale,
                              weight.zero, weight.table, format);
}

/// `quantizer`, with an addend that makes up for the mean of its error.
static WeightQuantizer correctBias(WeightQuantizer quantizer) {
  return [=](OpBuilder &builder, Value wide, QuantizerAttrInterface format,
             const WeightSite &site,
             std::string &reason) -> std::optional<QuantizedWeight> {
    Location loc = wide.getLoc();
    if (!getBiasedReader(site)) {
      reason = "it has no place for a bias";
      return std::nullopt;
    }
    Value mean =
        getStatistic(builder, site, "mean", getShape(wide).take_back(), reason);
    if (!mean)
      return std::nullopt;
    std::optional<QuantizedWeight> result =
        quantizer(builder, wide, format, site, reason);
    if (!result)
      return result;
    Value numbers = createNumbers(builder, loc, *result, format);
    Value error =
        ShiftOp::create(builder, loc, wide, numbers, /*negative=*/true);
    result->bias =
        ContractOp::create(builder, loc, error, widenWeight(builder, mean));
    return result;
  };
}

void quench::registerWeightQuantizers(WeightQuantizerRegistry &registry) {
  auto add = [&](StringRef name, auto make) {
    registry.add(name, [=](PolicyOptions &options) -> WeightQuantizer {
      bool isMean = options.getWord("bias", "none", {"none", "mean"}) == "mean";
      WeightQuantizer quantizer = make(options);
      return isMean ? correctBias(std::move(quantizer)) : quantizer;
    });
  };
  add("rtn",
      [](PolicyOptions &) { return makeNearest(ScaleSearch::getNone()); });
  add("mse", [](PolicyOptions &options) {
    return makeNearest(ScaleSearch::get(options, /*steps=*/80));
  });
  add("percentile", [](PolicyOptions &) { return makePercentile(); });
  add("quest", [](PolicyOptions &) { return makeQuest(); });
  add("awq-clip", [](PolicyOptions &options) {
    int64_t grid = options.getInteger("grid", 20, 1, 1000);
    return makeClip(options.getInteger("steps", 10, 1, grid), grid);
  });
  add("sensitivity", [](PolicyOptions &) { return makeSensitive(); });
  add("gptq", [](PolicyOptions &options) { return makeGPTQ(options, "gram"); });
  add("rsq",
      [](PolicyOptions &options) { return makeGPTQ(options, "gram_rsq"); });
  add("erq",
      [](PolicyOptions &options) { return makeReconstruction(options); });
}

WeightQuantizerRegistry quench::getWeightQuantizers(MLIRContext *context) {
  WeightQuantizerRegistry registry;
  registerWeightQuantizers(registry);
  for (Dialect *dialect : context->getLoadedDialects())
    if (auto *quantizers =
            dialect->getRegisteredInterface<WeightQuantizerDialectInterface>())
      quantizers->addWeightQuantizers(registry);
  return registry;
}

FailureOr<WeightQuantizer> quench::parseWeightQuantizer(
    MLIRContext *context, StringRef text,
    llvm::function_ref<InFlightDiagnostic()> emitError) {
  auto [name, words] = text.split('{');
  words.consume_back("}");
  std::vector<std::string> options;
  for (StringRef word : llvm::split(words, ','))
    if (!word.empty())
      options.push_back(word.str());
  return getWeightQuantizers(context).create(
      name.empty() ? StringRef("rtn") : name, options, emitError);
}

//===----------------------------------------------------------------------===//
// Quantizing
//===----------------------------------------------------------------------===//

namespace {
/// Remembers the ops that a builder inserts.
struct InsertedOps : public OpBuilder::Listener {
  void notifyOperationInserted(Operation *op,
                               OpBuilder::InsertPoint previous) override {
    ops.push_back(op);
  }

  SmallVector<Operation *> ops;
};
} // namespace

/// Adds `offset`, a number of each output, to the bias of the op of `site`.
static void addToBias(OpBuilder &builder, const WeightSite &site,
                      Value offset) {
  Operation *op = site.use->getOwner();
  std::optional<unsigned> operand = getBiasedReader(site)->bias;
  builder.setInsertionPoint(op);
  if (operand)
    return op->setOperand(
        *operand, shiftWeight(builder, op->getOperand(*operand), offset));
  cast<ShiftableOpInterface>(op).setBias(narrowWeight(
      builder, offset,
      cast<RankedTensorType>(site.use->get().getType()).getElementType()));
}

std::string quench::quantizeWeight(const WeightSite &site,
                                   QuantizerAttrInterface format,
                                   const WeightQuantizer &quantizer) {
  Value weight = site.use->get();
  InsertedOps inserted;
  OpBuilder builder(weight.getContext(), &inserted);
  builder.setInsertionPointAfterValue(weight);
  Value wide = widenWeight(builder, weight);
  std::string reason;
  std::optional<QuantizedWeight> quantized =
      quantizer(builder, wide, format, site, reason);
  if (!quantized) {
    for (Operation *op : llvm::reverse(inserted.ops))
      op->erase();
    return reason;
  }
  Value numbers = createNumbers(builder, weight.getLoc(), *quantized, format);
  site.use->set(
      narrowWeight(builder, numbers,
                   cast<RankedTensorType>(weight.getType()).getElementType()));
  if (quantized->bias)
    addToBias(builder, site, quantized->bias);
  return "";
}
