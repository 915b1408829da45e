//===- HadamardTest.cpp - Hadamard matrices of many orders ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Hadamard.h"
#include "Published.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace quench;
using namespace quench::test;

/// `row` as the published file writes it.
static std::string getRow(const HadamardMatrix &matrix, int64_t row) {
  std::string text;
  for (int64_t column = 0; column < matrix.getOrder(); ++column)
    text += matrix.getSign(row, column) > 0 ? '+' : '-';
  return text;
}

static std::vector<double> multiply(int64_t order, std::vector<double> rows,
                                    bool transposed = false) {
  HadamardMatrix::get(order)->apply(rows, transposed);
  return rows;
}

/// Different numbers of no pattern.
static std::vector<double> makeNumbers(size_t count) {
  std::vector<double> numbers(count);
  for (size_t i = 0; i < count; ++i)
    numbers[i] = std::sin(double(i * i + 1));
  return numbers;
}

/// The order of the factor that the published file has where ours is a product
/// with a power of two.
TEST(Hadamard, PublishedRows) {
  Published file("hadamard");
  for (const auto &[key, entry] : *file.at("orders").getAsObject()) {
    int64_t order = std::stoll(key.str());
    llvm::StringRef construction =
        *entry.getAsObject()->getString("construction");
    // A product of a smaller matrix and one of Sylvester has other signs.
    std::optional<HadamardMatrix> matrix = HadamardMatrix::get(order);
    ASSERT_TRUE(matrix) << order;
    if (matrix->getConstruction() != construction)
      continue;
    EXPECT_EQ(getRow(*matrix, 1), *entry.getAsObject()->getString("row1"))
        << order;
    const llvm::json::Array &sums = *entry.getAsObject()->getArray("row_sums");
    for (size_t row = 0; row < sums.size(); ++row) {
      int64_t sum = 0;
      for (int64_t column = 0; column < order; ++column)
        sum += matrix->getSign(row, column);
      EXPECT_EQ(sum, *sums[row].getAsInteger()) << order << " row " << row;
    }
  }
}

TEST(Hadamard, WidthsOfModels) {
  Published file("hadamard");
  for (const auto &[model, entry] : *file.at("dim_coverage").getAsObject()) {
    const llvm::json::Object &object = *entry.getAsObject();
    int64_t width = *object.getInteger("n");
    std::optional<HadamardMatrix> matrix = HadamardMatrix::get(width);
    EXPECT_EQ(matrix.has_value(), object.getInteger("K").has_value())
        << model.str();
    if (!matrix)
      continue;
    EXPECT_EQ(matrix->getPowerOfTwo(), *object.getInteger("pow2"))
        << model.str();
    EXPECT_EQ(matrix->getFactors().size(),
              *object.getInteger("K") == 1 ? 0u : 1u);
    if (!matrix->getFactors().empty())
      EXPECT_EQ(matrix->getFactors().front().construction,
                *object.getString("how"))
          << model.str();
  }
}

TEST(Hadamard, EveryOrderThatIsKnown) {
  Published file("hadamard");
  std::vector<double> unknown =
      file.numbers("uncovered_multiples_of_4_up_to_1000");
  for (int64_t order = 4; order <= 1000; order += 4)
    EXPECT_EQ(HadamardMatrix::isKnown(order),
              !llvm::is_contained(unknown, double(order)))
        << order;
  for (int64_t order : {-4, 0, 3, 6, 14, 92, 1 << 30})
    EXPECT_FALSE(HadamardMatrix::isKnown(order)) << order;
}

/// Whether the signs of `matrix` have orthogonal rows.
static bool isOrthogonal(const HadamardMatrix &matrix) {
  int64_t order = matrix.getOrder();
  std::vector<int> signs;
  for (int64_t row = 0; row < order; ++row)
    for (int64_t column = 0; column < order; ++column)
      signs.push_back(matrix.getSign(row, column));
  for (int64_t i = 0; i < order; ++i)
    for (int64_t j = 0; j <= i; ++j) {
      int sum = 0;
      for (int64_t k = 0; k < order; ++k)
        sum += signs[i * order + k] * signs[j * order + k];
      if (sum != (i == j ? order : 0))
        return false;
    }
  return true;
}

/// Whether `matrix` is its own transpose.
static bool isSymmetric(const HadamardMatrix &matrix) {
  for (int64_t i = 0; i < matrix.getOrder(); ++i)
    for (int64_t j = 0; j < i; ++j)
      if (matrix.getSign(i, j) != matrix.getSign(j, i))
        return false;
  return true;
}

TEST(Hadamard, IsOrthogonal) {
  std::vector<int64_t> orders = {1, 2, 344, 576, 784, 768};
  for (int64_t order = 4; order <= 256; order += 4)
    orders.push_back(order);
  for (int64_t order : orders) {
    std::optional<HadamardMatrix> matrix = HadamardMatrix::get(order);
    if (!matrix)
      continue;
    EXPECT_TRUE(isOrthogonal(*matrix)) << order;
    EXPECT_EQ(isSymmetric(*matrix), matrix->isSymmetric()) << order;
  }
}

TEST(Hadamard, PublishedProducts) {
  Published file("hadamard");
  auto expectProduct = [](std::vector<double> found,
                          std::vector<double> expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], expected[i], 1e-14) << i;
  };
  expectProduct(multiply(8, file.numbers("fwht8/x")), file.numbers("fwht8/y"));
  // Blocks of one row are rows.
  expectProduct(multiply(8, file.numbers("grouped8/x")),
                file.numbers("grouped8/y"));
  // y = (H_12 (x) H_2) x, a column: a row times the transpose.
  expectProduct(multiply(24, file.numbers("had24_layout/x"), true),
                file.numbers("had24_layout/y"));
  HadamardMatrix matrix = *HadamardMatrix::get(12);
  const llvm::json::Array &rows = *file.at("had24_layout/HK_rows").getAsArray();
  for (size_t row = 0; row < rows.size(); ++row)
    EXPECT_EQ(getRow(matrix, row), *rows[row].getAsString()) << row;
}

// Rows of several lengths, on every path of the product.
TEST(Hadamard, ProductsAreThoseOfTheSigns) {
  for (int64_t order :
       {1, 2, 4, 8, 12, 16, 20, 24, 36, 48, 96, 144, 768, 784}) {
    HadamardMatrix matrix = *HadamardMatrix::get(order);
    std::vector<double> numbers = makeNumbers(3 * order);
    for (bool transposed : {false, true}) {
      std::vector<double> found = multiply(order, numbers, transposed);
      std::vector<float> single(numbers.begin(), numbers.end());
      matrix.apply(single, transposed);
      for (int64_t row = 0; row < 3; ++row)
        for (int64_t column = 0; column < order; ++column) {
          double sum = 0;
          for (int64_t k = 0; k < order; ++k)
            sum += numbers[row * order + k] * (transposed
                                                   ? matrix.getSign(column, k)
                                                   : matrix.getSign(k, column));
          sum /= std::sqrt(double(order));
          ASSERT_NEAR(found[row * order + column], sum, 1e-13) << order;
          ASSERT_NEAR(single[row * order + column], sum, 1e-5) << order;
        }
      std::vector<double> back = multiply(order, found, !transposed);
      for (size_t i = 0; i < numbers.size(); ++i)
        ASSERT_NEAR(back[i], numbers[i], 1e-13) << order;
    }
  }
}

TEST(Hadamard, SaysWhatThereIsInstead) {
  EXPECT_EQ(HadamardMatrix::getLargestBlock(14), 2);
  EXPECT_EQ(HadamardMatrix::getLargestBlock(92), 4);
  EXPECT_EQ(HadamardMatrix::getLargestBlock(11008), 11008);
  EXPECT_EQ(HadamardMatrix::explainUnknown(14),
            "no Hadamard matrix of order 14 is known here; the largest order "
            "that divides it is 2");
  EXPECT_EQ(HadamardMatrix::explainUnknown(7),
            "no Hadamard matrix of order 7 is known here, nor one of an order "
            "that divides it");
  EXPECT_EQ(
      HadamardMatrix::explainUnknown(24 * 7 * 13 * 29),
      "no Hadamard matrix of order 63336 is known here; the largest order "
      "that divides it is 4872, the largest power of two 8");
  EXPECT_EQ(HadamardMatrix::explainUnknown(0),
            "no Hadamard matrix of order 0 is known here, the largest is of "
            "16777216");
  EXPECT_EQ(HadamardMatrix::get(14336)->getConstruction(),
            "paley1(q=27) kron sylvester(512)");
  EXPECT_EQ(HadamardMatrix::get(1)->getConstruction(), "sylvester(1)");
}
