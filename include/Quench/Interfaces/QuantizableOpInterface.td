//===- QuantizableOpInterface.td - Operands that may be integers *- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_QUANTIZABLEOPINTERFACE_TD
#define QUENCH_INTERFACES_QUANTIZABLEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def QuantizableOpInterface : OpInterface<"QuantizableOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    What the operands of an op are to a quantizer, and how the scale of the result
    follows from theirs.
  }];
  let methods = [
    InterfaceMethod<[{
        Adds one entry for each operand, in order.
      }],
      "void", "getQuantOperands",
      (ins "::llvm::SmallVectorImpl<::quench::QuantOperand> &":$operands)>,
    InterfaceMethod<[{
        How the scale of result 0 follows from those of the operands.
      }],
      "::quench::QuantRelation", "getQuantRelation", (ins)>
  ];
}

#endif // QUENCH_INTERFACES_QUANTIZABLEOPINTERFACE_TD
