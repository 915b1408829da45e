//===- WeightEvaluatorTest.cpp - Bytes of weight programs -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Transforms/WeightEvaluator.h"
#include "../Support/TestArchives.h"
#include "Quench/Dialect/Quench/IR/Quench.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

#include <mutex>

using namespace mlir;
using namespace quench;
using namespace quench::test;

namespace {
/// A matrix of 1024 x 3072 in an archive; programs on it in f64 take 24 MiB
/// as a whole, so they are cut into panels.
class Evaluating : public testing::Test {
protected:
  Evaluating() {
    context.loadDialect<QuenchDialect, func::FuncDialect>();
    std::string bytes(1024 * 3072 * 2, 0);
    for (auto [index, byte] : llvm::enumerate(bytes))
      byte = index % 2 ? 0x38 + (index * 7919 >> 4) % 8 : index * 31 % 251;
    folder.write("a.safetensors",
                 makeArchive(llvm::formatv(
                                 "{{\"w\":{{\"dtype\":\"BF16\",\"shape\":[1024,"
                                 "3072],\"data_offsets\":[0,{0}]}}",
                                 bytes.size())
                                 .str(),
                             bytes));
  }

  /// The operand of the return of a function that computes it by `body` from
  /// %w, the matrix in f64.
  Value parse(llvm::StringRef body, llvm::StringRef type) {
    std::string text =
        ("module attributes {quench.archives = {m = \"a.safetensors\"}} {\n"
         "func.func @f() -> " +
         type + R"( {
           %b = quench.param <"m"::"w"> : tensor<1024x3072xbf16>
           %w = quench.cast %b : (tensor<1024x3072xbf16>) -> tensor<1024x3072xf64>
         )" +
         body + "\nreturn %r : " + type + "\n}}")
            .str();
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    func::FuncOp function = *module->getOps<func::FuncOp>().begin();
    return function.front().getTerminator()->getOperand(0);
  }

  /// Every op as a whole, one after another.
  static std::vector<char> evaluatePlainly(Value value,
                                           const ArchiveSet &archives) {
    std::vector<char> result(*getByteSize(value.getType()));
    if (auto param = value.getDefiningOp<ParamOp>()) {
      llvm::copy((*resolveParam(param, archives))->bytes, result.begin());
      return result;
    }
    std::vector<std::vector<char>> operands;
    for (Value operand : value.getDefiningOp()->getOperands())
      operands.push_back(evaluatePlainly(operand, archives));
    std::vector<llvm::ArrayRef<char>> views(operands.begin(), operands.end());
    auto op = cast<WeightProgramOpInterface>(value.getDefiningOp());
    EXPECT_TRUE(succeeded(op.evaluateWeights(views, result)));
    return result;
  }

  /// Compares with that, for threads and limits of memory. Returns the least
  /// memory.
  int64_t check(Value root) {
    FailureOr<ArchiveSet> archives =
        ArchiveSet::open(*module, {}, folder.path());
    EXPECT_TRUE(succeeded(archives));
    std::vector<char> expected = evaluatePlainly(root, *archives);
    int64_t least =
        *WeightEvaluator(&context, *archives, {}).getLeastBytes(root);
    for (int64_t maxBytes : {int64_t(0), least, least + (3 << 20)})
      for (unsigned threads : {1, 2, 3}) {
        WeightEvaluator evaluator(&context, *archives, {threads, maxBytes});
        std::vector<char> memory(expected.size(), 'x'), file(memory);
        EXPECT_TRUE(succeeded(evaluator.evaluate(root, memory)));
        EXPECT_TRUE(memory == expected) << maxBytes << " " << threads;
        std::mutex mutex;
        size_t written = 0;
        auto sink = [&](int64_t offset, llvm::ArrayRef<char> bytes) {
          llvm::copy(bytes, file.begin() + offset);
          std::lock_guard<std::mutex> lock(mutex);
          written += bytes.size();
          return success();
        };
        EXPECT_TRUE(succeeded(evaluator.evaluate(root, sink)));
        EXPECT_TRUE(file == expected && written == expected.size());
        if (maxBytes != 0)
          EXPECT_LE(evaluator.countBytes(root), maxBytes);
      }
    WeightEvaluator small(&context, *archives, {1, least - 1});
    EXPECT_TRUE(failed(small.evaluate(root, expected)));
    return least;
  }

  TempFolder folder;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

static constexpr int64_t MiB = 1 << 20;

TEST_F(Evaluating, RowsAndPanelsOfOneMatrix) {
  EXPECT_LE(check(parse(R"(
    %r = quench.cast %w : (tensor<1024x3072xf64>) -> tensor<1024x3072xf16>)",
                        "tensor<1024x3072xf16>")),
            24 * MiB);
  EXPECT_LE(check(parse(R"(
    %h = quench.rotate %w axis 0 by(#quench.hadamard<1024>) : (tensor<1024x3072xf64>) -> tensor<1024x3072xf64>
    %r = quench.cast %h : (tensor<1024x3072xf64>) -> tensor<1024x3072xf32>)",
                        "tensor<1024x3072xf32>")),
            24 * MiB);
}

TEST_F(Evaluating, PanelsThroughShapes) {
  EXPECT_LE(check(parse(R"(
    %t = quench.transpose %w [1, 0] : (tensor<1024x3072xf64>) -> tensor<3072x1024xf64>
    %c = quench.center %t axis 1 : (tensor<3072x1024xf64>) -> tensor<3072x1024xf64>
    %p = quench.concat %c, %t axis 1 : (tensor<3072x1024xf64>, tensor<3072x1024xf64>) -> tensor<3072x2048xf64>
    %s = quench.slice %p axis 1 [512, 1536] : (tensor<3072x2048xf64>) -> tensor<3072x1024xf64>
    %r = quench.reshape %s : (tensor<3072x1024xf64>) -> tensor<3072x32x32xf64>)",
                        "tensor<3072x32x32xf64>")),
            24 * MiB);
}

TEST_F(Evaluating, HoldsWhatAllSlabsNeed) {
  // The magnitudes of columns need all rows.
  EXPECT_LE(check(parse(R"(
    %m = quench.absmax %w axis 1 : (tensor<1024x3072xf64>) -> tensor<3072xf64>
    %s = quench.channel_scale %w, %m axis 1 inverse : (tensor<1024x3072xf64>, tensor<3072xf64>) -> tensor<1024x3072xf64>
    %r = quench.cast %s : (tensor<1024x3072xf64>) -> tensor<1024x3072xbf16>)",
                        "tensor<1024x3072xbf16>")),
            24 * MiB);
  // Two axes are mixed, so that one of the matrices is held.
  EXPECT_LE(check(parse(R"(
    %h = quench.rotate %w axis 0 by(#quench.hadamard<1024>) : (tensor<1024x3072xf64>) -> tensor<1024x3072xf64>
    %g = quench.rotate %h axis 1 by(#quench.hadamard<1024>) : (tensor<1024x3072xf64>) -> tensor<1024x3072xf64>
    %r = quench.cast %g : (tensor<1024x3072xf64>) -> tensor<1024x3072xbf16>)",
                        "tensor<1024x3072xbf16>")),
            48 * MiB);
}
