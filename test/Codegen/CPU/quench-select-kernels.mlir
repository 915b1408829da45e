// RUN: quench-opt %s --quench-select-kernels | FileCheck %s
// RUN: quench-opt %s --quench-select-kernels=vector-bytes=32 | FileCheck %s --check-prefix=NARROW
// RUN: not quench-opt %s --quench-select-kernels=vector-bytes=24 2>&1 | FileCheck %s --check-prefix=WIDTH

// WIDTH: expected a vector register of 16, 32 or 64 bytes, found 24

// A linear, its activation and a residual are one call.
// CHECK-LABEL: func.func @linear(
// CHECK-SAME:    %[[X:.*]]: tensor<?x?x384xf32>, %[[R:.*]]: tensor<?x?x40xf32>)
// CHECK:         %[[W:.*]] = quench.param
// CHECK:         %[[B:.*]] = quench.param
// CHECK:         %[[ROWS:.*]] = tensor.collapse_shape %[[X]]
// CHECK:         %[[PACKED:.*]] = quench.pack %[[W]] panel 32 : (tensor<40x384xf32>) -> tensor<2x384x32xf32>
// CHECK:         %[[RESIDUAL:.*]] = tensor.collapse_shape %[[R]]
// CHECK:         quench.call_kernel @kernel_linear_40x384_f32_bias_gelu_erf_residual(%[[ROWS]], %[[PACKED]], %[[B]], %[[RESIDUAL]]
// CHECK-NOT:     quench.gelu
// CHECK-NOT:     quench.add
// NARROW-LABEL: func.func @linear(
// NARROW:         quench.pack %{{.*}} panel 16
func.func @linear(%x: tensor<?x?x384xf32>, %r: tensor<?x?x40xf32>) -> tensor<?x?x40xf32> {
  %w = quench.param <"model"::"w"> : tensor<40x384xf32>
  %b = quench.param <"model"::"b"> : tensor<40xf32>
  %0 = quench.linear %x, %w bias %b : (tensor<?x?x384xf32>, tensor<40x384xf32>, tensor<40xf32>) -> tensor<?x?x40xf32>
  %1 = quench.gelu %0 by erf : tensor<?x?x40xf32>
  %2 = quench.add %r, %1 residual : (tensor<?x?x40xf32>, tensor<?x?x40xf32>) -> tensor<?x?x40xf32>
  return %2 : tensor<?x?x40xf32>
}

// A value with another user is not hidden in a kernel.
// CHECK-LABEL: func.func @two_users(
// CHECK:         quench.call_kernel @kernel_linear_8x4_f32(
// CHECK:         quench.relu
func.func @two_users(%x: tensor<?x4xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %w = quench.param <"model"::"w1"> : tensor<8x4xf32>
  %0 = quench.linear %x, %w : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  %1 = quench.relu %0 : tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// Both factors of a gated product come from one kernel.
// CHECK-LABEL: func.func @gated(
// CHECK:         quench.call_kernel @kernel_linear_8x4_f32_silu_gated(
// CHECK-NOT:     quench.linear
// CHECK-NOT:     quench.gated
func.func @gated(%x: tensor<?x?x4xf32>) -> tensor<?x?x8xf32> {
  %w = quench.param <"model"::"gate"> : tensor<8x4xf32>
  %v = quench.param <"model"::"up"> : tensor<8x4xf32>
  %0 = quench.linear %x, %w : (tensor<?x?x4xf32>, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  %1 = quench.linear %x, %v : (tensor<?x?x4xf32>, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  %2 = quench.gated %0, %1 by silu : tensor<?x?x8xf32>
  return %2 : tensor<?x?x8xf32>
}

// A weight that is known only at run time cannot be packed.
// CHECK-LABEL: func.func @run_time_weight(
// CHECK:         quench.linear
func.func @run_time_weight(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>) -> tensor<?x8xf32> {
  %0 = quench.linear %x, %w : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// Attention of one token has a kernel of its own.
// CHECK-LABEL: func.func @attention(
// CHECK:         quench.call_kernel @kernel_attention_12x4x32x32_f32_mask_i64_causal(
// CHECK:         quench.call_kernel @kernel_attention_12x4x32x32_f32_single_mask_i64_causal(
func.func @attention(%q: tensor<?x?x12x32xf32>, %one: tensor<?x1x12x32xf32>,
                     %k: tensor<?x?x4x32xf32>, %v: tensor<?x?x4x32xf32>, %mask: tensor<?x?xi64>)
    -> (tensor<?x?x12x32xf32>, tensor<?x1x12x32xf32>) {
  %0 = quench.attention %q, %k, %v mask %mask scale 0.17 causal
    : (tensor<?x?x12x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?xi64>) -> tensor<?x?x12x32xf32>
  %1 = quench.attention %one, %k, %v mask %mask scale 0.17 causal
    : (tensor<?x1x12x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?xi64>) -> tensor<?x1x12x32xf32>
  return %0, %1 : tensor<?x?x12x32xf32>, tensor<?x1x12x32xf32>
}

// Clipped probabilities have one, too, which is told how they are stretched.
// CHECK-LABEL: func.func @clipped(
// CHECK-DAG:     %[[SLOPE:.*]] = arith.constant 1.250000e+00 : f32
// CHECK-DAG:     %[[OFFSET:.*]] = arith.constant -2.500000e-01 : f32
// CHECK:         quench.call_kernel @kernel_attention_12x4x32x32_f32_clipped(%{{.*}}, %[[SLOPE]], %[[OFFSET]]
func.func @clipped(%q: tensor<?x?x12x32xf32>, %k: tensor<?x?x4x32xf32>, %v: tensor<?x?x4x32xf32>) -> tensor<?x?x12x32xf32> {
  %0 = quench.attention %q, %k, %v scale 0.17 full {gamma = -0.25 : f64, zeta = 1.0 : f64}
    : (tensor<?x?x12x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>) -> tensor<?x?x12x32xf32>
  return %0 : tensor<?x?x12x32xf32>
}

// CHECK-LABEL: func.func @norms(
// CHECK:         quench.call_kernel @kernel_layer_norm_384_f32_gamma_beta(
// CHECK:         quench.call_kernel @kernel_rms_norm_384_f32_gamma(
func.func @norms(%x: tensor<?x?x384xf32>, %g: tensor<384xf32>) -> tensor<?x?x384xf32> {
  %0 = quench.layer_norm %x gamma %g beta %g eps 1.000000e-12 : (tensor<?x?x384xf32>, tensor<384xf32>, tensor<384xf32>) -> tensor<?x?x384xf32>
  %1 = quench.rms_norm %0 gamma %g eps 1.000000e-06 : (tensor<?x?x384xf32>, tensor<384xf32>) -> tensor<?x?x384xf32>
  return %1 : tensor<?x?x384xf32>
}

// The tile of twelve rows by two registers, and no call of a function of libm.
// CHECK-LABEL: func.func private @kernel_linear_40x384_f32_bias_gelu_erf_residual(
// CHECK:         scf.parallel
// CHECK-COUNT-96:  vector.fma {{.*}} : vector<16xf32>
// CHECK-NOT:     math.erf

// Scores of one block of keys, on the stack; nothing of the size of a sequence.
// CHECK-LABEL: func.func private @kernel_attention_12x4x32x32_f32_mask_i64_causal(
// CHECK-NOT:     memref.alloc(
// CHECK:         memref.alloca() {alignment = 64 : i64} : memref<64x32xf32>
// CHECK-NOT:     math.exp
// CHECK-LABEL: func.func private @kernel_attention_12x4x32x32_f32_single
