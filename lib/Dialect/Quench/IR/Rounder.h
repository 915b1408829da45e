//===- Rounder.h - Codes and numbers on the host ----------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_ROUNDER_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_ROUNDER_H

#include "Quench/Interfaces/QuantizerAttrInterface.h"

#include "mlir/IR/Operation.h"

namespace quench {

/// Codes of numbers by a format, the table of which is made once.
class Rounder {
public:
  /// Computes in f64 if `wide`, else in f32.
  Rounder(QuantizerAttrInterface quantizer, bool wide)
      : quantizer(quantizer), table(quantizer.getTable()), wide(wide) {}

  /// The same where `op` has the table, in `bytes`; there are none where the
  /// format has no learned table. Fails with a diagnostic at `op` where the
  /// numbers do not ascend.
  static mlir::FailureOr<Rounder> get(mlir::Operation *op,
                                      QuantizerAttrInterface quantizer,
                                      bool wide, llvm::ArrayRef<char> bytes);

  /// What the methods of the quantizer do.
  llvm::LogicalResult quantize(llvm::ArrayRef<double> numbers, double scale,
                               int8_t zero,
                               llvm::MutableArrayRef<int8_t> codes) const;
  llvm::LogicalResult dequantize(llvm::ArrayRef<int8_t> codes, double scale,
                                 int8_t zero,
                                 llvm::MutableArrayRef<double> numbers) const;
  /// The one, then the other.
  llvm::LogicalResult round(llvm::ArrayRef<double> numbers, double scale,
                            int8_t zero, llvm::MutableArrayRef<int8_t> codes,
                            llvm::MutableArrayRef<double> rounded) const;
  llvm::LogicalResult round(double number, double scale, int8_t zero,
                            int8_t &code, double &rounded) const {
    return round(llvm::ArrayRef(number), scale, zero,
                 llvm::MutableArrayRef(code), llvm::MutableArrayRef(rounded));
  }

  QuantizerAttrInterface getQuantizer() const { return quantizer; }
  bool isWide() const { return wide; }

private:
  QuantizerAttrInterface quantizer;
  QuantTable table;
  bool wide;
};

/// Says at `op` that the host has no codes of `format`, and fails.
llvm::LogicalResult failCodes(mlir::Operation *op,
                              QuantizerAttrInterface format);

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_ROUNDER_H
