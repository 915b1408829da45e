// Sites of quantizers, with their types, values and uses.

// RUN: quench-opt-plain %s --load-pass-plugin=%quench_obj/test/lib/Analysis/QuenchTestAnalysis.so \
// RUN:   --pass-pipeline="builtin.module(test-print-quant-sites)" -o /dev/null | FileCheck %s --match-full-lines

// An input is called after the first op that reads it, and is before its
// quantizer. Both entry points have the sites of a layer; a table is none of the
// weights of contractions; what gives a result is a head.
// CHECK: embed.weight: tensor<10x8xf32>, 2 values, 2 uses
// CHECK-NEXT: up.input: tensor<?x?x8xf32>, 2 values, 4 uses
// CHECK-NEXT: up.weight: tensor<12x8xf32>, 2 values, 2 uses
// CHECK-NEXT: up.weight.1: tensor<12x8xf32>, 2 values, 2 uses
// CHECK-NEXT: down.input: tensor<?x?x12xf32>, 2 values, 2 uses, activated
// CHECK-NEXT: down.weight: tensor<8x12xf32>, 2 values, 2 uses
// CHECK-NEXT: head.input: tensor<?x?x8xf32>, 2 values, 2 uses, head
// CHECK-NEXT: head.weight: tensor<10x8xf32>, 2 values, 2 uses, head
func.func @prefill(%ids: tensor<?x?xi64>) -> tensor<?x?x10xf32> {
  %t = quench.param <"model"::"embed"> : tensor<10x8xf32>
  %w = quench.param <"model"::"up"> : tensor<24x8xf32>
  %w0 = quench.slice %w axis 0 [0, 12] : (tensor<24x8xf32>) -> tensor<12x8xf32>
  %w1 = quench.slice %w axis 0 [12, 24] : (tensor<24x8xf32>) -> tensor<12x8xf32>
  %d = quench.param <"model"::"down"> : tensor<8x12xf32>
  %0 = quench.embedding %ids, %t : (tensor<?x?xi64>, tensor<10x8xf32>) -> tensor<?x?x8xf32> loc("embed")
  %s = quench.dynamic_scale %0 by(#quench.uniform<i8, token>) : (tensor<?x?x8xf32>) -> tensor<?x?xf32>
  %q = quench.fake_quant %0, %s by(#quench.uniform<i8, token>) : (tensor<?x?x8xf32>, tensor<?x?xf32>) -> tensor<?x?x8xf32>
  %1 = quench.linear %q, %w0 : (tensor<?x?x8xf32>, tensor<12x8xf32>) -> tensor<?x?x12xf32> loc("up")
  %2 = quench.linear %0, %w1 : (tensor<?x?x8xf32>, tensor<12x8xf32>) -> tensor<?x?x12xf32> loc("up")
  %3 = quench.gated %1, %2 by silu : tensor<?x?x12xf32>
  %4 = quench.linear %3, %d : (tensor<?x?x12xf32>, tensor<8x12xf32>) -> tensor<?x?x8xf32> loc("down")
  %5 = quench.add %0, %4 residual : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %6 = quench.linear %5, %t : (tensor<?x?x8xf32>, tensor<10x8xf32>) -> tensor<?x?x10xf32> loc("head")
  return %6 : tensor<?x?x10xf32>
}
func.func @decode(%ids: tensor<?x?xi64>) -> tensor<?x?x10xf32> {
  %t = quench.param <"model"::"embed"> : tensor<10x8xf32>
  %w = quench.param <"model"::"up"> : tensor<24x8xf32>
  %w0 = quench.slice %w axis 0 [0, 12] : (tensor<24x8xf32>) -> tensor<12x8xf32>
  %w1 = quench.slice %w axis 0 [12, 24] : (tensor<24x8xf32>) -> tensor<12x8xf32>
  %d = quench.param <"model"::"down"> : tensor<8x12xf32>
  %0 = quench.embedding %ids, %t : (tensor<?x?xi64>, tensor<10x8xf32>) -> tensor<?x?x8xf32> loc("embed")
  %1 = quench.linear %0, %w0 : (tensor<?x?x8xf32>, tensor<12x8xf32>) -> tensor<?x?x12xf32> loc("up")
  %2 = quench.linear %0, %w1 : (tensor<?x?x8xf32>, tensor<12x8xf32>) -> tensor<?x?x12xf32> loc("up")
  %3 = quench.gated %1, %2 by silu : tensor<?x?x12xf32>
  %4 = quench.linear %3, %d : (tensor<?x?x12xf32>, tensor<8x12xf32>) -> tensor<?x?x8xf32> loc("down")
  %5 = quench.add %0, %4 residual : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %6 = quench.linear %5, %t : (tensor<?x?x8xf32>, tensor<10x8xf32>) -> tensor<?x?x10xf32> loc("head")
  return %6 : tensor<?x?x10xf32>
}

// Operands of attention; what a cache holds is marked. The state that goes back to
// the caller is no result.
// CHECK-NEXT: k.input: tensor<?x?x16xf32>, 1 values, 1 uses
// CHECK-NEXT: k.weight: tensor<16x16xf32>, 1 values, 1 uses
// CHECK-NEXT: attn.query: tensor<?x?x2x8xf32>, 1 values, 1 uses
// CHECK-NEXT: attn.key: tensor<?x?x2x8xf32>, 1 values, 1 uses, cached
// CHECK-NEXT: attn.value: tensor<?x?x2x8xf32>, 1 values, 1 uses
// CHECK-NEXT: attn.probabilities: 0 values, 0 uses
func.func @attention(%x: tensor<?x?x16xf32>, %q: tensor<?x?x2x8xf32>, %cache: tensor<?x?x2x8xf32>, %v: tensor<?x?x2x8xf32>, %p: i64, %b: index, %t: index)
    -> (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32> {quench.state = "cache"}) {
  %w = quench.param <"model"::"k"> : tensor<16x16xf32>
  %k = quench.linear %x, %w : (tensor<?x?x16xf32>, tensor<16x16xf32>) -> tensor<?x?x16xf32> loc("k")
  %h = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%b, %t, 2, 8] : tensor<?x?x16xf32> into tensor<?x?x2x8xf32>
  %u, %view = quench.kv_cache %cache, %h at %p : (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, i64) -> (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>)
  %r = quench.attention %q, %view, %v scale 0.5 causal : (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>) -> tensor<?x?x2x8xf32> loc("attn")
  return %r, %u : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
}

// A product of two activations, a convolution with its state, and a scan.
// CHECK-NEXT: scores.input: tensor<?x4x8xf32>, 1 values, 1 uses
// CHECK-NEXT: scores.input.1: tensor<?x8x4xf32>, 1 values, 1 uses
// CHECK-NEXT: conv.input: tensor<?x?x8xf32>, 1 values, 1 uses, depthwise
// CHECK-NEXT: conv.weight: tensor<8x4xf32>, 1 values, 1 uses, depthwise
// CHECK-NEXT: conv.state: tensor<?x3x8xf32>, 1 values, 1 uses, depthwise
// CHECK-NEXT: scan.scan: tensor<?x?x8xf32>, 1 values, 2 uses
// CHECK-NEXT: scan.scan.1: tensor<?x?x4xf32>, 1 values, 2 uses
// CHECK-NEXT: scan.state: tensor<?x8x4xf32>, 1 values, 1 uses
func.func @others(%a: tensor<?x4x8xf32>, %b: tensor<?x8x4xf32>, %x: tensor<?x?x8xf32>, %y: tensor<?x?x4xf32>, %d: tensor<8x4xf32>,
                  %conv: tensor<?x3x8xf32> {quench.role = "state"}, %state: tensor<?x8x4xf32> {quench.role = "state"})
    -> (tensor<?x4x4xf32>, tensor<?x?x8xf32>) {
  %0 = quench.matmul %a, %b : (tensor<?x4x8xf32>, tensor<?x8x4xf32>) -> tensor<?x4x4xf32> loc("scores")
  %w = quench.param <"model"::"conv"> : tensor<8x4xf32>
  %1, %2 = quench.causal_conv1d %x, %w state %conv : (tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<?x3x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>) loc("conv")
  %3, %4 = quench.selective_scan %1 delta %1 a %d b %y c %y state %state
    : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x8x4xf32>)
    -> (tensor<?x?x8xf32>, tensor<?x8x4xf32>) loc("scan")
  return %0, %3 : tensor<?x4x4xf32>, tensor<?x?x8xf32>
}

// Layers next to where maps become tokens and tokens maps: behind norms and
// functions, but not behind sums, and no quantizer comes between.
// CHECK-NEXT: wide.input: tensor<?x4x4x8xf32>, 1 values, 1 uses
// CHECK-NEXT: wide.weight: tensor<8x8xf32>, 1 values, 1 uses
// CHECK-NEXT: depthwise.input: tensor<?x4x4x8xf32>, 1 values, 1 uses, activated, depthwise
// CHECK-NEXT: depthwise.weight: tensor<8x3x3xf32>, 1 values, 1 uses, depthwise
// CHECK-NEXT: before.input: tensor<?x4x4x8xf32>, 1 values, 1 uses, bridge
// CHECK-NEXT: before.weight: tensor<8x8xf32>, 1 values, 1 uses, bridge
// CHECK-NEXT: query.input: tensor<?x4x8xf32>, 1 values, 2 uses, bridge
// CHECK-NEXT: query.weight: tensor<8x8xf32>, 1 values, 1 uses, bridge
// CHECK-NEXT: key.weight: tensor<8x8xf32>, 1 values, 1 uses, bridge
// CHECK-NEXT: mlp.input: tensor<?x4x8xf32>, 1 values, 1 uses
// CHECK-NEXT: mlp.weight: tensor<8x8xf32>, 1 values, 1 uses
// CHECK-NEXT: behind.input: tensor<?x4x4x8xf32>, 1 values, 1 uses, bridge
// CHECK-NEXT: behind.weight: tensor<8x8xf32>, 1 values, 1 uses, bridge
func.func @hybrid(%x: tensor<?x4x4x8xf32>) -> tensor<?x4x4x8xf32> {
  %w = quench.param <"model"::"hybrid"> : tensor<8x8xf32>
  %d = quench.param <"model"::"taps"> : tensor<8x3x3xf32>
  %0 = quench.linear %x, %w : (tensor<?x4x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x4x8xf32> loc("wide")
  %1 = quench.silu %0 : tensor<?x4x4x8xf32>
  %2 = quench.depthwise_conv2d %1, %d strides [1, 1] padding [1, 1] : (tensor<?x4x4x8xf32>, tensor<8x3x3xf32>) -> tensor<?x4x4x8xf32> loc("depthwise")
  %3 = quench.linear %2, %w : (tensor<?x4x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x4x8xf32> loc("before")
  %4 = quench.silu %3 : tensor<?x4x4x8xf32>
  %5 = quench.unfold %4 of 2 x 2 : (tensor<?x4x4x8xf32>) -> tensor<?x4x8xf32>
  %6 = quench.layer_norm %5 eps 1.0e-5 : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  %s = quench.dynamic_scale %6 by(#quench.uniform<i8, token>) : (tensor<?x4x8xf32>) -> tensor<?x4xf32>
  %q = quench.fake_quant %6, %s by(#quench.uniform<i8, token>) : (tensor<?x4x8xf32>, tensor<?x4xf32>) -> tensor<?x4x8xf32>
  %7 = quench.linear %q, %w : (tensor<?x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x8xf32> loc("query")
  %8 = quench.linear %q, %w : (tensor<?x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x8xf32> loc("key")
  %9 = quench.mul %7, %8 : (tensor<?x4x8xf32>, tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  %10 = quench.add %5, %9 residual : (tensor<?x4x8xf32>, tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  %11 = quench.linear %10, %w : (tensor<?x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x8xf32> loc("mlp")
  %12 = quench.add %10, %11 residual : (tensor<?x4x8xf32>, tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  %13 = quench.fold %12 of 2 x 2 to 4 x 4 : (tensor<?x4x8xf32>) -> tensor<?x4x4x8xf32>
  %14 = quench.linear %13, %w : (tensor<?x4x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x4x8xf32> loc("behind")
  %15 = quench.silu %14 : tensor<?x4x4x8xf32>
  return %15 : tensor<?x4x4x8xf32>
}
