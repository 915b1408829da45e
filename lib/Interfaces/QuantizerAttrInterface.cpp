//===- QuantizerAttrInterface.cpp - Formats of quantizers -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/QuantizerAttrInterface.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using arith::CmpFPredicate;
using arith::CmpIPredicate;
using numerics::ScaleForm;
using numerics::SmallFloat;

#include "Quench/Interfaces/QuantizerAttrInterface.cpp.inc"

//===----------------------------------------------------------------------===//
// QuantScaling
//===----------------------------------------------------------------------===//

/// The dimension of the tokens, which share what a sequence has.
static constexpr int64_t tokenAxis = 1;

void QuantScaling::getAxes(int64_t rank,
                           SmallVectorImpl<QuantAxis> &axes) const {
  if (axis)
    axes.push_back({*axis});
  if (perToken || perSequence)
    for (int64_t dim = 0; dim + 1 < rank; ++dim)
      if (perToken || dim != tokenAxis)
        axes.push_back({dim});
  if (group)
    axes.push_back({rank - 1, *group});
}

LogicalResult
QuantScaling::verify(function_ref<InFlightDiagnostic()> emitError) const {
  if (perSequence && (axis || perToken))
    return emitError()
           << "expected an axis, token or sequence, found two of them";
  if (axis && perToken)
    return emitError() << "expected an axis or token, found both";
  return success();
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

ParseResult quench::parseQuantInteger(AsmParser &parser, StringRef name,
                                      int64_t low, int64_t high,
                                      int64_t &value) {
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseEqual() || parser.parseInteger(value))
    return failure();
  if (value >= low && value <= high)
    return success();
  InFlightDiagnostic diagnostic = parser.emitError(loc);
  diagnostic << "expected " << name << " to be " << low;
  if (high == std::numeric_limits<int64_t>::max())
    diagnostic << " or more";
  else
    diagnostic << " to " << high;
  return diagnostic << ", found " << value;
}

ParseResult quench::parseQuantCodes(AsmParser &parser, unsigned &bits,
                                    bool &isSigned) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef codes;
  if (parser.parseKeyword(&codes))
    return failure();
  isSigned = codes.front() == 'i';
  if ((!isSigned && codes.front() != 'u') ||
      codes.drop_front().getAsInteger(10, bits))
    return parser.emitError(loc)
           << "expected codes such as i8 or u4, found " << codes;
  return success();
}

static ParseResult parseScaleForm(AsmParser &parser, ScaleForm &form) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef word;
  if (parser.parseEqual())
    return failure();
  loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return failure();
  if (word == "e8m0")
    form = ScaleForm::E8M0;
  else if (word == "e4m3")
    form = ScaleForm::E4M3;
  else
    return parser.emitError(loc)
           << "expected scale to be e8m0 or e4m3, found " << word;
  return success();
}

ParseResult quench::parseQuantOptions(AsmParser &parser, QuantScaling &scaling,
                                      ArrayRef<QuantOption> others,
                                      bool first) {
  auto parseInteger = [&](StringRef name, int64_t low,
                          std::optional<int64_t> &value) {
    return parseQuantInteger(parser, name, low,
                             std::numeric_limits<int64_t>::max(),
                             value.emplace());
  };
  auto parseAxis = [&] { return parseInteger("axis", 0, scaling.axis); };
  auto parseToken = [&]() -> ParseResult {
    scaling.perToken = true;
    return success();
  };
  auto parseSequence = [&]() -> ParseResult {
    scaling.perSequence = true;
    return success();
  };
  auto parseGroup = [&] { return parseInteger("group", 1, scaling.group); };
  auto parseScale = [&] { return parseScaleForm(parser, scaling.form); };
  SmallVector<QuantOption> options(others);
  options.append({{"axis", parseAxis},
                  {"token", parseToken},
                  {"sequence", parseSequence},
                  {"group", parseGroup},
                  {"scale", parseScale}});

  llvm::StringSet<> seen;
  while (first || succeeded(parser.parseOptionalComma())) {
    first = false;
    SMLoc loc = parser.getCurrentLocation();
    StringRef word;
    if (parser.parseKeyword(&word))
      return failure();
    const QuantOption *option =
        llvm::find_if(options, [&](const QuantOption &option) {
          return option.word == word;
        });
    if (option == options.end()) {
      InFlightDiagnostic diagnostic = parser.emitError(loc);
      diagnostic << "expected ";
      for (const QuantOption &other : ArrayRef(options).drop_back())
        diagnostic << (&other == options.begin() ? "" : ", ") << other.word;
      return diagnostic << " or " << options.back().word << ", found " << word;
    }
    if (!seen.insert(word).second)
      return parser.emitError(loc) << "found " << word << " twice";
    if (option->parse())
      return failure();
  }
  return success();
}

void quench::printQuantOptions(AsmPrinter &printer, const QuantScaling &scaling,
                               bool first) {
  auto print = [&](auto &&...parts) {
    if (!first)
      printer << ", ";
    first = false;
    (printer << ... << parts);
  };
  if (scaling.axis)
    print("axis = ", *scaling.axis);
  if (scaling.perToken)
    print("token");
  if (scaling.perSequence)
    print("sequence");
  if (scaling.group)
    print("group = ", *scaling.group);
  if (scaling.form != ScaleForm::Any)
    print("scale = ", scaling.form == ScaleForm::E8M0 ? "e8m0" : "e4m3");
}

//===----------------------------------------------------------------------===//
// QuantizerBuilder
//===----------------------------------------------------------------------===//

Type QuantizerBuilder::withElements(Type type, Type element) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? Type(shaped.clone(element)) : element;
}

Type QuantizerBuilder::getBitsType(Type type) {
  return withElements(
      type, getIntegerType(getElementTypeOrSelf(type).getIntOrFloatBitWidth()));
}

static Value createConstant(ImplicitLocOpBuilder &builder, Type type,
                            TypedAttr attr) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    attr = DenseElementsAttr::get(shaped, Attribute(attr));
  return arith::ConstantOp::create(builder, attr);
}

Value QuantizerBuilder::getNumber(Type type, double number) {
  return createConstant(*this, type,
                        getFloatAttr(getElementTypeOrSelf(type), number));
}

Value QuantizerBuilder::getInteger(Type type, int64_t number) {
  Type element = getElementTypeOrSelf(type);
  APInt bits(element.getIntOrFloatBitWidth(), number, /*isSigned=*/true,
             /*implicitTrunc=*/true);
  return createConstant(*this, type, getIntegerAttr(element, bits));
}

Value QuantizerBuilder::getGreater(Value x, Value y) {
  Value condition = arith::CmpFOp::create(*this, CmpFPredicate::OGT, x, y);
  return arith::SelectOp::create(*this, condition, x, y);
}

Value QuantizerBuilder::getLess(Value x, Value y) {
  Value condition = arith::CmpFOp::create(*this, CmpFPredicate::OLT, x, y);
  return arith::SelectOp::create(*this, condition, x, y);
}

Value QuantizerBuilder::extend(Value codes, bool isSigned) {
  Type type = withElements(codes.getType(), getI32Type());
  if (isSigned)
    return arith::ExtSIOp::create(*this, type, codes);
  return arith::ExtUIOp::create(*this, type, codes);
}

Value QuantizerBuilder::truncate(Value integers, IntegerType storage) {
  return arith::TruncIOp::create(
      *this, withElements(integers.getType(), storage), integers);
}

Value QuantizerBuilder::roundToCode(Value steps, Value low, Value high) {
  // An ordered comparison is false for a NaN, which so becomes the lowest.
  steps = getLess(getGreater(steps, low), high);
  steps = math::RoundEvenOp::create(*this, steps);
  return arith::FPToSIOp::create(
      *this, withElements(steps.getType(), getI32Type()), steps);
}

Value QuantizerBuilder::roundToCode(Value steps, int64_t low, int64_t high) {
  Value least = getNumber(steps.getType(), double(low));
  return roundToCode(steps, least, getNumber(steps.getType(), double(high)));
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

/// The largest power of two of the type.
static double getLargestScale(bool wide) { return wide ? 0x1p1023 : 0x1p127; }

/// The powers of two that e8m0 holds and f32 holds as normal numbers.
static constexpr double leastPower = 0x1p-126, largestPower = 0x1p127;

static unsigned getMantissaBits(Type type) {
  return getElementTypeOrSelf(type).isF64() ? 52 : 23;
}

Value QuantizerBuilder::roundToPowerOfTwo(Value scale, bool upwards) {
  Type type = scale.getType(), bitsType = getBitsType(type);
  int64_t fraction = (int64_t(1) << getMantissaBits(type)) - 1;
  scale = getGreater(scale, getNumber(type, leastPower));
  scale = getLess(scale, getNumber(type, largestPower));
  Value bits = arith::BitcastOp::create(*this, bitsType, scale);
  // A fraction carries into the exponent.
  if (upwards)
    bits = arith::AddIOp::create(*this, bits, getInteger(bitsType, fraction));
  bits = arith::AndIOp::create(*this, bits, getInteger(bitsType, ~fraction));
  return arith::BitcastOp::create(*this, type, bits);
}

Value QuantizerBuilder::finishScale(Value scale, ScaleForm form, bool upwards,
                                    Value outer) {
  Type type = scale.getType();
  bool wide = getElementTypeOrSelf(type).isF64();
  Value isPositive = arith::CmpFOp::create(*this, CmpFPredicate::OGT, scale,
                                           getNumber(type, 0));
  scale = arith::SelectOp::create(*this, isPositive, scale, getNumber(type, 1));
  scale = getLess(scale, getNumber(type, getLargestScale(wide)));
  if (form == ScaleForm::E8M0)
    return roundToPowerOfTwo(scale, upwards);
  if (form == ScaleForm::Any)
    return scale;
  if (outer)
    scale = arith::DivFOp::create(*this, scale, outer);
  Value number = roundToSmallFloat(scale, numerics::e4m3);
  // The least positive one.
  number = getGreater(
      number, getNumber(type, numerics::decode<double>(1, numerics::e4m3)));
  return outer ? Value(arith::MulFOp::create(*this, number, outer)) : number;
}

template <typename Float>
static Float finishScale(Float scale, ScaleForm form, bool upwards,
                         Float outer) {
  scale = numerics::limitScale(scale);
  if (form == ScaleForm::E8M0)
    return numerics::roundToPowerOfTwo(scale, upwards);
  return form == ScaleForm::E4M3 ? numerics::roundToE4M3(scale, outer) : scale;
}

double quench::finishScale(double scale, ScaleForm form, bool upwards,
                           double outer, bool wide) {
  if (wide)
    return ::finishScale<double>(scale, form, upwards, outer);
  return ::finishScale<float>(static_cast<float>(scale), form, upwards,
                              static_cast<float>(outer));
}

QuantRange quantizer::getRange(OpBuilder &builder, Location loc, Value absmax) {
  return {arith::NegFOp::create(builder, loc, absmax), absmax, Value()};
}

QuantParameters quantizer::coverRange(OpBuilder &b, Location loc,
                                      std::pair<double, double> numbers,
                                      ScaleForm form, const QuantRange &range,
                                      bool upwards) {
  QuantizerBuilder builder(b, loc);
  Type type = range.high.getType();
  Value scale = arith::DivFOp::create(builder, range.high,
                                      builder.getNumber(type, numbers.second));
  if (numbers.first < 0)
    scale = builder.getGreater(
        arith::DivFOp::create(builder, range.low,
                              builder.getNumber(type, numbers.first)),
        scale);
  return {builder.finishScale(scale, form, upwards, range.outer), Value()};
}

template <typename Float>
static HostQuantParameters
coverRange(std::pair<double, double> numbers, ScaleForm form,
           const HostQuantRange &range, bool upwards) {
  Float scale =
      static_cast<Float>(range.high) / static_cast<Float>(numbers.second);
  if (numbers.first < 0) {
    Float other =
        static_cast<Float>(range.low) / static_cast<Float>(numbers.first);
    scale = other > scale ? other : scale;
  }
  return {::finishScale<Float>(scale, form, upwards,
                               static_cast<Float>(range.outer))};
}

HostQuantParameters quantizer::coverRange(std::pair<double, double> numbers,
                                          ScaleForm form,
                                          const HostQuantRange &range,
                                          bool wide, bool upwards) {
  return wide ? ::coverRange<double>(numbers, form, range, upwards)
              : ::coverRange<float>(numbers, form, range, upwards);
}

bool quantizer::absorbsChannelScale(ArrayRef<QuantAxis> axes, ScaleForm form,
                                    int64_t dim) {
  return form == ScaleForm::Any && llvm::any_of(axes, [&](QuantAxis axis) {
           return axis.dim == dim && axis.block == 1;
         });
}

Value quantizer::isWithin(OpBuilder &b, Location loc,
                          std::pair<double, double> numbers, Value input,
                          Value scale) {
  QuantizerBuilder builder(b, loc);
  Value steps = arith::DivFOp::create(builder, input, scale);
  Value low = builder.getNumber(steps.getType(), numbers.first);
  Value high = builder.getNumber(steps.getType(), numbers.second);
  return arith::AndIOp::create(
      builder, arith::CmpFOp::create(builder, CmpFPredicate::OGE, steps, low),
      arith::CmpFOp::create(builder, CmpFPredicate::OLE, steps, high));
}

//===----------------------------------------------------------------------===//
// Small floats
//===----------------------------------------------------------------------===//

/// A rounded magnitude as `units * unit`, where `unit` is a power of two with
/// the exponent field `unitField`.
struct QuantizerBuilder::SmallFloatParts {
  Value sign, isNaN, field, units, unit;
};

QuantizerBuilder::SmallFloatParts
QuantizerBuilder::splitSmallFloat(Value steps, SmallFloat format) {
  Type type = steps.getType(), bitsType = getBitsType(type);
  unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  unsigned mantissaBits = getMantissaBits(type);
  int64_t bias = width == 64 ? 1023 : 127;
  Value isNaN = arith::CmpFOp::create(*this, CmpFPredicate::UNO, steps, steps);
  Value bits = arith::BitcastOp::create(*this, bitsType, steps);
  Value signBit = getInteger(bitsType, int64_t(1) << (width - 1));
  Value sign = arith::AndIOp::create(*this, bits, signBit);
  bits = arith::XOrIOp::create(*this, bits, sign);
  Value magnitude = arith::BitcastOp::create(*this, type, bits);
  magnitude = getLess(
      magnitude,
      getNumber(type, numerics::decode<double>(format.highest(), format)));
  bits = arith::BitcastOp::create(*this, bitsType, magnitude);
  Value shift = getInteger(bitsType, mantissaBits);
  Value field = arith::ShRUIOp::create(*this, bits, shift);
  Value least = getInteger(bitsType, bias + 1 - format.bias());
  field = arith::MaxSIOp::create(*this, field, least);
  Value unitBits = arith::SubIOp::create(
      *this, field, getInteger(bitsType, format.mantissaBits));
  unitBits = arith::ShLIOp::create(*this, unitBits, shift);
  Value unit = arith::BitcastOp::create(*this, type, unitBits);
  Value units = arith::DivFOp::create(*this, magnitude, unit);
  units = math::RoundEvenOp::create(*this, units);
  return {sign, isNaN, arith::SubIOp::create(*this, field, least), units, unit};
}

Value QuantizerBuilder::roundToSmallFloat(Value steps, SmallFloat format) {
  Type type = steps.getType(), bitsType = getBitsType(type);
  SmallFloatParts parts = splitSmallFloat(steps, format);
  Value number = arith::MulFOp::create(*this, parts.units, parts.unit);
  Value bits = arith::BitcastOp::create(*this, bitsType, number);
  bits = arith::OrIOp::create(*this, bits, parts.sign);
  number = arith::BitcastOp::create(*this, type, bits);
  Value special =
      getNumber(type, numerics::decode<double>(format.nan(), format));
  return arith::SelectOp::create(*this, parts.isNaN, special, number);
}

Value QuantizerBuilder::encodeSmallFloat(Value steps, SmallFloat format) {
  Type bitsType = getBitsType(steps.getType());
  unsigned width = getElementTypeOrSelf(bitsType).getIntOrFloatBitWidth();
  SmallFloatParts parts = splitSmallFloat(steps, format);
  // The hidden bit of normal numbers, and a carry, move into the exponent.
  Value code = arith::ShLIOp::create(*this, parts.field,
                                     getInteger(bitsType, format.mantissaBits));
  code = arith::AddIOp::create(
      *this, code, arith::FPToSIOp::create(*this, bitsType, parts.units));
  Value sign = arith::ShRUIOp::create(
      *this, parts.sign, getInteger(bitsType, width - format.bits()));
  code = arith::OrIOp::create(*this, code, sign);
  code = arith::SelectOp::create(*this, parts.isNaN,
                                 getInteger(bitsType, format.nan()), code);
  if (width == 32)
    return code;
  return arith::TruncIOp::create(*this, withElements(bitsType, getI32Type()),
                                 code);
}

Value QuantizerBuilder::decodeSmallFloat(Value codes, Type type,
                                         SmallFloat format) {
  Type bitsType = getBitsType(type);
  unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  int64_t bias = width == 64 ? 1023 : 127;
  auto integer = [&](int64_t number) { return getInteger(bitsType, number); };
  codes = arith::ExtUIOp::create(*this, bitsType, codes);
  Value magnitude =
      arith::AndIOp::create(*this, codes, integer(format.sign() - 1));
  Value sign = arith::XOrIOp::create(*this, codes, magnitude);
  Value mantissaShift = integer(format.mantissaBits);
  Value field = arith::ShRUIOp::create(*this, magnitude, mantissaShift);
  // The lowest two exponents have one unit; all but the first a hidden bit.
  Value shift = arith::MaxSIOp::create(*this, field, integer(1));
  shift = arith::SubIOp::create(*this, shift, integer(1));
  Value units = arith::SubIOp::create(
      *this, magnitude, arith::ShLIOp::create(*this, shift, mantissaShift));
  Value unit = arith::AddIOp::create(
      *this, shift, integer(bias + 1 - format.bias() - format.mantissaBits));
  unit = arith::ShLIOp::create(*this, unit, integer(getMantissaBits(type)));
  unit = arith::BitcastOp::create(*this, type, unit);
  Value number = arith::MulFOp::create(
      *this, arith::SIToFPOp::create(*this, type, units), unit);
  if (format.specials != SmallFloat::None) {
    Value infinity = getNumber(type, std::numeric_limits<double>::infinity());
    Value special = getNumber(type, std::numeric_limits<double>::quiet_NaN());
    if (format.specials == SmallFloat::Infinity) {
      Value isInfinity = arith::CmpIOp::create(
          *this, CmpIPredicate::eq, magnitude, integer(format.highest() + 1));
      special = arith::SelectOp::create(*this, isInfinity, infinity, special);
    }
    Value isSpecial = arith::CmpIOp::create(
        *this, CmpIPredicate::sgt, magnitude, integer(format.highest()));
    number = arith::SelectOp::create(*this, isSpecial, special, number);
  }
  sign = arith::ShLIOp::create(*this, sign, integer(width - format.bits()));
  Value bits = arith::BitcastOp::create(*this, bitsType, number);
  bits = arith::OrIOp::create(*this, bits, sign);
  return arith::BitcastOp::create(*this, type, bits);
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// `choose(rank)` for the rank of `input` (C12). A NaN has rank 0.
static Value selectByRank(QuantizerBuilder &builder, const QuantTable &table,
                          Value input, Value scale,
                          function_ref<Value(size_t)> choose) {
  Type type = input.getType();
  Value steps = arith::DivFOp::create(builder, input, scale);
  Value result = choose(0);
  SmallVector<double> bounds(table.bounds);
  if (!getElementTypeOrSelf(type).isF64())
    llvm::copy(table.getFloatBounds(), bounds.begin());
  for (auto [index, bound] : llvm::enumerate(bounds)) {
    Value isAbove = arith::CmpFOp::create(builder, CmpFPredicate::OGE, steps,
                                          builder.getNumber(type, bound));
    result =
        arith::SelectOp::create(builder, isAbove, choose(index + 1), result);
  }
  return result;
}

Value quantizer::quantizeByTable(OpBuilder &b, Location loc,
                                 const QuantTable &table, IntegerType storage,
                                 Value input, Value scale) {
  QuantizerBuilder builder(b, loc);
  Type type = QuantizerBuilder::withElements(input.getType(), storage);
  return selectByRank(builder, table, input, scale, [&](size_t rank) {
    return builder.getInteger(type, table.codes[rank]);
  });
}

Value quantizer::dequantizeByTable(OpBuilder &b, Location loc,
                                   const QuantTable &table, Value codes,
                                   Value scale) {
  QuantizerBuilder builder(b, loc);
  Type type = scale.getType();
  Value number = builder.getNumber(type, table.numbers.front());
  for (size_t rank = 1; rank < table.numbers.size(); ++rank) {
    Value isCode = arith::CmpIOp::create(
        builder, CmpIPredicate::eq, codes,
        builder.getInteger(codes.getType(), table.codes[rank]));
    number = arith::SelectOp::create(
        builder, isCode, builder.getNumber(type, table.numbers[rank]), number);
  }
  return arith::MulFOp::create(builder, number, scale);
}

Value quantizer::fakeQuantizeByTable(OpBuilder &b, Location loc,
                                     const QuantTable &table, Value input,
                                     Value scale) {
  QuantizerBuilder builder(b, loc);
  Value number = selectByRank(builder, table, input, scale, [&](size_t rank) {
    return builder.getNumber(input.getType(), table.numbers[rank]);
  });
  return arith::MulFOp::create(builder, number, scale);
}

LogicalResult quantizer::quantizeByTable(const QuantTable &table,
                                         ArrayRef<double> input, double scale,
                                         bool wide,
                                         MutableArrayRef<int8_t> codes) {
  if (table.numbers.empty())
    return failure();
  return quantizeEach(input, scale, wide, codes, [&](auto number, auto scale) {
    return numerics::quantize(number, scale, table.view());
  });
}

LogicalResult quantizer::dequantizeByTable(const QuantTable &table,
                                           bool isSigned,
                                           ArrayRef<int8_t> codes, double scale,
                                           bool wide,
                                           MutableArrayRef<double> numbers) {
  if (table.numbers.empty())
    return failure();
  return dequantizeEach(
      codes, scale, isSigned, wide, numbers, [&](int32_t code, auto scale) {
        return numerics::dequantize(code, scale, table.view());
      });
}
