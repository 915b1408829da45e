// RUN: quench-opt %s --quench-select-kernels | FileCheck %s

// The state of a scan is updated where it is.
// CHECK-LABEL: func.func @scan(
// CHECK-SAME:    %[[STATE:[^:]*]]: tensor<?x40x16xf32>)
// CHECK:         quench.call_kernel @kernel_scan_40x16_f32_skip_state(
// CHECK-SAME:      outs(%{{.*}}, %[[STATE]] : tensor<?x?x40xf32>, tensor<?x40x16xf32>)
func.func @scan(%u: tensor<?x?x40xf32>, %a: tensor<40x16xf32>, %b: tensor<?x?x16xf32>, %d: tensor<40xf32>,
                %state: tensor<?x40x16xf32>) -> (tensor<?x?x40xf32>, tensor<?x40x16xf32>) {
  %0:2 = quench.selective_scan %u delta %u a %a b %b c %b d %d state %state
    : (tensor<?x?x40xf32>, tensor<?x?x40xf32>, tensor<40x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<40xf32>, tensor<?x40x16xf32>)
    -> (tensor<?x?x40xf32>, tensor<?x40x16xf32>)
  return %0#0, %0#1 : tensor<?x?x40xf32>, tensor<?x40x16xf32>
}

// A convolution takes the activation after it.
// CHECK-LABEL: func.func @conv(
// CHECK:         quench.call_kernel @kernel_conv1d_40x4_f32_bias_silu(
// CHECK-NOT:     quench.silu
func.func @conv(%x: tensor<?x?x40xf32>, %w: tensor<40x4xf32>, %b: tensor<40xf32>)
    -> (tensor<?x?x40xf32>, tensor<?x3x40xf32>) {
  %0:2 = quench.causal_conv1d %x, %w bias %b
    : (tensor<?x?x40xf32>, tensor<40x4xf32>, tensor<40xf32>) -> (tensor<?x?x40xf32>, tensor<?x3x40xf32>)
  %1 = quench.silu %0#0 : tensor<?x?x40xf32>
  return %1, %0#1 : tensor<?x?x40xf32>, tensor<?x3x40xf32>
}

// Lanes are channels; the last vector of a row is masked.
// CHECK-LABEL: func.func private @kernel_scan_40x16_f32_skip_state(
// CHECK:         scf.parallel
// CHECK:         vector.create_mask
// CHECK:         vector.maskedload
// CHECK-NOT:     math.exp
// CHECK:         return
