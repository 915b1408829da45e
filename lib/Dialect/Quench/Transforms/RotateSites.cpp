//===- RotateSites.cpp - What passes that rotate channels share -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RotateSites.h"

#include "Quench/Dialect/Quench/Transforms/RotationPolicy.h"

#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace quench;

bool quench::isResidualStream(const ChannelClass &site) {
  return llvm::any_of(site.members, [](const ClassMember &member) {
    Operation *op = member.value.getDefiningOp();
    return op && op->hasAttr("residual");
  });
}

LogicalResult
RotationClaim::rotateSites(ModuleOp module, StringRef policyName,
                           ArrayRef<std::string> options, StringRef sites,
                           StringRef none,
                           function_ref<bool(const ChannelClass &)> isSite) {
  auto emitOptionError = [&]() { return emitError(module.getLoc()); };
  llvm::Regex pattern(sites);
  if (std::string error; !pattern.isValid(error))
    return emitOptionError() << "option 'sites': " << error;
  FailureOr<RotationPolicy> policy =
      getRotationPolicies(module.getContext())
          .create(policyName, options, emitOptionError);
  if (failed(policy))
    return failure();

  std::string label = policyName.str();
  for (const std::string &option : options)
    label += " " + option;
  ChannelClasses classes(module, TransformKind::Basis);
  bool found = false;
  for (const ChannelClass &site : classes.getClasses()) {
    if (!isSite(site) || !pattern.match(site.name))
      continue;
    found = true;
    if (!site.isFree()) {
      const ClassBlocker &blocker = site.blockers.front();
      refuse(site.name, blocker.reason, blocker.op);
      continue;
    }
    Operation *op = site.weights.front().op;
    if (!site.partners.empty()) {
      refuse(site.name, "rotary embedding turns its channels in pairs", op);
      continue;
    }
    std::string description;
    std::string reason = rotateClass(site, *policy, label, description);
    if (reason.empty())
      recordSite(site.name,
                 description + " in " + llvm::Twine(site.weights.size()) +
                     " weights",
                 op);
    else
      refuse(site.name, reason, op);
  }
  if (!found)
    refuse("model", none, module);
  return success();
}
