//===- ScalePair.cpp - Scales between ops, hidden in weights -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "ChannelVectors.h"
#include "RoomForScales.h"
#include "SharedWeights.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchScaleOps.h"
#include "Quench/Dialect/Quench/Transforms/ChannelPolicy.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Regex.h"

#include <map>

namespace quench {
#define GEN_PASS_DEF_QUENCHSCALEPAIR
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
struct ScalePair : quench::impl::QuenchScalePairBase<ScalePair>,
                   EquivalenceClaim {
  using QuenchScalePairBase::QuenchScalePairBase;

  void runOnOperation() override;

private:
  /// What was done at the sites of one name.
  struct Done {
    Operation *op = nullptr;
    size_t weights = 0, restored = 0;

    void add(const ChannelClass &part, size_t others) {
      op = part.weights.front().op;
      weights += part.weights.size();
      restored += others;
    }
  };

  void rewrite(const ChannelClass &site);
  /// Scales the norms of a class that is not free, each with what reads it.
  void rewriteNorms(const ChannelClass &site);
  bool isWanted(const ChannelClass &site) const;
  /// Why the policy has no scale for a part of a class; empty where it had one.
  std::string rewrite(const ChannelClass &part, func::FuncOp function,
                      ArrayRef<OpOperand *> others);

  ChannelPolicy policy;
  std::string description;
  SharedWeights shared;
  llvm::MapVector<std::string, Done, std::map<std::string, unsigned>> done;
};
} // namespace

/// What a site is between, as the option `kinds` names it.
static StringRef getKind(const ChannelClass &site) {
  bool hasNorm = false, hasSilu = false, hasReader = false, hasInverse = false;
  for (const ClassWeight &weight : site.weights) {
    hasNorm |= !weight.consumer && isa<NormOpInterface>(weight.op);
    hasSilu |= isa<SiluOp>(weight.op);
    hasReader |= weight.consumer;
    hasInverse |= weight.inverse;
  }
  if (hasNorm)
    return "norm";
  if (hasSilu)
    return "silu";
  return hasInverse && !hasReader ? "product" : "linear";
}

bool ScalePair::isWanted(const ChannelClass &site) const {
  return (kinds.empty() || llvm::is_contained(kinds, getKind(site))) &&
         llvm::Regex(sitePattern).match(site.name);
}

/// Whether `op` reads the channels of `value` only as a sum over them.
static bool readsThroughWeight(Operation *op, Value value) {
  SmallVector<ChannelPort> ports;
  cast<ChannelScalableOpInterface>(op).getScalePorts(ports);
  return llvm::any_of(ports, [&](const ChannelPort &port) {
    return port.value == value && port.role == PortRole::Consumer;
  });
}

/// The part of `site` that is the result of one norm and the weights that read
/// it, with the other uses of the result, where that is a site of its own: some
/// weights read it, and nothing is in the way of them.
static std::optional<std::pair<ChannelClass, SmallVector<OpOperand *>>>
getNormSite(const ChannelClass &site, Operation *norm) {
  ChannelClass local = site;
  local.name = getSiteName(norm);
  Value value = norm->getResult(0);
  auto isOfNorm = [&](const ClassWeight &weight) {
    if (!weight.consumer)
      return weight.op == norm;
    return llvm::is_contained(weight.op->getOperands(), value);
  };
  llvm::erase_if(local.weights,
                 [&](const ClassWeight &weight) { return !isOfNorm(weight); });
  llvm::erase_if(local.members, [&](const ClassMember &member) {
    return member.value != value;
  });
  llvm::SmallPtrSet<Operation *, 4> ends;
  bool isRead = false;
  for (const ClassWeight &weight : local.weights) {
    // A link reads the value only to pass it on.
    if (weight.consumer && !readsThroughWeight(weight.op, value))
      return std::nullopt;
    isRead |= weight.consumer;
    ends.insert(weight.op);
  }
  for (const ClassBlocker &blocker : site.blockers)
    if (ends.contains(blocker.op))
      return std::nullopt;
  if (!isRead)
    return std::nullopt;
  local.blockers.clear();
  SmallVector<OpOperand *> others;
  for (OpOperand &use : value.getUses())
    if (!ends.contains(use.getOwner()) && !isa<tensor::DimOp>(use.getOwner()))
      others.push_back(&use);
  return std::pair(std::move(local), std::move(others));
}

std::string ScalePair::rewrite(const ChannelClass &part, func::FuncOp function,
                               ArrayRef<OpOperand *> others) {
  OpBuilder builder(&getContext());
  setInsertionPointBefore(builder, part, function);
  std::string reason;
  Value scale = policy(builder, part, reason);
  if (!scale)
    return reason;
  scale = CheckedScaleOp::create(builder, scale.getLoc(), scale, part.name,
                                 part.partners);
  for (const ClassWeight &weight : part.weights)
    shared.note(weight.operand->get(), weight.op);
  divideChannels(part, scale, description + " " + part.name);
  if (others.empty())
    return {};

  // What does not read through a weight gets the old values.
  Value value = part.members.front().value;
  builder.setInsertionPointAfterValue(value);
  auto type = cast<RankedTensorType>(value.getType());
  Value factor = narrowWeight(
      builder,
      spreadChannels(builder, scale, part, part.members.front().blocks,
                     type.getShape().back(), /*rest=*/1),
      type.getElementType());
  Value restored = MulOp::create(builder, value.getLoc(), value, factor);
  for (OpOperand *use : others)
    use->set(restored);
  return {};
}

void ScalePair::rewriteNorms(const ChannelClass &site) {
  llvm::SetVector<Operation *> norms;
  for (const ClassWeight &weight : site.weights)
    if (!weight.consumer && isa<NormOpInterface>(weight.op))
      norms.insert(weight.op);
  const ClassBlocker &blocker = site.blockers.front();
  if (norms.empty() || !compensate)
    return refuse(site.name, blocker.reason, blocker.op);
  for (Operation *norm : norms) {
    std::string name = getSiteName(norm);
    auto local = getNormSite(site, norm);
    if (!local) {
      refuse(name, blocker.reason, blocker.op);
      continue;
    }
    auto &[part, others] = *local;
    std::string reason =
        rewrite(part, norm->getParentOfType<func::FuncOp>(), others);
    if (reason.empty())
      done[name].add(part, others.size());
    else
      refuse(name, reason, norm);
  }
}

void ScalePair::rewrite(const ChannelClass &site) {
  if (!site.isFree())
    return rewriteNorms(site);
  for (auto &[function, part] : splitByFunction(site)) {
    std::string reason = rewrite(part, function, {});
    if (!reason.empty())
      return refuse(site.name, reason, part.weights.front().op);
    done[site.name].add(part, 0);
  }
}

void ScalePair::runOnOperation() {
  beginClaims(*this);
  done.clear();
  shared = SharedWeights();
  ModuleOp module = getOperation();
  auto emitOptionError = [&]() { return emitError(module.getLoc()); };
  if (std::string error; !llvm::Regex(sitePattern).isValid(error)) {
    emitOptionError() << "option 'sites': " << error;
    return signalPassFailure();
  }
  for (StringRef kind : kinds) {
    if (llvm::is_contained({"norm", "linear", "product", "silu"}, kind))
      continue;
    emitOptionError() << "option 'kinds': expected norm, linear, product or "
                         "silu, found '"
                      << kind << "'";
    return signalPassFailure();
  }
  FailureOr<ChannelPolicy> created =
      getScalePolicies(&getContext())
          .create(policyName, policyOptions, emitOptionError);
  if (failed(created))
    return signalPassFailure();
  policy = std::move(*created);
  description = "scale " + policyName;
  for (const std::string &option : policyOptions)
    description += " " + option;

  AddedGains gains;
  if (addGains)
    gains.open(module);
  FusedSilus silus;
  if (fuseSilu != FuseSilu::None)
    silus.open(module, fuseSilu == FuseSilu::All);
  {
    ChannelClasses classes(module, TransformKind::Scale);
    for (ArrayRef<const ChannelClass *> group :
         groupByName(classes.getClasses()))
      if (isWanted(*group.front()))
        for (const ChannelClass *site : group)
          rewrite(*site);
  }
  for (auto &[name, site] : done) {
    std::string note = "scale in " + std::to_string(site.weights) + " weights";
    if (site.restored)
      note += ", undone for " + std::to_string(site.restored) + " other uses";
    recordSite(name, note, site.op);
  }
  shared.remark(*this);
  silus.close();
  gains.close();
}
