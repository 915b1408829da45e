//===- DimSymbols.cpp - Names of the dimensions of values -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DimSymbols.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quench;

static FailureOr<Attribute>
findSymbol(Value value, int64_t dim,
           llvm::function_ref<ArrayAttr(Value value)> getKnown) {
  while (true) {
    ArrayAttr symbols = getKnown(value);
    auto argument = dyn_cast<BlockArgument>(value);
    if (!symbols && argument) {
      auto function = cast<func::FuncOp>(argument.getOwner()->getParentOp());
      symbols = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                     attrs::dims);
      if (!symbols)
        return failure();
    }
    if (symbols) {
      auto type = cast<RankedTensorType>(value.getType());
      return symbols[type.getDynamicDimIndex(dim)];
    }
    // A dynamic dimension that a reshape leaves alone.
    if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>()) {
      ReassociationIndices group = collapse.getReassociationIndices()[dim];
      if (group.size() != 1)
        return failure();
      value = collapse.getSrc();
      dim = group.front();
      continue;
    }
    if (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>()) {
      int64_t sourceDim = expand.getCorrespondingSourceDim(dim);
      if (expand.getReassociationIndices()[sourceDim].size() != 1)
        return failure();
      value = expand.getSrc();
      dim = sourceDim;
      continue;
    }
    auto result = cast<OpResult>(value);
    auto op = dyn_cast<ReifyRankedShapedTypeOpInterface>(result.getOwner());
    if (!op)
      return failure();
    OpBuilder builder(op);
    ReifiedRankedShapedTypeDims shapes;
    if (failed(op.reifyResultShapes(builder, shapes)))
      return failure();
    auto size = dyn_cast<Value>(shapes[result.getResultNumber()][dim]);
    auto source = size ? size.getDefiningOp<tensor::DimOp>() : tensor::DimOp();
    std::optional<int64_t> index =
        source ? source.getConstantIndex() : std::nullopt;
    if (!index)
      return failure();
    value = source.getSource();
    dim = *index;
  }
}

FailureOr<ArrayAttr>
quench::findSymbols(Value value,
                    llvm::function_ref<ArrayAttr(Value value)> getKnown) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<Attribute> symbols;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim))
      continue;
    FailureOr<Attribute> symbol = findSymbol(value, dim, getKnown);
    if (failed(symbol))
      return failure();
    symbols.push_back(*symbol);
  }
  return ArrayAttr::get(value.getContext(), symbols);
}
