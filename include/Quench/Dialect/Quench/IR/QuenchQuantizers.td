//===- QuenchQuantizers.td - Formats of quantizers ------- -*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHQUANTIZERS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHQUANTIZERS_TD

include "Quench/Dialect/Quench/IR/QuenchAttrs.td"
include "Quench/Interfaces/QuantizerAttrInterface.td"

def Quench_SmallFloatKind : Quench_I32Enum<"SmallFloatKind", "float of 4 to 8 bits", [
    I32EnumAttrCase<"E4M3", 0, "e4m3">, I32EnumAttrCase<"E5M2", 1, "e5m2">,
    I32EnumAttrCase<"E3M2", 2, "e3m2">, I32EnumAttrCase<"E2M3", 3, "e2m3">,
    I32EnumAttrCase<"E2M1", 4, "e2m1">]>;

// A quantizer that computes its numbers gives the methods that one with a table
// need not.
class Quench_QuantizerAttr<string name, string attrMnemonic, list<string> methods>
    : Quench_Attr<name, attrMnemonic, [
        DeclareAttrInterfaceMethods<QuantizerAttrInterface, methods>]> {
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}
defvar quenchComputedMethods = [
    "getNumberRange", "getIntegerForm", "emitQuantize", "emitDequantize", "emitFakeQuantize",
    "quantize", "dequantize"];
defvar quenchTableMethods = ["getTable", "getIntegerForm"];
defvar quenchScaling = (ins "::quench::QuantScaling":$scaling);

def Quench_UniformAttr : Quench_QuantizerAttr<"Uniform", "uniform", !listconcat(
    quenchComputedMethods, ["hasSignedCodes", "hasZeroPoint", "emitStraightThrough",
                            "emitParameters", "getParameters"])> {
  let summary = "codes at equal distances";
  let description = [{
    `#quench.uniform<i4>` has the signed codes of 4 bits, `#quench.uniform<u8>` the
    unsigned ones of 8; 2 to 8 bits are possible. A code `q` stands for
    `(q - zero) * scale`; only with `asymmetric` is there a zero point, else it is 0
    (C3 to C9 of `docs/spec.md`).

    Parameters are shared by the whole tensor unless these words follow, here and in
    every other quantizer:

    | words | shape of the parameters |
    |---|---|
    | `axis = A` | `[dim A]`: one for each channel of dimension `A` |
    | `token` | all dimensions but the last: one for each row |
    | `group = G` | `[last / G]`, after the above: one for each `G` consecutive elements of the last dimension |

    So `#quench.uniform<i4, axis = 0, group = 128>` on a weight `[out, in]` has
    scales `[out, in / 128]`, and `#quench.uniform<i8, asymmetric, token>` on
    `[batch, tokens, channels]` has scales and zero points `[batch, tokens]`.

    Scales are any positive numbers, but powers of two with `scale = e8m0`, and
    multiples of the small float e4m3 with `scale = e4m3` (C22). Integers with
    `scale = e8m0`, one for each block, are shifts of each other.

    ```mlir
    func.func @blocks(%w: tensor<64x256xf32>, %s: tensor<64x8xf32>) -> tensor<64x256xf32> {
      %r = quench.fake_quant %w, %s by(#quench.uniform<i8, axis = 0, group = 32, scale = e8m0>)
        : (tensor<64x256xf32>, tensor<64x8xf32>) -> tensor<64x256xf32>
      return %r : tensor<64x256xf32>
    }
    ```
  }];
  let parameters = !con((ins "unsigned":$bits, "bool":$is_signed, "bool":$asymmetric),
                        quenchScaling);
  let builders = [
    AttrBuilder<(ins "unsigned":$bits, "bool":$is_signed, "bool":$asymmetric,
                     "std::optional<int64_t>":$axis, "bool":$per_token,
                     "std::optional<int64_t>":$group), [{
      return $_get($_ctxt, bits, is_signed, asymmetric,
                   ::quench::QuantScaling{axis, per_token, group});
    }]>
  ];
  let extraClassDeclaration = [{
    std::optional<int64_t> getAxis() const { return getScaling().axis; }
    bool getPerToken() const { return getScaling().perToken; }
    bool getPerSequence() const { return getScaling().perSequence; }
    std::optional<int64_t> getGroup() const { return getScaling().group; }
    ::quench::numerics::UniformCodes getCodes() const {
      return {getBits(), getIsSigned()};
    }
  }];
}

def Quench_LogAttr : Quench_QuantizerAttr<"Log", "log", quenchTableMethods> {
  let summary = "codes at equal ratios";
  let description = [{
    For numbers from 0 to the scale, as softmax makes them. The code `q` stands for
    `2^(-q * step) * scale` (C14):

    | in the literature | `#quench.log` |
    |---|---|
    | log2 | `<u4>`, the step is 1 |
    | log-sqrt2 (RepQ-ViT) | `<u4, step = 1 : 2>` |
    | adaptive, base `2^(q/r)` (AdaLog, `r` = 37) | `<u4, step = 20 : 37, unit = 30>` |

    2 to 8 bits are possible. With `unit = U`, mantissas are multiples of `1 / U`, as
    tables of integers hold them; AdaLog has `2^(bits + 1) - 2` (C16).

    No code stands for 0 unless one is given (C15): with `zero = last` the last one
    does; with `zero = extra` one more, which needs another bit and is what published
    accuracies mean.

    ```mlir
    func.func @softmax(%x: tensor<?x?xf32>, %s: tensor<f32>) -> tensor<?x?xf32> {
      %r = quench.fake_quant %x, %s by(#quench.log<u4, step = 1 : 2, zero = last>)
        : (tensor<?x?xf32>, tensor<f32>) -> tensor<?x?xf32>
      return %r : tensor<?x?xf32>
    }
    ```
  }];
  let parameters = !con((ins "unsigned":$bits, "unsigned":$numerator, "unsigned":$denominator,
                             "unsigned":$unit, "::quench::ZeroState":$zero), quenchScaling);
}

def Quench_TangentAttr : Quench_QuantizerAttr<"Tangent", "tangent", quenchTableMethods> {
  let summary = "codes dense next to 0 and to the scale";
  let description = [{
    A stand-in for TanQ of DopQ-ViT, a quantizer for the results of softmax that is
    fine next to 1 as well as next to 0: **its formula is not public as far as is
    known**, and accuracies published for it do not belong to this one. Codes are at
    equal distances in `tan(a x - b)`, `x` from 0 to 1 (C17), with `0 < b < pi / 2`
    and `b < a < b + pi / 2`: large `b` is fine next to 0, large `a - b` next to 1.

    ```mlir
    func.func @softmax(%x: tensor<?x?xf32>, %s: tensor<f32>) -> tensor<?x?xf32> {
      %r = quench.fake_quant %x, %s by(#quench.tangent<u4, a = 2.4, b = 1.2>)
        : (tensor<?x?xf32>, tensor<f32>) -> tensor<?x?xf32>
      return %r : tensor<?x?xf32>
    }
    ```
  }];
  let parameters = !con((ins "unsigned":$bits, APFloatParameter<"">:$a, APFloatParameter<"">:$b),
                        quenchScaling);
}

def Quench_TwinUniformAttr : Quench_QuantizerAttr<"TwinUniform", "twin_uniform", !listconcat(
    quenchComputedMethods, ["hasSignedCodes"])> {
  let summary = "a fine and a coarse uniform grid";
  let description = [{
    Two uniform grids, the coarse one with steps of `2^shift` scales (PTQ4ViT; C18).

    Unsigned codes are for results of softmax: their highest bit says that the rest
    counts coarse steps, which it does for numbers beyond the fine grid.
    `shift` is 0 to 19. Signed codes are for results of GELU: positive numbers have
    coarse steps, or, where `shift` is negative, negative numbers have steps of
    `2^-shift`. `shift` is -24 to 24. 2 to 8 bits are possible.

    ```mlir
    func.func @both(%x: tensor<?xf32>, %s: tensor<f32>) -> (tensor<?xf32>, tensor<?xf32>) {
      %0 = quench.fake_quant %x, %s by(#quench.twin_uniform<u4, shift = 3>)
        : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
      %1 = quench.fake_quant %x, %s by(#quench.twin_uniform<i8, shift = -2>)
        : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
      return %0, %1 : tensor<?xf32>, tensor<?xf32>
    }
    ```
  }];
  let parameters = !con((ins "unsigned":$bits, "bool":$is_signed, "int32_t":$shift),
                        quenchScaling);
  let extraClassDeclaration = [{
    ::quench::numerics::TwinCodes getCodes() const {
      return {getBits(), getIsSigned(), getShift()};
    }
  }];
}

def Quench_CodeBookAttr : Quench_QuantizerAttr<"CodeBook", "code_book", !listconcat(
    quenchTableMethods, ["hasLearnedTable", "getNumberRange"])> {
  let summary = "codes that are places in a list of numbers";
  let description = [{
    2 to 256 ascending numbers; a number gets the code of the nearest (C13).
    `#quench.code_book<nf4>` has those of NF4.

    `#quench.code_book<learned 4, axis = 0>` has a number for each code of 4 bits, 2 to 8
    are possible, that is a parameter of the model: one table for a weight, from -1 to 1,
    which `quench.k_means` makes and ops take as an operand of their own (C37). It is a
    format of weights.

    ```mlir
    func.func @books(%w: tensor<8x64xf32>, %s: tensor<8x1xf32>, %t: tensor<f32>)
        -> (tensor<8x64xf32>, tensor<8x64xf32>) {
      %0 = quench.fake_quant %w, %s by(#quench.code_book<nf4, axis = 0, group = 64>)
        : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
      %1 = quench.fake_quant %w, %t by(#quench.code_book<[-1.0, -0.25, 0.0, 0.5]>)
        : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
      return %0, %1 : tensor<8x64xf32>, tensor<8x64xf32>
    }
    ```
  }];
  // No numbers where they are learned, 0 bits where they are not.
  let parameters = !con((ins "::mlir::DenseF64ArrayAttr":$numbers, "unsigned":$learned_bits),
                        quenchScaling);
}

def Quench_TernaryAttr : Quench_QuantizerAttr<"Ternary", "ternary", !listconcat(
    quenchTableMethods, ["hasSignedCodes"])> {
  let summary = "the codes -1, 0 and 1";
  let description = [{
    Codes of 2 bits that are their numbers (C19). The scale is a range that a policy
    chooses; the mean magnitude of the weights is common.

    ```mlir
    func.func @weight(%w: tensor<8x64xf32>, %s: tensor<8xf32>) -> tensor<8x64xf32> {
      %r = quench.fake_quant %w, %s by(#quench.ternary<axis = 0>)
        : (tensor<8x64xf32>, tensor<8xf32>) -> tensor<8x64xf32>
      return %r : tensor<8x64xf32>
    }
    ```
  }];
  let parameters = quenchScaling;
}

def Quench_BinaryAttr : Quench_QuantizerAttr<"Binary", "binary", quenchTableMethods> {
  let summary = "the numbers -1 and 1";
  let description = [{
    Codes of one bit: 1 stands for the scale, 0 for minus the scale (C19), with which
    the mean magnitude of the weights leaves the least error.

    ```mlir
    func.func @weight(%w: tensor<8x64xf32>, %s: tensor<f32>) -> tensor<8x64xf32> {
      %r = quench.fake_quant %w, %s by(#quench.binary)
        : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
      return %r : tensor<8x64xf32>
    }
    ```
  }];
  let parameters = quenchScaling;
}

def Quench_SmallFloatAttr : Quench_QuantizerAttr<"SmallFloat", "small_float", !listconcat(
    quenchComputedMethods, ["emitParameters", "getParameters"])> {
  let summary = "codes that are floats of few bits";
  let description = [{
    A float of 8, 6 or 4 bits, named after the bits of its exponent and its mantissa
    (C20): e4m3 (largest number 448) and e5m2 (57344) of FP8, e3m2 (28), e2m3 (7.5)
    and e2m1 (6). With blocks and scales of few bits they are the formats of
    microscaling (C22 to C24):

    | | `#quench.small_float` |
    |---|---|
    | FP8 | `<e4m3>`, `<e5m2>` |
    | MXFP8, MXFP6, MXFP4 | `<e4m3, axis = 0, group = 32, scale = e8m0>` and e5m2, e3m2, e2m3, e2m1 |
    | NVFP4 | `<e2m1, axis = 0, group = 16, scale = e4m3>` |

    Numbers beyond the largest become it. Products are accumulated in f32 (C33).

    ```mlir
    func.func @mxfp4(%w: tensor<64x256xf32>, %s: tensor<64x8xf32>) -> tensor<64x256xf32> {
      %r = quench.fake_quant %w, %s by(#quench.small_float<e2m1, axis = 0, group = 32, scale = e8m0>)
        : (tensor<64x256xf32>, tensor<64x8xf32>) -> tensor<64x256xf32>
      return %r : tensor<64x256xf32>
    }
    ```
  }];
  let parameters = !con((ins "::quench::SmallFloatKind":$kind), quenchScaling);
  let extraClassDeclaration = [{
    ::quench::numerics::SmallFloat getFormat() const;
  }];
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHQUANTIZERS_TD
