// Attention of codes survives text and bytecode, and decomposes into what one-shot
// bufferization takes.

// RUN: quench-opt %s | FileCheck %s
// RUN: quench-opt %s --quench-lower-to-linalg | FileCheck %s --check-prefix=LINALG
// RUN: quench-opt %s --quench-lower-to-linalg \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries allow-unknown-ops" -o /dev/null

// LINALG-NOT: quench.integer_attention

// CHECK-LABEL: func.func @rows
// CHECK: quench.integer_attention %{{.*}} scale %{{.*}} by(#quench.uniform<i8, token>), %{{.*}} scale %{{.*}} by(#quench.uniform<i8, token>), %{{.*}} scale %{{.*}} by(#quench.uniform<i8, sequence>) probabilities(#quench.uniform<u8, token>) mask %{{.*}} bias %{{.*}} scale 2.500000e-01 causal : (tensor<?x?x4x8xi8>, tensor<?x?x4xf32>, tensor<?x?x2x8xi8>, tensor<?x?x2xf32>, tensor<?x?x2x8xi8>, tensor<?x2xf32>, tensor<?x?xi64>, tensor<4x?x?xf32>) -> tensor<?x?x4x8xf32>
// Products and their sums are integers; weights are a polynomial of separate
// roundings; blocks of 256 keys become floats.
// LINALG-LABEL: func.func @rows
// LINALG: arith.muli {{.*}} : i32
// LINALG: math.roundeven
// LINALG-NOT: math.fma
// LINALG: arith.shli
// LINALG: linalg.generic {{.*}}ins(%{{.*}} : tensor<256xi8>) outs(%{{.*}} : tensor<?x2x2x?x?xi32>)
// LINALG: linalg.generic {{.*}}ins(%{{.*}} : tensor<256xi8>) outs(%{{.*}} : tensor<?x?x2x2x8x?xi32>)
// LINALG: arith.sitofp
func.func @rows(%q: tensor<?x?x4x8xi8>, %r: tensor<?x?x4xf32>, %k: tensor<?x?x2x8xi8>, %s: tensor<?x?x2xf32>,
                %v: tensor<?x?x2x8xi8>, %t: tensor<?x2xf32>, %m: tensor<?x?xi64>, %b: tensor<4x?x?xf32>) -> tensor<?x?x4x8xf32> {
  %0 = quench.integer_attention %q scale %r by(#quench.uniform<i8, token>), %k scale %s by(#quench.uniform<i8, token>),
    %v scale %t by(#quench.uniform<i8, sequence>) probabilities(#quench.uniform<u8, token>) mask %m bias %b scale 0.25 causal
    : (tensor<?x?x4x8xi8>, tensor<?x?x4xf32>, tensor<?x?x2x8xi8>, tensor<?x?x2xf32>, tensor<?x?x2x8xi8>, tensor<?x2xf32>,
       tensor<?x?xi64>, tensor<4x?x?xf32>) -> tensor<?x?x4x8xf32>
  return %0 : tensor<?x?x4x8xf32>
}

// Scales of a tensor, of heads that are named, of channels.
// CHECK-LABEL: func.func @others
// CHECK: quench.integer_attention {{.*}} sliding {element_type = bf16, head_groups = array<i64: 1, 0, 1>, window = 3 : i64}
func.func @others(%q: tensor<2x5x3x8xi8>, %r: tensor<f32>, %k: tensor<2x5x2x8xi8>, %s: tensor<2xf32>,
                  %v: tensor<2x5x2x8xi8>, %t: tensor<8xf32>) -> tensor<2x5x3x8xbf16> {
  %0 = quench.integer_attention %q scale %r by(#quench.uniform<i8>), %k scale %s by(#quench.uniform<i8, axis = 2>),
    %v scale %t by(#quench.uniform<i4, axis = 3>) probabilities(#quench.uniform<u4, token>) scale 0.25 sliding
    {element_type = bf16, head_groups = array<i64: 1, 0, 1>, window = 3 : i64}
    : (tensor<2x5x3x8xi8>, tensor<f32>, tensor<2x5x2x8xi8>, tensor<2xf32>, tensor<2x5x2x8xi8>, tensor<8xf32>) -> tensor<2x5x3x8xbf16>
  return %0 : tensor<2x5x3x8xbf16>
}
