//===- RelevanceOpInterface.td - Relevance of operands -----*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_INTERFACES_RELEVANCEOPINTERFACE_TD
#define QUENCH_INTERFACES_RELEVANCEOPINTERFACE_TD

include "mlir/IR/OpBase.td"

def RelevanceOpInterface : OpInterface<"RelevanceOpInterface"> {
  let cppNamespace = "::quench";
  let description = [{
    How an op passes the relevance of its results on to its operands (layer-wise
    relevance propagation, `Quench/Analysis/Relevance.h`).
  }];
  let methods = [
    InterfaceMethod<[{
        Fills `shares`, one for each operand, with what the operand gets: as many
        numbers as it has, or none where nothing goes to it. Nothing needs to go to
        parameters. `operands` are the numbers of all operands, without any where
        they are no tensors, and `relevance` what each result got, without numbers
        where that is nothing. All is of one example. Fails with a diagnostic at the
        op.
      }],
      "::llvm::LogicalResult", "propagateRelevance",
      (ins "::llvm::ArrayRef<::quench::HostTensor>":$operands,
           "::llvm::ArrayRef<::quench::HostTensor>":$relevance,
           "::llvm::MutableArrayRef<::std::vector<double>>":$shares)>
  ];
}

#endif // QUENCH_INTERFACES_RELEVANCEOPINTERFACE_TD
