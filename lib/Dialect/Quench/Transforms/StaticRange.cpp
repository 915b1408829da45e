//===- StaticRange.cpp - Scales of activations from statistics ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/StaticRange.h"

#include "ChannelVectors.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchOutputRangeOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchRangeOps.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Support/Distribution.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>

using namespace mlir;
using namespace quench;

ArrayRef<StringRef> quench::getRangeMethods() {
  static constexpr StringRef methods[] = {
      "minmax",  "moving",      "percentile", "mse",      "dual",
      "entropy", "progressive", "output",     "adaptive", "unit"};
  return methods;
}

namespace {
/// Which dimensions of a value are channels, of which statistics are.
struct Channels {
  int64_t first, size = 1;

  Channels(SiteRole role, RankedTensorType type) {
    int64_t rank = type.getRank(), last = rank;
    first = rank - 1;
    switch (role) {
    case SiteRole::Query:
    case SiteRole::Key:
    case SiteRole::Value:
      first = rank - 2;
      break;
    case SiteRole::Probabilities:
      first = 1;
      last = 2;
      break;
    default:
      break;
    }
    for (int64_t axis = first; axis < last; ++axis)
      size *= type.isDynamicDim(axis) ? 0 : type.getDimSize(axis);
  }

  /// Into how many parts, each with parameters of its own, the channels fall;
  /// 1 for the whole, none where that is not how parameters are shared.
  std::optional<int64_t> getParts(ArrayRef<QuantAxis> axes,
                                  RankedTensorType type) const {
    int64_t parts = 1, next = first;
    for (QuantAxis axis : axes) {
      if (axis.dim != next++ || type.isDynamicDim(axis.dim))
        return std::nullopt;
      parts *= type.getDimSize(axis.dim) / axis.block;
    }
    return parts;
  }
};
} // namespace

/// Whether `method` takes its range from the ends of channels.
static bool isOfChannels(StringRef method) {
  return method == "minmax" || method == "moving";
}

//===----------------------------------------------------------------------===//
// Ranges by the error of outputs
//===----------------------------------------------------------------------===//

/// The matrices `[out, in]` that ops multiply the input `site` by; none, with
/// the reason, where one multiplies it by anything else.
static SmallVector<Value> getMatrices(const QuantSite &site,
                                      std::string &reason) {
  SmallVector<Value> matrices;
  for (OpOperand *use : site.uses) {
    Operation *op = use->getOwner();
    SmallVector<QuantOperand> operands;
    cast<QuantizableOpInterface>(op).getQuantOperands(operands);
    size_t before = matrices.size();
    auto type = cast<RankedTensorType>(use->get().getType());
    bool isOfChannels = operands[use->getOperandNumber()].reducedAxes ==
                        SmallVector<int64_t, 2>{type.getRank() - 1};
    for (auto [operand, value] : llvm::zip_equal(operands, op->getOperands()))
      if (isOfChannels && operand.role == QuantRole::Weight &&
          isWeightProgram(value) &&
          cast<RankedTensorType>(value.getType()).getRank() == 2 &&
          operand.reducedAxes == SmallVector<int64_t, 2>{1})
        matrices.push_back(value);
    if (matrices.size() == before) {
      reason = (op->getName().getStringRef() +
                " has no matrix whose rows it multiplies the channels by")
                   .str();
      return {};
    }
  }
  return matrices;
}

/// The attention of which `site` is an operand, or probabilities.
static AttentionOp getAttention(const QuantSite &site) {
  return dyn_cast<AttentionOp>(site.ops.front());
}

/// Whether parameters on `axes` of a value of `site` are one, or one a head.
static bool hasHeadRanges(ArrayRef<QuantAxis> axes, const QuantSite &site) {
  if (axes.empty())
    return true;
  return getAttention(site) && site.role != SiteRole::Probabilities &&
         axes.size() == 1 && axes[0].dim == 2 && axes[0].block == 1;
}

/// The statistic `sample` of `site`, of `shape`, dynamic sizes of which are
/// those that the archive has; null, with the reason, where there is none.
static Value getSample(OpBuilder &builder, const QuantSite &site,
                       ArrayRef<int64_t> shape, std::string &reason) {
  if (!hasStatistics(site, {"sample"}, reason))
    return {};
  Location loc = NameLoc::get(builder.getStringAttr(site.name));
  std::string key = site.name + ".sample";
  auto module = site.ops.front()->getParentOfType<ModuleOp>();
  if (!isBound(module, "stats")) {
    // Somebody asks what is needed.
    SmallVector<int64_t> any(shape);
    llvm::replace(any, ShapedType::kDynamic, int64_t(1));
    return ParamOp::create(builder, loc,
                           RankedTensorType::get(any, builder.getF64Type()),
                           RefAttr::get(builder.getContext(), "stats", key));
  }
  Value sample = createBoundParam(builder, loc, module, "stats", key);
  auto type = cast<RankedTensorType>(sample.getType());
  bool fits = type.getElementType().isF64() &&
              succeeded(verifyCompatibleShape(shape, type.getShape()));
  if (fits)
    return sample;
  llvm::raw_string_ostream(reason)
      << "the statistics have '" << key << "' as " << type << ", expected "
      << RankedTensorType::get(shape, builder.getF64Type());
  return {};
}

namespace {
/// A sample, and what it is multiplied by: matrices, or another sample.
struct SampledProduct {
  Value sample;
  SmallVector<Value> others;
};
} // namespace

/// The product of the input `site` with its matrices; none, with the reason,
/// where statistics have no sample.
static std::optional<SampledProduct> createInputProduct(OpBuilder &builder,
                                                        const QuantSite &site,
                                                        RankedTensorType type,
                                                        std::string &reason) {
  SmallVector<Value> matrices = getMatrices(site, reason);
  Value sample = getSample(
      builder, site, {ShapedType::kDynamic, type.getShape().back()}, reason);
  if (!sample)
    return std::nullopt;
  // Programs stand where their weight is read, which may be further on.
  SmallVector<Value> copies;
  for (Value matrix : matrices)
    if (matrix.getParentBlock() == builder.getInsertionBlock())
      copies.push_back(widenWeight(builder, cloneProgram(builder, matrix)));
  return SampledProduct{sample, copies};
}

/// The same for an operand of attention and the one that it meets there.
static std::optional<SampledProduct>
createAttentionProduct(OpBuilder &builder, const QuantSite &site,
                       std::string &reason) {
  AttentionOp attention = getAttention(site);
  auto getPartner = [](SiteRole role) {
    switch (role) {
    case SiteRole::Query:
      return SiteRole::Key;
    case SiteRole::Key:
      return SiteRole::Query;
    case SiteRole::Value:
      return SiteRole::Probabilities;
    default:
      return SiteRole::Value;
    }
  };
  std::vector<QuantSite> sites =
      collectQuantSites(attention->getParentOfType<ModuleOp>());
  const QuantSite &partner = *llvm::find_if(sites, [&](const QuantSite &other) {
    return other.role == getPartner(site.role) &&
           llvm::is_contained(other.ops, attention.getOperation());
  });
  constexpr int64_t any = ShapedType::kDynamic;
  int64_t heads = attention.getQuery().getType().getDimSize(2);
  auto getChannels = [](RankedTensorType type) {
    return type.getDimSize(2) * type.getDimSize(3);
  };
  auto getShape = [&](SiteRole role, int64_t sequences,
                      int64_t keys) -> SmallVector<int64_t> {
    switch (role) {
    case SiteRole::Query:
      return {sequences, any, getChannels(attention.getQuery().getType())};
    case SiteRole::Key:
      return {sequences, any, getChannels(attention.getKey().getType())};
    case SiteRole::Value:
      return {sequences, keys, getChannels(attention.getValue().getType())};
    default:
      return {sequences, heads, any, keys};
    }
  };
  Value sample =
      getSample(builder, site, getShape(site.role, any, any), reason);
  if (!sample)
    return std::nullopt;
  ArrayRef<int64_t> shape = cast<RankedTensorType>(sample.getType()).getShape();
  int64_t keys = site.role == SiteRole::Value ? shape[1] : shape.back();
  Value other = getSample(builder, partner,
                          getShape(partner.role, shape[0], keys), reason);
  if (!other) {
    reason = partner.name + ": " + reason;
    return std::nullopt;
  }
  return SampledProduct{sample, {other}};
}

/// The product of `site`, an input or an operand of attention; none, with the
/// reason, where statistics have no sample of it.
static std::optional<SampledProduct> createProduct(OpBuilder &builder,
                                                   const QuantSite &site,
                                                   RankedTensorType type,
                                                   std::string &reason) {
  return getAttention(site) ? createAttentionProduct(builder, site, reason)
                            : createInputProduct(builder, site, type, reason);
}

/// The range of `format` for `site`; null, with the reason, where statistics
/// have none.
static Value createOutputRange(OpBuilder &builder, const QuantSite &site,
                               RankedTensorType type,
                               QuantizerAttrInterface format,
                               std::string &reason) {
  std::optional<SampledProduct> product =
      createProduct(builder, site, type, reason);
  if (!product)
    return {};
  auto [sample, others] = *product;
  AttentionOp attention = getAttention(site);
  if (!attention)
    return OutputRangeOp::create(builder, sample.getLoc(), sample, others,
                                 format);
  return AttentionRangeOp::create(builder, sample.getLoc(), sample,
                                  others.front(), stringifySiteRole(site.role),
                                  attention.getQuery().getType().getDimSize(2),
                                  attention.getKey().getType().getDimSize(2),
                                  attention.getHeadGroupsAttr(), format);
}

SmallVector<QuantizerAttrInterface>
quench::getFormatFamily(QuantizerAttrInterface format) {
  MLIRContext *context = format.getContext();
  SmallVector<QuantizerAttrInterface> family;
  if (auto log = dyn_cast<LogAttr>(format)) {
    // AdaLog's bases go up to 2^3.7. No number is below 2^-1000.
    uint64_t last = (uint64_t(1) << log.getBits()) - 1;
    for (unsigned step = 1; step <= std::ceil(3.7 * log.getDenominator()) &&
                            last * step / log.getDenominator() <= 1000;
         ++step)
      family.push_back(LogAttr::get(context, log.getBits(), step,
                                    log.getDenominator(), log.getUnit(),
                                    log.getZero(), log.getScaling()));
  } else if (auto twin = dyn_cast<TwinUniformAttr>(format)) {
    // Those that PTQ4ViT, and AdaLog for its signed form, try.
    int32_t first = twin.getIsSigned() ? -5 : 0;
    int32_t last = twin.getIsSigned() ? 24 : 19;
    for (int32_t shift = first; shift <= last; ++shift)
      family.push_back(TwinUniformAttr::get(context, twin.getBits(),
                                            twin.getIsSigned(), shift,
                                            twin.getScaling()));
  } else if (auto uniform = dyn_cast<UniformAttr>(format)) {
    for (bool isAsymmetric : {false, true})
      family.push_back(UniformAttr::get(context, uniform.getBits(),
                                        /*is_signed=*/!isAsymmetric,
                                        isAsymmetric, uniform.getScaling()));
  } else {
    family.push_back(format);
  }
  return family;
}

StringRef quench::getRangeOfChoice(const QuantSite &site) {
  return site.role == SiteRole::Probabilities ? "unit" : "output";
}

Value quench::buildFormatChoice(OpBuilder &builder, const QuantSite &site,
                                RankedTensorType type,
                                ArrayRef<QuantizerAttrInterface> family,
                                std::string &reason) {
  std::optional<SampledProduct> product =
      createProduct(builder, site, type, reason);
  if (!product)
    return {};
  auto [sample, others] = *product;
  ArrayAttr formats =
      builder.getArrayAttr(llvm::to_vector_of<Attribute>(family));
  AttentionOp attention = getAttention(site);
  if (!attention)
    return OutputFormatOp::create(builder, sample.getLoc(), sample, others,
                                  formats);
  return ProbabilitiesFormatOp::create(
      builder, sample.getLoc(), sample, others.front(),
      attention.getQuery().getType().getDimSize(2),
      attention.getKey().getType().getDimSize(2), attention.getHeadGroupsAttr(),
      formats);
}

//===----------------------------------------------------------------------===//
// All ranges
//===----------------------------------------------------------------------===//

/// Why there is nothing to choose for `format` at `site`; empty where there is.
static std::string getChoiceObstacle(const QuantSite &site,
                                     QuantizerAttrInterface format,
                                     ArrayRef<QuantAxis> axes) {
  std::string reason;
  llvm::raw_string_ostream os(reason);
  bool isOfProbabilities = site.role == SiteRole::Probabilities;
  if (!axes.empty() || (getAttention(site) && !isOfProbabilities))
    os << "formats are chosen for inputs and probabilities with one scale";
  else if (getFormatFamily(format).size() < 2 ||
           (isOfProbabilities && isa<UniformAttr>(format)))
    os << format << " leaves nothing to choose";
  return reason;
}

/// Why codes by `format`, whose parameters are on `axes`, of a value of `site`
/// have no range by the error of outputs; empty where they may.
static std::string getOutputObstacle(const QuantSite &site,
                                     QuantizerAttrInterface format,
                                     ArrayRef<QuantAxis> axes) {
  std::string reason;
  if (!hasHeadRanges(axes, site))
    llvm::raw_string_ostream(reason)
        << "there is no range by outputs for the parameters of " << format
        << ": expected one for all, or one for each head of an attention";
  else if (AttentionOp attention = getAttention(site)) {
    for (Value operand :
         {attention.getQuery(), attention.getKey(), attention.getValue()})
      for (int64_t dim : {2, 3})
        if (cast<RankedTensorType>(operand.getType()).isDynamicDim(dim))
          reason = "the heads of the attention are not known before it runs";
  } else if (site.role == SiteRole::Input) {
    (void)getMatrices(site, reason);
  } else {
    reason = "ranges by outputs are those of inputs and operands of attention";
  }
  return reason;
}

std::string quench::getRangeObstacle(const QuantSite &site,
                                     RankedTensorType type,
                                     QuantizerAttrInterface format,
                                     StringRef method) {
  std::string reason;
  llvm::raw_string_ostream os(reason);
  SmallVector<QuantAxis> axes;
  format.getQuantAxes(type.getRank(), axes);
  Channels channels(site.role, type);
  if (!llvm::is_contained(getRangeMethods(), method))
    os << "found the range '" << method << "', expected "
       << llvm::join(getRangeMethods(), ", ");
  else if (format.getScaling().form == numerics::ScaleForm::E4M3)
    os << "scales of " << format << " are multiples of one for the whole "
       << "tensor, which no range gives";
  else if (method == "unit" && (format.hasZeroPoint() || !axes.empty()))
    os << "a range from 0 to 1 is for one scale without zero points, not "
       << format;
  else if (method == "unit")
    return reason;
  else if (method == "output" || method == "adaptive") {
    if (method == "adaptive")
      reason = getChoiceObstacle(site, format, axes);
    return reason.empty() ? getOutputObstacle(site, format, axes) : reason;
  } else if (channels.size == 0 || !channels.getParts(axes, type) ||
             !(axes.empty() || isOfChannels(method)))
    os << "statistics have no '" << method << "' range for the parameters of "
       << format;
  return reason;
}

std::optional<StaticParameters> quench::buildStaticParameters(
    OpBuilder &builder, const QuantSite &site, RankedTensorType type,
    QuantizerAttrInterface format, StringRef method, std::string &reason) {
  reason = getRangeObstacle(site, type, format, method);
  if (!reason.empty())
    return std::nullopt;
  if (method == "adaptive") {
    reason = "its format is still to be chosen (quench-choose-formats)";
    return std::nullopt;
  }
  SmallVector<QuantAxis> axes;
  format.getQuantAxes(type.getRank(), axes);
  Channels channels(site.role, type);
  int64_t parts = channels.getParts(axes, type).value_or(1);
  bool isWhole = axes.empty(), isRange = isOfChannels(method);
  Location loc = NameLoc::get(builder.getStringAttr(site.name));
  Type f64 = builder.getF64Type();
  bool isWide = type.getElementType().isF64();
  if (method == "unit") {
    double scale = format.getParameters({0, 1}, isWide).scale;
    return StaticParameters{
        FillOp::create(
            builder, loc,
            RankedTensorType::get({}, isWide ? f64 : builder.getF32Type()),
            builder.getF64FloatAttr(scale)),
        Value()};
  }
  StringRef data = method == "entropy" ? "histogram" : "quantiles";
  SmallVector<StringRef> names;
  bool isOfOutputs = method == "output";
  if (method == "moving")
    names = {"moving_min", "moving_max"};
  else if (method == "minmax")
    names = {"min", "max"};
  else if (isOfOutputs)
    names = {"sample"};
  else
    names = {data, "extent"};
  if (!hasStatistics(site, names, reason))
    return std::nullopt;

  auto getStatistic = [&](StringRef what, int64_t size) {
    return ParamOp::create(builder, loc, RankedTensorType::get(size, f64),
                           RefAttr::get(builder.getContext(), "stats",
                                        site.name + "." + what.str()));
  };
  Value range;
  if (isRange) {
    Value low = getStatistic(names[0], channels.size);
    Value high = getStatistic(names[1], channels.size);
    range = ExtentOp::create(builder, loc, low, high,
                             isWhole ? IntegerAttr()
                                     : builder.getI64IntegerAttr(parts));
  } else if (isOfOutputs) {
    range = createOutputRange(builder, site, type, format, reason);
    if (!range)
      return std::nullopt;
  } else {
    Value record = getStatistic(data, method == "entropy" ? histogram::size
                                                          : sketch::size);
    Value extent = getStatistic("extent", 2);
    if (method == "percentile")
      range = PercentileRangeOp::create(builder, loc, record, extent, format,
                                        {0.999, 0.9999, 0.99999});
    else if (method == "entropy")
      range = EntropyRangeOp::create(builder, loc, record, extent, format);
    else if (method == "progressive")
      range = ProgressiveRangeOp::create(builder, loc, record, extent, format);
    else
      range = ShrunkenRangeOp::create(builder, loc, record, extent, format,
                                      /*steps=*/method == "dual" ? 32 : 100,
                                      /*norm=*/llvm::APFloat(2.0),
                                      /*dual=*/method == "dual");
  }
  // In the arithmetic of what is quantized.
  if (!isWide)
    range = CastOp::create(
        builder, loc,
        cast<RankedTensorType>(range.getType()).clone(builder.getF32Type()),
        range);
  StaticParameters parameters;
  parameters.scale = StaticScaleOp::create(builder, loc, range, format);
  if (format.hasZeroPoint())
    parameters.zero = StaticZeroOp::create(builder, loc, range, format);
  // Parts may be of several dimensions.
  SmallVector<int64_t> shape;
  for (QuantAxis axis : axes)
    shape.push_back(type.getDimSize(axis.dim) / axis.block);
  for (Value *value : {&parameters.scale, &parameters.zero})
    if (*value && shape.size() > 1)
      *value = ReshapeOp::create(
          builder, loc, cast<RankedTensorType>(value->getType()).clone(shape),
          *value);
  return parameters;
}
