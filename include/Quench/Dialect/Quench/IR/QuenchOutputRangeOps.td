//===- QuenchOutputRangeOps.td - Ranges by outputs --------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weight programs that choose the range of a quantizer, or among quantizers, by
// what codes of a sample do to the outputs of the layer that reads it. Samples
// are tensors of statistics archives.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHOUTPUTRANGEOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHOUTPUTRANGEOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"

def Quench_Sample : RankedTensorOf<[F64]>;

class Quench_OutputSearchOp<string mnemonic> : Quench_ShapedWeightOp<mnemonic, Quench_LeafProgram> {
  dag input = (ins Quench_Sample:$sample, Variadic<Quench_WideTensor>:$weights);
  dag attention = (ins Quench_Sample:$sample, Quench_Sample:$other, StrAttr:$role,
                       I64Attr:$heads, I64Attr:$groups,
                       OptionalAttr<DenseI64ArrayAttr>:$head_groups);
  let results = (outs Quench_Sample:$result);
}

def Quench_OutputRangeOp : Quench_OutputSearchOp<"output_range"> {
  let summary = "the range with which products with weights have the least error";
  let description = [{
    `sample` are tokens `[m, n]` of an input, `weights` the matrices `[out, n]` that it
    is multiplied by. The range is taken of those tried with which the sum of squares
    of `(x - q(x)) w^T`, over all tokens and weights, is least; of equal ones the first.

    A format without zero points has the multiples `0.01 + 0.0119 i`, `i` from 0 to 99, of
    the whole range of the sample tried (PTQ4ViT). One with zero points has AdaLog's
    progressive search, see `quench.progressive_range`, of up to 16 zero points around
    that of the whole range, which is tried too.

    ```mlir
    %x = quench.param <"stats"::"up.input.sample"> : tensor<32x8xf64>
    %w = quench.param <"model"::"up.weight"> : tensor<16x8xf32>
    %r = quench.output_range %x with %w by(#quench.uniform<i4>)
      : (tensor<32x8xf64>, tensor<16x8xf32>) -> tensor<2xf64>
    ```
  }];
  let arguments = !con(input, (ins QuantizerAttrInterface:$quantizer));
  let assemblyFormat = [{
    $sample `with` $weights `by` `(` $quantizer `)` attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_AttentionRangeOp : Quench_OutputSearchOp<"attention_range"> {
  let summary = "the range with which products within attention have the least error";
  let description = [{
    `sample` are parts of sequences of an operand of attention of `heads` heads of
    queries and `groups` groups of keys and values; `other` are those that it is
    multiplied by, of the same sequences. Head `h` reads group `h / (heads / groups)`, or
    the one that `head_groups[h]` names.

    | `role` | `sample` | `other` |
    |---|---|---|
    | `query` | `[s, t, heads D]` | keys `[s, l, groups D]` |
    | `key` | `[s, l, groups D]` | queries `[s, t, heads D]` |
    | `value` | `[s, l, groups E]` | probabilities `[s, heads, t, l]` |
    | `probabilities` | `[s, heads, t, l]` | values `[s, l, groups E]` |

    The range is found as `quench.output_range` finds it, by the squares of the error of
    scores, or of what probabilities make of values; up to 8 zero points are tried. A
    format with parameters for each index of dimension 2, which are heads, has one range
    for each, others one for all.

    ```mlir
    %q = quench.param <"stats"::"attn.query.sample"> : tensor<4x6x8xf64>
    %k = quench.param <"stats"::"attn.key.sample"> : tensor<4x6x4xf64>
    %r = quench.attention_range "query" of %q with %k heads 2 groups 1
           by(#quench.uniform<u4, asymmetric, axis = 2>)
      : (tensor<4x6x8xf64>, tensor<4x6x4xf64>) -> tensor<2x2xf64>
    ```
  }];
  let arguments = !con(attention, (ins QuantizerAttrInterface:$quantizer));
  let assemblyFormat = [{
    $role `of` $sample `with` $other `heads` $heads `groups` $groups
    (`by_groups` $head_groups^)? `by` `(` $quantizer `)` attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_OutputFormatOp : Quench_OutputSearchOp<"output_format"> {
  let summary = "the format with which products with weights have the least error";
  let description = [{
    The place in `formats` of the quantizer with which the error of `quench.output_range`
    is least for the best range of each, as a number; of equal ones the first.

    Ranges are multiples of the whole range of the sample, found as AdaLog finds the scale
    and the base of its logarithms together: the 8 formats are kept that are best with the
    whole range; 16 multiples are tried with each, from where 9 in 10 numbers are within the
    range to 1; then, four times, 4 finer ones around each of the best 32. The best of all
    that was tried is taken.

    ```mlir
    %x = quench.param <"stats"::"down.input.sample"> : tensor<32x8xf64>
    %w = quench.param <"model"::"down.weight"> : tensor<16x8xf32>
    %r = quench.output_format %x with %w
           among [#quench.twin_uniform<i4, shift = 1>, #quench.twin_uniform<i4, shift = 2>]
      : (tensor<32x8xf64>, tensor<16x8xf32>) -> tensor<1xf64>
    ```
  }];
  let arguments = !con(input, (ins ArrayAttr:$formats));
  let assemblyFormat = [{
    $sample `with` $weights `among` $formats attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_ProbabilitiesFormatOp : Quench_OutputSearchOp<"probabilities_format"> {
  let summary = "the format of probabilities with which attention has the least error";
  let description = [{
    The place in `formats` of the quantizer for `sample`, probabilities of a range from 0 to
    1, with which what attention gives has the least squared error, as a number; of equal
    ones the first. Operands are as in `quench.attention_range` with the role
    `probabilities`.

    ```mlir
    %p = quench.param <"stats"::"attn.probabilities.sample"> : tensor<4x2x6x6xf64>
    %v = quench.param <"stats"::"attn.value.sample"> : tensor<4x6x4xf64>
    %r = quench.probabilities_format %p with %v heads 2 groups 1
           among [#quench.log<u4>, #quench.log<u4, step = 1 : 2>]
      : (tensor<4x2x6x6xf64>, tensor<4x6x4xf64>) -> tensor<1xf64>
    ```
  }];
  let arguments = (ins Quench_Sample:$sample, Quench_Sample:$other, I64Attr:$heads,
                       I64Attr:$groups, OptionalAttr<DenseI64ArrayAttr>:$head_groups,
                       ArrayAttr:$formats);
  let assemblyFormat = [{
    $sample `with` $other `heads` $heads `groups` $groups (`by_groups` $head_groups^)?
    `among` $formats attr-dict `:` functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHOUTPUTRANGEOPS_TD
