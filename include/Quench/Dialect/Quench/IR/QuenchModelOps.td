//===- QuenchModelOps.td - Ops of transformer models -------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_IR_QUENCHMODELOPS_TD
#define QUENCH_DIALECT_QUENCH_IR_QUENCHMODELOPS_TD

include "Quench/Dialect/Quench/IR/QuenchAttrs.td"
include "mlir/Dialect/Linalg/IR/LinalgInterfaces.td"

// Every model op is pure, infers its result types, gives its dynamic result
// dimensions, and decomposes to linalg on demand (AggregatedOpInterface).
class Quench_ModelOp<string mnemonic, list<Trait> traits = []>
    : Quench_ShapedOp<mnemonic, !listconcat([AggregatedOpInterface], traits)> {
  // Declared by hand: upstream names its types without their namespaces.
  let extraClassDeclaration = shapeDeclaration # [{
    /// Builds the op from linalg, tensor, scf, arith and math ops.
    ::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>> decomposeOperation(::mlir::OpBuilder &builder);
  }];
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

def Quench_LinearOp : Quench_ModelOp<"linear"> {
  let summary = "y[..., o] = sum_k x[..., k] w[o, k] + b[o]";
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$weight,
                       Optional<Quench_FloatTensor>:$bias);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def Quench_MatmulOp : Quench_ModelOp<"matmul"> {
  let summary = "batched matrix product of two activations";
  let description = [{ `[..., M, K] x [..., K, N] -> [..., M, N]`; `transpose_a` and `transpose_b` swap the last two dimensions of an operand first. }];
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

def Quench_AddOp : Quench_BinaryOp<"add"> {
  let summary = "sum; the shape of rhs is a suffix of that of lhs";
  let description = [{ `residual` marks the join of a residual branch. }];
  let arguments = (ins Quench_FloatTensor:$lhs, Quench_FloatTensor:$rhs, UnitAttr:$residual);
  let assemblyFormat = "$lhs `,` $rhs (`residual` $residual^)? attr-dict `:` functional-type(operands, results)";
}

def Quench_MulOp : Quench_BinaryOp<"mul"> {
  let summary = "product; the shape of rhs is a suffix of that of lhs";
  let arguments = (ins Quench_FloatTensor:$lhs, Quench_FloatTensor:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

class Quench_UnaryOp<string mnemonic, list<Trait> traits = []>
    : Quench_ModelOp<mnemonic, traits> {
  let arguments = (ins Quench_FloatTensor:$input);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def Quench_ReluOp : Quench_UnaryOp<"relu"> { let summary = "max(x, 0)"; }
def Quench_TanhOp : Quench_UnaryOp<"tanh"> { let summary = "hyperbolic tangent"; }
def Quench_SoftplusOp : Quench_UnaryOp<"softplus"> { let summary = "log(1 + exp(x)), computed without overflow"; }
def Quench_ExpOp : Quench_UnaryOp<"exp"> { let summary = "exponential"; }
def Quench_NegOp : Quench_UnaryOp<"neg"> { let summary = "negation"; }

def Quench_GeluOp : Quench_UnaryOp<"gelu"> {
  let summary = "Gaussian error linear unit";
  let description = [{ `erf`: x Phi(x); `tanh`: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); `sigmoid`: x sigma(1.702 x). }];
  let arguments = (ins Quench_FloatTensor:$input, DefaultValuedAttr<Quench_GeluKindAttr, "::quench::GeluKind::Erf">:$kind);
  let assemblyFormat = "$input `by` $kind attr-dict `:` type($input)";
}

def Quench_SiluOp : Quench_UnaryOp<"silu"> {
  let summary = "x sigma(s x)";
  let description = [{ `scale`, of the shape of the last dimension, is the `s` of the smooth-fused form; absent, it is 1. }];
  let arguments = (ins Quench_FloatTensor:$input, Optional<Quench_FloatTensor>:$scale);
  let assemblyFormat = "$input (`scale` $scale^ `:` type($scale))? attr-dict `:` type($input)";
}

def Quench_GatedOp : Quench_ModelOp<"gated", [AllTypesMatch<["gate", "up"]>]> {
  let summary = "f(gate) * up";
  let arguments = (ins Quench_FloatTensor:$gate, Quench_FloatTensor:$up, Quench_GateKindAttr:$kind);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$gate `,` $up `by` $kind attr-dict `:` type($gate)";
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

def Quench_LayerNormOp : Quench_ModelOp<"layer_norm", [AttrSizedOperandSegments]> {
  let summary = "(x - mean) / sqrt(var + eps) * gamma + beta over the last dimension";
  let arguments = (ins Quench_FloatTensor:$input, Optional<Quench_FloatTensor>:$gamma,
                       Optional<Quench_FloatTensor>:$beta, F64Attr:$eps);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input (`gamma` $gamma^)? (`beta` $beta^)? `eps` $eps attr-dict `:` functional-type(operands, results)";
}
def Quench_RMSNormOp : Quench_ModelOp<"rms_norm"> {
  let summary = "x / sqrt(mean(x^2) + eps) * gamma over the last dimension";
  let arguments = (ins Quench_FloatTensor:$input, Optional<Quench_FloatTensor>:$gamma, F64Attr:$eps);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input (`gamma` $gamma^)? `eps` $eps attr-dict `:` functional-type(operands, results)";
}
def Quench_L2NormalizeOp : Quench_UnaryOp<"l2_normalize"> {
  let summary = "x / max(|x|_2, eps) over the last dimension";
  let arguments = (ins Quench_FloatTensor:$input, F64Attr:$eps);
  let assemblyFormat = "$input `eps` $eps attr-dict `:` type($input)";
}
def Quench_SoftmaxOp : Quench_UnaryOp<"softmax"> {
  let summary = "softmax over the last dimension, optionally stretched and clipped";
  let description = [{
    With `zeta` and `gamma` it is clip((zeta - gamma) softmax(x) + gamma, 0, 1)
    (clipped softmax of Quantizable Transformers).
  }];
  let arguments = (ins Quench_FloatTensor:$input, OptionalAttr<F64Attr>:$zeta, OptionalAttr<F64Attr>:$gamma);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Quench_AttentionOp : Quench_ModelOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "softmax(scale q k^T + bias) v, per head";
  let description = [{
    `query` is `[B, T, H, D]`, `key` `[B, L, G, D]`, `value` `[B, L, G, E]`, the
    result `[B, T, H, E]`. Head `h` reads group `h / (H / G)`, or the group that
    `head_groups[h]` names. `mask`, `[B, L]` of integers, is zero for keys that
    nobody sees. `bias`, a suffix of `[B, H, T, L]`, is added to the scores. Query
    `i` has position `L - T + i`: under `causal` it sees keys up to its own
    position, under `sliding` only the last `window` of those.
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
    $mask_kind attr-dict `:` functional-type(operands, results)
  }];
}

def Quench_PositionsOp : Quench_ModelOp<"positions"> {
  let summary = "start + offset + [0, 1, ..., n), n the size of one dimension of a tensor";
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
  }];
  let arguments = (ins Quench_IntTensor:$positions, DenseF64ArrayAttr:$inv_freq,
                       DefaultValuedAttr<F64Attr, "1.0">:$attention_factor, TypeAttr:$element_type);
  let results = (outs Quench_FloatTensor:$cos, Quench_FloatTensor:$sin);
  let assemblyFormat = "$positions attr-dict `:` functional-type(operands, results)";
}

def Quench_RopeOp : Quench_ModelOp<"rope"> {
  let summary = "rotates pairs of channels by their position";
  let description = [{
    `input` is `[B, T, H, D]`, `cos` and `sin` `[T, R/2]`. The first `R` channels of
    a head rotate, pair `i` being channels `i, i + R/2` (`half`) or `2i, 2i + 1`
    (`interleaved`); channels from `R` on pass.
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$cos, Quench_FloatTensor:$sin,
                       DefaultValuedAttr<Quench_RopeLayoutAttr, "::quench::RopeLayout::Half">:$layout);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `,` $cos `,` $sin $layout attr-dict `:` functional-type(operands, results)";
}

def Quench_KVCacheOp : Quench_ModelOp<"kv_cache"> {
  let summary = "appends keys or values to a cache";
  let description = [{
    `cache` is `[B, C, G, D]`, `input` `[B, T, G, D]`. Writes `input` at tokens
    `[position, position + T)` and gives the updated cache and a view of its first
    `position + T` tokens. `position + T > C` is undefined; the runtime refuses it.
  }];
  let arguments = (ins Quench_FloatTensor:$cache, Quench_FloatTensor:$input, I64:$position);
  let results = (outs Quench_FloatTensor:$updated, Quench_FloatTensor:$view);
  let assemblyFormat = "$cache `,` $input `at` $position attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Embeddings and tokens
//===----------------------------------------------------------------------===//

def Quench_EmbeddingOp : Quench_ModelOp<"embedding"> {
  let summary = "rows of a table";
  let arguments = (ins Quench_IntTensor:$ids, Quench_FloatTensor:$table);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` functional-type(operands, results)";
}

def Quench_PatchEmbedOp : Quench_ModelOp<"patch_embed"> {
  let summary = "images `[B, C, P*h, P*w]` to tokens `[B, h*w, out]` by a linear map of each patch";
  let description = [{ `weight` is `[out, C, P, Q]`. Canonicalizes to `linear` on the patches. }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$weight, Optional<Quench_FloatTensor>:$bias);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def Quench_PatchesOp : Quench_ModelOp<"patches"> {
  let summary = "images `[B, C, P*h, Q*w]` as rows of pixels `[B, h*w, C*P*Q]`";
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$height, I64Attr:$width);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `of` $height `x` $width attr-dict `:` functional-type(operands, results)";
}

def Quench_PrependOp : Quench_ModelOp<"prepend"> {
  let summary = "puts the same tokens `[P, C]` before every sequence `[B, T, C]`";
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$tokens);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$tokens `to` $input attr-dict `:` functional-type(operands, results)";
}

def Quench_PoolOp : Quench_ModelOp<"pool"> {
  let summary = "tokens `[B, T, C]` to one vector `[B, C]`";
  let description = [{ `mask`, `[B, T]`, is zero for tokens that do not count (`mean`, `max`, `last`). }];
  let arguments = (ins Quench_FloatTensor:$input, Optional<Quench_IntTensor>:$mask, Quench_PoolKindAttr:$kind);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input (`mask` $mask^)? `by` $kind attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Convolution and state-space models
//===----------------------------------------------------------------------===//

def Quench_CausalConv1DOp : Quench_ModelOp<"causal_conv1d", [AttrSizedOperandSegments]> {
  let summary = "depthwise convolution over past tokens";
  let description = [{
    `input` `[B, T, C]`, `weight` `[C, K]`, `state` `[B, K-1, C]` the last inputs
    before this call (absent: zeros). `result[b, t, c] = bias[c] + sum_k weight[c, k]
    x[b, t - K + 1 + k, c]`. `updated` is the state after the call.
  }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$weight,
                       Optional<Quench_FloatTensor>:$bias, Optional<Quench_FloatTensor>:$state);
  let results = (outs Quench_FloatTensor:$result, Quench_FloatTensor:$updated);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? (`state` $state^)? attr-dict `:` functional-type(operands, results)";
}

def Quench_Conv2DOp : Quench_ModelOp<"conv2d"> {
  let summary = "convolution of images `[B, C, H, W]`";
  let description = [{ `weight` is `[out, C / groups, kh, kw]`; `groups = C` is depthwise. `padding` is rows, columns of zeros on each side. }];
  let arguments = (ins Quench_FloatTensor:$input, Quench_FloatTensor:$weight, Optional<Quench_FloatTensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$padding,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? `strides` $strides `padding` $padding attr-dict `:` functional-type(operands, results)";
}

def Quench_SelectiveScanOp : Quench_ModelOp<"selective_scan", [AttrSizedOperandSegments]> {
  let summary = "the recurrence of Mamba";
  let description = [{
    `input` u and `delta` `[B, T, C]`, `a` `[C, S]`, `b` and `c` `[B, T, S]`, `d` `[C]`,
    `state` h `[B, C, S]` (absent: zeros):
    `h = exp(delta a) h + delta u b`, `result = sum_s h c + d u`.
    `updated` is the state after the last token.
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

def Quench_WindowPartitionOp : Quench_ModelOp<"window_partition"> {
  let summary = "a feature map `[B, H, W, C]` as windows `[B*nh*nw, window*window, C]`, zero padded to whole windows";
  let description = [{ The map is first rolled by `-shift` along both sides (Swin). }];
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$window, DefaultValuedAttr<I64Attr, "0">:$shift);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `window` $window attr-dict `:` functional-type(operands, results)";
}
def Quench_WindowMergeOp : Quench_ModelOp<"window_merge"> {
  let summary = "the inverse of window_partition for a map of `height` x `width`; padding is dropped";
  let arguments = (ins Quench_FloatTensor:$input, I64Attr:$window, I64Attr:$height, I64Attr:$width,
                       DefaultValuedAttr<I64Attr, "0">:$shift);
  let results = (outs Quench_FloatTensor:$result);
  let assemblyFormat = "$input `window` $window `to` $height `x` $width attr-dict `:` functional-type(operands, results)";
}

#endif // QUENCH_DIALECT_QUENCH_IR_QUENCHMODELOPS_TD
