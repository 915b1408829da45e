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
    Scores are sums of products of the codes of `query` and `key`, less their zero
    points, results are sums of products of integers of probabilities and of the codes
    of `value`; both are exact. Shapes, the mask and the bias are those of
    `quench.attention`. Formats of operands are made of integers; scales of `query` and
    `key` do not differ within their last dimension, those of `value` not within the
    dimension of the tokens. The result has elements of `element_type`, f32 where
    nothing is said.

    `probabilities` are uniform, unsigned and without zero points (C35 and C36 of
    `docs/spec.md`), or a table of numbers that are not negative, such as powers of two
    (C40 and C41). Each row has a scale that is computed at run time, or
    `probability_scale` is that of all (C40).

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
    func.func @log_attention(%q: tensor<?x?x4x16xi8>, %s: tensor<f32>, %z: tensor<i8>, %p: tensor<f32>)
        -> tensor<?x?x4x16xf32> {
      %y = quench.integer_attention %q scale %s zero %z by(#quench.uniform<u8, asymmetric>),
        %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>)
        probabilities scale %p by(#quench.log<u4, zero = last>) scale 0.25 full
        : (tensor<?x?x4x16xi8>, tensor<f32>, tensor<i8>, tensor<?x?x4x16xi8>, tensor<f32>,
           tensor<?x?x4x16xi8>, tensor<f32>, tensor<f32>) -> tensor<?x?x4x16xf32>
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
                       Optional<Quench_WideTensor>:$probability_scale,
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
    $query `scale` $query_scale (`zero` $query_zero^)? `by` `(` $query_quantizer `)` `,`
    $key `scale` $key_scale (`zero` $key_zero^)? `by` `(` $key_quantizer `)` `,`
    $value `scale` $value_scale (`zero` $value_zero^)? `by` `(` $value_quantizer `)`
    `probabilities` (`scale` $probability_scale^ `by`)? `(` $probability_quantizer `)`
    (`mask` $mask^)? (`bias` $bias^)?
    `scale` $scale `` $mask_kind attr-dict `:` functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGERATTENTIONOPS_TD
