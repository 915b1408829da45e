//===- QuenchVisionOps.td - Feature maps and their tokens --*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Feature maps are `[batch, height, width, channels]`, so that channels are last
// as in sequences: a 1x1 convolution is `quench.linear`, another one `quench.im2col`
// and `quench.linear`.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHVISIONOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHVISIONOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Interfaces/BasisOpInterface.td"
include "Quench/Interfaces/ChannelScalableOpInterface.td"
include "Quench/Interfaces/QuantizableOpInterface.td"
include "Quench/Interfaces/ShiftableOpInterface.td"
include "Quench/Interfaces/TokenBoundaryOpInterface.td"

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

def Quench_Im2ColOp : Quench_ModelOp<"im2col", [
    DeclareOpInterfaceMethods<BasisOpInterface, ["getBasisBlocker"]>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "the neighbourhood of every pixel of a feature map as one row";
  let description = [{
    `input` is `[B, H, W, C]`, the result `[B, H', W', kh*kw*C]`: what a kernel of
    `kernel` rows and columns sees at steps of `strides`, ordered by row, column and
    channel. `padding` is rows, columns of zeros on each side.

    ```mlir
    func.func @im2col(%x: tensor<?x32x32x8xf32>)
        -> tensor<?x16x16x72xf32> {
      %r = quench.im2col %x kernel [3, 3] strides [2, 2] padding [1, 1]
        : (tensor<?x32x32x8xf32>) -> tensor<?x16x16x72xf32>
      return %r : tensor<?x16x16x72xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$padding);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $input `kernel` $kernel `strides` $strides `padding` $padding attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_DepthwiseConv2DOp : Quench_ModelOp<"depthwise_conv2d", [
    DeclareOpInterfaceMethods<BasisOpInterface, ["getBasisBlocker"]>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "convolution of each channel of a feature map by itself";
  let description = [{
    `input` is `[B, H, W, C]`, `weight` `[C, kh, kw]`, the result `[B, H', W', C]`.
    `padding` is rows, columns of zeros on each side.

    ```mlir
    func.func @depthwise_conv2d(%x: tensor<?x32x32x8xf32>, %w: tensor<8x3x3xf32>, %b: tensor<8xf32>)
        -> tensor<?x16x16x8xf32> {
      %r = quench.depthwise_conv2d %x, %w bias %b strides [2, 2] padding [1, 1]
        : (tensor<?x32x32x8xf32>, tensor<8x3x3xf32>, tensor<8xf32>) -> tensor<?x16x16x8xf32>
      return %r : tensor<?x16x16x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$weight,
                       Optional<Quench_FloatTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$padding);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? `strides` $strides `padding` $padding attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_BatchNormGainOp : Quench_ShapedWeightOp<"batch_norm_gain", Quench_RowProgram> {
  let summary = "gamma / sqrt(variance + eps): by what a batch norm multiplies a channel";
  let description = [{
    In inference a batch norm is this gain and an offset, which go into the
    convolution before it. Evaluation fails where a variance is not a number of at
    least 0.

    ```mlir
    %g = quench.param <"model"::"norm.weight"> : tensor<8xf64>
    %v = quench.param <"model"::"norm.running_var"> : tensor<8xf64>
    %r = quench.batch_norm_gain %g variance %v eps 1.0e-5
      : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
    ```
  }];
  let arguments = (ins Quench_WideTensor:$gamma, Quench_WideTensor:$variance, F64Attr:$eps);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = "$gamma `variance` $variance `eps` $eps attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

class Quench_TokenBoundaryOp<string mnemonic> : Quench_ModelOp<mnemonic, [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<ShiftableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>,
    DeclareOpInterfaceMethods<TokenBoundaryOpInterface>]> {
  let results = (outs Quench_FloatTensor:$result);
}

def Quench_UnfoldOp : Quench_TokenBoundaryOp<"unfold"> {
  let summary = "a feature map `[B, P*h, Q*w, C]` as sequences `[B*P*Q, h*w, C]` of pixels";
  let description = [{
    A sequence has the pixels at one place of every patch of P x Q pixels, so that
    attention sees one pixel of each patch (MobileViT). Sequences are ordered by
    map, row and column of the place, tokens by row and column of the patch.

    ```mlir
    func.func @unfold(%x: tensor<?x32x32x8xf32>)
        -> tensor<?x256x8xf32> {
      %r = quench.unfold %x of 2 x 2
        : (tensor<?x32x32x8xf32>) -> tensor<?x256x8xf32>
      return %r : tensor<?x256x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$patch_height, I64Attr:$patch_width);
  let assemblyFormat = "$input `of` $patch_height `x` $patch_width attr-dict `:` functional-type(operands, results)";
}

def Quench_FoldOp : Quench_TokenBoundaryOp<"fold"> {
  let summary = "the inverse of unfold for a map of `height` x `width`";
  let description = [{
    ```mlir
    func.func @fold(%x: tensor<?x256x8xf32>)
        -> tensor<?x32x32x8xf32> {
      %r = quench.fold %x of 2 x 2 to 32 x 32
        : (tensor<?x256x8xf32>) -> tensor<?x32x32x8xf32>
      return %r : tensor<?x32x32x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$patch_height, I64Attr:$patch_width,
                       I64Attr:$height, I64Attr:$width);
  let assemblyFormat = [{
    $input `of` $patch_height `x` $patch_width `to` $height `x` $width attr-dict `:`
    functional-type(operands, results)
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHVISIONOPS_TD
