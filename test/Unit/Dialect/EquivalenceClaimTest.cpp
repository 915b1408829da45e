//===- EquivalenceClaimTest.cpp - What passes say that they did -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Threading.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace quench;

namespace {
struct Claimant : PassWrapper<Claimant, OperationPass<ModuleOp>>,
                  EquivalenceClaim {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(Claimant)

  void runOnOperation() override {
    beginClaims(*this);
    std::vector<int> indices(64);
    parallelForEach(&getContext(), indices,
                    [&](int) { recordSite("site", "done"); });
    refuse("other", "it is a module", getOperation());
  }
};
} // namespace

TEST(EquivalenceClaimTest, HoldsWhatTheLastRunRecorded) {
  MLIRContext context;
  OwningOpRef<ModuleOp> module(ModuleOp::create(UnknownLoc::get(&context)));
  PassManager pm(&context);
  auto pass = std::make_unique<Claimant>();
  auto *claim = dynamic_cast<EquivalenceClaim *>(static_cast<Pass *>(&*pass));
  ASSERT_NE(claim, nullptr);
  pm.addPass(std::move(pass));
  for (int run = 0; run < 2; ++run) {
    ASSERT_TRUE(succeeded(pm.run(*module)));
    EXPECT_EQ(claim->getSites().size(), 64u);
    ASSERT_EQ(claim->getRefusals().size(), 1u);
    EXPECT_EQ(claim->getRefusals()[0].name, "other");
    EXPECT_EQ(claim->getRefusals()[0].reason, "it is a module");
    EXPECT_EQ(claim->getRefusals()[0].op, "builtin.module");
  }
}
