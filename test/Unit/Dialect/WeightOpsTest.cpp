//===- WeightOpsTest.cpp - Weight ops on bytes ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/Quench.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <numeric>

using namespace mlir;
using namespace quench;

namespace {
class WeightOps : public ::testing::Test {
protected:
  WeightOps() { context.loadDialect<QuenchDialect>(); }

  /// The bytes that `op`, the text of an op on `%w0`, `%w1`, ... of the types
  /// `types`, makes of `operands`.
  FailureOr<std::vector<char>> run(StringRef op, ArrayRef<StringRef> types,
                                   ArrayRef<ArrayRef<char>> operands) {
    std::string text;
    llvm::raw_string_ostream os(text);
    for (auto [index, type] : llvm::enumerate(types))
      os << "%w" << index << " = quench.param <\"m\"::\"w\"> : " << type
         << "\n";
    os << "%r = " << op << "\n";
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return failure();
    auto weight = cast<WeightProgramOpInterface>(module->getBody()->back());
    auto type = cast<RankedTensorType>(weight->getResult(0).getType());
    std::vector<char> result(type.getNumElements() *
                                 ((type.getElementTypeBitWidth() + 7) / 8),
                             '\x55');
    if (failed(weight.evaluateWeights(operands, result)))
      return failure();
    return result;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

template <typename T>
static std::vector<T> count(size_t n) {
  std::vector<T> numbers(n);
  std::iota(numbers.begin(), numbers.end(), T(0));
  return numbers;
}

template <typename T>
static ArrayRef<char> getBytes(const std::vector<T> &numbers) {
  return {reinterpret_cast<const char *>(numbers.data()),
          numbers.size() * sizeof(T)};
}

template <typename T>
static std::vector<T> getNumbers(const FailureOr<std::vector<char>> &bytes) {
  if (failed(bytes))
    return {};
  std::vector<T> numbers(bytes->size() / sizeof(T));
  std::memcpy(numbers.data(), bytes->data(), bytes->size());
  return numbers;
}

TEST_F(WeightOps, TransposeAnyRankAndType) {
  auto matrix = count<uint16_t>(6);
  EXPECT_EQ(getNumbers<uint16_t>(
                run("quench.transpose %w0 [1, 0] : (tensor<2x3xbf16>) -> "
                    "tensor<3x2xbf16>",
                    {"tensor<2x3xbf16>"}, {getBytes(matrix)})),
            (std::vector<uint16_t>{0, 3, 1, 4, 2, 5}));
  auto cube = count<int64_t>(24);
  auto turned = getNumbers<int64_t>(
      run("quench.transpose %w0 [2, 0, 1] : (tensor<2x3x4xi64>) -> "
          "tensor<4x2x3xi64>",
          {"tensor<2x3x4xi64>"}, {getBytes(cube)}));
  ASSERT_EQ(turned.size(), 24u);
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 2; ++j)
      for (int64_t k = 0; k < 3; ++k)
        EXPECT_EQ(turned[(i * 2 + j) * 3 + k], (j * 3 + k) * 4 + i);
  std::vector<double> scalar = {7};
  EXPECT_EQ(getNumbers<double>(
                run("quench.transpose %w0 [] : (tensor<f64>) -> tensor<f64>",
                    {"tensor<f64>"}, {getBytes(scalar)})),
            scalar);
  EXPECT_TRUE(succeeded(
      run("quench.transpose %w0 [1, 0] : (tensor<0x3xf32>) -> tensor<3x0xf32>",
          {"tensor<0x3xf32>"}, {ArrayRef<char>()})));
}

TEST_F(WeightOps, SliceAndConcatAlongEveryAxis) {
  auto cube = count<float>(12);
  EXPECT_EQ(getNumbers<float>(
                run("quench.slice %w0 axis 1 [1, 3] : (tensor<2x3x2xf32>) -> "
                    "tensor<2x2x2xf32>",
                    {"tensor<2x3x2xf32>"}, {getBytes(cube)})),
            (std::vector<float>{2, 3, 4, 5, 8, 9, 10, 11}));
  EXPECT_EQ(getNumbers<float>(
                run("quench.slice %w0 axis 2 [1, 2] : (tensor<2x3x2xf32>) -> "
                    "tensor<2x3x1xf32>",
                    {"tensor<2x3x2xf32>"}, {getBytes(cube)})),
            (std::vector<float>{1, 3, 5, 7, 9, 11}));
  auto left = count<int8_t>(4);
  std::vector<int8_t> right = {10, 11};
  EXPECT_EQ(
      getNumbers<int8_t>(run("quench.concat %w0, %w1 axis 1 : (tensor<2x2xi8>, "
                             "tensor<2x1xi8>) -> tensor<2x3xi8>",
                             {"tensor<2x2xi8>", "tensor<2x1xi8>"},
                             {getBytes(left), getBytes(right)})),
      (std::vector<int8_t>{0, 1, 10, 2, 3, 11}));
  EXPECT_EQ(
      getNumbers<int8_t>(run("quench.concat %w0, %w1 axis 0 : (tensor<2x2xi8>, "
                             "tensor<1x2xi8>) -> tensor<3x2xi8>",
                             {"tensor<2x2xi8>", "tensor<1x2xi8>"},
                             {getBytes(left), getBytes(right)})),
      (std::vector<int8_t>{0, 1, 2, 3, 10, 11}));
}

TEST_F(WeightOps, ReshapeKeepsBytes) {
  auto numbers = count<uint8_t>(6);
  EXPECT_EQ(getNumbers<uint8_t>(
                run("quench.reshape %w0 : (tensor<2x3xi8>) -> tensor<6xi8>",
                    {"tensor<2x3xi8>"}, {getBytes(numbers)})),
            numbers);
}

// Halfway cases go to the even neighbour; what is too large becomes infinite.
TEST_F(WeightOps, CastRoundsToNearestEven) {
  std::vector<float> numbers = {1.0f,     1.0f + 0x1p-11f, 1.0f + 3 * 0x1p-11f,
                                65520.0f, 0x1p-25f,        1.5f * 0x1p-24f,
                                -0.0f,    std::nanf("")};
  auto halves = getNumbers<uint16_t>(
      run("quench.cast %w0 : (tensor<8xf32>) -> tensor<8xf16>",
          {"tensor<8xf32>"}, {getBytes(numbers)}));
  ASSERT_EQ(halves.size(), 8u);
  EXPECT_EQ(ArrayRef<uint16_t>(halves).take_front(7),
            ArrayRef<uint16_t>(
                {0x3C00, 0x3C00, 0x3C02, 0x7C00, 0x0000, 0x0002, 0x8000}));
  EXPECT_GT(halves[7] & 0x7FFF, 0x7C00);

  std::vector<float> wide = {1.0f + 0x1p-8f, 1.0f + 3 * 0x1p-8f, 3.4e38f};
  EXPECT_EQ(getNumbers<uint16_t>(
                run("quench.cast %w0 : (tensor<3xf32>) -> tensor<3xbf16>",
                    {"tensor<3xf32>"}, {getBytes(wide)})),
            (std::vector<uint16_t>{0x3F80, 0x3F82, 0x7F80}));
}

TEST_F(WeightOps, CastWidensExactly) {
  std::vector<uint16_t> brain = {0x3F80, 0xC040, 0x0001, 0x7F80};
  EXPECT_EQ(getNumbers<float>(
                run("quench.cast %w0 : (tensor<4xbf16>) -> tensor<4xf32>",
                    {"tensor<4xbf16>"}, {getBytes(brain)})),
            (std::vector<float>{1, -3, 0x1p-133f, INFINITY}));
  std::vector<uint16_t> halves = {0x3C00, 0x0001, 0xFBFF};
  EXPECT_EQ(getNumbers<double>(
                run("quench.cast %w0 : (tensor<3xf16>) -> tensor<3xf64>",
                    {"tensor<3xf16>"}, {getBytes(halves)})),
            (std::vector<double>{1, 0x1p-24, -65504}));
}

// The first outputs of SplitMix64 with the state 1234567, as published with its
// reference implementation.
TEST_F(WeightOps, NoiseIsTheGenerators) {
  const uint64_t outputs[] = {6457827717110365317u, 3203168211198807973u,
                              9817491932198370423u, 4593380528125082431u,
                              16408922859458223821u};
  auto numbers = getNumbers<double>(
      run("quench.noise seed 1234567 : tensor<5xf64>", {}, {}));
  ASSERT_EQ(numbers.size(), 5u);
  for (auto [output, number] : llvm::zip_equal(outputs, numbers))
    EXPECT_EQ(number, double(output >> 40) / (1 << 23) - 1);
  auto many = getNumbers<float>(
      run("quench.noise seed 1 : tensor<100x100xf32>", {}, {}));
  double sum = 0, squares = 0;
  for (float number : many) {
    EXPECT_TRUE(number >= -1 && number < 1);
    sum += number;
    squares += number * number;
  }
  // Uniform: mean 0 and variance 1/3, within five standard errors.
  EXPECT_NEAR(sum / many.size(), 0, 5 * std::sqrt(1.0 / 3 / many.size()));
  EXPECT_NEAR(squares / many.size(), 1.0 / 3,
              5 * std::sqrt(4.0 / 45 / many.size()));
}

TEST_F(WeightOps, PackPadsTheLastPanel) {
  auto numbers = count<float>(6);
  EXPECT_EQ(
      getNumbers<float>(run("quench.pack %w0 panel 2 : (tensor<3x2xf32>) -> "
                            "tensor<2x2x2xf32>",
                            {"tensor<3x2xf32>"}, {getBytes(numbers)})),
      (std::vector<float>{0, 2, 1, 3, 4, 0, 5, 0}));
}

TEST_F(WeightOps, RefusesWhatHasNoBytes) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  auto bits = count<uint8_t>(6);
  EXPECT_TRUE(failed(
      run("quench.transpose %w0 [1, 0] : (tensor<2x3xi1>) -> tensor<3x2xi1>",
          {"tensor<2x3xi1>"}, {getBytes(bits)})));
  EXPECT_EQ(message,
            "expected elements of whole bytes, found 'tensor<2x3xi1>'");
  EXPECT_TRUE(
      failed(run("quench.param <\"m\"::\"w\"> : tensor<2xf32>", {}, {})));
  EXPECT_EQ(message,
            "'quench.param' op is read from its archive and not evaluated");
}
