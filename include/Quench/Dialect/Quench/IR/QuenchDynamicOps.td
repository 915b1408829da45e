//===- QuenchDynamicOps.td - Parameters at run time -------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHDYNAMICOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHDYNAMICOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"

def Quench_DynamicParametersOp : Quench_ModelOp<"dynamic_parameters"> {
  let summary = "scales and zero points that cover the numbers of a tensor";
  let description = [{
    The parameters for `quench.fake_quant` of the same input by the same quantizer,
    which has zero points, computed from the input itself at every run: for each set of
    elements that shares them, those that cover the least and the greatest number (C23
    to C26 of `docs/spec.md`). Zero points have a byte each. Scales of the form e4m3
    are not possible.

    ```mlir
    func.func @dynamic_parameters(%x: tensor<?x?x64xf32>) -> (tensor<?x?xf32>, tensor<?x?xi8>) {
      %s, %z = quench.dynamic_parameters %x by(#quench.uniform<u8, asymmetric, token>)
        : (tensor<?x?x64xf32>) -> (tensor<?x?xf32>, tensor<?x?xi8>)
      return %s, %z : tensor<?x?xf32>, tensor<?x?xi8>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, QuantizerAttrInterface:$quantizer);
  let results = (outs Quench_WideTensor:$scale, Quench_CodeTensor:$zero);
  let assemblyFormat = [{
    $input `by` `(` $quantizer `)` attr-dict `:` functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHDYNAMICOPS_TD
