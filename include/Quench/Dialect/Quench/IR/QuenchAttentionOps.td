//===- QuenchAttentionOps.td - Attention in parts ---------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention whose probabilities are quantized: `quench.attention_probabilities`,
// a quantizer, and what follows.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHATTENTIONOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHATTENTIONOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"

def Quench_AttentionValuesOp : Quench_ModelOp<"attention_values"> {
  let summary = "values weighted by probabilities, per head";
  let description = [{
    For `probabilities` `[B, H, T, L]` and `value` `[B, L, G, E]` the sums over `L`,
    `[B, T, H, E]`: of `quench.attention_probabilities` they are what
    `quench.attention` gives. Head `h` reads group `h / (H / G)`, or the group that
    `head_groups[h]` names.

    ```mlir
    func.func @values(%p: tensor<?x4x?x?xf32>, %v: tensor<?x?x2x16xf32>) -> tensor<?x?x4x16xf32> {
      %r = quench.attention_values %p, %v
        : (tensor<?x4x?x?xf32>, tensor<?x?x2x16xf32>) -> tensor<?x?x4x16xf32>
      return %r : tensor<?x?x4x16xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$probabilities, Quench_FloatTensor:$value,
                       OptionalAttr<DenseI64ArrayAttr>:$head_groups);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $probabilities `,` $value attr-dict `:` functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHATTENTIONOPS_TD
