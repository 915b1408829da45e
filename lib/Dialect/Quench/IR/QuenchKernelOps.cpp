//===- QuenchKernelOps.cpp - Calls of generated kernels ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchKernelOps.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace quench;

LogicalResult
CallKernelOp::verifySymbolUses(SymbolTableCollection &symbolTable) {
  auto kernel = symbolTable.lookupNearestSymbolFrom<FunctionOpInterface>(
      *this, getCalleeAttr());
  if (!kernel)
    return emitOpError("expected ") << getCalleeAttr() << " to be a function";
  ArrayRef<Type> types = kernel.getArgumentTypes();
  if (types.size() != (*this)->getNumOperands())
    return emitOpError("expected ")
           << types.size() << " operands of " << getCalleeAttr() << ", found "
           << (*this)->getNumOperands();
  for (auto [i, type, operand] : llvm::enumerate(types, getOperandTypes())) {
    auto buffer = dyn_cast<MemRefType>(type);
    auto tensor = dyn_cast<RankedTensorType>(operand);
    bool matches = buffer && tensor
                       ? buffer.getElementType() == tensor.getElementType() &&
                             succeeded(verifyCompatibleShape(buffer.getShape(),
                                                             tensor.getShape()))
                       : type == operand;
    if (!matches)
      return emitOpError("expected operand ")
             << i << " of " << getCalleeAttr() << " to fit " << type
             << ", found " << operand;
  }
  return success();
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchKernelOps.cpp.inc"
