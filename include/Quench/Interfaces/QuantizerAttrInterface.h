//===- QuantizerAttrInterface.h - Formats of quantizers ------- -*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a quantizer is to passes, and what helps to write one. Numbers C1, C2,
// ... are those of docs/spec.md.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_H
#define QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_H

#include "Quench/Support/QuantTable.h"

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OpImplementation.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Hashing.h"

#include <optional>

namespace quench {

/// A dimension of the parameters of a quantizer: its index `i` serves the
/// indices `i * block` to `i * block + block - 1` of dimension `dim` of the
/// tensor that is quantized.
struct QuantAxis {
  int64_t dim;
  int64_t block = 1;
};

/// Which part of a tensor shares its parameters (C11), and what scales may be
/// (C22).
struct QuantScaling {
  std::optional<int64_t> axis;
  bool perToken = false;
  std::optional<int64_t> group;
  numerics::ScaleForm form = numerics::ScaleForm::Any;
  bool perSequence = false;

  bool operator==(const QuantScaling &other) const {
    return axis == other.axis && perToken == other.perToken &&
           perSequence == other.perSequence && group == other.group &&
           form == other.form;
  }

  /// Adds the dimensions of the parameters of a tensor of rank `rank`.
  void getAxes(int64_t rank, llvm::SmallVectorImpl<QuantAxis> &axes) const;

  /// Whether the words are possible together.
  llvm::LogicalResult
  verify(llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const;
};

inline llvm::hash_code hash_value(const QuantScaling &scaling) {
  return llvm::hash_combine(scaling.axis, scaling.perToken, scaling.perSequence,
                            scaling.group, scaling.form);
}

/// A word in the text of a quantizer, and what reads that which follows it.
struct QuantOption {
  llvm::StringRef word;
  llvm::function_ref<mlir::ParseResult()> parse;
};

/// Parses words after commas, each at most once and in any order: those of
/// `scaling` (`axis = A`, `token`, `sequence`, `group = G`, `scale = FORM`) and
/// `others`. With `first`, the first one has no comma before it.
mlir::ParseResult parseQuantOptions(mlir::AsmParser &parser,
                                    QuantScaling &scaling,
                                    llvm::ArrayRef<QuantOption> others = {},
                                    bool first = false);

/// Prints what `parseQuantOptions` reads into `scaling`.
void printQuantOptions(mlir::AsmPrinter &printer, const QuantScaling &scaling,
                       bool first = false);

/// Parses codes such as `i8`, signed, or `u4`.
mlir::ParseResult parseQuantCodes(mlir::AsmParser &parser, unsigned &bits,
                                  bool &isSigned);

/// Parses `= N` after the word `name`, N from `low` to `high`.
mlir::ParseResult parseQuantInteger(mlir::AsmParser &parser,
                                    llvm::StringRef name, int64_t low,
                                    int64_t high, int64_t &value);

/// What a product of codes is computed with.
enum class IntegerForm : uint8_t {
  /// Codes less their zero points are the numbers, at scale 1.
  Integer,
  /// Codes are numbers after shifts (C32).
  Shift,
  /// Codes are places in a table of floats.
  Table,
  /// Codes are floats.
  Float
};

/// The least and the greatest of numbers that share parameters, and, where
/// scales are multiples of one for the whole tensor, that one, else null. All
/// of one type, with elements of f32 or f64.
struct QuantRange {
  mlir::Value low, high, outer;
};

/// A scale and a zero point, null where the format has none.
struct QuantParameters {
  mlir::Value scale, zero;
};

/// The same on the host.
struct HostQuantRange {
  double low, high, outer = 1;
};
struct HostQuantParameters {
  double scale;
  int32_t zero = 0;
};

/// What the methods `quantize` and `dequantize` of a quantizer do with
/// `function(number, scale)`, which gives a code, and `function(code, scale)`,
/// which gives a number; numbers are double if `wide`, else float, codes
/// int32_t and without a sign unless `isSigned`.
template <typename Function>
llvm::LogicalResult quantizeEach(llvm::ArrayRef<double> input, double scale,
                                 bool wide, llvm::MutableArrayRef<int8_t> codes,
                                 Function function) {
  for (size_t i = 0; i != input.size(); ++i)
    codes[i] = static_cast<int8_t>(wide ? function(input[i], scale)
                                        : function(static_cast<float>(input[i]),
                                                   static_cast<float>(scale)));
  return llvm::success();
}
template <typename Function>
llvm::LogicalResult dequantizeEach(llvm::ArrayRef<int8_t> codes, double scale,
                                   bool isSigned, bool wide,
                                   llvm::MutableArrayRef<double> numbers,
                                   Function function) {
  for (size_t i = 0; i != codes.size(); ++i) {
    int32_t code = isSigned ? int32_t(codes[i]) : uint8_t(codes[i]);
    numbers[i] = wide ? function(code, scale)
                      : function(code, static_cast<float>(scale));
  }
  return llvm::success();
}

/// Builds the arithmetic of quantizers on numbers, vectors or tensors of static
/// shape.
class QuantizerBuilder : public mlir::ImplicitLocOpBuilder {
public:
  QuantizerBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : mlir::ImplicitLocOpBuilder(loc, builder) {}

  /// `type`, or its shape, with elements of type `element`.
  static mlir::Type withElements(mlir::Type type, mlir::Type element);
  /// The integers of as many bits as the floats of `type`.
  mlir::Type getBitsType(mlir::Type type);

  /// `number`, or a splat of it, of type `type`, rounded to it.
  mlir::Value getNumber(mlir::Type type, double number);
  mlir::Value getInteger(mlir::Type type, int64_t number);

  /// `condition(x, y) ? x : y`; `y` where one is a NaN.
  mlir::Value getGreater(mlir::Value x, mlir::Value y);
  mlir::Value getLess(mlir::Value x, mlir::Value y);

  /// `codes`, integers of few bits, as i32.
  mlir::Value extend(mlir::Value codes, bool isSigned);
  /// `integers` as codes of type `storage`.
  mlir::Value truncate(mlir::Value integers, mlir::IntegerType storage);

  /// The integer next to `steps` from `low` to `high`, which are floats, as i32
  /// (C6, C7).
  mlir::Value roundToCode(mlir::Value steps, mlir::Value low, mlir::Value high);
  mlir::Value roundToCode(mlir::Value steps, int64_t low, int64_t high);

  /// What makes a scale of the quotient `scale` of ranges: limits (C23) and the
  /// form (C24). Powers of two go to the next greater one if `upwards`. `outer`
  /// is the scale of the whole tensor; null is 1.
  mlir::Value finishScale(mlir::Value scale, numerics::ScaleForm form,
                          bool upwards, mlir::Value outer);

  /// The small float next to `steps`: its code as i32, or its number (C20).
  mlir::Value roundToSmallFloat(mlir::Value steps, numerics::SmallFloat format);
  mlir::Value encodeSmallFloat(mlir::Value steps, numerics::SmallFloat format);
  /// The number of `codes`, of type `type` (C20).
  mlir::Value decodeSmallFloat(mlir::Value codes, mlir::Type type,
                               numerics::SmallFloat format);

private:
  struct SmallFloatParts;
  SmallFloatParts splitSmallFloat(mlir::Value steps,
                                  numerics::SmallFloat format);
  mlir::Value roundToPowerOfTwo(mlir::Value scale, bool upwards);
};

/// What `QuantizerBuilder::finishScale` builds, on the host.
double finishScale(double scale, numerics::ScaleForm form, bool upwards,
                   double outer, bool wide);

namespace quantizer {
/// The methods of a quantizer that is a table.
mlir::Value quantizeByTable(mlir::OpBuilder &builder, mlir::Location loc,
                            const QuantTable &table, mlir::IntegerType storage,
                            mlir::Value input, mlir::Value scale);
mlir::Value dequantizeByTable(mlir::OpBuilder &builder, mlir::Location loc,
                              const QuantTable &table, mlir::Value codes,
                              mlir::Value scale);
mlir::Value fakeQuantizeByTable(mlir::OpBuilder &builder, mlir::Location loc,
                                const QuantTable &table, mlir::Value input,
                                mlir::Value scale);
llvm::LogicalResult quantizeByTable(const QuantTable &table,
                                    llvm::ArrayRef<double> input, double scale,
                                    bool wide,
                                    llvm::MutableArrayRef<int8_t> codes);
llvm::LogicalResult dequantizeByTable(const QuantTable &table, bool isSigned,
                                      llvm::ArrayRef<int8_t> codes,
                                      double scale, bool wide,
                                      llvm::MutableArrayRef<double> numbers);

/// The range of numbers of magnitudes up to `absmax`.
QuantRange getRange(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value absmax);

/// Whether `input` lies from `low` to `high` scales (C27).
mlir::Value isWithin(mlir::OpBuilder &builder, mlir::Location loc,
                     std::pair<double, double> numbers, mlir::Value input,
                     mlir::Value scale);

/// The scale that covers a range with numbers from `numbers.first` to
/// `numbers.second` (C23).
QuantParameters coverRange(mlir::OpBuilder &builder, mlir::Location loc,
                           std::pair<double, double> numbers,
                           numerics::ScaleForm form, const QuantRange &range,
                           bool upwards = true);
HostQuantParameters coverRange(std::pair<double, double> numbers,
                               numerics::ScaleForm form,
                               const HostQuantRange &range, bool wide,
                               bool upwards = true);

/// Whether parameters belong to single indices of dimension `dim` alone, and
/// may be any numbers.
bool absorbsChannelScale(llvm::ArrayRef<QuantAxis> axes,
                         numerics::ScaleForm form, int64_t dim);
} // namespace quantizer

} // namespace quench

#include "Quench/Interfaces/QuantizerAttrInterface.h.inc"

#endif // QUENCH_INTERFACES_QUANTIZERATTRINTERFACE_H
