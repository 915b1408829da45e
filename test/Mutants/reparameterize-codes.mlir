// What is published without a rounded zero point keeps the function of real
// numbers, and not the codes: here quantizers are compared too.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// QUANTIZERS: kept
// PIPELINE: quench-reparameterize-scales
// CHECK: e-1{{[2-9]}} twin: quench-reparameterize-scales
// MUTANT: [RepQ-ViT] a zero point between two integers :: use fractional
// CHECK: rejected:

module attributes {quench.symbols = {n = [1]}} {
  func.func @f(%x: tensor<?x8xf64> {quench.name = "x", quench.dims = ["n"]})
      -> (tensor<?x6xf64> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
    %gamma = quench.param <"model"::"gamma"> : tensor<8xf64>
    %beta = quench.param <"model"::"beta"> : tensor<8xf64>
    %w = quench.param <"model"::"w"> : tensor<6x8xf64>
    %b = quench.param <"model"::"b"> : tensor<6xf64>
    %s = quench.param <"stats"::"scale.absmax"> : tensor<8xf64>
    %z = quench.param <"model"::"zero"> : tensor<8xi8>
    %0 = quench.layer_norm %x gamma %gamma beta %beta eps 1.0e-5
        : (tensor<?x8xf64>, tensor<8xf64>, tensor<8xf64>) -> tensor<?x8xf64>
    %1 = quench.fake_quant %0, %s, %z by(#quench.uniform<i8, asymmetric, axis = 1>)
        : (tensor<?x8xf64>, tensor<8xf64>, tensor<8xi8>) -> tensor<?x8xf64>
    %2 = quench.linear %1, %w bias %b
        : (tensor<?x8xf64>, tensor<6x8xf64>, tensor<6xf64>) -> tensor<?x6xf64>
    return %2 : tensor<?x6xf64>
  }
  // The common zero point is a half for the shift and 0 for the quantizer.
  module @fractional {
    func.func @f(%x: tensor<?x8xf64> {quench.name = "x", quench.dims = ["n"]})
        -> (tensor<?x6xf64> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
      %gamma = quench.param <"model"::"gamma"> : tensor<8xf64>
      %beta = quench.param <"model"::"beta"> : tensor<8xf64>
      %w = quench.param <"model"::"w"> : tensor<6x8xf64>
      %b = quench.param <"model"::"b"> : tensor<6xf64>
      %s = quench.param <"stats"::"scale.absmax"> : tensor<8xf64>
      %z = quench.param <"model"::"zero"> : tensor<8xi8>
      %one = quench.fill 1.0 : tensor<f64>
      %half = quench.fill 0.5 : tensor<8xf64>
      %zf = quench.dequantize %z, %one by(#quench.uniform<i8>) : (tensor<8xi8>, tensor<f64>) -> tensor<8xf64>
      %t = quench.common_scale %s by mean : (tensor<8xf64>) -> tensor<f64>
      %r = quench.channel_scale %s, %t axis 0 inverse : (tensor<8xf64>, tensor<f64>) -> tensor<8xf64>
      %zd = quench.shift %zf, %half negative : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %d = quench.channel_scale %zd, %t axis 0 : (tensor<8xf64>, tensor<f64>) -> tensor<8xf64>
      %g1 = quench.channel_scale %gamma, %r axis 0 inverse : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %b1 = quench.channel_scale %beta, %r axis 0 inverse : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %b2 = quench.shift %b1, %d : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %w1 = quench.channel_scale %w, %r axis 1 : (tensor<6x8xf64>, tensor<8xf64>) -> tensor<6x8xf64>
      %wd = quench.contract %w1, %d : (tensor<6x8xf64>, tensor<8xf64>) -> tensor<6xf64>
      %b3 = quench.shift %b, %wd negative : (tensor<6xf64>, tensor<6xf64>) -> tensor<6xf64>
      %none = quench.fill 0.0 : tensor<f64>
      %u = quench.quantize %none, %one by(#quench.uniform<i8>) : (tensor<f64>, tensor<f64>) -> tensor<i8>
      %0 = quench.layer_norm %x gamma %g1 beta %b2 eps 1.0e-5
          : (tensor<?x8xf64>, tensor<8xf64>, tensor<8xf64>) -> tensor<?x8xf64>
      %1 = quench.fake_quant %0, %t, %u by(#quench.uniform<i8, asymmetric>)
          : (tensor<?x8xf64>, tensor<f64>, tensor<i8>) -> tensor<?x8xf64>
      %2 = quench.linear %1, %w1 bias %b3
          : (tensor<?x8xf64>, tensor<6x8xf64>, tensor<6xf64>) -> tensor<?x6xf64>
      return %2 : tensor<?x6xf64>
    }
  }
}
