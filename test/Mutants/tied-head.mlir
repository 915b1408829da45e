// A gain that goes into a head does not go into the embedding that has its weight.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-fold-norm-affine
// CHECK: e-1{{[2-9]}} twin:
// MUTANT: keeps embedding and head tied :: use tied
// CHECK: rejected:

module attributes {quench.symbols = {n = [1]}} {
  func.func @f(%ids: tensor<?xi64> {quench.name = "ids", quench.dims = ["n"], quench.range = array<i64: 0, 11>})
      -> (tensor<?x11xf64> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
    %t = quench.param <"model"::"t"> : tensor<11x8xf64>
    %g = quench.param <"model"::"g"> : tensor<8xf64>
    %0 = quench.embedding %ids, %t : (tensor<?xi64>, tensor<11x8xf64>) -> tensor<?x8xf64>
    %1 = quench.rms_norm %0 gamma %g eps 1.0e-5 : (tensor<?x8xf64>, tensor<8xf64>) -> tensor<?x8xf64>
    %2 = quench.linear %1, %t : (tensor<?x8xf64>, tensor<11x8xf64>) -> tensor<?x11xf64>
    return %2 : tensor<?x11xf64>
  }
  module @tied {
    func.func @f(%ids: tensor<?xi64> {quench.name = "ids", quench.dims = ["n"], quench.range = array<i64: 0, 11>})
        -> (tensor<?x11xf64> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
      %t = quench.param <"model"::"t"> : tensor<11x8xf64>
      %g = quench.param <"model"::"g"> : tensor<8xf64>
      %s = quench.channel_scale %t, %g axis 1 : (tensor<11x8xf64>, tensor<8xf64>) -> tensor<11x8xf64>
      %0 = quench.embedding %ids, %s : (tensor<?xi64>, tensor<11x8xf64>) -> tensor<?x8xf64>
      %1 = quench.rms_norm %0 eps 1.0e-5 : (tensor<?x8xf64>) -> tensor<?x8xf64>
      %2 = quench.linear %1, %s : (tensor<?x8xf64>, tensor<11x8xf64>) -> tensor<?x11xf64>
      return %2 : tensor<?x11xf64>
    }
  }
}
