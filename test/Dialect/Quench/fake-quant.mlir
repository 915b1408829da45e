// Quantizers survive text and bytecode (the test configuration adds
// --verify-roundtrip), stay where they are, and decompose into what one-shot
// bufferization takes.

// RUN: quench-opt %s | FileCheck %s
// RUN: quench-opt %s --canonicalize --cse --canonicalize | FileCheck %s
// RUN: quench-opt %s --quench-lower-to-linalg --canonicalize --cse | FileCheck %s --check-prefix=LINALG
// RUN: quench-opt %s --quench-lower-to-linalg \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries" -o /dev/null

// LINALG-NOT: quench.fake_quant

// CHECK-LABEL: func.func @tensor
// CHECK: quench.fake_quant %{{.*}}, %{{.*}} by(#quench.uniform<i8>) : (tensor<?x?x8xf32>, tensor<f32>) -> tensor<?x?x8xf32>
// LINALG-LABEL: func.func @tensor
// LINALG: linalg.generic
// LINALG: %[[T:.*]] = arith.divf
// LINALG: %[[ABOVE:.*]] = arith.cmpf ogt, %[[T]], %[[LOW:.*]] : f32
// LINALG: %[[T1:.*]] = arith.select %[[ABOVE]], %[[T]], %[[LOW]]
// LINALG: %[[BELOW:.*]] = arith.cmpf olt, %[[T1]], %[[HIGH:.*]] : f32
// LINALG: %[[T2:.*]] = arith.select %[[BELOW]], %[[T1]], %[[HIGH]]
// LINALG: %[[ROUND:.*]] = math.roundeven %[[T2]]
// LINALG: %[[STEPS:.*]] = arith.fptosi %[[ROUND]] : f32 to i32
// LINALG: %[[WHOLE:.*]] = arith.sitofp %[[STEPS]] : i32 to f32
// LINALG: arith.mulf %[[WHOLE]]
func.func @tensor(%x: tensor<?x?x8xf32>, %s: tensor<f32>) -> tensor<?x?x8xf32> {
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i8>) : (tensor<?x?x8xf32>, tensor<f32>) -> tensor<?x?x8xf32>
  return %0 : tensor<?x?x8xf32>
}

// CHECK-LABEL: func.func @channels
// CHECK: by(#quench.uniform<u4, asymmetric, axis = 2>) : (tensor<?x?x8xf64>, tensor<8xf64>, tensor<8xi4>) -> tensor<?x?x8xf64>
func.func @channels(%x: tensor<?x?x8xf64>, %s: tensor<8xf64>, %z: tensor<8xi4>) -> tensor<?x?x8xf64> {
  %0 = quench.fake_quant %x, %s, %z by(#quench.uniform<u4, axis = 2, asymmetric>) : (tensor<?x?x8xf64>, tensor<8xf64>, tensor<8xi4>) -> tensor<?x?x8xf64>
  return %0 : tensor<?x?x8xf64>
}

// Halves are widened, and rounded once at the end.
// CHECK-LABEL: func.func @tokens
// CHECK: by(#quench.uniform<i8, asymmetric, token>)
// LINALG-LABEL: func.func @tokens
// LINALG: arith.extf {{.*}} : bf16 to f32
// LINALG: arith.extsi {{.*}} : i8 to i32
// LINALG: arith.truncf {{.*}} : f32 to bf16
func.func @tokens(%x: tensor<?x?x8xbf16>, %s: tensor<?x?xf32>, %z: tensor<?x?xi8>) -> tensor<?x?x8xbf16> {
  %0 = quench.fake_quant %x, %s, %z by(#quench.uniform<i8, asymmetric, token>) : (tensor<?x?x8xbf16>, tensor<?x?xf32>, tensor<?x?xi8>) -> tensor<?x?x8xbf16>
  return %0 : tensor<?x?x8xbf16>
}

// CHECK-LABEL: func.func @groups
// CHECK: by(#quench.uniform<i4, axis = 0, group = 4>) : (tensor<6x?xf16>, tensor<6x?xf32>) -> tensor<6x?xf16>
// CHECK: by(#quench.uniform<i3, token, group = 2>)
// CHECK: by(#quench.uniform<u2, group = 3>)
// LINALG-LABEL: func.func @groups
// LINALG: tensor.expand_shape {{.*}} {{\[\[}}0], [1, 2]] {{.*}} : tensor<6x?xf16> into tensor<6x?x4xf16>
// LINALG: tensor.collapse_shape
func.func @groups(%w: tensor<6x?xf16>, %s: tensor<6x?xf32>, %x: tensor<?x6xf32>, %t: tensor<?x3xf32>, %u: tensor<2xf32>)
    -> (tensor<6x?xf16>, tensor<?x6xf32>, tensor<?x6xf32>) {
  %0 = quench.fake_quant %w, %s by(#quench.uniform<i4, axis = 0, group = 4>) : (tensor<6x?xf16>, tensor<6x?xf32>) -> tensor<6x?xf16>
  %1 = quench.fake_quant %x, %t by(#quench.uniform<i3, token, group = 2>) : (tensor<?x6xf32>, tensor<?x3xf32>) -> tensor<?x6xf32>
  %2 = quench.fake_quant %x, %u by(#quench.uniform<u2, group = 3>) : (tensor<?x6xf32>, tensor<2xf32>) -> tensor<?x6xf32>
  return %0, %1, %2 : tensor<6x?xf16>, tensor<?x6xf32>, tensor<?x6xf32>
}

// The error of a quantizer is meant (C9): also of a second one with the same
// parameters, and of constants.
// CHECK-LABEL: func.func @twice
// CHECK-COUNT-3: quench.fake_quant
func.func @twice(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %s = arith.constant dense<0.5> : tensor<f32>
  %c = arith.constant dense<1.0> : tensor<8xf32>
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i8>) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = quench.fake_quant %0, %s by(#quench.uniform<i8>) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = quench.fake_quant %c, %s by(#quench.uniform<i8>) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %1, %2 : tensor<8xf32>, tensor<8xf32>
}
