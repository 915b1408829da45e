//===- RelevanceRules.cpp - How relevance is propagated -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/RelevanceRules.h"

#include "Quench/Support/MatrixProduct.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <numeric>

using namespace quench;
using llvm::ArrayRef;

static double divide(double a, double b) { return b == 0 ? 0 : a / b; }

static std::vector<double> transpose(int64_t rows, int64_t columns,
                                     ArrayRef<double> matrix) {
  std::vector<double> result(matrix.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      result[column * rows + row] = matrix[row * columns + column];
  return result;
}

static std::vector<double> multiply(int64_t rows, int64_t depth,
                                    int64_t columns, ArrayRef<double> lhs,
                                    ArrayRef<double> rhs) {
  std::vector<double> result(rows * columns);
  addProduct(rows, columns, depth, lhs.data(), depth, rhs.data(), columns,
             result.data(), columns);
  return result;
}

/// The magnitudes of the numbers that have the sign of `sign`, 0 for others.
static std::vector<double> getPart(ArrayRef<double> numbers, double sign) {
  std::vector<double> result;
  result.reserve(numbers.size());
  for (double number : numbers)
    result.push_back(std::max(sign * number, 0.0));
  return result;
}

std::vector<double> quench::getLinearRelevance(int64_t rows,
                                               ArrayRef<double> input,
                                               ArrayRef<double> weight,
                                               ArrayRef<double> relevance) {
  int64_t depth = input.size() / rows, columns = relevance.size() / rows;
  // Factors of one sign have products that are not negative.
  std::vector<double> sums(relevance.size());
  for (double sign : {1.0, -1.0}) {
    std::vector<double> part =
        multiply(columns, depth, rows, getPart(weight, sign),
                 transpose(rows, depth, getPart(input, sign)));
    for (auto [sum, number] : llvm::zip_equal(sums, part))
      sum += number;
  }
  std::vector<double> quotients = transpose(columns, rows, sums);
  for (auto [quotient, number] : llvm::zip_equal(quotients, relevance))
    quotient = divide(number, quotient);
  std::vector<double> result(input.size());
  for (double sign : {1.0, -1.0}) {
    std::vector<double> part =
        multiply(rows, columns, depth, quotients, getPart(weight, sign));
    for (auto [sum, x, number] :
         llvm::zip_equal(result, getPart(input, sign), part))
      sum += x * number;
  }
  return result;
}

static double getSum(ArrayRef<double> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

std::pair<std::vector<double>, std::vector<double>>
quench::getSumRelevance(ArrayRef<double> lhs, ArrayRef<double> rhs,
                        ArrayRef<double> relevance) {
  std::vector<double> left(lhs.size()), right(rhs.size());
  for (auto [i, x] : llvm::enumerate(lhs)) {
    double y = rhs[i % rhs.size()];
    double quotient = divide(relevance[i], x + y);
    left[i] = x * quotient;
    right[i % rhs.size()] += y * quotient;
  }
  double all = getSum(relevance);
  double magnitudes = std::abs(getSum(left)) + std::abs(getSum(right));
  for (std::vector<double> *part : {&left, &right}) {
    double sum = getSum(*part);
    double factor = divide(divide(std::abs(sum), magnitudes) * all, sum);
    for (double &number : *part)
      number *= factor;
  }
  return {std::move(left), std::move(right)};
}

std::pair<std::vector<double>, std::vector<double>>
quench::getProductRelevance(int64_t rows, int64_t depth, int64_t columns,
                            ArrayRef<double> lhs, ArrayRef<double> rhs,
                            ArrayRef<double> relevance) {
  std::vector<double> quotients = multiply(rows, depth, columns, lhs, rhs);
  for (auto [quotient, number] : llvm::zip_equal(quotients, relevance))
    quotient = divide(number, quotient);
  std::vector<double> left =
      multiply(rows, columns, depth, quotients, transpose(depth, columns, rhs));
  std::vector<double> right =
      multiply(depth, rows, columns, transpose(rows, depth, lhs), quotients);
  for (auto [number, x] : llvm::zip_equal(left, lhs))
    number *= x / 2;
  for (auto [number, x] : llvm::zip_equal(right, rhs))
    number *= x / 2;
  return {std::move(left), std::move(right)};
}

std::vector<double>
quench::getFanOutRelevance(ArrayRef<double> value,
                           ArrayRef<std::vector<double>> parts) {
  std::vector<double> result(value.size());
  for (const std::vector<double> &part : parts)
    for (auto [sum, number, x] : llvm::zip_equal(result, part, value))
      sum += x == 0 ? 0 : number;
  return result;
}
