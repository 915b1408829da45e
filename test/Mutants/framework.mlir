// How mutants are made: a twin that is written by hand, and an operator each.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: use affine
// CHECK: e-1{{[4-9]}} twin: use affine
// MUTANT: forgets the gain :: drop quench.mul
// MUTANT: another epsilon :: set quench.layer_norm eps 1.0e-6
// MUTANT: forgets the bias of the linear :: omit quench.linear 2
// MUTANT: an activation too many :: wrap quench.add quench.relu {} #0
// MUTANT: another function :: use tanh
// CHECK-COUNT-5: rejected:

// What is no mutant is an error.
// RUN: sed -e 's/MUTANT: \(.*\) ::.*/MUTANT: \1 :: set quench.layer_norm eps 1.0e-5/' %s > %t.same
// RUN: not %mutants %t.same %s 2>&1 | FileCheck %s --check-prefix=SAME
// SAME: PASSES: forgets the gain
// SAME: error: {{.*}}mutant 'forgets the gain' is not rejected
// RUN: echo 'PIPELINE: use tanh' > %t.twin
// RUN: echo 'MUTANT: none :: drop quench.mul' >> %t.twin
// RUN: not %mutants %t.twin %s 2>&1 | FileCheck %s --check-prefix=TWIN
// TWIN: error: the twin of the mutants is rejected: output 'y'
// RUN: echo 'MUTANT: none :: drop quench.silu' > %t.none
// RUN: not %mutants %t.none %s 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: mutant 'none' is none: no op for 'drop quench.silu'

module attributes {quench.symbols = {n = [1]}} {
  func.func @f(%x: tensor<?x16xf32> {quench.name = "x", quench.dims = ["n"]})
      -> (tensor<?x16xf32> {quench.name = "y", quench.dims = ["n"]})
      attributes {quench.entry} {
    %gamma = quench.param <"model"::"gamma"> : tensor<16xf32>
    %beta = quench.param <"model"::"beta"> : tensor<16xf32>
    %w = quench.param <"model"::"w"> : tensor<16x16xf32>
    %b = quench.param <"model"::"b"> : tensor<16xf32>
    %0 = quench.layer_norm %x gamma %gamma beta %beta eps 1.0e-5
        : (tensor<?x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    %1 = quench.linear %0, %w bias %b
        : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    return %1 : tensor<?x16xf32>
  }
  module @affine {
    func.func @f(%x: tensor<?x16xf32> {quench.name = "x", quench.dims = ["n"]})
        -> (tensor<?x16xf32> {quench.name = "y", quench.dims = ["n"]})
        attributes {quench.entry} {
      %gamma = quench.param <"model"::"gamma"> : tensor<16xf32>
      %beta = quench.param <"model"::"beta"> : tensor<16xf32>
      %w = quench.param <"model"::"w"> : tensor<16x16xf32>
      %b = quench.param <"model"::"b"> : tensor<16xf32>
      %0 = quench.layer_norm %x eps 1.0e-5
          : (tensor<?x16xf32>) -> tensor<?x16xf32>
      %1 = quench.mul %0, %gamma
          : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
      %2 = quench.add %1, %beta
          : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
      %3 = quench.linear %2, %w bias %b
          : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
      return %3 : tensor<?x16xf32>
    }
  }
  module @tanh {
    func.func @f(%x: tensor<?x16xf32> {quench.name = "x", quench.dims = ["n"]})
        -> (tensor<?x16xf32> {quench.name = "y", quench.dims = ["n"]})
        attributes {quench.entry} {
      %0 = quench.tanh %x : tensor<?x16xf32>
      return %0 : tensor<?x16xf32>
    }
  }
}
