// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-fold-spectral-norm
// CHECK: e-1{{[2-9]}} twin:
// MUTANT: scales the bias :: use biased
// MUTANT: forgets the factor :: drop quench.channel_scale #1
// MUTANT: divides by the factor :: toggle quench.channel_scale inverse #1
// MUTANT: divides by the gain, not by the norm :: toggle quench.channel_scale inverse #0
// CHECK-COUNT-4: rejected:

module attributes {quench.symbols = {n = [1]}} {
  func.func @f(%x: tensor<?x6xf64> {quench.name = "x", quench.dims = ["n"]})
      -> (tensor<?x5xf64> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
    %w = quench.param <"model"::"w"> : tensor<5x6xf64>
    %u = quench.param <"model"::"u"> : tensor<6xf64>
    %g = quench.param <"model"::"g"> : tensor<1xf64>
    %b = quench.param <"model"::"b"> : tensor<5xf64>
    %s = quench.spectral_norm %w, %u : (tensor<5x6xf64>, tensor<6xf64>) -> tensor<f64>
    %q = quench.channel_scale %g, %s axis 0 inverse : (tensor<1xf64>, tensor<f64>) -> tensor<1xf64>
    %c = quench.reshape %q : (tensor<1xf64>) -> tensor<f64>
    %0 = quench.linear %x, %w : (tensor<?x6xf64>, tensor<5x6xf64>) -> tensor<?x5xf64>
    %1 = quench.mul %0, %c : (tensor<?x5xf64>, tensor<f64>) -> tensor<?x5xf64>
    %2 = quench.add %1, %b : (tensor<?x5xf64>, tensor<5xf64>) -> tensor<?x5xf64>
    return %2 : tensor<?x5xf64>
  }
  module @biased {
    func.func @f(%x: tensor<?x6xf64> {quench.name = "x", quench.dims = ["n"]})
        -> (tensor<?x5xf64> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
      %w = quench.param <"model"::"w"> : tensor<5x6xf64>
      %u = quench.param <"model"::"u"> : tensor<6xf64>
      %g = quench.param <"model"::"g"> : tensor<1xf64>
      %b = quench.param <"model"::"b"> : tensor<5xf64>
      %s = quench.spectral_norm %w, %u : (tensor<5x6xf64>, tensor<6xf64>) -> tensor<f64>
      %q = quench.channel_scale %g, %s axis 0 inverse : (tensor<1xf64>, tensor<f64>) -> tensor<1xf64>
      %c = quench.reshape %q : (tensor<1xf64>) -> tensor<f64>
      %0 = quench.linear %x, %w bias %b : (tensor<?x6xf64>, tensor<5x6xf64>, tensor<5xf64>) -> tensor<?x5xf64>
      %1 = quench.mul %0, %c : (tensor<?x5xf64>, tensor<f64>) -> tensor<?x5xf64>
      return %1 : tensor<?x5xf64>
    }
  }
}
