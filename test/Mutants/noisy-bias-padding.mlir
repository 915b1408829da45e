// A token that padding makes gets noise like any other: it has to be added behind the
// padding, or the bias takes away what was never there.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-noisy-bias{source=given}
// CHECK: e-1{{[2-9]}} twin:
// MUTANT: adds noise before the padding :: use before
// CHECK: rejected:

module {
  func.func @f(%x: tensor<2x4x5x3xf64> {quench.name = "x"})
      -> (tensor<8x9x2xf64> {quench.name = "y"}) attributes {quench.entry} {
    %w = quench.param <"model"::"w"> : tensor<2x3xf64>
    %b = quench.param <"model"::"b"> : tensor<2xf64>
    %0 = quench.window_partition %x window 3 : (tensor<2x4x5x3xf64>) -> tensor<8x9x3xf64>
    %1 = quench.linear %0, %w bias %b
        : (tensor<8x9x3xf64>, tensor<2x3xf64>, tensor<2xf64>) -> tensor<8x9x2xf64> loc("fc")
    return %1 : tensor<8x9x2xf64>
  }
  module @before {
    func.func @f(%x: tensor<2x4x5x3xf64> {quench.name = "x"})
        -> (tensor<8x9x2xf64> {quench.name = "y"}) attributes {quench.entry} {
      %w = quench.param <"model"::"w"> : tensor<2x3xf64>
      %b = quench.param <"model"::"b"> : tensor<2xf64>
      %n = quench.param <"learned"::"fc.noise"> : tensor<3xf64>
      %s = quench.add %x, %n : (tensor<2x4x5x3xf64>, tensor<3xf64>) -> tensor<2x4x5x3xf64>
      %0 = quench.window_partition %s window 3 : (tensor<2x4x5x3xf64>) -> tensor<8x9x3xf64>
      %c = quench.contract %w, %n : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2xf64>
      %d = quench.shift %b, %c negative : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
      %1 = quench.linear %0, %w bias %d
          : (tensor<8x9x3xf64>, tensor<2x3xf64>, tensor<2xf64>) -> tensor<8x9x2xf64>
      return %1 : tensor<8x9x2xf64>
    }
  }
}
