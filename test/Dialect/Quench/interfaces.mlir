// What ops say of themselves to rotations, scales, shifts, quantizers and costs;
// dynamic dimensions count 10.

// RUN: quench-opt-plain %s --load-pass-plugin=%quench_obj/test/lib/Interfaces/QuenchTestPasses.so \
// RUN:   --pass-pipeline="builtin.module(test-quench-interfaces)" -o /dev/null | FileCheck %s --match-full-lines

func.func @contractions(%x: tensor<?x?x8xf32>, %y: tensor<?x?x8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xf32>) {
  // CHECK: quench.linear
  // CHECK-NEXT: basis: producer 0, result 0 axis 2, weight 1 axis 0, weight 2 axis 0
  // CHECK-NEXT: basis: consumer 1, operand 0 axis 2, weight 1 axis 1
  // CHECK-NEXT: scale: producer 0, result 0 axis 2, weight 1 axis 0, weight 2 axis 0
  // CHECK-NEXT: scale: consumer 1, operand 0 axis 2, weight 1 axis 1
  // CHECK-NEXT: shift: producer 0, result 0 axis 2, weight 2 axis 0
  // CHECK-NEXT: shift: consumer 1, operand 0 axis 2, weight 2 axis 0, map 1 axis 1
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: quantizable: weight, sums over [1], channels 0
  // CHECK-NEXT: quantizable: bias
  // CHECK-NEXT: result scale: product
  // CHECK-NEXT: cost: 3200 macs, 0 elementwise
  %0 = quench.linear %x, %w bias %b : (tensor<?x?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  // CHECK: quench.linear
  // CHECK-NEXT: basis: producer 0, result 0 axis 2, weight 1 axis 0
  // CHECK-NEXT: basis: consumer 1, operand 0 axis 2, weight 1 axis 1
  // CHECK-NEXT: scale: producer 0, result 0 axis 2, weight 1 axis 0
  // CHECK-NEXT: scale: consumer 1, operand 0 axis 2, weight 1 axis 1
  // CHECK-NEXT: shift: producer 0, result 0 axis 2
  // CHECK-NEXT: shift: consumer 1, operand 0 axis 2, map 1 axis 1
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: quantizable: weight, sums over [1], channels 0
  // CHECK-NEXT: result scale: product
  // CHECK-NEXT: cost: 3200 macs, 0 elementwise
  %1 = quench.linear %x, %w : (tensor<?x?x8xf32>, tensor<4x8xf32>) -> tensor<?x?x4xf32>
  // CHECK: quench.matmul
  // CHECK-NEXT: basis: link 0, operand 0 axis 1
  // CHECK-NEXT: basis: link 0, result 0 axis 1
  // CHECK-NEXT: basis: link 1, operand 1 axis 1
  // CHECK-NEXT: basis: link 1, result 0 axis 2
  // CHECK-NEXT: basis: link 2, operand 0 axis 2
  // CHECK-NEXT: basis: inverse 2, operand 1 axis 2
  // CHECK-NEXT: scale: link 0, operand 0 axis 1
  // CHECK-NEXT: scale: link 0, result 0 axis 1
  // CHECK-NEXT: scale: link 1, operand 1 axis 1
  // CHECK-NEXT: scale: link 1, result 0 axis 2
  // CHECK-NEXT: scale: link 2, operand 0 axis 2
  // CHECK-NEXT: scale: inverse 2, operand 1 axis 2
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: result scale: product
  // CHECK-NEXT: cost: 8000 macs, 0 elementwise
  %2 = quench.matmul %x, %y {transpose_b} : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x?xf32>
  return
}

func.func @elementwise(%x: tensor<?x?x8xf32>, %y: tensor<?x?x8xf32>, %s: tensor<8xf32>) {
  // CHECK: quench.add
  // CHECK-NEXT: basis: link 0, operand 0 axis 2
  // CHECK-NEXT: basis: link 0, operand 1 axis 2
  // CHECK-NEXT: basis: link 0, result 0 axis 2
  // CHECK-NEXT: scale: link 0, operand 0 axis 2
  // CHECK-NEXT: scale: link 0, operand 1 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: shift: link 0, operand 0 axis 2
  // CHECK-NEXT: shift: link 0, result 0 axis 2
  // CHECK-NEXT: shift: link 1, operand 1 axis 2
  // CHECK-NEXT: shift: link 1, result 0 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %0 = quench.add %x, %y residual : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.mul
  // CHECK-NEXT: scale: link 0, operand 0 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: scale: link 1, operand 1 axis 0
  // CHECK-NEXT: scale: link 1, result 0 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %1 = quench.mul %x, %s : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.relu
  // CHECK-NEXT: scale: link 0, operand 0 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %2 = quench.relu %x : tensor<?x?x8xf32>
  // CHECK: quench.tanh
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %3 = quench.tanh %x : tensor<?x?x8xf32>
  // CHECK: quench.gelu
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %4 = quench.gelu %x by erf : tensor<?x?x8xf32>
  // CHECK: quench.silu
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %5 = quench.silu %x : tensor<?x?x8xf32>
  // CHECK: quench.silu
  // CHECK-NEXT: scale: link 0, operand 0 axis 2, weight 1 axis 0
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %6 = quench.silu %x scale %s : tensor<8xf32> : tensor<?x?x8xf32>
  // CHECK: quench.gated
  // CHECK-NEXT: scale: link 0, operand 1 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %7 = quench.gated %x, %y by silu : tensor<?x?x8xf32>
  // CHECK: quench.gated
  // CHECK-NEXT: scale: link 0, operand 1 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: scale: link 1, operand 0 axis 2
  // CHECK-NEXT: scale: link 1, result 0 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %8 = quench.gated %x, %y by relu : tensor<?x?x8xf32>
  return
}

func.func @norms(%x: tensor<?x?x8xf32>, %g: tensor<8xf32>, %b: tensor<8xf32>) {
  // CHECK: quench.layer_norm
  // CHECK-NEXT: basis: subtracts the mean
  // CHECK-NEXT: scale: producer 0, result 0 axis 2, weight 1 axis 0, weight 2 axis 0
  // CHECK-NEXT: shift: producer 0, result 0 axis 2, weight 2 axis 0
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %0 = quench.layer_norm %x gamma %g beta %b eps 1.0e-5 : (tensor<?x?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.layer_norm
  // CHECK-NEXT: basis: subtracts the mean
  // CHECK-NEXT: shift: producer 0, result 0 axis 2
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %1 = quench.layer_norm %x eps 1.0e-5 : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.rms_norm
  // CHECK-NEXT: basis: has a gain
  // CHECK-NEXT: scale: producer 0, result 0 axis 2, weight 1 axis 0
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %2 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.rms_norm
  // CHECK-NEXT: basis: link 0, operand 0 axis 2
  // CHECK-NEXT: basis: link 0, result 0 axis 2
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %3 = quench.rms_norm %x eps 1.0e-5 : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.softmax
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %4 = quench.softmax %x : tensor<?x?x8xf32>
  // CHECK: quench.l2_normalize
  // CHECK-NEXT: basis: link 0, operand 0 axis 2
  // CHECK-NEXT: basis: link 0, result 0 axis 2
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %5 = quench.l2_normalize %x eps 1.0e-5 : tensor<?x?x8xf32>
  return
}

func.func @attention(%q: tensor<?x?x6x4xf32>, %k: tensor<?x?x2x4xf32>, %v: tensor<?x?x2x5xf32>, %mask: tensor<?x?xi64>,
                     %p: i64, %cos: tensor<?x2xf32>, %sin: tensor<?x2xf32>, %g: tensor<?x?x2xf32>) {
  // CHECK: quench.attention
  // CHECK-NEXT: basis: link 0, operand 0 axis 3, heads of axis 2: [0, 0, 0, 1, 1, 1]
  // CHECK-NEXT: basis: inverse 0, operand 1 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: basis: link 1, operand 2 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: basis: link 1, result 0 axis 3, heads of axis 2: [0, 0, 0, 1, 1, 1]
  // CHECK-NEXT: scale: link 0, operand 0 axis 3, heads of axis 2: [0, 0, 0, 1, 1, 1]
  // CHECK-NEXT: scale: inverse 0, operand 1 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 1, operand 2 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 1, result 0 axis 3, heads of axis 2: [0, 0, 0, 1, 1, 1]
  // CHECK-NEXT: quantizable: activation, sums over [3]
  // CHECK-NEXT: quantizable: activation, sums over [3]
  // CHECK-NEXT: quantizable: activation, sums over [1]
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 54000 macs, 6000 elementwise
  %0 = quench.attention %q, %k, %v mask %mask scale 0.5 full : (tensor<?x?x6x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x5xf32>, tensor<?x?xi64>) -> tensor<?x?x6x5xf32>
  // CHECK: quench.attention
  // CHECK-NEXT: basis: link 0, operand 0 axis 3, heads of axis 2: [0, 0, 0, 0, 1, 1]
  // CHECK-NEXT: basis: inverse 0, operand 1 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: basis: link 1, operand 2 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: basis: link 1, result 0 axis 3, heads of axis 2: [0, 0, 0, 0, 1, 1]
  // CHECK-NEXT: scale: link 0, operand 0 axis 3, heads of axis 2: [0, 0, 0, 0, 1, 1]
  // CHECK-NEXT: scale: inverse 0, operand 1 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 1, operand 2 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 1, result 0 axis 3, heads of axis 2: [0, 0, 0, 0, 1, 1]
  // CHECK-NEXT: quantizable: activation, sums over [3]
  // CHECK-NEXT: quantizable: activation, sums over [3]
  // CHECK-NEXT: quantizable: activation, sums over [1]
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 54000 macs, 6000 elementwise
  %1 = quench.attention %q, %k, %v scale 0.5 full {head_groups = array<i64: 0, 0, 0, 0, 1, 1>} : (tensor<?x?x6x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x5xf32>) -> tensor<?x?x6x5xf32>
  // CHECK: quench.rope
  // CHECK-NEXT: basis: link 0, operand 0 axis 3, rotary pairs, heads of axis 2: [0, 1]
  // CHECK-NEXT: basis: link 0, result 0 axis 3, rotary pairs, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 0, operand 0 axis 3, rotary pairs, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 0, result 0 axis 3, rotary pairs, heads of axis 2: [0, 1]
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %2 = quench.rope %k, %cos, %sin half : (tensor<?x?x2x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x?x2x4xf32>
  // CHECK: quench.kv_cache
  // CHECK-NEXT: basis: link 0, operand 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: basis: link 0, operand 1 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: basis: link 0, result 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: basis: link 0, result 1 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 0, operand 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 0, operand 1 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 0, result 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 0, result 1 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 0 elementwise
  %3, %4 = quench.kv_cache %k, %2 at %p : (tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>, i64) -> (tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>)
  // CHECK: quench.head_gate
  // CHECK-NEXT: basis: link 0, operand 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: basis: link 0, result 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 0, operand 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 0, result 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %5 = quench.head_gate %2 by %g : (tensor<?x?x2x4xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2x4xf32>
  // CHECK: quench.head_gate
  // CHECK-NEXT: basis: gates each channel apart
  // CHECK-NEXT: scale: link 0, operand 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: scale: link 0, result 0 axis 3, heads of axis 2: [0, 1]
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %6 = quench.head_gate %5 by %k : (tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>) -> tensor<?x?x2x4xf32>
  return
}

func.func @tokens(%ids: tensor<?x?xi64>, %table: tensor<100x8xf32>, %cls: tensor<1x8xf32>) {
  // CHECK: quench.embedding
  // CHECK-NEXT: basis: producer 0, result 0 axis 2, weight 1 axis 1
  // CHECK-NEXT: scale: producer 0, result 0 axis 2, weight 1 axis 1
  // CHECK-NEXT: shift: producer 0, result 0 axis 2, weight 1 axis 1
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: quantizable: weight, channels 0
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 0 elementwise
  %0 = quench.embedding %ids, %table : (tensor<?x?xi64>, tensor<100x8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.prepend
  // CHECK-NEXT: basis: link 0, operand 0 axis 2
  // CHECK-NEXT: basis: link 0, operand 1 axis 1
  // CHECK-NEXT: basis: link 0, result 0 axis 2
  // CHECK-NEXT: scale: link 0, operand 0 axis 2
  // CHECK-NEXT: scale: link 0, operand 1 axis 1
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 0 elementwise
  %1 = quench.prepend %cls to %0 : (tensor<?x?x8xf32>, tensor<1x8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.pool
  // CHECK-NEXT: basis: link 0, operand 0 axis 2
  // CHECK-NEXT: basis: link 0, result 0 axis 1
  // CHECK-NEXT: scale: link 0, operand 0 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 1
  // CHECK-NEXT: quantizable: activation, sums over [1]
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %2 = quench.pool %1 by mean : (tensor<?x?x8xf32>) -> tensor<?x8xf32>
  // CHECK: quench.pool
  // CHECK-NEXT: basis: takes the maximum of each channel
  // CHECK-NEXT: scale: link 0, operand 0 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 1
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 800 elementwise
  %3 = quench.pool %1 by max : (tensor<?x?x8xf32>) -> tensor<?x8xf32>
  return
}

func.func @images(%x: tensor<?x3x8x8xf32>, %w: tensor<5x3x4x4xf32>, %b: tensor<5xf32>, %g: tensor<6x1x3x3xf32>, %map: tensor<?x6x6x8xf32>) {
  // CHECK: quench.patch_embed
  // CHECK-NEXT: basis: producer 0, result 0 axis 2, weight 1 axis 0, weight 2 axis 0
  // CHECK-NEXT: scale: producer 0, result 0 axis 2, weight 1 axis 0, weight 2 axis 0
  // CHECK-NEXT: shift: producer 0, result 0 axis 2, weight 2 axis 0
  // CHECK-NEXT: quantizable: activation, sums over [1]
  // CHECK-NEXT: quantizable: weight, sums over [1, 2, 3], channels 0
  // CHECK-NEXT: quantizable: bias
  // CHECK-NEXT: result scale: product
  // CHECK-NEXT: cost: 9600 macs, 0 elementwise
  %0 = quench.patch_embed %x, %w bias %b : (tensor<?x3x8x8xf32>, tensor<5x3x4x4xf32>, tensor<5xf32>) -> tensor<?x4x5xf32>
  // CHECK: quench.patches
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 0 elementwise
  %1 = quench.patches %x of 4 x 4 : (tensor<?x3x8x8xf32>) -> tensor<?x4x48xf32>
  // CHECK: quench.conv2d
  // CHECK-NEXT: basis: producer 0, result 0 axis 1, weight 1 axis 0, weight 2 axis 0
  // CHECK-NEXT: basis: consumer 1, operand 0 axis 1, weight 1 axis 1
  // CHECK-NEXT: scale: producer 0, result 0 axis 1, weight 1 axis 0, weight 2 axis 0
  // CHECK-NEXT: scale: consumer 1, operand 0 axis 1, weight 1 axis 1
  // CHECK-NEXT: quantizable: activation, sums over [1]
  // CHECK-NEXT: quantizable: weight, sums over [1, 2, 3], channels 0
  // CHECK-NEXT: quantizable: bias
  // CHECK-NEXT: result scale: product
  // CHECK-NEXT: cost: 60000 macs, 0 elementwise
  %2 = quench.conv2d %x, %w bias %b strides [1, 1] padding [0, 0] : (tensor<?x3x8x8xf32>, tensor<5x3x4x4xf32>, tensor<5xf32>) -> tensor<?x5x5x5xf32>
  // CHECK: quench.conv2d
  // CHECK-NEXT: basis: convolves groups of channels apart
  // CHECK-NEXT: scale: producer 0, result 0 axis 1, weight 1 axis 0
  // CHECK-NEXT: quantizable: activation, sums over [1]
  // CHECK-NEXT: quantizable: weight, sums over [1, 2, 3], channels 0
  // CHECK-NEXT: result scale: product
  // CHECK-NEXT: cost: 19440 macs, 0 elementwise
  %3 = quench.conv2d %x, %g strides [1, 1] padding [0, 0] {groups = 3 : i64} : (tensor<?x3x8x8xf32>, tensor<6x1x3x3xf32>) -> tensor<?x6x6x6xf32>
  // CHECK: quench.window_partition
  // CHECK-NEXT: basis: link 0, operand 0 axis 3
  // CHECK-NEXT: basis: link 0, result 0 axis 2
  // CHECK-NEXT: scale: link 0, operand 0 axis 3
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: shift: link 0, operand 0 axis 3
  // CHECK-NEXT: shift: link 0, result 0 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 0 elementwise
  %4 = quench.window_partition %map window 3 : (tensor<?x6x6x8xf32>) -> tensor<?x9x8xf32>
  // CHECK: quench.window_merge
  // CHECK-NEXT: basis: link 0, operand 0 axis 2
  // CHECK-NEXT: basis: link 0, result 0 axis 3
  // CHECK-NEXT: scale: link 0, operand 0 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 3
  // CHECK-NEXT: shift: link 0, operand 0 axis 2
  // CHECK-NEXT: shift: link 0, result 0 axis 3
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 0 elementwise
  %5 = quench.window_merge %4 window 3 to 6 x 6 : (tensor<?x9x8xf32>) -> tensor<?x6x6x8xf32>
  return
}

func.func @maps(%x: tensor<?x8x8x6xf32>, %w: tensor<6x3x3xf32>, %b: tensor<6xf32>) {
  // CHECK: quench.im2col
  // CHECK-NEXT: basis: joins taps and channels
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 0 elementwise
  %0 = quench.im2col %x kernel [3, 3] strides [1, 1] padding [1, 1] : (tensor<?x8x8x6xf32>) -> tensor<?x8x8x54xf32>
  // CHECK: quench.depthwise_conv2d
  // CHECK-NEXT: basis: convolves each channel by itself
  // CHECK-NEXT: scale: producer 0, result 0 axis 3, weight 1 axis 0, weight 2 axis 0
  // CHECK-NEXT: scale: consumer 1, operand 0 axis 3, weight 1 axis 0
  // CHECK-NEXT: quantizable: activation, sums over [1, 2]
  // CHECK-NEXT: quantizable: weight, sums over [1, 2], channels 0
  // CHECK-NEXT: quantizable: bias
  // CHECK-NEXT: result scale: product
  // CHECK-NEXT: cost: 34560 macs, 0 elementwise
  %1 = quench.depthwise_conv2d %x, %w bias %b strides [1, 1] padding [1, 1] : (tensor<?x8x8x6xf32>, tensor<6x3x3xf32>, tensor<6xf32>) -> tensor<?x8x8x6xf32>
  // CHECK: quench.unfold
  // CHECK-NEXT: basis: link 0, operand 0 axis 3
  // CHECK-NEXT: basis: link 0, result 0 axis 2
  // CHECK-NEXT: scale: link 0, operand 0 axis 3
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: shift: link 0, operand 0 axis 3
  // CHECK-NEXT: shift: link 0, result 0 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 0 elementwise
  %2 = quench.unfold %1 of 2 x 2 : (tensor<?x8x8x6xf32>) -> tensor<?x16x6xf32>
  // CHECK: quench.fold
  // CHECK-NEXT: basis: link 0, operand 0 axis 2
  // CHECK-NEXT: basis: link 0, result 0 axis 3
  // CHECK-NEXT: scale: link 0, operand 0 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 3
  // CHECK-NEXT: shift: link 0, operand 0 axis 2
  // CHECK-NEXT: shift: link 0, result 0 axis 3
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: result scale: same
  // CHECK-NEXT: cost: 0 macs, 0 elementwise
  %3 = quench.fold %2 of 2 x 2 to 8 x 8 : (tensor<?x16x6xf32>) -> tensor<?x8x8x6xf32>
  return
}

func.func @scan(%x: tensor<?x?x6xf32>, %w: tensor<6x4xf32>, %b: tensor<6xf32>, %conv: tensor<?x3x6xf32>,
                %a: tensor<6x2xf32>, %bb: tensor<?x?x2xf32>, %cc: tensor<?x?x2xf32>, %h: tensor<?x6x2xf32>) {
  // CHECK: quench.causal_conv1d
  // CHECK-NEXT: scale: producer 0, result 0 axis 2, weight 1 axis 0, weight 2 axis 0
  // CHECK-NEXT: scale: consumer 1, operand 0 axis 2, weight 1 axis 0
  // CHECK-NEXT: scale: link 1, result 1 axis 2
  // CHECK-NEXT: scale: link 1, operand 3 axis 2
  // CHECK-NEXT: quantizable: activation, sums over [1]
  // CHECK-NEXT: quantizable: weight, sums over [1], channels 0
  // CHECK-NEXT: quantizable: bias
  // CHECK-NEXT: quantizable: activation, sums over [1]
  // CHECK-NEXT: result scale: product
  // CHECK-NEXT: cost: 2400 macs, 0 elementwise
  %0, %1 = quench.causal_conv1d %x, %w bias %b state %conv : (tensor<?x?x6xf32>, tensor<6x4xf32>, tensor<6xf32>, tensor<?x3x6xf32>) -> (tensor<?x?x6xf32>, tensor<?x3x6xf32>)
  // CHECK: quench.selective_scan
  // CHECK-NEXT: scale: link 0, operand 0 axis 2
  // CHECK-NEXT: scale: link 0, result 0 axis 2
  // CHECK-NEXT: scale: link 0, result 1 axis 1
  // CHECK-NEXT: scale: link 1, operand 3 axis 2
  // CHECK-NEXT: scale: link 1, result 1 axis 2
  // CHECK-NEXT: scale: inverse 1, operand 4 axis 2
  // CHECK-NEXT: scale: link 0, operand 6 axis 1
  // CHECK-NEXT: scale: link 1, operand 6 axis 2
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: quantizable: activation
  // CHECK-NEXT: quantizable: activation, sums over [2]
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: quantizable: exact
  // CHECK-NEXT: result scale: own
  // CHECK-NEXT: cost: 3600 macs, 1200 elementwise
  %2, %3 = quench.selective_scan %0 delta %x a %a b %bb c %cc d %b state %h : (tensor<?x?x6xf32>, tensor<?x?x6xf32>, tensor<6x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<6xf32>, tensor<?x6x2xf32>) -> (tensor<?x?x6xf32>, tensor<?x6x2xf32>)
  return
}

func.func @rotations(%x: tensor<?x24xf32>) {
  // CHECK: quench.online_hadamard
  // CHECK-NEXT: basis: rotates its channels at run time
  // CHECK-NEXT: cost: 3120 macs, 240 elementwise
  %0 = quench.online_hadamard %x by(#quench.hadamard<24>) : tensor<?x24xf32>
  // CHECK-NEXT: quench.dynamic_scale
  // CHECK-NEXT: cost: 0 macs, 240 elementwise
  %1 = quench.dynamic_scale %x by(#quench.uniform<i8, token>) : (tensor<?x24xf32>) -> tensor<?xf32>
  // CHECK-NEXT: quench.dynamic_parameters
  // CHECK-NEXT: cost: 0 macs, 480 elementwise
  %2, %3 = quench.dynamic_parameters %x by(#quench.uniform<u8, asymmetric, token>) : (tensor<?x24xf32>) -> (tensor<?xf32>, tensor<?xi8>)
  return
}
