// Quantizers that keep a scale for each channel, and why.

// RUN: quench-opt %s --quench-reparameterize-scales --split-input-file \
// RUN:   --remarks-filter=quench-reparameterize-scales 2>&1 | FileCheck %s --implicit-check-not='by(#quench.uniform<i8>)'
// RUN: not quench-opt %s --quench-reparameterize-scales='sites=(' --split-input-file 2>&1 | FileCheck %s --check-prefix=PATTERN
// PATTERN: error: option 'sites': parentheses not balanced

// CHECK: quench.fake_quant: its channels are in no weights that could take their scales (quench.fake_quant)
func.func @argument(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i8, axis = 1>) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// CHECK: norm: it is quantized in two ways (quench.fake_quant)
func.func @two_ways(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %t = quench.param <"model"::"t"> : tensor<8xf32>
  %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm")
  %1 = quench.fake_quant %0, %s by(#quench.uniform<i8, axis = 1>) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = quench.fake_quant %0, %t by(#quench.uniform<i8, axis = 1>) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %3 = quench.linear %1, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %4 = quench.linear %2, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %3, %4 : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// One pair of a norm and a map in two entry points.
// CHECK: norm: several entry points have a part in it (quench.fake_quant)
func.func @prefill(%x: tensor<?x8xf32> {quench.name = "x"}) -> (tensor<?x4xf32> {quench.name = "y"}) attributes {quench.entry} {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm")
  %1 = quench.fake_quant %0, %s by(#quench.uniform<i8, axis = 1>) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = quench.linear %1, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}
func.func @decode(%x: tensor<1x8xf32> {quench.name = "x"}) -> (tensor<1x4xf32> {quench.name = "y"}) attributes {quench.entry} {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32> loc("norm")
  %1 = quench.fake_quant %0, %s by(#quench.uniform<i8, axis = 1>) : (tensor<1x8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
  %2 = quench.linear %1, %w : (tensor<1x8xf32>, tensor<4x8xf32>) -> tensor<1x4xf32>
  return %2 : tensor<1x4xf32>
}

// -----

// Functions that are no entry points are models of their own.
// CHECK: first: one scale instead of 8 in 2 weights
// CHECK: second: one scale instead of 8 in 2 weights
func.func @first(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("first")
  %1 = quench.fake_quant %0, %s by(#quench.uniform<i4, axis = 1>) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = quench.linear %1, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}
func.func @second(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("second")
  %1 = quench.fake_quant %0, %s by(#quench.uniform<i4, axis = 1>) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = quench.linear %1, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}
