//===- RotatePair.cpp - Rotations between two maps of channels ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "RotateSites.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"

#include "llvm/ADT/SmallSet.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHROTATEPAIR
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

/// Whether `site` lies between maps of channels: some of its weights write it
/// and others read it, or two activations that are multiplied with each other
/// have it.
static bool isPair(const ChannelClass &site) {
  llvm::SmallSet<std::string, 2> writers;
  bool isRead = false;
  for (const ClassWeight &weight : site.weights) {
    if (weight.consumer)
      isRead = true;
    else
      writers.insert(getSiteName(weight.op));
  }
  return !isResidualStream(site) && !writers.empty() &&
         (isRead || writers.size() > 1);
}

namespace {
struct RotatePair : quench::impl::QuenchRotatePairBase<RotatePair>,
                    RotationClaim {
  using QuenchRotatePairBase::QuenchRotatePairBase;

  void runOnOperation() override {
    beginClaims(*this);
    if (failed(rotateSites(getOperation(), policyName, policyOptions,
                           sitePattern, "has no pair of maps of channels",
                           isPair)))
      signalPassFailure();
  }
};
} // namespace
