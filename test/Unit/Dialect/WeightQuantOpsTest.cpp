//===- WeightQuantOpsTest.cpp - Quantizing weights by data ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support/Published.h"
#include "NumberOps.h"

#include "llvm/Support/FormatVariadic.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace mlir;
using namespace quench;
using namespace quench::test;
using llvm::formatv;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::Pointwise;

namespace {
struct WeightQuantOps : public NumberOps {
  /// Rows and columns of the weight.
  int64_t out = 4, in = 8;

  std::string getType(std::initializer_list<int64_t> shape,
                      StringRef element = "f64") {
    std::string text = "tensor<";
    for (int64_t size : shape)
      text += formatv("{0}x", size).str();
    return text + element.str() + ">";
  }

  Numbers runText(const std::string &op, ArrayRef<StringRef> types,
                  ArrayRef<Numbers> operands) {
    return run(op, types, operands);
  }

  Numbers factor(const Numbers &gram, double damping,
                 const Numbers &order = {}) {
    resultType = getType({in, in});
    std::string square = getType({in, in}), vector = getType({in});
    std::string text = formatv("quench.gram_factor %w0 {0} damping {1:f4}",
                               order.empty() ? "" : "order %w1", damping);
    if (order.empty())
      return run(text, {square}, {gram});
    return run(text, {square, vector}, {gram, order});
  }

  /// The scales of `w` by a search of `steps`; `groups` for each row.
  Numbers searchScale(const Numbers &w, StringRef format, int64_t groups,
                      int64_t steps) {
    resultType = groups == 0 ? getType({out}) : getType({out, groups});
    return runText(
        formatv("quench.search_scale %w0 by(#quench.{0}) steps {1} of "
                "100 norm 2.4",
                format, steps),
        {getType({out, in})}, {w});
  }

  Numbers gptq(const Numbers &w, const Numbers &scale, const Numbers &factor,
               StringRef format, int64_t groups = 0, int64_t block = 128,
               const Numbers &order = {}, const Numbers &zero = {}) {
    resultType = getType({out, in}, "i8");
    std::string parameters = formatv("{0}x", out).str() +
                             (groups == 0 ? "" : formatv("{0}x", groups).str());
    std::vector<std::string> types = {getType({out, in}),
                                      "tensor<" + parameters + "f64>"};
    std::vector<Numbers> operands = {w, scale};
    std::string text = "quench.gptq %w0, %w1 ";
    if (!zero.empty()) {
      types.push_back("tensor<" + parameters + "i8>");
      operands.push_back(zero);
      text += "zero %w2 ";
    }
    text += formatv("factor %w{0} ", types.size());
    types.push_back(getType({in, in}));
    operands.push_back(factor);
    if (!order.empty()) {
      text += formatv("order %w{0} ", types.size());
      types.push_back(getType({in}));
      operands.push_back(order);
    }
    text += formatv("by(#quench.{0}) block {1}", format, block);
    return run(text, SmallVector<StringRef>(types.begin(), types.end()),
               operands);
  }

  /// Half of `tr(e h e^T)`, `e` what the codes are off by.
  double getLoss(const Numbers &w, const Numbers &codes, const Numbers &scale,
                 const Numbers &h) {
    double loss = 0;
    int64_t group = out * in / int64_t(scale.size());
    for (int64_t row = 0; row < out; ++row) {
      Numbers e(in);
      for (int64_t i = 0; i < in; ++i) {
        int64_t index = row * in + i;
        e[i] = w[index] - codes[index] * scale[index / group];
      }
      for (int64_t i = 0; i < in; ++i)
        for (int64_t j = 0; j < in; ++j)
          loss += e[i] * h[i * in + j] * e[j] / 2;
    }
    return loss;
  }
};

Numbers getDiagonal(const Numbers &gram, int64_t n) {
  Numbers diagonal;
  for (int64_t i = 0; i < n; ++i)
    diagonal.push_back(gram[i * (n + 1)]);
  return diagonal;
}

void expectNear(const Numbers &found, const Numbers &expected) {
  EXPECT_THAT(found, Pointwise(DoubleNear(1e-12), expected));
}

/// The table of `bits` for rows `w` with scales `scale`, and `moments` or none.
struct LearnedTables : public WeightQuantOps {
  Numbers learn(const Numbers &w, const Numbers &scale,
                const Numbers &moments = {}) {
    resultType = getType({4}, "f32");
    std::string weight = getType({out, in}), rows = getType({out}),
                columns = getType({in});
    std::string by = "by(#quench.code_book<learned 2, axis = 0>)";
    if (moments.empty())
      return run("quench.k_means %w0, %w1 " + by, {weight, rows}, {w, scale});
    return run("quench.k_means %w0, %w1 moments %w2 " + by,
               {weight, rows, columns}, {w, scale, moments});
  }

  Numbers quantize(const Numbers &w, const Numbers &scale,
                   const Numbers &table) {
    resultType = getType({out, in}, "i8");
    return run(
        "quench.quantize %w0, %w1 table %w2 by(#quench.code_book<learned "
        "2, axis = 0>)",
        {getType({out, in}), getType({out}), getType({4}, "f32")},
        {w, scale, table});
  }
};

// C37: squares of errors of the weight count, and times the moments if there
// are some.
TEST_F(LearnedTables, MinimizeTheErrorOfTheWeight) {
  out = 2;
  in = 5;
  Numbers w = {4, 2, 1, -1, -4, 1, 0.5, -0.5, -0.75, -1};
  Numbers scale = {4, 1};
  // Quotients 1, 0.5, 0.25, -0.25, -1 count 16 times, 1, 0.5, -0.5, -0.75, -1
  // once; which four clusters are best was found by trying all.
  EXPECT_THAT(
      learn(w, scale),
      ElementsAreArray({double(float(-17.75 / 18)), double(float(-4.5 / 17)),
                        double(float((0.25 * 16 + 0.5 * 17) / 33)), 1.0}));
  // Only the columns 1 and 2: 0.5 and 0.25, 0.5 and -0.5.
  Numbers table = learn(w, scale, {0, 1, 1, 0, 0});
  float next = std::nextafter(0.5f, 1.0f);
  EXPECT_THAT(table, ElementsAre(-0.5, 0.25, 0.5, next));
  // Inputs that are always 0 say nothing: all count.
  EXPECT_EQ(learn(w, scale, {0, 0, 0, 0, 0}), learn(w, scale));
  // Factors of all moments say nothing, not even large ones.
  EXPECT_EQ(learn(w, scale, {0, 1e300, 1e300, 0, 0}), table);
}

TEST_F(LearnedTables, OfNumbersThatAreNone) {
  out = 1;
  in = 4;
  float next = std::nextafter(0.5f, 1.0f);
  EXPECT_THAT(learn({NAN, 0.5, -1, 0.5}, {1}),
              ElementsAre(-1, 0.5, next, std::nextafter(next, 1.0f)));
  Numbers zeros = learn({0, 0, 0, 0}, {1});
  EXPECT_THAT(quantize({0, 0, 0, 0}, {1}, zeros), ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(zeros[0], 0);
  EXPECT_EQ(learn({NAN, NAN, NAN, NAN}, {1}), zeros);
  EXPECT_THAT(learn({INFINITY, 1, -1, -INFINITY}, {1}),
              ElementsAre(-1, 1, testing::_, testing::_));
}

TEST_F(LearnedTables, CodesAreThoseOfTheNearest) {
  out = 1;
  in = 8;
  // Middles take the even code (C13), a NaN the first.
  EXPECT_THAT(
      quantize({-8, -1.5, -1, 0, 1.5, 1.6, 8, NAN}, {2}, {-1, -0.5, 0.5, 1}),
      ElementsAre(0, 0, 1, 2, 2, 3, 3, 0));
  for (Numbers table : {Numbers{-1, 0, 0, 1}, Numbers{-1, 0, NAN, 1},
                        Numbers{-1, 0, 1, INFINITY}}) {
    messages.clear();
    EXPECT_TRUE(quantize(Numbers(8, 1), {2}, table).empty());
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_THAT(messages[0], HasSubstr("expected finite numbers that ascend in "
                                       "the table, found "));
  }
}
} // namespace

TEST_F(WeightQuantOps, TheInverseOfTheFactorIsThePublishedOne) {
  Published file("gptq_rsq");
  Numbers r = factor(file.numbers("H"), 0.01), u = file.numbers("w4/U");
  ASSERT_EQ(r.size(), 64u);
  for (int64_t i = 0; i < 8; ++i)
    for (int64_t j = 0; j < 8; ++j) {
      double product = 0;
      for (int64_t k = 0; k < 8; ++k)
        product += r[i * 8 + k] * u[k * 8 + j];
      EXPECT_NEAR(product, i == j, 1e-12) << i << ", " << j;
    }
}

TEST_F(WeightQuantOps, PublishedGPTQ) {
  Published file("gptq_rsq");
  Numbers w = file.numbers("W"), h = file.numbers("H");
  Numbers r = factor(h, 0.01);
  Numbers scale = searchScale(w, "uniform<i4, axis = 0>", 0, 1);
  expectNear(scale, file.numbers("w4/scale"));
  for (int64_t block : {1, 3, 128}) {
    Numbers codes = gptq(w, scale, r, "uniform<i4, axis = 0>", 0, block);
    EXPECT_EQ(codes, file.numbers("w4/codes"));
    EXPECT_NEAR(getLoss(w, codes, scale, h),
                file.number("objective_0.5*tr(dW H dW^T)/gptq"), 1e-12);
  }

  Numbers order = getDiagonal(h, 8);
  Numbers permuted = factor(h, 0.01, order);
  EXPECT_EQ(gptq(w, scale, permuted, "uniform<i4, axis = 0>", 0, 128, order),
            file.numbers("w4_actorder/codes"));

  scale = searchScale(w, "uniform<i3, axis = 0>", 0, 80);
  expectNear(scale, file.numbers("w3_mseclip/scale"));
  EXPECT_EQ(gptq(w, scale, r, "uniform<i3, axis = 0>"),
            file.numbers("w3_mseclip/codes"));
}

TEST_F(WeightQuantOps, PublishedGPTQWithGroupsOnTheWay) {
  Published file("gptq_rsq");
  Numbers w = file.numbers("W"), r = factor(file.numbers("H"), 0.01);
  resultType = getType({4, 2});
  Numbers scale =
      run("quench.gptq_scale %w0 factor %w1 by(#quench.uniform<i4, axis = 0, "
          "group = 4>) steps 1 of 100 norm 2.4",
          {getType({4, 8}), getType({8, 8})}, {w, r});
  expectNear(scale, file.numbers("w4_group4/scales"));
  EXPECT_EQ(gptq(w, scale, r, "uniform<i4, axis = 0, group = 4>", 2),
            file.numbers("w4_group4/codes"));
}

TEST_F(WeightQuantOps, PublishedRSQ) {
  Published file("gptq_rsq");
  Numbers w = file.numbers("W");
  Numbers scale = searchScale(w, "uniform<i3, axis = 0>", 0, 1);
  // Weights of tokens, the mean of each sequence 1, enter linearly; and, for
  // the paper, weights as they are in squares.
  Numbers x = file.numbers("X"), r = file.numbers("rsq/r"), linear(64),
          squared(64);
  for (int64_t sequence = 0; sequence < 3; ++sequence) {
    double sum = 0;
    for (int64_t t = sequence * 16; t < sequence * 16 + 16; ++t)
      sum += r[t];
    for (int64_t t = sequence * 16; t < sequence * 16 + 16; ++t)
      for (int64_t i = 0; i < 8; ++i)
        for (int64_t j = 0; j < 8; ++j) {
          double product = x[t * 8 + i] * x[t * 8 + j];
          linear[i * 8 + j] += r[t] * 16 / sum * product;
          squared[i * 8 + j] += r[t] * r[t] * product;
        }
  }
  for (const auto &[gram, codes] :
       {std::pair(file.numbers("H"), "rsq/codes3_uniform"),
        std::pair(linear, "rsq/codes3_code"),
        std::pair(squared, "rsq/codes3_paper")})
    EXPECT_EQ(gptq(w, scale, factor(gram, 0.01), "uniform<i3, axis = 0>"),
              file.numbers(codes))
        << codes;
}

TEST_F(WeightQuantOps, PublishedAsymmetricGrid) {
  Published file("gptq_rsq");
  Numbers w = file.numbers("W");
  StringRef format = "uniform<u4, asymmetric, axis = 0>";
  Numbers scale = searchScale(w, format, 0, 1);
  expectNear(scale, file.numbers("gptq_repo_params/asym_scale"));
  resultType = getType({4}, "i8");
  Numbers zero =
      runText(formatv("quench.quant_zero %w0 by(#quench.{0})", format),
              {getType({4, 8})}, {w});
  EXPECT_EQ(zero, file.numbers("gptq_repo_params/asym_zero"));
  resultType = getType({8, 8});
  Numbers identity(64);
  for (int64_t i = 0; i < 8; ++i)
    identity[i * 9] = 1;
  EXPECT_EQ(gptq(w, scale, factor(identity, 0.01), format, 0, 128, {}, zero),
            file.numbers("gptq_repo_params/codes_asym"));
}

TEST_F(WeightQuantOps, PublishedReconstruction) {
  Published file("weight_reconstruction");
  Numbers x = file.numbers("X"), q = file.numbers("Xq"), gram(9), cross(9);
  for (int64_t t = 0; t < 6; ++t)
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 3; ++j) {
        gram[i * 3 + j] += q[t * 3 + i] * q[t * 3 + j];
        cross[i * 3 + j] += q[t * 3 + i] * x[t * 3 + j];
      }
  resultType = getType({3, 3});
  Numbers map = run("quench.ridge_map %w0, %w1 ridge 0.1 damping 0.0",
                    {getType({3, 3}), getType({3, 3})}, {gram, cross});
  ASSERT_EQ(map.size(), 9u);
  Numbers w = file.numbers("W"), found = w;
  for (int64_t row = 0; row < 2; ++row)
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 3; ++j)
        found[row * 3 + j] += w[row * 3 + i] * map[i * 3 + j];
  expectNear(found, file.numbers("W_star"));

  out = 2;
  in = 3;
  for (int64_t i = 0; i < 3; ++i)
    gram[i * 4] += 0.1;
  Numbers scale = searchScale(found, "uniform<i3, axis = 0>", 0, 1);
  expectNear(scale, file.numbers("row_scale"));
  Numbers codes = gptq(found, scale, factor(gram, 0), "uniform<i3, axis = 0>");
  ASSERT_EQ(codes.size(), 6u);
  for (int64_t i = 0; i < 6; ++i)
    codes[i] *= scale[i / 3];
  expectNear(codes, file.numbers("Q"));
}

TEST_F(WeightQuantOps, PublishedClipping) {
  Published file("smooth_awq");
  Numbers x = file.numbers("X"), w = file.numbers("W"), gram(64);
  // After the scales that were searched before.
  Numbers s = file.numbers("awq/best_scale");
  for (size_t i = 0; i < x.size(); ++i)
    x[i] /= s[i % 8];
  for (size_t i = 0; i < w.size(); ++i)
    w[i] *= s[i % 8];
  for (int64_t t = 0; t < 32; ++t)
    for (int64_t i = 0; i < 8; ++i)
      for (int64_t j = 0; j < 8; ++j)
        gram[i * 8 + j] += x[t * 8 + i] * x[t * 8 + j] / 32;
  out = 6;
  resultType = getType({6, 8});
  Numbers clipped =
      run("quench.clip_by_gram %w0, %w1 by(#quench.uniform<u4, asymmetric, "
          "axis = 0, group = 4>) steps 10 of 20",
          {getType({6, 8}), getType({8, 8})}, {w, gram});
  ASSERT_EQ(clipped.size(), 48u);
  Numbers limits = file.numbers("awq/clip_max");
  for (int64_t part = 0; part < 12; ++part) {
    double largest = 0;
    for (int64_t i = 0; i < 4; ++i)
      largest = std::max(largest, std::fabs(clipped[part * 4 + i]));
    EXPECT_NEAR(largest, limits[part], 1e-12) << part;
  }
}

TEST_F(WeightQuantOps, GPTQWithTheIdentityRoundsToNearest) {
  std::mt19937_64 random(1);
  out = 70;
  in = 96;
  Numbers w(out * in), scale(out, 0.5), identity(in * in), zeros(out, 0);
  // Half of them are ties.
  for (double &number : w)
    number = double(int64_t(random() % 129) - 64) / 16;
  for (int64_t i = 0; i < in; ++i)
    identity[i * (in + 1)] = 3;
  resultType = getType({out, in}, "i8");
  Numbers nearest =
      run("quench.quantize %w0, %w1 by(#quench.uniform<i4, axis = 0>)",
          {getType({out, in}), getType({out})}, {w, scale});
  EXPECT_EQ(gptq(w, scale, factor(identity, 0.01), "uniform<i4, axis = 0>"),
            nearest);
}

TEST_F(WeightQuantOps, GPTQLosesLess) {
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  out = 70;
  in = 160;
  Numbers w(out * in), gram(in * in), mix(in * in);
  for (double &number : w)
    number = normal(random);
  for (double &number : mix)
    number = normal(random) / std::sqrt(in);
  for (int64_t t = 0; t < 2 * in; ++t) {
    Numbers x(in), z(in);
    for (double &number : z)
      number = normal(random);
    for (int64_t i = 0; i < in; ++i)
      for (int64_t j = 0; j < in; ++j)
        x[i] += mix[i * in + j] * z[j] * (1 + 4 * (j % 16 == 0));
    for (int64_t i = 0; i < in; ++i)
      for (int64_t j = 0; j < in; ++j)
        gram[i * in + j] += x[i] * x[j];
  }
  Numbers order = getDiagonal(gram, in);
  for (StringRef format : {"uniform<i4, axis = 0>", "uniform<i3, axis = 0>",
                           "uniform<i4, axis = 0, group = 32>"}) {
    int64_t groups = format.contains("group") ? in / 32 : 0;
    Numbers scale = searchScale(w, format, groups, 1);
    resultType = getType({out, in}, "i8");
    std::string scaleType = groups ? getType({out, groups}) : getType({out});
    Numbers nearest =
        runText(formatv("quench.quantize %w0, %w1 by(#quench.{0})", format),
                {getType({out, in}), scaleType}, {w, scale});
    double loss = getLoss(w, nearest, scale, gram);
    Numbers codes = gptq(w, scale, factor(gram, 0.01), format, groups);
    EXPECT_LT(getLoss(w, codes, scale, gram), 0.7 * loss) << format.str();
    EXPECT_EQ(gptq(w, scale, factor(gram, 0.01), format, groups, 48), codes);
    codes =
        gptq(w, scale, factor(gram, 0.01, order), format, groups, 128, order);
    EXPECT_LT(getLoss(w, codes, scale, gram), 0.7 * loss) << format.str();
  }
}

TEST_F(WeightQuantOps, NumbersThatAreNone) {
  out = 1;
  in = 2;
  for (auto [gram, message] :
       {std::pair(Numbers{1, 2, 2, 1}, "expected a positive definite matrix, "
                                       "found none from row 0 on"),
        std::pair(Numbers{1, 0, NAN, 1}, "expected a positive definite matrix"),
        std::pair(Numbers{NAN, 0, 0, 1},
                  "found a number in the gram that is not finite")}) {
    messages.clear();
    EXPECT_TRUE(factor(gram, 0).empty());
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_THAT(messages[0], HasSubstr(message));
  }
  messages.clear();
  EXPECT_TRUE(
      gptq({1, NAN}, {1}, {1, 0, 0, 1}, "uniform<i4, axis = 0>").empty());
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_THAT(messages[0],
              HasSubstr("found a number in the weight that is not finite"));
}

TEST_F(WeightQuantOps, InputsThatAreAlwaysZero) {
  out = 1;
  in = 2;
  // The mean of the diagonal counts them as 1.
  expectNear(factor({4, 0, 0, 0}, 0.4), {std::sqrt(5.0), 0, 0, std::sqrt(2.0)});
  resultType = getType({2});
  EXPECT_THAT(run("quench.is_positive %w0", {getType({2})}, {{4, 0}}),
              ElementsAre(1, 0));
  EXPECT_THAT(run("quench.diagonal %w0", {getType({2, 2})}, {{4, 1, 2, 3}}),
              ElementsAre(4, 3));
}
