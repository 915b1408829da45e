//===- WeightProgramOpInterface.cpp - Ops on parameters ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/WeightProgramOpInterface.h"

#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace quench;

RowRange quench::getAllRows(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  return {0, type.getRank() == 0 ? 1 : type.getDimSize(0)};
}

LogicalResult
quench::evaluateAllRows(Operation *op,
                        llvm::ArrayRef<llvm::ArrayRef<char>> operands,
                        llvm::MutableArrayRef<char> result) {
  auto program = cast<WeightProgramOpInterface>(op);
  RowRange rows = getAllRows(op->getResult(0));
  SmallVector<llvm::ArrayRef<char>> needed;
  for (auto [index, bytes] : llvm::enumerate(operands)) {
    int64_t count = getAllRows(op->getOperand(index)).size();
    std::optional<RowRange> range = program.getOperandRows(index, rows);
    if (range && count != 0) {
      int64_t rowBytes = bytes.size() / count;
      needed.push_back(
          bytes.slice(range->begin * rowBytes, range->size() * rowBytes));
    } else {
      needed.push_back(bytes);
    }
  }
  return program.evaluateRows(needed, rows, result);
}

#include "Quench/Interfaces/WeightProgramOpInterface.cpp.inc"
