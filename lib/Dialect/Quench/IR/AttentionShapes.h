//===- AttentionShapes.h - What forms of attention share -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_DIALECT_QUENCH_IR_ATTENTIONSHAPES_H
#define QUENCH_LIB_DIALECT_QUENCH_IR_ATTENTIONSHAPES_H

#include "QuantParameters.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/QuenchIntegerOps.h"
#include "Quench/Dialect/Quench/IR/ShapeInference.h"

namespace quench {

/// Fails with a diagnostic unless the shapes of the operands that make the
/// scores of attention, the heads and the mask kind of `op` belong together.
template <typename Adaptor>
llvm::LogicalResult checkScoreShapes(Adaptor op, ShapeInference &shapes) {
  using Dim = ShapeInference::Dim;
  mlir::Value query = op.getQuery(), key = op.getKey();
  if (failed(shapes.checkShape(query, "query", {Dim(), Dim(), Dim(), Dim()})))
    return mlir::failure();
  Dim batch = shapes.getDim(query, 0), tokens = shapes.getDim(query, 1),
      heads = shapes.getDim(query, 2), channels = shapes.getDim(query, 3);
  if (failed(shapes.checkShape(key, "key", {batch, Dim(), Dim(), channels})))
    return mlir::failure();
  Dim length = shapes.getDim(key, 1), groups = shapes.getDim(key, 2);
  if (failed(shapes.checkShape(op.getMask(), "mask", {batch, length})) ||
      failed(shapes.checkSuffix(op.getBias(), "bias",
                                {batch, heads, tokens, length})) ||
      failed(shapes.checkStatic(query, "query", 2)) ||
      failed(shapes.checkStatic(key, "key", 2)))
    return mlir::failure();

  int64_t numHeads = ShapeInference::getSize(heads);
  int64_t numGroups = ShapeInference::getSize(groups);
  if (auto map = op.getHeadGroups()) {
    if (static_cast<int64_t>(map->size()) != numHeads)
      return shapes.fail("expected head_groups to name a group for each of ",
                         numHeads, " heads, found ", map->size());
    for (int64_t group : *map)
      if (group < 0 || group >= numGroups)
        return shapes.fail("expected head_groups to name groups below ",
                           numGroups, ", found ", group);
  } else if (numGroups == 0 || numHeads % numGroups != 0) {
    return shapes.fail("expected the number of heads to be a multiple of that "
                       "of groups, found ",
                       numHeads, " and ", numGroups);
  }
  bool sliding = op.getMaskKind() == MaskKind::Sliding;
  if (sliding != op.getWindow().has_value())
    return shapes.fail("expected a window with mask kind sliding and with no "
                       "other");
  if (sliding && *op.getWindow() < 1)
    return shapes.fail("expected a window of at least 1, found ",
                       *op.getWindow());
  if (!op.getScale().isFinite())
    return shapes.fail("expected scale to be finite");
  return mlir::success();
}

/// Fails with a diagnostic unless scales of `quantizer`, of what is called
/// `name`, are the same within dimension `dim` of four.
inline llvm::LogicalResult checkHasOneScale(ShapeInference &shapes,
                                            QuantizerAttrInterface quantizer,
                                            llvm::StringRef name, int64_t dim) {
  for (QuantAxis axis : getQuantAxes(quantizer, 4))
    if (axis.dim == dim || axis.block != 1)
      return shapes.fail("expected ", name, " with one scale along dimension ",
                         dim, ", found ", quantizer);
  return mlir::success();
}

/// Fails with a diagnostic unless 32 bits hold the sums of products of the
/// codes of queries and keys.
template <typename Adaptor>
llvm::LogicalResult checkScoreSums(Adaptor op, ShapeInference &shapes) {
  int64_t channels = ShapeInference::getSize(shapes.getDim(op.getQuery(), 3));
  QuantizerAttrInterface query = op.getQueryQuantizer(),
                         key = op.getKeyQuantizer();
  if (mlir::ShapedType::isStatic(channels) &&
      !fitsAccumulator(channels, query, key))
    return shapes.fail("expected sums that 32 bits hold, found sums of ",
                       channels, " products of ", query, " and ", key);
  return mlir::success();
}

/// Fails with a diagnostic unless queries, keys and values of attention to
/// integers have formats of integers, parameters that are theirs and do not
/// differ within a sum, and sums of products that 32 bits hold.
template <typename Adaptor>
llvm::LogicalResult checkIntegerOperands(Adaptor op, ShapeInference &shapes) {
  using Dim = ShapeInference::Dim;
  mlir::Value query = op.getQuery(), key = op.getKey(), value = op.getValue();
  mlir::Type compute = mlir::Float32Type::get(shapes.getContext());
  mlir::Type code = mlir::IntegerType::get(shapes.getContext(), 8);
  if (failed(shapes.checkShape(value, "value",
                               {shapes.getDim(key, 0), shapes.getDim(key, 1),
                                shapes.getDim(key, 2), Dim()})))
    return mlir::failure();
  struct Operand {
    llvm::StringRef name;
    QuantizerAttrInterface quantizer;
    mlir::Value codes, scale, zero;
    int64_t dim;
  };
  const Operand operands[] = {
      {"query", op.getQueryQuantizer(), query, op.getQueryScale(),
       op.getQueryZero(), 3},
      {"key", op.getKeyQuantizer(), key, op.getKeyScale(), op.getKeyZero(), 3},
      {"value", op.getValueQuantizer(), value, op.getValueScale(),
       op.getValueZero(), 1}};
  for (const Operand &it : operands)
    if (failed(checkHasIntegers(shapes, it.quantizer)) ||
        failed(checkHasOneScale(shapes, it.quantizer, it.name, it.dim)) ||
        failed(checkParameters(shapes, it.quantizer, it.codes, it.scale,
                               compute, it.zero, code)))
      return mlir::failure();
  return checkScoreSums(op, shapes);
}

/// Adds the result of attention to integers, `[batch, tokens, heads, channels
/// of values]`, whose elements `op` names; `compute` by default.
template <typename Adaptor>
llvm::LogicalResult addAttentionResult(Adaptor op, ShapeInference &shapes,
                                       mlir::Type compute) {
  mlir::Type element = op.getElementType().value_or(compute);
  if (!mlir::isa<mlir::Float16Type, mlir::BFloat16Type, mlir::Float32Type>(
          element))
    return shapes.fail("expected an element type of f16, bf16 or f32, found ",
                       element);
  auto dims = shapes.getDims(op.getQuery(), /*drop=*/1);
  dims.push_back(shapes.getDim(op.getValue(), 3));
  shapes.addResult(dims, element);
  return mlir::success();
}

/// The products of attention, and one function for each score.
template <typename Op>
OpCost getAttentionCost(
    Op op, llvm::function_ref<int64_t(mlir::Value, int64_t dim)> getSize) {
  int64_t scores = getSize(op.getKey(), 1);
  for (int64_t dim = 0; dim < 3; ++dim)
    scores *= getSize(op.getQuery(), dim);
  return {scores * (getSize(op.getQuery(), 3) + getSize(op.getValue(), 3)),
          scores};
}

} // namespace quench

#endif // QUENCH_LIB_DIALECT_QUENCH_IR_ATTENTIONSHAPES_H
