//===- NeededStatistics.cpp - What quantizers are made from ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/FormatPlan.h"
#include "Quench/Dialect/Quench/Transforms/StaticRange.h"
#include "Quench/Dialect/Quench/Transforms/WeightQuantizer.h"

#include "mlir/IR/OwningOpRef.h"

using namespace mlir;
using namespace quench;

/// The tensors of the scope `stats` that `module` reads.
static std::set<std::string> getReadStatistics(ModuleOp module) {
  std::set<std::string> keys;
  module.walk([&](ParamOp param) {
    if (param.getRef().getScope() == "stats")
      keys.insert(param.getRef().getKey().str());
  });
  return keys;
}

FailureOr<std::set<std::string>>
quench::findNeededStatistics(ModuleOp original) {
  // Programs say it: whoever builds them, they are built without looking where
  // no archive is bound.
  OwningOpRef<ModuleOp> module(original.clone());
  (*module)->removeAttr(boundAttrName);
  std::vector<QuantSite> sites = collectQuantSites(*module);
  DenseMap<Operation *, StringRef> inputs;
  for (const QuantSite &site : sites)
    if (site.role == SiteRole::Input)
      for (Operation *op : site.ops)
        inputs.try_emplace(op, site.name);
  for (const FormatUse &use : getFormatUses(sites)) {
    const QuantSite &site = sites[use.site];
    SiteFormat format = getAnnotatedFormat(use.op, use.key);
    std::string reason;
    if (!format)
      continue;
    if (!format.range.empty()) {
      OpBuilder builder(use.op);
      auto type = use.operand
                      ? cast<RankedTensorType>(use.operand->get().getType())
                      : getProbabilitiesType(cast<AttentionOp>(use.op));
      if (format.range == "adaptive")
        (void)buildFormatChoice(builder, site, type,
                                getFormatFamily(format.quantizer), reason);
      else
        (void)buildStaticParameters(builder, site, type, format.quantizer,
                                    format.range, reason);
    }
    if (!site.isWeight())
      continue;
    FailureOr<WeightQuantizer> method =
        parseWeightQuantizer(original.getContext(), format.method,
                             [&]() { return original.emitError(); });
    if (failed(method))
      return failure();
    (void)quantizeWeight(
        {use.operand, site.operand, inputs.lookup(use.op).str(), ""},
        format.quantizer, *method);
  }
  std::set<std::string> needed = getReadStatistics(*module);
  for (const std::string &key : getReadStatistics(original))
    needed.erase(key);
  return needed;
}
