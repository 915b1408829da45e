//===- QuenchIntegerOps.td - Arithmetic on codes -----------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What quantized models compute in integers: codes at run time, products of
// codes, and the layouts of weights that kernels for them read. Codes have a
// byte each, whatever the number of their bits, and so have zero points; weights
// of up to 4 bits are packed closer.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGEROPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGEROPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"

//===----------------------------------------------------------------------===//
// Model ops
//===----------------------------------------------------------------------===//

def Quench_EncodeOp : Quench_ModelOp<"encode"> {
  let summary = "the codes of a tensor, at run time";
  let description = [{
    The codes whose numbers `quench.fake_quant` of the same operands gives; `zero` has
    a byte for each zero point.

    ```mlir
    func.func @encode(%x: tensor<?x?x64xf32>) -> tensor<?x?x64xi8> {
      %s = quench.dynamic_scale %x by(#quench.uniform<i8, token>)
        : (tensor<?x?x64xf32>) -> tensor<?x?xf32>
      %c = quench.encode %x, %s by(#quench.uniform<i8, token>)
        : (tensor<?x?x64xf32>, tensor<?x?xf32>) -> tensor<?x?x64xi8>
      return %c : tensor<?x?x64xi8>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_WideTensor:$scale,
                       Optional<Quench_CodeTensor>:$zero, QuantizerAttrInterface:$quantizer);
  let results = (outs Quench_CodeTensor:$result);
  let assemblyFormat = [{
    $input `,` $scale (`,` $zero^)? `by` `(` $quantizer `)` attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_IntegerLinearOp : Quench_ModelOp<"integer_linear", [AttrSizedOperandSegments]> {
  let summary = "quench.linear of codes, with sums of integers";
  let description = [{
    Sums of products of the codes less their zero points are exact integers; floats
    begin with the epilogue (C28 to C30 of `docs/spec.md`): the sum of each group of
    the weight times the two scales, then the bias. Both formats are made of
    integers. The scales of `input` do not differ within a row; those of
    `weight`, `[out, in]`, are one for all, one for each output channel, or one for
    each group of input channels as well. The result has elements of `element_type`,
    f32 where nothing is said.

    ```mlir
    func.func @integer_linear(%x: tensor<?x?x64xi8>, %s: tensor<?x?xf32>, %w: tensor<48x64xi8>,
                              %t: tensor<48x2xf32>, %z: tensor<48x2xi8>, %b: tensor<48xf32>)
        -> tensor<?x?x48xf32> {
      %r = quench.integer_linear %x scale %s by(#quench.uniform<i8, token>),
        %w scale %t zero %z by(#quench.uniform<u4, asymmetric, axis = 0, group = 32>) bias %b
        : (tensor<?x?x64xi8>, tensor<?x?xf32>, tensor<48x64xi8>, tensor<48x2xf32>,
           tensor<48x2xi8>, tensor<48xf32>) -> tensor<?x?x48xf32>
      return %r : tensor<?x?x48xf32>
    }
    ```
  }];
  let arguments = (ins Quench_CodeTensor:$input, Quench_WideTensor:$input_scale,
                       Optional<Quench_CodeTensor>:$input_zero, Quench_CodeTensor:$weight,
                       Quench_WideTensor:$weight_scale, Optional<Quench_CodeTensor>:$weight_zero,
                       Optional<Quench_FloatTensor>:$bias,
                       QuantizerAttrInterface:$input_quantizer,
                       QuantizerAttrInterface:$weight_quantizer,
                       OptionalAttr<TypeAttr>:$element_type);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $input `scale` $input_scale (`zero` $input_zero^)? `by` `(` $input_quantizer `)` `,`
    $weight `scale` $weight_scale (`zero` $weight_zero^)? `by` `(` $weight_quantizer `)`
    (`bias` $bias^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = shapeDeclaration # [{
    /// Builds the op from linalg, tensor, arith and math ops.
    ::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>> decomposeOperation(::mlir::OpBuilder &builder);
    /// The number of input channels that are summed as integers.
    int64_t getGroupSize();
  }];
}

def Quench_WeightOnlyLinearOp : Quench_ModelOp<"weight_only_linear", [AttrSizedOperandSegments]> {
  let summary = "quench.linear of floats and of the codes of a weight";
  let description = [{
    The weight stays codes: the products of the input and of what the codes stand for at
    scale 1 are summed as floats (C33 of `docs/spec.md`), each group of the weight for
    itself, and the sum of a group times its scale is added to the result, then the
    bias. The format of `weight`, `[out, in]`, is made of integers, which are the codes
    less their zero points, or looks up codes of up to 4 bits in a table, which is `table`
    where the numbers are learned; its scales are one for all, one for each output
    channel, or one for each group of input channels as well. The type of the input is
    that of the result; sums are f32.

    ```mlir
    func.func @weight_only(%x: tensor<?x?x64xbf16>, %w: tensor<48x64xi8>, %t: tensor<48x2xf32>,
                           %z: tensor<48x2xi8>) -> tensor<?x?x48xbf16> {
      %r = quench.weight_only_linear %x,
        %w scale %t zero %z by(#quench.uniform<u4, asymmetric, axis = 0, group = 32>)
        : (tensor<?x?x64xbf16>, tensor<48x64xi8>, tensor<48x2xf32>, tensor<48x2xi8>)
        -> tensor<?x?x48xbf16>
      return %r : tensor<?x?x48xbf16>
    }
    func.func @learned(%x: tensor<?x64xf32>, %w: tensor<48x64xi8>, %t: tensor<48xf32>,
                       %n: tensor<16xf32>) -> tensor<?x48xf32> {
      %r = quench.weight_only_linear %x,
        %w scale %t table %n by(#quench.code_book<learned 4, axis = 0>)
        : (tensor<?x64xf32>, tensor<48x64xi8>, tensor<48xf32>, tensor<16xf32>) -> tensor<?x48xf32>
      return %r : tensor<?x48xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_CodeTensor:$weight,
                       Quench_WideTensor:$weight_scale, Optional<Quench_CodeTensor>:$weight_zero,
                       Optional<Quench_WideTensor>:$weight_table,
                       Optional<Quench_FloatTensor>:$bias,
                       QuantizerAttrInterface:$weight_quantizer);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight `scale` $weight_scale (`zero` $weight_zero^)? (`table` $weight_table^)?
    `by` `(` $weight_quantizer `)` (`bias` $bias^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = shapeDeclaration # [{
    /// Builds the op from linalg, tensor, arith and math ops.
    ::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>> decomposeOperation(::mlir::OpBuilder &builder);
    /// The number of input channels that share a scale.
    int64_t getGroupSize();
  }];
}

//===----------------------------------------------------------------------===//
// Weight programs
//===----------------------------------------------------------------------===//

// Panels are rows of the result, and nothing else is cut.
def Quench_PanelProgram
    : DeclareOpInterfaceMethods<WeightProgramOpInterface,
                                ["getOperandRows", "evaluateRows"]>;

class Quench_CodesOp<string mnemonic> : Quench_ShapedWeightOp<mnemonic, Quench_PanelProgram> {
  let results = (outs Quench_IntTensor:$result);
}

def Quench_PackCodesOp : Quench_CodesOp<"pack_codes"> {
  let summary = "the integers of a weight matrix in panels of output channels";
  let description = [{
    Turns codes `[out, in]`, less their zero points, into `[ceil(out / panel),
    ceil(in / depth), panel * depth]`; codes of up to 4 bits that a table is for stay
    as they are. An instruction that sums `depth` products in a
    lane finds what it multiplies side by side, and a kernel that computes `panel`
    channels reads one stream. What is missing at the ends is 0. Elements have 16 bits
    where the format has a difference that 8 signed bits cannot hold.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<40x64xi8>
    %r = quench.pack_codes %w by(#quench.uniform<i8, axis = 0>) panel 32 depth 4
      : (tensor<40x64xi8>) -> tensor<2x16x128xi8>
    ```
  }];
  let arguments = (ins Quench_CodeTensor:$input, Optional<Quench_CodeTensor>:$zero,
                       QuantizerAttrInterface:$quantizer, I64Attr:$panel, I64Attr:$depth);
  let assemblyFormat = [{
    $input (`,` $zero^)? `by` `(` $quantizer `)` `panel` $panel `depth` $depth attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_SumCodesOp : Quench_CodesOp<"sum_codes"> {
  let summary = "the sums of the integers of a weight matrix, in panels of output channels";
  let description = [{
    For codes `[out, in]`, less their zero points, the sums over `in`, or over each
    group of it that the format has, as `[ceil(out / panel), groups, panel]`; 0 for
    channels that are missing. What a number that is added to all inputs adds to
    sums of products is a multiple of these.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<40x64xi8>
    %r = quench.sum_codes %w by(#quench.uniform<i8, axis = 0>) panel 32
      : (tensor<40x64xi8>) -> tensor<2x1x32xi32>
    ```
  }];
  let arguments = (ins Quench_CodeTensor:$input, Optional<Quench_CodeTensor>:$zero,
                       QuantizerAttrInterface:$quantizer, I64Attr:$panel);
  let assemblyFormat = [{
    $input (`,` $zero^)? `by` `(` $quantizer `)` `panel` $panel attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_PackNibblesOp : Quench_CodesOp<"pack_nibbles"> {
  let summary = "the codes of 4 bits of a weight matrix in panels of output channels";
  let description = [{
    Turns codes `[out, in]` of up to 4 bits, of integers or places in a table, into
    `[ceil(out / panel), ceil(in / 8), panel]` words of 32 bits, each the codes of eight input channels of one output
    channel. A kernel that sums `depth` products in a lane, 1, 2 or 4, sees a word as
    `depth` parts: code `c` of the eight is in part `c mod depth` from bit
    `4 floor(c / depth)` on, so that one shift and one mask give `depth` codes, each at
    the low end of its part, as the instruction takes them. To codes with signs, 8 is
    added. What is missing at the end of `in` is the zero point, at the end of `out` 0.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<40x64xi8>
    %r = quench.pack_nibbles %w by(#quench.uniform<i4, axis = 0>) panel 32 depth 4
      : (tensor<40x64xi8>) -> tensor<2x8x32xi32>
    ```
  }];
  let arguments = (ins Quench_CodeTensor:$input, Optional<Quench_CodeTensor>:$zero,
                       QuantizerAttrInterface:$quantizer, I64Attr:$panel, I64Attr:$depth);
  let assemblyFormat = [{
    $input (`,` $zero^)? `by` `(` $quantizer `)` `panel` $panel `depth` $depth attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_PackZerosOp : Quench_CodesOp<"pack_zeros"> {
  let summary = "what is subtracted from packed codes, in panels of output channels";
  let description = [{
    The zero points of a weight `[out, in]` in `quench.pack_nibbles`, with 8 added where
    codes have signs: for each group of the format and each output channel a word of 32
    bits that holds the number `depth` times, `[ceil(out / panel), groups, panel]`; 0 for
    channels that are missing.

    ```mlir
    %w = quench.param <"model"::"w"> : tensor<40x64xi8>
    %z = quench.param <"model"::"z"> : tensor<40x2xi8>
    %r = quench.pack_zeros %w, %z by(#quench.uniform<u4, asymmetric, axis = 0, group = 32>)
      panel 32 depth 4 : (tensor<40x64xi8>, tensor<40x2xi8>) -> tensor<2x2x32xi32>
    ```
  }];
  let arguments = (ins Quench_CodeTensor:$input, Quench_CodeTensor:$zero,
                       QuantizerAttrInterface:$quantizer, I64Attr:$panel, I64Attr:$depth);
  let assemblyFormat = [{
    $input `,` $zero `by` `(` $quantizer `)` `panel` $panel `depth` $depth attr-dict `:`
    functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHINTEGEROPS_TD
