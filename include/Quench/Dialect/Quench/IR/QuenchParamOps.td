//===- QuenchParamOps.td - Parameters and weight programs --*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A weight program is a chain of these ops that starts at params only. Passes
// build programs; bytes are touched once, when a program's root is evaluated.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHPARAMOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHPARAMOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"
include "Quench/Dialect/Quench/IR/QuenchRotations.td"

def Quench_ParamOp : Quench_WeightOp<"param", Quench_LeafProgram> {
  let summary = "a parameter of the model";
  let description = [{
    The tensor that the archive holds under this name, in its own element type.

    ```mlir
    %w = quench.param <"model"::"lm_head.weight"> : tensor<256x128xf32>
    ```
  }];
  let arguments = (ins Quench_RefAttr:$ref);
  let results = (outs Quench_AnyTensor:$result);
  let assemblyFormat = "$ref attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Quench_TransposeOp : Quench_ShapedWeightOp<"transpose", Quench_WholeProgram> {
  let summary = "permutes the dimensions of a parameter";
  let description = [{
    Dimension `i` of the result is dimension `permutation[i]` of the input.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf32>
    %r = quench.transpose %w [1, 0] : (tensor<8x6xf32>) -> tensor<6x8xf32>
    ```
  }];
  let arguments = (ins Quench_AnyTensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs Quench_AnyTensor:$result);
  let assemblyFormat = "$input $permutation attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Quench_SliceOp : Quench_ShapedWeightOp<"slice", Quench_RowProgram> {
  let summary = "a contiguous range of a parameter along one axis";
  let description = [{
    The elements `[begin, end)` of dimension `axis`.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf32>
    %r = quench.slice %w axis 0 [2, 6] : (tensor<8x6xf32>) -> tensor<4x6xf32>
    ```
  }];
  let arguments = (ins Quench_AnyTensor:$input, I64Attr:$axis, I64Attr:$begin, I64Attr:$end);
  let results = (outs Quench_AnyTensor:$result);
  let assemblyFormat = "$input `axis` $axis `[` $begin `,` $end `]` attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Quench_ConcatOp : Quench_ShapedWeightOp<"concat", Quench_RowProgram> {
  let summary = "parameters one after another along one axis";
  let description = [{
    The inputs agree in all dimensions but `axis`.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf32>
    %r = quench.concat %w, %w axis 1 : (tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<8x12xf32>
    ```
  }];
  let arguments = (ins Variadic<Quench_AnyTensor>:$inputs, I64Attr:$axis);
  let results = (outs Quench_AnyTensor:$result);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Quench_ReshapeOp : Quench_WeightOp<"reshape", Quench_RowProgram> {
  let summary = "the same elements in row-major order under another shape";
  let description = [{
    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf32>
    %r = quench.reshape %w : (tensor<8x6xf32>) -> tensor<2x4x6xf32>
    ```
  }];
  let arguments = (ins Quench_AnyTensor:$input);
  let results = (outs Quench_AnyTensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Quench_CastOp : Quench_WeightOp<"cast", Quench_RowProgram> {
  let summary = "a parameter in another float type, rounded to nearest even";
  let description = [{
    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf32>
    %r = quench.cast %w : (tensor<8x6xf32>) -> tensor<8x6xf16>
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
  let extraClassDeclaration = [{
    /// Whether every number of the type of the input is one of that of the
    /// result: nothing is rounded.
    bool isExact();
  }];
}

def Quench_NoiseOp : Quench_WeightOp<"noise", Quench_LeafProgram> {
  let summary = "numbers that a seed makes, uniform in [-1, 1)";
  let description = [{
    Element `i`, in row-major order, is `k / 2^23 - 1` where `k` are the highest 24
    bits of output `i` of the SplitMix64 generator with the initial state `seed`.
    Such numbers are exact in f32 and f64; f16 and bf16 round them to nearest even.

    ```mlir
    %n = quench.noise seed 7 : tensor<6xf32>
    ```
  }];
  let arguments = (ins I64Attr:$seed);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "`seed` $seed attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Quench_PackOp : Quench_ShapedWeightOp<"pack", Quench_RowProgram> {
  let summary = "a weight matrix in panels of output channels";
  let description = [{
    Turns `[out, in]` into `[ceil(out/panel), in, panel]`, so that a kernel that
    computes `panel` output channels reads one contiguous stream; missing output
    channels are zero.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf32>
    %r = quench.pack %w panel 16 : (tensor<8x6xf32>) -> tensor<1x6x16xf32>
    ```
  }];
  let arguments = (ins Quench_AnyTensor:$input, I64Attr:$panel);
  let results = (outs Quench_AnyTensor:$result);
  let assemblyFormat = "$input `panel` $panel attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//
//
// All operands and the result have one element type, f32 or f64. Programs keep
// f64 from the casts of what archives hold to the one cast that rounds.

class Quench_ArithmeticOp<string mnemonic, Trait program = Quench_RowProgram>
    : Quench_ShapedWeightOp<mnemonic, program> {
  let results = (outs Quench_WideTensor:$result);
}

def Quench_ChannelScaleOp : Quench_ArithmeticOp<"channel_scale"> {
  let summary = "a parameter times, or with `inverse` by, a number for each index of an axis";
  let description = [{
    `scale` is a vector along `axis`, or a number for all of the input.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %s = quench.param <"model"::"s"> : tensor<6xf64>
    %r = quench.channel_scale %w, %s axis 1 inverse
      : (tensor<8x6xf64>, tensor<6xf64>) -> tensor<8x6xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input, Quench_WideTensor:$scale, I64Attr:$axis,
                       UnitAttr:$inverse);
  let assemblyFormat = [{
    $input `,` $scale `axis` $axis (`inverse` $inverse^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Quench_RotateOp : Quench_ArithmeticOp<"rotate"> {
  let summary = "every vector along an axis, as a row, times an orthogonal matrix";
  let description = [{
    Where the axis is longer than the order of `rotation`, of which it is a multiple,
    each block of that length is rotated.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x24xf64>
    %r = quench.rotate %w axis 1 by(#quench.hadamard<12>)
      : (tensor<8x24xf64>) -> tensor<8x24xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input, I64Attr:$axis, RotationAttrInterface:$rotation);
  let assemblyFormat = [{
    $input `axis` $axis `by` `(` $rotation `)` attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Quench_RotateByOp : Quench_ArithmeticOp<"rotate_by"> {
  let summary = "every vector along an axis, as a row, times a matrix that is a parameter";
  let description = [{
    `matrix` `[n, n]` multiplies each block of `n` elements of the axis, the length of
    which is a multiple of `n`; `[blocks, n, n]` has a matrix for each block. With
    `transposed` the transpose multiplies. Matrices are orthogonal: who imports them sees
    to it.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x24xf64>
    %m = quench.param <"learned"::"R"> : tensor<12x12xf64>
    %r = quench.rotate_by %w, %m axis 1 transposed
      : (tensor<8x24xf64>, tensor<12x12xf64>) -> tensor<8x24xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input, Quench_WideTensor:$matrix, I64Attr:$axis,
                       UnitAttr:$transposed);
  let assemblyFormat = [{
    $input `,` $matrix `axis` $axis (`transposed` $transposed^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def Quench_CenterOp : Quench_ArithmeticOp<"center"> {
  let summary = "a parameter minus its mean along an axis";
  let description = [{
    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %r = quench.center %w axis 0 : (tensor<8x6xf64>) -> tensor<8x6xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input, I64Attr:$axis);
  let assemblyFormat = "$input `axis` $axis attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Quench_ContractOp : Quench_ArithmeticOp<"contract"> {
  let summary = "sums of products over the last axis of one parameter and the first of another";
  let description = [{
    The result has the other dimensions of `lhs`, then those of `rhs`: a matrix times
    a vector, a matrix times a matrix.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf64>
    %z = quench.param <"model"::"z"> : tensor<6xf64>
    %r = quench.contract %w, %z : (tensor<8x6xf64>, tensor<6xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$lhs, Quench_WideTensor:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def Quench_ShiftOp : Quench_ArithmeticOp<"shift"> {
  let summary = "a parameter plus, or with `negative` minus, another";
  let description = [{
    The shape of `offset` is a suffix of that of the input.

    ```mlir
    %b = quench.param <"model"::"b"> : tensor<6xf64>
    %z = quench.param <"model"::"z"> : tensor<6xf64>
    %r = quench.shift %b, %z negative : (tensor<6xf64>, tensor<6xf64>) -> tensor<6xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input, Quench_WideTensor:$offset, UnitAttr:$negative);
  let assemblyFormat = [{
    $input `,` $offset (`negative` $negative^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
}

def Quench_FillOp : Quench_WeightOp<"fill", Quench_LeafProgram> {
  let summary = "a parameter all elements of which are one number";
  let description = [{
    ```mlir
    %r = quench.fill 1.0 : tensor<6xf64>
    ```
  }];
  let arguments = (ins F64Attr:$value);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Quench_AbsMaxOp : Quench_ShapedWeightOp<"absmax", Quench_RowProgram> {
  let summary = "the greatest magnitude for each index of an axis";
  let description = [{
    NaN where one of the elements is. Nothing is rounded, so that any float type will
    do.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xbf16>
    %r = quench.absmax %w axis 1 : (tensor<8x6xbf16>) -> tensor<6xbf16>
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$axis);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `axis` $axis attr-dict `:` functional-type(operands, results)";
  let hasCanonicalizeMethod = 1;
}

def Quench_SpectralNormOp : Quench_ArithmeticOp<"spectral_norm", Quench_WholeProgram> {
  let summary = "an estimate of the greatest singular value of a weight";
  let description = [{
    One step of the power iteration from `vector`, as modules of reparameterized
    weights (sigmaReparam) do it at every run: with the weight as a matrix `W`
    `[out, the rest]`, `v = W u / |W u|`, `u' = W^T v / |W^T v|`, and the result is
    `v^T W u'`.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x3x2xf64>
    %u = quench.param <"model"::"u"> : tensor<6xf64>
    %r = quench.spectral_norm %w, %u : (tensor<8x3x2xf64>, tensor<6xf64>) -> tensor<f64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$input, Quench_WideTensor:$vector);
  let assemblyFormat = "$input `,` $vector attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

class Quench_CodingOp<string mnemonic, Type input, Type result>
    : Quench_ShapedOp<mnemonic, [Quench_RowProgram, AttrSizedOperandSegments]> {
  let arguments = (ins input:$input, Quench_WideTensor:$scale, Optional<Quench_CodeTensor>:$zero,
                       Optional<Quench_WideTensor>:$table, QuantizerAttrInterface:$quantizer);
  let results = (outs result:$result);
  let assemblyFormat = [{
    $input `,` $scale (`,` $zero^)? (`table` $table^)? `by` `(` $quantizer `)` attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_QuantizeOp : Quench_CodingOp<"quantize", Quench_FloatTensor, Quench_CodeTensor> {
  let summary = "the codes of a parameter";
  let description = [{
    One code a byte, whatever the number of its bits. `docs/spec.md` says which:
    operands are as those of `quench.fake_quant`, but that `zero` has bytes too. A format
    whose numbers are learned has them in `table`, in f32, one for each code (C37);
    evaluation fails where they do not ascend.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf32>
    %s = quench.param <"model"::"s"> : tensor<8xf32>
    %r = quench.quantize %w, %s by(#quench.uniform<i4, axis = 0>)
      : (tensor<8x6xf32>, tensor<8xf32>) -> tensor<8x6xi8>
    %t = quench.k_means %w, %s by(#quench.code_book<learned 2, axis = 0>)
      : (tensor<8x6xf32>, tensor<8xf32>) -> tensor<4xf32>
    %c = quench.quantize %w, %s table %t by(#quench.code_book<learned 2, axis = 0>)
      : (tensor<8x6xf32>, tensor<8xf32>, tensor<4xf32>) -> tensor<8x6xi8>
    ```
  }];
}

def Quench_DequantizeOp : Quench_CodingOp<"dequantize", Quench_CodeTensor, Quench_WideTensor> {
  let summary = "the numbers that codes stand for";
  let description = [{
    The inverse of `quench.quantize` but for what rounding lost, in the type of the
    scale.

    ```mlir
    %c = quench.param <"model"::"codes"> : tensor<8x6xi8>
    %s = quench.param <"model"::"s"> : tensor<8xf32>
    %r = quench.dequantize %c, %s by(#quench.uniform<i4, axis = 0>)
      : (tensor<8x6xi8>, tensor<8xf32>) -> tensor<8x6xf32>
    ```
  }];
}

def Quench_QuantScaleOp : Quench_ShapedWeightOp<"quant_scale", Quench_RowProgram> {
  let summary = "scales with which the codes of a parameter reach its greatest magnitudes";
  let description = [{
    For each set of elements that shares a scale, what the format, which has no zero
    points, makes of their greatest magnitude (C23, C24 of `docs/spec.md`): that over
    the greatest number, and 1 for 0. The result has the shape and type of the scale of
    `quench.fake_quant`.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<8x6xf32>
    %r = quench.quant_scale %w by(#quench.uniform<i4, axis = 0>)
      : (tensor<8x6xf32>) -> tensor<8xf32>
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, QuantizerAttrInterface:$quantizer);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = [{
    $input `by` `(` $quantizer `)` attr-dict `:` functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHPARAMOPS_TD
