//===- ChooseFormats.cpp - What formats leave open ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Transforms/Passes.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/Transforms/FormatPlan.h"
#include "Quench/Dialect/Quench/Transforms/StaticRange.h"
#include "Quench/Transforms/WeightPrograms.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

#include <cstring>

namespace quench {
#define GEN_PASS_DEF_QUENCHCHOOSEFORMATS
#include "Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
/// A site whose format is open, in all entry points.
struct Choice {
  const QuantSite *site;
  SmallVector<FormatUse> uses;
  SmallVector<QuantizerAttrInterface> family;
  /// The program of the place in the family.
  Value program;
};

struct ChooseFormats : quench::impl::QuenchChooseFormatsBase<ChooseFormats> {
  using QuenchChooseFormatsBase::QuenchChooseFormatsBase;

  void runOnOperation() override;
};
} // namespace

/// Builds the program of `choice`; fails with a diagnostic where statistics are
/// missing.
static LogicalResult buildProgram(Choice &choice) {
  const FormatUse &use = choice.uses.front();
  OpBuilder builder(use.op);
  auto type = use.operand ? cast<RankedTensorType>(use.operand->get().getType())
                          : getProbabilitiesType(cast<AttentionOp>(use.op));
  std::string reason;
  choice.program =
      buildFormatChoice(builder, *choice.site, type, choice.family, reason);
  if (choice.program)
    return success();
  return use.op->emitError() << choice.site->name << ": " << reason;
}

void ChooseFormats::runOnOperation() {
  std::vector<QuantSite> sites = collectQuantSites(getOperation());
  llvm::MapVector<StringRef, Choice> choices;
  for (const FormatUse &use : getFormatUses(sites)) {
    SiteFormat format = getAnnotatedFormat(use.op, use.key);
    if (format.range != "adaptive")
      continue;
    Choice &choice = choices[sites[use.site].name];
    choice.site = &sites[use.site];
    choice.uses.push_back(use);
    choice.family = getFormatFamily(format.quantizer);
  }
  if (choices.empty())
    return;
  for (auto &[name, choice] : choices)
    if (failed(buildProgram(choice)))
      return signalPassFailure();
  FailureOr<ArchiveSet> archives =
      ArchiveSet::open(getOperation(), {}, baseDir);
  if (failed(archives) || failed(verifyParams(getOperation(), *archives)))
    return signalPassFailure();
  for (auto &[name, choice] : choices) {
    double place = 0;
    char bytes[sizeof(place)];
    if (failed(evaluateWeights(choice.program, *archives, bytes)))
      return signalPassFailure();
    std::memcpy(&place, bytes, sizeof(place));
    QuantizerAttrInterface format = choice.family[static_cast<size_t>(place)];
    for (const FormatUse &use : choice.uses)
      setAnnotatedFormat(use.op, use.key, format,
                         getRangeOfChoice(*choice.site));
    std::string text = (name + ": ").str();
    llvm::raw_string_ostream(text) << format << " has the least error of "
                                   << choice.family.size() << " formats";
    remark::passed(
        choice.uses.front().op->getLoc(),
        remark::RemarkOpts::name("chosen").category("quench-choose-formats"))
        << text;
  }
  eraseDeadPrograms(getOperation());
}
