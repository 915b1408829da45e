// Static and dynamic sizes may meet in any combination, and ranks may be small.

// RUN: quench-opt %s --quench-lower-to-linalg | FileCheck %s --implicit-check-not=quench.
// RUN: quench-opt %s --quench-lower-to-linalg --canonicalize --cse \
// RUN:   --one-shot-bufferize=bufferize-function-boundaries -o /dev/null

// CHECK-LABEL: func.func @vectors
func.func @vectors(%x: tensor<?xf32>, %y: tensor<8xf32>, %g: tensor<8xf32>) -> (tensor<?xf32>, tensor<8xf32>, tensor<?xf32>) {
  %0 = quench.softmax %x : tensor<?xf32>
  %1 = quench.layer_norm %y gamma %g eps 1.0e-5 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %2 = quench.l2_normalize %x eps 1.0e-12 : tensor<?xf32>
  return %0, %1, %2 : tensor<?xf32>, tensor<8xf32>, tensor<?xf32>
}

// CHECK-LABEL: func.func @scalars
func.func @scalars(%x: tensor<f32>) -> tensor<f32> {
  %0 = quench.add %x, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %1 = quench.gelu %0 by tanh : tensor<f32>
  return %1 : tensor<f32>
}

// CHECK-LABEL: func.func @operands
func.func @operands(%x: tensor<?x3x?xf32>, %y: tensor<2x?x8xf32>, %w: tensor<?x8xf32>, %v: tensor<4x?xf32>, %b: tensor<?xf32>)
    -> (tensor<?x3x?xf32>, tensor<2x?x8xf32>, tensor<?x3x?xf32>, tensor<2x?x4xf32>) {
  %0 = quench.add %x, %y : (tensor<?x3x?xf32>, tensor<2x?x8xf32>) -> tensor<?x3x?xf32>
  %1 = quench.mul %y, %b : (tensor<2x?x8xf32>, tensor<?xf32>) -> tensor<2x?x8xf32>
  %2 = quench.linear %x, %w bias %b : (tensor<?x3x?xf32>, tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x3x?xf32>
  %3 = quench.linear %y, %v bias %b : (tensor<2x?x8xf32>, tensor<4x?xf32>, tensor<?xf32>) -> tensor<2x?x4xf32>
  return %0, %1, %2, %3 : tensor<?x3x?xf32>, tensor<2x?x8xf32>, tensor<?x3x?xf32>, tensor<2x?x4xf32>
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<1x?x4x8xf32>, %k: tensor<?x5x2x?xf32>, %v: tensor<?x?x2x?xf32>, %mask: tensor<1x5xi1>, %bias: tensor<?x1x?xf32>,
                     %fixed: tensor<1x1x4x8xf32>)
    -> (tensor<1x?x4x?xf32>, tensor<1x1x4x?xf32>) {
  %0 = quench.attention %q, %k, %v mask %mask bias %bias scale 1.0 causal
    : (tensor<1x?x4x8xf32>, tensor<?x5x2x?xf32>, tensor<?x?x2x?xf32>, tensor<1x5xi1>, tensor<?x1x?xf32>) -> tensor<1x?x4x?xf32>
  %1 = quench.attention %fixed, %k, %v scale 1.0 sliding {window = 4 : i64, head_groups = array<i64: 1, 1, 0, 1>}
    : (tensor<1x1x4x8xf32>, tensor<?x5x2x?xf32>, tensor<?x?x2x?xf32>) -> tensor<1x1x4x?xf32>
  return %0, %1 : tensor<1x?x4x?xf32>, tensor<1x1x4x?xf32>
}

// CHECK-LABEL: func.func @states
func.func @states(%cache: tensor<1x16x2x4xf32>, %new: tensor<?x1x?x4xf32>, %position: i64, %x: tensor<?x1x?xf32>, %w: tensor<6x?xf32>, %taps: tensor<6x4xf32>,
                  %conv: tensor<2x?x6xf32>, %a: tensor<6x?xf32>, %bc: tensor<?x?x2xf32>, %h: tensor<2x6x?xf32>)
    -> (tensor<1x16x2x4xf32>, tensor<1x?x2x4xf32>, tensor<?x1x?xf32>, tensor<?x3x?xf32>, tensor<?x1x?xf32>, tensor<?x?x?xf32>) {
  %0, %1 = quench.kv_cache %cache, %new at %position : (tensor<1x16x2x4xf32>, tensor<?x1x?x4xf32>, i64) -> (tensor<1x16x2x4xf32>, tensor<1x?x2x4xf32>)
  %2, %3 = quench.causal_conv1d %x, %taps state %conv : (tensor<?x1x?xf32>, tensor<6x4xf32>, tensor<2x?x6xf32>) -> (tensor<?x1x?xf32>, tensor<?x3x?xf32>)
  %4, %5 = quench.selective_scan %x delta %x a %a b %bc c %bc state %h
    : (tensor<?x1x?xf32>, tensor<?x1x?xf32>, tensor<6x?xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<2x6x?xf32>) -> (tensor<?x1x?xf32>, tensor<?x?x?xf32>)
  return %0, %1, %2, %3, %4, %5 : tensor<1x16x2x4xf32>, tensor<1x?x2x4xf32>, tensor<?x1x?xf32>, tensor<?x3x?xf32>, tensor<?x1x?xf32>, tensor<?x?x?xf32>
}

// CHECK-LABEL: func.func @images
func.func @images(%x: tensor<?x?x?x?xf32>, %w: tensor<5x3x2x2xf32>, %g: tensor<6x1x3x3xf32>, %tokens: tensor<1x?xf32>, %t: tensor<2x?x8xf32>,
                  %parts: tensor<?x?x?xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x5x?x?xf32>, tensor<?x6x?x?xf32>, tensor<2x?x8xf32>, tensor<?x9x?xf32>, tensor<?x6x5x?xf32>) {
  %0 = quench.patch_embed %x, %w : (tensor<?x?x?x?xf32>, tensor<5x3x2x2xf32>) -> tensor<?x?x5xf32>
  %1 = quench.conv2d %x, %w strides [2, 1] padding [1, 0] : (tensor<?x?x?x?xf32>, tensor<5x3x2x2xf32>) -> tensor<?x5x?x?xf32>
  %2 = quench.conv2d %x, %g strides [1, 1] padding [0, 0] {groups = 3 : i64} : (tensor<?x?x?x?xf32>, tensor<6x1x3x3xf32>) -> tensor<?x6x?x?xf32>
  %3 = quench.prepend %tokens to %t : (tensor<2x?x8xf32>, tensor<1x?xf32>) -> tensor<2x?x8xf32>
  %4 = quench.window_partition %x window 3 {shift = 2 : i64} : (tensor<?x?x?x?xf32>) -> tensor<?x9x?xf32>
  %5 = quench.window_merge %parts window 3 to 6 x 5 : (tensor<?x?x?xf32>) -> tensor<?x6x5x?xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<?x?x5xf32>, tensor<?x5x?x?xf32>, tensor<?x6x?x?xf32>, tensor<2x?x8xf32>, tensor<?x9x?xf32>, tensor<?x6x5x?xf32>
}

// CHECK-LABEL: func.func @maps
func.func @maps(%x: tensor<?x?x?x?xf32>, %w: tensor<6x3x2xf32>, %s: tensor<?x6x?xf32>)
    -> (tensor<?x?x?x?xf32>, tensor<?x?x?x6xf32>, tensor<?x?x?xf32>, tensor<?x4x6x?xf32>) {
  %0 = quench.im2col %x kernel [3, 2] strides [1, 2] padding [1, 0] : (tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %1 = quench.depthwise_conv2d %x, %w strides [1, 2] padding [1, 0] : (tensor<?x?x?x?xf32>, tensor<6x3x2xf32>) -> tensor<?x?x?x6xf32>
  %2 = quench.unfold %x of 2 x 2 : (tensor<?x?x?x?xf32>) -> tensor<?x?x?xf32>
  %3 = quench.fold %s of 2 x 2 to 4 x 6 : (tensor<?x6x?xf32>) -> tensor<?x4x6x?xf32>
  return %0, %1, %2, %3 : tensor<?x?x?x?xf32>, tensor<?x?x?x6xf32>, tensor<?x?x?xf32>, tensor<?x4x6x?xf32>
}

// CHECK-LABEL: func.func @pools
func.func @pools(%x: tensor<2x?x8xf32>, %mask: tensor<?x4xi1>) -> (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>) {
  %0 = quench.pool %x mask %mask by mean : (tensor<2x?x8xf32>, tensor<?x4xi1>) -> tensor<2x8xf32>
  %1 = quench.pool %x mask %mask by last : (tensor<2x?x8xf32>, tensor<?x4xi1>) -> tensor<2x8xf32>
  %2 = quench.pool %x by last : (tensor<2x?x8xf32>) -> tensor<2x8xf32>
  %3 = quench.pool %x by first : (tensor<2x?x8xf32>) -> tensor<2x8xf32>
  return %0, %1, %2, %3 : tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>
}

// CHECK-LABEL: func.func @nothing
func.func @nothing(%x: tensor<1x3x8xf32>, %w: tensor<8x1xf32>, %p: tensor<?xi64>, %none: tensor<0x0xf32>, %q: tensor<1x2x2x8xf32>)
    -> (tensor<1x3x8xf32>, tensor<1x0x8xf32>, tensor<1x2x2x8xf32>, tensor<0x0xf32>) {
  %0, %1 = quench.causal_conv1d %x, %w : (tensor<1x3x8xf32>, tensor<8x1xf32>) -> (tensor<1x3x8xf32>, tensor<1x0x8xf32>)
  %cos, %sin = quench.rope_table %p {inv_freq = array<f64>, element_type = f32} : (tensor<?xi64>) -> (tensor<?x0xf32>, tensor<?x0xf32>)
  %2 = quench.rope %q, %cos, %sin interleaved : (tensor<1x2x2x8xf32>, tensor<?x0xf32>, tensor<?x0xf32>) -> tensor<1x2x2x8xf32>
  %3 = quench.softmax %none : tensor<0x0xf32>
  return %0, %1, %2, %3 : tensor<1x3x8xf32>, tensor<1x0x8xf32>, tensor<1x2x2x8xf32>, tensor<0x0xf32>
}
