//===- ChannelPolicy.cpp - How scales and shifts are chosen --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/ChannelPolicy.h"

#include "ChannelVectors.h"
#include "LearnedParams.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchScaleOps.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Interfaces/QuantizableOpInterface.h"

#include "llvm/Support/xxhash.h"

#include <limits>

using namespace mlir;
using namespace quench;

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// Calls `add` for every dialect that brings policies.
static void
forEachDialect(MLIRContext *context,
               function_ref<void(const ChannelPolicyDialectInterface &)> add) {
  for (Dialect *dialect : context->getLoadedDialects())
    if (auto *policies =
            dialect->getRegisteredInterface<ChannelPolicyDialectInterface>())
      add(*policies);
}

ChannelPolicyRegistry quench::getScalePolicies(MLIRContext *context) {
  ChannelPolicyRegistry registry;
  registerScalePolicies(registry);
  forEachDialect(context, [&](const ChannelPolicyDialectInterface &policies) {
    policies.addScalePolicies(registry);
  });
  return registry;
}

ChannelPolicyRegistry quench::getShiftPolicies(MLIRContext *context) {
  ChannelPolicyRegistry registry;
  registerShiftPolicies(registry);
  forEachDialect(context, [&](const ChannelPolicyDialectInterface &policies) {
    policies.addShiftPolicies(registry);
  });
  return registry;
}

//===----------------------------------------------------------------------===//
// What policies build on
//===----------------------------------------------------------------------===//

static Location getLoc(const ChannelClass &site) {
  return site.weights.front().op->getLoc();
}

Value quench::createSiteParam(OpBuilder &builder, const ChannelClass &site,
                              StringRef scope, StringRef what,
                              ArrayRef<int64_t> shape) {
  return ParamOp::create(
      builder, getLoc(site), RankedTensorType::get(shape, builder.getF64Type()),
      RefAttr::get(builder.getContext(), scope,
                   scope == "stats" ? getClassStatistic(site.name, what)
                                    : site.name + "." + what.str()));
}

/// The weights that are multiplied by what the class carries.
static SmallVector<const ClassWeight *> getReaders(const ChannelClass &site) {
  SmallVector<const ClassWeight *> readers;
  for (const ClassWeight &weight : site.weights) {
    auto op = dyn_cast<QuantizableOpInterface>(weight.op);
    if (!op || !weight.operand || !weight.consumer || weight.inverse)
      continue;
    SmallVector<QuantOperand> operands;
    op.getQuantOperands(operands);
    if (operands[weight.operand->getOperandNumber()].role == QuantRole::Weight)
      readers.push_back(&weight);
  }
  return readers;
}

SmallVector<Value> quench::getReaderMaxima(OpBuilder &builder,
                                           const ChannelClass &site) {
  SmallVector<Value> maxima;
  for (const ClassWeight *weight : getReaders(site)) {
    Value program = cloneProgram(builder, weight->operand->get());
    Value greatest =
        widenWeight(builder, getWeightAbsMax(builder, program, weight->axis));
    llvm::append_range(maxima, gatherChannels(builder, greatest, site,
                                              weight->blocks, /*rest=*/0));
  }
  return maxima;
}

/// `vector`, made equal within the pairs of rotary embedding.
static Value tie(OpBuilder &builder, const ChannelClass &site, Value vector) {
  if (site.partners.empty())
    return vector;
  return TieScaleOp::create(builder, vector.getLoc(), vector, site.partners);
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

static ChannelPolicy createIdentity(PolicyOptions &options) {
  return [](OpBuilder &builder, const ChannelClass &site, std::string &) {
    return createFilledWeight(
        builder, getLoc(site),
        RankedTensorType::get(site.getNumChannels(), builder.getF64Type()), 1);
  };
}

static ChannelPolicy createRandom(PolicyOptions &options) {
  int64_t seed = options.getInteger("seed", 0, 0, INT64_MAX);
  double low = options.getNumber("low", 1e-2, 1e-300, 1e300);
  double high = options.getNumber("high", std::max(low, 1e2), low, 1e300);
  return [=](OpBuilder &builder, const ChannelClass &site, std::string &) {
    auto type =
        RankedTensorType::get(site.getNumChannels(), builder.getF64Type());
    Value scale = RandomScaleOp::create(
        builder, getLoc(site), type,
        builder.getI64IntegerAttr(seed ^ llvm::xxh3_64bits(site.name)),
        builder.getF64FloatAttr(low), builder.getF64FloatAttr(high));
    return tie(builder, site, scale);
  };
}

static ChannelPolicy createGiven(PolicyOptions &options, StringRef name) {
  std::string scope = options.getWord("scope", "learned");
  std::string what = options.getWord("name", name);
  std::string type =
      options.getWord("type", "f64", {"f64", "f32", "f16", "bf16"});
  return [=](OpBuilder &builder, const ChannelClass &site, std::string &) {
    Value param =
        createSiteParam(builder, site, scope, what, {site.getNumChannels()});
    if (type == "f64")
      return param;
    Type element = type == "f32"   ? Type(builder.getF32Type())
                   : type == "f16" ? Type(builder.getF16Type())
                                   : Type(builder.getBF16Type());
    auto wide = cast<RankedTensorType>(param.getType());
    param.setType(wide.clone(element));
    return Value(CastOp::create(builder, param.getLoc(), wide, param));
  };
}

static ChannelPolicy createImport(PolicyOptions &options) {
  std::string keys = options.getWord("keys", "SITE.S");
  return
      [=](OpBuilder &builder, const ChannelClass &site, std::string &reason) {
        return createLearnedParam(builder, site, keys,
                                  {{site.getNumChannels()}}, reason);
      };
}

static ChannelPolicy createBalanced(PolicyOptions &options, double alphaDefault,
                                    double lowDefault, double highDefault) {
  double alpha = options.getNumber("alpha", alphaDefault, 0, 1);
  double low = options.getNumber("low", lowDefault, 1e-300, 1e300);
  double high = options.getNumber("high", highDefault, low, infinity);
  return [=](OpBuilder &builder, const ChannelClass &site,
             std::string &reason) -> Value {
    if (!hasStatistics(site, {"absmax"}, reason))
      return {};
    SmallVector<Value> weights = getReaderMaxima(builder, site);
    // Where two activations meet, the other one is what a weight is elsewhere.
    bool meets = llvm::any_of(
        site.weights, [](const ClassWeight &weight) { return weight.inverse; });
    if (weights.empty() && meets)
      weights.push_back(createStatistic(builder, site, "inverse_absmax",
                                        {site.getNumChannels()}));
    if (weights.empty()) {
      reason = "no weight is multiplied by it, to balance it with";
      return {};
    }
    Value activation =
        createStatistic(builder, site, "absmax", {site.getNumChannels()});
    for (Value &weight : weights)
      weight = tie(builder, site, weight);
    return BalancedScaleOp::create(
        builder, getLoc(site), tie(builder, site, activation), weights,
        builder.getF64FloatAttr(alpha), builder.getF64FloatAttr(1e-5),
        builder.getF64FloatAttr(low),
        high == infinity ? FloatAttr() : builder.getF64FloatAttr(high));
  };
}

static ChannelPolicy createSmoothQuant(PolicyOptions &options) {
  return createBalanced(options, 0.5, 1e-5, infinity);
}

static ChannelPolicy createMambaQuant(PolicyOptions &options) {
  return createBalanced(options, 0.5, 1e-2, 1e2);
}

static ChannelPolicy createAwq(PolicyOptions &options) {
  int64_t bits = options.getInteger("bits", 4, 1, 16);
  int64_t group = options.getInteger("group", 128, 0, INT64_MAX);
  int64_t steps = options.getInteger("steps", 20, 1, 1000);
  return [=](OpBuilder &builder, const ChannelClass &site,
             std::string &reason) -> Value {
    if (!hasStatistics(site, {"mean_abs", "gram"}, reason))
      return {};
    SmallVector<Value> weights;
    for (const ClassWeight *weight : getReaders(site)) {
      auto type = cast<RankedTensorType>(weight->operand->get().getType());
      int64_t channels = site.getNumChannels();
      if (type.getRank() != 2 || weight->axis != 1 ||
          type.getDimSize(1) != channels || !isWhole(site, weight->blocks)) {
        reason = "a weight that reads it has other columns than it has "
                 "channels, the search knows of matrices only";
        return {};
      }
      weights.push_back(
          widenWeight(builder, cloneProgram(builder, weight->operand->get())));
    }
    if (weights.empty()) {
      reason = "no weight is multiplied by it, to be rounded";
      return {};
    }
    int64_t channels = site.getNumChannels();
    return AwqScaleOp::create(
        builder, getLoc(site),
        createStatistic(builder, site, "mean_abs", {channels}),
        createStatistic(builder, site, "gram", {channels, channels}), weights,
        bits, group, steps);
  };
}

static ChannelPolicy createRepQ(PolicyOptions &options) {
  int64_t bits = options.getInteger("bits", 8, 2, 8);
  std::string target = options.getWord(
      "target", "mean", {"mean", "median", "power_of_two", "given"});
  double given = options.getNumber("scale", 1, 1e-300, 1e300);
  return [=](OpBuilder &builder, const ChannelClass &site,
             std::string &reason) -> Value {
    if (!hasStatistics(site, {"min", "max"}, reason))
      return {};
    Location loc = getLoc(site);
    int64_t channels = site.getNumChannels();
    Value scales = RangeScaleOp::create(
        builder, loc, createStatistic(builder, site, "min", {channels}),
        createStatistic(builder, site, "max", {channels}), int64_t(1) << bits);
    scales = tie(builder, site, scales);
    Value common;
    if (target == "given")
      common = createFilledWeight(
          builder, loc, RankedTensorType::get({}, builder.getF64Type()), given);
    else
      common = CommonScaleOp::create(builder, loc, scales,
                                     *symbolizeCommonScaleKind(target));
    scales = FillDeadOp::create(builder, loc, scales, scales, common);
    return scaleWeight(builder, scales, common, 0, /*inverse=*/true);
  };
}

void quench::registerScalePolicies(ChannelPolicyRegistry &registry) {
  registry.add("identity", createIdentity);
  registry.add("random", createRandom);
  registry.add("given", [](PolicyOptions &options) {
    return createGiven(options, "scale");
  });
  registry.add("import", createImport);
  registry.add("smoothquant", createSmoothQuant);
  registry.add("mambaquant", createMambaQuant);
  registry.add("awq", createAwq);
  registry.add("repq", createRepQ);
}

//===----------------------------------------------------------------------===//
// Shifts
//===----------------------------------------------------------------------===//

static ChannelPolicy createRandomShift(PolicyOptions &options) {
  int64_t seed = options.getInteger("seed", 0, 0, INT64_MAX);
  double amplitude = options.getNumber("amplitude", 1, 0, 1e300);
  return [=](OpBuilder &builder, const ChannelClass &site, std::string &) {
    auto type =
        RankedTensorType::get(site.getNumChannels(), builder.getF64Type());
    Value noise = NoiseOp::create(builder, getLoc(site), type,
                                  seed ^ llvm::xxh3_64bits(site.name));
    Value factor = createFilledWeight(
        builder, noise.getLoc(),
        RankedTensorType::get({}, builder.getF64Type()), amplitude);
    return scaleWeight(builder, noise, factor, 0);
  };
}

// So that the mean of each channel becomes 0 (MambaQuant, for the steps).
static ChannelPolicy createMean(PolicyOptions &options) {
  return [](OpBuilder &builder, const ChannelClass &site,
            std::string &reason) -> Value {
    if (!hasStatistics(site, {"mean"}, reason))
      return {};
    int64_t channels = site.getNumChannels();
    Value mean = createStatistic(builder, site, "mean", {channels});
    Value zeros = createFilledWeight(builder, mean.getLoc(),
                                     cast<RankedTensorType>(mean.getType()), 0);
    return shiftWeight(builder, zeros, mean, /*negative=*/true);
  };
}

// So that the range of each channel has its middle at 0.
static ChannelPolicy createMiddle(PolicyOptions &options) {
  return [](OpBuilder &builder, const ChannelClass &site,
            std::string &reason) -> Value {
    if (!hasStatistics(site, {"min", "max"}, reason))
      return {};
    int64_t channels = site.getNumChannels();
    Value low = createStatistic(builder, site, "min", {channels});
    Value high = createStatistic(builder, site, "max", {channels});
    auto type = cast<RankedTensorType>(low.getType());
    Value sum = shiftWeight(builder, low, high);
    Value half = createFilledWeight(
        builder, low.getLoc(), RankedTensorType::get({}, type.getElementType()),
        -0.5);
    return scaleWeight(builder, sum, half, 0);
  };
}

void quench::registerShiftPolicies(ChannelPolicyRegistry &registry) {
  registry.add("random", createRandomShift);
  registry.add("given", [](PolicyOptions &options) {
    return createGiven(options, "shift");
  });
  registry.add("mean", createMean);
  registry.add("middle", createMiddle);
}
