//===- JsonTest.cpp - Strict JSON -----------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include "gtest/gtest.h"

#include <string>

using quench::rt::parseJson;

static std::string errorOf(const std::string &text) {
  return std::string(parseJson(text).status().message());
}

TEST(Json, ParsesValues) {
  auto value = parseJson(R"({"a": [1, -2, 3.5, "x", null, true], "b": {}})");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->dump(), R"({"a":[1,-2,3.5,"x",null,true],"b":{}})");
}

TEST(Json, RefusesDuplicateKeys) {
  EXPECT_EQ(errorOf(R"({"a": 1, "a": 2})"), "duplicate key 'a'");
  EXPECT_EQ(errorOf(R"({"x": {"a": {}, "b": [], "a": 2}})"),
            "duplicate key 'a'");
  EXPECT_TRUE(parseJson(R"([{"a": 1}, {"a": 2}])").ok());
}

TEST(Json, RefusesDeepNesting) {
  EXPECT_EQ(errorOf(std::string(1000000, '[')), "nested deeper than 32");
  EXPECT_TRUE(parseJson(std::string(32, '[') + std::string(32, ']')).ok());
}

TEST(Json, SaysWhereItIsWrong) {
  EXPECT_EQ(errorOf(R"({"a": })"), "not valid JSON at byte 7");
  EXPECT_EQ(errorOf(""), "not valid JSON at byte 1");
  EXPECT_EQ(errorOf("{} {}"), "not valid JSON at byte 4");
  EXPECT_EQ(errorOf("\"\xff\""), "not valid JSON at byte 2");
}
