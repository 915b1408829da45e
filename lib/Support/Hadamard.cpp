//===- Hadamard.cpp - Hadamard matrices of many orders --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Hadamard.h"

#include "Quench/Support/VectorClones.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"

#include <cassert>
#include <cmath>
#include <cstring>

using namespace quench;

using Factor = HadamardMatrix::Factor;

/// Larger orders are not asked for by any model, and searching for them would
/// take a while.
static constexpr int64_t maxOrder = int64_t(1) << 24;
/// The same for what is stored as a matrix.
static constexpr int64_t maxFactorOrder = 4096;

//===----------------------------------------------------------------------===//
// Finite fields
//===----------------------------------------------------------------------===//

namespace {
/// `prime^exponent`.
struct PrimePower {
  int64_t prime;
  int64_t exponent;
};

/// A field of `prime^exponent` elements. Element `i` is the polynomial whose
/// coefficients are the digits of `i` to the base `prime`, the constant one
/// being the lowest digit.
class FiniteField {
public:
  explicit FiniteField(PrimePower size);

  /// For every element 1 if it is a square, -1 if not, 0 for zero.
  std::vector<int8_t> getQuadraticCharacter() const;

  int64_t subtract(int64_t lhs, int64_t rhs) const;

private:
  using Polynomial = std::vector<int64_t>;

  Polynomial getDigits(int64_t element) const;
  int64_t getElement(const Polynomial &digits) const;
  int64_t multiply(int64_t lhs, int64_t rhs) const;
  int64_t findOrder(int64_t element) const;

  int64_t prime, exponent, size;
  /// What x^exponent is, negated.
  Polynomial modulus;
};
} // namespace

static std::optional<PrimePower> getPrimePower(int64_t number) {
  if (number < 2)
    return std::nullopt;
  int64_t prime = number;
  for (int64_t divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) {
      prime = divisor;
      break;
    }
  }
  PrimePower power = {prime, 0};
  for (; number % prime == 0; number /= prime)
    ++power.exponent;
  return number == 1 ? std::optional(power) : std::nullopt;
}

FiniteField::FiniteField(PrimePower power)
    : prime(power.prime), exponent(power.exponent), size(1),
      modulus(power.exponent, 0) {
  for (int64_t index = 0; index < exponent; ++index)
    size *= prime;
  if (exponent == 1)
    return;
  // The first polynomial, by its coefficients from the constant one on, for
  // which some element generates all others.
  auto isField = [&] {
    for (int64_t element = 2; element < size; ++element)
      if (findOrder(element) == size - 1)
        return true;
    return false;
  };
  do {
    for (int64_t index = exponent - 1; ++modulus[index] == prime; --index)
      modulus[index] = 0;
  } while (modulus[0] == 0 || !isField());
}

FiniteField::Polynomial FiniteField::getDigits(int64_t element) const {
  Polynomial digits(exponent);
  for (int64_t &digit : digits) {
    digit = element % prime;
    element /= prime;
  }
  return digits;
}

int64_t FiniteField::getElement(const Polynomial &digits) const {
  int64_t element = 0;
  for (int64_t digit : llvm::reverse(digits))
    element = element * prime + digit;
  return element;
}

int64_t FiniteField::subtract(int64_t lhs, int64_t rhs) const {
  if (exponent == 1)
    return (lhs - rhs + prime) % prime;
  Polynomial left = getDigits(lhs), right = getDigits(rhs);
  for (int64_t index = 0; index < exponent; ++index)
    left[index] = (left[index] - right[index] + prime) % prime;
  return getElement(left);
}

int64_t FiniteField::multiply(int64_t lhs, int64_t rhs) const {
  if (exponent == 1)
    return lhs * rhs % prime;
  Polynomial left = getDigits(lhs), right = getDigits(rhs);
  Polynomial product(2 * exponent - 1, 0);
  for (int64_t i = 0; i < exponent; ++i)
    for (int64_t j = 0; j < exponent; ++j)
      product[i + j] = (product[i + j] + left[i] * right[j]) % prime;
  for (int64_t i = 2 * exponent - 2; i >= exponent; --i)
    for (int64_t j = 0; j < exponent; ++j) {
      int64_t &digit = product[i - exponent + j];
      digit = (digit + (prime - modulus[j]) * product[i]) % prime;
    }
  product.resize(exponent);
  return getElement(product);
}

/// The number of powers of `element`, 0 if none is 1.
int64_t FiniteField::findOrder(int64_t element) const {
  int64_t power = element;
  for (int64_t order = 1; order < size; ++order) {
    if (power == 1)
      return order;
    power = multiply(power, element);
  }
  return 0;
}

std::vector<int8_t> FiniteField::getQuadraticCharacter() const {
  std::vector<int8_t> character(size, -1);
  character[0] = 0;
  for (int64_t element = 1; element < size; ++element)
    character[multiply(element, element)] = 1;
  return character;
}

//===----------------------------------------------------------------------===//
// Constructions
//===----------------------------------------------------------------------===//

namespace {
/// A square matrix of signs that is being filled.
struct SignMatrix {
  explicit SignMatrix(int64_t order) : order(order), signs(order * order, 1) {}
  int8_t &at(int64_t row, int64_t column) {
    return signs[row * order + column];
  }

  int64_t order;
  std::vector<int8_t> signs;
};

/// Four symmetric circulant matrices of order `n` for which the sum of squares
/// is 4 n I (Williamson 1944), by their first rows.
struct Williamson {
  int64_t n;
  llvm::StringRef rows[4];
};
} // namespace

static constexpr Williamson williamson[] = {
    {39,
     {"+++--+-+-----+--++----++--+-----+-+--++",
      "++++---+--++----+-+--+-+----++--+---+++",
      "+++--++-+---+-+--+----+--+-+---+-++--++",
      "+---++-+-+-----+++-++-+++-----+-+-++---"}},
    {43,
     {"+---++--++++-+-+++-++--++-+++-+-++++--++---",
      "++-++++++----+-+--++-++-++--+-+----++++++-+",
      "+++-+-++--+-+-++++-+----+-++++-+-+--++-+-++",
      "++---++++-+--+--++--------++--+--+-++++---+"}}};

/// The matrix of differences: entry `i, j` is the character of `j - i`.
static SignMatrix getJacobsthal(PrimePower power, int64_t size) {
  FiniteField field(power);
  std::vector<int8_t> character = field.getQuadraticCharacter();
  SignMatrix matrix(size);
  for (int64_t row = 0; row < size; ++row)
    for (int64_t column = 0; column < size; ++column)
      matrix.at(row, column) = character[field.subtract(column, row)];
  return matrix;
}

/// Order q + 1, q = 3 mod 4: I + S, S skew with the matrix of differences in
/// it.
static SignMatrix makePaley1(PrimePower power, int64_t q) {
  SignMatrix differences = getJacobsthal(power, q), matrix(q + 1);
  for (int64_t row = 0; row < q; ++row) {
    matrix.at(row + 1, 0) = -1;
    for (int64_t column = 0; column < q; ++column)
      matrix.at(row + 1, column + 1) =
          row == column ? 1 : differences.at(row, column);
  }
  return matrix;
}

/// Order 2 (q + 1), q = 1 mod 4: the symmetric S with zeros on its diagonal
/// becomes S (x) [[1, 1], [1, -1]] + I (x) [[1, -1], [-1, -1]].
static SignMatrix makePaley2(PrimePower power, int64_t q) {
  SignMatrix differences = getJacobsthal(power, q), matrix(2 * (q + 1));
  for (int64_t row = 0; row <= q; ++row)
    for (int64_t column = 0; column <= q; ++column) {
      bool border = row == 0 || column == 0;
      int8_t sign = border ? 1 : differences.at(row - 1, column - 1);
      bool diagonal = row == column;
      if (diagonal)
        sign = 1;
      matrix.at(2 * row, 2 * column) = sign;
      matrix.at(2 * row, 2 * column + 1) = diagonal ? -1 : sign;
      matrix.at(2 * row + 1, 2 * column) = diagonal ? -1 : sign;
      matrix.at(2 * row + 1, 2 * column + 1) = -sign;
    }
  return matrix;
}

/// Order 4 n: the quaternion A + B i + C j + D k as a matrix.
static SignMatrix makeWilliamson(const Williamson &sequences) {
  constexpr int places[4][4] = {
      {0, 1, 2, 3}, {1, 0, 3, 2}, {2, 3, 0, 1}, {3, 2, 1, 0}};
  constexpr int signs[4][4] = {
      {1, 1, 1, 1}, {-1, 1, -1, 1}, {-1, 1, 1, -1}, {-1, -1, 1, 1}};
  int64_t n = sequences.n;
  SignMatrix matrix(4 * n);
  for (int64_t row = 0; row < 4 * n; ++row)
    for (int64_t column = 0; column < 4 * n; ++column) {
      int64_t i = row / n, j = column / n;
      char entry = sequences.rows[places[i][j]][(column - row + 4 * n) % n];
      matrix.at(row, column) = entry == '+' ? signs[i][j] : -signs[i][j];
    }
  return matrix;
}

namespace {
enum class Construction { None, Paley1, Paley2, Williamson };
} // namespace

/// How a matrix of order `order` is made without a product.
static Construction findConstruction(int64_t order) {
  if (order % 4 != 0 || order > maxFactorOrder)
    return Construction::None;
  if (getPrimePower(order - 1))
    return Construction::Paley1;
  if ((order / 2 - 1) % 4 == 1 && getPrimePower(order / 2 - 1))
    return Construction::Paley2;
  bool isListed = llvm::any_of(williamson, [&](const Williamson &sequences) {
    return 4 * sequences.n == order;
  });
  return isListed ? Construction::Williamson : Construction::None;
}

static Factor makeFactor(int64_t order) {
  auto make = [&](SignMatrix matrix, llvm::StringRef name,
                  int64_t parameter) -> Factor {
    return {order, std::move(matrix.signs),
            (name + llvm::Twine(parameter) + ")").str()};
  };
  switch (findConstruction(order)) {
  case Construction::Paley1: {
    int64_t q = order - 1;
    return make(makePaley1(*getPrimePower(q), q), "paley1(q=", q);
  }
  case Construction::Paley2: {
    int64_t q = order / 2 - 1;
    return make(makePaley2(*getPrimePower(q), q), "paley2(q=", q);
  }
  case Construction::Williamson:
    for (const Williamson &sequences : williamson)
      if (4 * sequences.n == order)
        return make(makeWilliamson(sequences), "williamson(", sequences.n);
    break;
  case Construction::None:
    break;
  }
  llvm_unreachable("expected an order with a construction");
}

/// The orders of the factors of the matrix of order `order`, the last a power
/// of two; empty where there is none. The power of two is as large as possible:
/// that factor is the cheap one.
static llvm::SmallVector<int64_t, 3> findFactors(int64_t order) {
  if (order < 1 || order > maxOrder)
    return {};
  int64_t odd = order >> llvm::countr_zero(static_cast<uint64_t>(order));
  if (odd == 1)
    return {order};
  for (int64_t rest = odd; rest <= order; rest *= 2)
    if (findConstruction(rest) != Construction::None)
      return {rest, order / rest};
  for (int64_t rest = odd; rest <= order; rest *= 2)
    for (int64_t first = 12; first * first <= rest; first += 4)
      if (rest % first == 0 && findConstruction(first) != Construction::None &&
          findConstruction(rest / first) != Construction::None)
        return {rest / first, first, order / rest};
  return {};
}

//===----------------------------------------------------------------------===//
// Products with vectors
//===----------------------------------------------------------------------===//

/// 4 numbers side by side, as the processor computes them.
template <typename Number>
using Vector = Number __attribute__((vector_size(4 * sizeof(Number))));

/// Multiplies the numbers of `x` by the matrix of order 4.
template <typename Number>
static QUENCH_INLINE void transformWithin(Vector<Number> &x) {
  const Vector<Number> pairs = {1, -1, 1, -1}, halves = {1, 1, -1, -1};
  x = __builtin_shufflevector(x, x, 1, 0, 3, 2) + x * pairs;
  x = __builtin_shufflevector(x, x, 2, 3, 0, 1) + x * halves;
}

/// One pass over `n` numbers: those `step` apart, `radix` of them, become
/// their product with the matrix of that order. The first pass, where `step` is
/// 4, multiplies each 4 numbers side by side, too.
template <typename Number, int radix>
static QUENCH_INLINE void transformAcross(Number *x, int64_t n, int64_t step,
                                          bool isFirst) {
  for (int64_t begin = 0; begin < n; begin += radix * step)
    for (int64_t index = begin; index < begin + step; index += 4) {
      Vector<Number> v[radix];
      for (int place = 0; place < radix; ++place) {
        std::memcpy(&v[place], x + index + place * step, sizeof(v[place]));
        if (isFirst)
          transformWithin<Number>(v[place]);
      }
      for (int half = 1; half < radix; half *= 2)
        for (int place = 0; place < radix; ++place)
          if (!(place & half)) {
            Vector<Number> lhs = v[place], rhs = v[place + half];
            v[place] = lhs + rhs;
            v[place + half] = lhs - rhs;
          }
      for (int place = 0; place < radix; ++place)
        std::memcpy(x + index + place * step, &v[place], sizeof(v[place]));
    }
}

/// Multiplies `n` numbers, a power of two, by the matrix of Sylvester with
/// entries +-1.
template <typename Number>
static QUENCH_INLINE void transformRow(Number *x, int64_t n) {
  if (n < 4) {
    if (n == 2) {
      Number sum = x[0] + x[1];
      x[1] = x[0] - x[1];
      x[0] = sum;
    }
    return;
  }
  int64_t step = 4;
  do {
    bool isFirst = step == 4;
    if (step * 8 <= n) {
      transformAcross<Number, 8>(x, n, step, isFirst);
      step *= 8;
    } else if (step * 4 <= n) {
      transformAcross<Number, 4>(x, n, step, isFirst);
      step *= 4;
    } else {
      step * 2 <= n ? transformAcross<Number, 2>(x, n, step, isFirst)
                    : transformAcross<Number, 1>(x, n, step, isFirst);
      step *= 2;
    }
  } while (step < n);
}

QUENCH_VECTOR_CLONES static void transform(double *x, int64_t n) {
  transformRow(x, n);
}

QUENCH_VECTOR_CLONES static void transform(float *x, int64_t n) {
  transformRow(x, n);
}

/// Multiplies the `K x inner` matrix `x` from the left by the transpose of the
/// `K x K` matrix `signs`, so that the vectors along its first dimension are
/// rows that are multiplied by `signs`.
template <typename Number>
static void multiply(const std::vector<Number> &signs, int64_t order, Number *x,
                     int64_t inner, std::vector<Number> &scratch) {
  constexpr int64_t width = 8;
  scratch.resize(order * width);
  for (int64_t begin = 0; begin < inner; begin += width) {
    int64_t count = std::min(width, inner - begin);
    for (int64_t k = 0; k < order; ++k)
      for (int64_t j = 0; j < width; ++j)
        scratch[k * width + j] = j < count ? x[k * inner + begin + j] : 0;
    for (int64_t row = 0; row < order; ++row) {
      Number sums[width] = {};
      for (int64_t k = 0; k < order; ++k)
        for (int64_t j = 0; j < width; ++j)
          sums[j] += signs[k * order + row] * scratch[k * width + j];
      std::copy_n(sums, count, x + row * inner + begin);
    }
  }
}

/// The same for one vector.
template <typename Number>
static void multiply(const std::vector<Number> &signs, int64_t order, Number *x,
                     std::vector<Number> &scratch) {
  scratch.assign(order, 0);
  for (int64_t k = 0; k < order; ++k)
    for (int64_t j = 0; j < order; ++j)
      scratch[j] += x[k] * signs[k * order + j];
  std::copy_n(scratch.data(), order, x);
}

template <typename Number>
void HadamardMatrix::applyTo(llvm::MutableArrayRef<Number> rows,
                             bool transposed) const {
  assert(rows.size() % order == 0 && "expected whole rows");
  auto scale = static_cast<Number>(1 / std::sqrt(static_cast<double>(order)));
  // The signs as they are multiplied by, transposed if asked for.
  llvm::SmallVector<std::vector<Number>, 1> matrices;
  for (const Factor &factor : factors) {
    std::vector<Number> &matrix = matrices.emplace_back();
    matrix.reserve(factor.signs.size());
    for (int64_t row = 0; row < factor.order; ++row)
      for (int64_t column = 0; column < factor.order; ++column)
        matrix.push_back(
            factor.signs[transposed ? column * factor.order + row
                                    : row * factor.order + column]);
  }
  std::vector<Number> scratch;
  for (; !rows.empty(); rows = rows.drop_front(order)) {
    Number *row = rows.data();
    for (int64_t begin = 0; begin < order; begin += powerOfTwo)
      transform(row + begin, powerOfTwo);
    int64_t inner = order;
    for (auto [factor, matrix] : llvm::zip_equal(factors, matrices)) {
      int64_t size = inner;
      inner /= factor.order;
      for (int64_t begin = 0; begin < order; begin += size) {
        if (inner == 1)
          multiply(matrix, factor.order, row + begin, scratch);
        else
          multiply(matrix, factor.order, row + begin, inner, scratch);
      }
    }
    for (int64_t index = 0; index < order; ++index)
      row[index] *= scale;
  }
}

void HadamardMatrix::apply(llvm::MutableArrayRef<double> rows,
                           bool transposed) const {
  applyTo(rows, transposed);
}

void HadamardMatrix::apply(llvm::MutableArrayRef<float> rows,
                           bool transposed) const {
  applyTo(rows, transposed);
}

//===----------------------------------------------------------------------===//
// HadamardMatrix
//===----------------------------------------------------------------------===//

std::optional<HadamardMatrix> HadamardMatrix::get(int64_t order) {
  llvm::SmallVector<int64_t, 3> orders = findFactors(order);
  if (orders.empty())
    return std::nullopt;
  HadamardMatrix matrix;
  matrix.order = order;
  matrix.powerOfTwo = orders.pop_back_val();
  for (int64_t factor : orders)
    matrix.factors.push_back(makeFactor(factor));
  return matrix;
}

bool HadamardMatrix::isKnown(int64_t order) {
  return !findFactors(order).empty();
}

int64_t HadamardMatrix::getLargestBlock(int64_t width) {
  int64_t largest = 1;
  for (int64_t divisor = 1; divisor * divisor <= width; ++divisor) {
    if (width % divisor != 0)
      continue;
    for (int64_t order : {divisor, width / divisor})
      if (order > largest && isKnown(order))
        largest = order;
  }
  return largest;
}

std::string HadamardMatrix::explainUnknown(int64_t order) {
  std::string text =
      "no Hadamard matrix of order " + std::to_string(order) + " is known here";
  if (order < 1 || order > maxOrder)
    return text + ", the largest is of " + std::to_string(maxOrder);
  int64_t block = getLargestBlock(order);
  if (block == 1)
    return text + ", nor one of an order that divides it";
  text += "; the largest order that divides it is " + std::to_string(block);
  int64_t powerOfTwo = order & -order;
  if (powerOfTwo > 1 && powerOfTwo != block)
    text += ", the largest power of two " + std::to_string(powerOfTwo);
  return text;
}

bool HadamardMatrix::isSymmetric(int64_t order) {
  llvm::SmallVector<int64_t, 3> orders = findFactors(order);
  return llvm::all_of(llvm::drop_end(orders), [](int64_t factor) {
    return findConstruction(factor) == Construction::Paley2;
  });
}

int HadamardMatrix::getSign(int64_t row, int64_t column) const {
  assert(row >= 0 && row < order && column >= 0 && column < order &&
         "expected indices below the order");
  uint64_t common = (row % powerOfTwo) & (column % powerOfTwo);
  int sign = llvm::popcount(common) % 2 == 0 ? 1 : -1;
  row /= powerOfTwo;
  column /= powerOfTwo;
  for (const Factor &factor : llvm::reverse(factors)) {
    sign *=
        factor.signs[row % factor.order * factor.order + column % factor.order];
    row /= factor.order;
    column /= factor.order;
  }
  return sign;
}

std::string HadamardMatrix::getConstruction() const {
  std::string text;
  for (const Factor &factor : factors)
    text += (text.empty() ? "" : " kron ") + factor.construction;
  if (powerOfTwo > 1 || factors.empty())
    text += (text.empty() ? "sylvester(" : " kron sylvester(") +
            std::to_string(powerOfTwo) + ")";
  return text;
}
