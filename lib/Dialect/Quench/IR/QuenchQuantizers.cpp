//===- QuenchQuantizers.cpp - Formats of quantizers
//----------------------===////
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Support/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// Parses the integer after the word `name`, at least `lowest`.
static ParseResult parseOption(AsmParser &parser, StringRef name,
                               int64_t lowest, std::optional<int64_t> &option) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t value;
  if (parser.parseEqual() || parser.parseInteger(value))
    return failure();
  if (option)
    return parser.emitError(loc) << "found " << name << " twice";
  if (value < lowest)
    return parser.emitError(loc) << "expected " << name << " to be " << lowest
                                 << " or more, found " << value;
  option = value;
  return success();
}

Attribute UniformAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef codes;
  if (parser.parseLess() || parser.parseKeyword(&codes))
    return {};
  unsigned bits;
  StringRef digits = codes.drop_front();
  if ((codes.front() != 'i' && codes.front() != 'u') ||
      digits.getAsInteger(10, bits)) {
    parser.emitError(loc) << "expected codes such as i8 or u4, found " << codes;
    return {};
  }
  bool asymmetric = false, perToken = false;
  std::optional<int64_t> axis, group;
  while (succeeded(parser.parseOptionalComma())) {
    SMLoc wordLoc = parser.getCurrentLocation();
    StringRef word;
    if (parser.parseKeyword(&word))
      return {};
    if (word == "asymmetric") {
      asymmetric = true;
    } else if (word == "token") {
      perToken = true;
    } else if (word == "axis") {
      if (parseOption(parser, word, /*lowest=*/0, axis))
        return {};
    } else if (word == "group") {
      if (parseOption(parser, word, /*lowest=*/1, group))
        return {};
    } else {
      parser.emitError(wordLoc)
          << "expected asymmetric, token, axis or group, found " << word;
      return {};
    }
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<UniformAttr>(loc, parser.getContext(), bits,
                                        /*is_signed=*/codes.front() == 'i',
                                        asymmetric, axis, perToken, group);
}

void UniformAttr::print(AsmPrinter &printer) const {
  printer << '<' << (getIsSigned() ? 'i' : 'u') << getBits();
  if (getAsymmetric())
    printer << ", asymmetric";
  if (getAxis())
    printer << ", axis = " << *getAxis();
  if (getPerToken())
    printer << ", token";
  if (getGroup())
    printer << ", group = " << *getGroup();
  printer << '>';
}

LogicalResult UniformAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  unsigned bits, bool isSigned, bool asymmetric,
                                  std::optional<int64_t> axis, bool perToken,
                                  std::optional<int64_t> group) {
  if (bits < 2 || bits > 8)
    return emitError() << "expected codes of 2 to 8 bits, found " << bits;
  if (axis && perToken)
    return emitError() << "expected an axis or token, found both";
  return success();
}

//===----------------------------------------------------------------------===//
// QuantizerAttrInterface
//===----------------------------------------------------------------------===//

IntegerType UniformAttr::getStorageType() const {
  return IntegerType::get(getContext(), getBits());
}

bool UniformAttr::hasZeroPoint() const { return getAsymmetric(); }

void UniformAttr::getQuantAxes(int64_t rank,
                               SmallVectorImpl<QuantAxis> &axes) const {
  if (getAxis())
    axes.push_back({*getAxis()});
  if (getPerToken())
    for (int64_t dim = 0; dim + 1 < rank; ++dim)
      axes.push_back({dim});
  if (getGroup())
    axes.push_back({rank - 1, *getGroup()});
}

/// `type`, or its shape, with elements of type `element`.
static Type withElements(Type type, Type element) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? shaped.clone(element) : element;
}

/// `number`, or a splat of it, of type `type`.
static Value getConstant(ImplicitLocOpBuilder &builder, Type type,
                         int64_t number) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr attr =
      isa<FloatType>(element)
          ? TypedAttr(builder.getFloatAttr(element, double(number)))
          : TypedAttr(builder.getIntegerAttr(element, number));
  if (auto shaped = dyn_cast<ShapedType>(type))
    attr = DenseElementsAttr::get(shaped, Attribute(attr));
  return arith::ConstantOp::create(builder, attr);
}

/// Codes as i32.
static Value extend(ImplicitLocOpBuilder &builder, UniformAttr format,
                    Value codes) {
  Type type = withElements(codes.getType(), builder.getI32Type());
  if (format.getIsSigned())
    return arith::ExtSIOp::create(builder, type, codes);
  return arith::ExtUIOp::create(builder, type, codes);
}

/// The bound `code` of the codes as a number of steps from `zero`, as i32, if
/// there is one.
static Value getBound(ImplicitLocOpBuilder &builder, Type type, int64_t code,
                      Value zero) {
  if (!zero)
    return getConstant(builder, type, code);
  Value bound = getConstant(builder, zero.getType(), code);
  bound = arith::SubIOp::create(builder, bound, zero);
  return arith::SIToFPOp::create(builder, type, bound);
}

/// The code of `input` less the zero point `zero`, as i32 (C6).
static Value emitSteps(ImplicitLocOpBuilder &builder, UniformAttr format,
                       Value input, Value scale, Value zero) {
  using arith::CmpFPredicate;
  numerics::UniformCodes codes{format.getBits(), format.getIsSigned()};
  Type type = input.getType();
  Value low = getBound(builder, type, codes.lowest(), zero);
  Value high = getBound(builder, type, codes.highest(), zero);
  Value steps = arith::DivFOp::create(builder, input, scale);
  // An ordered comparison is false for a NaN, which so becomes the lowest code.
  Value above = arith::CmpFOp::create(builder, CmpFPredicate::OGT, steps, low);
  steps = arith::SelectOp::create(builder, above, steps, low);
  Value below = arith::CmpFOp::create(builder, CmpFPredicate::OLT, steps, high);
  steps = arith::SelectOp::create(builder, below, steps, high);
  steps = math::RoundEvenOp::create(builder, steps);
  return arith::FPToSIOp::create(
      builder, withElements(type, builder.getI32Type()), steps);
}

/// What `steps` from the zero point stand for (C8).
static Value emitNumber(ImplicitLocOpBuilder &builder, Value steps,
                        Value scale) {
  Value number = arith::SIToFPOp::create(builder, scale.getType(), steps);
  return arith::MulFOp::create(builder, number, scale);
}

Value UniformAttr::emitQuantize(OpBuilder &b, Location loc, Value input,
                                Value scale, Value zero) const {
  ImplicitLocOpBuilder builder(loc, b);
  if (zero)
    zero = extend(builder, *this, zero);
  Value code = emitSteps(builder, *this, input, scale, zero);
  if (zero)
    code = arith::AddIOp::create(builder, code, zero);
  return arith::TruncIOp::create(
      builder, withElements(code.getType(), getStorageType()), code);
}

Value UniformAttr::emitDequantize(OpBuilder &b, Location loc, Value codes,
                                  Value scale, Value zero) const {
  ImplicitLocOpBuilder builder(loc, b);
  Value steps = extend(builder, *this, codes);
  if (zero)
    steps = arith::SubIOp::create(builder, steps, extend(builder, *this, zero));
  return emitNumber(builder, steps, scale);
}

Value UniformAttr::emitFakeQuantize(OpBuilder &b, Location loc, Value input,
                                    Value scale, Value zero) const {
  ImplicitLocOpBuilder builder(loc, b);
  if (zero)
    zero = extend(builder, *this, zero);
  return emitNumber(builder, emitSteps(builder, *this, input, scale, zero),
                    scale);
}

Value UniformAttr::emitScale(OpBuilder &b, Location loc, Value absmax) const {
  if (getAsymmetric())
    return {};
  ImplicitLocOpBuilder builder(loc, b);
  numerics::UniformCodes codes{getBits(), getIsSigned()};
  Type type = absmax.getType();
  Value zero = getConstant(builder, type, 0);
  Value one = getConstant(builder, type, 1);
  Value highest = getConstant(builder, type, codes.highest());
  Value scale = arith::DivFOp::create(builder, absmax, highest);
  // Of a range of width 0, or of one so small that the quotient is 0.
  Value isZero =
      arith::CmpFOp::create(builder, arith::CmpFPredicate::OEQ, scale, zero);
  return arith::SelectOp::create(builder, isZero, one, scale);
}

//===----------------------------------------------------------------------===//
// On the host
//===----------------------------------------------------------------------===//

template <typename Float>
static Float divideByHighest(UniformAttr format, Float absmax) {
  numerics::UniformCodes codes{format.getBits(), format.getIsSigned()};
  Float scale = absmax / static_cast<Float>(codes.highest());
  return scale == 0 ? 1 : scale;
}

std::optional<double> UniformAttr::getScale(double absmax, bool wide) const {
  if (getAsymmetric())
    return std::nullopt;
  return wide ? divideByHighest(*this, absmax)
              : divideByHighest(*this, static_cast<float>(absmax));
}

/// A code or zero point as a byte holds it.
static int32_t widen(UniformAttr format, int8_t code) {
  return format.getIsSigned() ? code : static_cast<uint8_t>(code);
}

LogicalResult UniformAttr::quantize(ArrayRef<double> input, double scale,
                                    int8_t zero, bool wide,
                                    MutableArrayRef<int8_t> result) const {
  numerics::UniformCodes codes{getBits(), getIsSigned()};
  auto run = [&](auto scale) {
    using Float = decltype(scale);
    for (auto [number, code] : llvm::zip_equal(input, result))
      code = static_cast<int8_t>(numerics::quantize(
          static_cast<Float>(number), scale, widen(*this, zero), codes));
  };
  wide ? run(scale) : run(static_cast<float>(scale));
  return success();
}

LogicalResult UniformAttr::dequantize(ArrayRef<int8_t> codes, double scale,
                                      int8_t zero, bool wide,
                                      MutableArrayRef<double> result) const {
  auto run = [&](auto scale) {
    for (auto [code, number] : llvm::zip_equal(codes, result))
      number =
          numerics::dequantize(widen(*this, code), scale, widen(*this, zero));
  };
  wide ? run(scale) : run(static_cast<float>(scale));
  return success();
}
