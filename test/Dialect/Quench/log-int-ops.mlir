// Attention by an integer softmax survives text and bytecode, and decomposes into what
// one-shot bufferization takes.

// RUN: quench-opt %s | FileCheck %s
// RUN: quench-opt %s --quench-lower-to-linalg | FileCheck %s --check-prefix=LINALG
// RUN: quench-opt %s --quench-lower-to-linalg \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries allow-unknown-ops" -o /dev/null

// LINALG-NOT: quench.log_int

// CHECK-LABEL: func.func @probabilities
// CHECK: quench.log_int_probabilities %{{.*}}, %{{.*}} by(#quench.log<u4, zero = extra>) step 6.250000e-02 mask %{{.*}} bias %{{.*}} scale 2.500000e-01 causal : (tensor<?x?x4x8xbf16>, tensor<?x?x2x8xbf16>, tensor<?x?xi64>, tensor<4x?x?xbf16>) -> tensor<?x4x?x?xbf16>
// Powers are a table for the distances below the greatest score.
// LINALG-LABEL: func.func @probabilities
// LINALG: tensor.extract %{{.*}}[%{{.*}}] : tensor<373xi64>
// LINALG: arith.minui {{.*}} : i64
// LINALG: arith.divui
// LINALG: math.ctlz
func.func @probabilities(%q: tensor<?x?x4x8xbf16>, %k: tensor<?x?x2x8xbf16>, %m: tensor<?x?xi64>, %b: tensor<4x?x?xbf16>) -> tensor<?x4x?x?xbf16> {
  %0 = quench.log_int_probabilities %q, %k by(#quench.log<u4, zero = extra>) step 6.25e-02 mask %m bias %b scale 0.25 causal
    : (tensor<?x?x4x8xbf16>, tensor<?x?x2x8xbf16>, tensor<?x?xi64>, tensor<4x?x?xbf16>) -> tensor<?x4x?x?xbf16>
  return %0 : tensor<?x4x?x?xbf16>
}

// CHECK-LABEL: func.func @attention
// CHECK: quench.log_int_attention %{{.*}} scale %{{.*}} zero %{{.*}} by(#quench.uniform<u8, asymmetric, token>), %{{.*}} scale %{{.*}} by(#quench.uniform<i8, token>), %{{.*}} scale %{{.*}} zero %{{.*}} by(#quench.uniform<u8, asymmetric, axis = 3>) probabilities(#quench.log<u3, zero = last>) step 5.000000e-01 scale 2.500000e-01 sliding {element_type = bf16, head_groups = array<i64: 1, 0, 1, 1>, window = 3 : i64}
// LINALG-LABEL: func.func @attention
// LINALG-NOT: math.exp
// LINALG: arith.extsi {{.*}} : i32 to i64
func.func @attention(%q: tensor<?x?x4x8xi8>, %r: tensor<?x?x4xf32>, %y: tensor<?x?x4xi8>, %k: tensor<?x?x2x8xi8>, %s: tensor<?x?x2xf32>,
                     %v: tensor<?x?x2x8xi8>, %t: tensor<8xf32>, %z: tensor<8xi8>) -> tensor<?x?x4x8xbf16> {
  %0 = quench.log_int_attention %q scale %r zero %y by(#quench.uniform<u8, asymmetric, token>), %k scale %s by(#quench.uniform<i8, token>),
    %v scale %t zero %z by(#quench.uniform<u8, asymmetric, axis = 3>) probabilities(#quench.log<u3, zero = last>) step 0.5 scale 0.25 sliding
    {element_type = bf16, head_groups = array<i64: 1, 0, 1, 1>, window = 3 : i64}
    : (tensor<?x?x4x8xi8>, tensor<?x?x4xf32>, tensor<?x?x4xi8>, tensor<?x?x2x8xi8>, tensor<?x?x2xf32>,
       tensor<?x?x2x8xi8>, tensor<8xf32>, tensor<8xi8>) -> tensor<?x?x4x8xbf16>
  return %0 : tensor<?x?x4x8xbf16>
}
