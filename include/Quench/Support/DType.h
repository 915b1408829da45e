//===- DType.h - Element types of archives ----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_DTYPE_H
#define QUENCH_SUPPORT_DTYPE_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace mlir {
class MLIRContext;
class Type;
} // namespace mlir

namespace quench {

/// The element types of safetensors.
enum class DType : uint8_t {
  BOOL,
  F4,
  F6_E2M3,
  F6_E3M2,
  U8,
  I8,
  F8_E5M2,
  F8_E4M3,
  F8_E8M0,
  F8_E4M3FNUZ,
  F8_E5M2FNUZ,
  I16,
  U16,
  F16,
  BF16,
  I32,
  U32,
  F32,
  C64,
  F64,
  I64,
  U64
};

/// The name that safetensors gives `dtype`, for example `F32`.
llvm::StringRef getName(DType dtype);

/// The dtype of that name, or none.
std::optional<DType> parseDType(llvm::StringRef name);

/// Bits of one element; F4 and F6 are the ones that are no multiple of 8.
unsigned getBitWidth(DType dtype);

/// The element type of a tensor of `dtype` in the IR. Integers are signless,
/// so I8 and U8 are both `i8`; BOOL is `i1`, one byte an element.
mlir::Type getElementType(DType dtype, mlir::MLIRContext *context);

/// The dtype that stores elements of `type`, or none. Signless integers are
/// signed ones.
std::optional<DType> getDType(mlir::Type type);

/// Bytes of a dense row-major tensor of static shape `type`, each element of
/// which takes whole bytes (`i1` one); none where they overflow, the type has
/// no bytes, or elements are no whole bytes: archives pack those and compiled
/// code does not, so codes of few bits are kept one a byte, as `i8`.
std::optional<int64_t> getByteSize(mlir::Type type);

} // namespace quench

#endif // QUENCH_SUPPORT_DTYPE_H
