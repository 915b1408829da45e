//===- ImporterTest.cpp - Importing through the C++ interface -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Import/Importer.h"
#include "Quench/Import/DecoderBuilder.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace quench;

namespace {

/// Imports a folder of test/Models and keeps the errors.
class ImporterTest : public testing::Test {
protected:
  OwningOpRef<ModuleOp> import(const std::string &path,
                               const ImportOptions &options = {}) {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      messages += diagnostic.str() + "\n";
      return success();
    });
    return importCheckpoint(&context, path, options, importers);
  }

  MLIRContext context;
  ImporterRegistry importers;
  std::string messages;
  const std::string models = QUENCH_TEST_MODELS;
};

TEST_F(ImporterTest, NamesWhatIsNoCheckpoint) {
  EXPECT_FALSE(import(models + "/none"));
  EXPECT_FALSE(import(models + "/README.md"));
  EXPECT_EQ(messages, models +
                          "/none: found nothing, expected the folder of "
                          "a checkpoint\n" +
                          models +
                          "/README.md: found a file, expected the "
                          "folder of a checkpoint\n");
}

TEST_F(ImporterTest, NamesAnUnknownDataType) {
  EXPECT_FALSE(import(models + "/bert", {"i8"}));
  EXPECT_EQ(messages, "data type 'i8', expected f32, f64, f16 or bf16\n");
}

TEST_F(ImporterTest, TakesAFamilyFromOutside) {
  importers.add("llama", [](ModelBuilder &builder) {
    int64_t vocab = builder.config().getInt("vocab_size");
    int64_t hidden = builder.config().getInt("hidden_size");
    return buildDecoder(builder, {vocab, "embedded"}, [&](DecoderEntry &entry) {
      return builder.embedding("model.embed_tokens", entry.ids(), vocab,
                               hidden);
    });
  });
  OwningOpRef<ModuleOp> module = import(models + "/llama");
  ASSERT_TRUE(module);
  EXPECT_TRUE(module->lookupSymbol("prefill"));
  EXPECT_TRUE(module->lookupSymbol("decode"));
  EXPECT_NE(messages.find("20 tensors are not used: 'lm_head.weight'"),
            std::string::npos)
      << messages;
}

TEST_F(ImporterTest, ListsTheFamilies) {
  registerAllImporters(importers);
  EXPECT_EQ(importers.modelTypes().size(), 11u);
  EXPECT_EQ(importers.find("t5"), nullptr);
  EXPECT_NE(importers.find("bert"), nullptr);
}

} // namespace
