//===- Rounder.cpp - Codes and numbers on the host ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rounder.h"

#include "Quench/Support/FloatBytes.h"

#include <cmath>

using namespace mlir;
using namespace quench;

FailureOr<Rounder> Rounder::get(Operation *op, QuantizerAttrInterface quantizer,
                                bool wide, ArrayRef<char> bytes) {
  Rounder rounder(quantizer, wide);
  if (!quantizer.hasLearnedTable())
    return rounder;
  std::vector<double> numbers(bytes.size() * 8 / getBitWidth(DType::F32));
  decodeFloats(DType::F32, bytes.data(), numbers);
  double previous = -HUGE_VAL;
  for (double number : numbers) {
    if (!(number > previous) || std::isinf(number))
      return op->emitOpError("expected finite numbers that ascend in the "
                             "table, found ")
             << number << " after " << previous;
    previous = number;
  }
  rounder.table = QuantTable::getNearest(numbers);
  return rounder;
}

LogicalResult Rounder::quantize(ArrayRef<double> numbers, double scale,
                                int8_t zero,
                                MutableArrayRef<int8_t> codes) const {
  if (table.numbers.empty())
    return quantizer.quantize(numbers, scale, zero, wide, codes);
  return quantizer::quantizeByTable(table, numbers, scale, wide, codes);
}

LogicalResult Rounder::dequantize(ArrayRef<int8_t> codes, double scale,
                                  int8_t zero,
                                  MutableArrayRef<double> numbers) const {
  if (table.numbers.empty())
    return quantizer.dequantize(codes, scale, zero, wide, numbers);
  return quantizer::dequantizeByTable(table, quantizer.hasSignedCodes(), codes,
                                      scale, wide, numbers);
}

LogicalResult Rounder::round(ArrayRef<double> numbers, double scale,
                             int8_t zero, MutableArrayRef<int8_t> codes,
                             MutableArrayRef<double> rounded) const {
  return success(succeeded(quantize(numbers, scale, zero, codes)) &&
                 succeeded(dequantize(codes, scale, zero, rounded)));
}

LogicalResult quench::failCodes(Operation *op, QuantizerAttrInterface format) {
  return op->emitOpError("codes of ") << format << " cannot be computed here";
}
