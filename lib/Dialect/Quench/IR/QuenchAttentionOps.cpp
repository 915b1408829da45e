//===- QuenchAttentionOps.cpp - Attention in parts ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchAttentionOps.h"

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;

LogicalResult AttentionValuesOp::inferShapes(Adaptor op,
                                             ShapeInference &shapes) {
  Value probabilities = op.getProbabilities(), value = op.getValue();
  Type type = shapes.getElementType(probabilities);
  if (failed(shapes.checkShape(probabilities, "probabilities",
                               {Dim(), Dim(), Dim(), Dim()})) ||
      failed(
          shapes.checkShape(value, "value",
                            {shapes.getDim(probabilities, 0),
                             shapes.getDim(probabilities, 3), Dim(), Dim()})) ||
      failed(shapes.checkElementType(value, "value", type)) ||
      failed(shapes.checkStatic(probabilities, "probabilities", 1)) ||
      failed(shapes.checkStatic(value, "value", 2)))
    return failure();
  int64_t heads = ShapeInference::getSize(shapes.getDim(probabilities, 1));
  int64_t groups = ShapeInference::getSize(shapes.getDim(value, 2));
  if (std::optional<ArrayRef<int64_t>> named = op.getHeadGroups()) {
    if (static_cast<int64_t>(named->size()) != heads)
      return shapes.fail("expected head_groups of ", heads, " heads, found ",
                         named->size());
    for (int64_t group : *named)
      if (group < 0 || group >= groups)
        return shapes.fail("expected head_groups below ", groups, ", found ",
                           group);
  } else if (groups == 0 || heads % groups != 0) {
    return shapes.fail("expected heads to be a multiple of ", groups,
                       " groups, found ", heads);
  }
  shapes.addResult({shapes.getDim(probabilities, 0),
                    shapes.getDim(probabilities, 2),
                    shapes.getDim(probabilities, 1), shapes.getDim(value, 3)},
                   type);
  return success();
}

OpCost AttentionValuesOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  int64_t macs = getSize(getValue(), 3);
  for (int64_t dim = 0; dim < 4; ++dim)
    macs *= getSize(getProbabilities(), dim);
  return {macs, /*elementwise=*/0};
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchAttentionOps.cpp.inc"
