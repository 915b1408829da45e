// RUN: quench-opt %s --quench-noisy-bias=source=given --remarks-filter=quench-noisy-bias > %t 2> %t.remarks
// RUN: FileCheck %s < %t
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// RUN: quench-opt %s --quench-noisy-bias="seed=7 amplitude=0.25 only-quantized" | FileCheck %s --check-prefix=UNIFORM
// RUN: quench-opt %s --quench-noisy-bias="sites=fc$" | FileCheck %s --check-prefix=SITES
// RUN: not quench-opt %s --quench-noisy-bias="sites=(" 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: error: option 'sites': parentheses not balanced

// Noise comes before the quantizer and is added once for all that read it.

// CHECK-LABEL: @quantized
// CHECK: %[[N:.*]] = quench.param <"learned"::"q.noise"> : tensor<3xf64>
// CHECK: %[[SUM:.*]] = quench.add %{{.*}}, %[[N]]
// CHECK: %[[CODES:.*]] = quench.fake_quant %[[SUM]]
// CHECK-NOT: quench.fake_quant
// CHECK: quench.contract %{{.*}}, %[[N]]
// CHECK: %[[BIAS:.*]] = quench.shift %{{.*}} negative
// CHECK: quench.linear %[[CODES]], %{{.*}} bias %[[BIAS]]
// CHECK: quench.linear %[[CODES]], %{{.*}} bias %
// UNIFORM-LABEL: @quantized
// UNIFORM: %[[NOISE:.*]] = quench.noise seed {{-?[0-9]+}} : tensor<3xf64>
// UNIFORM: %[[RANGE:.*]] = quench.fill 2.500000e-01 : tensor<f64>
// UNIFORM: %[[STEPS:.*]] = quench.channel_scale %[[NOISE]], %[[RANGE]] axis 0
// UNIFORM: quench.channel_scale %[[STEPS]], %{{.*}} axis 0
// SITES-LABEL: @quantized
// SITES-NOT: quench.noise
// SITES: return
// REMARK: noise in the input of 2 ops
func.func @quantized(%x: tensor<2x3xf64>) -> (tensor<2x4xf64>, tensor<2x4xf64>) {
  %s = quench.param <"m"::"s"> : tensor<f64>
  %w = quench.param <"m"::"w"> : tensor<4x3xf64>
  %b = quench.param <"m"::"b"> : tensor<4xf64>
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i6>) : (tensor<2x3xf64>, tensor<f64>) -> tensor<2x3xf64>
  %1 = quench.linear %0, %w bias %b
    : (tensor<2x3xf64>, tensor<4x3xf64>, tensor<4xf64>) -> tensor<2x4xf64> loc("q")
  %2 = quench.linear %0, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64> loc("k")
  return %1, %2 : tensor<2x4xf64>, tensor<2x4xf64>
}

// Behind a layer norm its offset takes the noise, before everything else. In f32
// the bias takes what the noise was rounded to.

// CHECK-LABEL: @folded
// CHECK: %[[N:.*]] = quench.param <"learned"::"fc.noise"> : tensor<3xf32>
// CHECK: %[[WIDE:.*]] = quench.cast %[[N]] : (tensor<3xf32>) -> tensor<3xf64>
// CHECK: %[[BETA:.*]] = quench.shift
// CHECK: %[[BETA32:.*]] = quench.cast %[[BETA]]
// CHECK: quench.layer_norm %{{.*}} beta %[[BETA32]]
// CHECK-NOT: quench.add
// CHECK: quench.contract %{{.*}}, %[[WIDE]]
// UNIFORM-LABEL: @folded
// UNIFORM-NOT: quench.noise
// UNIFORM: return
// SITES-LABEL: @folded
// SITES: %[[N32:.*]] = quench.cast %{{.*}} : (tensor<3xf64>) -> tensor<3xf32>
// SITES: %[[WIDE:.*]] = quench.cast %[[N32]] : (tensor<3xf32>) -> tensor<3xf64>
// SITES: quench.contract %{{.*}}, %[[WIDE]]
// REMARK: noise in the input of 1 ops, from the bias that writes it
func.func @folded(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  %g = quench.param <"m"::"g"> : tensor<3xf32>
  %b = quench.param <"m"::"b"> : tensor<3xf32>
  %w = quench.param <"m"::"w"> : tensor<4x3xf32>
  %0 = quench.layer_norm %x gamma %g beta %b eps 1.0e-5
    : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = quench.linear %0, %w : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32> loc("fc")
  return %1 : tensor<2x4xf32>
}

// What something else reads too keeps its numbers.

// CHECK-LABEL: @shared
// CHECK: quench.layer_norm %{{.*}} eps
// CHECK: quench.add
// CHECK: return
func.func @shared(%x: tensor<2x3xf64>) -> (tensor<2x4xf64>, tensor<2x3xf64>) {
  %w = quench.param <"m"::"w"> : tensor<4x3xf64>
  %0 = quench.layer_norm %x eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>
  %1 = quench.linear %0, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
  return %1, %0 : tensor<2x4xf64>, tensor<2x3xf64>
}

// A step for each token is not known before: noise would have to change with it.

// UNIFORM-LABEL: @dynamic
// UNIFORM-NOT: quench.noise
func.func @dynamic(%x: tensor<2x3xf64>, %s: tensor<2xf64>) -> tensor<2x4xf64> {
  %w = quench.param <"m"::"w"> : tensor<4x3xf64>
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i6, token>) : (tensor<2x3xf64>, tensor<2xf64>) -> tensor<2x3xf64>
  %1 = quench.linear %0, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
  return %1 : tensor<2x4xf64>
}
