//===- FormatsTest.cpp - What quantizers compute on the host --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Support/Numerics.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"
#include <cmath>
#include <fstream>
#include <sstream>

using namespace mlir;
using namespace quench;

namespace {
class Formats : public testing::Test {
protected:
  Formats() { context.loadDialect<QuenchDialect>(); }

  QuantizerAttrInterface parse(StringRef text) {
    return dyn_cast_or_null<QuantizerAttrInterface>(
        parseAttribute(text, &context));
  }

  MLIRContext context;
};

/// Rows of the table that share a format and a scale.
struct Rows {
  std::string format;
  bool wide;
  double scale;
  std::vector<double> input, numbers;
  std::vector<int32_t> codes;
};
} // namespace

static double readFloat(std::istream &in, bool wide) {
  uint64_t bits;
  in >> std::hex >> bits >> std::dec;
  return wide ? numerics::bitCast<double>(bits)
              : numerics::bitCast<float>(static_cast<uint32_t>(bits));
}

static std::vector<Rows> readTable() {
  std::vector<Rows> table;
  std::ifstream file(FORMATS_TABLE);
  for (std::string line; std::getline(file, line);) {
    if (line.front() != '#') {
      Rows &rows = table.back();
      std::istringstream in(line);
      rows.input.push_back(readFloat(in, rows.wide));
      in >> rows.codes.emplace_back();
      rows.numbers.push_back(readFloat(in, rows.wide));
      continue;
    }
    Rows &rows = table.emplace_back();
    std::istringstream in(line.substr(1));
    in >> rows.wide;
    rows.scale = readFloat(in, rows.wide);
    std::getline(in >> std::ws, rows.format);
  }
  return table;
}

/// Equal bits, or two NaNs.
static bool isSame(double x, double y) {
  return numerics::bitCast<uint64_t>(x) == numerics::bitCast<uint64_t>(y) ||
         (std::isnan(x) && std::isnan(y));
}

static int32_t widen(QuantizerAttrInterface quantizer, int8_t code) {
  return quantizer.hasSignedCodes() ? code : uint8_t(code);
}

// C12 to C21, against exact arithmetic.
TEST_F(Formats, AgreeWithExactArithmetic) {
  std::vector<Rows> table = readTable();
  ASSERT_GT(table.size(), 100u);
  for (const Rows &rows : table) {
    QuantizerAttrInterface quantizer = parse(rows.format);
    ASSERT_TRUE(quantizer) << rows.format;
    std::vector<int8_t> codes(rows.input.size());
    std::vector<double> numbers(rows.input.size());
    ASSERT_TRUE(succeeded(
        quantizer.quantize(rows.input, rows.scale, 0, rows.wide, codes)));
    ASSERT_TRUE(succeeded(
        quantizer.dequantize(codes, rows.scale, 0, rows.wide, numbers)));
    for (size_t i = 0; i != rows.input.size(); ++i) {
      ASSERT_EQ(widen(quantizer, codes[i]), rows.codes[i])
          << rows.format << ", wide " << rows.wide << ", scale " << rows.scale
          << ", input " << rows.input[i];
      ASSERT_TRUE(isSame(numbers[i], rows.numbers[i]))
          << rows.format << ", code " << rows.codes[i] << ": " << numbers[i]
          << ", expected " << rows.numbers[i];
    }
  }
}

static constexpr const char *formats[] = {
    "#quench.uniform<i2>",
    "#quench.uniform<u4>",
    "#quench.uniform<i8>",
    "#quench.log<u4>",
    "#quench.log<u4, step = 1 : 2, zero = last>",
    "#quench.log<u6, step = 1 : 2, zero = extra>",
    "#quench.log<u4, step = 20 : 37, unit = 30, zero = extra>",
    "#quench.log<u6, step = 10 : 37, unit = 126>",
    "#quench.log<u8, step = 1 : 4>",
    "#quench.tangent<u4, a = 2.4, b = 1.2>",
    "#quench.tangent<u8, a = 2.0, b = 1.0>",
    "#quench.twin_uniform<u4, shift = 0>",
    "#quench.twin_uniform<u4, shift = 2>",
    "#quench.twin_uniform<u8, shift = 8>",
    "#quench.twin_uniform<i8, shift = 3>",
    "#quench.twin_uniform<i4, shift = -5>",
    "#quench.code_book<nf4>",
    "#quench.code_book<[-1.0, 0.5, 4.0]>",
    "#quench.ternary",
    "#quench.binary",
    "#quench.small_float<e4m3>",
    "#quench.small_float<e5m2>",
    "#quench.small_float<e3m2>",
    "#quench.small_float<e2m3>",
    "#quench.small_float<e2m1>",
};

/// Every 17th number of bf16, both infinities among them, ascending.
static std::vector<double> getInputs() {
  std::vector<double> positive, inputs;
  for (int32_t bits = 0x7f80; bits >= 0; bits -= 17)
    positive.push_back(numerics::BF16::decode(static_cast<uint16_t>(bits)));
  for (double input : positive)
    inputs.push_back(-input);
  inputs.insert(inputs.end(), positive.rbegin(), positive.rend());
  return inputs;
}

// Numbers ascend with their inputs, between the ends of the format; quantizing
// them again changes nothing; a NaN is the least number or stays one.
TEST_F(Formats, AreMonotonicIdempotentAndSaturate) {
  std::vector<double> inputs = getInputs();
  for (const char *text : formats)
    for (bool wide : {false, true})
      for (double scale : {1.0, wide ? 0.1 : double(0.1f)}) {
        QuantizerAttrInterface quantizer = parse(text);
        ASSERT_TRUE(quantizer) << text;
        auto fake = [&](ArrayRef<double> input) {
          std::vector<int8_t> codes(input.size());
          std::vector<double> numbers(input.size());
          EXPECT_TRUE(
              succeeded(quantizer.quantize(input, scale, 0, wide, codes)));
          EXPECT_TRUE(
              succeeded(quantizer.dequantize(codes, scale, 0, wide, numbers)));
          return numbers;
        };
        std::vector<double> numbers = fake(inputs);
        EXPECT_TRUE(llvm::is_sorted(numbers)) << text;
        EXPECT_EQ(fake(numbers), numbers) << text;
        auto [least, greatest] = quantizer.getNumberRange();
        auto scaled = [&](double number) {
          return wide ? number * scale : double(float(number) * float(scale));
        };
        EXPECT_EQ(numbers.front(), scaled(least)) << text;
        EXPECT_EQ(numbers.back(), scaled(greatest)) << text;
        double special = fake({NAN}).front();
        bool hasNaN = StringRef(text).contains("e4m3") ||
                      StringRef(text).contains("e5m2");
        EXPECT_TRUE(hasNaN ? std::isnan(special) : special == scaled(least))
            << text;
      }
}

// Every code of a format is that of its number, but for two codes of one
// number.
TEST_F(Formats, GiveBackTheirCodes) {
  for (const char *text : formats) {
    QuantizerAttrInterface quantizer = parse(text);
    unsigned bits = quantizer.getStorageType().getWidth();
    std::vector<int8_t> codes, again(1 << bits);
    for (int32_t code = 0; code < 1 << bits; ++code)
      codes.push_back(static_cast<int8_t>(
          quantizer.hasSignedCodes() ? code - (1 << (bits - 1)) : code));
    std::vector<double> numbers(codes.size()), same(codes.size());
    ASSERT_TRUE(
        succeeded(quantizer.dequantize(codes, 1, 0, /*wide=*/true, numbers)));
    ASSERT_TRUE(
        succeeded(quantizer.quantize(numbers, 1, 0, /*wide=*/true, again)));
    ASSERT_TRUE(
        succeeded(quantizer.dequantize(again, 1, 0, /*wide=*/true, same)));
    for (size_t i = 0; i != codes.size(); ++i) {
      if (std::isinf(numbers[i]))
        continue;
      EXPECT_TRUE(isSame(same[i], numbers[i]))
          << text << ", code " << int(codes[i]);
      bool isFirst =
          std::isnan(numbers[i]) || llvm::count(numbers, numbers[i]) > 1;
      EXPECT_TRUE(isFirst || again[i] == codes[i])
          << text << ", code " << int(codes[i]);
    }
  }
}

// C23 to C25; the emitted form is compared with exact arithmetic elsewhere.
TEST_F(Formats, CoverRanges) {
  auto get = [&](StringRef text, double low, double high, double outer = 1) {
    return parse(text).getParameters({low, high, outer}, /*wide=*/false);
  };
  EXPECT_EQ(get("#quench.uniform<i4>", -14, 3).scale, 2);
  EXPECT_EQ(get("#quench.uniform<u4>", -14, 30).scale, 2);
  EXPECT_EQ(get("#quench.uniform<u4, asymmetric>", -3, 12).scale, 1);
  EXPECT_EQ(get("#quench.uniform<u4, asymmetric>", -3, 12).zero, 3);
  EXPECT_EQ(get("#quench.uniform<i4, asymmetric>", -3, 12).zero, -5);
  EXPECT_EQ(get("#quench.uniform<u4, asymmetric>", 3, 15).zero, 0);
  EXPECT_EQ(get("#quench.uniform<i4>", 0, 0).scale, 1);
  EXPECT_EQ(get("#quench.uniform<i4>", NAN, NAN).scale, 1);
  EXPECT_EQ(get("#quench.uniform<i4>", -INFINITY, 1).scale, 0x1p127);
  EXPECT_EQ(get("#quench.uniform<i4, scale = e8m0>", -15, 3).scale, 4);
  EXPECT_EQ(get("#quench.uniform<i4, scale = e8m0>", -14, 3).scale, 2);
  EXPECT_EQ(get("#quench.small_float<e2m1, scale = e8m0>", -15, 3).scale, 2);
  EXPECT_EQ(get("#quench.small_float<e4m3, scale = e8m0>", 0, 300).scale, 1);
  EXPECT_EQ(get("#quench.small_float<e2m1, scale = e4m3>", -6, 6, 0.5).scale,
            1);
  EXPECT_EQ(get("#quench.code_book<[-1.0, 0.5]>", -3, 1).scale, 3);
  EXPECT_EQ(get("#quench.twin_uniform<u4, shift = 3>", 0, 56).scale, 1);
  for (const char *text : formats) {
    EXPECT_EQ(parse(text).getScale(3, /*wide=*/true),
              parse(text).getParameters({-3, 3}, /*wide=*/true).scale);
  }
  EXPECT_FALSE(parse("#quench.uniform<u4, asymmetric>").getScale(3, true));
}

// C24: NVFP4 has one scale for all of a weight, and small floats times it for
// blocks. The block with the greatest magnitude has the largest small float.
TEST_F(Formats, ScaleBlocksByTheWholeWeight) {
  constexpr StringLiteral text = R"(
    %w = quench.param <"m"::"w"> : tensor<2x32xf32>
    %s = quench.quant_scale %w
      by(#quench.small_float<e2m1, axis = 0, group = 16, scale = e4m3>)
      : (tensor<2x32xf32>) -> tensor<2x2xf32>)";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  auto op = cast<WeightProgramOpInterface>(module->getBody()->back());
  std::vector<float> weights(64, 0), scales(4);
  weights[3] = 0.0625;
  weights[17] = -0.5;
  weights[40] = 0.001;
  auto getBytes = [](std::vector<float> &numbers) {
    return MutableArrayRef<char>(reinterpret_cast<char *>(numbers.data()),
                                 numbers.size() * sizeof(float));
  };
  ArrayRef<char> input = getBytes(weights);
  ASSERT_TRUE(succeeded(op.evaluateWeights({input}, getBytes(scales))));
  float outer = 0.5f / (448 * 6);
  EXPECT_EQ(scales[0], 56 * outer);
  EXPECT_EQ(scales[1], 448 * outer);
  EXPECT_EQ(scales[2], 0.875f * outer);
  // 1 is far beyond.
  EXPECT_EQ(scales[3], 448 * outer);
}

// Passes that move factors ask this before they do.
TEST_F(Formats, AbsorbScalesOfTheirAxes) {
  auto absorbs = [&](StringRef text, int64_t dim) {
    return parse(text).absorbsChannelScale(/*rank=*/2, dim);
  };
  EXPECT_TRUE(absorbs("#quench.uniform<i4, axis = 0>", 0));
  EXPECT_TRUE(absorbs("#quench.code_book<nf4, axis = 0, group = 64>", 0));
  EXPECT_TRUE(absorbs("#quench.uniform<i4, token>", 0));
  EXPECT_FALSE(absorbs("#quench.uniform<i4, axis = 0>", 1));
  EXPECT_FALSE(absorbs("#quench.uniform<i4, axis = 0, group = 64>", 1));
  EXPECT_FALSE(absorbs("#quench.uniform<i4, axis = 0, scale = e8m0>", 0));
  EXPECT_FALSE(absorbs("#quench.ternary", 0));
}

TEST_F(Formats, SayWhatProductsNeed) {
  auto form = [&](StringRef text) { return parse(text).getIntegerForm(); };
  EXPECT_EQ(form("#quench.uniform<i4>"), IntegerForm::Integer);
  EXPECT_EQ(form("#quench.ternary"), IntegerForm::Integer);
  EXPECT_EQ(form("#quench.log<u4>"), IntegerForm::Shift);
  EXPECT_EQ(form("#quench.log<u4, step = 1 : 2>"), IntegerForm::Shift);
  EXPECT_EQ(form("#quench.log<u4, step = 20 : 37>"), IntegerForm::Table);
  EXPECT_EQ(form("#quench.twin_uniform<u4, shift = 2>"), IntegerForm::Shift);
  EXPECT_EQ(form("#quench.code_book<nf4>"), IntegerForm::Table);
  EXPECT_EQ(form("#quench.small_float<e4m3>"), IntegerForm::Float);
}
