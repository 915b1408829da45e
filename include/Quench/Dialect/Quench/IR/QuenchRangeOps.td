//===- QuenchRangeOps.td - Ranges of quantizers as programs -*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weight programs that choose the range which the codes of a format reach, from
// statistics of activations or from the elements of weights. A range is two
// numbers, low and high, the last dimension of a tensor; the other dimensions
// are those that have ranges of their own. `Support/RangeSearch.h` has the
// searches.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHRANGEOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHRANGEOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"

def Quench_Ranges : RankedTensorOf<[F64]>;

class Quench_RangeOp<string mnemonic> : Quench_ShapedWeightOp<mnemonic, Quench_LeafProgram> {
  let results = (outs Quench_Ranges:$result);
}

// Tries ranges for the format `quantizer`.
class Quench_RangeSearchOp<string mnemonic> : Quench_RangeOp<mnemonic> {
  dag search = (ins Quench_Ranges:$data, Optional<Quench_Ranges>:$extent,
                    QuantizerAttrInterface:$quantizer);
}

def Quench_ExtentOp : Quench_RangeOp<"extent"> {
  let summary = "the range from the least of `min` to the greatest of `max`";
  let description = [{
    With `parts` the channels are cut into so many parts of equal length, heads for
    example, and each has its range. This is min-max calibration.

    ```mlir
    %a = quench.param <"stats"::"up.input.min"> : tensor<8xf64>
    %b = quench.param <"stats"::"up.input.max"> : tensor<8xf64>
    %r = quench.extent %a to %b : (tensor<8xf64>, tensor<8xf64>) -> tensor<2xf64>
    %h = quench.extent %a to %b parts 4 : (tensor<8xf64>, tensor<8xf64>) -> tensor<4x2xf64>
    ```
  }];
  let arguments = (ins Quench_Ranges:$min, Quench_Ranges:$max, OptionalAttr<I64Attr>:$parts);
  let assemblyFormat = "$min `to` $max (`parts` $parts^)? attr-dict `:` functional-type(operands, results)";
}

def Quench_PercentileRangeOp : Quench_RangeSearchOp<"percentile_range"> {
  let summary = "the range between two quantiles that leaves the least error";
  let description = [{
    For each of `percentiles` the range from the quantile `1 - p` to the quantile `p`
    is tried; the first of least mean squared error is taken. RepQ-ViT tries 0.999,
    0.9999 and 0.99999.

    `data` are the elements of weights, one range for each row; or with `extent`
    sketches of numbers that reach so far (`docs/statistics.md`).

    ```mlir
    %s = quench.param <"stats"::"up.input.quantiles"> : tensor<5121xf64>
    %e = quench.param <"stats"::"up.input.extent"> : tensor<2xf64>
    %r = quench.percentile_range %s within %e by(#quench.uniform<u4, asymmetric>)
           percentiles [0.999, 0.9999, 0.99999]
      : (tensor<5121xf64>, tensor<2xf64>) -> tensor<2xf64>
    %w = quench.param <"model"::"up.weight"> : tensor<16x8xf64>
    %q = quench.percentile_range %w by(#quench.uniform<u4, asymmetric, axis = 0>)
           percentiles [0.999, 1.0]
      : (tensor<16x8xf64>) -> tensor<16x2xf64>
    ```
  }];
  let arguments = !con(search, (ins DenseF64ArrayAttr:$percentiles));
  let assemblyFormat = [{
    $data (`within` $extent^)? `by` `(` $quantizer `)` `percentiles` $percentiles
    attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_ShrunkenRangeOp : Quench_RangeSearchOp<"shrunken_range"> {
  let summary = "the part of the whole range that leaves the least error";
  let description = [{
    The ends of the range of all numbers times `i / steps`, `i` from `steps` down to 1;
    the first of least mean `|x - q(x)|^norm` is taken. With `dual` each end has its
    part, and all pairs are tried: dual clipping of channels, as RepQuant's is
    understood. Operands are as in `quench.percentile_range`.

    ```mlir
    %s = quench.param <"stats"::"up.input.quantiles"> : tensor<5121xf64>
    %e = quench.param <"stats"::"up.input.extent"> : tensor<2xf64>
    %r = quench.shrunken_range %s within %e by(#quench.uniform<i4>) {steps = 80 : i64, norm = 2.4}
      : (tensor<5121xf64>, tensor<2xf64>) -> tensor<2xf64>
    ```
  }];
  let arguments = !con(search, (ins DefaultValuedAttr<I64Attr, "100">:$steps,
                                    DefaultValuedAttr<F64Attr, "2.0">:$norm, UnitAttr:$dual));
  let assemblyFormat = [{
    $data (`within` $extent^)? `by` `(` $quantizer `)` attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_ProgressiveRangeOp : Quench_RangeSearchOp<"progressive_range"> {
  let summary = "the range of a scale and zero point that are searched step by step";
  let description = [{
    AdaLog's fast progressive combining search: 128 pairs of a scale, between those of
    the quantiles 0.9 and 1, and one of `zero_points` zero points around the middle of
    the codes; then, `steps - 1` times, finer scales around the 16 best pairs. The best
    of all that was tried is taken, by mean squared error. A format without zero points
    has its scale searched. Operands are as in `quench.percentile_range`.

    ```mlir
    %w = quench.param <"model"::"up.weight"> : tensor<16x8xf64>
    %r = quench.progressive_range %w by(#quench.uniform<u4, asymmetric, axis = 0>) {zero_points = 8 : i64}
      : (tensor<16x8xf64>) -> tensor<16x2xf64>
    ```
  }];
  let arguments = !con(search, (ins DefaultValuedAttr<I64Attr, "16">:$zero_points,
                                    DefaultValuedAttr<I64Attr, "6">:$steps));
  let assemblyFormat = [{
    $data (`within` $extent^)? `by` `(` $quantizer `)` attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_EntropyRangeOp : Quench_RangeSearchOp<"entropy_range"> {
  let summary = "the part of the whole range whose codes say most of a histogram";
  let description = [{
    The ends of the range of all numbers times `i / steps`, `i` from `steps` down to 1;
    the first of least divergence of Kullback and Leibler is taken: of the histogram,
    with what lies outside in its outermost bins, from the same with the bins of one
    code alike. `data` are the elements of weights; or with `extent` histograms of
    numbers that reach so far.

    ```mlir
    %s = quench.param <"stats"::"up.input.histogram"> : tensor<2048xf64>
    %e = quench.param <"stats"::"up.input.extent"> : tensor<2xf64>
    %r = quench.entropy_range %s within %e by(#quench.uniform<i8>)
      : (tensor<2048xf64>, tensor<2xf64>) -> tensor<2xf64>
    ```
  }];
  let arguments = !con(search, (ins DefaultValuedAttr<I64Attr, "128">:$steps));
  let assemblyFormat = [{
    $data (`within` $extent^)? `by` `(` $quantizer `)` attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_StaticScaleOp : Quench_ShapedWeightOp<"static_scale", Quench_LeafProgram> {
  let summary = "scales with which codes reach ranges";
  let description = [{
    What the format makes of each range (C23, C24 of `docs/spec.md`), in the arithmetic
    of the element type.

    ```mlir
    %r = quench.param <"stats"::"up.input.extent"> : tensor<2xf32>
    %s = quench.static_scale %r by(#quench.uniform<u8, asymmetric>) : (tensor<2xf32>) -> tensor<f32>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$range, QuantizerAttrInterface:$quantizer);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = "$range `by` `(` $quantizer `)` attr-dict `:` functional-type(operands, results)";
}

def Quench_StaticZeroOp : Quench_ShapedWeightOp<"static_zero", Quench_LeafProgram> {
  let summary = "zero points that belong to the scales of ranges";
  let description = [{
    One byte a zero point (C25 of `docs/spec.md`), for a format that has them.

    ```mlir
    %r = quench.param <"stats"::"up.input.extent"> : tensor<2xf32>
    %z = quench.static_zero %r by(#quench.uniform<u8, asymmetric>) : (tensor<2xf32>) -> tensor<i8>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$range, QuantizerAttrInterface:$quantizer);
  let results = (outs Quench_CodeTensor:$result);
  let assemblyFormat = "$range `by` `(` $quantizer `)` attr-dict `:` functional-type(operands, results)";
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHRANGEOPS_TD
