// Every op survives text and bytecode (the test configuration adds
// --verify-roundtrip), and decomposes into what one-shot bufferization takes.

// RUN: quench-opt %s | FileCheck %s
// RUN: quench-opt %s --quench-lower-to-linalg | FileCheck %s --check-prefix=LINALG
// RUN: quench-opt %s --quench-lower-to-linalg \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries allow-unknown-ops" -o /dev/null

// LINALG-NOT: quench.{{(linear|matmul|add|gelu|attention|head_gate|rope|kv_cache|pool|conv2d|window|im2col|depthwise_conv2d|unfold|fold)}}

// CHECK-LABEL: func.func @contractions
func.func @contractions(%x: tensor<?x?x8xf32>, %v: tensor<8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xf32>, %k: tensor<?x?x8xf32>)
    -> (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<4xf32>, tensor<?x?x?xf32>, tensor<?x8x8xf32>) {
  // CHECK: quench.linear %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<?x?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %0 = quench.linear %x, %w bias %b : (tensor<?x?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %1 = quench.linear %x, %w : (tensor<?x?x8xf32>, tensor<4x8xf32>) -> tensor<?x?x4xf32>
  %2 = quench.linear %v, %w : (tensor<8xf32>, tensor<4x8xf32>) -> tensor<4xf32>
  // CHECK: quench.matmul %{{.*}}, %{{.*}} {transpose_b}
  %3 = quench.matmul %x, %k {transpose_b} : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x?xf32>
  // CHECK: quench.matmul %{{.*}}, %{{.*}} {transpose_a}
  %4 = quench.matmul %x, %k {transpose_a} : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x8x8xf32>
  return %0, %1, %2, %3, %4 : tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<4xf32>, tensor<?x?x?xf32>, tensor<?x8x8xf32>
}

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%x: tensor<?x?x8xf16>, %s: tensor<8xf16>) -> tensor<?x?x8xf16> {
  // CHECK: quench.add %{{.*}}, %{{.*}} residual :
  %0 = quench.add %x, %x residual : (tensor<?x?x8xf16>, tensor<?x?x8xf16>) -> tensor<?x?x8xf16>
  // CHECK: quench.add %{{.*}}, %{{.*}} :
  %1 = quench.add %0, %s : (tensor<?x?x8xf16>, tensor<8xf16>) -> tensor<?x?x8xf16>
  // CHECK: quench.mul
  %2 = quench.mul %1, %s : (tensor<?x?x8xf16>, tensor<8xf16>) -> tensor<?x?x8xf16>
  // CHECK: quench.relu
  %3 = quench.relu %2 : tensor<?x?x8xf16>
  // CHECK: quench.tanh
  %4 = quench.tanh %3 : tensor<?x?x8xf16>
  // CHECK: quench.softplus
  %5 = quench.softplus %4 : tensor<?x?x8xf16>
  // CHECK: quench.exp
  %6 = quench.exp %5 : tensor<?x?x8xf16>
  // CHECK: quench.neg
  %7 = quench.neg %6 : tensor<?x?x8xf16>
  // CHECK: quench.gelu %{{.*}} by erf
  %8 = quench.gelu %7 by erf : tensor<?x?x8xf16>
  // CHECK: quench.gelu %{{.*}} by tanh
  %9 = quench.gelu %8 by tanh : tensor<?x?x8xf16>
  // CHECK: quench.gelu %{{.*}} by sigmoid
  %10 = quench.gelu %9 by sigmoid : tensor<?x?x8xf16>
  // CHECK: quench.silu %{{[0-9]+}} : tensor
  %11 = quench.silu %10 : tensor<?x?x8xf16>
  // CHECK: quench.silu %{{.*}} scale %{{.*}} : tensor<8xf16> : tensor<?x?x8xf16>
  %12 = quench.silu %11 scale %s : tensor<8xf16> : tensor<?x?x8xf16>
  // CHECK: quench.gated %{{.*}}, %{{.*}} by silu
  %13 = quench.gated %12, %x by silu : tensor<?x?x8xf16>
  // CHECK: quench.gated %{{.*}}, %{{.*}} by gelu_erf
  %14 = quench.gated %13, %x by gelu_erf : tensor<?x?x8xf16>
  // CHECK: quench.gated %{{.*}}, %{{.*}} by gelu_tanh
  %15 = quench.gated %14, %x by gelu_tanh : tensor<?x?x8xf16>
  // CHECK: quench.gated %{{.*}}, %{{.*}} by relu
  %16 = quench.gated %15, %x by relu : tensor<?x?x8xf16>
  return %16 : tensor<?x?x8xf16>
}

// CHECK-LABEL: func.func @norms
func.func @norms(%x: tensor<?x?x8xbf16>, %s: tensor<8xbf16>) -> tensor<?x?x8xbf16> {
  // CHECK: quench.layer_norm %{{.*}} gamma %{{.*}} beta %{{.*}} eps 1.000000e-05
  %0 = quench.layer_norm %x gamma %s beta %s eps 1.0e-5 : (tensor<?x?x8xbf16>, tensor<8xbf16>, tensor<8xbf16>) -> tensor<?x?x8xbf16>
  // CHECK: quench.layer_norm %{{[0-9]+}} eps
  %1 = quench.layer_norm %0 eps 1.0e-5 : (tensor<?x?x8xbf16>) -> tensor<?x?x8xbf16>
  // CHECK: quench.rms_norm %{{.*}} gamma
  %2 = quench.rms_norm %1 gamma %s eps 1.0e-5 : (tensor<?x?x8xbf16>, tensor<8xbf16>) -> tensor<?x?x8xbf16>
  // CHECK: quench.rms_norm %{{[0-9]+}} eps
  %3 = quench.rms_norm %2 eps 1.0e-5 : (tensor<?x?x8xbf16>) -> tensor<?x?x8xbf16>
  // CHECK: quench.l2_normalize
  %4 = quench.l2_normalize %3 eps 1.0e-12 : tensor<?x?x8xbf16>
  // CHECK: quench.softmax %{{[0-9]+}} : tensor
  %5 = quench.softmax %4 : tensor<?x?x8xbf16>
  // CHECK: quench.softmax %{{[0-9]+}} {gamma = -3.000000e-02 : f64, zeta = 1.030000e+00 : f64}
  %6 = quench.softmax %5 {zeta = 1.03 : f64, gamma = -0.03 : f64} : tensor<?x?x8xbf16>
  return %6 : tensor<?x?x8xbf16>
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<?x?x6x4xf32>, %k: tensor<?x?x2x4xf32>, %v: tensor<?x?x2x5xf32>,
                     %mask: tensor<?x?xi64>, %bias: tensor<6x?x?xf32>) -> (tensor<?x?x6x5xf32>, tensor<?x?x6x5xf32>, tensor<?x?x6x5xf32>) {
  // CHECK: quench.attention %{{.*}}, %{{.*}}, %{{.*}} mask %{{.*}} bias %{{.*}} scale 5.000000e-01 full :
  %0 = quench.attention %q, %k, %v mask %mask bias %bias scale 0.5 full
    : (tensor<?x?x6x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x5xf32>, tensor<?x?xi64>, tensor<6x?x?xf32>) -> tensor<?x?x6x5xf32>
  // CHECK: quench.attention %{{.*}}, %{{.*}}, %{{.*}} scale 5.000000e-01 causal {head_groups = array<i64: 0, 0, 0, 0, 1, 1>}
  %1 = quench.attention %q, %k, %v scale 0.5 causal {head_groups = array<i64: 0, 0, 0, 0, 1, 1>}
    : (tensor<?x?x6x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x5xf32>) -> tensor<?x?x6x5xf32>
  // CHECK: quench.attention %{{.*}}, %{{.*}}, %{{.*}} scale 5.000000e-01 sliding {window = 3 : i64}
  %2 = quench.attention %q, %k, %v scale 0.5 sliding {window = 3 : i64}
    : (tensor<?x?x6x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x5xf32>) -> tensor<?x?x6x5xf32>
  return %0, %1, %2 : tensor<?x?x6x5xf32>, tensor<?x?x6x5xf32>, tensor<?x?x6x5xf32>
}

// CHECK-LABEL: func.func @gates
func.func @gates(%x: tensor<?x?x6x4xf32>, %numbers: tensor<?x?x6x4xf32>, %tokens: tensor<?x?x6xf32>, %sequences: tensor<?x6xf32>, %heads: tensor<6xf32>)
    -> tensor<?x?x6x4xf32> {
  // CHECK: quench.head_gate %{{.*}} by %{{.*}} : (tensor<?x?x6x4xf32>, tensor<?x?x6x4xf32>)
  %0 = quench.head_gate %x by %numbers : (tensor<?x?x6x4xf32>, tensor<?x?x6x4xf32>) -> tensor<?x?x6x4xf32>
  // CHECK: quench.head_gate %{{.*}} by %{{.*}} {factor = 4.000000e+00 : f64} : (tensor<?x?x6x4xf32>, tensor<?x?x6xf32>)
  %1 = quench.head_gate %0 by %tokens {factor = 4.0 : f64} : (tensor<?x?x6x4xf32>, tensor<?x?x6xf32>) -> tensor<?x?x6x4xf32>
  %2 = quench.head_gate %1 by %sequences : (tensor<?x?x6x4xf32>, tensor<?x6xf32>) -> tensor<?x?x6x4xf32>
  %3 = quench.head_gate %2 by %heads : (tensor<?x?x6x4xf32>, tensor<6xf32>) -> tensor<?x?x6x4xf32>
  return %3 : tensor<?x?x6x4xf32>
}

// CHECK-LABEL: func.func @positions
func.func @positions(%x: tensor<?x?x2x8xf32>, %cache: tensor<?x?x2x8xf32>, %position: i64)
    -> (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?xi64>) {
  // CHECK: quench.positions %{{.*}} dim 1 from %{{.*}} : tensor<?x?x2x8xf32> -> tensor<?xi64>
  %p = quench.positions %x dim 1 from %position : tensor<?x?x2x8xf32> -> tensor<?xi64>
  // CHECK: quench.positions %{{.*}} dim 1 {offset = 2 : i64}
  %p2 = quench.positions %x dim 1 {offset = 2 : i64} : tensor<?x?x2x8xf32> -> tensor<?xi64>
  // CHECK: quench.rope_table %{{.*}} {element_type = f32, inv_freq = array<f64: 1.000000e+00, 1.000000e-01>}
  %cos, %sin = quench.rope_table %p {inv_freq = array<f64: 1.0, 0.1>, element_type = f32} : (tensor<?xi64>) -> (tensor<?x2xf32>, tensor<?x2xf32>)
  // CHECK: quench.rope %{{.*}}, %{{.*}}, %{{.*}} half
  %0 = quench.rope %x, %cos, %sin half : (tensor<?x?x2x8xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x?x2x8xf32>
  // CHECK: quench.rope %{{.*}}, %{{.*}}, %{{.*}} interleaved
  %1 = quench.rope %0, %cos, %sin interleaved : (tensor<?x?x2x8xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x?x2x8xf32>
  // CHECK: quench.kv_cache %{{.*}}, %{{.*}} at %{{.*}} :
  %updated, %view = quench.kv_cache %cache, %1 at %position : (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, i64) -> (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>)
  return %1, %updated, %view, %p2 : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?xi64>
}

// CHECK-LABEL: func.func @tokens
func.func @tokens(%ids: tensor<?x?xi64>, %table: tensor<10x8xf32>, %cls: tensor<1x8xf32>, %mask: tensor<?x?xi32>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x?x8xf32>) {
  // CHECK: quench.embedding
  %0 = quench.embedding %ids, %table : (tensor<?x?xi64>, tensor<10x8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.prepend %{{.*}} to %{{.*}} : (tensor<?x?x8xf32>, tensor<1x8xf32>)
  %1 = quench.prepend %cls to %0 : (tensor<?x?x8xf32>, tensor<1x8xf32>) -> tensor<?x?x8xf32>
  // CHECK: quench.pool %{{.*}} mask %{{.*}} by mean
  %2 = quench.pool %0 mask %mask by mean : (tensor<?x?x8xf32>, tensor<?x?xi32>) -> tensor<?x8xf32>
  // CHECK: quench.pool %{{.*}} mask %{{.*}} by max
  %3 = quench.pool %0 mask %mask by max : (tensor<?x?x8xf32>, tensor<?x?xi32>) -> tensor<?x8xf32>
  // CHECK: quench.pool %{{.*}} mask %{{.*}} by last
  %4 = quench.pool %0 mask %mask by last : (tensor<?x?x8xf32>, tensor<?x?xi32>) -> tensor<?x8xf32>
  // CHECK: quench.pool %{{[0-9]+}} by first
  %5 = quench.pool %0 by first : (tensor<?x?x8xf32>) -> tensor<?x8xf32>
  // CHECK: quench.pool %{{[0-9]+}} by last
  %6 = quench.pool %0 by last : (tensor<?x?x8xf32>) -> tensor<?x8xf32>
  return %2, %3, %4, %5, %6, %1 : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x?x8xf32>
}

// CHECK-LABEL: func.func @images
func.func @images(%x: tensor<?x3x8x12xf32>, %w: tensor<8x3x4x4xf32>, %b: tensor<8xf32>, %any: tensor<?x?x?x?xf32>,
                  %k: tensor<8x3x3x3xf32>, %g: tensor<6x1x3x3xf32>)
    -> (tensor<?x6x8xf32>, tensor<?x?x?xf32>, tensor<?x8x4x6xf32>, tensor<?x6x6x10xf32>) {
  // CHECK: quench.patch_embed %{{.*}}, %{{.*}} bias
  %0 = quench.patch_embed %x, %w bias %b : (tensor<?x3x8x12xf32>, tensor<8x3x4x4xf32>, tensor<8xf32>) -> tensor<?x6x8xf32>
  // CHECK: quench.patches %{{.*}} of 4 x 4
  %1 = quench.patches %any of 4 x 4 : (tensor<?x?x?x?xf32>) -> tensor<?x?x?xf32>
  // CHECK: quench.conv2d %{{.*}}, %{{.*}} bias %{{.*}} strides [2, 2] padding [1, 1]
  %2 = quench.conv2d %x, %k bias %b strides [2, 2] padding [1, 1] : (tensor<?x3x8x12xf32>, tensor<8x3x3x3xf32>, tensor<8xf32>) -> tensor<?x8x4x6xf32>
  // CHECK: quench.conv2d %{{.*}}, %{{.*}} strides [1, 1] padding [0, 0] {groups = 3 : i64}
  %3 = quench.conv2d %x, %g strides [1, 1] padding [0, 0] {groups = 3 : i64} : (tensor<?x3x8x12xf32>, tensor<6x1x3x3xf32>) -> tensor<?x6x6x10xf32>
  return %0, %1, %2, %3 : tensor<?x6x8xf32>, tensor<?x?x?xf32>, tensor<?x8x4x6xf32>, tensor<?x6x6x10xf32>
}

// CHECK-LABEL: func.func @scan
func.func @scan(%x: tensor<?x?x6xf32>, %w: tensor<6x4xf32>, %b: tensor<6xf32>, %conv: tensor<?x3x6xf32>,
                %a: tensor<6x2xf32>, %bc: tensor<?x?x2xf32>, %h: tensor<?x6x2xf32>)
    -> (tensor<?x?x6xf32>, tensor<?x3x6xf32>, tensor<?x6x2xf32>, tensor<?x?x6xf32>) {
  // CHECK: quench.causal_conv1d %{{.*}}, %{{.*}} bias %{{.*}} state
  %0, %conv1 = quench.causal_conv1d %x, %w bias %b state %conv : (tensor<?x?x6xf32>, tensor<6x4xf32>, tensor<6xf32>, tensor<?x3x6xf32>) -> (tensor<?x?x6xf32>, tensor<?x3x6xf32>)
  %1, %conv2 = quench.causal_conv1d %x, %w : (tensor<?x?x6xf32>, tensor<6x4xf32>) -> (tensor<?x?x6xf32>, tensor<?x3x6xf32>)
  // CHECK: quench.selective_scan %{{.*}} delta %{{.*}} a %{{.*}} b %{{.*}} c %{{.*}} d %{{.*}} state
  %2, %h1 = quench.selective_scan %0 delta %x a %a b %bc c %bc d %b state %h
    : (tensor<?x?x6xf32>, tensor<?x?x6xf32>, tensor<6x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<6xf32>, tensor<?x6x2xf32>) -> (tensor<?x?x6xf32>, tensor<?x6x2xf32>)
  %3, %h2 = quench.selective_scan %1 delta %x a %a b %bc c %bc
    : (tensor<?x?x6xf32>, tensor<?x?x6xf32>, tensor<6x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>) -> (tensor<?x?x6xf32>, tensor<?x6x2xf32>)
  return %2, %conv1, %h1, %3 : tensor<?x?x6xf32>, tensor<?x3x6xf32>, tensor<?x6x2xf32>, tensor<?x?x6xf32>
}

// CHECK-LABEL: func.func @windows
func.func @windows(%x: tensor<?x7x5x6xf32>) -> tensor<?x7x5x6xf32> {
  // CHECK: quench.window_partition %{{.*}} window 3 {shift = 1 : i64}
  %0 = quench.window_partition %x window 3 {shift = 1 : i64} : (tensor<?x7x5x6xf32>) -> tensor<?x9x6xf32>
  // CHECK: quench.window_merge %{{.*}} window 3 to 7 x 5 {shift = 1 : i64}
  %1 = quench.window_merge %0 window 3 to 7 x 5 {shift = 1 : i64} : (tensor<?x9x6xf32>) -> tensor<?x7x5x6xf32>
  return %1 : tensor<?x7x5x6xf32>
}

// CHECK-LABEL: func.func @maps
func.func @maps(%x: tensor<?x8x12x6xf32>, %w: tensor<6x3x3xf32>, %b: tensor<6xf32>, %any: tensor<?x?x?x?xf32>)
    -> (tensor<?x4x6x54xf32>, tensor<?x8x12x6xf32>, tensor<?x?x?x?xf32>) {
  // CHECK: quench.im2col %{{.*}} kernel [3, 3] strides [2, 2] padding [1, 1]
  %0 = quench.im2col %x kernel [3, 3] strides [2, 2] padding [1, 1] : (tensor<?x8x12x6xf32>) -> tensor<?x4x6x54xf32>
  // CHECK: quench.depthwise_conv2d %{{.*}}, %{{.*}} bias %{{.*}} strides [1, 1] padding [1, 1]
  %1 = quench.depthwise_conv2d %x, %w bias %b strides [1, 1] padding [1, 1] : (tensor<?x8x12x6xf32>, tensor<6x3x3xf32>, tensor<6xf32>) -> tensor<?x8x12x6xf32>
  // CHECK: quench.unfold %{{.*}} of 2 x 3
  %2 = quench.unfold %1 of 2 x 3 : (tensor<?x8x12x6xf32>) -> tensor<?x16x6xf32>
  // CHECK: quench.fold %{{.*}} of 2 x 3 to 8 x 12
  %3 = quench.fold %2 of 2 x 3 to 8 x 12 : (tensor<?x16x6xf32>) -> tensor<?x8x12x6xf32>
  %4 = quench.im2col %any kernel [3, 3] strides [1, 1] padding [0, 0] : (tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  return %0, %3, %4 : tensor<?x4x6x54xf32>, tensor<?x8x12x6xf32>, tensor<?x?x?x?xf32>
}

// CHECK-LABEL: func.func @weights
func.func @weights() -> (tensor<2x8x4xf16>, tensor<32xf32>) {
  // CHECK: quench.param <"model"::"w"> : tensor<8x6xf32>
  %0 = quench.param <"model"::"w"> : tensor<8x6xf32>
  // CHECK: quench.transpose %{{.*}} [1, 0] : (tensor<8x6xf32>) -> tensor<6x8xf32>
  %1 = quench.transpose %0 [1, 0] : (tensor<8x6xf32>) -> tensor<6x8xf32>
  // CHECK: quench.slice %{{.*}} axis 0[1, 5] : (tensor<6x8xf32>) -> tensor<4x8xf32>
  %2 = quench.slice %1 axis 0 [1, 5] : (tensor<6x8xf32>) -> tensor<4x8xf32>
  // CHECK: quench.concat %{{.*}}, %{{.*}} axis 0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  %3 = quench.concat %2, %2 axis 0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  // CHECK: quench.cast %{{.*}} : (tensor<8x8xf32>) -> tensor<8x8xf16>
  %4 = quench.cast %3 : (tensor<8x8xf32>) -> tensor<8x8xf16>
  // CHECK: quench.pack %{{.*}} panel 4 : (tensor<8x8xf16>) -> tensor<2x8x4xf16>
  %5 = quench.pack %4 panel 4 : (tensor<8x8xf16>) -> tensor<2x8x4xf16>
  // CHECK: quench.reshape %{{.*}} : (tensor<4x8xf32>) -> tensor<32xf32>
  %6 = quench.reshape %2 : (tensor<4x8xf32>) -> tensor<32xf32>
  // CHECK: quench.noise seed 7 : tensor<32xf32>
  %7 = quench.noise seed 7 : tensor<32xf32>
  return %5, %6 : tensor<2x8x4xf16>, tensor<32xf32>
}
