//===- WeightProgramsTest.cpp - From archives to parameters ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Transforms/WeightPrograms.h"
#include "../Support/TestArchives.h"
#include "Quench/Dialect/Quench/IR/Quench.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace quench;
using namespace quench::test;

namespace {
/// Two parameters in an archive and a module that computes others from them.
class WeightPrograms : public testing::Test {
protected:
  WeightPrograms() {
    context.loadDialect<QuenchDialect, func::FuncDialect>();
    context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
      errors.push_back(diagnostic.str());
      return success();
    });
    const float w[] = {1, 2, 3, 4, 5, 6};
    const char b[] = {10, 20, 30};
    folder.write(
        "a.safetensors",
        makeArchive(
            R"({"b":{"dtype":"I8","shape":[3],"data_offsets":[0,3]},)"
            R"("layer.w":{"dtype":"F32","shape":[2,3],"data_offsets":[3,27]}})",
            std::string(b, 3) +
                std::string(reinterpret_cast<const char *>(w), sizeof(w))));
  }

  /// Parses a function `params` of that body in a module with archive "m".
  func::FuncOp parse(llvm::StringRef body, llvm::StringRef results,
                     llvm::StringRef attributes = "") {
    std::string text =
        ("module attributes {quench.archives = {m = \"a.safetensors\"}} {\n"
         "func.func @params() -> (" +
         results + ") attributes {" + attributes + "} {\n" + body + "}}")
            .str();
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << llvm::join(errors, "\n");
    return *module->getOps<func::FuncOp>().begin();
  }
  ArchiveSet open() {
    FailureOr<ArchiveSet> archives =
        ArchiveSet::open(*module, {}, folder.path());
    EXPECT_TRUE(succeeded(archives)) << llvm::join(errors, "\n");
    return std::move(*archives);
  }
  static std::vector<float> floats(llvm::ArrayRef<char> bytes) {
    std::vector<float> values(bytes.size() / 4);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  /// The one diagnostic so far, with the folder of the test left out.
  std::string takeError() {
    EXPECT_EQ(errors.size(), 1u) << llvm::join(errors, "\n");
    std::string text = errors.empty() ? "" : errors.front();
    errors.clear();
    std::string place = folder.path() + "/";
    if (size_t at = text.find(place); at != std::string::npos)
      text.erase(at, place.size());
    return text;
  }

  TempFolder folder;
  MLIRContext context;
  std::vector<std::string> errors;
  OwningOpRef<ModuleOp> module;
};
} // namespace

static constexpr llvm::StringLiteral chain = R"(
  %w = quench.param <"m"::"layer.w"> : tensor<2x3xf32>
  %t = quench.transpose %w [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %c = quench.concat %t, %t axis 1 : (tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<3x4xf32>
  %r = quench.reshape %c : (tensor<3x4xf32>) -> tensor<12xf32>
  %b = quench.param <"m"::"b"> : tensor<3xi8>
)";

TEST_F(WeightPrograms, EvaluatesOneRoot) {
  func::FuncOp params =
      parse((chain + "return %r : tensor<12xf32>").str(), "tensor<12xf32>");
  Value root = params.front().getTerminator()->getOperand(0);
  std::vector<char> bytes(48);
  ASSERT_TRUE(succeeded(evaluateWeights(root, open(), bytes)));
  EXPECT_EQ(floats(bytes),
            (std::vector<float>{1, 4, 1, 4, 2, 5, 2, 5, 3, 6, 3, 6}));
  bytes.pop_back();
  EXPECT_TRUE(failed(evaluateWeights(root, open(), bytes)));
  EXPECT_EQ(takeError(), "'quench.reshape' op has a result of 48 bytes, but "
                         "room for 47");
}

TEST_F(WeightPrograms, EvaluatesEachOp) {
  auto evaluate = [&](llvm::StringRef body, llvm::StringRef type,
                      size_t count) {
    func::FuncOp params =
        parse(("%w = quench.param <\"m\"::\"layer.w\"> : tensor<2x3xf32>\n" +
               body + "\nreturn %0 : " + type)
                  .str(),
              type);
    std::vector<char> bytes(4 * count, 'x');
    EXPECT_TRUE(succeeded(evaluateWeights(
        params.front().getTerminator()->getOperand(0), open(), bytes)))
        << llvm::join(errors, "\n");
    return floats(bytes);
  };
  using Floats = std::vector<float>;
  EXPECT_EQ(evaluate("%0 = quench.slice %w axis 0 [1, 2] : (tensor<2x3xf32>) "
                     "-> tensor<1x3xf32>",
                     "tensor<1x3xf32>", 3),
            (Floats{4, 5, 6}));
  EXPECT_EQ(evaluate("%0 = quench.slice %w axis 1 [1, 3] : (tensor<2x3xf32>) "
                     "-> tensor<2x2xf32>",
                     "tensor<2x2xf32>", 4),
            (Floats{2, 3, 5, 6}));
  EXPECT_EQ(evaluate("%0 = quench.concat %w, %w axis 0 : (tensor<2x3xf32>, "
                     "tensor<2x3xf32>) -> tensor<4x3xf32>",
                     "tensor<4x3xf32>", 12),
            (Floats{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(evaluate("%0 = quench.pack %w panel 4 : (tensor<2x3xf32>) -> "
                     "tensor<1x3x4xf32>",
                     "tensor<1x3x4xf32>", 12),
            (Floats{1, 4, 0, 0, 2, 5, 0, 0, 3, 6, 0, 0}));
  EXPECT_EQ(evaluate("%0 = quench.pack %w panel 1 : (tensor<2x3xf32>) -> "
                     "tensor<2x3x1xf32>",
                     "tensor<2x3x1xf32>", 6),
            (Floats{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(evaluate(R"(
    %h = quench.cast %w : (tensor<2x3xf32>) -> tensor<2x3xf16>
    %d = quench.cast %h : (tensor<2x3xf16>) -> tensor<2x3xf64>
    %b = quench.cast %d : (tensor<2x3xf64>) -> tensor<2x3xbf16>
    %0 = quench.cast %b : (tensor<2x3xbf16>) -> tensor<2x3xf32>)",
                     "tensor<2x3xf32>", 6),
            (Floats{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(evaluate(R"(
    %r = quench.reshape %w : (tensor<2x3xf32>) -> tensor<3x1x2xf32>
    %t = quench.transpose %r [1, 2, 0] : (tensor<3x1x2xf32>) -> tensor<1x2x3xf32>
    %e = quench.slice %t axis 0 [1, 1] : (tensor<1x2x3xf32>) -> tensor<0x2x3xf32>
    %0 = quench.concat %e, %t axis 0 : (tensor<0x2x3xf32>, tensor<1x2x3xf32>) -> tensor<1x2x3xf32>)",
                     "tensor<1x2x3xf32>", 6),
            (Floats{1, 3, 5, 2, 4, 6}));
  EXPECT_EQ(evaluate(R"(
    %s = quench.slice %w axis 0 [0, 1] : (tensor<2x3xf32>) -> tensor<1x3xf32>
    %o = quench.slice %s axis 1 [2, 3] : (tensor<1x3xf32>) -> tensor<1x1xf32>
    %c = quench.reshape %o : (tensor<1x1xf32>) -> tensor<f32>
    %h = quench.cast %c : (tensor<f32>) -> tensor<f16>
    %0 = quench.cast %h : (tensor<f16>) -> tensor<f32>)",
                     "tensor<f32>", 1),
            (Floats{3}));
}

TEST_F(WeightPrograms, EvaluatesLongChainsByRows) {
  // Large enough for several pieces: the parts of %c meet within one of them,
  // and the rows of %r are not those of %h.
  constexpr int64_t rows = 1500, columns = 600;
  std::vector<float> w(rows * columns);
  for (auto [index, value] : llvm::enumerate(w))
    value = static_cast<float>(index % 2039);
  folder.write(
      "a.safetensors",
      makeArchive(
          llvm::formatv("{{\"w\":{{\"dtype\":\"F32\",\"shape\":[{0},{1}],"
                        "\"data_offsets\":[0,{2}]}}",
                        rows, columns, w.size() * 4)
              .str(),
          llvm::StringRef(reinterpret_cast<char *>(w.data()), w.size() * 4)));
  func::FuncOp params = parse(R"(
    %w = quench.param <"m"::"w"> : tensor<1500x600xf32>
    %a = quench.slice %w axis 0 [0, 700] : (tensor<1500x600xf32>) -> tensor<700x600xf32>
    %b = quench.slice %w axis 0 [700, 1500] : (tensor<1500x600xf32>) -> tensor<800x600xf32>
    %c = quench.concat %b, %a axis 0 : (tensor<800x600xf32>, tensor<700x600xf32>) -> tensor<1500x600xf32>
    %h = quench.cast %c : (tensor<1500x600xf32>) -> tensor<1500x600xf16>
    %r = quench.reshape %h : (tensor<1500x600xf16>) -> tensor<2250x400xf16>
    %s = quench.slice %r axis 1 [1, 400] : (tensor<2250x400xf16>) -> tensor<2250x399xf16>
    %f = quench.cast %s : (tensor<2250x399xf16>) -> tensor<2250x399xf32>
    %p = quench.pack %f panel 16 : (tensor<2250x399xf32>) -> tensor<141x399x16xf32>
    return %p : tensor<141x399x16xf32>)",
                              "tensor<141x399x16xf32>");
  std::vector<char> bytes(141 * 399 * 16 * 4, 'x');
  ASSERT_TRUE(succeeded(evaluateWeights(
      params.front().getTerminator()->getOperand(0), open(), bytes)));
  std::vector<float> expected(141 * 399 * 16, 0);
  for (int64_t row = 0; row < 2250; ++row)
    for (int64_t column = 0; column < 399; ++column) {
      int64_t index = row * 400 + column + 1;
      index += index < 800 * columns ? 700 * columns : -800 * columns;
      expected[(row / 16 * 399 + column) * 16 + row % 16] = w[index];
    }
  EXPECT_EQ(floats(bytes), expected);
}

TEST_F(WeightPrograms, EvaluatesThePayload) {
  for (bool threads : {false, true}) {
    context.disableMultithreading(!threads);
    func::FuncOp params =
        parse((chain + "return %b, %r, %w : tensor<3xi8>, tensor<12xf32>, "
                       "tensor<2x3xf32>")
                  .str(),
              "tensor<3xi8>, tensor<12xf32>, tensor<2x3xf32>",
              "quench.offsets = array<i64: 0, 64, 128>");
    std::vector<char> payload(192, 'x');
    ASSERT_TRUE(succeeded(evaluatePayload(params, open(), payload)));
    std::vector<char> expected(192, 0);
    expected[0] = 10, expected[1] = 20, expected[2] = 30;
    const float r[] = {1, 4, 1, 4, 2, 5, 2, 5, 3, 6, 3, 6};
    const float w[] = {1, 2, 3, 4, 5, 6};
    std::memcpy(&expected[64], r, sizeof(r));
    std::memcpy(&expected[128], w, sizeof(w));
    EXPECT_EQ(payload, expected);
  }
}

TEST_F(WeightPrograms, RefusesWrongPayloads) {
  std::string body =
      (chain + "return %b, %r : tensor<3xi8>, tensor<12xf32>").str();
  llvm::StringRef results = "tensor<3xi8>, tensor<12xf32>";
  auto refuse = [&](llvm::StringRef attributes, size_t bytes) {
    func::FuncOp params = parse(body, results, attributes);
    std::vector<char> payload(bytes);
    EXPECT_TRUE(failed(evaluatePayload(params, open(), payload)));
    return takeError();
  };
  EXPECT_EQ(refuse("", 64),
            "'func.func' op expected 'quench.offsets' with 2 numbers");
  EXPECT_EQ(refuse("quench.offsets = array<i64: 0>", 64),
            "'func.func' op expected 'quench.offsets' with 2 numbers");
  EXPECT_EQ(refuse("quench.offsets = array<i64: 0, 2>", 64),
            "'func.func' op parameter 1 of 48 bytes at offset 2, expected it "
            "within [3, 64)");
  EXPECT_EQ(refuse("quench.offsets = array<i64: -1, 4>", 64),
            "'func.func' op parameter 0 of 3 bytes at offset -1, expected it "
            "within [0, 64)");
  EXPECT_EQ(refuse("quench.offsets = array<i64: 0, 17>", 64),
            "'func.func' op parameter 1 of 48 bytes at offset 17, expected it "
            "within [3, 64)");
}

TEST_F(WeightPrograms, RefusesProgramsOverOtherValues) {
  module = parseSourceString<ModuleOp>(R"(
    func.func @params(%x: tensor<2x3xf32>) -> tensor<6xf32> {
      %r = quench.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>
      return %r : tensor<6xf32>
    })",
                                       &context);
  ASSERT_TRUE(module);
  func::FuncOp params = *module->getOps<func::FuncOp>().begin();
  std::vector<char> bytes(24);
  EXPECT_TRUE(failed(evaluateWeights(
      params.front().getTerminator()->getOperand(0), open(), bytes)));
  EXPECT_EQ(takeError(), "expected a parameter or an op that computes one, "
                         "found a block argument");
}

TEST_F(WeightPrograms, NamesWhatTheArchiveHas) {
  auto refuse = [&](llvm::StringRef ref, llvm::StringRef type) {
    parse(llvm::formatv("%0 = quench.param <\"m\"::\"{0}\"> : {1}\n"
                        "return %0 : {1}",
                        ref, type)
              .str(),
          type);
    EXPECT_TRUE(failed(verifyParams(*module, open())));
    return takeError();
  };
  EXPECT_EQ(refuse("w", "tensor<2x3xf32>"),
            "'quench.param' op archive 'a.safetensors' has no tensor 'w'; did "
            "you mean 'layer.w'?");
  EXPECT_EQ(refuse("nothing.like.it", "tensor<2x3xf32>"),
            "'quench.param' op archive 'a.safetensors' has no tensor "
            "'nothing.like.it'");
  EXPECT_EQ(refuse("layer.w", "tensor<2x3xf16>"),
            "'quench.param' op archive 'a.safetensors' holds 'layer.w' as "
            "'tensor<2x3xf32>', expected 'tensor<2x3xf16>'");
  EXPECT_EQ(refuse("layer.w", "tensor<3x2xf32>"),
            "'quench.param' op archive 'a.safetensors' holds 'layer.w' as "
            "'tensor<2x3xf32>', expected 'tensor<3x2xf32>'");
  EXPECT_EQ(refuse("b", "tensor<2xi8>"),
            "'quench.param' op archive 'a.safetensors' holds 'b' as "
            "'tensor<3xi8>', expected 'tensor<2xi8>'");
}

TEST_F(WeightPrograms, OpensArchivesByScope) {
  llvm::StringRef body = R"(
    %0 = quench.param <"m"::"b"> : tensor<3xi8>
    return %0 : tensor<3xi8>)";
  parse(body, "tensor<3xi8>");
  EXPECT_TRUE(open().find("m"));
  EXPECT_FALSE(open().find("n"));

  EXPECT_TRUE(failed(ArchiveSet::open(*module, {}, folder.path("other"))));
  EXPECT_EQ(takeError(), "archive of scope 'm': 'other/a.safetensors': no such "
                         "file or directory");

  llvm::StringMap<std::string> overrides;
  overrides["m"] = folder.path("a.safetensors");
  EXPECT_TRUE(
      succeeded(ArchiveSet::open(*module, overrides, folder.path("other"))));
  overrides["n"] = "b.safetensors";
  EXPECT_TRUE(failed(ArchiveSet::open(*module, overrides, folder.path())));
  EXPECT_EQ(takeError(), "no parameter has the scope 'n' that is bound to "
                         "'b.safetensors'; found 'm'");

  (*module)->removeAttr(attrs::archives);
  EXPECT_TRUE(failed(ArchiveSet::open(*module, {}, folder.path())));
  EXPECT_EQ(takeError(),
            "'quench.param' op no archive is bound to the scope 'm'");
}
