//===- QuenchObserveOps.td - What is observed of values ---*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops that calibration adds to a model, where loops of linalg cannot say it.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHOBSERVEOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHOBSERVEOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"

def Quench_CountTensor : RankedTensorOf<[I64]>;

def Quench_DistributionOp : Quench_ModelOp<"distribution"> {
  let summary = "how often which numbers stand in a tensor";
  let description = [{
    Counts the elements of `input` in the bins of a sketch, by sign, exponent and the
    first bits of the mantissa, and in those of a histogram, which ends at minus and
    plus `2^limit`, the least power of two above all magnitudes.
    `Quench/Support/Distribution.h` describes both. Counts of several inputs add up,
    those of histograms once they end at the same place.

    ```mlir
    func.func @distribution(%x: tensor<?x?x8xf32>) -> tensor<5121xi64> {
      %sketch, %histogram, %limit = quench.distribution %x
        : (tensor<?x?x8xf32>) -> (tensor<5121xi64>, tensor<2048xi64>, tensor<1xi64>)
      return %sketch : tensor<5121xi64>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input);
  let results = (outs Quench_CountTensor:$sketch, Quench_CountTensor:$histogram,
                      Quench_CountTensor:$limit);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def Quench_SecondMomentsOp : Quench_ModelOp<"second_moments", [AttrSizedOperandSegments]> {
  let summary = "sums of products of channels";
  let description = [{
    For `input` `[..., C]`, whose last dimension holds the channels of `blocks` parts
    of `n = C / blocks`, the sum over all tokens, in f64, of the products of two
    channels of a part: `result[p, i, j] = sum(w x[..., p n + i] x[..., p n + j])`,
    `[blocks, n, n]`. The second factor is of `other`, of the same shape, where there is
    one. `weights` has `w` of each index of the first dimensions; without it is 1. This
    is the Hessian of GPTQ, but for a factor, and with weights that of RSQ.

    ```mlir
    func.func @moments(%x: tensor<?x?x8xf32>, %w: tensor<?x?xf64>) -> tensor<2x4x4xf64> {
      %m = quench.second_moments %x weights %w blocks 2
        : (tensor<?x?x8xf32>, tensor<?x?xf64>) -> tensor<2x4x4xf64>
      return %m : tensor<2x4x4xf64>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Optional<Quench_FloatTensor>:$other,
                       Optional<RankedTensorOf<[F64]>>:$weights,
                       DefaultValuedAttr<I64Attr, "1">:$blocks);
  let results = (outs RankedTensorOf<[F64]>:$result);
  let assemblyFormat = [{
    $input (`with` $other^)? (`weights` $weights^)? (`blocks` $blocks^)? attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_SampleOp : Quench_ModelOp<"sample"> {
  let summary = "some parts of a tensor, at equal distances";
  let description = [{
    The last dimensions of `input`, as many as `shape` has, are a part; the dimensions
    before count them. Of `n` parts the result holds the parts `i n / count`, rounded
    down, for `i` from 0 to `count - 1`: some twice where `n` is less than `count`. Parts
    are cropped to `shape`, or padded with zeros at the ends.

    ```mlir
    func.func @tokens(%x: tensor<?x?x8xf32>) -> tensor<4x8xf64> {
      %r = quench.sample %x parts 4 of [8] : (tensor<?x?x8xf32>) -> tensor<4x8xf64>
      return %r : tensor<4x8xf64>
    }
    func.func @sequences(%x: tensor<?x?x2x4xf32>) -> tensor<3x16x2x4xf64> {
      %r = quench.sample %x parts 3 of [16, 2, 4] : (tensor<?x?x2x4xf32>) -> tensor<3x16x2x4xf64>
      return %r : tensor<3x16x2x4xf64>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$count, DenseI64ArrayAttr:$shape);
  let results = (outs RankedTensorOf<[F64]>:$result);
  let assemblyFormat = [{
    $input `parts` $count `of` $shape attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_AttentionProbabilitiesOp : Quench_ModelOp<"attention_probabilities", [AttrSizedOperandSegments]> {
  let summary = "softmax(scale q k^T + bias), per head";
  let description = [{
    What `quench.attention` with the same operands and attributes multiplies the
    values by: for `query` `[B, T, H, D]` and `key` `[B, L, G, D]` the result is
    `[B, H, T, L]`.

    ```mlir
    func.func @probabilities(%q: tensor<?x?x4x16xf32>, %k: tensor<?x?x2x16xf32>) -> tensor<?x4x?x?xf32> {
      %r = quench.attention_probabilities %q, %k scale 0.25 causal
        : (tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>) -> tensor<?x4x?x?xf32>
      return %r : tensor<?x4x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$query, Quench_FloatTensor:$key,
                       Optional<Quench_IntTensor>:$mask,
                       Optional<Quench_FloatTensor>:$bias, F64Attr:$scale,
                       DefaultValuedAttr<Quench_MaskKindAttr, "::quench::MaskKind::Full">:$mask_kind,
                       OptionalAttr<I64Attr>:$window,
                       OptionalAttr<DenseI64ArrayAttr>:$head_groups,
                       OptionalAttr<F64Attr>:$zeta, OptionalAttr<F64Attr>:$gamma);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $query `,` $key (`mask` $mask^)? (`bias` $bias^)? `scale` $scale
    `` $mask_kind attr-dict `:` functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHOBSERVEOPS_TD
