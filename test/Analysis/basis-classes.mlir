// Classes of channels that a rotation ties.

// RUN: quench-opt-plain %s --split-input-file --load-pass-plugin=%quench_obj/test/lib/Analysis/QuenchTestAnalysis.so \
// RUN:   --pass-pipeline="builtin.module(test-print-channel-classes{kind=basis})" -o /dev/null | FileCheck %s --match-full-lines

// A stream with residual joins, a table of positions, a class token and a head that
// shares the table of the embedding.
// CHECK: class 'wte': 8 channels, 7 values, 7 weights
// CHECK-NEXT:   producer wte quench.embedding operand 1 axis 1
// CHECK-NEXT:   producer wpe quench.add operand 1 axis 1
// CHECK-NEXT:   producer cls quench.prepend operand 1 axis 1
// CHECK-NEXT:   consumer up quench.linear operand 1 axis 1
// CHECK-NEXT:   producer down quench.linear operand 1 axis 0
// CHECK-NEXT:   producer down quench.linear operand 2 axis 0
// CHECK-NEXT:   consumer head quench.linear operand 1 axis 1
// CHECK-NEXT: class 'up': 12 channels, 1 values, 1 weights
// CHECK-NEXT:   producer up quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: quench.relu keeps the basis of its operand
// CHECK-NEXT: class 'down#input': 12 channels, 1 values, 1 weights
// CHECK-NEXT:   consumer down quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: quench.relu keeps the basis of its result
// CHECK-NEXT: class 'head': 10 channels, 1 values, 1 weights
// CHECK-NEXT:   producer head quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 4 classes, 1 free
func.func @stream(%ids: tensor<?x4xi64>) -> tensor<?x5x10xf32> {
  %table = quench.param <"model"::"wte"> : tensor<10x8xf32>
  %places = quench.param <"model"::"wpe"> : tensor<4x8xf32>
  %cls = quench.param <"model"::"cls"> : tensor<1x8xf32>
  %up = quench.param <"model"::"up"> : tensor<12x8xf32>
  %down = quench.param <"model"::"down"> : tensor<8x12xf32>
  %bias = quench.param <"model"::"bias"> : tensor<8xf32>
  %0 = quench.embedding %ids, %table : (tensor<?x4xi64>, tensor<10x8xf32>) -> tensor<?x4x8xf32> loc("wte")
  %1 = quench.add %0, %places : (tensor<?x4x8xf32>, tensor<4x8xf32>) -> tensor<?x4x8xf32> loc("wpe")
  %2 = quench.prepend %cls to %1 : (tensor<?x4x8xf32>, tensor<1x8xf32>) -> tensor<?x5x8xf32> loc("cls")
  %3 = quench.rms_norm %2 eps 1.0e-5 : (tensor<?x5x8xf32>) -> tensor<?x5x8xf32>
  %4 = quench.linear %3, %up : (tensor<?x5x8xf32>, tensor<12x8xf32>) -> tensor<?x5x12xf32> loc("up")
  %5 = quench.relu %4 : tensor<?x5x12xf32>
  %6 = quench.linear %5, %down bias %bias : (tensor<?x5x12xf32>, tensor<8x12xf32>, tensor<8xf32>) -> tensor<?x5x8xf32> loc("down")
  %7 = quench.add %2, %6 residual : (tensor<?x5x8xf32>, tensor<?x5x8xf32>) -> tensor<?x5x8xf32>
  %8 = quench.rms_norm %7 eps 1.0e-5 : (tensor<?x5x8xf32>) -> tensor<?x5x8xf32>
  %9 = quench.linear %8, %table : (tensor<?x5x8xf32>, tensor<10x8xf32>) -> tensor<?x5x10xf32> loc("head")
  return %9 : tensor<?x5x10xf32>
}

// -----

// Two entry points that share weights and a cache: one class, grouped heads, a
// rotation for each head of values.
// CHECK: class 'v': 2 x 4 channels, 14 values, 6 weights
// CHECK-NEXT:   producer v quench.linear operand 1 axis 0 [0: 0, 4: 1]
// CHECK-NEXT:   producer v quench.linear operand 2 axis 0 [0: 0, 4: 1]
// CHECK-NEXT:   consumer o quench.linear operand 1 axis 1 [0: 0, 4: 0, 8: 1, 12: 1]
// CHECK-NEXT:   producer v quench.linear operand 1 axis 0 [0: 0, 4: 1]
// CHECK-NEXT:   producer v quench.linear operand 2 axis 0 [0: 0, 4: 1]
// CHECK-NEXT:   consumer o quench.linear operand 1 axis 1 [0: 0, 4: 0, 8: 1, 12: 1]
// CHECK-NEXT: class 'v#input': 8 channels, 2 values, 2 weights
// CHECK-NEXT:   consumer v quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer v quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT: class 'o': 8 channels, 2 values, 2 weights
// CHECK-NEXT:   producer o quench.linear operand 1 axis 0
// CHECK-NEXT:   producer o quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 3 classes, 1 free
func.func @prefill(%x: tensor<2x3x8xf32>, %q: tensor<2x3x4x4xf32>, %k: tensor<2x?x2x4xf32>, %p: i64, %c: tensor<2x9x2x4xf32> {quench.name = "v", quench.role = "state"})
    -> (tensor<2x3x8xf32>, tensor<2x9x2x4xf32> {quench.name = "v.new", quench.state = "v"}) attributes {quench.entry} {
  %wv = quench.param <"model"::"v"> : tensor<8x8xf32>
  %bv = quench.param <"model"::"v.bias"> : tensor<8xf32>
  %wo = quench.param <"model"::"o"> : tensor<8x16xf32>
  %0 = quench.linear %x, %wv bias %bv : (tensor<2x3x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<2x3x8xf32> loc("v")
  %1 = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [2, 3, 2, 4] : tensor<2x3x8xf32> into tensor<2x3x2x4xf32>
  %2, %3 = quench.kv_cache %c, %1 at %p : (tensor<2x9x2x4xf32>, tensor<2x3x2x4xf32>, i64) -> (tensor<2x9x2x4xf32>, tensor<2x?x2x4xf32>)
  %4 = quench.attention %q, %k, %3 scale 0.5 causal : (tensor<2x3x4x4xf32>, tensor<2x?x2x4xf32>, tensor<2x?x2x4xf32>) -> tensor<2x3x4x4xf32>
  %5 = tensor.collapse_shape %4 [[0], [1], [2, 3]] : tensor<2x3x4x4xf32> into tensor<2x3x16xf32>
  %6 = quench.linear %5, %wo : (tensor<2x3x16xf32>, tensor<8x16xf32>) -> tensor<2x3x8xf32> loc("o")
  return %6, %2 : tensor<2x3x8xf32>, tensor<2x9x2x4xf32>
}
func.func @decode(%x: tensor<2x1x8xf32>, %q: tensor<2x1x4x4xf32>, %k: tensor<2x?x2x4xf32>, %p: i64, %c: tensor<2x9x2x4xf32> {quench.name = "v", quench.role = "state"})
    -> (tensor<2x1x8xf32>, tensor<2x9x2x4xf32> {quench.name = "v.new", quench.state = "v"}) attributes {quench.entry} {
  %wv = quench.param <"model"::"v"> : tensor<8x8xf32>
  %bv = quench.param <"model"::"v.bias"> : tensor<8xf32>
  %wo = quench.param <"model"::"o"> : tensor<8x16xf32>
  %0 = quench.linear %x, %wv bias %bv : (tensor<2x1x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<2x1x8xf32> loc("v")
  %1 = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [2, 1, 2, 4] : tensor<2x1x8xf32> into tensor<2x1x2x4xf32>
  %2, %3 = quench.kv_cache %c, %1 at %p : (tensor<2x9x2x4xf32>, tensor<2x1x2x4xf32>, i64) -> (tensor<2x9x2x4xf32>, tensor<2x?x2x4xf32>)
  %4 = quench.attention %q, %k, %3 scale 0.5 causal : (tensor<2x1x4x4xf32>, tensor<2x?x2x4xf32>, tensor<2x?x2x4xf32>) -> tensor<2x1x4x4xf32>
  %5 = tensor.collapse_shape %4 [[0], [1], [2, 3]] : tensor<2x1x4x4xf32> into tensor<2x1x16xf32>
  %6 = quench.linear %5, %wo : (tensor<2x1x16xf32>, tensor<8x16xf32>) -> tensor<2x1x8xf32> loc("o")
  return %6, %2 : tensor<2x1x8xf32>, tensor<2x9x2x4xf32>
}

// -----

// Fused qkv, as timm has it: [B, T, 3 * H * D], expanded, transposed, sliced.
// CHECK: class 'qkv': 2 x 4 channels, 4 values, 2 weights
// CHECK-NEXT:   producer qkv quench.linear operand 1 axis 0 [0: 0, 4: 1, 8: 0, 12: 1]
// CHECK-NEXT:   producer qkv quench.linear operand 2 axis 0 [0: 0, 4: 1, 8: 0, 12: 1]
// CHECK-NEXT: class 'qkv#1': 2 x 4 channels, 5 values, 3 weights
// CHECK-NEXT:   producer qkv quench.linear operand 1 axis 0 [16: 0, 20: 1]
// CHECK-NEXT:   producer qkv quench.linear operand 2 axis 0 [16: 0, 20: 1]
// CHECK-NEXT:   consumer o quench.linear operand 1 axis 1 [0: 0, 4: 1]
// CHECK-NEXT: class 'qkv#input': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   consumer qkv quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT: class 'o': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   producer o quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 4 classes, 2 free
func.func @fused(%x: tensor<2x3x8xf32>) -> tensor<2x3x8xf32> {
  %w = quench.param <"model"::"qkv"> : tensor<24x8xf32>
  %b = quench.param <"model"::"qkv.bias"> : tensor<24xf32>
  %wo = quench.param <"model"::"o"> : tensor<8x8xf32>
  %0 = quench.linear %x, %w bias %b : (tensor<2x3x8xf32>, tensor<24x8xf32>, tensor<24xf32>) -> tensor<2x3x24xf32> loc("qkv")
  %1 = tensor.expand_shape %0 [[0], [1], [2, 3, 4]] output_shape [2, 3, 3, 2, 4] : tensor<2x3x24xf32> into tensor<2x3x3x2x4xf32>
  %q = tensor.extract_slice %1[0, 0, 0, 0, 0] [2, 3, 1, 2, 4] [1, 1, 1, 1, 1] : tensor<2x3x3x2x4xf32> to tensor<2x3x2x4xf32>
  %k = tensor.extract_slice %1[0, 0, 1, 0, 0] [2, 3, 1, 2, 4] [1, 1, 1, 1, 1] : tensor<2x3x3x2x4xf32> to tensor<2x3x2x4xf32>
  %v = tensor.extract_slice %1[0, 0, 2, 0, 0] [2, 3, 1, 2, 4] [1, 1, 1, 1, 1] : tensor<2x3x3x2x4xf32> to tensor<2x3x2x4xf32>
  %7 = quench.attention %q, %k, %v scale 0.5 full : (tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x2x4xf32>
  %8 = tensor.collapse_shape %7 [[0], [1], [2, 3]] : tensor<2x3x2x4xf32> into tensor<2x3x8xf32>
  %9 = quench.linear %8, %wo : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32> loc("o")
  return %9 : tensor<2x3x8xf32>
}

// -----

// Parts of the output of one map; one part is read through another map.
// CHECK: class 'x_proj': 4 channels, 2 values, 2 weights
// CHECK-NEXT:   producer x_proj quench.linear operand 1 axis 0
// CHECK-NEXT:   consumer dt quench.linear operand 1 axis 1
// CHECK-NEXT: class 'x_proj#1': 3 channels, 2 values, 1 weights
// CHECK-NEXT:   producer x_proj quench.linear operand 1 axis 0 [4: 0]
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: class 'x_proj#input': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   consumer x_proj quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT: class 'dt': 5 channels, 1 values, 1 weights
// CHECK-NEXT:   producer dt quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 4 classes, 1 free
func.func @split(%x: tensor<?x8xf32>) -> (tensor<?x5xf32>, tensor<?x3xf32>) {
  %w = quench.param <"model"::"x_proj"> : tensor<7x8xf32>
  %d = quench.param <"model"::"dt"> : tensor<5x4xf32>
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %0 = quench.linear %x, %w : (tensor<?x8xf32>, tensor<7x8xf32>) -> tensor<?x7xf32> loc("x_proj")
  %1 = tensor.extract_slice %0[0, 0] [%n, 4] [1, 1] : tensor<?x7xf32> to tensor<?x4xf32>
  %2 = tensor.extract_slice %0[0, 4] [%n, 3] [1, 1] : tensor<?x7xf32> to tensor<?x3xf32>
  %3 = quench.linear %1, %d : (tensor<?x4xf32>, tensor<5x4xf32>) -> tensor<?x5xf32> loc("dt")
  return %3, %2 : tensor<?x5xf32>, tensor<?x3xf32>
}

// -----

// Concatenation along channels: each part has a rotation of its own.
// CHECK: class 'a': 2 channels, 2 values, 2 weights
// CHECK-NEXT:   producer a quench.linear operand 1 axis 0
// CHECK-NEXT:   consumer c quench.linear operand 1 axis 1
// CHECK-NEXT: class 'a#input': 8 channels, 1 values, 2 weights
// CHECK-NEXT:   consumer a quench.linear operand 1 axis 1
// CHECK-NEXT:   consumer b quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: func.func has it as an argument
// CHECK-NEXT: class 'b': 4 channels, 2 values, 2 weights
// CHECK-NEXT:   producer b quench.linear operand 1 axis 0
// CHECK-NEXT:   consumer c quench.linear operand 1 axis 1 [2: 0]
// CHECK-NEXT: class 'c': 3 channels, 1 values, 1 weights
// CHECK-NEXT:   producer c quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 4 classes, 2 free
func.func @concat(%x: tensor<4x8xf32>) -> tensor<4x3xf32> {
  %a = quench.param <"model"::"a"> : tensor<2x8xf32>
  %b = quench.param <"model"::"b"> : tensor<4x8xf32>
  %c = quench.param <"model"::"c"> : tensor<3x6xf32>
  %0 = quench.linear %x, %a : (tensor<4x8xf32>, tensor<2x8xf32>) -> tensor<4x2xf32> loc("a")
  %1 = quench.linear %x, %b : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xf32> loc("b")
  %2 = tensor.concat dim(1) %0, %1 : (tensor<4x2xf32>, tensor<4x4xf32>) -> tensor<4x6xf32>
  %3 = quench.linear %2, %c : (tensor<4x6xf32>, tensor<3x6xf32>) -> tensor<4x3xf32> loc("c")
  return %3 : tensor<4x3xf32>
}

// -----

// Norms behind the joins.
// CHECK: class 't': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   producer t quench.embedding operand 1 axis 1
// CHECK-NEXT:   blocked: quench.layer_norm subtracts the mean
// CHECK-NEXT: class 'w': 8 channels, 3 values, 2 weights
// CHECK-NEXT:   producer w quench.linear operand 1 axis 0
// CHECK-NEXT:   consumer w quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: quench.layer_norm subtracts the mean
// CHECK-NEXT:   blocked: quench.layer_norm subtracts the mean
// CHECK-NEXT: 2 classes, 0 free
func.func @post_norm(%ids: tensor<4xi64>) -> tensor<4x8xf32> {
  %t = quench.param <"model"::"t"> : tensor<9x8xf32>
  %w = quench.param <"model"::"w"> : tensor<8x8xf32>
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %0 = quench.embedding %ids, %t : (tensor<4xi64>, tensor<9x8xf32>) -> tensor<4x8xf32> loc("t")
  %1 = quench.layer_norm %0 gamma %g eps 1.0e-5 : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %2 = quench.linear %1, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> loc("w")
  %3 = quench.add %1, %2 residual : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = quench.layer_norm %3 gamma %g eps 1.0e-5 : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// -----

// Transposed, cut along tokens and joined again.
// CHECK: class 't': 8 channels, 5 values, 2 weights
// CHECK-NEXT:   producer t quench.embedding operand 1 axis 1
// CHECK-NEXT:   consumer h quench.linear operand 1 axis 1
// CHECK-NEXT: class 'h': 3 channels, 1 values, 1 weights
// CHECK-NEXT:   producer h quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: 2 classes, 1 free
func.func @views(%ids: tensor<4xi64>, %i: index) -> tensor<6x3xf32> {
  %t = quench.param <"model"::"t"> : tensor<9x8xf32>
  %h = quench.param <"model"::"h"> : tensor<3x8xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %f = tensor.empty() : tensor<4x8xf32>
  %0 = quench.embedding %ids, %t : (tensor<4xi64>, tensor<9x8xf32>) -> tensor<4x8xf32> loc("t")
  %1 = linalg.transpose ins(%0 : tensor<4x8xf32>) outs(%e : tensor<8x4xf32>) permutation = [1, 0]
  %2 = linalg.transpose ins(%1 : tensor<8x4xf32>) outs(%f : tensor<4x8xf32>) permutation = [1, 0]
  %3 = tensor.extract_slice %2[%i, 0] [2, 8] [1, 1] : tensor<4x8xf32> to tensor<2x8xf32>
  %4 = tensor.concat dim(0) %3, %0 : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<6x8xf32>
  %5 = quench.linear %4, %h : (tensor<6x8xf32>, tensor<3x8xf32>) -> tensor<6x3xf32> loc("h")
  return %5 : tensor<6x3xf32>
}

// -----

// Every second channel alone, and one value for both operands.
// CHECK: class 't': 8 channels, 1 values, 1 weights
// CHECK-NEXT:   producer t quench.embedding operand 1 axis 1
// CHECK-NEXT:   blocked: tensor.extract_slice changes how channels are laid out
// CHECK-NEXT: class 'h': 3 channels, 1 values, 1 weights
// CHECK-NEXT:   producer h quench.linear operand 1 axis 0
// CHECK-NEXT:   blocked: func.return returns it
// CHECK-NEXT: class 'h#input': 4 channels, 1 values, 1 weights
// CHECK-NEXT:   consumer h quench.linear operand 1 axis 1
// CHECK-NEXT:   blocked: tensor.extract_slice changes how channels are laid out
// CHECK-NEXT: 3 classes, 0 free
func.func @pinned(%ids: tensor<4xi64>) -> (tensor<4x3xf32>, tensor<4x4xf32>) {
  %t = quench.param <"model"::"t"> : tensor<9x8xf32>
  %h = quench.param <"model"::"h"> : tensor<3x4xf32>
  %0 = quench.embedding %ids, %t : (tensor<4xi64>, tensor<9x8xf32>) -> tensor<4x8xf32> loc("t")
  %1 = tensor.extract_slice %0[0, 0] [4, 4] [1, 2] : tensor<4x8xf32> to tensor<4x4xf32>
  %2 = quench.linear %1, %h : (tensor<4x4xf32>, tensor<3x4xf32>) -> tensor<4x3xf32> loc("h")
  %3 = quench.matmul %1, %1 {transpose_b} : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %2, %3 : tensor<4x3xf32>, tensor<4x4xf32>
}

// -----

// A gate of heads lets the rotations of their values pass; one of numbers does not.
// CHECK: class 'v': 2 x 4 channels, 5 values, 2 weights
// CHECK-NEXT:   producer v quench.linear operand 1 axis 0 [0: 0, 4: 1]
// CHECK-NEXT:   consumer o quench.linear operand 1 axis 1 [0: 0, 4: 1]
func.func @gates(%x: tensor<2x3x8xf32>, %q: tensor<2x3x2x4xf32>, %k: tensor<2x3x2x4xf32>, %h: tensor<2x3x2xf32>, %n: tensor<2x3x2x4xf32>)
    -> (tensor<2x3x8xf32>, tensor<2x3x2x4xf32>) {
  %wv = quench.param <"model"::"v"> : tensor<8x8xf32>
  %wu = quench.param <"model"::"u"> : tensor<8x8xf32>
  %wo = quench.param <"model"::"o"> : tensor<8x8xf32>
  %0 = quench.linear %x, %wv : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32> loc("v")
  %1 = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [2, 3, 2, 4] : tensor<2x3x8xf32> into tensor<2x3x2x4xf32>
  %2 = quench.attention %q, %k, %1 scale 0.5 full : (tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x2x4xf32>
  %3 = quench.head_gate %2 by %h : (tensor<2x3x2x4xf32>, tensor<2x3x2xf32>) -> tensor<2x3x2x4xf32>
  %4 = tensor.collapse_shape %3 [[0], [1], [2, 3]] : tensor<2x3x2x4xf32> into tensor<2x3x8xf32>
  %5 = quench.linear %4, %wo : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32> loc("o")
  %6 = quench.linear %x, %wu : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32> loc("u")
  %7 = tensor.expand_shape %6 [[0], [1], [2, 3]] output_shape [2, 3, 2, 4] : tensor<2x3x8xf32> into tensor<2x3x2x4xf32>
  %8 = quench.head_gate %7 by %n : (tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>) -> tensor<2x3x2x4xf32>
  return %5, %8 : tensor<2x3x8xf32>, tensor<2x3x2x4xf32>
}
