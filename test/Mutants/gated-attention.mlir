// Wrong rewrites around a gate of heads: the stream that it reads too, the values
// behind it.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: builtin.module(quench-rotate-stream,quench-rotate-pair)
// CHECK: twin:
// MUTANT: the gate reads the stream as it was :: drop quench.rotate where=attn.alpha
// MUTANT: the gate is turned the other way :: set quench.rotate rotation #quench.random_hadamard<16, seed = 0, transposed> where=attn.alpha
// MUTANT: the values are rotated and what reads them behind the gate is not :: drop quench.rotate #1 where=attn.o.weight
// MUTANT: the values are not rotated :: drop quench.rotate #1 where=attn.v.weight
// MUTANT: the gates are opened by another factor :: set quench.head_gate factor 1.0:f64
// MUTANT: probabilities are not clipped :: unset quench.attention gamma; unset quench.attention zeta
// CHECK-COUNT-6: rejected:

module {
  func.func @f(%ids: tensor<2x5xi64> {quench.name = "ids", quench.range = array<i64: 0, 11>})
      -> (tensor<2x5x11xf32> {quench.name = "logits"})
      attributes {quench.entry} {
    %table = quench.param <"model"::"wte"> : tensor<11x16xf32>
    %wq = quench.param <"model"::"attn.q.weight"> : tensor<16x16xf32>
    %wk = quench.param <"model"::"attn.k.weight"> : tensor<16x16xf32>
    %wv = quench.param <"model"::"attn.v.weight"> : tensor<16x16xf32>
    %wg = quench.param <"model"::"attn.alpha.weight"> : tensor<4x16xf32>
    %bg = quench.param <"model"::"attn.alpha.bias"> : tensor<4xf32>
    %wo = quench.param <"model"::"attn.o.weight"> : tensor<16x16xf32>
    %0 = quench.embedding %ids, %table
        : (tensor<2x5xi64>, tensor<11x16xf32>) -> tensor<2x5x16xf32> loc("wte")
    %1 = quench.rms_norm %0 eps 1.0e-5 : (tensor<2x5x16xf32>) -> tensor<2x5x16xf32>
    %q0 = quench.linear %1, %wq : (tensor<2x5x16xf32>, tensor<16x16xf32>) -> tensor<2x5x16xf32> loc("attn.q")
    %k0 = quench.linear %1, %wk : (tensor<2x5x16xf32>, tensor<16x16xf32>) -> tensor<2x5x16xf32> loc("attn.k")
    %v0 = quench.linear %1, %wv : (tensor<2x5x16xf32>, tensor<16x16xf32>) -> tensor<2x5x16xf32> loc("attn.v")
    %g = quench.linear %1, %wg bias %bg
        : (tensor<2x5x16xf32>, tensor<4x16xf32>, tensor<4xf32>) -> tensor<2x5x4xf32> loc("attn.alpha")
    %q = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [2, 5, 4, 4]
        : tensor<2x5x16xf32> into tensor<2x5x4x4xf32>
    %k = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [2, 5, 4, 4]
        : tensor<2x5x16xf32> into tensor<2x5x4x4xf32>
    %v = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [2, 5, 4, 4]
        : tensor<2x5x16xf32> into tensor<2x5x4x4xf32>
    %2 = quench.attention %q, %k, %v scale 0.5 causal {gamma = -0.1 : f64, zeta = 1.0 : f64}
        : (tensor<2x5x4x4xf32>, tensor<2x5x4x4xf32>, tensor<2x5x4x4xf32>) -> tensor<2x5x4x4xf32> loc("attn")
    %3 = quench.head_gate %2 by %g {factor = 4.0 : f64}
        : (tensor<2x5x4x4xf32>, tensor<2x5x4xf32>) -> tensor<2x5x4x4xf32> loc("attn")
    %4 = tensor.collapse_shape %3 [[0], [1], [2, 3]] : tensor<2x5x4x4xf32> into tensor<2x5x16xf32>
    %5 = quench.linear %4, %wo : (tensor<2x5x16xf32>, tensor<16x16xf32>) -> tensor<2x5x16xf32> loc("attn.o")
    %6 = quench.add %0, %5 residual : (tensor<2x5x16xf32>, tensor<2x5x16xf32>) -> tensor<2x5x16xf32>
    %7 = quench.rms_norm %6 eps 1.0e-5 : (tensor<2x5x16xf32>) -> tensor<2x5x16xf32>
    %8 = quench.linear %7, %table : (tensor<2x5x16xf32>, tensor<11x16xf32>) -> tensor<2x5x11xf32> loc("head")
    return %8 : tensor<2x5x11xf32>
  }
}
