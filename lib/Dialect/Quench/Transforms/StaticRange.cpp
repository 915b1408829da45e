//===- StaticRange.cpp - Scales of activations from statistics ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/StaticRange.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchRangeOps.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Support/Distribution.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace quench;

ArrayRef<StringRef> quench::getRangeMethods() {
  static constexpr StringRef methods[] = {"minmax",      "moving", "percentile",
                                          "mse",         "dual",   "entropy",
                                          "progressive", "unit"};
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
  else if (channels.size == 0 || !channels.getParts(axes, type) ||
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
  SmallVector<QuantAxis> axes;
  format.getQuantAxes(type.getRank(), axes);
  Channels channels(site.role, type);
  int64_t parts = *channels.getParts(axes, type);
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
  if (method == "moving")
    names = {"moving_min", "moving_max"};
  else if (method == "minmax")
    names = {"min", "max"};
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
