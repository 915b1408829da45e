// The public codes of rotations subtract the mean of embeddings from models with RMS
// norms too.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-fold-norm-affine,quench-layernorm-to-rmsnorm
// CHECK: e-1{{[2-9]}} twin:
// MUTANT: [QuaRot, SpinQuant, RSQ] subtracts the mean of the embedding :: use centred
// CHECK: rejected:

module attributes {quench.symbols = {n = [1]}} {
  func.func @f(%ids: tensor<?xi64> {quench.name = "ids", quench.dims = ["n"], quench.range = array<i64: 0, 11>})
      -> (tensor<?x5xf64> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
    %t = quench.param <"model"::"t"> : tensor<11x8xf64>
    %g = quench.param <"model"::"g"> : tensor<8xf64>
    %w = quench.param <"model"::"w"> : tensor<5x8xf64>
    %0 = quench.embedding %ids, %t : (tensor<?xi64>, tensor<11x8xf64>) -> tensor<?x8xf64>
    %1 = quench.rms_norm %0 gamma %g eps 1.0e-5 : (tensor<?x8xf64>, tensor<8xf64>) -> tensor<?x8xf64>
    %2 = quench.linear %1, %w : (tensor<?x8xf64>, tensor<5x8xf64>) -> tensor<?x5xf64>
    return %2 : tensor<?x5xf64>
  }
  module @centred {
    func.func @f(%ids: tensor<?xi64> {quench.name = "ids", quench.dims = ["n"], quench.range = array<i64: 0, 11>})
        -> (tensor<?x5xf64> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
      %t = quench.param <"model"::"t"> : tensor<11x8xf64>
      %c = quench.center %t axis 1 : (tensor<11x8xf64>) -> tensor<11x8xf64>
      %g = quench.param <"model"::"g"> : tensor<8xf64>
      %w = quench.param <"model"::"w"> : tensor<5x8xf64>
      %0 = quench.embedding %ids, %c : (tensor<?xi64>, tensor<11x8xf64>) -> tensor<?x8xf64>
      %1 = quench.rms_norm %0 gamma %g eps 1.0e-5 : (tensor<?x8xf64>, tensor<8xf64>) -> tensor<?x8xf64>
      %2 = quench.linear %1, %w : (tensor<?x8xf64>, tensor<5x8xf64>) -> tensor<?x5xf64>
      return %2 : tensor<?x5xf64>
    }
  }
}
