//===- TestQuantSites.cpp - Prints the sites of quantizers ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/QuantSites.h"

#include "mlir/Pass/Pass.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quench;

namespace quench {
void registerTestQuantSites();
} // namespace quench

namespace {
struct TestQuantSites
    : public PassWrapper<TestQuantSites, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestQuantSites)

  StringRef getArgument() const override { return "test-print-quant-sites"; }
  StringRef getDescription() const override {
    return "print the sites of quantizers of a module";
  }

  void runOnOperation() override {
    for (const QuantSite &site : collectQuantSites(getOperation())) {
      llvm::outs() << site.name << ": ";
      if (RankedTensorType type = site.getType())
        llvm::outs() << type << ", ";
      llvm::outs() << site.values.size() << " values, " << site.uses.size()
                   << " uses";
      for (auto [flag, word] : {std::pair(site.isActivated, ", activated"),
                                std::pair(site.isCached, ", cached"),
                                std::pair(site.isHead, ", head"),
                                std::pair(site.isDepthwise, ", depthwise"),
                                std::pair(site.isBridge, ", bridge")})
        if (flag)
          llvm::outs() << word;
      llvm::outs() << '\n';
    }
  }
};
} // namespace

void quench::registerTestQuantSites() { PassRegistration<TestQuantSites>(); }
