//===- NormOpInterface.td - Norms over channels ------------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_NORMOPINTERFACE_TD
#define QUENCH_INTERFACES_NORMOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def NormOpInterface : OpInterface<"NormOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    An op that divides every row of its input by a size of that row, and then
    multiplies by a gain and adds an offset of each channel, where it has them.
    The result is its only one and has the type of the input.
  }];
  let methods = [
    InterfaceMethod<"What is normalized over its last axis.",
      "::mlir::Value", "getInput", (ins)>,
    InterfaceMethod<"The gain of each channel; null where that is 1.",
      "::mlir::Value", "getGain", (ins)>,
    InterfaceMethod<"The offset of each channel; null where that is 0.",
      "::mlir::Value", "getOffset", (ins)>,
    InterfaceMethod<"Removes gain and offset.", "void", "dropAffine", (ins)>,
    InterfaceMethod<[{
        Whether the mean of a row is subtracted before, so that what is added to
        all channels of a row does not matter.
      }],
      "bool", "subtractsMean", (ins)>,
    InterfaceMethod<[{
        Builds the norm that is equal for rows of mean 0 and does not subtract
        the mean. Only asked of norms that subtract the mean and have no offset.
      }],
      "::mlir::Value", "createWithoutMean", (ins "::mlir::OpBuilder &":$builder),
      "", [{ llvm_unreachable("subtracts no mean"); }]>
  ];
}

#endif // QUENCH_INTERFACES_NORMOPINTERFACE_TD
