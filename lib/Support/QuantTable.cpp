//===- QuantTable.cpp - Formats whose numbers are a table -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/QuantTable.h"

#include "llvm/ADT/SmallVectorExtras.h"

#include <cmath>

using namespace llvm;
using namespace quench;

//===----------------------------------------------------------------------===//
// Functions with 100 bits
//===----------------------------------------------------------------------===//

namespace {
/// The sum of two f64, of which the second is less than a half of the last
/// place of the first.
struct Wide {
  double high;
  double low = 0;

  /// `x + y`, exactly.
  static Wide sum(double x, double y) {
    double high = x + y, part = high - x;
    return {high, (x - (high - part)) + (y - part)};
  }
  /// `x * y`, exactly.
  static Wide product(double x, double y) {
    double high = x * y;
    return {high, std::fma(x, y, -high)};
  }

  Wide operator-() const { return {-high, -low}; }
  Wide operator+(Wide other) const {
    Wide highs = sum(high, other.high), lows = sum(low, other.low);
    Wide first = sum(highs.high, highs.low + lows.high);
    return sum(first.high, first.low + lows.low);
  }
  Wide operator-(Wide other) const { return *this + -other; }
  Wide operator*(Wide other) const {
    Wide highs = product(high, other.high);
    return sum(highs.high, highs.low + (high * other.low + low * other.high));
  }
  Wide operator/(Wide other) const {
    double first = high / other.high;
    Wide rest = *this - other * Wide{first};
    double second = rest.high / other.high;
    rest = rest - other * Wide{second};
    return Wide::sum(first, second) + Wide{rest.high / other.high};
  }
  Wide shifted(int exponent) const {
    return {std::ldexp(high, exponent), std::ldexp(low, exponent)};
  }
};
} // namespace

/// The least f64 above the bound `value`, or the bound itself if `inclusive`.
static double getBound(Wide value, bool inclusive) {
  // A bound that f64 holds is one by symmetry; what is computed misses it by a
  // few of the last bits.
  if (std::fabs(value.low) <= std::fabs(value.high) * 0x1p-90)
    return inclusive ? value.high : std::nextafter(value.high, HUGE_VAL);
  return value.low > 0 ? std::nextafter(value.high, HUGE_VAL) : value.high;
}

/// `first + first * ratio(1) + first * ratio(1) * ratio(2) + ...`
template <typename Ratio>
static Wide sumSeries(Wide first, Ratio ratio) {
  Wide sum = first, term = first;
  for (int i = 1; std::fabs(term.high) > 0x1p-120; ++i) {
    term = term * ratio(i);
    sum = sum + term;
  }
  return sum;
}

/// `2^(-numerator / denominator)`.
static Wide exp2Minus(uint64_t numerator, uint64_t denominator) {
  constexpr Wide ln2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
  auto whole = static_cast<int>(numerator / denominator);
  Wide exponent =
      ln2 * Wide{-double(numerator % denominator)} / Wide{double(denominator)};
  return sumSeries({1}, [&](int i) { return exponent / Wide{double(i)}; })
      .shifted(-whole);
}

static Wide tangent(Wide angle) {
  Wide square = -(angle * angle);
  Wide sine = sumSeries(
      angle, [&](int i) { return square / Wide{2.0 * i * (2.0 * i + 1)}; });
  Wide cosine = sumSeries(
      {1}, [&](int i) { return square / Wide{(2.0 * i - 1) * (2.0 * i)}; });
  return sine / cosine;
}

/// By Newton's method, from what f64 knows.
static Wide arctangent(Wide value) {
  Wide angle = {std::atan(value.high)};
  for (int i = 0; i < 2; ++i) {
    Wide found = tangent(angle);
    angle = angle - (found - value) / (Wide{1} + found * found);
  }
  return angle;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

SmallVector<float> QuantTable::getFloatBounds() const {
  return llvm::map_to_vector(bounds, [](double bound) {
    auto nearest = static_cast<float>(bound);
    return nearest < bound ? std::nextafter(nearest, HUGE_VALF) : nearest;
  });
}

QuantTable QuantTable::getNearest(ArrayRef<double> numbers) {
  QuantTable table;
  table.numbers.assign(numbers.begin(), numbers.end());
  table.codes.push_back(0);
  for (size_t rank = 1; rank < numbers.size(); ++rank) {
    table.codes.push_back(static_cast<int32_t>(rank));
    // The middle, and what rounding it lost.
    double low = numbers[rank - 1] / 2, high = numbers[rank] / 2;
    double middle = low + high, rest = middle - low;
    double lost = (low - (middle - rest)) + (high - rest);
    bool inclusive = lost < 0 || (lost == 0 && rank % 2 == 0);
    table.bounds.push_back(inclusive ? middle
                                     : std::nextafter(middle, HUGE_VAL));
  }
  return table;
}

QuantTable QuantTable::getTernary() {
  return {{-1, 0, 1}, {-0.5, std::nextafter(0.5, 1.0)}, {-1, 0, 1}};
}

QuantTable QuantTable::getBinary() { return {{-1, 1}, {0}, {0, 1}}; }

QuantTable QuantTable::getLogarithmic(unsigned bits, unsigned numerator,
                                      unsigned denominator, unsigned unit,
                                      ZeroState zero) {
  QuantTable table;
  int32_t count = 1 << bits;
  // The first code that stands for 0.
  int32_t end = zero == ZeroState::Last ? count - 1 : count;
  if (zero != ZeroState::None) {
    table.numbers.push_back(0);
    table.codes.push_back(end);
  }
  for (int32_t code = end - 1; code >= 0; --code) {
    uint64_t octaves = uint64_t(code) * numerator;
    if (!table.numbers.empty()) {
      // Between this code and the next, half a step further.
      uint64_t bound = 2 * octaves + numerator;
      table.bounds.push_back(
          getBound(exp2Minus(bound, 2 * uint64_t(denominator)),
                   /*inclusive=*/code % 2 == 0));
    }
    auto shift = static_cast<int>(octaves / denominator);
    Wide mantissa = exp2Minus(octaves % denominator, denominator);
    if (unit != 0) {
      Wide units = mantissa * Wide{double(unit)};
      double whole = std::floor(units.high);
      whole += units.high - whole + units.low > 0.5 ? 1 : 0;
      mantissa = Wide{whole} / Wide{double(unit)};
    }
    table.numbers.push_back(std::ldexp(mantissa.high, -shift));
    table.codes.push_back(code);
  }
  return table;
}

QuantTable QuantTable::getTangent(unsigned bits, double a, double b) {
  QuantTable table;
  int32_t last = (1 << bits) - 1;
  Wide low = tangent({-b}), span = tangent(Wide::sum(a, -b)) - low;
  // The number at `halves / 2` of the distances between codes.
  auto invert = [&](int32_t halves) {
    Wide part = Wide{double(halves)} / Wide{2.0 * last};
    return (arctangent(low + span * part) + Wide{b}) / Wide{a};
  };
  for (int32_t code = 0; code <= last; ++code) {
    if (code != 0)
      table.bounds.push_back(getBound(invert(2 * code - 1), code % 2 == 0));
    // The ends are what they are without rounding.
    table.numbers.push_back(code == 0      ? 0
                            : code == last ? 1
                                           : invert(2 * code).high);
    table.codes.push_back(code);
  }
  return table;
}
