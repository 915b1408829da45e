//===- HeaderTest.cpp - Tests of C headers of models ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Header.h"

#include "gtest/gtest.h"

using namespace quench;

namespace {

TEST(HeaderTest, SaysWhatEntryPointsTake) {
  std::string text;
  llvm::raw_string_ostream os(text);
  ASSERT_FALSE(llvm::errorToBool(writeHeader(
      R"({"name": "m", "quench": "1.2.3", "cpu": "x86-64", "entries": [
          {"name": "decode",
           "inputs": [
             {"name": "ids", "dtype": "I64", "shape": ["batch", 1],
              "range": [0, 9], "default": 1},
             {"name": "position", "dtype": "I64", "shape": [],
              "role": "position"},
             {"name": "cache", "dtype": "F32", "shape": ["batch", 4],
              "role": "state"}],
           "outputs": [{"name": "y", "dtype": "F32", "shape": [3]}]}]})",
      "quench_model_m", os)));
  EXPECT_NE(text.find("/* m: compiled by Quench 1.2.3 for x86-64. */"),
            std::string::npos);
  EXPECT_NE(text.find("#ifndef QUENCH_MODEL_M_H"), std::string::npos);
  EXPECT_NE(text.find(" * decode\n"
                      " *   in  ids: I64 [batch, 1], from 0 to below 9, "
                      "1 when left out\n"
                      " *   in  position: I64 [], how many tokens the states "
                      "hold\n"
                      " *   in  cache: F32 [batch, 4], a state: updated in "
                      "place, zeros when left out\n"
                      " *   out y: F32 [3]\n"
                      " */\n"
                      "extern const qrt_model quench_model_m;\n"),
            std::string::npos);
}

TEST(HeaderTest, NamesCannotEndTheComment) {
  std::string text;
  llvm::raw_string_ostream os(text);
  ASSERT_FALSE(llvm::errorToBool(
      writeHeader(R"({"name": "m*/x", "entries": [{"name": "*/ int y; /*"}]})",
                  "quench_model_m", os)));
  EXPECT_EQ(text.find("*/x"), std::string::npos);
  EXPECT_EQ(text.find("*/ int"), std::string::npos);
}

TEST(HeaderTest, RefusesWhatIsNoManifest) {
  std::string text;
  llvm::raw_string_ostream os(text);
  EXPECT_TRUE(llvm::errorToBool(writeHeader("{", "m", os)));
  EXPECT_EQ(llvm::toString(writeHeader("{}", "m", os)),
            "the manifest of the model has no entries");
}

} // namespace
