//===- PhasesTest.cpp - Tests of phases and their extensions --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Phases.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/Passes.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace quench;
using Position = PhaseExtensions::Position;

namespace {

/// The passes of a manager as text.
std::string print(OpPassManager &pm) {
  std::string text;
  llvm::raw_string_ostream os(text);
  pm.printAsTextualPipeline(os);
  return text;
}

class PhasesTest : public ::testing::Test {
protected:
  void SetUp() override { registerTransformsPasses(); }
  OpPassManager pm{ModuleOp::getOperationName()};
};

TEST_F(PhasesTest, NamesAreTheirOwnInverse) {
  for (Phase phase : allPhases())
    EXPECT_EQ(symbolizePhase(stringifyPhase(phase)), phase);
  EXPECT_EQ(symbolizePhase("quantise"), std::nullopt);
}

TEST_F(PhasesTest, PipelinesParseWithAndWithoutTheModule) {
  ASSERT_FALSE(llvm::errorToBool(parseModulePipeline("cse", pm)));
  ASSERT_FALSE(
      llvm::errorToBool(parseModulePipeline("builtin.module(cse)", pm)));
  EXPECT_EQ(print(pm), "builtin.module(cse,cse)");
}

TEST_F(PhasesTest, PipelinesThatAreNone) {
  EXPECT_EQ(llvm::toString(parseModulePipeline("no-such", pm)),
            "pipeline 'no-such': 'no-such' does not refer to a registered "
            "pass or pass pipeline");
  EXPECT_EQ(llvm::toString(parseModulePipeline("builtin.module(cse", pm)),
            "pipeline 'builtin.module(cse' lacks its closing parenthesis");
}

TEST_F(PhasesTest, ExtensionsRunInTheirOrderAndPlace) {
  PhaseExtensions extensions;
  ASSERT_FALSE(llvm::errorToBool(
      extensions.addTextual(Position::Before, "canonical=cse")));
  ASSERT_FALSE(llvm::errorToBool(
      extensions.add(Position::Before, Phase::Canonical, [](OpPassManager &pm) {
        pm.addPass(createSymbolDCEPass());
      })));
  ASSERT_FALSE(llvm::errorToBool(
      extensions.addTextual(Position::After, "canonical=sccp")));
  extensions.populate(Position::Before, Phase::Canonical, pm);
  EXPECT_EQ(print(pm), "builtin.module(cse,symbol-dce)");
  extensions.populate(Position::Before, Phase::Codegen, pm);
  EXPECT_EQ(print(pm), "builtin.module(cse,symbol-dce)");
}

TEST_F(PhasesTest, NothingRunsWhereThereIsNoIR) {
  PhaseExtensions extensions;
  for (auto [position, text] : {std::pair(Position::Before, "import=cse"),
                                std::pair(Position::After, "codegen=cse"),
                                std::pair(Position::Before, "link=cse"),
                                std::pair(Position::After, "link=cse")})
    EXPECT_TRUE(
        llvm::StringRef(llvm::toString(extensions.addTextual(position, text)))
            .starts_with("there is no IR "));
  EXPECT_EQ(llvm::toString(extensions.addTextual(Position::After, "cse")),
            "found 'cse', expected PHASE=PIPELINE, where PHASE is "
            "import, canonical, transform, assign, calibrate, quantize or codegen");
}

} // namespace
