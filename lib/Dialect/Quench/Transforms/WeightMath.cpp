//===- WeightMath.cpp - Steps of weight programs --------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"

#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quench;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

Rotation Rotation::getInverse() const {
  if (attr)
    return attr.getInverse();
  return Rotation(matrix, !transposed);
}

int64_t Rotation::getOrder() const {
  return attr ? attr.getOrder() : getTensorType(matrix).getShape().back();
}

std::string Rotation::getDescription() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (attr) {
    os << attr;
    return text;
  }
  Value source = matrix;
  while (auto cast = source.getDefiningOp<CastOp>())
    source = cast.getInput();
  if (auto param = source.getDefiningOp<ParamOp>())
    os << param.getRef();
  else
    os << source.getType();
  if (transposed)
    os << " transposed";
  return text;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

bool quench::isWeightProgram(Value value) {
  SmallVector<Value> open = {value};
  llvm::SmallDenseSet<Value> seen;
  while (!open.empty()) {
    Value next = open.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    auto program = next.getDefiningOp<WeightProgramOpInterface>();
    if (!program)
      return false;
    llvm::append_range(open, program->getOperands());
  }
  return true;
}

/// `weight` in f64 as it was before its last rounding, null if it never was.
/// Ops that only move numbers are looked through.
static Value findWide(OpBuilder &builder, Value weight) {
  auto type = getTensorType(weight);
  if (type.getElementType().isF64())
    return weight;
  if (auto cast = weight.getDefiningOp<CastOp>())
    return getTensorType(cast.getInput()).getElementType().isF64()
               ? cast.getInput()
               : Value();
  Operation *op = weight.getDefiningOp();
  if (!isa_and_nonnull<TransposeOp, SliceOp, ConcatOp, ReshapeOp>(op))
    return {};
  SmallVector<Value> wide =
      llvm::map_to_vector(op->getOperands(), [&](Value operand) {
        return findWide(builder, operand);
      });
  if (llvm::none_of(wide, [](Value value) { return value; }))
    return {};
  IRMapping mapping;
  for (auto [operand, value] : llvm::zip_equal(op->getOperands(), wide))
    mapping.map(operand, value ? value : widenWeight(builder, operand));
  Operation *moved = builder.clone(*op, mapping);
  moved->getResult(0).setType(type.clone(builder.getF64Type()));
  return moved->getResult(0);
}

Value quench::widenWeight(OpBuilder &builder, Value weight) {
  if (Value wide = findWide(builder, weight))
    return wide;
  return CastOp::create(builder, weight.getLoc(),
                        getTensorType(weight).clone(builder.getF64Type()),
                        weight);
}

Value quench::narrowWeight(OpBuilder &builder, Value wide, Type element) {
  auto type = getTensorType(wide);
  if (type.getElementType() == element)
    return wide;
  return CastOp::create(builder, wide.getLoc(), type.clone(element), wide);
}

Value quench::createFilledWeight(OpBuilder &builder, Location loc,
                                 RankedTensorType type, double number) {
  return FillOp::create(builder, loc, type, builder.getF64FloatAttr(number));
}

/// `weight` with `body`, a step in f64, before its last rounding.
static Value append(OpBuilder &builder, Value weight,
                    llvm::function_ref<Value(Location, Value)> body) {
  Value wide = widenWeight(builder, weight);
  return narrowWeight(builder, body(weight.getLoc(), wide),
                      getTensorType(weight).getElementType());
}

Value quench::scaleWeight(OpBuilder &builder, Value weight, Value scale,
                          int64_t axis, bool inverse) {
  scale = widenWeight(builder, scale);
  return append(builder, weight, [&](Location loc, Value wide) -> Value {
    return ChannelScaleOp::create(builder, loc, wide, scale, axis, inverse);
  });
}

Value quench::rotateWeight(OpBuilder &builder, Value weight,
                           const Rotation &rotation, int64_t axis) {
  Value matrix = rotation.getMatrix();
  if (matrix)
    matrix = widenWeight(builder, matrix);
  return append(builder, weight, [&](Location loc, Value wide) -> Value {
    if (matrix)
      return RotateByOp::create(builder, loc, wide, matrix, axis,
                                rotation.isTransposed());
    return RotateOp::create(builder, loc, wide, axis, rotation.getAttr());
  });
}

Value quench::centerWeight(OpBuilder &builder, Value weight, int64_t axis) {
  return append(builder, weight, [&](Location loc, Value wide) -> Value {
    return CenterOp::create(builder, loc, wide, axis);
  });
}

Value quench::shiftWeight(OpBuilder &builder, Value weight, Value offset,
                          bool negative) {
  offset = widenWeight(builder, offset);
  return append(builder, weight, [&](Location loc, Value wide) -> Value {
    return ShiftOp::create(builder, loc, wide, offset, negative);
  });
}

Value quench::contractWeight(OpBuilder &builder, Value weight, Value other) {
  other = widenWeight(builder, other);
  return append(builder, weight, [&](Location loc, Value wide) -> Value {
    return ContractOp::create(builder, loc, wide, other);
  });
}

Value quench::getWeightAbsMax(OpBuilder &builder, Value weight, int64_t axis) {
  return append(builder, weight, [&](Location loc, Value wide) -> Value {
    return AbsMaxOp::create(builder, loc, wide, axis);
  });
}
