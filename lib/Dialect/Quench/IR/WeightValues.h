//===- WeightValues.h - Tensors of weight programs --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_WEIGHTVALUES_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_WEIGHTVALUES_H

#include "Quench/Support/FloatBytes.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"

#include "llvm/Support/Alignment.h"

#include <vector>

namespace quench {

inline mlir::RankedTensorType getTensorType(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}

/// The product of `sizes`.
inline int64_t getVolume(llvm::ArrayRef<int64_t> sizes) {
  int64_t volume = 1;
  for (int64_t size : sizes)
    volume *= size;
  return volume;
}

/// The type of the elements of the float tensor `value`.
inline DType getFloatDType(mlir::Value value) {
  return *getDType(getTensorType(value).getElementType());
}

/// The numbers of the float tensor `value`, the elements of which are `bytes`.
inline std::vector<double> decodeNumbers(mlir::Value value,
                                         llvm::ArrayRef<char> bytes) {
  DType dtype = getFloatDType(value);
  std::vector<double> numbers(bytes.size() * 8 / getBitWidth(dtype));
  decodeFloats(dtype, bytes.data(), numbers);
  return numbers;
}

/// The same, in place where they are f64 already.
class Numbers {
public:
  Numbers(mlir::Value value, llvm::ArrayRef<char> bytes) {
    bool isInPlace =
        getFloatDType(value) == DType::F64 &&
        llvm::isAddrAligned(llvm::Align::Of<double>(), bytes.data());
    if (!isInPlace)
      decoded = decodeNumbers(value, bytes);
    numbers =
        isInPlace
            ? llvm::ArrayRef(reinterpret_cast<const double *>(bytes.data()),
                             bytes.size() / sizeof(double))
            : llvm::ArrayRef(decoded);
  }
  Numbers(const Numbers &) = delete;

  llvm::ArrayRef<double> get() const { return numbers; }

private:
  std::vector<double> decoded;
  llvm::ArrayRef<double> numbers;
};

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_WEIGHTVALUES_H
