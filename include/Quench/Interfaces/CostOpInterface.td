//===- CostOpInterface.td - Work and traffic of ops --------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_COSTOPINTERFACE_TD
#define QUENCH_INTERFACES_COSTOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    What an op costs: the input of bit assignment and of reports. Counts are for
    given sizes of the dynamic dimensions; what an op reads and writes follows
    from its operands and results and is the caller's to count.
  }];
  let methods = [
    InterfaceMethod<[{
        The work of the op, `getSize` giving the size of dimension `dim` of a
        tensor operand or result.
      }],
      "::quench::OpCost", "getCost",
      (ins "::llvm::function_ref<int64_t(::mlir::Value value, int64_t dim)>":$getSize)>
  ];
}

#endif // QUENCH_INTERFACES_COSTOPINTERFACE_TD
