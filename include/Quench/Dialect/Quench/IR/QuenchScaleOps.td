//===- QuenchScaleOps.td - Scales of channels as programs --*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weight ops that choose the scale of each channel from statistics and weights.
// Their numbers are f64; `Support/ScaleRules.h` has the rules.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHSCALEOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHSCALEOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"

def Quench_F64Tensor : RankedTensorOf<[F64]>;

def Quench_CommonScaleKind : Quench_I32Enum<"CommonScaleKind", "how many scales become one", [
    I32EnumAttrCase<"Mean", 0, "mean">, I32EnumAttrCase<"Median", 1, "median">,
    I32EnumAttrCase<"PowerOfTwo", 2, "power_of_two">]>;
def Quench_CommonScaleKindAttr : Quench_EnumAttr<Quench_CommonScaleKind, "common_scale_kind">;

class Quench_ScaleOp<string mnemonic> : Quench_ShapedWeightOp<mnemonic, Quench_LeafProgram> {
  let results = (outs Quench_F64Tensor:$result);
}

def Quench_RandomScaleOp : Quench_WeightOp<"random_scale", Quench_LeafProgram> {
  let summary = "scales that a seed makes";
  let description = [{
    Logarithms are uniform from `low` to `high`: what tests a rewrite.

    ```mlir
    %s = quench.random_scale seed 7 from 1.0e-2 to 1.0e+2 : tensor<8xf64>
    ```
  }];
  let arguments = (ins I64Attr:$seed, F64Attr:$low, F64Attr:$high);
  let results = (outs Quench_F64Tensor:$result);
  let assemblyFormat = "`seed` $seed `from` $low `to` $high attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Quench_BalancedScaleOp : Quench_ScaleOp<"balanced_scale"> {
  let summary = "activation^alpha / weight^(1 - alpha), limited";
  let description = [{
    `activation` has the greatest magnitude of each channel; each of `weights` has
    those of a weight that reads the channels, and the greatest of them counts, at
    least `weight_floor`. The result stays from `low` to `high`. SmoothQuant has
    `alpha` and these limits; MambaQuant 0.5, and 0.01 for `low`.

    ```mlir
    %x = quench.param <"stats"::"norm.absmax"> : tensor<8xf64>
    %w = quench.param <"model"::"up.absmax"> : tensor<8xf64>
    %s = quench.balanced_scale %x weights %w alpha 0.5 {high = 100.0}
      : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_F64Tensor:$activation, Variadic<Quench_F64Tensor>:$weights, F64Attr:$alpha,
                       DefaultValuedAttr<F64Attr, "1.0e-5">:$weight_floor,
                       DefaultValuedAttr<F64Attr, "1.0e-5">:$low, OptionalAttr<F64Attr>:$high);
  let assemblyFormat = "$activation `weights` $weights `alpha` $alpha attr-dict `:` functional-type(operands, $result)";
}

def Quench_AwqScaleOp : Quench_ScaleOp<"awq_scale"> {
  let summary = "the scale of a grid that leaves the least error of rounded weights";
  let description = [{
    Tries `mean^r`, at least 1e-4 and normalized so that the greatest and the least
    multiply to 1, for `r = 0, 1/steps, ..., 1 - 1/steps`, and takes the first of
    least error: the mean squared error of the outputs of all `weights`
    `[out, channels]`, rounded to `bits` bits (asymmetric, one scale for `group`
    weights of a row; 0: for the row). `mean` has the mean magnitudes of the
    channels, `gram` `[channels, channels]` the mean of `x x^T`.

    ```mlir
    %m = quench.param <"stats"::"norm.mean_abs"> : tensor<8xf64>
    %g = quench.param <"stats"::"norm.gram"> : tensor<8x8xf64>
    %w = quench.param <"model"::"up.weight"> : tensor<16x8xf64>
    %s = quench.awq_scale %m gram %g weights %w {bits = 4 : i64, group = 4 : i64}
      : (tensor<8xf64>, tensor<8x8xf64>, tensor<16x8xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_F64Tensor:$mean, Quench_F64Tensor:$gram, Variadic<Quench_F64Tensor>:$weights,
                       DefaultValuedAttr<I64Attr, "4">:$bits, DefaultValuedAttr<I64Attr, "128">:$group,
                       DefaultValuedAttr<I64Attr, "20">:$steps);
  let assemblyFormat = "$mean `gram` $gram `weights` $weights attr-dict `:` functional-type(operands, $result)";
}

def Quench_TieScaleOp : Quench_ScaleOp<"tie_scale"> {
  let summary = "the greater of two numbers that must be one";
  let description = [{
    Element `i` becomes the greater of itself and element `partners[i]`; `partners`
    is repeated along the input. A scale commutes with rotary embedding when it is
    equal within each pair.

    ```mlir
    %s = quench.param <"learned"::"qk"> : tensor<8xf64>
    %r = quench.tie_scale %s partners [2, 3, 0, 1] : (tensor<8xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_F64Tensor:$input, DenseI64ArrayAttr:$partners);
  let assemblyFormat = "$input `partners` $partners attr-dict `:` functional-type(operands, results)";
}

def Quench_CheckedScaleOp : Quench_ScaleOp<"checked_scale"> {
  let summary = "the input, when it is a scale";
  let description = [{
    Evaluation fails unless all elements are finite and positive and, with
    `partners`, equal to their partners (see `quench.tie_scale`). The message names
    `site`.

    ```mlir
    %s = quench.param <"learned"::"qk"> : tensor<8xf64>
    %r = quench.checked_scale %s of "layers.0.attention" : (tensor<8xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_F64Tensor:$input, StrAttr:$site,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$partners);
  let assemblyFormat = "$input `of` $site attr-dict `:` functional-type(operands, results)";
}

def Quench_CommonScaleOp : Quench_ScaleOp<"common_scale"> {
  let summary = "one scale for many channels";
  let description = [{
    Channels of scale 0 have no range and do not count; when there are no others
    the result is 1. `power_of_two` is the one next to the mean, in logarithms.

    ```mlir
    %s = quench.param <"stats"::"norm.scale"> : tensor<8xf64>
    %t = quench.common_scale %s by mean : (tensor<8xf64>) -> tensor<f64>
    ```
  }];
  let arguments = (ins Quench_F64Tensor:$scales, Quench_CommonScaleKindAttr:$kind);
  let assemblyFormat = "$scales `by` `` $kind attr-dict `:` functional-type(operands, results)";
}

def Quench_CommonZeroOp : Quench_ScaleOp<"common_zero"> {
  let summary = "one zero point for many channels";
  let description = [{
    The mean of the zero points of channels whose scale is not 0, rounded to an
    integer, half to even, and limited to `low` to `high`.

    ```mlir
    %s = quench.param <"stats"::"norm.scale"> : tensor<8xf64>
    %z = quench.param <"stats"::"norm.zero"> : tensor<8xf64>
    %t = quench.common_zero %z scales %s from 0 to 15 : (tensor<8xf64>, tensor<8xf64>) -> tensor<f64>
    ```
  }];
  let arguments = (ins Quench_F64Tensor:$zeros, Quench_F64Tensor:$scales, I64Attr:$low, I64Attr:$high);
  let assemblyFormat = "$zeros `scales` $scales `from` $low `to` $high attr-dict `:` functional-type(operands, results)";
}

def Quench_FillDeadOp : Quench_ScaleOp<"fill_dead"> {
  let summary = "the input, with a number for channels without a range";
  let description = [{
    Elements whose scale is 0 become `value`, a tensor of rank 0.

    ```mlir
    %s = quench.param <"stats"::"norm.scale"> : tensor<8xf64>
    %t = quench.common_scale %s by mean : (tensor<8xf64>) -> tensor<f64>
    %r = quench.fill_dead %s scales %s with %t : (tensor<8xf64>, tensor<8xf64>, tensor<f64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_F64Tensor:$input, Quench_F64Tensor:$scales, Quench_F64Tensor:$value);
  let assemblyFormat = "$input `scales` $scales `with` $value attr-dict `:` functional-type(operands, results)";
}

def Quench_RangeScaleOp : Quench_ScaleOp<"range_scale"> {
  let summary = "the distance of `levels` codes from min to max";
  let description = [{
    0 for a channel of width 0.

    ```mlir
    %a = quench.param <"stats"::"norm.min"> : tensor<8xf64>
    %b = quench.param <"stats"::"norm.max"> : tensor<8xf64>
    %s = quench.range_scale %a to %b levels 16 : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_F64Tensor:$min, Quench_F64Tensor:$max, I64Attr:$levels);
  let assemblyFormat = "$min `to` $max `levels` $levels attr-dict `:` functional-type(operands, results)";
}

def Quench_RangeZeroOp : Quench_ScaleOp<"range_zero"> {
  let summary = "the zero point of `levels` codes from min to max";
  let description = [{
    The integer next to the code of 0, where `low` is the code of `min`. It need not
    be a code itself: a range need not contain 0.

    ```mlir
    %a = quench.param <"stats"::"norm.min"> : tensor<8xf64>
    %b = quench.param <"stats"::"norm.max"> : tensor<8xf64>
    %z = quench.range_zero %a to %b levels 16 low 0 : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_F64Tensor:$min, Quench_F64Tensor:$max, I64Attr:$levels, I64Attr:$low);
  let assemblyFormat = "$min `to` $max `levels` $levels `low` $low attr-dict `:` functional-type(operands, results)";
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHSCALEOPS_TD
