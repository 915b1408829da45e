//===- TestChannelClasses.cpp - Prints the classes of channels -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pass plugin, so that no tool carries passes that only tests need.
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/ChannelClasses.h"

#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quench;

namespace quench {
void registerTestQuantSites();
} // namespace quench

/// The blocks of an axis, unless they are the first `size` channels alone.
static void printBlocks(ArrayRef<ChannelBlock> blocks) {
  if (blocks.size() == 1 && blocks.front().offset == 0)
    return;
  llvm::outs() << " [";
  llvm::interleaveComma(blocks, llvm::outs(), [](const ChannelBlock &block) {
    llvm::outs() << block.offset << ": " << block.transform;
  });
  llvm::outs() << ']';
}

static void print(const ChannelClass &site, bool weights) {
  raw_ostream &os = llvm::outs();
  os << "class '" << site.name << "': ";
  if (site.numTransforms != 1)
    os << site.numTransforms << " x ";
  os << site.size << " channels, " << site.members.size() << " values, "
     << site.weights.size() << " weights";
  if (!site.partners.empty()) {
    os << ", pairs [";
    llvm::interleaveComma(site.partners, os);
    os << ']';
  }
  os << '\n';
  if (weights) {
    for (const ClassWeight &weight : site.weights) {
      os << "  " << (weight.consumer ? "consumer " : "producer ")
         << getSiteName(weight.op) << ' ' << weight.op->getName();
      if (weight.operand)
        os << " operand " << weight.operand->getOperandNumber();
      if (weight.map)
        os << " by " << weight.map->getOperandNumber();
      os << " axis " << weight.axis;
      printBlocks(weight.blocks);
      os << (weight.inverse ? " of the inverse\n" : "\n");
    }
  }
  for (const ClassBlocker &blocker : site.blockers)
    os << "  blocked: " << blocker.op->getName() << ' ' << blocker.reason
       << '\n';
}

namespace {
struct TestChannelClasses
    : public PassWrapper<TestChannelClasses, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestChannelClasses)

  TestChannelClasses() = default;
  TestChannelClasses(const TestChannelClasses &other) : PassWrapper(other) {}

  StringRef getArgument() const override {
    return "test-print-channel-classes";
  }
  StringRef getDescription() const override {
    return "print the classes of channels of a module";
  }

  void runOnOperation() override {
    ChannelClasses classes(getOperation(), kind);
    size_t free = 0;
    for (const ChannelClass &site : classes.getClasses()) {
      free += site.isFree();
      if (site.isFree() || blocked)
        print(site, weights);
    }
    llvm::outs() << classes.getClasses().size() << " classes, " << free
                 << " free\n";
    markAllAnalysesPreserved();
  }

  Option<TransformKind> kind{
      *this, "kind", llvm::cl::desc("transforms that are asked about"),
      llvm::cl::init(TransformKind::Basis),
      llvm::cl::values(clEnumValN(TransformKind::Basis, "basis", "rotations"),
                       clEnumValN(TransformKind::Scale, "scale", "scales"),
                       clEnumValN(TransformKind::Shift, "shift", "shifts"))};
  Option<bool> weights{*this, "weights", llvm::cl::desc("print weights too"),
                       llvm::cl::init(true)};
  Option<bool> blocked{*this, "blocked",
                       llvm::cl::desc("print blocked classes too"),
                       llvm::cl::init(true)};
};
} // namespace

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "QuenchTestAnalysis", LLVM_VERSION_STRING,
          [] {
            PassRegistration<TestChannelClasses>();
            registerTestQuantSites();
          }};
}
