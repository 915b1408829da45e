// RUN: quench-opt %s --quench-select-kernels | FileCheck %s
// RUN: quench-opt %s --quench-select-kernels=tiles | FileCheck %s --check-prefix=TILES
// RUN: quench-opt %s --quench-select-kernels="vector-bytes=32 dot=pairs" | FileCheck %s --check-prefix=PAIRS
// RUN: quench-opt %s --quench-select-kernels="dot=none" | FileCheck %s --check-prefix=NONE

// The kernel takes floats: codes exist in its buffers alone. Sums begin with minus
// 128 times those of keys; tile registers have signed rows.
// CHECK-LABEL: func.func @attention(
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x4x32xf32>, %[[K:.*]]: tensor<?x?x2x32xf32>, %[[V:.*]]: tensor<?x?x2x32xf32>, %[[M:.*]]: tensor<?x?xi64>)
// CHECK: %[[C:.*]] = arith.constant 0.360673755 : f32
// CHECK: quench.call_kernel @kernel_integer_attention_4x2x32x32_f32_mask_i64_causal_quads_i8i8i8u8(%[[Q]], %[[K]], %[[V]], %[[C]], %[[M]]
// CHECK-NOT: quench.{{encode|dynamic_scale}}
// CHECK-LABEL: func.func @elsewhere(
// CHECK: quench.integer_attention
// CHECK-LABEL: func.func private @kernel_integer_attention
// CHECK: llvm.x86.avx512.vpdpbusd.512
// TILES: quench.call_kernel @kernel_integer_attention_4x2x32x32_f32_mask_i64_causal_tiles_i8i8i8u8(
// TILES: "llvm.x86.ldtilecfg"
// TILES: "llvm.x86.tdpbssd"
// TILES: "llvm.x86.tdpbusd"
// TILES: "llvm.x86.tilerelease"
// PAIRS: quench.call_kernel @kernel_integer_attention_4x2x32x32_f32_mask_i64_causal_pairs_i8i8i8u8(
// PAIRS: "llvm.x86.avx2.pmadd.wd"
// NONE-LABEL: func.func @attention(
// NONE: quench.integer_attention
func.func @attention(%q: tensor<?x?x4x32xf32>, %k: tensor<?x?x2x32xf32>, %v: tensor<?x?x2x32xf32>, %m: tensor<?x?xi64>) -> tensor<?x?x4x32xf32> {
  %r = quench.dynamic_scale %q by(#quench.uniform<i8, token>) : (tensor<?x?x4x32xf32>) -> tensor<?x?x4xf32>
  %s = quench.dynamic_scale %k by(#quench.uniform<i8, token>) : (tensor<?x?x2x32xf32>) -> tensor<?x?x2xf32>
  %t = quench.dynamic_scale %v by(#quench.uniform<i8, sequence>) : (tensor<?x?x2x32xf32>) -> tensor<?x2xf32>
  %0 = quench.encode %q, %r by(#quench.uniform<i8, token>) : (tensor<?x?x4x32xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4x32xi8>
  %1 = quench.encode %k, %s by(#quench.uniform<i8, token>) : (tensor<?x?x2x32xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2x32xi8>
  %2 = quench.encode %v, %t by(#quench.uniform<i8, sequence>) : (tensor<?x?x2x32xf32>, tensor<?x2xf32>) -> tensor<?x?x2x32xi8>
  %3 = quench.integer_attention %0 scale %r by(#quench.uniform<i8, token>), %1 scale %s by(#quench.uniform<i8, token>),
    %2 scale %t by(#quench.uniform<i8, sequence>) probabilities(#quench.uniform<u8, token>) mask %m scale 0.25 causal
    : (tensor<?x?x4x32xi8>, tensor<?x?x4xf32>, tensor<?x?x2x32xi8>, tensor<?x?x2xf32>, tensor<?x?x2x32xi8>, tensor<?x2xf32>, tensor<?x?xi64>) -> tensor<?x?x4x32xf32>
  return %3 : tensor<?x?x4x32xf32>
}

// Codes that come from elsewhere are left to loops.
func.func @elsewhere(%q: tensor<?x?x4x32xi8>, %r: tensor<?x?x4xf32>, %t: tensor<?x4xf32>) -> tensor<?x?x4x32xf32> {
  %0 = quench.integer_attention %q scale %r by(#quench.uniform<i8, token>), %q scale %r by(#quench.uniform<i8, token>),
    %q scale %t by(#quench.uniform<i8, sequence>) probabilities(#quench.uniform<u8, token>) scale 0.25 full
    : (tensor<?x?x4x32xi8>, tensor<?x?x4xf32>, tensor<?x?x4x32xi8>, tensor<?x?x4xf32>, tensor<?x?x4x32xi8>, tensor<?x4xf32>) -> tensor<?x?x4x32xf32>
  return %0 : tensor<?x?x4x32xf32>
}
