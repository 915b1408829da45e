//===- QuenchIntegerAttentionOps.td - Attention of codes ---*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGERATTENTIONOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGERATTENTIONOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"

def Quench_IntegerAttentionOp : Quench_ModelOp<"integer_attention", [AttrSizedOperandSegments]> {
  let summary = "quench.attention of codes, with sums of integers";
  let description = [{
    Scores are sums of products of the codes of `query` and `key`, results are sums of
    products of the codes of probabilities and of `value`; both are exact (C35 and C36
    of `docs/spec.md`). Shapes, the mask and the bias are those of `quench.attention`.
    All formats are made of integers and have no zero points. Scales of `query` and
    `key` do not differ within their last dimension, those of `value` not within the
    dimension of the tokens. `probabilities` are unsigned, and each row has a scale
    that is computed at run time. The result has elements of `element_type`, f32 where
    nothing is said.

    ```mlir
    func.func @integer_attention(%q: tensor<?x?x4x16xi8>, %k: tensor<?x?x2x16xi8>, %v: tensor<?x?x2x16xi8>,
                                 %r: tensor<?x?x4xf32>, %s: tensor<?x?x2xf32>, %t: tensor<?x2xf32>)
        -> tensor<?x?x4x16xf32> {
      %y = quench.integer_attention %q scale %r by(#quench.uniform<i8, token>),
        %k scale %s by(#quench.uniform<i8, token>), %v scale %t by(#quench.uniform<i8, sequence>)
        probabilities(#quench.uniform<u8, token>) scale 0.25 causal
        : (tensor<?x?x4x16xi8>, tensor<?x?x4xf32>, tensor<?x?x2x16xi8>, tensor<?x?x2xf32>,
           tensor<?x?x2x16xi8>, tensor<?x2xf32>) -> tensor<?x?x4x16xf32>
      return %y : tensor<?x?x4x16xf32>
    }
    ```
  }];
  let arguments = (ins Quench_CodeTensor:$query, Quench_WideTensor:$query_scale,
                       Quench_CodeTensor:$key, Quench_WideTensor:$key_scale,
                       Quench_CodeTensor:$value, Quench_WideTensor:$value_scale,
                       Optional<Quench_IntTensor>:$mask,
                       Optional<Quench_FloatTensor>:$bias,
                       QuantizerAttrInterface:$query_quantizer,
                       QuantizerAttrInterface:$key_quantizer,
                       QuantizerAttrInterface:$value_quantizer,
                       QuantizerAttrInterface:$probability_quantizer, F64Attr:$scale,
                       DefaultValuedAttr<Quench_MaskKindAttr, "::quench::MaskKind::Full">:$mask_kind,
                       OptionalAttr<I64Attr>:$window,
                       OptionalAttr<DenseI64ArrayAttr>:$head_groups,
                       OptionalAttr<TypeAttr>:$element_type);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $query `scale` $query_scale `by` `(` $query_quantizer `)` `,`
    $key `scale` $key_scale `by` `(` $key_quantizer `)` `,`
    $value `scale` $value_scale `by` `(` $value_quantizer `)`
    `probabilities` `(` $probability_quantizer `)` (`mask` $mask^)? (`bias` $bias^)?
    `scale` $scale `` $mask_kind attr-dict `:` functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGERATTENTIONOPS_TD
