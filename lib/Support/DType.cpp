//===- DType.cpp - Element types of archives ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/DType.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using namespace quench;

namespace {
struct Row {
  DType dtype;
  llvm::StringLiteral name;
  unsigned bits;
};
} // namespace

static constexpr Row rows[] = {
    {DType::BOOL, "BOOL", 8},
    {DType::F4, "F4", 4},
    {DType::F6_E2M3, "F6_E2M3", 6},
    {DType::F6_E3M2, "F6_E3M2", 6},
    {DType::U8, "U8", 8},
    {DType::I8, "I8", 8},
    {DType::F8_E5M2, "F8_E5M2", 8},
    {DType::F8_E4M3, "F8_E4M3", 8},
    {DType::F8_E8M0, "F8_E8M0", 8},
    {DType::F8_E4M3FNUZ, "F8_E4M3FNUZ", 8},
    {DType::F8_E5M2FNUZ, "F8_E5M2FNUZ", 8},
    {DType::I16, "I16", 16},
    {DType::U16, "U16", 16},
    {DType::F16, "F16", 16},
    {DType::BF16, "BF16", 16},
    {DType::I32, "I32", 32},
    {DType::U32, "U32", 32},
    {DType::F32, "F32", 32},
    {DType::C64, "C64", 64},
    {DType::F64, "F64", 64},
    {DType::I64, "I64", 64},
    {DType::U64, "U64", 64},
};

llvm::StringRef quench::getName(DType dtype) {
  return rows[static_cast<unsigned>(dtype)].name;
}

std::optional<DType> quench::parseDType(llvm::StringRef name) {
  const Row *row =
      llvm::find_if(rows, [&](const Row &row) { return row.name == name; });
  if (row == std::end(rows))
    return std::nullopt;
  return row->dtype;
}

unsigned quench::getBitWidth(DType dtype) {
  return rows[static_cast<unsigned>(dtype)].bits;
}

Type quench::getElementType(DType dtype, MLIRContext *context) {
  Builder builder(context);
  switch (dtype) {
  case DType::BOOL:
    return builder.getI1Type();
  case DType::F4:
    return Float4E2M1FNType::get(context);
  case DType::F6_E2M3:
    return Float6E2M3FNType::get(context);
  case DType::F6_E3M2:
    return Float6E3M2FNType::get(context);
  case DType::F8_E5M2:
    return Float8E5M2Type::get(context);
  case DType::F8_E4M3:
    return Float8E4M3FNType::get(context);
  case DType::F8_E8M0:
    return Float8E8M0FNUType::get(context);
  case DType::F8_E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case DType::F8_E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case DType::F16:
    return builder.getF16Type();
  case DType::BF16:
    return builder.getBF16Type();
  case DType::F32:
    return builder.getF32Type();
  case DType::F64:
    return builder.getF64Type();
  case DType::C64:
    return ComplexType::get(builder.getF32Type());
  case DType::U8:
  case DType::I8:
  case DType::I16:
  case DType::U16:
  case DType::I32:
  case DType::U32:
  case DType::I64:
  case DType::U64:
    return builder.getIntegerType(getBitWidth(dtype));
  }
  llvm_unreachable("unknown dtype");
}

std::optional<DType> quench::getDType(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return DType::BOOL;
    case 8:
      return isUnsigned ? DType::U8 : DType::I8;
    case 16:
      return isUnsigned ? DType::U16 : DType::I16;
    case 32:
      return isUnsigned ? DType::U32 : DType::I32;
    case 64:
      return isUnsigned ? DType::U64 : DType::I64;
    default:
      return std::nullopt;
    }
  }
  for (const Row &row : rows)
    if (getElementType(row.dtype, type.getContext()) == type)
      return row.dtype;
  return std::nullopt;
}

std::optional<int64_t> quench::getByteSize(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return std::nullopt;
  Type element = tensor.getElementType();
  std::optional<int64_t> bits;
  if (element.isInteger(1))
    bits = 8;
  else if (element.isIntOrFloat())
    bits = element.getIntOrFloatBitWidth();
  else if (std::optional<DType> dtype = getDType(element))
    bits = getBitWidth(*dtype);
  if (!bits || *bits % 8 != 0)
    return std::nullopt;
  for (int64_t size : tensor.getShape())
    if (bits)
      bits = llvm::checkedMul(*bits, size);
  if (!bits)
    return std::nullopt;
  return *bits / 8;
}
