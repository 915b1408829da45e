//===- QuenchLogIntOps.td - Attention by an integer softmax -*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHLOGINTOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHLOGINTOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"

def Quench_LogIntProbabilitiesOp : Quench_ModelOp<"log_int_probabilities", [AttrSizedOperandSegments]> {
  let summary = "quench.attention_probabilities by an integer softmax";
  let description = [{
    Scores are those of `quench.attention_probabilities`. They are rounded to multiples
    of `step`; their exponential and its sum are integers, and what a probability is
    follows from these as the code of a power of two (FQ-ViT's Log-Int-Softmax, C38 of
    `docs/spec.md`). The result has the numbers of the codes.

    `step` is 2^-6 to 1/2, `quantizer` a `#quench.log` of 2 to 4 bits with the step 1,
    a code for 0 and one scale, which is 1.

    ```mlir
    func.func @probabilities(%q: tensor<?x?x4x16xf32>, %k: tensor<?x?x2x16xf32>) -> tensor<?x4x?x?xf32> {
      %r = quench.log_int_probabilities %q, %k by(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 causal
        : (tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>) -> tensor<?x4x?x?xf32>
      return %r : tensor<?x4x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$query, Quench_FloatTensor:$key,
                       Optional<Quench_IntTensor>:$mask,
                       Optional<Quench_FloatTensor>:$bias,
                       QuantizerAttrInterface:$quantizer, F64Attr:$step, F64Attr:$scale,
                       DefaultValuedAttr<Quench_MaskKindAttr, "::quench::MaskKind::Full">:$mask_kind,
                       OptionalAttr<I64Attr>:$window,
                       OptionalAttr<DenseI64ArrayAttr>:$head_groups);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $query `,` $key `by` `(` $quantizer `)` `step` $step (`mask` $mask^)? (`bias` $bias^)?
    `scale` $scale `` $mask_kind attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_LogIntAttentionOp : Quench_ModelOp<"log_int_attention", [AttrSizedOperandSegments]> {
  let summary = "quench.attention of codes by an integer softmax";
  let description = [{
    Scores are sums of products of the codes of `query` and `key`, less their zero
    points; probabilities are those of `quench.log_int_probabilities`; results are sums
    of the codes of `value`, shifted by the codes of probabilities. All sums are exact
    (C38 and C39 of `docs/spec.md`). Shapes, the mask and the bias are those of
    `quench.attention`. Formats of operands are made of integers; scales of `query` and
    `key` do not differ within their last dimension, those of `value` not within the
    dimension of the tokens. The result has elements of `element_type`, f32 where
    nothing is said.

    ```mlir
    func.func @attention(%q: tensor<?x?x4x16xi8>, %k: tensor<?x?x2x16xi8>, %v: tensor<?x?x2x16xi8>,
                         %s: tensor<f32>, %z: tensor<i8>) -> tensor<?x?x4x16xf32> {
      %y = quench.log_int_attention %q scale %s zero %z by(#quench.uniform<u8, asymmetric>),
        %k scale %s by(#quench.uniform<i8>), %v scale %s by(#quench.uniform<i8>)
        probabilities(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 full
        : (tensor<?x?x4x16xi8>, tensor<f32>, tensor<i8>, tensor<?x?x2x16xi8>, tensor<f32>,
           tensor<?x?x2x16xi8>, tensor<f32>) -> tensor<?x?x4x16xf32>
      return %y : tensor<?x?x4x16xf32>
    }
    ```
  }];
  let arguments = (ins Quench_CodeTensor:$query, Quench_WideTensor:$query_scale,
                       Optional<Quench_CodeTensor>:$query_zero,
                       Quench_CodeTensor:$key, Quench_WideTensor:$key_scale,
                       Optional<Quench_CodeTensor>:$key_zero,
                       Quench_CodeTensor:$value, Quench_WideTensor:$value_scale,
                       Optional<Quench_CodeTensor>:$value_zero,
                       Optional<Quench_IntTensor>:$mask,
                       Optional<Quench_FloatTensor>:$bias,
                       QuantizerAttrInterface:$query_quantizer,
                       QuantizerAttrInterface:$key_quantizer,
                       QuantizerAttrInterface:$value_quantizer,
                       QuantizerAttrInterface:$probability_quantizer, F64Attr:$step,
                       F64Attr:$scale,
                       DefaultValuedAttr<Quench_MaskKindAttr, "::quench::MaskKind::Full">:$mask_kind,
                       OptionalAttr<I64Attr>:$window,
                       OptionalAttr<DenseI64ArrayAttr>:$head_groups,
                       OptionalAttr<TypeAttr>:$element_type);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $query `scale` $query_scale (`zero` $query_zero^)? `by` `(` $query_quantizer `)` `,`
    $key `scale` $key_scale (`zero` $key_zero^)? `by` `(` $key_quantizer `)` `,`
    $value `scale` $value_scale (`zero` $value_zero^)? `by` `(` $value_quantizer `)`
    `probabilities` `(` $probability_quantizer `)` `step` $step (`mask` $mask^)? (`bias` $bias^)?
    `scale` $scale `` $mask_kind attr-dict `:` functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHLOGINTOPS_TD
