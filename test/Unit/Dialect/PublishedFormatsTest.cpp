//===- PublishedFormatsTest.cpp - Quantizers against published numbers ----===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support/Published.h"
#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Support/Numerics.h"

#include "mlir/AsmParser/AsmParser.h"

#include "llvm/Support/FormatVariadic.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace quench;
using namespace quench::test;
using llvm::formatv;
using testing::DoubleNear;
using testing::ElementsAreArray;
using testing::Pointwise;

namespace {
using Numbers = std::vector<double>;

class PublishedFormats : public testing::Test {
protected:
  PublishedFormats() { context.loadDialect<QuenchDialect>(); }

  QuantizerAttrInterface parse(const std::string &text) {
    return cast<QuantizerAttrInterface>(parseAttribute(text, &context));
  }

  MLIRContext context;
};
} // namespace

/// The codes of `input`, as numbers.
static Numbers quantize(QuantizerAttrInterface quantizer, const Numbers &input,
                        double scale, int8_t zero = 0) {
  std::vector<int8_t> codes(input.size());
  EXPECT_TRUE(
      succeeded(quantizer.quantize(input, scale, zero, /*wide=*/true, codes)));
  Numbers result;
  for (int8_t code : codes)
    result.push_back(quantizer.hasSignedCodes() ? code : uint8_t(code));
  return result;
}

static Numbers dequantize(QuantizerAttrInterface quantizer,
                          const Numbers &codes, double scale, int8_t zero = 0) {
  std::vector<int8_t> bytes;
  for (double code : codes)
    bytes.push_back(static_cast<int8_t>(static_cast<int>(code)));
  Numbers numbers(codes.size());
  EXPECT_TRUE(succeeded(
      quantizer.dequantize(bytes, scale, zero, /*wide=*/true, numbers)));
  return numbers;
}

static int64_t getInteger(const llvm::json::Object &object, StringRef key) {
  return static_cast<int64_t>(*object.getNumber(key));
}

static Numbers getNumbers(const llvm::json::Object &object, StringRef key) {
  Numbers numbers;
  for (const llvm::json::Value &value : *object.getArray(key))
    numbers.push_back(*value.getAsNumber());
  return numbers;
}

static void expectNear(const Numbers &found, const Numbers &expected) {
  EXPECT_THAT(found, Pointwise(DoubleNear(1e-12), expected));
}

/// The codes of a case, with `zeroCode` for the state of 0.
static Numbers getCodes(const llvm::json::Object &object, double zeroCode) {
  Numbers codes = getNumbers(object, "code");
  for (auto [code, zero] : llvm::zip_equal(codes, *object.getArray("zero")))
    if (*zero.getAsBoolean())
      code = zeroCode;
  return codes;
}

// C14, C15: RepQ-ViT's quantizer for softmax.
TEST_F(PublishedFormats, LogSqrt2) {
  Published published("logsqrt2");
  Numbers input = published.numbers("x");
  for (const llvm::json::Value &value : *published.at("cases").getAsArray()) {
    const llvm::json::Object &object = *value.getAsObject();
    int64_t bits = getInteger(object, "bits");
    double scale = *object.getNumber("scale");
    QuantizerAttrInterface quantizer = parse(
        formatv("#quench.log<u{0}, step = 1 : 2, zero = extra>", bits).str());
    Numbers codes = quantize(quantizer, input, scale);
    EXPECT_EQ(codes, getCodes(object, 1 << bits));
    expectNear(dequantize(quantizer, codes, scale),
               getNumbers(object, "dequant"));
  }
}

// C32: codes times integers by shifts, in two sums.
TEST_F(PublishedFormats, LogSqrt2ByShifts) {
  Published published("logsqrt2_av");
  Numbers codes = published.numbers("codes"), values = published.numbers("v");
  auto fraction = static_cast<int>(published.number("fraction_bits"));
  Numbers weights =
      dequantize(parse("#quench.log<u4, step = 1 : 2>"), codes, 1);
  Numbers even(2), odd(2), result(2);
  for (size_t i = 0; i != codes.size(); ++i)
    for (int channel : {0, 1}) {
      auto code = static_cast<int>(codes[i]);
      auto value = static_cast<int>(values[2 * i + channel]);
      (code % 2 ? odd : even)[channel] +=
          (value * (1 << fraction)) >> ((code + 1) / 2);
      result[channel] += weights[i] * value;
    }
  EXPECT_EQ(even, published.numbers("acc_even"));
  EXPECT_EQ(odd, published.numbers("acc_odd"));
  expectNear(result, published.numbers("result"));
}

// C14 to C16. Public code clamps to 1e-15, so that 0 gets a code in the middle
// where that is still within the range; here 0 is 0.
TEST_F(PublishedFormats, AdaLog) {
  Published published("adalog");
  Numbers input = published.numbers("x");
  for (const llvm::json::Value &value : *published.at("cases").getAsArray()) {
    const llvm::json::Object &object = *value.getAsObject();
    int64_t bits = getInteger(object, "bits");
    double scale = *object.getNumber("scale");
    QuantizerAttrInterface quantizer =
        parse(formatv("#quench.log<u{0}, step = {1} : 37, unit = {2}, "
                      "zero = extra>",
                      bits, getInteger(object, "q"), (2 << bits) - 2)
                  .str());
    Numbers codes = quantize(quantizer, input, scale);
    Numbers expected = getCodes(object, 1 << bits);
    Numbers numbers = getNumbers(object, "dequant");
    for (size_t i = 0; i != input.size(); ++i)
      if (input[i] == 0) {
        expected[i] = 1 << bits;
        numbers[i] = 0;
      }
    EXPECT_EQ(codes, expected);
    expectNear(dequantize(quantizer, codes, scale), numbers);
  }
  for (const llvm::json::Value &value : *published.at("tables").getAsArray()) {
    const llvm::json::Object &object = *value.getAsObject();
    int64_t bits = getInteger(object, "bits");
    int64_t unit = getInteger(object, "unit");
    Numbers shifts = getNumbers(object, "shift"), codes, expected;
    for (auto [code, mantissa] : llvm::enumerate(getNumbers(object, "mant"))) {
      codes.push_back(code);
      expected.push_back(
          std::ldexp(mantissa / double(unit), -static_cast<int>(shifts[code])));
    }
    QuantizerAttrInterface quantizer =
        parse(formatv("#quench.log<u{0}, step = {1} : 37, unit = {2}>", bits,
                      getInteger(object, "q"), unit)
                  .str());
    EXPECT_EQ(dequantize(quantizer, codes, 1), expected);
  }
}

// C17, the stand-in.
TEST_F(PublishedFormats, Tangent) {
  Published published("tanq_standin");
  for (const llvm::json::Value &value : *published.at("cases").getAsArray()) {
    const llvm::json::Object &object = *value.getAsObject();
    std::string a, b;
    llvm::raw_string_ostream(a)
        << llvm::format("%.17e", *object.getNumber("a"));
    llvm::raw_string_ostream(b)
        << llvm::format("%.17e", *object.getNumber("b"));
    QuantizerAttrInterface quantizer =
        parse(formatv("#quench.tangent<u{0}, a = {1}, b = {2}>",
                      getInteger(object, "bits"), a, b)
                  .str());
    Numbers codes = quantize(quantizer, getNumbers(object, "x"), 1);
    EXPECT_EQ(codes, getNumbers(object, "code"));
    expectNear(dequantize(quantizer, codes, 1), getNumbers(object, "value"));
  }
}

// C18, as the paper has it; public code adds the two grids.
TEST_F(PublishedFormats, TwinUniform) {
  Published published("twin_uniform");
  for (const llvm::json::Value &value : *published.at("softmax").getAsArray()) {
    const llvm::json::Object &object = *value.getAsObject();
    int64_t bits = getInteger(object, "bits");
    int64_t shift = getInteger(object, "i");
    QuantizerAttrInterface quantizer = parse(
        formatv("#quench.twin_uniform<u{0}, shift = {1}>", bits, shift).str());
    double scale = quantizer.getParameters({0, 1}, /*wide=*/true).scale;
    EXPECT_EQ(scale, std::ldexp(1.0, -static_cast<int>(shift)) /
                         ((1 << (bits - 1)) - 1));
    Numbers codes = quantize(quantizer, published.numbers("x"), scale);
    EXPECT_EQ(codes, getNumbers(object, "byte"));
    expectNear(dequantize(quantizer, codes, scale),
               getNumbers(object, "value"));
  }
  for (const llvm::json::Value &value : *published.at("gelu").getAsArray()) {
    const llvm::json::Object &object = *value.getAsObject();
    QuantizerAttrInterface quantizer =
        parse(formatv("#quench.twin_uniform<i{0}, shift = {1}>",
                      getInteger(object, "bits"), getInteger(object, "m"))
                  .str());
    double scale = *object.getNumber("dneg");
    Numbers codes = quantize(quantizer, published.numbers("gelu_x"), scale);
    expectNear(dequantize(quantizer, codes, scale),
               getNumbers(object, "value"));
  }
}

// C23, C25, and C34: rows of 8 numbers with a scale each.
TEST_F(PublishedFormats, Uniform) {
  Published published("quantizers");
  Numbers all = published.numbers("X");
  auto check = [&](StringRef name, const std::string &format) {
    QuantizerAttrInterface quantizer = parse(format);
    for (int row = 0; row < 3; ++row) {
      Numbers input(all.begin() + 8 * row, all.begin() + 8 * row + 8);
      auto [least, greatest] = std::minmax_element(input.begin(), input.end());
      HostQuantParameters parameters =
          quantizer.getParameters({*least, *greatest}, /*wide=*/true);
      EXPECT_NEAR(parameters.scale,
                  published.numbers((name + "/scale").str())[row], 1e-15);
      Numbers codes = published.numbers((name + "/codes").str());
      EXPECT_EQ(quantize(quantizer, input, parameters.scale, parameters.zero),
                Numbers(codes.begin() + 8 * row, codes.begin() + 8 * row + 8));
      if (quantizer.hasZeroPoint()) {
        EXPECT_EQ(parameters.zero,
                  published.numbers((name + "/zero").str())[row]);
      }
    }
  };
  check("quarot_sym4_clip1", "#quench.uniform<i4>");
  check("quarot_asym4_clip1", "#quench.uniform<u4, asymmetric>");
  check("smoothquant_absmax8", "#quench.uniform<i8>");

  std::vector<int32_t> codes;
  for (double code : published.numbers("quarot_sym4_clip1/codes"))
    codes.push_back(static_cast<int32_t>(code));
  std::vector<uint8_t> bytes(codes.size() / 2);
  numerics::pack(codes.data(), codes.size(), 4, bytes.data());
  EXPECT_THAT(published.numbers("pack_i4_twos_complement"),
              ElementsAreArray(bytes));
  std::vector<int32_t> unpacked(codes.size());
  numerics::unpack(bytes.data(), codes.size(), 4, /*isSigned=*/true,
                   unpacked.data());
  EXPECT_EQ(unpacked, codes);
}

// Codes of three bits cross bytes.
TEST_F(PublishedFormats, PackAsStreams) {
  const int32_t codes[] = {1, 2, 3, 4, 5};
  uint8_t bytes[2];
  numerics::pack(codes, 5, 3, bytes);
  EXPECT_EQ(bytes[0], 0b11010001);
  EXPECT_EQ(bytes[1], 0b01011000);
  int32_t unpacked[5];
  numerics::unpack(bytes, 5, 3, /*isSigned=*/false, unpacked);
  EXPECT_THAT(unpacked, ElementsAreArray(codes));
}

// FQ-ViT's factors of channels are powers of two.
TEST_F(PublishedFormats, PowerOfTwoFactors) {
  Published published("fq_ptf_layernorm");
  Numbers input = published.numbers("x"), codes = published.numbers("codes");
  Numbers exponents = published.numbers("alpha");
  QuantizerAttrInterface quantizer = parse("#quench.uniform<u8, asymmetric>");
  auto zero = static_cast<int8_t>(published.number("zp"));
  for (size_t i = 0; i != input.size(); ++i) {
    double scale =
        std::ldexp(published.number("s"), static_cast<int>(exponents[i % 4]));
    EXPECT_EQ(quantize(quantizer, {input[i]}, scale, zero).front(), codes[i]);
  }
}

// C24, C30: block shifts, with exact sums. The rule is inferred, not published.
TEST_F(PublishedFormats, BlockShifts) {
  Published published("bct_inferred");
  QuantizerAttrInterface quantizer = parse("#quench.uniform<i8, scale = e8m0>");
  auto getBlock = [&](StringRef name, int row, int begin) {
    Numbers all = published.numbers(name);
    auto first = all.begin() + 8 * row + begin;
    Numbers input(first, first + 4);
    auto [least, greatest] = std::minmax_element(input.begin(), input.end());
    double scale =
        quantizer.getParameters({*least, *greatest}, /*wide=*/true).scale;
    return std::make_pair(quantize(quantizer, input, scale), -std::log2(scale));
  };
  Numbers rows = published.numbers("partials[t,r,k0,shift_x,shift_w,int_dot]");
  Numbers sums(8);
  for (size_t i = 0; i != rows.size(); i += 6) {
    auto token = static_cast<int>(rows[i]), row = static_cast<int>(rows[i + 1]);
    auto [x, shiftX] = getBlock("X", token, static_cast<int>(rows[i + 2]));
    auto [w, shiftW] = getBlock("W", row, static_cast<int>(rows[i + 2]));
    EXPECT_EQ(shiftX, rows[i + 3]);
    EXPECT_EQ(shiftW, rows[i + 4]);
    double dot = 0;
    for (int k = 0; k < 4; ++k)
      dot += x[k] * w[k];
    EXPECT_EQ(dot, rows[i + 5]);
    sums[4 * token + row] +=
        std::ldexp(dot, -static_cast<int>(shiftX + shiftW));
  }
  expectNear(sums, published.numbers("Y"));
}

// QuEST's grid has no 0: a code book of halves. Its mean errors on a Gaussian
// are those published, and so is that of e2m1.
TEST_F(PublishedFormats, GaussianErrors) {
  Published published("quest");
  std::string book = "#quench.code_book<[";
  for (int half = -15; half <= 15; half += 2)
    book += formatv("{0}{1:f1}", half == -15 ? "" : ", ", half / 2.0).str();
  QuantizerAttrInterface quantizer = parse(book + "]>");
  Numbers rows = published.numbers("row_example/codes_A");
  Numbers numbers = published.numbers("row_example/dequant_A");
  Numbers steps = published.numbers("row_example/step_A");
  for (int row = 0; row < 3; ++row) {
    Numbers codes;
    for (int k = 0; k < 16; ++k)
      codes.push_back(rows[16 * row + k] + 8);
    expectNear(
        dequantize(quantizer, codes, steps[row]),
        Numbers(numbers.begin() + 16 * row, numbers.begin() + 16 * row + 16));
  }
  auto getError = [](QuantizerAttrInterface quantizer, double scale) {
    constexpr double step = 1.0 / 1024, pi = 3.14159265358979323846;
    Numbers input;
    for (double x = -9; x <= 9; x += step)
      input.push_back(x);
    Numbers found =
        dequantize(quantizer, quantize(quantizer, input, scale), scale);
    double error = 0;
    for (auto [x, y] : llvm::zip_equal(input, found))
      error += (x - y) * (x - y) * std::exp(-x * x / 2) * step;
    return error / std::sqrt(2 * pi);
  };
  auto check = [&](StringRef path, StringRef scale,
                   QuantizerAttrInterface quantizer) {
    const llvm::json::Object &object = *published.at(path).getAsObject();
    EXPECT_NEAR(getError(quantizer, *object.getNumber(scale)),
                *object.getNumber("mse"), 1e-6)
        << path.str();
  };
  check("centered_uniform/4", "step/std", quantizer);
  check("fp4_e2m1", "scale_for_max6/std", parse("#quench.small_float<e2m1>"));
  check("signed_int_with_zero/4", "scale/std", parse("#quench.uniform<i4>"));
}

// AdaLog behind GELU: what was added before the quantizer leaves the bias by
// the weight as it was quantized.
TEST_F(PublishedFormats, BiasOfAShiftedInput) {
  Published published("adalog_bias_fold");
  double shift = published.number("shift"), scale = published.number("scale");
  QuantizerAttrInterface quantizer =
      parse(formatv("#quench.log<u4, step = {0} : 37, unit = 30, zero = extra>",
                    static_cast<int>(published.number("q")))
                .str());
  Numbers input = published.numbers("gelu"), weight = published.numbers("Wq"),
          bias = published.numbers("b");
  for (double &number : input)
    number += shift;
  Numbers codes = quantize(quantizer, input, scale);
  EXPECT_EQ(codes, (Numbers{16, 0, 2, 4, 5, 1}));
  for (int row = 0; row < 2; ++row)
    for (int column = 0; column < 3; ++column)
      bias[row] -= shift * weight[3 * row + column];
  expectNear(bias, published.numbers("b2"));
  Numbers numbers = dequantize(quantizer, codes, scale), result;
  for (int token = 0; token < 2; ++token)
    for (int row = 0; row < 2; ++row) {
      double sum = bias[row];
      for (int k = 0; k < 3; ++k)
        sum += numbers[3 * token + k] * weight[3 * row + k];
      result.push_back(sum);
    }
  expectNear(result, published.numbers("y"));
}

// Ranges of channels the two ends of which are clipped apart.
TEST_F(PublishedFormats, DualClipping) {
  Published published("dual_clip");
  Numbers low = published.numbers("min"), high = published.numbers("max"),
          lower = published.numbers("lower"),
          upper = published.numbers("upper"), scale = published.numbers("s"),
          zero = published.numbers("z");
  QuantizerAttrInterface quantizer = parse("#quench.uniform<u4, asymmetric>");
  for (size_t i = 0; i != low.size(); ++i) {
    HostQuantParameters found = quantizer.getParameters(
        {lower[i] * low[i], upper[i] * high[i]}, /*wide=*/true);
    EXPECT_DOUBLE_EQ(found.scale, scale[i]);
    EXPECT_EQ(found.zero, zero[i]);
  }
}
