//===- TestClaim.cpp - Passes that claim what they do, or do not ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutation.h"

#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;
using namespace quench;

namespace {
/// A pass that claims equivalence whatever it does.
template <typename Derived, typename Root>
struct Claimant : PassWrapper<Derived, OperationPass<Root>>, EquivalenceClaim {
  Claimant() = default;
  Claimant(const Claimant &other)
      : PassWrapper<Derived, OperationPass<Root>>(other),
        EquivalenceClaim(other) {}

  Pass::Option<std::string> mutation{*this, "mutation",
                                     llvm::cl::desc("what it does")};
  Pass::Option<bool> claims{*this, "claims", llvm::cl::init(true),
                            llvm::cl::desc("whether it records a site")};
};

struct TestClaim : Claimant<TestClaim, ModuleOp> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestClaim)

  StringRef getArgument() const override { return "test-claim"; }
  StringRef getDescription() const override {
    return "mutate a model and claim that it is the same";
  }

  void runOnOperation() override {
    beginClaims(*this);
    if (!mutation.empty())
      llvm::cantFail(mutate(getOperation(), mutation));
    if (claims)
      recordSite("layer", "did " + mutation, getOperation());
    else
      refuse("layer", "it is as it was", getOperation());
  }
};

struct TestClaimAnywhere : Claimant<TestClaimAnywhere, void> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestClaimAnywhere)

  StringRef getArgument() const override { return "test-claim-anywhere"; }
  StringRef getDescription() const override { return "claim on any op"; }
  void runOnOperation() override { beginClaims(*this); }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "QuenchTestMutants", LLVM_VERSION_STRING,
          [] {
            PassRegistration<TestClaim>();
            PassRegistration<TestClaimAnywhere>();
          }};
}
