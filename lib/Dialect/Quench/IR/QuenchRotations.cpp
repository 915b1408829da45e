//===- QuenchRotations.cpp - Orthogonal matrices --------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"

#include "Quench/Support/Hadamard.h"
#include "Quench/Support/Random.h"

#include <cmath>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {
/// What stands between the brackets: `<N[, seed = S][, transposed]>`.
struct RotationText {
  int64_t n = 0;
  uint64_t seed = 0;
  bool transposed = false;
};
} // namespace

static ParseResult parseRotation(AsmParser &parser, bool hasSeed,
                                 RotationText &text) {
  if (parser.parseLess() || parser.parseInteger(text.n))
    return failure();
  if (hasSeed && (parser.parseComma() || parser.parseKeyword("seed") ||
                  parser.parseEqual() || parser.parseInteger(text.seed)))
    return failure();
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("transposed"))
      return failure();
    text.transposed = true;
  }
  return parser.parseGreater();
}

static void printRotation(AsmPrinter &printer, int64_t n,
                          std::optional<uint64_t> seed, bool transposed) {
  printer << '<' << n;
  if (seed)
    printer << ", seed = " << *seed;
  if (transposed)
    printer << ", transposed";
  printer << '>';
}

static LogicalResult
verifyHadamard(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t n) {
  if (HadamardMatrix::isKnown(n))
    return success();
  return emitError() << HadamardMatrix::explainUnknown(n);
}

//===----------------------------------------------------------------------===//
// HadamardAttr
//===----------------------------------------------------------------------===//

Attribute HadamardAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  RotationText text;
  if (parseRotation(parser, /*hasSeed=*/false, text))
    return {};
  return parser.getChecked<HadamardAttr>(loc, parser.getContext(), text.n,
                                         text.transposed);
}

void HadamardAttr::print(AsmPrinter &printer) const {
  printRotation(printer, getN(), std::nullopt, getTransposed());
}

LogicalResult HadamardAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t n, bool transposed) {
  return verifyHadamard(emitError, n);
}

int64_t HadamardAttr::getOrder() const { return getN(); }

RotationAttrInterface HadamardAttr::getInverse() const {
  bool isSymmetric = HadamardMatrix::isSymmetric(getN());
  return get(getContext(), getN(), !isSymmetric && !getTransposed());
}

void HadamardAttr::applyToRows(MutableArrayRef<double> rows) const {
  HadamardMatrix::get(getN())->apply(rows, getTransposed());
}

//===----------------------------------------------------------------------===//
// RandomHadamardAttr
//===----------------------------------------------------------------------===//

Attribute RandomHadamardAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  RotationText text;
  if (parseRotation(parser, /*hasSeed=*/true, text))
    return {};
  return parser.getChecked<RandomHadamardAttr>(loc, parser.getContext(), text.n,
                                               text.seed, text.transposed);
}

void RandomHadamardAttr::print(AsmPrinter &printer) const {
  printRotation(printer, getN(), getSeed(), getTransposed());
}

LogicalResult
RandomHadamardAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                           int64_t n, uint64_t seed, bool transposed) {
  return verifyHadamard(emitError, n);
}

int64_t RandomHadamardAttr::getOrder() const { return getN(); }

RotationAttrInterface RandomHadamardAttr::getInverse() const {
  return get(getContext(), getN(), getSeed(), !getTransposed());
}

void RandomHadamardAttr::applyToRows(MutableArrayRef<double> rows) const {
  std::vector<double> signs(getN());
  for (auto [index, sign] : llvm::enumerate(signs))
    sign = splitMix64(getSeed(), index) >> 63 ? -1 : 1;
  auto flip = [&] {
    for (MutableArrayRef<double> rest = rows; !rest.empty();
         rest = rest.drop_front(signs.size()))
      for (auto [number, sign] : llvm::zip(rest, signs))
        number *= sign;
  };
  if (!getTransposed())
    flip();
  HadamardMatrix::get(getN())->apply(rows, getTransposed());
  if (getTransposed())
    flip();
}

//===----------------------------------------------------------------------===//
// RandomOrthogonalAttr
//===----------------------------------------------------------------------===//

/// The largest order of a matrix that is made number by number.
static constexpr int64_t maxDenseOrder = 1 << 14;

Attribute RandomOrthogonalAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  RotationText text;
  if (parseRotation(parser, /*hasSeed=*/true, text))
    return {};
  return parser.getChecked<RandomOrthogonalAttr>(
      loc, parser.getContext(), text.n, text.seed, text.transposed);
}

void RandomOrthogonalAttr::print(AsmPrinter &printer) const {
  printRotation(printer, getN(), getSeed(), getTransposed());
}

LogicalResult
RandomOrthogonalAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                             int64_t n, uint64_t seed, bool transposed) {
  if (n < 1 || n > maxDenseOrder)
    return emitError() << "expected an order from 1 to " << maxDenseOrder
                       << ", found " << n;
  return success();
}

int64_t RandomOrthogonalAttr::getOrder() const { return getN(); }

RotationAttrInterface RandomOrthogonalAttr::getInverse() const {
  return get(getContext(), getN(), getSeed(), !getTransposed());
}

namespace {
/// A reflection of the last coordinates of a vector, and a sign for them.
struct Reflection {
  ArrayRef<double> normal; ///< of length sqrt(2)
  double sign;
};
} // namespace

/// The factors of a random matrix of order `n`, a normal vector for each in
/// `storage`.
static SmallVector<Reflection> makeReflections(int64_t n, uint64_t seed,
                                               std::vector<double> &storage) {
  storage.resize(n * (n + 1) / 2);
  MutableArrayRef<double> rest = storage;
  NormalNumbers numbers(seed);
  SmallVector<Reflection> reflections;
  for (int64_t size = n; size > 0; --size) {
    MutableArrayRef<double> normal = rest.take_front(size);
    rest = rest.drop_front(size);
    double squares = 0;
    for (double &number : normal) {
      number = numbers.next();
      squares += number * number;
    }
    // The reflection takes the vector that was drawn to the first axis.
    double sign = normal.front() < 0 ? -1 : 1, first = normal.front();
    normal.front() += sign * std::sqrt(squares);
    double length = std::sqrt(
        (squares - first * first + normal.front() * normal.front()) / 2);
    for (double &number : normal)
      number /= length;
    reflections.push_back({normal, -sign});
  }
  return reflections;
}

/// Sums in a fixed order that vector units can follow.
static double getProduct(const double *lhs, const double *rhs, size_t size) {
  constexpr size_t lanes = 8;
  double sums[lanes] = {}, rest = 0;
  size_t index = 0;
  for (; index + lanes <= size; index += lanes)
    for (size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += lhs[index + lane] * rhs[index + lane];
  for (; index < size; ++index)
    rest += lhs[index] * rhs[index];
  for (double sum : sums)
    rest += sum;
  return rest;
}

static void reflect(const Reflection &reflection, double *row, int64_t n) {
  size_t size = reflection.normal.size();
  const double *normal = reflection.normal.data();
  double *tail = row + n - size;
  double product = getProduct(tail, normal, size);
  for (size_t index = 0; index < size; ++index)
    tail[index] = (tail[index] - product * normal[index]) * reflection.sign;
}

void RandomOrthogonalAttr::applyToRows(MutableArrayRef<double> rows) const {
  int64_t n = getN();
  std::vector<double> storage;
  SmallVector<Reflection> reflections = makeReflections(n, getSeed(), storage);
  // Every reflection, with its sign, is its own transpose.
  if (getTransposed())
    std::reverse(reflections.begin(), reflections.end());
  // As many rows at a time as stay in a near cache.
  constexpr int64_t block = 8;
  for (; !rows.empty();
       rows = rows.drop_front(std::min<size_t>(rows.size(), block * n))) {
    MutableArrayRef<double> some =
        rows.take_front(std::min<size_t>(rows.size(), block * n));
    for (const Reflection &reflection : reflections)
      for (size_t begin = 0; begin < some.size(); begin += n)
        reflect(reflection, some.data() + begin, n);
  }
}
