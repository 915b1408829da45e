//===- MaterializeQuantizers.cpp - Quantizers of formats ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/Transforms/FormatPlan.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Dialect/Quench/Transforms/WeightQuantizer.h"

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
  /// The weight quantizer that `text`, `NAME{OPTION=VALUE,...}`, says.
  FailureOr<WeightQuantizer> getMethod(StringRef text);
  /// Quantizes the weight of `use`. Where it gets no codes its op keeps floats.
  LogicalResult quantizeWeight(const FormatUse &use, const QuantSite &site,
                               const SiteFormat &format);
  /// Quantizes what `use` reads.
  LogicalResult quantizeActivation(const FormatUse &use, const QuantSite &site,
                                   const SiteFormat &format);
  /// `input` quantized by `format`.
  Value createQuantizer(Value input, const QuantSite &site,
                        const SiteFormat &format);

  /// The names of the inputs of ops.
  DenseMap<Operation *, StringRef> inputs;
  /// Ops whose weights got no codes.
  llvm::DenseSet<Operation *> declined;
  llvm::StringMap<WeightQuantizer> methods;
  /// What became of activations.
  DenseMap<std::pair<Value, Attribute>, Value> quantized;
};
} // namespace

FailureOr<WeightQuantizer> MaterializeQuantizers::getMethod(StringRef text) {
  WeightQuantizer &known = methods[text];
  if (known)
    return known;
  auto [name, words] = text.split('{');
  words.consume_back("}");
  std::vector<std::string> options;
  for (StringRef word : llvm::split(words, ','))
    if (!word.empty())
      options.push_back(word.str());
  FailureOr<WeightQuantizer> created =
      getWeightQuantizers(&getContext())
          .create(name.empty() ? StringRef("rtn") : name, options,
                  [&]() { return getOperation()->emitError(); });
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
  std::string reason = quench::quantizeWeight(
      {use.operand, site.operand, inputs.lookup(use.op).str()},
      format.quantizer, *method);
  if (reason.empty())
    return success();
  declined.insert(use.op);
  remark::missed(use.op->getLoc(), remarkOpts("float"))
      << (site.name + ": " + reason);
  return success();
}

/// Whether the codes of what a cache takes are those of what it gives: no
/// scale is computed from several tokens.
static bool passesCache(const SiteFormat &format, Value value) {
  if (format.scale != SiteFormat().scale)
    return true;
  SmallVector<QuantAxis> axes;
  format.quantizer.getQuantAxes(
      cast<RankedTensorType>(value.getType()).getRank(), axes);
  return llvm::any_of(axes, [](QuantAxis axis) { return axis.dim == 1; });
}

Value MaterializeQuantizers::createQuantizer(Value input, const QuantSite &site,
                                             const SiteFormat &format) {
  Value &known = quantized[{input, format.quantizer}];
  if (known)
    return known;
  OpBuilder builder(&getContext());
  builder.setInsertionPointAfterValue(input);
  // The name stays with the quantizer.
  Location loc = NameLoc::get(builder.getStringAttr(site.name));
  Value scale = DynamicScaleOp::create(builder, loc, input, format.quantizer);
  known = FakeQuantOp::create(builder, loc, input, scale, Value(),
                              format.quantizer);
  return known;
}

LogicalResult MaterializeQuantizers::quantizeActivation(
    const FormatUse &use, const QuantSite &site, const SiteFormat &format) {
  if (!use.operand)
    return use.op->emitError()
           << site.name << ": no quantizer of probabilities is supported";
  if (format.quantizer.hasZeroPoint() || format.scale != SiteFormat().scale)
    return use.op->emitError()
           << site.name << ": expected a format without zero points and "
           << "dynamic scales, found " << format.quantizer << " with scale '"
           << format.scale << "'";
  // What is kept is kept as codes.
  OpOperand *operand = use.operand;
  auto cache = operand->get().getDefiningOp<KVCacheOp>();
  if (cache && passesCache(format, operand->get()))
    operand = &cache.getInputMutable();
  auto same = operand->get().getDefiningOp<FakeQuantOp>();
  if (same && same.getQuantizer() == format.quantizer)
    return success();
  operand->set(createQuantizer(operand->get(), site, format));
  return success();
}

void MaterializeQuantizers::runOnOperation() {
  inputs.clear();
  declined.clear();
  methods.clear();
  quantized.clear();
  std::vector<QuantSite> sites = collectQuantSites(getOperation());
  for (const QuantSite &site : sites)
    if (site.role == SiteRole::Input)
      for (Operation *op : site.ops)
        inputs.try_emplace(op, site.name);
  // Weights come first: where one gets no codes, its input stays as it is.
  std::vector<FormatUse> uses = getFormatUses(sites);
  for (bool isWeight : {true, false}) {
    if (what ==
        (isWeight ? QuantizerSites::Activations : QuantizerSites::Weights))
      continue;
    for (const FormatUse &use : uses) {
      const QuantSite &site = sites[use.site];
      SiteFormat format = getAnnotatedFormat(use.op, use.key);
      if (!format || site.isWeight() != isWeight)
        continue;
      removeAnnotatedFormat(use.op, use.key);
      if (declined.contains(use.op))
        continue;
      if (failed(isWeight ? quantizeWeight(use, site, format)
                          : quantizeActivation(use, site, format)))
        return signalPassFailure();
    }
  }
}
