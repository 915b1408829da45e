//===- AssignFormats.cpp - Formats for operands by rules ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/FormatPlan.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "mlir/IR/Remarks.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHASSIGNFORMATS
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
struct AssignFormats : quench::impl::QuenchAssignFormatsBase<AssignFormats> {
  using QuenchAssignFormatsBase::QuenchAssignFormatsBase;

  void runOnOperation() override;
};
} // namespace

static remark::RemarkOpts remarkOpts(StringRef name) {
  return remark::RemarkOpts::name(name).category("quench-assign-formats");
}

/// Says what became of every site that a rule is about.
static void emitRemarks(const FormatPlan &plan) {
  for (auto [site, decision] : llvm::zip_equal(plan.sites, plan.decisions)) {
    if (!decision.winner)
      continue;
    Location loc = site.ops.front()->getLoc();
    if (!decision.change.empty())
      remark::analysis(loc, remarkOpts("changed"))
          << (site.name + ": " + decision.change);
    if (!decision.refusal.empty()) {
      remark::missed(loc, remarkOpts("float"))
          << (site.name + ": " + decision.refusal);
      continue;
    }
    std::string text = "float";
    if (decision.format) {
      text.clear();
      llvm::raw_string_ostream(text) << decision.format.quantizer;
    }
    remark::passed(loc, remarkOpts("format"))
        << (site.name + ": " + text + " by " + decision.winner->origin);
  }
}

void AssignFormats::runOnOperation() {
  FormatOptions options{scheme, {}, quantizeHead, weightMethod};
  for (StringRef rule : llvm::split(StringRef(rules), ';'))
    if (!rule.trim().empty())
      options.rules.push_back(rule.trim().str());
  llvm::Expected<std::vector<QuantRule>> parsed = getRules(options);
  if (!parsed) {
    getOperation().emitError() << llvm::toString(parsed.takeError());
    return signalPassFailure();
  }
  FailureOr<FormatPlan> plan = planFormats(getOperation(), std::move(*parsed));
  if (failed(plan))
    return signalPassFailure();
  annotateFormats(*plan);
  emitRemarks(*plan);
}
