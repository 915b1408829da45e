//===- WeightProgramOpInterface.td - Ops on parameters -----*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_TD
#define QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def WeightProgramOpInterface : OpInterface<"WeightProgramOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    An op that computes a parameter from parameters, on the bytes of the host,
    once, before any code runs.
  }];
  let methods = [
    InterfaceMethod<[{
        Computes the result from the bytes of the operands. `operands[i]` holds
        the elements of operand `i`, dense and row-major in its element type, at
        any alignment: archives promise none. `result` has room for those of the
        result. A parameter reads its archive and is never asked. May be called
        by several threads at once. Fails with a diagnostic at the op.
      }],
      "::llvm::LogicalResult", "evaluateWeights",
      (ins "::llvm::ArrayRef<::llvm::ArrayRef<char>>":$operands,
           "::llvm::MutableArrayRef<char>":$result)>
  ];
}

#endif // QUENCH_INTERFACES_WEIGHTPROGRAMOPINTERFACE_TD
