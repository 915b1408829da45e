// RUN: quench-opt %s --quench-select-kernels | FileCheck %s

// A map gets its padding first; the kernel takes the activation that follows, and
// taps with their channels last.
// CHECK-LABEL: func.func @conv(
// CHECK:         %[[MAP:.*]] = tensor.pad %{{.*}} low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK:         %[[TAPS:.*]] = quench.transpose %{{.*}} [1, 0] : (tensor<24x9xf32>) -> tensor<9x24xf32>
// CHECK:         quench.call_kernel @kernel_depthwise_24x3x3_by_2x2_f32_bias_silu(%[[MAP]], %[[TAPS]],
// CHECK-NOT:     quench.silu
func.func @conv(%x: tensor<?x9x8x24xf32>) -> tensor<?x5x4x24xf32> {
  %w = quench.param <"model"::"w"> : tensor<24x3x3xf32>
  %b = quench.param <"model"::"b"> : tensor<24xf32>
  %0 = quench.depthwise_conv2d %x, %w bias %b strides [2, 2] padding [1, 1]
    : (tensor<?x9x8x24xf32>, tensor<24x3x3xf32>, tensor<24xf32>) -> tensor<?x5x4x24xf32>
  %1 = quench.silu %0 : tensor<?x5x4x24xf32>
  return %1 : tensor<?x5x4x24xf32>
}

// A weight that is computed at run time is left to loops.
// CHECK-LABEL: func.func @computed(
// CHECK:         quench.depthwise_conv2d
func.func @computed(%x: tensor<?x9x8x24xf32>, %w: tensor<24x3x3xf32>) -> tensor<?x7x6x24xf32> {
  %0 = quench.depthwise_conv2d %x, %w strides [1, 1] padding [0, 0] : (tensor<?x9x8x24xf32>, tensor<24x3x3xf32>) -> tensor<?x7x6x24xf32>
  return %0 : tensor<?x7x6x24xf32>
}

// Taps are loaded once for a row of the result; the last vector of channels is
// masked.
// CHECK-LABEL: func.func private @kernel_depthwise_24x3x3_by_2x2_f32_bias_silu(
// CHECK:         scf.parallel
// CHECK-COUNT-9: vector.load
// CHECK:         scf.for
// CHECK:         vector.maskedload
