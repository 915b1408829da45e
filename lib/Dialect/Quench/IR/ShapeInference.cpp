//===- ShapeInference.cpp - Shapes of results of ops ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/ShapeInference.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quench;

ShapeInference::ShapeInference(MLIRContext *context,
                               std::optional<Location> location,
                               StringRef opName, ValueRange operands)
    : context(context), location(location), opName(opName), operands(operands) {
}

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

LogicalResult ShapeInference::checkOperands() {
  for (auto [index, operand] : llvm::enumerate(operands))
    if (!isa<RankedTensorType, IntegerType>(operand.getType()))
      return fail("operand ", index,
                  " must be a ranked tensor or an integer, found ",
                  operand.getType());
  return success();
}

int64_t ShapeInference::getRank(Value value) const {
  return getTensorType(value).getRank();
}

Type ShapeInference::getElementType(Value value) const {
  return getTensorType(value).getElementType();
}

ShapeInference::Dim ShapeInference::getConstant(int64_t size) const {
  return getAffineConstantExpr(size, context);
}

int64_t ShapeInference::getSize(Dim dim) {
  auto constant = dyn_cast_or_null<AffineConstantExpr>(dim);
  return constant ? constant.getValue() : ShapedType::kDynamic;
}

// Symbols number the dimensions of all operands one after another, a scalar
// counting as one dimension.
unsigned ShapeInference::getSymbol(Value value, int64_t index) const {
  unsigned base = 0;
  for (Value operand : operands) {
    if (operand == value)
      break;
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    base += type ? type.getRank() : 1;
  }
  return base + index;
}

ShapeInference::Dim ShapeInference::getDim(Value value, int64_t index) const {
  RankedTensorType type = getTensorType(value);
  if (index < 0)
    index += type.getRank();
  if (!type.isDynamicDim(index))
    return getConstant(type.getDimSize(index));
  return getAffineSymbolExpr(getSymbol(value, index), context);
}

SmallVector<ShapeInference::Dim> ShapeInference::getDims(Value value,
                                                         int64_t drop) const {
  SmallVector<Dim> dims;
  for (int64_t index = 0, end = getRank(value) - drop; index < end; ++index)
    dims.push_back(getDim(value, index));
  return dims;
}

ShapeInference::Dim ShapeInference::getScalar(Value value) const {
  return getAffineSymbolExpr(getSymbol(value, 0), context);
}

LogicalResult ShapeInference::checkMinimalRank(Value value, StringRef name,
                                               int64_t rank) {
  if (!value || getRank(value) >= rank)
    return success();
  return fail("expected ", name, " of rank ", rank, " or more, found ",
              value.getType());
}

/// Whether `found` and `expected` can be equal.
static bool isCompatible(ArrayRef<ShapeInference::Dim> found,
                         ArrayRef<ShapeInference::Dim> expected) {
  return llvm::all_of(llvm::zip_equal(found, expected), [](auto pair) {
    int64_t left = ShapeInference::getSize(std::get<0>(pair));
    int64_t right = ShapeInference::getSize(std::get<1>(pair));
    return left == right || ShapedType::isDynamic(left) ||
           ShapedType::isDynamic(right);
  });
}

LogicalResult ShapeInference::failShape(Value value, StringRef name,
                                        ArrayRef<Dim> expected,
                                        StringRef remark) {
  std::string shape;
  llvm::raw_string_ostream os(shape);
  llvm::interleave(
      expected, os,
      [&](Dim dim) {
        int64_t size = getSize(dim);
        if (ShapedType::isDynamic(size))
          os << '?';
        else
          os << size;
      },
      "x");
  return fail("expected ", name, " of shape [", shape, "]", remark, ", found ",
              value.getType());
}

LogicalResult ShapeInference::checkShape(Value value, StringRef name,
                                         ArrayRef<Dim> expected) {
  if (!value || (getRank(value) == static_cast<int64_t>(expected.size()) &&
                 isCompatible(getDims(value), expected)))
    return success();
  return failShape(value, name, expected, "");
}

LogicalResult ShapeInference::checkSuffix(Value value, StringRef name,
                                          ArrayRef<Dim> expected) {
  if (!value)
    return success();
  size_t rank = getRank(value);
  if (rank <= expected.size() &&
      isCompatible(getDims(value), expected.take_back(rank)))
    return success();
  return failShape(value, name, expected, " or a suffix of it");
}

LogicalResult ShapeInference::checkElementType(Value value, StringRef name,
                                               Type expected) {
  if (!value || getElementType(value) == expected)
    return success();
  return fail("expected ", name, " of element type ", expected, ", found ",
              value.getType());
}

LogicalResult ShapeInference::checkStatic(Value value, StringRef name,
                                          int64_t index) {
  if (!ShapedType::isDynamic(getSize(getDim(value, index))))
    return success();
  return fail("expected dimension ", index < 0 ? index + getRank(value) : index,
              " of ", name, " to be static, found ", value.getType());
}

void ShapeInference::addResult(ArrayRef<Dim> dims, Type elementType) {
  results.push_back({llvm::to_vector(dims), elementType});
}

void ShapeInference::addResultLike(Value value) {
  addResult(getDims(value), getElementType(value));
}

void ShapeInference::getTypes(SmallVectorImpl<Type> &types) const {
  for (const Result &result : results) {
    auto shape = llvm::map_to_vector(result.dims, getSize);
    types.push_back(RankedTensorType::get(shape, result.elementType));
  }
}

OpFoldResult ShapeInference::reify(OpBuilder &builder, Location loc,
                                   Dim dim) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(dim))
    return builder.getIndexAttr(constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(dim)) {
    unsigned index = symbol.getPosition();
    for (Value operand : operands) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      unsigned rank = type ? type.getRank() : 1;
      if (index >= rank) {
        index -= rank;
        continue;
      }
      if (type)
        return tensor::getMixedSize(builder, loc, operand, index);
      return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                        operand)
          .getResult();
    }
    llvm_unreachable("symbol of no operand");
  }
  auto binary = cast<AffineBinaryOpExpr>(dim);
  Value lhs = getValueOrCreateConstantIndexOp(
      builder, loc, reify(builder, loc, binary.getLHS()));
  Value rhs = getValueOrCreateConstantIndexOp(
      builder, loc, reify(builder, loc, binary.getRHS()));
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return builder.createOrFold<arith::AddIOp>(loc, lhs, rhs);
  case AffineExprKind::Mul:
    return builder.createOrFold<arith::MulIOp>(loc, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return builder.createOrFold<arith::DivUIOp>(loc, lhs, rhs);
  case AffineExprKind::CeilDiv:
    return builder.createOrFold<arith::CeilDivUIOp>(loc, lhs, rhs);
  default:
    llvm_unreachable("no dimension is a remainder");
  }
}

void ShapeInference::reify(OpBuilder &builder, Location loc,
                           ReifiedRankedShapedTypeDims &reified) const {
  for (const Result &result : results)
    reified.push_back(llvm::map_to_vector(
        result.dims, [&](Dim dim) { return reify(builder, loc, dim); }));
}
