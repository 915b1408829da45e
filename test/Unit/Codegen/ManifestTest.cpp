//===- ManifestTest.cpp - What a model says of itself ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/Manifest.h"
#include "../Support/TestArchives.h"
#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Support/Version.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace quench;
using namespace quench::test;

namespace {

class Manifest : public testing::Test {
protected:
  Manifest() {
    context.loadDialect<QuenchDialect, arith::ArithDialect, func::FuncDialect,
                        tensor::TensorDialect>();
    context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
      errors.push_back(diagnostic.str());
      return success();
    });
  }

  FailureOr<llvm::json::Object> build(llvm::StringRef text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << llvm::join(errors, "\n");
    ManifestInfo info;
    info.target = "x86_64-pc-linux-gnu";
    info.cpu = "x86-64-v3";
    info.features = {"avx2", "fma"};
    info.recipe = "float";
    info.hash = "00ff";
    info.baseDir = folder.path();
    return buildManifest(*module, info);
  }
  std::string errorOf(llvm::StringRef text) {
    EXPECT_TRUE(failed(build(text)));
    return llvm::join(errors, "\n");
  }

  TempFolder folder;
  MLIRContext context;
  std::vector<std::string> errors;
  OwningOpRef<ModuleOp> module;
};

TEST_F(Manifest, SaysAll) {
  folder.write("vocab.txt", "[PAD]\nthe\r\n##ing");
  auto manifest = build(R"(
    module @toy attributes {quench.model_type = "bert",
        quench.symbols = {batch = [1], context = array<i64: 1, 8>},
        quench.tokenizer = {kind = "wordpiece", vocab = "vocab.txt", lowercase = true, max_length = 8 : i64}} {
      func.func private @helper()
      func.func @step(
          %a: tensor<?x2xi64> {quench.name = "ids", quench.dims = ["batch"], quench.range = array<i64: 0, 7>},
          %b: tensor<?xf32> {quench.name = "cache", quench.dims = ["context"], quench.role = "state"},
          %c: tensor<f16> {quench.name = "scale", quench.default = 0.5 : f16})
          -> (tensor<?xf32> {quench.state = "cache", quench.dims = ["context"]},
              tensor<?x2xi64> {quench.name = "out", quench.dims = ["batch"]}) attributes {quench.entry} {
        return %b, %a : tensor<?xf32>, tensor<?x2xi64>
      }
    })");
  ASSERT_TRUE(succeeded(manifest)) << llvm::join(errors, "\n");
  const char payload[64] = {};
  addParams(*manifest, ParamsMode::External, "toy.params", payload);
  auto expected = llvm::json::parse(R"({
    "name": "toy", "model_type": "bert", "target": "x86_64-pc-linux-gnu",
    "cpu": "x86-64-v3", "features": ["avx2", "fma"], "recipe": "float", "hash": "00ff",
    "symbols": {"batch": {"min": 1, "max": null}, "context": {"min": 1, "max": 8}},
    "entries": [{"name": "step",
      "inputs": [
        {"name": "ids", "dtype": "I64", "shape": ["batch", 2], "range": [0, 7]},
        {"name": "cache", "dtype": "F32", "shape": ["context"], "role": "state"},
        {"name": "scale", "dtype": "F16", "shape": [], "default": 0.5}],
      "outputs": [{"name": "out", "dtype": "I64", "shape": ["batch", 2]}]}],
    "tokenizer": {"kind": "wordpiece", "vocab": ["[PAD]", "the", "##ing"], "lowercase": true, "max_length": 8}
  })");
  ASSERT_TRUE(bool(expected)) << llvm::toString(expected.takeError());
  auto *params = manifest->getObject("params");
  ASSERT_TRUE(params);
  EXPECT_EQ(params->getString("mode"), "external");
  EXPECT_EQ(params->getString("file"), "toy.params");
  EXPECT_EQ(params->getInteger("bytes"), 64);
  EXPECT_EQ(params->getString("xxh3")->size(), 32u);
  manifest->erase("params");
  EXPECT_EQ(manifest->getString("quench"), getVersion());
  manifest->erase("quench");
  EXPECT_EQ(llvm::json::Value(std::move(*manifest)), *expected);
}

// Whether elements of a batch may be computed apart.
TEST_F(Manifest, SaysWhatIsIndependent) {
  auto isIndependent = [&](const char *body, const char *dims = R"("b", "t")") {
    std::string text = R"(
    module @m attributes {quench.symbols = {b = [1], t = [1]}} {
      func.func @f(
          %ids: tensor<?x?xi64> {quench.name = "ids", quench.dims = ["b", "t"]},
          %x: tensor<?x?x4xf32> {quench.name = "x", quench.dims = ["b", "t"]},
          %w: tensor<4x4xf32> {quench.name = "w"},
          %k: tensor<?x?x2x2xf32> {quench.name = "k", quench.dims = [)";
    text += dims;
    text += R"(]})
          -> (tensor<?x?x4xf32> {quench.name = "y", quench.dims = ["b", "t"]}) attributes {quench.entry} {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %b = tensor.dim %ids, %c0 : tensor<?x?xi64>
        %t = tensor.dim %ids, %c1 : tensor<?x?xi64>
        %s = quench.param <"m"::"s"> : tensor<f32>
)";
    text += body;
    text += R"(
        return %y : tensor<?x?x4xf32>
      }
    })";
    auto manifest = build(text);
    EXPECT_TRUE(succeeded(manifest)) << llvm::join(errors, "\n");
    if (failed(manifest))
      return false;
    auto *entry = (*manifest->getArray("entries"))[0].getAsObject();
    if (auto symbol = entry->getString("independent"))
      EXPECT_EQ(symbol, "b");
    return entry->get("independent") != nullptr;
  };
  const char *attention = R"(
    %q = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%b, %t, 2, 2]
      : tensor<?x?x4xf32> into tensor<?x?x2x2xf32>
    %a = quench.attention %q, %k, %k mask %ids scale 0.5 full
      : (tensor<?x?x2x2xf32>, tensor<?x?x2x2xf32>, tensor<?x?x2x2xf32>, tensor<?x?xi64>) -> tensor<?x?x2x2xf32>
    %f = tensor.collapse_shape %a [[0], [1], [2, 3]] : tensor<?x?x2x2xf32> into tensor<?x?x4xf32>
    %l = quench.linear %f, %w : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
    %y = quench.add %l, %x residual : (tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>)";
  EXPECT_TRUE(isIndependent(attention));
  // Keys of another batch, and a batch that is a later dimension.
  EXPECT_FALSE(isIndependent(attention, R"("t", "t")"));
  EXPECT_FALSE(isIndependent(attention, R"("b", "b")"));
  // Attention in parts, with a scale for each sequence.
  const char *parts = R"(
    %q = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%b, %t, 2, 2]
      : tensor<?x?x4xf32> into tensor<?x?x2x2xf32>
    %d = quench.dynamic_scale %k by(#quench.uniform<i8, sequence>) : (tensor<?x?x2x2xf32>) -> tensor<?x2xf32>
    %v = quench.fake_quant %k, %d by(#quench.uniform<i8, sequence>) : (tensor<?x?x2x2xf32>, tensor<?x2xf32>) -> tensor<?x?x2x2xf32>
    %p = quench.attention_probabilities %q, %k mask %ids scale 0.5 full
      : (tensor<?x?x2x2xf32>, tensor<?x?x2x2xf32>, tensor<?x?xi64>) -> tensor<?x2x?x?xf32>
    %a = quench.attention_values %p, %v : (tensor<?x2x?x?xf32>, tensor<?x?x2x2xf32>) -> tensor<?x?x2x2xf32>
    %y = tensor.collapse_shape %a [[0], [1], [2, 3]] : tensor<?x?x2x2xf32> into tensor<?x?x4xf32>)";
  EXPECT_TRUE(isIndependent(parts));
  EXPECT_FALSE(isIndependent(parts, R"("t", "t")"));
  // Scales of tokens, and of the whole tensor.
  EXPECT_TRUE(isIndependent(R"(
    %d = quench.dynamic_scale %x by(#quench.uniform<i8, token>) : (tensor<?x?x4xf32>) -> tensor<?x?xf32>
    %y = quench.fake_quant %x, %d by(#quench.uniform<i8, token>) : (tensor<?x?x4xf32>, tensor<?x?xf32>) -> tensor<?x?x4xf32>)"));
  EXPECT_TRUE(isIndependent(R"(
    %y = quench.fake_quant %x, %s by(#quench.uniform<i8>) : (tensor<?x?x4xf32>, tensor<f32>) -> tensor<?x?x4xf32>)"));
  EXPECT_FALSE(isIndependent(R"(
    %d = quench.dynamic_scale %x by(#quench.uniform<i8>) : (tensor<?x?x4xf32>) -> tensor<f32>
    %y = quench.fake_quant %x, %d by(#quench.uniform<i8>) : (tensor<?x?x4xf32>, tensor<f32>) -> tensor<?x?x4xf32>)"));
  // Scales of groups, which are parts of one for the whole tensor.
  EXPECT_FALSE(isIndependent(R"(
    %d = quench.dynamic_scale %x by(#quench.small_float<e2m1, token, group = 2, scale = e4m3>) : (tensor<?x?x4xf32>) -> tensor<?x?x2xf32>
    %y = quench.fake_quant %x, %d by(#quench.small_float<e2m1, token, group = 2, scale = e4m3>) : (tensor<?x?x4xf32>, tensor<?x?x2xf32>) -> tensor<?x?x4xf32>)"));
  // Positions within a sequence, and within the batch.
  EXPECT_TRUE(isIndependent(R"(
    %p = quench.positions %ids dim 1 : tensor<?x?xi64> -> tensor<?xi64>
    %e = quench.embedding %p, %w : (tensor<?xi64>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %y = quench.add %x, %e : (tensor<?x?x4xf32>, tensor<?x4xf32>) -> tensor<?x?x4xf32>)"));
  EXPECT_FALSE(isIndependent(R"(
    %p = quench.positions %ids dim 0 : tensor<?x?xi64> -> tensor<?xi64>
    %e = quench.embedding %p, %w : (tensor<?xi64>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %y = quench.add %x, %e : (tensor<?x?x4xf32>, tensor<?x4xf32>) -> tensor<?x?x4xf32>)"));
  // The batch and the sequence in one dimension; the size as a number; an op
  // that is not known.
  EXPECT_FALSE(isIndependent(R"(
    %f = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x4xf32> into tensor<?x4xf32>
    %y = tensor.expand_shape %f [[0, 1], [2]] output_shape [%b, %t, 4] : tensor<?x4xf32> into tensor<?x?x4xf32>)"));
  EXPECT_FALSE(isIndependent(R"(
    %n = arith.index_cast %b : index to i64
    %p = quench.positions %ids dim 1 from %n : tensor<?x?xi64> -> tensor<?xi64>
    %e = quench.embedding %p, %w : (tensor<?xi64>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %y = quench.add %x, %e : (tensor<?x?x4xf32>, tensor<?x4xf32>) -> tensor<?x?x4xf32>)"));
  EXPECT_FALSE(isIndependent("%y = arith.negf %x : tensor<?x?x4xf32>"));
}

TEST_F(Manifest, NeedsAnEntryPoint) {
  EXPECT_EQ(errorOf("module {}"),
            "there is no entry point, expected a function "
            "with the attribute quench.entry");
}

TEST_F(Manifest, NeedsNames) {
  EXPECT_EQ(
      errorOf(
          R"(func.func @f(%x: tensor<2xf32>) attributes {quench.entry} { return })"),
      "argument #0 of entry point 'f' has no name, expected quench.name");
}

TEST_F(Manifest, NeedsNamesOfDimensions) {
  EXPECT_EQ(
      errorOf(
          R"(func.func @f(%x: tensor<?xf32> {quench.name = "x"}) attributes {quench.entry} { return })"),
      "argument #0 of entry point 'f' has 1 dynamic dimensions, expected "
      "as many names in quench.dims");
}

TEST_F(Manifest, NeedsSymbols) {
  EXPECT_EQ(
      errorOf(
          R"(func.func @f(%x: tensor<?xf32> {quench.name = "x", quench.dims = ["n"]}) attributes {quench.entry} { return })"),
      "argument #0 of entry point 'f' has a dimension 'n', which is not "
      "in quench.symbols");
}

TEST_F(Manifest, NeedsTensorsOfKnownTypes) {
  EXPECT_EQ(
      errorOf(
          R"(func.func @f(%x: tensor<2xindex> {quench.name = "x"}) attributes {quench.entry} { return })"),
      "argument #0 of entry point 'f' is of type 'tensor<2xindex>', which "
      "no tensor of a caller has");
}

TEST_F(Manifest, NeedsTheVocabulary) {
  std::string error = errorOf(R"(
    module attributes {quench.tokenizer = {vocab = "none.txt"}} {
      func.func @f() attributes {quench.entry} { return }
    })");
  EXPECT_EQ(error, "cannot read the vocabulary '" + folder.path("none.txt") +
                       "': no such file or directory");
}

TEST_F(Manifest, NeedsUTF8) {
  folder.write("vocab.txt", "a\n\xff\xfe\n");
  std::string error = errorOf(R"(
    module attributes {quench.tokenizer = {vocab = "vocab.txt"}} {
      func.func @f() attributes {quench.entry} { return }
    })");
  EXPECT_EQ(error, "the vocabulary '" + folder.path("vocab.txt") +
                       "' has in line 2 no UTF-8");
}

TEST_F(Manifest, KnowsTheFieldsOfATokenizer) {
  EXPECT_EQ(errorOf(R"(
    module attributes {quench.tokenizer = {kind = 1.0 : f32}} {
      func.func @f() attributes {quench.entry} { return }
    })"),
            "quench.tokenizer has in 'kind' 1.000000e+00 : f32, expected a "
            "string, a bool, an integer or an array of strings");
}

} // namespace
