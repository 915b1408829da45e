//===- MaterializeQuantizers.cpp - Quantizers of formats ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/IR/QuenchAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchDynamicOps.h"
#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/Transforms/FormatPlan.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Dialect/Quench/Transforms/StaticRange.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Dialect/Quench/Transforms/WeightQuantizer.h"
#include "Quench/Support/Spelling.h"

#include "mlir/IR/Remarks.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHMATERIALIZEQUANTIZERS
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

static remark::RemarkOpts remarkOpts(StringRef name) {
  return remark::RemarkOpts::name(name).category(
      "quench-materialize-quantizers");
}

namespace {
struct MaterializeQuantizers
    : quench::impl::QuenchMaterializeQuantizersBase<MaterializeQuantizers> {
  using QuenchMaterializeQuantizersBase::QuenchMaterializeQuantizersBase;

  void runOnOperation() override;

private:
  /// Fails unless all of `roles` are words for roles.
  LogicalResult checkRoles();
  /// Whether the formats of `site` become quantizers.
  bool isMeant(const QuantSite &site) const {
    return roles.empty() || llvm::any_of(roles, [&](const std::string &role) {
             return isRole(role, site);
           });
  }
  /// The weight quantizer that `text`, `NAME{OPTION=VALUE,...}`, says.
  FailureOr<WeightQuantizer> getMethod(StringRef text);
  /// Quantizes the weight of `use`. Where it gets no codes its op keeps floats.
  LogicalResult quantizeWeight(const FormatUse &use, const QuantSite &site,
                               const SiteFormat &format);
  /// Quantizes what `use` reads.
  LogicalResult quantizeActivation(const FormatUse &use, const QuantSite &site,
                                   const SiteFormat &format);
  /// Quantizes the probabilities of the attention `use.op`, which is replaced.
  LogicalResult quantizeProbabilities(const FormatUse &use,
                                      const QuantSite &site,
                                      const SiteFormat &format);
  /// `input` quantized by `format`; null, with the reason, where statistics do
  /// not have its range.
  Value createQuantizer(Value input, const QuantSite &site,
                        const SiteFormat &format, std::string &reason);

  /// The inputs of ops.
  DenseMap<Operation *, const QuantSite *> inputs;
  /// Ops whose weights got no codes, and why the first did not.
  llvm::DenseSet<Operation *> declined;
  std::string firstReason;
  /// Attention that is replaced, which goes when no site refers to it any more.
  SmallVector<AttentionOp> replaced;
  llvm::StringMap<WeightQuantizer> methods;
  /// What became of activations, by their format and the range of a site.
  DenseMap<std::tuple<Value, Attribute, Attribute>, Value> quantized;
};
} // namespace

LogicalResult MaterializeQuantizers::checkRoles() {
  for (const std::string &role : roles)
    if (!llvm::is_contained(getRoleWords(), StringRef(role)))
      return getOperation()->emitError()
             << "no role '" << role << "'"
             << suggest(role,
                        llvm::map_to_vector(getRoleWords(), [](StringRef word) {
                          return word.str();
                        }));
  return success();
}

FailureOr<WeightQuantizer> MaterializeQuantizers::getMethod(StringRef text) {
  WeightQuantizer &known = methods[text];
  if (known)
    return known;
  FailureOr<WeightQuantizer> created = parseWeightQuantizer(
      &getContext(), text, [&]() { return getOperation()->emitError(); });
  if (succeeded(created))
    known = *created;
  return created;
}

LogicalResult MaterializeQuantizers::quantizeWeight(const FormatUse &use,
                                                    const QuantSite &site,
                                                    const SiteFormat &format) {
  FailureOr<WeightQuantizer> method = getMethod(format.method);
  if (failed(method))
    return failure();
  WeightSite weight = {use.operand, site.operand, "", ""};
  if (const QuantSite *input = inputs.lookup(use.op)) {
    weight.input = input->name;
    (void)hasStatistics(*input, {}, weight.obstacle);
  }
  std::string reason =
      quench::quantizeWeight(weight, format.quantizer, *method);
  if (reason.empty())
    return success();
  remark::missed(use.op->getLoc(), remarkOpts("float"))
      << (site.name + ": " + reason);
  if (declined.empty())
    firstReason = site.name + ": " + reason;
  declined.insert(use.op);
  return success();
}

/// Whether the codes of what a cache takes are those of what it gives: no
/// scale is computed from several tokens.
static bool passesCache(const SiteFormat &format, Value value) {
  if (!format.range.empty())
    return true;
  SmallVector<QuantAxis> axes;
  format.quantizer.getQuantAxes(
      cast<RankedTensorType>(value.getType()).getRank(), axes);
  return llvm::any_of(axes, [](QuantAxis axis) { return axis.dim == 1; });
}

/// Whether `value` is what a quantizer of `format` made for `site`.
static bool isQuantized(Value value, const QuantSite &site,
                        const SiteFormat &format) {
  auto op = value.getDefiningOp<FakeQuantOp>();
  if (!op || op.getQuantizer() != format.quantizer)
    return false;
  if (format.range.empty())
    return op.getScale().getDefiningOp<DynamicScaleOp>() ||
           op.getScale().getDefiningOp<DynamicParametersOp>();
  return isWeightProgram(op.getScale()) && getSiteName(op) == site.name;
}

Value MaterializeQuantizers::createQuantizer(Value input, const QuantSite &site,
                                             const SiteFormat &format,
                                             std::string &reason) {
  OpBuilder builder(&getContext());
  // What is computed from the input is the same for all that read it.
  std::string range =
      format.range.empty() ? "" : site.name + " " + format.range;
  Value &known =
      quantized[{input, format.quantizer, builder.getStringAttr(range)}];
  if (known)
    return known;
  builder.setInsertionPointAfterValue(input);
  // The name stays with the quantizer.
  Location loc = NameLoc::get(builder.getStringAttr(site.name));
  StaticParameters parameters;
  if (!format.range.empty()) {
    std::optional<StaticParameters> built = buildStaticParameters(
        builder, site, cast<RankedTensorType>(input.getType()),
        format.quantizer, format.range, reason);
    if (!built)
      return {};
    parameters = *built;
  } else if (format.quantizer.hasZeroPoint()) {
    auto op =
        DynamicParametersOp::create(builder, loc, input, format.quantizer);
    parameters = {op.getScale(), op.getZero()};
  } else {
    parameters.scale =
        DynamicScaleOp::create(builder, loc, input, format.quantizer);
  }
  known = FakeQuantOp::create(builder, loc, input, parameters.scale,
                              parameters.zero, format.quantizer);
  return known;
}

LogicalResult MaterializeQuantizers::quantizeActivation(
    const FormatUse &use, const QuantSite &site, const SiteFormat &format) {
  // What is kept is kept as codes.
  OpOperand *operand = use.operand;
  auto cache = operand->get().getDefiningOp<KVCacheOp>();
  if (cache && passesCache(format, operand->get()))
    operand = &cache.getInputMutable();
  if (isQuantized(operand->get(), site, format))
    return success();
  std::string reason;
  Value result = createQuantizer(operand->get(), site, format, reason);
  if (!result)
    return use.op->emitError() << site.name << ": " << reason;
  operand->set(result);
  return success();
}

LogicalResult MaterializeQuantizers::quantizeProbabilities(
    const FormatUse &use, const QuantSite &site, const SiteFormat &format) {
  auto attention = cast<AttentionOp>(use.op);
  OpBuilder builder(attention);
  Value result;
  if (format.softmax.empty()) {
    Value probabilities = AttentionProbabilitiesOp::create(
        builder, attention.getLoc(), attention.getQuery(), attention.getKey(),
        attention.getMask(), attention.getBias(), attention.getScaleAttr(),
        attention.getMaskKindAttr(), attention.getWindowAttr(),
        attention.getHeadGroupsAttr(), attention.getZetaAttr(),
        attention.getGammaAttr());
    std::string reason;
    result = createQuantizer(probabilities, site, format, reason);
    if (!result)
      return use.op->emitError() << site.name << ": " << reason;
  } else {
    result = LogIntProbabilitiesOp::create(
        builder, attention.getLoc(), attention.getQuery(), attention.getKey(),
        attention.getMask(), attention.getBias(), format.quantizer,
        builder.getF64FloatAttr(defaultScoreStep), attention.getScaleAttr(),
        attention.getMaskKindAttr(), attention.getWindowAttr(),
        attention.getHeadGroupsAttr());
  }
  builder.setInsertionPoint(attention);
  auto values = AttentionValuesOp::create(builder, attention.getLoc(), result,
                                          attention.getValue(),
                                          attention.getHeadGroupsAttr());
  values->setDiscardableAttrs(attention->getDiscardableAttrDictionary());
  attention.replaceAllUsesWith(values.getResult());
  replaced.push_back(attention);
  return success();
}

void MaterializeQuantizers::runOnOperation() {
  if (failed(checkRoles()))
    return signalPassFailure();
  inputs.clear();
  declined.clear();
  replaced.clear();
  methods.clear();
  quantized.clear();
  std::vector<QuantSite> sites = collectQuantSites(getOperation());
  for (const QuantSite &site : sites)
    if (site.role == SiteRole::Input)
      for (Operation *op : site.ops)
        inputs.try_emplace(op, &site);
  // Weights come first: where one gets no codes, its input stays as it is.
  std::vector<FormatUse> uses = getFormatUses(sites);
  // Probabilities come last: the op, and with it its operands, is replaced.
  enum { Weights, Operands, Probabilities };
  for (int part : {Weights, Operands, Probabilities}) {
    bool isWeight = part == Weights;
    if (what ==
        (isWeight ? QuantizerSites::Activations : QuantizerSites::Weights))
      continue;
    for (const FormatUse &use : uses) {
      const QuantSite &site = sites[use.site];
      bool isProbabilities = site.role == SiteRole::Probabilities;
      if (site.isWeight() != isWeight ||
          isProbabilities != (part == Probabilities) || !isMeant(site))
        continue;
      SiteFormat format = getAnnotatedFormat(use.op, use.key);
      if (!format)
        continue;
      removeAnnotatedFormat(use.op, use.key);
      if (declined.contains(use.op))
        continue;
      if (failed(isWeight          ? quantizeWeight(use, site, format)
                 : isProbabilities ? quantizeProbabilities(use, site, format)
                                   : quantizeActivation(use, site, format)))
        return signalPassFailure();
    }
  }
  for (AttentionOp attention : replaced)
    attention.erase();
  // Nobody asks for remarks who thinks that all is well.
  if (!declined.empty())
    getOperation().emitWarning()
        << declined.size() << (declined.size() == 1 ? " op stays" : " ops stay")
        << " in floats; " << firstReason;
}
