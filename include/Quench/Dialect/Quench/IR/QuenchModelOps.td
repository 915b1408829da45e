//===- QuenchModelOps.td - Ops of transformer models -------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHMODELOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHMODELOPS_TD

include "Quench/Dialect/Quench/IR/QuenchOpClasses.td"
include "Quench/Interfaces/BasisOpInterface.td"
include "Quench/Interfaces/ChannelScalableOpInterface.td"
include "Quench/Interfaces/NormOpInterface.td"
include "Quench/Interfaces/QuantizableOpInterface.td"
include "Quench/Interfaces/ShiftableOpInterface.td"

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

def Quench_LinearOp : Quench_ModelOp<"linear", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<ShiftableOpInterface, ["setBias"]>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "y[..., o] = sum_k x[..., k] w[o, k] + b[o]";
  let description = [{
    The result has the leading dimensions of `input`. `weight` is `[out, in]`, as
    checkpoints hold it; sums are accumulated in f32 at least.

    ```mlir
    func.func @linear(%x: tensor<?x?x8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xf32>)
        -> tensor<?x?x4xf32> {
      %r = quench.linear %x, %w bias %b
        : (tensor<?x?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
      return %r : tensor<?x?x4xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$weight,
                       Optional<Quench_FloatTensor>:$bias);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def Quench_MatmulOp : Quench_ModelOp<"matmul", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "batched matrix product of two activations";
  let description = [{
    `[..., M, K] x [..., K, N] -> [..., M, N]`; `transpose_a` and `transpose_b` swap
    the last two dimensions of an operand first.

    ```mlir
    func.func @matmul(%a: tensor<?x?x8xf32>, %b: tensor<?x?x8xf32>)
        -> tensor<?x?x?xf32> {
      %r = quench.matmul %a, %b {transpose_b}
        : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x?xf32>
      return %r : tensor<?x?x?xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$lhs, Quench_FloatTensor:$rhs,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

class Quench_BinaryOp<string mnemonic, list<Trait> traits = []>
    : Quench_ModelOp<mnemonic, traits> {
  let results = (outs Quench_FloatTensor:$result);
}

def Quench_AddOp : Quench_BinaryOp<"add", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<ShiftableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "sum; the shape of rhs is a suffix of that of lhs";
  let description = [{
    `residual` marks the join of a residual branch.

    ```mlir
    func.func @add(%x: tensor<?x?x8xf32>, %y: tensor<?x?x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.add %x, %y residual
        : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$lhs, Quench_FloatTensor:$rhs, UnitAttr:$residual);
  let assemblyFormat = "$lhs `,` $rhs (`residual` $residual^)? attr-dict `:` functional-type(operands, results)";
}

def Quench_MulOp : Quench_BinaryOp<"mul", [
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "product; the shape of rhs is a suffix of that of lhs";
  let description = [{
    ```mlir
    func.func @mul(%x: tensor<?x?x8xf32>, %s: tensor<8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.mul %x, %s
        : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$lhs, Quench_FloatTensor:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

class Quench_UnaryOp<string mnemonic, list<Trait> traits = []>
    : Quench_ModelOp<mnemonic, traits> {
  let arguments = (ins Quench_FloatTensor:$input);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def Quench_ReluOp : Quench_UnaryOp<"relu", [
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "max(x, 0)";
  let description = [{
    ```mlir
    func.func @relu(%x: tensor<?x?x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.relu %x : tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
}
def Quench_TanhOp : Quench_UnaryOp<"tanh"> {
  let summary = "hyperbolic tangent";
  let description = [{
    ```mlir
    func.func @tanh(%x: tensor<?x?x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.tanh %x : tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
}
def Quench_SoftplusOp : Quench_UnaryOp<"softplus"> {
  let summary = "log(1 + exp(x)), computed without overflow";
  let description = [{
    ```mlir
    func.func @softplus(%x: tensor<?x?x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.softplus %x : tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
}
def Quench_ExpOp : Quench_UnaryOp<"exp"> {
  let summary = "exponential";
  let description = [{
    ```mlir
    func.func @exp(%x: tensor<?x?x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.exp %x : tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
}
def Quench_NegOp : Quench_UnaryOp<"neg", [
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>]> {
  let summary = "negation";
  let description = [{
    ```mlir
    func.func @neg(%x: tensor<?x?x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.neg %x : tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
}

def Quench_GeluOp : Quench_UnaryOp<"gelu", [
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "Gaussian error linear unit";
  let description = [{
    `erf`: x Phi(x); `tanh`: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)));
    `sigmoid`: x sigma(1.702 x).

    ```mlir
    func.func @gelu(%x: tensor<?x?x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.gelu %x by tanh : tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, DefaultValuedAttr<Quench_GeluKindAttr, "::quench::GeluKind::Erf">:$kind);
  let assemblyFormat = "$input `by` `` $kind attr-dict `:` type($input)";
}

def Quench_SiluOp : Quench_UnaryOp<"silu", [
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "x sigma(s x)";
  let description = [{
    `scale`, of the shape of the last dimension, is the `s` of the smooth-fused form;
    absent, it is 1.

    ```mlir
    func.func @silu(%x: tensor<?x?x8xf32>, %s: tensor<8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.silu %x scale %s : tensor<8xf32> : tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Optional<Quench_FloatTensor>:$scale);
  let assemblyFormat = "$input (`scale` $scale^ `:` type($scale))? attr-dict `:` type($input)";
}

def Quench_GatedOp : Quench_ModelOp<"gated", [
    AllTypesMatch<["gate", "up"]>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "f(gate) * up";
  let description = [{
    ```mlir
    func.func @gated(%gate: tensor<?x?x8xf32>, %up: tensor<?x?x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.gated %gate, %up by silu : tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$gate, Quench_FloatTensor:$up, Quench_GateKindAttr:$kind);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$gate `,` $up `by` `` $kind attr-dict `:` type($gate)";
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

def Quench_LayerNormOp : Quench_ModelOp<"layer_norm", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<BasisOpInterface, ["getBasisBlocker"]>,
    DeclareOpInterfaceMethods<NormOpInterface, ["createWithoutMean"]>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<ShiftableOpInterface, ["setBias"]>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "(x - mean) / sqrt(var + eps) * gamma + beta over the last dimension";
  let description = [{
    Absent `gamma` and `beta` are ones and zeros, so that IR shows whether a gain is
    folded. The variance is that of centred numbers.

    ```mlir
    func.func @layer_norm(%x: tensor<?x?x8xf32>, %g: tensor<8xf32>, %b: tensor<8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.layer_norm %x gamma %g beta %b eps 1.0e-5
        : (tensor<?x?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Optional<Quench_FloatTensor>:$gamma,
                       Optional<Quench_FloatTensor>:$beta, F64Attr:$eps);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input (`gamma` $gamma^)? (`beta` $beta^)? `eps` $eps attr-dict `:` functional-type(operands, results)";
}
def Quench_RMSNormOp : Quench_ModelOp<"rms_norm", [
    DeclareOpInterfaceMethods<BasisOpInterface, ["getBasisBlocker"]>,
    DeclareOpInterfaceMethods<NormOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "x / sqrt(mean(x^2) + eps) * gamma over the last dimension";
  let description = [{
    An absent `gamma` is ones.

    ```mlir
    func.func @rms_norm(%x: tensor<?x?x8xf32>, %g: tensor<8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.rms_norm %x gamma %g eps 1.0e-5
        : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Optional<Quench_FloatTensor>:$gamma, F64Attr:$eps);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input (`gamma` $gamma^)? `eps` $eps attr-dict `:` functional-type(operands, results)";
}
def Quench_L2NormalizeOp : Quench_UnaryOp<"l2_normalize", [
    DeclareOpInterfaceMethods<BasisOpInterface>]> {
  let summary = "x / max(|x|_2, eps) over the last dimension";
  let description = [{
    ```mlir
    func.func @l2_normalize(%x: tensor<?x8xf32>)
        -> tensor<?x8xf32> {
      %r = quench.l2_normalize %x eps 1.0e-12 : tensor<?x8xf32>
      return %r : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, F64Attr:$eps);
  let assemblyFormat = "$input `eps` $eps attr-dict `:` type($input)";
}
def Quench_SoftmaxOp : Quench_UnaryOp<"softmax", [
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "softmax over the last dimension, optionally stretched and clipped";
  let description = [{
    With `zeta` and `gamma` it is clip((zeta - gamma) softmax(x) + gamma, 0, 1)
    (clipped softmax of Quantizable Transformers). A row of nothing but -inf gives
    zeros.

    ```mlir
    func.func @softmax(%x: tensor<?x?x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.softmax %x {zeta = 1.03 : f64, gamma = -0.03 : f64} : tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, OptionalAttr<F64Attr>:$zeta, OptionalAttr<F64Attr>:$gamma);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Quench_AttentionOp : Quench_ModelOp<"attention", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "softmax(scale q k^T + bias) v, per head";
  let description = [{
    `query` is `[B, T, H, D]`, `key` `[B, L, G, D]`, `value` `[B, L, G, E]`, the
    result `[B, T, H, E]`. Head `h` reads group `h / (H / G)`, or the group that
    `head_groups[h]` names. `mask`, `[B, L]` of integers, is zero for keys that
    nobody sees. `bias`, a suffix of `[B, H, T, L]`, is added to the scores. Query
    `i` has position `L - T + i`: under `causal` it sees keys up to its own
    position, under `sliding` only the last `window` of those.
    What sees no key at all gives zeros.

    ```mlir
    func.func @attention(%q: tensor<?x?x4x16xf32>, %k: tensor<?x?x2x16xf32>, %v: tensor<?x?x2x16xf32>, %mask: tensor<?x?xi64>)
        -> tensor<?x?x4x16xf32> {
      %r = quench.attention %q, %k, %v mask %mask scale 0.25 causal
        : (tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?xi64>)
        -> tensor<?x?x4x16xf32>
      return %r : tensor<?x?x4x16xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$query, Quench_FloatTensor:$key,
                       Quench_FloatTensor:$value, Optional<Quench_IntTensor>:$mask,
                       Optional<Quench_FloatTensor>:$bias, F64Attr:$scale,
                       DefaultValuedAttr<Quench_MaskKindAttr, "::quench::MaskKind::Full">:$mask_kind,
                       OptionalAttr<I64Attr>:$window,
                       OptionalAttr<DenseI64ArrayAttr>:$head_groups,
                       OptionalAttr<F64Attr>:$zeta, OptionalAttr<F64Attr>:$gamma);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` $mask^)? (`bias` $bias^)? `scale` $scale
    `` $mask_kind attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_PositionsOp : Quench_ModelOp<"positions"> {
  let summary = "start + offset + [0, 1, ..., n), n the size of one dimension of a tensor";
  let description = [{
    ```mlir
    func.func @positions(%ids: tensor<?x?xi64>, %start: i64)
        -> tensor<?xi64> {
      %r = quench.positions %ids dim 1 from %start : tensor<?x?xi64> -> tensor<?xi64>
      return %r : tensor<?xi64>
    }
    ```
  }];
  let arguments = (ins Quench_AnyTensor:$like, Optional<I64>:$start,
                       I64Attr:$dim, DefaultValuedAttr<I64Attr, "0">:$offset);
  let results = (outs Quench_IntTensor:$result);
  let assemblyFormat = "$like `dim` $dim (`from` $start^)? attr-dict `:` type($like) `->` type($result)";
}

def Quench_RopeTableOp : Quench_ModelOp<"rope_table"> {
  let summary = "cosines and sines of rotary position embedding";
  let description = [{
    `cos[t, i] = attention_factor cos(position[t] inv_freq[i])`, likewise `sin`;
    angles are computed in the element type of the result, at least f32.
    `inv_freq` holds the frequencies after any scaling (linear, llama3, yarn, ...),
    which do not depend on the sequence.

    ```mlir
    func.func @rope_table(%p: tensor<?xi64>)
        -> (tensor<?x2xf32>, tensor<?x2xf32>) {
      %r0, %r1 = quench.rope_table %p {inv_freq = array<f64: 1.0, 0.1>, element_type = f32}
        : (tensor<?xi64>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
      return %r0, %r1 : tensor<?x2xf32>, tensor<?x2xf32>
    }
    ```
  }];
  let arguments = (ins Quench_IntTensor:$positions, DenseF64ArrayAttr:$inv_freq,
                       DefaultValuedAttr<F64Attr, "1.0">:$attention_factor, TypeAttr:$element_type);
  let results = (outs Quench_FloatTensor:$cos, Quench_FloatTensor:$sin);
  let assemblyFormat = "$positions attr-dict `:` functional-type(operands, results)";
}

def Quench_RopeOp : Quench_ModelOp<"rope", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>]> {
  let summary = "rotates pairs of channels by their position";
  let description = [{
    `input` is `[B, T, H, D]`, `cos` and `sin` `[T, R/2]`. The first `R` channels of
    a head rotate, pair `i` being channels `i, i + R/2` (`half`) or `2i, 2i + 1`
    (`interleaved`); channels from `R` on pass.

    ```mlir
    func.func @rope(%x: tensor<?x?x4x16xf32>, %cos: tensor<?x8xf32>, %sin: tensor<?x8xf32>)
        -> tensor<?x?x4x16xf32> {
      %r = quench.rope %x, %cos, %sin half
        : (tensor<?x?x4x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x?x4x16xf32>
      return %r : tensor<?x?x4x16xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$cos, Quench_FloatTensor:$sin,
                       DefaultValuedAttr<Quench_RopeLayoutAttr, "::quench::RopeLayout::Half">:$layout);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `,` $cos `,` $sin `` $layout attr-dict `:` functional-type(operands, results)";
}

def Quench_KVCacheOp : Quench_ModelOp<"kv_cache", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "appends keys or values to a cache";
  let description = [{
    `cache` is `[B, C, G, D]`, `input` `[B, T, G, D]`. Writes `input` at tokens
    `[position, position + T)` and gives the updated cache and a view of its first
    `position + T` tokens. `position + T > C` is undefined; the runtime refuses it.

    ```mlir
    func.func @kv_cache(%cache: tensor<?x?x4x16xf32>, %keys: tensor<?x?x4x16xf32>, %position: i64)
        -> (tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>) {
      %r0, %r1 = quench.kv_cache %cache, %keys at %position
        : (tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>, i64)
        -> (tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>)
      return %r0, %r1 : tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$cache, Quench_FloatTensor:$input, I64:$position);
  let results = (outs Quench_FloatTensor:$updated, Quench_FloatTensor:$view);
  let assemblyFormat = "$cache `,` $input `at` $position attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Embeddings and tokens
//===----------------------------------------------------------------------===//

def Quench_EmbeddingOp : Quench_ModelOp<"embedding", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<ShiftableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "rows of a table";
  let description = [{
    Every id must be a row of the table; the runtime refuses others.

    ```mlir
    func.func @embedding(%ids: tensor<?x?xi64>, %table: tensor<100x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.embedding %ids, %table
        : (tensor<?x?xi64>, tensor<100x8xf32>) -> tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_IntTensor:$ids, Quench_FloatTensor:$table);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` functional-type(operands, results)";
}

def Quench_PatchEmbedOp : Quench_ModelOp<"patch_embed", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<ShiftableOpInterface, ["setBias"]>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "images `[B, C, P*h, P*w]` to tokens `[B, h*w, out]` by a linear map of each patch";
  let description = [{
    `weight` is `[out, C, P, Q]`. Canonicalizes to `linear` on the patches.

    ```mlir
    func.func @patch_embed(%image: tensor<?x3x224x224xf32>, %w: tensor<8x3x16x16xf32>)
        -> tensor<?x196x8xf32> {
      %r = quench.patch_embed %image, %w
        : (tensor<?x3x224x224xf32>, tensor<8x3x16x16xf32>) -> tensor<?x196x8xf32>
      return %r : tensor<?x196x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$weight, Optional<Quench_FloatTensor>:$bias);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
  let hasCanonicalizeMethod = 1;
}

def Quench_PatchesOp : Quench_ModelOp<"patches", [
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "images `[B, C, P*h, Q*w]` as rows of pixels `[B, h*w, C*P*Q]`";
  let description = [{
    Pixels of a patch are ordered by channel, row and column.

    ```mlir
    func.func @patches(%image: tensor<?x3x224x224xf32>)
        -> tensor<?x196x768xf32> {
      %r = quench.patches %image of 16 x 16
        : (tensor<?x3x224x224xf32>) -> tensor<?x196x768xf32>
      return %r : tensor<?x196x768xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$height, I64Attr:$width);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `of` $height `x` $width attr-dict `:` functional-type(operands, results)";
}

def Quench_PrependOp : Quench_ModelOp<"prepend", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "puts the same tokens `[P, C]` before every sequence `[B, T, C]`";
  let description = [{
    ```mlir
    func.func @prepend(%x: tensor<?x?x8xf32>, %cls: tensor<1x8xf32>)
        -> tensor<?x?x8xf32> {
      %r = quench.prepend %cls to %x
        : (tensor<?x?x8xf32>, tensor<1x8xf32>) -> tensor<?x?x8xf32>
      return %r : tensor<?x?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$tokens);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$tokens `to` $input attr-dict `:` functional-type(operands, results)";
}

def Quench_PoolOp : Quench_ModelOp<"pool", [
    DeclareOpInterfaceMethods<BasisOpInterface, ["getBasisBlocker"]>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "tokens `[B, T, C]` to one vector `[B, C]`";
  let description = [{
    `mask`, `[B, T]`, is zero for tokens that do not count (`mean`, `max`, `last`). A
    sequence of which no token counts gives zeros.

    ```mlir
    func.func @pool(%x: tensor<?x?x8xf32>, %mask: tensor<?x?xi64>)
        -> tensor<?x8xf32> {
      %r = quench.pool %x mask %mask by mean
        : (tensor<?x?x8xf32>, tensor<?x?xi64>) -> tensor<?x8xf32>
      return %r : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Optional<Quench_IntTensor>:$mask, Quench_PoolKindAttr:$kind);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input (`mask` $mask^)? `by` `` $kind attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Convolution and state-space models
//===----------------------------------------------------------------------===//

def Quench_CausalConv1DOp : Quench_ModelOp<"causal_conv1d", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "depthwise convolution over past tokens";
  let description = [{
    `input` `[B, T, C]`, `weight` `[C, K]`, `state` `[B, K-1, C]` the last inputs
    before this call (absent: zeros). `result[b, t, c] = bias[c] + sum_k weight[c, k]
    x[b, t - K + 1 + k, c]`. `updated` is the state after the call.

    ```mlir
    func.func @causal_conv1d(%x: tensor<?x?x8xf32>, %w: tensor<8x4xf32>, %state: tensor<?x3x8xf32>)
        -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>) {
      %r0, %r1 = quench.causal_conv1d %x, %w state %state
        : (tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<?x3x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>)
      return %r0, %r1 : tensor<?x?x8xf32>, tensor<?x3x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$weight,
                       Optional<Quench_FloatTensor>:$bias, Optional<Quench_FloatTensor>:$state);
  let results = (outs Quench_FloatTensor:$result, Quench_FloatTensor:$updated);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? (`state` $state^)? attr-dict `:` functional-type(operands, results)";
}

def Quench_Conv2DOp : Quench_ModelOp<"conv2d", [
    DeclareOpInterfaceMethods<BasisOpInterface, ["getBasisBlocker"]>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "convolution of images `[B, C, H, W]`";
  let description = [{
    `weight` is `[out, C / groups, kh, kw]`; `groups = C` is depthwise. `padding` is
    rows, columns of zeros on each side.

    ```mlir
    func.func @conv2d(%x: tensor<?x3x32x32xf32>, %w: tensor<8x3x3x3xf32>)
        -> tensor<?x8x16x16xf32> {
      %r = quench.conv2d %x, %w strides [2, 2] padding [1, 1]
        : (tensor<?x3x32x32xf32>, tensor<8x3x3x3xf32>) -> tensor<?x8x16x16xf32>
      return %r : tensor<?x8x16x16xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$weight, Optional<Quench_FloatTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$padding,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? `strides` $strides `padding` $padding attr-dict `:` functional-type(operands, results)";
}

def Quench_SelectiveScanOp : Quench_ModelOp<"selective_scan", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "the recurrence of Mamba";
  let description = [{
    `input` u and `delta` `[B, T, C]`, `a` `[C, S]`, `b` and `c` `[B, T, S]`, `d` `[C]`,
    `state` h `[B, C, S]` (absent: zeros):
    `h = exp(delta a) h + delta u b`, `result = sum_s h c + d u`.
    `updated` is the state after the last token.

    ```mlir
    func.func @selective_scan(%u: tensor<?x?x8xf32>, %delta: tensor<?x?x8xf32>, %a: tensor<8x4xf32>, %b: tensor<?x?x4xf32>, %c: tensor<?x?x4xf32>, %d: tensor<8xf32>)
        -> (tensor<?x?x8xf32>, tensor<?x8x4xf32>) {
      %r0, %r1 = quench.selective_scan %u delta %delta a %a b %b c %c d %d
        : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<?x?x4xf32>,
           tensor<?x?x4xf32>, tensor<8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8x4xf32>)
      return %r0, %r1 : tensor<?x?x8xf32>, tensor<?x8x4xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$delta, Quench_FloatTensor:$a,
                       Quench_FloatTensor:$b, Quench_FloatTensor:$c,
                       Optional<Quench_FloatTensor>:$d, Optional<Quench_FloatTensor>:$state);
  let results = (outs Quench_FloatTensor:$result, Quench_FloatTensor:$updated);
  let assemblyFormat = [{
    $input `delta` $delta `a` $a `b` $b `c` $c (`d` $d^)? (`state` $state^)? attr-dict `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

def Quench_WindowPartitionOp : Quench_ModelOp<"window_partition", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<ShiftableOpInterface, ["getShiftBlocker"]>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "a feature map `[B, H, W, C]` as windows `[B*nh*nw, window*window, C]`";
  let description = [{
    The map is padded with zeros at its end to whole windows, then rolled by `-shift`
    along both sides (Swin).

    ```mlir
    func.func @window_partition(%x: tensor<?x56x56x8xf32>)
        -> tensor<?x49x8xf32> {
      %r = quench.window_partition %x window 7 {shift = 3 : i64}
        : (tensor<?x56x56x8xf32>) -> tensor<?x49x8xf32>
      return %r : tensor<?x49x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$window, DefaultValuedAttr<I64Attr, "0">:$shift);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `window` $window attr-dict `:` functional-type(operands, results)";
}
def Quench_WindowMergeOp : Quench_ModelOp<"window_merge", [
    DeclareOpInterfaceMethods<BasisOpInterface>,
    DeclareOpInterfaceMethods<ChannelScalableOpInterface>,
    DeclareOpInterfaceMethods<ShiftableOpInterface>,
    DeclareOpInterfaceMethods<QuantizableOpInterface>]> {
  let summary = "the inverse of window_partition for a map of `height` x `width`; padding is dropped";
  let description = [{
    The roll by `shift` is undone.

    ```mlir
    func.func @window_merge(%x: tensor<?x49x8xf32>)
        -> tensor<?x56x56x8xf32> {
      %r = quench.window_merge %x window 7 to 56 x 56 {shift = 3 : i64}
        : (tensor<?x49x8xf32>) -> tensor<?x56x56x8xf32>
      return %r : tensor<?x56x56x8xf32>
    }
    ```
  }];
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$window, I64Attr:$height, I64Attr:$width,
                       DefaultValuedAttr<I64Attr, "0">:$shift);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `window` $window `to` $height `x` $width attr-dict `:` functional-type(operands, results)";
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHMODELOPS_TD
