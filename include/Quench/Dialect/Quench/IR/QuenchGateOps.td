//===- QuenchGateOps.td - Gates of attention ---------------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHGATEOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHGATEOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Interfaces/BasisOpInterface.td"
include "Quench/Interfaces/ChannelScalableOpInterface.td"
include "Quench/Interfaces/QuantizableOpInterface.td"

def Quench_HeadGateOp : Quench_ModelOp<"head_gate", [
    DeclareOpInterfaceMethods<BasisOpInterface, ["getBasisBlocker"]>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "heads times factor sigma(gate)";
  let description = [{
    `input` is `[B, T, H, D]`. `gate` has a number for each number of it
    (`[B, T, H, D]`), for each head of a token (`[B, T, H]`), for each head of a
    sequence (`[B, H]`), or for each head (`[H]`). The gates of attention of
    Quantizable Transformers and of Gated Attention for Large Language Models.

    A gate of whole heads lets rotations and scales of their channels pass; one of
    numbers lets scales pass.

    ```mlir
    func.func @head_gate(%x: tensor<?x?x4x16xf32>, %g: tensor<?x?x4xf32>) -> tensor<?x?x4x16xf32> {
      %r = quench.head_gate %x by %g {factor = 2.0 : f64}
        : (tensor<?x?x4x16xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4x16xf32>
      return %r : tensor<?x?x4x16xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$gate,
                       DefaultValuedAttr<F64Attr, "1.0">:$factor);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `by` $gate attr-dict `:` functional-type(operands, results)";
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHGATEOPS_TD
