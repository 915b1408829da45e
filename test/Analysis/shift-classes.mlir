// Classes of channels that a shift ties.

// RUN: quench-opt-plain %s --split-input-file --load-pass-plugin=%quench_obj/test/lib/Analysis/QuenchTestAnalysis.so \
// RUN:   --pass-pipeline="builtin.module(test-print-channel-classes{kind=shift})" -o /dev/null | FileCheck %s --match-full-lines

// The offset of a norm and what reads it: biases take what weights make of it, also
// those that are not there yet.
// CHECK: class 'norm': 8 channels, 1 values, 3 weights
// CHECK-NEXT:   producer norm quench.layer_norm operand 2 axis 0
// CHECK-NEXT:   consumer w quench.linear operand 2 by 1 axis 1
// CHECK-NEXT:   consumer v quench.linear by 1 axis 1
// CHECK-NEXT: class 'w': 4 channels, 1 values, 1 weights
// CHECK-NEXT:   producer w quench.linear operand 2 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: class 'v': 4 channels, 1 values, 1 weights
// CHECK-NEXT:   producer v quench.linear axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 3 classes, 1 free
func.func @norm(%x: tensor<2x3x8xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %b = quench.param <"model"::"b"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %c = quench.param <"model"::"c"> : tensor<4xf32>
  %n = quench.layer_norm %x gamma %g beta %b eps 1.0e-5 : (tensor<2x3x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32> loc("norm")
  %0 = quench.linear %n, %w bias %c : (tensor<2x3x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<2x3x4xf32> loc("w")
  %1 = quench.linear %n, %w : (tensor<2x3x8xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32> loc("v")
  return %0, %1 : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// One term of a sum is shifted: the one that can be.
// CHECK: class 'v': 8 channels, 2 values, 2 weights
// CHECK-NEXT:   producer v quench.linear axis 0
// CHECK-NEXT:   consumer w quench.linear by 1 axis 1
// CHECK-NEXT: class 'v#input': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   consumer v quench.linear by 1 axis 1
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT:   blocked: quench.add takes the transform on its other operand
// CHECK-NEXT: class 'w': 4 channels, 1 values, 1 weights
// CHECK-NEXT:   producer w quench.linear axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 3 classes, 1 free
func.func @sum(%x: tensor<2x3x8xf32>) -> tensor<2x3x4xf32> {
  %v = quench.param <"model"::"v"> : tensor<8x8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %0 = quench.linear %x, %v : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32> loc("v")
  %1 = quench.add %x, %0 residual : (tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> tensor<2x3x8xf32>
  %2 = quench.linear %1, %w : (tensor<2x3x8xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32> loc("w")
  return %2 : tensor<2x3x4xf32>
}

// -----

// States begin as zeros, which are not the shift.
// CHECK: class 'v': 8 channels, 2 values, 1 weights
// CHECK-NEXT:   producer v quench.linear axis 0
// CHECK-NEXT:   blocked: quench.kv_cache passes no shift of its operand
// CHECK-NEXT: class 'v#input': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   consumer v quench.linear by 1 axis 1
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT: 2 classes, 0 free
func.func @state(%x: tensor<2x3x8xf32>, %p: i64, %c: tensor<2x9x1x8xf32> {quench.name = "c", quench.role = "state"})
    -> (tensor<2x9x1x8xf32> {quench.name = "d", quench.state = "c"}) attributes {quench.entry} {
  %v = quench.param <"model"::"v"> : tensor<8x8xf32>
  %0 = quench.linear %x, %v : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32> loc("v")
  %1 = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [2, 3, 1, 8] : tensor<2x3x8xf32> into tensor<2x3x1x8xf32>
  %2, %3 = quench.kv_cache %c, %1 at %p : (tensor<2x9x1x8xf32>, tensor<2x3x1x8xf32>, i64) -> (tensor<2x9x1x8xf32>, tensor<2x?x1x8xf32>)
  return %2 : tensor<2x9x1x8xf32>
}
