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

include "Quench/Dialect/Quench/IR/QuenchAttrs.td"
include "Quench/Interfaces/WeightProgramOpInterface.td"

def Quench_LeafProgram
    : DeclareOpInterfaceMethods<WeightProgramOpInterface, ["evaluateWeights"]>;
// Only panels of the result are made of panels of the operands.
def Quench_WholeProgram
    : DeclareOpInterfaceMethods<WeightProgramOpInterface,
                                ["evaluateWeights", "getOperandAxis"]>;
// Rows of the result are made of rows of the operands, panels of panels.
def Quench_RowProgram
    : DeclareOpInterfaceMethods<WeightProgramOpInterface,
                                ["getOperandRows", "evaluateRows",
                                 "getOperandAxis"]>;

class Quench_WeightOp<string mnemonic, Trait program>
    : Quench_Op<mnemonic, [Pure, program]>;

// A weight op whose result type follows from its operands and attributes.
class Quench_ShapedWeightOp<string mnemonic, Trait program>
    : Quench_ShapedOp<mnemonic, [program]>;

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

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHPARAMOPS_TD
