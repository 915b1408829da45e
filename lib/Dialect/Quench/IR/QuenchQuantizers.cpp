//===- QuenchQuantizers.cpp - Formats of quantizers -----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Support/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

using EmitError = function_ref<InFlightDiagnostic()>;

static LogicalResult verifyBits(EmitError emitError, unsigned bits) {
  if (bits < 2 || bits > 8)
    return emitError() << "expected codes of 2 to 8 bits, found " << bits;
  return success();
}

/// Parses the codes of a format that has unsigned ones only.
static ParseResult parseUnsignedCodes(AsmParser &parser, unsigned &bits) {
  SMLoc loc = parser.getCurrentLocation();
  bool isSigned;
  if (parseQuantCodes(parser, bits, isSigned))
    return failure();
  if (isSigned)
    return parser.emitError(loc) << "expected unsigned codes, found i" << bits;
  return success();
}

/// The attribute of `parameters`, if `result` says that they were parsed and if
/// the closing bracket follows.
template <typename AttrT, typename... Parameters>
static Attribute finish(AsmParser &parser, SMLoc loc, ParseResult result,
                        Parameters &&...parameters) {
  if (failed(result) || parser.parseGreater())
    return {};
  return parser.getChecked<AttrT>(loc, parser.getContext(),
                                  std::forward<Parameters>(parameters)...);
}

//===----------------------------------------------------------------------===//
// UniformAttr
//===----------------------------------------------------------------------===//

Attribute UniformAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  unsigned bits;
  bool isSigned, asymmetric = false;
  QuantScaling scaling;
  if (parser.parseLess() || parseQuantCodes(parser, bits, isSigned))
    return {};
  auto parseAsymmetric = [&]() -> ParseResult {
    asymmetric = true;
    return success();
  };
  ParseResult options =
      parseQuantOptions(parser, scaling, {{"asymmetric", parseAsymmetric}});
  return finish<UniformAttr>(parser, loc, options, bits, isSigned, asymmetric,
                             scaling);
}

void UniformAttr::print(AsmPrinter &printer) const {
  printer << '<' << (getIsSigned() ? 'i' : 'u') << getBits();
  if (getAsymmetric())
    printer << ", asymmetric";
  printQuantOptions(printer, getScaling());
  printer << '>';
}

LogicalResult UniformAttr::verify(EmitError emitError, unsigned bits,
                                  bool isSigned, bool asymmetric,
                                  QuantScaling scaling) {
  return failure(failed(verifyBits(emitError, bits)) ||
                 failed(scaling.verify(emitError)));
}

IntegerType UniformAttr::getStorageType() const {
  return IntegerType::get(getContext(), getBits());
}

bool UniformAttr::hasSignedCodes() const { return getIsSigned(); }

bool UniformAttr::hasZeroPoint() const { return getAsymmetric(); }

IntegerForm UniformAttr::getIntegerForm() const { return IntegerForm::Integer; }

std::pair<double, double> UniformAttr::getNumberRange() const {
  return {getCodes().lowest(), getCodes().highest()};
}

/// The bound `code` of the codes as a number of steps from `zero`, an i32, if
/// there is one.
static Value getBound(QuantizerBuilder &builder, Type type, int64_t code,
                      Value zero) {
  if (!zero)
    return builder.getNumber(type, double(code));
  Value bound = builder.getInteger(zero.getType(), code);
  bound = arith::SubIOp::create(builder, bound, zero);
  return arith::SIToFPOp::create(builder, type, bound);
}

/// The code of `input` less the zero point `zero`, as i32 (C6).
static Value emitSteps(QuantizerBuilder &builder, UniformAttr format,
                       Value input, Value scale, Value zero) {
  numerics::UniformCodes codes = format.getCodes();
  Type type = input.getType();
  Value low = getBound(builder, type, codes.lowest(), zero);
  Value high = getBound(builder, type, codes.highest(), zero);
  return builder.roundToCode(arith::DivFOp::create(builder, input, scale), low,
                             high);
}

/// What `steps` from the zero point stand for (C8).
static Value emitNumber(QuantizerBuilder &builder, Value steps, Value scale) {
  Value number = arith::SIToFPOp::create(builder, scale.getType(), steps);
  return arith::MulFOp::create(builder, number, scale);
}

Value UniformAttr::emitQuantize(OpBuilder &b, Location loc, Value input,
                                Value scale, Value zero) const {
  QuantizerBuilder builder(b, loc);
  if (zero)
    zero = builder.extend(zero, getIsSigned());
  Value code = emitSteps(builder, *this, input, scale, zero);
  if (zero)
    code = arith::AddIOp::create(builder, code, zero);
  return builder.truncate(code, getStorageType());
}

Value UniformAttr::emitDequantize(OpBuilder &b, Location loc, Value codes,
                                  Value scale, Value zero) const {
  QuantizerBuilder builder(b, loc);
  Value steps = builder.extend(codes, getIsSigned());
  if (zero)
    steps = arith::SubIOp::create(builder, steps,
                                  builder.extend(zero, getIsSigned()));
  return emitNumber(builder, steps, scale);
}

Value UniformAttr::emitFakeQuantize(OpBuilder &b, Location loc, Value input,
                                    Value scale, Value zero) const {
  QuantizerBuilder builder(b, loc);
  if (zero)
    zero = builder.extend(zero, getIsSigned());
  return emitNumber(builder, emitSteps(builder, *this, input, scale, zero),
                    scale);
}

Value UniformAttr::emitStraightThrough(OpBuilder &b, Location loc, Value input,
                                       Value scale, Value zero) const {
  QuantizerBuilder builder(b, loc);
  if (zero)
    zero = builder.extend(zero, getIsSigned());
  Value steps = arith::DivFOp::create(builder, input, scale);
  Type type = steps.getType();
  Value low = getBound(builder, type, getCodes().lowest(), zero);
  Value high = getBound(builder, type, getCodes().highest(), zero);
  return arith::AndIOp::create(
      builder, arith::CmpFOp::create(builder, CmpFPredicate::OGE, steps, low),
      arith::CmpFOp::create(builder, CmpFPredicate::OLE, steps, high));
}

// With zero points, all codes span the range, 0 included; without, the highest
// code stands for the greatest magnitude (C23, C25).
QuantParameters UniformAttr::emitParameters(OpBuilder &b, Location loc,
                                            const QuantRange &range) const {
  QuantizerBuilder builder(b, loc);
  numerics::UniformCodes codes = getCodes();
  Type type = range.high.getType();
  Value zero = builder.getNumber(type, 0);
  if (!getAsymmetric()) {
    Value low = range.low;
    if (getIsSigned())
      low = arith::NegFOp::create(builder, low);
    Value greatest =
        getIsSigned() ? builder.getGreater(low, range.high) : range.high;
    return quantizer::coverRange(b, loc, {0, codes.highest()},
                                 getScaling().form,
                                 {zero, greatest, range.outer});
  }
  int32_t span = codes.highest() - codes.lowest();
  Value low = builder.getLess(range.low, zero);
  Value high = builder.getGreater(range.high, zero);
  high = arith::SubFOp::create(builder, high, low);
  Value scale = quantizer::coverRange(b, loc, {0, span}, getScaling().form,
                                      {zero, high, range.outer})
                    .scale;
  low = arith::NegFOp::create(builder, low);
  Value code =
      builder.roundToCode(arith::DivFOp::create(builder, low, scale), 0, span);
  code = arith::AddIOp::create(
      builder, code, builder.getInteger(code.getType(), codes.lowest()));
  return {scale, builder.truncate(code, getStorageType())};
}

HostQuantParameters UniformAttr::getParameters(const HostQuantRange &range,
                                               bool wide) const {
  numerics::UniformCodes codes = getCodes();
  auto cover = [&](double high, int32_t span) {
    return quantizer::coverRange({0, span}, getScaling().form,
                                 {0, high, range.outer}, wide)
        .scale;
  };
  if (!getAsymmetric())
    return {cover(getIsSigned() && -range.low > range.high ? -range.low
                                                           : range.high,
                  codes.highest())};
  double low = range.low < 0 ? range.low : 0;
  double high = range.high > 0 ? range.high : 0;
  int32_t span = codes.highest() - codes.lowest();
  // In f32, the difference of f32 numbers is rounded once, also by way of f64.
  double scale = cover(high - low, span);
  return {scale,
          wide ? numerics::getZeroPoint(low, scale, codes)
               : numerics::getZeroPoint(static_cast<float>(low),
                                        static_cast<float>(scale), codes)};
}

/// A code or zero point as a byte holds it.
static int32_t widen(UniformAttr format, int8_t code) {
  return format.getIsSigned() ? code : static_cast<uint8_t>(code);
}

LogicalResult UniformAttr::quantize(ArrayRef<double> input, double scale,
                                    int8_t zero, bool wide,
                                    MutableArrayRef<int8_t> codes) const {
  int32_t offset = widen(*this, zero);
  return quantizeEach(input, scale, wide, codes,
                      [offset, format = getCodes()](auto number, auto scale) {
                        return numerics::quantize(number, scale, offset,
                                                  format);
                      });
}

LogicalResult UniformAttr::dequantize(ArrayRef<int8_t> codes, double scale,
                                      int8_t zero, bool wide,
                                      MutableArrayRef<double> numbers) const {
  return dequantizeEach(
      codes, scale, getIsSigned(), wide, numbers,
      [offset = widen(*this, zero)](int32_t code, auto scale) {
        return numerics::dequantize(code, scale, offset);
      });
}

//===----------------------------------------------------------------------===//
// LogAttr
//===----------------------------------------------------------------------===//

static StringRef getName(ZeroState zero) {
  return zero == ZeroState::Last ? "last" : "extra";
}

/// The largest numerator and denominator of a step.
static constexpr int64_t maxStep = 1024;

Attribute LogAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  unsigned bits;
  int64_t numerator = 1, denominator = 1, unit = 0;
  ZeroState zero = ZeroState::None;
  QuantScaling scaling;
  if (parser.parseLess() || parseUnsignedCodes(parser, bits))
    return {};
  auto parseStep = [&]() -> ParseResult {
    if (parseQuantInteger(parser, "step", 1, maxStep, numerator))
      return failure();
    SMLoc loc = parser.getCurrentLocation();
    if (failed(parser.parseOptionalColon()))
      return success();
    if (parser.parseInteger(denominator))
      return failure();
    if (denominator < 1 || denominator > maxStep)
      return parser.emitError(loc)
             << "expected the denominator of step to be 1 to " << maxStep
             << ", found " << denominator;
    return success();
  };
  auto parseUnit = [&] {
    return parseQuantInteger(parser, "unit", 1, 1 << 16, unit);
  };
  auto parseZero = [&]() -> ParseResult {
    SMLoc loc = parser.getCurrentLocation();
    StringRef word;
    if (parser.parseEqual() || parser.parseKeyword(&word))
      return failure();
    if (word != "last" && word != "extra")
      return parser.emitError(loc)
             << "expected zero to be last or extra, found " << word;
    zero = word == "last" ? ZeroState::Last : ZeroState::Extra;
    return success();
  };
  ParseResult options = parseQuantOptions(
      parser, scaling,
      {{"step", parseStep}, {"unit", parseUnit}, {"zero", parseZero}});
  return finish<LogAttr>(parser, loc, options, bits, unsigned(numerator),
                         unsigned(denominator), unsigned(unit), zero, scaling);
}

void LogAttr::print(AsmPrinter &printer) const {
  printer << "<u" << getBits();
  if (getNumerator() != 1 || getDenominator() != 1)
    printer << ", step = " << getNumerator() << " : " << getDenominator();
  if (getUnit() != 0)
    printer << ", unit = " << getUnit();
  if (getZero() != ZeroState::None)
    printer << ", zero = " << getName(getZero());
  printQuantOptions(printer, getScaling());
  printer << '>';
}

LogicalResult LogAttr::verify(EmitError emitError, unsigned bits,
                              unsigned numerator, unsigned denominator,
                              unsigned unit, ZeroState zero,
                              QuantScaling scaling) {
  if (failed(verifyBits(emitError, bits)) || failed(scaling.verify(emitError)))
    return failure();
  if (bits == 8 && zero == ZeroState::Extra)
    return emitError() << "expected codes of 2 to 7 bits beside an extra one "
                          "for 0, found 8";
  // All numbers are normal ones of f64; f32 may lack the last.
  uint64_t octaves = ((uint64_t(1) << bits) - 1) * numerator / denominator;
  if (octaves > 1000)
    return emitError() << "expected numbers down to 2^-1000, found 2^-"
                       << octaves;
  return success();
}

IntegerType LogAttr::getStorageType() const {
  return IntegerType::get(getContext(),
                          getBits() + (getZero() == ZeroState::Extra));
}

QuantTable LogAttr::getTable() const {
  return QuantTable::getLogarithmic(getBits(), getNumerator(), getDenominator(),
                                    getUnit(), getZero());
}

IntegerForm LogAttr::getIntegerForm() const {
  // Half steps are two sums of shifts (C32).
  bool isShift = getUnit() == 0 && 2 * getNumerator() % getDenominator() == 0;
  return isShift ? IntegerForm::Shift : IntegerForm::Table;
}

//===----------------------------------------------------------------------===//
// TangentAttr
//===----------------------------------------------------------------------===//

Attribute TangentAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  unsigned bits;
  std::optional<double> a, b;
  QuantScaling scaling;
  if (parser.parseLess() || parseUnsignedCodes(parser, bits))
    return {};
  auto parseA = [&]() -> ParseResult {
    return failure(parser.parseEqual() || parser.parseFloat(a.emplace()));
  };
  auto parseB = [&]() -> ParseResult {
    return failure(parser.parseEqual() || parser.parseFloat(b.emplace()));
  };
  ParseResult options =
      parseQuantOptions(parser, scaling, {{"a", parseA}, {"b", parseB}});
  if (succeeded(options) && (!a || !b))
    return parser.emitError(loc) << "expected a and b", Attribute();
  return finish<TangentAttr>(parser, loc, options, bits, APFloat(a.value_or(0)),
                             APFloat(b.value_or(0)), scaling);
}

void TangentAttr::print(AsmPrinter &printer) const {
  printer << "<u" << getBits() << ", a = ";
  printer.printFloat(getA());
  printer << ", b = ";
  printer.printFloat(getB());
  printQuantOptions(printer, getScaling());
  printer << '>';
}

LogicalResult TangentAttr::verify(EmitError emitError, unsigned bits, APFloat a,
                                  APFloat b, QuantScaling scaling) {
  if (failed(verifyBits(emitError, bits)) || failed(scaling.verify(emitError)))
    return failure();
  double slope = a.convertToDouble(), shift = b.convertToDouble();
  // At a distance from pi / 2, where the tangent has no end.
  constexpr double limit = 1.57;
  bool fits = shift >= 1e-3 && shift <= limit && slope - shift >= 1e-3 &&
              slope - shift <= limit;
  if (!fits)
    return emitError() << "expected b and a - b from 0.001 to 1.57, found a = "
                       << slope << ", b = " << shift;
  return success();
}

IntegerType TangentAttr::getStorageType() const {
  return IntegerType::get(getContext(), getBits());
}

QuantTable TangentAttr::getTable() const {
  return QuantTable::getTangent(getBits(), getA().convertToDouble(),
                                getB().convertToDouble());
}

IntegerForm TangentAttr::getIntegerForm() const { return IntegerForm::Table; }

//===----------------------------------------------------------------------===//
// TwinUniformAttr
//===----------------------------------------------------------------------===//

Attribute TwinUniformAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  unsigned bits;
  bool isSigned;
  int64_t shift = 0;
  QuantScaling scaling;
  if (parser.parseLess() || parseQuantCodes(parser, bits, isSigned))
    return {};
  auto parseShift = [&] {
    return parseQuantInteger(parser, "shift", isSigned ? -24 : 0,
                             isSigned ? 24 : 19, shift);
  };
  ParseResult options =
      parseQuantOptions(parser, scaling, {{"shift", parseShift}});
  return finish<TwinUniformAttr>(parser, loc, options, bits, isSigned,
                                 int32_t(shift), scaling);
}

void TwinUniformAttr::print(AsmPrinter &printer) const {
  printer << '<' << (getIsSigned() ? 'i' : 'u') << getBits()
          << ", shift = " << getShift();
  printQuantOptions(printer, getScaling());
  printer << '>';
}

LogicalResult TwinUniformAttr::verify(EmitError emitError, unsigned bits,
                                      bool isSigned, int32_t shift,
                                      QuantScaling scaling) {
  return failure(failed(verifyBits(emitError, bits)) ||
                 failed(scaling.verify(emitError)));
}

IntegerType TwinUniformAttr::getStorageType() const {
  return IntegerType::get(getContext(), getBits());
}

bool TwinUniformAttr::hasSignedCodes() const { return getIsSigned(); }

IntegerForm TwinUniformAttr::getIntegerForm() const {
  return IntegerForm::Shift;
}

std::pair<double, double> TwinUniformAttr::getNumberRange() const {
  numerics::TwinCodes codes = getCodes();
  double high = double(codes.largest()) * codes.step(/*negative=*/false);
  if (!getIsSigned())
    return {0, high};
  return {-double(codes.flag()) * codes.step(/*negative=*/true), high};
}

Value TwinUniformAttr::emitQuantize(OpBuilder &b, Location loc, Value input,
                                    Value scale, Value zero) const {
  QuantizerBuilder builder(b, loc);
  numerics::TwinCodes codes = getCodes();
  Type type = input.getType();
  Value steps = arith::DivFOp::create(builder, input, scale);
  Value coarse = builder.getNumber(type, codes.step(/*negative=*/false));
  int64_t largest = codes.largest();
  if (getIsSigned()) {
    Value isNegative = arith::CmpFOp::create(builder, CmpFPredicate::OLT, steps,
                                             builder.getNumber(type, 0));
    Value step = arith::SelectOp::create(
        builder, isNegative, builder.getNumber(type, codes.step(true)), coarse);
    steps = arith::DivFOp::create(builder, steps, step);
    return builder.truncate(builder.roundToCode(steps, -largest - 1, largest),
                            getStorageType());
  }
  Value isCoarse =
      arith::CmpFOp::create(builder, CmpFPredicate::OGE, steps,
                            builder.getNumber(type, double(largest) + 0.5));
  Value fine = builder.roundToCode(steps, 0, largest);
  Value code = builder.roundToCode(
      arith::DivFOp::create(builder, steps, coarse), 1, largest);
  Value flag = builder.getInteger(code.getType(), codes.flag());
  code = arith::AddIOp::create(builder, code, flag);
  code = arith::SelectOp::create(builder, isCoarse, code, fine);
  return builder.truncate(code, getStorageType());
}

Value TwinUniformAttr::emitDequantize(OpBuilder &b, Location loc, Value codes,
                                      Value scale, Value zero) const {
  QuantizerBuilder builder(b, loc);
  numerics::TwinCodes format = getCodes();
  Value magnitude = builder.extend(codes, getIsSigned());
  Type type = magnitude.getType();
  Value one = builder.getInteger(type, format.step(/*negative=*/true));
  Value coarse = builder.getInteger(type, format.step(/*negative=*/false));
  // Of the codes of a sign, positive ones are coarse, of those of a flag, large
  // ones.
  Value first =
      builder.getInteger(type, getIsSigned() ? 0 : int64_t(format.flag()));
  Value isCoarse =
      arith::CmpIOp::create(builder, CmpIPredicate::sge, magnitude, first);
  if (!getIsSigned()) {
    one = builder.getInteger(type, 1);
    magnitude = arith::AndIOp::create(
        builder, magnitude, builder.getInteger(type, format.largest()));
  }
  Value step = arith::SelectOp::create(builder, isCoarse, coarse, one);
  Value steps = arith::MulIOp::create(builder, magnitude, step);
  return emitNumber(builder, steps, scale);
}

Value TwinUniformAttr::emitFakeQuantize(OpBuilder &b, Location loc, Value input,
                                        Value scale, Value zero) const {
  return emitDequantize(b, loc, emitQuantize(b, loc, input, scale, zero), scale,
                        zero);
}

LogicalResult TwinUniformAttr::quantize(ArrayRef<double> input, double scale,
                                        int8_t zero, bool wide,
                                        MutableArrayRef<int8_t> codes) const {
  return quantizeEach(input, scale, wide, codes, [&](auto number, auto scale) {
    return numerics::quantize(number, scale, getCodes());
  });
}

LogicalResult
TwinUniformAttr::dequantize(ArrayRef<int8_t> codes, double scale, int8_t zero,
                            bool wide, MutableArrayRef<double> numbers) const {
  return dequantizeEach(codes, scale, getIsSigned(), wide, numbers,
                        [&](int32_t code, auto scale) {
                          return numerics::dequantize(code, scale, getCodes());
                        });
}

//===----------------------------------------------------------------------===//
// CodeBookAttr
//===----------------------------------------------------------------------===//

/// NF4, as published: numbers of f32.
static constexpr double nf4[] = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};

Attribute CodeBookAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<double> numbers;
  unsigned learnedBits = 0;
  QuantScaling scaling;
  if (parser.parseLess())
    return {};
  StringRef name;
  SMLoc nameLoc = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword(&name))) {
    if (name == "nf4")
      numbers.assign(std::begin(nf4), std::end(nf4));
    else if (name != "learned")
      return parser.emitError(nameLoc)
                 << "expected nf4, learned or numbers in brackets, found "
                 << name,
             Attribute();
    else if (parser.parseInteger(learnedBits) ||
             failed(verifyBits([&] { return parser.emitError(nameLoc); },
                               learnedBits)))
      return {};
  } else if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
               return parser.parseFloat(numbers.emplace_back());
             })) {
    return {};
  }
  return finish<CodeBookAttr>(
      parser, loc, parseQuantOptions(parser, scaling),
      DenseF64ArrayAttr::get(parser.getContext(), numbers), learnedBits,
      scaling);
}

void CodeBookAttr::print(AsmPrinter &printer) const {
  printer << '<';
  if (hasLearnedTable()) {
    printer << "learned " << getLearnedBits();
  } else if (getNumbers().asArrayRef() == ArrayRef(nf4)) {
    printer << "nf4";
  } else {
    printer << '[';
    llvm::interleaveComma(
        getNumbers().asArrayRef(), printer,
        [&](double number) { printer.printFloat(APFloat(number)); });
    printer << ']';
  }
  printQuantOptions(printer, getScaling());
  printer << '>';
}

LogicalResult CodeBookAttr::verify(EmitError emitError,
                                   DenseF64ArrayAttr numbers,
                                   unsigned learnedBits, QuantScaling scaling) {
  if (failed(scaling.verify(emitError)))
    return failure();
  if (learnedBits != 0) {
    if (!numbers.empty())
      return emitError() << "expected numbers that are learned or given, found "
                            "both";
    return verifyBits(emitError, learnedBits);
  }
  if (numbers.size() < 2 || numbers.size() > 256)
    return emitError() << "expected 2 to 256 numbers, found " << numbers.size();
  double previous = -HUGE_VAL;
  for (double number : numbers.asArrayRef()) {
    // Such as f32 tells apart, too.
    auto single = static_cast<float>(number);
    if (!(single > previous) || std::isinf(single))
      return emitError() << "expected finite numbers of f32 that ascend, found "
                         << number << " after " << previous;
    previous = single;
  }
  if (numbers[numbers.size() - 1] <= 0)
    return emitError() << "expected a number above 0, found none";
  return success();
}

IntegerType CodeBookAttr::getStorageType() const {
  return IntegerType::get(getContext(),
                          hasLearnedTable()
                              ? getLearnedBits()
                              : llvm::Log2_64_Ceil(getNumbers().size()));
}

QuantTable CodeBookAttr::getTable() const {
  if (hasLearnedTable())
    return {};
  return QuantTable::getNearest(getNumbers());
}

bool CodeBookAttr::hasLearnedTable() const { return getLearnedBits() != 0; }

std::pair<double, double> CodeBookAttr::getNumberRange() const {
  // Scales come before the numbers, which lie between these (C37).
  if (hasLearnedTable())
    return {-1, 1};
  return {getNumbers().asArrayRef().front(), getNumbers().asArrayRef().back()};
}

IntegerForm CodeBookAttr::getIntegerForm() const { return IntegerForm::Table; }

//===----------------------------------------------------------------------===//
// TernaryAttr, BinaryAttr
//===----------------------------------------------------------------------===//

/// Parses nothing but how parameters are shared, if that.
template <typename AttrT>
static Attribute parseScalingAlone(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  QuantScaling scaling;
  if (failed(parser.parseOptionalLess()))
    return AttrT::get(parser.getContext(), scaling);
  return finish<AttrT>(parser, loc,
                       parseQuantOptions(parser, scaling, {}, /*first=*/true),
                       scaling);
}

static void printScalingAlone(AsmPrinter &printer,
                              const QuantScaling &scaling) {
  if (scaling == QuantScaling())
    return;
  printer << '<';
  printQuantOptions(printer, scaling, /*first=*/true);
  printer << '>';
}

Attribute TernaryAttr::parse(AsmParser &parser, Type) {
  return parseScalingAlone<TernaryAttr>(parser);
}

void TernaryAttr::print(AsmPrinter &printer) const {
  printScalingAlone(printer, getScaling());
}

LogicalResult TernaryAttr::verify(EmitError emitError, QuantScaling scaling) {
  return scaling.verify(emitError);
}

IntegerType TernaryAttr::getStorageType() const {
  return IntegerType::get(getContext(), 2);
}

bool TernaryAttr::hasSignedCodes() const { return true; }

QuantTable TernaryAttr::getTable() const { return QuantTable::getTernary(); }

IntegerForm TernaryAttr::getIntegerForm() const { return IntegerForm::Integer; }

Attribute BinaryAttr::parse(AsmParser &parser, Type) {
  return parseScalingAlone<BinaryAttr>(parser);
}

void BinaryAttr::print(AsmPrinter &printer) const {
  printScalingAlone(printer, getScaling());
}

LogicalResult BinaryAttr::verify(EmitError emitError, QuantScaling scaling) {
  return scaling.verify(emitError);
}

IntegerType BinaryAttr::getStorageType() const {
  return IntegerType::get(getContext(), 1);
}

QuantTable BinaryAttr::getTable() const { return QuantTable::getBinary(); }

IntegerForm BinaryAttr::getIntegerForm() const { return IntegerForm::Table; }

//===----------------------------------------------------------------------===//
// SmallFloatAttr
//===----------------------------------------------------------------------===//

Attribute SmallFloatAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  QuantScaling scaling;
  StringRef name;
  if (parser.parseLess())
    return {};
  SMLoc nameLoc = parser.getCurrentLocation();
  if (parser.parseKeyword(&name))
    return {};
  std::optional<SmallFloatKind> kind = symbolizeSmallFloatKind(name);
  if (!kind)
    return parser.emitError(nameLoc)
               << "expected e4m3, e5m2, e3m2, e2m3 or e2m1, found " << name,
           Attribute();
  return finish<SmallFloatAttr>(parser, loc, parseQuantOptions(parser, scaling),
                                *kind, scaling);
}

void SmallFloatAttr::print(AsmPrinter &printer) const {
  printer << '<' << stringifySmallFloatKind(getKind());
  printQuantOptions(printer, getScaling());
  printer << '>';
}

LogicalResult SmallFloatAttr::verify(EmitError emitError, SmallFloatKind kind,
                                     QuantScaling scaling) {
  return scaling.verify(emitError);
}

numerics::SmallFloat SmallFloatAttr::getFormat() const {
  switch (getKind()) {
  case SmallFloatKind::E4M3:
    return numerics::e4m3;
  case SmallFloatKind::E5M2:
    return numerics::e5m2;
  case SmallFloatKind::E3M2:
    return numerics::e3m2;
  case SmallFloatKind::E2M3:
    return numerics::e2m3;
  case SmallFloatKind::E2M1:
    return numerics::e2m1;
  }
  llvm_unreachable("all kinds are covered");
}

IntegerType SmallFloatAttr::getStorageType() const {
  return IntegerType::get(getContext(), getFormat().bits());
}

IntegerForm SmallFloatAttr::getIntegerForm() const {
  return IntegerForm::Float;
}

std::pair<double, double> SmallFloatAttr::getNumberRange() const {
  double greatest =
      numerics::decode<double>(getFormat().highest(), getFormat());
  return {-greatest, greatest};
}

Value SmallFloatAttr::emitQuantize(OpBuilder &b, Location loc, Value input,
                                   Value scale, Value zero) const {
  QuantizerBuilder builder(b, loc);
  Value steps = arith::DivFOp::create(builder, input, scale);
  return builder.truncate(builder.encodeSmallFloat(steps, getFormat()),
                          getStorageType());
}

Value SmallFloatAttr::emitDequantize(OpBuilder &b, Location loc, Value codes,
                                     Value scale, Value zero) const {
  QuantizerBuilder builder(b, loc);
  Value number = builder.decodeSmallFloat(codes, scale.getType(), getFormat());
  return arith::MulFOp::create(builder, number, scale);
}

Value SmallFloatAttr::emitFakeQuantize(OpBuilder &b, Location loc, Value input,
                                       Value scale, Value zero) const {
  QuantizerBuilder builder(b, loc);
  Value steps = arith::DivFOp::create(builder, input, scale);
  Value number = builder.roundToSmallFloat(steps, getFormat());
  return arith::MulFOp::create(builder, number, scale);
}

// Powers of two follow from the exponents of the greatest magnitude and of the
// greatest number, whatever their fractions are (C24).
static std::pair<double, double> getCoveredNumbers(SmallFloatAttr format) {
  if (format.getScaling().form != numerics::ScaleForm::E8M0)
    return format.getNumberRange();
  double power = std::ldexp(1.0, format.getFormat().maxExponent());
  return {-power, power};
}

QuantParameters SmallFloatAttr::emitParameters(OpBuilder &b, Location loc,
                                               const QuantRange &range) const {
  return quantizer::coverRange(b, loc, getCoveredNumbers(*this),
                               getScaling().form, range, /*upwards=*/false);
}

HostQuantParameters SmallFloatAttr::getParameters(const HostQuantRange &range,
                                                  bool wide) const {
  return quantizer::coverRange(getCoveredNumbers(*this), getScaling().form,
                               range, wide, /*upwards=*/false);
}

LogicalResult SmallFloatAttr::quantize(ArrayRef<double> input, double scale,
                                       int8_t zero, bool wide,
                                       MutableArrayRef<int8_t> codes) const {
  return quantizeEach(input, scale, wide, codes, [&](auto number, auto scale) {
    return numerics::quantize(number, scale, getFormat());
  });
}

LogicalResult
SmallFloatAttr::dequantize(ArrayRef<int8_t> codes, double scale, int8_t zero,
                           bool wide, MutableArrayRef<double> numbers) const {
  return dequantizeEach(codes, scale, /*isSigned=*/false, wide, numbers,
                        [&](int32_t code, auto scale) {
                          return numerics::dequantize(code, scale, getFormat());
                        });
}
