// Classes of channels that a scale ties.

// RUN: quench-opt-plain %s --split-input-file --load-pass-plugin=%quench_obj/test/lib/Analysis/QuenchTestAnalysis.so \
// RUN:   --pass-pipeline="builtin.module(test-print-channel-classes{kind=scale})" -o /dev/null | FileCheck %s --match-full-lines

// A norm and what reads it; queries and keys carry inverse scales, equal within a
// rotary pair, for each head of keys; values and the output map.
// CHECK: class 'norm': 8 channels, 1 values, 5 weights
// CHECK-NEXT:   producer norm quench.layer_norm operand 1 axis 0
// CHECK-NEXT:   producer norm quench.layer_norm operand 2 axis 0
// CHECK-NEXT:   consumer q quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer k quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer v quench.linear operand 1 axis 1
// CHECK-NEXT: class 'q': 2 x 4 channels, 6 values, 2 weights, pairs [2, 3, 0, 1]
// CHECK-NEXT:   producer q quench.linear operand 1 axis 0 [0: 1, 4: 0, 8: 1, 12: 1]
// CHECK-NEXT:   producer k quench.linear operand 1 axis 0 [0: 0, 4: 1] of the inverse
// CHECK-NEXT: class 'v': 2 x 4 channels, 4 values, 2 weights
// CHECK-NEXT:   producer v quench.linear operand 1 axis 0 [0: 0, 4: 1]
// CHECK-NEXT:   consumer o quench.linear operand 1 axis 1 [0: 1, 4: 0, 8: 1, 12: 1]
// CHECK-NEXT: class 'o': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   producer o quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 4 classes, 3 free
func.func @attention(%x: tensor<2x3x8xf32>, %cos: tensor<3x2xf32>, %sin: tensor<3x2xf32>) -> tensor<2x3x8xf32> {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %b = quench.param <"model"::"b"> : tensor<8xf32>
  %wq = quench.param <"model"::"q"> : tensor<16x8xf32>
  %wk = quench.param <"model"::"k"> : tensor<8x8xf32>
  %wv = quench.param <"model"::"v"> : tensor<8x8xf32>
  %wo = quench.param <"model"::"o"> : tensor<8x16xf32>
  %n = quench.layer_norm %x gamma %g beta %b eps 1.0e-5 : (tensor<2x3x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32> loc("norm")
  %q0 = quench.linear %n, %wq : (tensor<2x3x8xf32>, tensor<16x8xf32>) -> tensor<2x3x16xf32> loc("q")
  %k0 = quench.linear %n, %wk : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32> loc("k")
  %v0 = quench.linear %n, %wv : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32> loc("v")
  %q1 = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [2, 3, 4, 4] : tensor<2x3x16xf32> into tensor<2x3x4x4xf32>
  %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [2, 3, 2, 4] : tensor<2x3x8xf32> into tensor<2x3x2x4xf32>
  %v1 = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [2, 3, 2, 4] : tensor<2x3x8xf32> into tensor<2x3x2x4xf32>
  %q2 = quench.rope %q1, %cos, %sin half : (tensor<2x3x4x4xf32>, tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<2x3x4x4xf32>
  %k2 = quench.rope %k1, %cos, %sin half : (tensor<2x3x2x4xf32>, tensor<3x2xf32>, tensor<3x2xf32>) -> tensor<2x3x2x4xf32>
  %a = quench.attention %q2, %k2, %v1 scale 0.5 causal {head_groups = array<i64: 1, 0, 1, 1>} : (tensor<2x3x4x4xf32>, tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x4x4xf32>
  %c = tensor.collapse_shape %a [[0], [1], [2, 3]] : tensor<2x3x4x4xf32> into tensor<2x3x16xf32>
  %o = quench.linear %c, %wo : (tensor<2x3x16xf32>, tensor<8x16xf32>) -> tensor<2x3x8xf32> loc("o")
  return %o : tensor<2x3x8xf32>
}

// -----

// The linear side of a gated product passes a scale, the side of the function does
// not; ReLU does, and then one of the two factors has it.
// CHECK: class 'gate': 12 channels, 1 values, 1 weights
// CHECK-NEXT:   producer gate quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: quench.gated passes no scale of its operand
// CHECK-NEXT: class 'gate#input': 8 channels, 1 values, 4 weights
// CHECK-NEXT:   consumer gate quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer up quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer gate_2 quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer up_2 quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT: class 'up': 12 channels, 2 values, 2 weights
// CHECK-NEXT:   producer up quench.linear operand 1 axis 0
// CHECK-NEXT:   consumer down quench.linear operand 1 axis 1
// CHECK-NEXT: class 'down': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   producer down quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: class 'gate_2': 12 channels, 1 values, 1 weights
// CHECK-NEXT:   producer gate_2 quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: quench.gated takes the transform on its other operand
// CHECK-NEXT: class 'up_2': 12 channels, 2 values, 2 weights
// CHECK-NEXT:   producer up_2 quench.linear operand 1 axis 0
// CHECK-NEXT:   consumer down_2 quench.linear operand 1 axis 1
// CHECK-NEXT: class 'down_2': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   producer down_2 quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 7 classes, 2 free
func.func @gates(%x: tensor<2x3x8xf32>) -> (tensor<2x3x8xf32>, tensor<2x3x8xf32>) {
  %wg = quench.param <"model"::"gate"> : tensor<12x8xf32>
  %wu = quench.param <"model"::"up"> : tensor<12x8xf32>
  %wd = quench.param <"model"::"down"> : tensor<8x12xf32>
  %g = quench.linear %x, %wg : (tensor<2x3x8xf32>, tensor<12x8xf32>) -> tensor<2x3x12xf32> loc("gate")
  %u = quench.linear %x, %wu : (tensor<2x3x8xf32>, tensor<12x8xf32>) -> tensor<2x3x12xf32> loc("up")
  %0 = quench.gated %g, %u by silu : tensor<2x3x12xf32>
  %1 = quench.linear %0, %wd : (tensor<2x3x12xf32>, tensor<8x12xf32>) -> tensor<2x3x8xf32> loc("down")
  %g2 = quench.linear %x, %wg : (tensor<2x3x8xf32>, tensor<12x8xf32>) -> tensor<2x3x12xf32> loc("gate_2")
  %u2 = quench.linear %x, %wu : (tensor<2x3x8xf32>, tensor<12x8xf32>) -> tensor<2x3x12xf32> loc("up_2")
  %2 = quench.gated %g2, %u2 by relu : tensor<2x3x12xf32>
  %3 = quench.linear %2, %wd : (tensor<2x3x12xf32>, tensor<8x12xf32>) -> tensor<2x3x8xf32> loc("down_2")
  return %1, %3 : tensor<2x3x8xf32>, tensor<2x3x8xf32>
}

// -----

// What the scan writes into its state and reads from it, and the channels of its
// input; the convolution in front of it, with the inputs that are kept.
// CHECK: class 'in': 4 channels, 3 values, 2 weights
// CHECK-NEXT:   producer in quench.linear operand 1 axis 0
// CHECK-NEXT:   consumer conv quench.causal_conv1d operand 1 axis 0
// CHECK-NEXT: class 'in#input': 8 channels, 1 values, 3 weights
// CHECK-NEXT:   consumer in quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer b quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer c quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT: class 'conv': 4 channels, 4 values, 2 weights
// CHECK-NEXT:   producer conv quench.causal_conv1d operand 1 axis 0
// CHECK-NEXT:   consumer out quench.linear operand 1 axis 1
// CHECK-NEXT: class 'b': 2 channels, 4 values, 2 weights
// CHECK-NEXT:   producer b quench.linear operand 1 axis 0
// CHECK-NEXT:   producer c quench.linear operand 1 axis 0 of the inverse
// CHECK-NEXT: class 'out': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   producer out quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 5 classes, 3 free
func.func @mamba(%x: tensor<2x3x8xf32>, %delta: tensor<2x3x4xf32>, %a: tensor<4x2xf32>,
                 %c: tensor<2x1x4xf32> {quench.name = "conv", quench.role = "state"}, %s: tensor<2x4x2xf32> {quench.name = "scan", quench.role = "state"})
    -> (tensor<2x3x8xf32>, tensor<2x1x4xf32> {quench.name = "c", quench.state = "conv"}, tensor<2x4x2xf32> {quench.name = "s", quench.state = "scan"}) attributes {quench.entry} {
  %wi = quench.param <"model"::"in"> : tensor<4x8xf32>
  %wc = quench.param <"model"::"conv"> : tensor<4x2xf32>
  %wb = quench.param <"model"::"b"> : tensor<2x8xf32>
  %wr = quench.param <"model"::"c"> : tensor<2x8xf32>
  %wo = quench.param <"model"::"out"> : tensor<8x4xf32>
  %0 = quench.linear %x, %wi : (tensor<2x3x8xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32> loc("in")
  %1, %2 = quench.causal_conv1d %0, %wc state %c : (tensor<2x3x4xf32>, tensor<4x2xf32>, tensor<2x1x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x1x4xf32>) loc("conv")
  %b = quench.linear %x, %wb : (tensor<2x3x8xf32>, tensor<2x8xf32>) -> tensor<2x3x2xf32> loc("b")
  %r = quench.linear %x, %wr : (tensor<2x3x8xf32>, tensor<2x8xf32>) -> tensor<2x3x2xf32> loc("c")
  %3, %4 = quench.selective_scan %1 delta %delta a %a b %b c %r state %s
      : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<4x2xf32>, tensor<2x3x2xf32>, tensor<2x3x2xf32>, tensor<2x4x2xf32>) -> (tensor<2x3x4xf32>, tensor<2x4x2xf32>)
  %5 = quench.linear %3, %wo : (tensor<2x3x4xf32>, tensor<8x4xf32>) -> tensor<2x3x8xf32> loc("out")
  return %5, %2, %4 : tensor<2x3x8xf32>, tensor<2x1x4xf32>, tensor<2x4x2xf32>
}

// -----

// A value that would carry a scale and its inverse, and a square.
// CHECK: class 'w': 4 channels, 1 values, 1 weights
// CHECK-NEXT:   producer w quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: quench.linear would carry a scale and its inverse
// CHECK-NEXT: class 'w#input': 8 channels, 1 values, 2 weights
// CHECK-NEXT:   consumer w quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer v quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT: class 'v': 4 channels, 2 values, 2 weights
// CHECK-NEXT:   producer v quench.linear operand 1 axis 0
// CHECK-NEXT:   consumer u quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: quench.mul takes the transform on its other operand
// CHECK-NEXT: class 'u': 3 channels, 1 values, 1 weights
// CHECK-NEXT:   producer u quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 4 classes, 0 free
func.func @contradictions(%x: tensor<2x3x8xf32>) -> (tensor<2x3x3xf32>, tensor<2x3x3xf32>) {
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %v = quench.param <"model"::"v"> : tensor<4x8xf32>
  %u = quench.param <"model"::"u"> : tensor<3x4xf32>
  %0 = quench.linear %x, %w : (tensor<2x3x8xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32> loc("w")
  %1 = quench.matmul %0, %0 {transpose_b} : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x3xf32>
  %2 = quench.linear %x, %v : (tensor<2x3x8xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32> loc("v")
  %3 = quench.mul %2, %2 : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %4 = quench.linear %3, %u : (tensor<2x3x4xf32>, tensor<3x4xf32>) -> tensor<2x3x3xf32> loc("u")
  return %1, %4 : tensor<2x3x3xf32>, tensor<2x3x3xf32>
}
