//===- ShiftPair.cpp - Shifts between ops, hidden in biases --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "ChannelVectors.h"
#include "ShiftSite.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/ChannelPolicy.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"

#include "llvm/Support/Regex.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHSHIFTPAIR
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
struct ShiftPair : quench::impl::QuenchShiftPairBase<ShiftPair>,
                   EquivalenceClaim {
  using QuenchShiftPairBase::QuenchShiftPairBase;

  void runOnOperation() override;

private:
  /// The parts of the classes of one name, in all entry points.
  struct Group {
    std::string name;
    std::vector<std::pair<func::FuncOp, ShiftSite>> parts;
  };
  std::optional<Group> getGroup(ArrayRef<const ChannelClass *> classes);
  void rewrite(const Group &group);

  ChannelPolicy policy;
};
} // namespace

std::optional<ShiftPair::Group>
ShiftPair::getGroup(ArrayRef<const ChannelClass *> classes) {
  Group group = {classes.front()->name, {}};
  for (const ChannelClass *site : classes) {
    if (!site->isFree()) {
      const ClassBlocker &blocker = site->blockers.front();
      refuse(group.name, blocker.reason, blocker.op);
      return std::nullopt;
    }
    for (auto &[function, part] : splitByFunction(*site)) {
      ShiftSite shifted(std::move(part));
      if (std::optional<ClassBlocker> blocker = shifted.getBlocker()) {
        refuse(group.name, blocker->reason, blocker->op);
        return std::nullopt;
      }
      group.parts.emplace_back(function, std::move(shifted));
    }
  }
  return group;
}

void ShiftPair::rewrite(const Group &group) {
  size_t ends = 0;
  Operation *first = nullptr;
  for (const auto &[function, part] : group.parts) {
    OpBuilder builder(&getContext());
    const ChannelClass &site = part.getClass();
    setInsertionPointBefore(builder, site, function);
    std::string reason;
    Value shift = policy(builder, site, reason);
    if (!shift)
      return refuse(group.name, reason, site.weights.front().op);
    part.apply(shift);
    noteBasis(site, "shift " + policyName + " " + group.name);
    ends += site.weights.size();
    if (!first)
      first = site.weights.front().op;
  }
  recordSite(group.name,
             llvm::Twine("shift in ") + llvm::Twine(ends) + " biases", first);
}

void ShiftPair::runOnOperation() {
  beginClaims(*this);
  ModuleOp module = getOperation();
  auto emitOptionError = [&]() { return emitError(module.getLoc()); };
  llvm::Regex pattern(sitePattern);
  if (std::string error; !pattern.isValid(error)) {
    emitOptionError() << "option 'sites': " << error;
    return signalPassFailure();
  }
  FailureOr<ChannelPolicy> created =
      getShiftPolicies(&getContext())
          .create(policyName, policyOptions, emitOptionError);
  if (failed(created))
    return signalPassFailure();
  policy = std::move(*created);

  // All sites are found before the first gets biases.
  ChannelClasses classes(module, TransformKind::Shift);
  std::vector<Group> groups;
  for (ArrayRef<const ChannelClass *> found : groupByName(classes.getClasses()))
    if (pattern.match(found.front()->name))
      if (std::optional<Group> group = getGroup(found))
        groups.push_back(std::move(*group));
  for (const Group &group : groups)
    rewrite(group);
}
