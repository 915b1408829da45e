// RUN: quench-opt %s --quench-legalize | FileCheck %s
// RUN: quench-opt %s --quench-legalize --remarks-filter=quench-legalize -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Operands with zero points or without, and an integer softmax, are one op.
// CHECK-LABEL: func.func @attention
// CHECK: %[[Q:.*]] = quench.encode %{{.*}}, %[[S:.*]], %[[Z:.*]] by(#quench.uniform<u8, asymmetric>)
// CHECK: %[[K:.*]] = quench.encode %{{.*}}, %[[T:.*]] by(#quench.uniform<i8, token>)
// CHECK: %[[R:.*]] = quench.log_int_attention %[[Q]] scale %[[S]] zero %[[Z]] by(#quench.uniform<u8, asymmetric>), %[[K]] scale %[[T]] by(#quench.uniform<i8, token>), %[[Q]] scale %[[S]] zero %[[Z]] by(#quench.uniform<u8, asymmetric>) probabilities(#quench.log<u4, zero = extra>) step 1.250000e-01 mask %{{.*}} scale 2.500000e-01 causal {element_type = bf16}
// CHECK-NEXT: return %[[R]]
// REMARK: [Passed] integer | {{.*}}attention sums products of codes as integers
func.func @attention(%q: tensor<?x?x4x8xbf16>, %k: tensor<?x?x4x8xbf16>, %m: tensor<?x?xi64>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<?x?x4x8xbf16> {
  %0 = quench.fake_quant %q, %s, %z by(#quench.uniform<u8, asymmetric>) : (tensor<?x?x4x8xbf16>, tensor<f32>, tensor<i8>) -> tensor<?x?x4x8xbf16>
  %t = quench.dynamic_scale %k by(#quench.uniform<i8, token>) : (tensor<?x?x4x8xbf16>) -> tensor<?x?x4xf32>
  %1 = quench.fake_quant %k, %t by(#quench.uniform<i8, token>) : (tensor<?x?x4x8xbf16>, tensor<?x?x4xf32>) -> tensor<?x?x4x8xbf16>
  %p = quench.log_int_probabilities %0, %1 by(#quench.log<u4, zero = extra>) step 0.125 mask %m scale 0.25 causal : (tensor<?x?x4x8xbf16>, tensor<?x?x4x8xbf16>, tensor<?x?xi64>) -> tensor<?x4x?x?xbf16>
  %2 = quench.attention_values %p, %0 : (tensor<?x4x?x?xbf16>, tensor<?x?x4x8xbf16>) -> tensor<?x?x4x8xbf16>
  return %2 : tensor<?x?x4x8xbf16>
}

// What keeps products in floats; the softmax is of integers all the same.
// CHECK-LABEL: func.func @floats
// CHECK-NOT: quench.log_int_attention
// CHECK-COUNT-5: quench.log_int_probabilities
// REMARK: [Missed] float | {{.*}}products of attention stay in floats: its key has no quantizer
// REMARK: [Missed] float | {{.*}}products of attention stay in floats: the numbers of #quench.log<u4> are no integers
// REMARK: [Missed] float | {{.*}}products of attention stay in floats: zero points of fewer than 8 bits have no bytes
// REMARK: [Missed] float | {{.*}}products of attention stay in floats: scales of #quench.uniform<i8, token> differ within a sum
// REMARK: [Missed] float | {{.*}}products of attention stay in floats: sums of 32768 products of #quench.uniform<i8> and #quench.uniform<i8> need more than 32 bits
func.func @floats(%q: tensor<2x5x4x8xf32>, %w: tensor<1x2x1x32768xf32>, %s: tensor<f32>, %z: tensor<i4>, %t: tensor<2x5x4xf32>)
    -> (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<1x2x1x32768xf32>) {
  %0 = quench.fake_quant %q, %s by(#quench.uniform<i8>) : (tensor<2x5x4x8xf32>, tensor<f32>) -> tensor<2x5x4x8xf32>
  %1 = quench.fake_quant %q, %s by(#quench.log<u4>) : (tensor<2x5x4x8xf32>, tensor<f32>) -> tensor<2x5x4x8xf32>
  %2 = quench.fake_quant %q, %s, %z by(#quench.uniform<u4, asymmetric>) : (tensor<2x5x4x8xf32>, tensor<f32>, tensor<i4>) -> tensor<2x5x4x8xf32>
  %3 = quench.fake_quant %q, %t by(#quench.uniform<i8, token>) : (tensor<2x5x4x8xf32>, tensor<2x5x4xf32>) -> tensor<2x5x4x8xf32>
  %4 = quench.fake_quant %w, %s by(#quench.uniform<i8>) : (tensor<1x2x1x32768xf32>, tensor<f32>) -> tensor<1x2x1x32768xf32>
  %a = quench.log_int_probabilities %0, %q by(#quench.log<u4, zero = last>) step 0.125 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  %b = quench.log_int_probabilities %0, %1 by(#quench.log<u4, zero = last>) step 0.125 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  %c = quench.log_int_probabilities %2, %0 by(#quench.log<u4, zero = last>) step 0.125 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  %d = quench.log_int_probabilities %0, %0 by(#quench.log<u4, zero = last>) step 0.125 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  %e = quench.log_int_probabilities %4, %4 by(#quench.log<u4, zero = last>) step 0.125 scale 0.25 full : (tensor<1x2x1x32768xf32>, tensor<1x2x1x32768xf32>) -> tensor<1x1x2x2xf32>
  %5 = quench.attention_values %a, %0 : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %6 = quench.attention_values %b, %0 : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %7 = quench.attention_values %c, %0 : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %8 = quench.attention_values %d, %3 : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %9 = quench.attention_values %e, %4 : (tensor<1x1x2x2xf32>, tensor<1x2x1x32768xf32>) -> tensor<1x2x1x32768xf32>
  return %5, %6, %7, %8, %9 : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<1x2x1x32768xf32>
}

// CHECK-LABEL: func.func @wide
// CHECK-NOT: quench.log_int_attention
// CHECK: return
// REMARK: [Missed] float | {{.*}}products of attention stay in floats: sums of integers become f32, the model has f64
func.func @wide(%q: tensor<2x5x4x8xf64>, %s: tensor<f64>) -> tensor<2x5x4x8xf64> {
  %0 = quench.fake_quant %q, %s by(#quench.uniform<i8>) : (tensor<2x5x4x8xf64>, tensor<f64>) -> tensor<2x5x4x8xf64>
  %p = quench.log_int_probabilities %0, %0 by(#quench.log<u2, zero = last>) step 0.125 scale 0.25 full : (tensor<2x5x4x8xf64>, tensor<2x5x4x8xf64>) -> tensor<2x4x5x5xf64>
  %1 = quench.attention_values %p, %0 : (tensor<2x4x5x5xf64>, tensor<2x5x4x8xf64>) -> tensor<2x5x4x8xf64>
  return %1 : tensor<2x5x4x8xf64>
}
