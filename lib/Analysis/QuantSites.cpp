//===- QuantSites.cpp - Values that quantizers are for --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/QuantSites.h"

#include "Quench/Analysis/BridgeLayers.h"
#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Interfaces/ChannelScalableOpInterface.h"
#include "Quench/Interfaces/NormOpInterface.h"
#include "Quench/Interfaces/WeightProgramOpInterface.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace quench;

StringRef quench::stringifySiteRole(SiteRole role) {
  switch (role) {
  case SiteRole::Weight:
  case SiteRole::Embedding:
    return "weight";
  case SiteRole::Input:
    return "input";
  case SiteRole::Query:
    return "query";
  case SiteRole::Key:
    return "key";
  case SiteRole::Value:
    return "value";
  case SiteRole::Probabilities:
    return "probabilities";
  case SiteRole::Scan:
    return "scan";
  case SiteRole::State:
    return "state";
  }
  llvm_unreachable("unknown role");
}

StringRef QuantSite::getPath() const {
  return StringRef(name).drop_back(getSuffix().size() + 1);
}

StringRef QuantSite::getSuffix() const {
  // A number may follow the role.
  StringRef word = stringifySiteRole(role);
  size_t dot = StringRef(name).rfind(("." + word).str());
  return StringRef(name).drop_front(dot + 1);
}

RankedTensorType QuantSite::getType() const {
  return values.empty() ? RankedTensorType()
                        : cast<RankedTensorType>(values.front().getType());
}

/// What `value` is a view of.
static Value lookThroughViews(Value value) {
  while (auto op = value.getDefiningOp())
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op))
      value = op->getOperand(0);
    else
      break;
  return value;
}

/// What `value` is, or the sum of that and a parameter.
static Value lookThroughOffset(Value value) {
  auto add = value.getDefiningOp<AddOp>();
  if (add &&
      isa_and_present<WeightProgramOpInterface>(add.getRhs().getDefiningOp()))
    return lookThroughViews(add.getLhs());
  return value;
}

/// Whether `value` is what an entry point keeps between calls.
static bool isState(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function =
      argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
               : func::FuncOp();
  auto role = function ? function.getArgAttrOfType<StringAttr>(
                             argument.getArgNumber(), attrs::role)
                       : StringAttr();
  return role && role.getValue() == "state";
}

/// Whether `value` goes to the users of an entry point and nowhere else, as it
/// is or added to or multiplied with others.
static bool isResult(Value value) {
  auto isGiven = [](OpOperand &use) {
    Operation *op = use.getOwner();
    if (auto function = dyn_cast<func::FuncOp>(op->getParentOp());
        function && isa<func::ReturnOp>(op))
      return !function.getResultAttr(use.getOperandNumber(), attrs::state);
    if (auto add = dyn_cast<AddOp>(op); add && add.getResidual())
      return false;
    return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp,
               AddOp, MulOp>(op) &&
           isResult(op->getResult(0));
  };
  return !value.use_empty() && llvm::all_of(value.getUses(), isGiven);
}

/// Whether one index of a weight of `op` is for both a channel of its input and
/// one of its result: channels do not mix.
static bool isDepthwise(Operation *op) {
  auto scalable = dyn_cast<ChannelScalableOpInterface>(op);
  if (!scalable)
    return false;
  SmallVector<ChannelPort> ports;
  scalable.getScalePorts(ports);
  auto hasAxis = [&](PortRole role, WeightAxis wanted) {
    return llvm::any_of(ports, [&](const ChannelPort &port) {
      return port.role == role &&
             llvm::any_of(port.weights, [&](const WeightAxis &axis) {
               return axis.operand == wanted.operand &&
                      axis.axis == wanted.axis;
             });
    });
  };
  return llvm::any_of(ports, [&](const ChannelPort &port) {
    return port.role == PortRole::Producer &&
           llvm::any_of(port.weights, [&](const WeightAxis &axis) {
             return hasAxis(PortRole::Consumer, axis);
           });
  });
}

namespace {
/// Collects the sites of functions one after another.
class SiteCollector {
public:
  void collect(func::FuncOp function);

  std::vector<QuantSite> sites;

private:
  void collect(QuantizableOpInterface op);
  /// Adds `use`, a part of the site of `role` at `op`, which is `role` of it.
  void add(Operation *op, SiteRole role, OpOperand &use,
           const QuantOperand &operand, bool isHead);
  /// The site called `PATH.ROLE`, with the next number that the function does
  /// not have yet.
  QuantSite &getSite(Operation *op, SiteRole role);

  llvm::StringMap<size_t> indices;
  /// Of the function that is looked at: how often a name was given, and the
  /// sites of values.
  llvm::StringMap<unsigned> given;
  llvm::DenseMap<std::pair<Value, SiteRole>, size_t> siteOf;
  llvm::MapVector<Operation *, BridgePlace> bridges;
};
} // namespace

void SiteCollector::collect(func::FuncOp function) {
  given.clear();
  siteOf.clear();
  bridges = findBridgeLayers(function);
  function.walk([&](QuantizableOpInterface op) { collect(op); });
}

void SiteCollector::collect(QuantizableOpInterface op) {
  SmallVector<QuantOperand> operands;
  op.getQuantOperands(operands);
  bool hasWeight = llvm::any_of(operands, [](const QuantOperand &operand) {
    return operand.role == QuantRole::Weight;
  });
  bool isHead = hasWeight && isResult(op->getResult(0));
  auto each = [&](llvm::function_ref<std::optional<SiteRole>(
                      OpOperand &, const QuantOperand &)>
                      getRole) {
    for (auto [use, operand] : llvm::zip_equal(op->getOpOperands(), operands))
      if (std::optional<SiteRole> role = getRole(use, operand))
        add(op, *role, use, operand, isHead);
  };
  if (isa<AttentionOp>(op)) {
    each([](OpOperand &use, const QuantOperand &) -> std::optional<SiteRole> {
      static constexpr SiteRole roles[] = {SiteRole::Query, SiteRole::Key,
                                           SiteRole::Value};
      return use.getOperandNumber() < 3
                 ? std::optional(roles[use.getOperandNumber()])
                 : std::nullopt;
    });
    QuantSite &site = getSite(op, SiteRole::Probabilities);
    site.ops.push_back(op);
    return;
  }
  if (auto scan = dyn_cast<SelectiveScanOp>(op.getOperation())) {
    each([&](OpOperand &use,
             const QuantOperand &operand) -> std::optional<SiteRole> {
      if (scan.getState() == use.get())
        return SiteRole::State;
      return operand.role == QuantRole::Activation
                 ? std::optional(SiteRole::Scan)
                 : std::nullopt;
    });
    return;
  }
  // Ops that neither read a weight nor multiply two activations move or change
  // values one by one.
  if (!hasWeight && op.getQuantRelation() != QuantRelation::Product)
    return;
  each([](OpOperand &use,
          const QuantOperand &operand) -> std::optional<SiteRole> {
    if (operand.role == QuantRole::Weight)
      return operand.reducedAxes.empty() ? SiteRole::Embedding
                                         : SiteRole::Weight;
    if (operand.role != QuantRole::Activation)
      return std::nullopt;
    return isState(use.get()) ? SiteRole::State : SiteRole::Input;
  });
}

void SiteCollector::add(Operation *op, SiteRole role, OpOperand &use,
                        const QuantOperand &operand, bool isHead) {
  Value value = use.get();
  if (auto quantized = value.getDefiningOp<FakeQuantOp>())
    value = quantized.getInput();
  bool isWeight = role == SiteRole::Weight || role == SiteRole::Embedding;
  auto known = siteOf.find({value, role});
  if (isWeight || known == siteOf.end()) {
    QuantSite &site = getSite(op, role);
    site.values.push_back(value);
    if (site.uses.empty()) {
      Value source = lookThroughViews(value);
      site.operand = operand;
      site.isActivated = isa_and_present<GeluOp, SiluOp, ReluOp, GatedOp>(
          lookThroughOffset(source).getDefiningOp());
      site.isNormalized =
          isa_and_present<NormOpInterface>(source.getDefiningOp());
      site.isCached = isa_and_present<KVCacheOp>(source.getDefiningOp());
    }
    known = siteOf.insert_or_assign({value, role}, &site - sites.data()).first;
  }
  QuantSite &site = sites[known->second];
  site.uses.push_back(&use);
  site.ops.push_back(op);
  site.isHead |= isHead;
  site.isDepthwise |= isDepthwise(op);
  site.isBridge |= bridges.contains(op);
}

QuantSite &SiteCollector::getSite(Operation *op, SiteRole role) {
  std::string name = (getSiteName(op) + "." + stringifySiteRole(role)).str();
  if (unsigned count = given[name]++)
    name += "." + std::to_string(count);
  auto [it, isNew] = indices.try_emplace(name, sites.size());
  if (isNew) {
    sites.emplace_back();
    sites.back().name = name;
    sites.back().role = role;
  }
  return sites[it->second];
}

std::vector<QuantSite> quench::collectQuantSites(ModuleOp module) {
  SiteCollector collector;
  module.walk([&](func::FuncOp function) { collector.collect(function); });
  return std::move(collector.sites);
}
