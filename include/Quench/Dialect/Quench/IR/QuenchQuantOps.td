//===- QuenchQuantOps.td - Quantized values -------------- -*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHQUANTOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHQUANTOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Dialect/Quench/IR/QuenchQuantizers.td"
include "Quench/Dialect/Quench/IR/QuenchRotations.td"
include "Quench/Interfaces/BasisOpInterface.td"

def Quench_FakeQuantOp : Quench_ModelOp<"fake_quant"> {
  let summary = "the numbers that the codes of a tensor stand for";
  let description = [{
    Quantizes every element of `input` and dequantizes it, as `docs/spec.md` says:
    the result is a float tensor that has only numbers of the quantizer's grid. The
    error is part of what the program computes; nothing folds it away.

    `scale` has the shape that the quantizer asks for, its elements are f32, or f64
    for an input of f64, positive and finite. `zero`, given exactly when the
    quantizer has zero points, has the same shape, its elements are codes, or bytes with codes. Grouped
    dimensions are multiples of the group, dynamic ones too.

    ```mlir
    func.func @weight(%w: tensor<64x256xf32>, %s: tensor<64x2xf32>) -> tensor<64x256xf32> {
      %r = quench.fake_quant %w, %s by(#quench.uniform<i4, axis = 0, group = 128>)
        : (tensor<64x256xf32>, tensor<64x2xf32>) -> tensor<64x256xf32>
      return %r : tensor<64x256xf32>
    }
    func.func @tokens(%x: tensor<?x?x64xf16>, %s: tensor<?x?xf32>, %z: tensor<?x?xi8>)
        -> tensor<?x?x64xf16> {
      %r = quench.fake_quant %x, %s, %z by(#quench.uniform<u8, asymmetric, token>)
        : (tensor<?x?x64xf16>, tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?x?x64xf16>
      return %r : tensor<?x?x64xf16>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$scale,
                       Optional<Quench_IntTensor>:$zero, QuantizerAttrInterface:$quantizer);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $scale (`,` $zero^)? `by` `(` $quantizer `)` attr-dict `:`
    functional-type(operands, results)
  }];
}

def Quench_DynamicScaleOp : Quench_ModelOp<"dynamic_scale"> {
  let summary = "scales with which the codes of a tensor reach its greatest magnitudes";
  let description = [{
    The scale for `quench.fake_quant` of the same input by the same quantizer, which
    has no zero points, computed from the input itself at every run: for each set of
    elements that shares a scale, the greatest magnitude over the greatest number, and 1
    for 0 (C23, C24, C26 of `docs/spec.md`).

    ```mlir
    func.func @dynamic_scale(%x: tensor<?x?x64xf32>) -> tensor<?x?xf32> {
      %s = quench.dynamic_scale %x by(#quench.uniform<i8, token>)
        : (tensor<?x?x64xf32>) -> tensor<?x?xf32>
      return %s : tensor<?x?xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, QuantizerAttrInterface:$quantizer);
  let results = (outs Quench_WideTensor:$result);
  let assemblyFormat = [{
    $input `by` `(` $quantizer `)` attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_OnlineHadamardOp : Quench_ModelOp<"online_hadamard", [
    DeclareOpInterfaceMethods<BasisOpInterface, ["getBasisBlocker"]>]> {
  let summary = "the last dimension times a Hadamard matrix, at run time";
  let description = [{
    Every row of `n` adjacent elements is multiplied by the matrix of order `n` that
    `rotation` names; the last dimension is a multiple of `n`. Outliers are spread
    before a quantizer; the op that reads the result has the inverse in its weight.
    Sums are accumulated in f32 at least.

    ```mlir
    func.func @online_hadamard(%x: tensor<?x?x24xf32>) -> tensor<?x?x24xf32> {
      %r = quench.online_hadamard %x by(#quench.hadamard<12>) : tensor<?x?x24xf32>
      return %r : tensor<?x?x24xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_HadamardAttr:$rotation);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `by` `(` qualified($rotation) `)` attr-dict `:` type($input)";
  let hasFolder = 1;
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHQUANTOPS_TD
