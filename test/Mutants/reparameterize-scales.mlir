// One scale and zero point instead of one for each channel, and wrong versions.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-reparameterize-scales
// CHECK: e-1{{[2-9]}} twin: quench-reparameterize-scales
// MUTANT: the scale of the norm is forgotten :: drop quench.channel_scale where=gamma
// MUTANT: the bias of the norm is not scaled :: drop quench.channel_scale where=beta
// MUTANT: one of the readers is forgotten :: drop quench.channel_scale where=up
// MUTANT: the bias of a reader is forgotten :: drop quench.shift where=bias
// MUTANT: a reader has no bias :: omit quench.linear 2 #1
// MUTANT: the norm is shifted the other way :: toggle quench.shift negative where=beta
// MUTANT: [RepQ-ViT] a channel without a range is divided by it :: drop quench.fill_dead #0; drop quench.checked_scale
// CHECK-COUNT-7: rejected:

module attributes {quench.symbols = {n = [1]}} {
  func.func @f(%x: tensor<?x16xf32> {quench.name = "x", quench.dims = ["n"]})
      -> (tensor<?x12xf32> {quench.name = "y", quench.dims = ["n"]},
          tensor<?x8xf32> {quench.name = "z", quench.dims = ["n"]})
      attributes {quench.entry} {
    %gamma = quench.param <"model"::"gamma"> : tensor<16xf32>
    %beta = quench.param <"model"::"beta"> : tensor<16xf32>
    %w = quench.param <"model"::"gate"> : tensor<12x16xf32>
    %b = quench.param <"model"::"bias"> : tensor<12xf32>
    %u = quench.param <"model"::"up"> : tensor<8x16xf32>
    %live = quench.param <"stats"::"scale.absmax"> : tensor<15xf32>
    %dead = quench.fill 0.0 : tensor<1xf32>
    %s = quench.concat %live, %dead axis 0 : (tensor<15xf32>, tensor<1xf32>) -> tensor<16xf32>
    %z = quench.param <"model"::"zero"> : tensor<16xi8>
    %0 = quench.layer_norm %x gamma %gamma beta %beta eps 1.0e-5
        : (tensor<?x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    %1 = quench.fake_quant %0, %s, %z by(#quench.uniform<i8, asymmetric, axis = 1>)
        : (tensor<?x16xf32>, tensor<16xf32>, tensor<16xi8>) -> tensor<?x16xf32>
    %2 = quench.linear %1, %w bias %b
        : (tensor<?x16xf32>, tensor<12x16xf32>, tensor<12xf32>) -> tensor<?x12xf32>
    %3 = quench.linear %1, %u
        : (tensor<?x16xf32>, tensor<8x16xf32>) -> tensor<?x8xf32>
    return %2, %3 : tensor<?x12xf32>, tensor<?x8xf32>
  }
}
