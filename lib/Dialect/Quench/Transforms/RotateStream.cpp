//===- RotateStream.cpp - Rotations of residual streams -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "RotateSites.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHROTATESTREAM
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
struct RotateStream : quench::impl::QuenchRotateStreamBase<RotateStream>,
                      RotationClaim {
  using QuenchRotateStreamBase::QuenchRotateStreamBase;

  void runOnOperation() override {
    beginClaims(*this);
    if (failed(rotateSites(getOperation(), policyName, policyOptions,
                           sitePattern, "has no residual stream",
                           isResidualStream)))
      signalPassFailure();
  }
};
} // namespace
