// A stream that is rotated through layer norms, the writers of which are not
// recentred.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: builtin.module(quench-fold-norm-affine,quench-layernorm-to-rmsnorm,quench-rotate-stream{policy=hadamard})
// CHECK: twin:
// MUTANT: rotated through layer norms :: use rotated
// MUTANT: not rotated back in the head :: drop quench.rotate where=head
// CHECK-COUNT-2: rejected:

module {
  func.func @f(%ids: tensor<2x5xi64> {quench.name = "ids", quench.range = array<i64: 0, 11>})
      -> (tensor<2x5x7xf32> {quench.name = "logits"})
      attributes {quench.entry} {
    %table = quench.param <"model"::"table"> : tensor<11x12xf32>
    %gain = quench.param <"model"::"gain"> : tensor<12xf32>
    %offset = quench.param <"model"::"offset"> : tensor<12xf32>
    %down = quench.param <"model"::"down"> : tensor<12x12xf32>
    %bias = quench.param <"model"::"bias"> : tensor<12xf32>
    %head = quench.param <"model"::"head"> : tensor<7x12xf32>
    %0 = quench.embedding %ids, %table
        : (tensor<2x5xi64>, tensor<11x12xf32>) -> tensor<2x5x12xf32> loc("table")
    %1 = quench.layer_norm %0 gamma %gain beta %offset eps 1.0e-5
        : (tensor<2x5x12xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<2x5x12xf32> loc("norm")
    %2 = quench.linear %1, %down bias %bias
        : (tensor<2x5x12xf32>, tensor<12x12xf32>, tensor<12xf32>) -> tensor<2x5x12xf32> loc("down")
    %3 = quench.add %0, %2 residual : (tensor<2x5x12xf32>, tensor<2x5x12xf32>) -> tensor<2x5x12xf32>
    %4 = quench.layer_norm %3 gamma %gain beta %offset eps 1.0e-5
        : (tensor<2x5x12xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<2x5x12xf32> loc("last")
    %out = quench.linear %4, %head
        : (tensor<2x5x12xf32>, tensor<7x12xf32>) -> tensor<2x5x7xf32> loc("head")
    return %out : tensor<2x5x7xf32>
  }
  module @rotated {
    func.func @f(%ids: tensor<2x5xi64> {quench.name = "ids", quench.range = array<i64: 0, 11>})
        -> (tensor<2x5x7xf32> {quench.name = "logits"})
        attributes {quench.entry} {
      %table = quench.param <"model"::"table"> : tensor<11x12xf32>
      %gain = quench.param <"model"::"gain"> : tensor<12xf32>
      %offset = quench.param <"model"::"offset"> : tensor<12xf32>
      %down = quench.param <"model"::"down"> : tensor<12x12xf32>
      %bias = quench.param <"model"::"bias"> : tensor<12xf32>
      %head = quench.param <"model"::"head"> : tensor<7x12xf32>
      %table_wide = quench.cast %table : (tensor<11x12xf32>) -> tensor<11x12xf64>
      %table_turned = quench.rotate %table_wide axis 1 by(#quench.hadamard<12>)
          : (tensor<11x12xf64>) -> tensor<11x12xf64>
      %table_new = quench.cast %table_turned : (tensor<11x12xf64>) -> tensor<11x12xf32>
      %down_wide = quench.cast %down : (tensor<12x12xf32>) -> tensor<12x12xf64>
      %down_turned = quench.rotate %down_wide axis 0 by(#quench.hadamard<12>)
          : (tensor<12x12xf64>) -> tensor<12x12xf64>
      %down_new = quench.cast %down_turned : (tensor<12x12xf64>) -> tensor<12x12xf32>
      %bias_wide = quench.cast %bias : (tensor<12xf32>) -> tensor<12xf64>
      %bias_turned = quench.rotate %bias_wide axis 0 by(#quench.hadamard<12>)
          : (tensor<12xf64>) -> tensor<12xf64>
      %bias_new = quench.cast %bias_turned : (tensor<12xf64>) -> tensor<12xf32>
      %head_wide = quench.cast %head : (tensor<7x12xf32>) -> tensor<7x12xf64>
      %head_turned = quench.rotate %head_wide axis 1 by(#quench.hadamard<12>)
          : (tensor<7x12xf64>) -> tensor<7x12xf64>
      %head_new = quench.cast %head_turned : (tensor<7x12xf64>) -> tensor<7x12xf32>
      %down_wide2 = quench.cast %down_new : (tensor<12x12xf32>) -> tensor<12x12xf64>
      %down_turned2 = quench.rotate %down_wide2 axis 1 by(#quench.hadamard<12>)
          : (tensor<12x12xf64>) -> tensor<12x12xf64>
      %down_both = quench.cast %down_turned2 : (tensor<12x12xf64>) -> tensor<12x12xf32>
      %0 = quench.embedding %ids, %table_new
          : (tensor<2x5xi64>, tensor<11x12xf32>) -> tensor<2x5x12xf32> loc("table")
      %1 = quench.layer_norm %0 gamma %gain beta %offset eps 1.0e-5
          : (tensor<2x5x12xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<2x5x12xf32> loc("norm")
      %2 = quench.linear %1, %down_both bias %bias_new
          : (tensor<2x5x12xf32>, tensor<12x12xf32>, tensor<12xf32>) -> tensor<2x5x12xf32> loc("down")
      %3 = quench.add %0, %2 residual : (tensor<2x5x12xf32>, tensor<2x5x12xf32>) -> tensor<2x5x12xf32>
      %4 = quench.layer_norm %3 gamma %gain beta %offset eps 1.0e-5
          : (tensor<2x5x12xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<2x5x12xf32> loc("last")
      %out = quench.linear %4, %head_new
          : (tensor<2x5x12xf32>, tensor<7x12xf32>) -> tensor<2x5x7xf32> loc("head")
      return %out : tensor<2x5x7xf32>
    }
  }
}
