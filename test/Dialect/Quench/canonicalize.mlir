// RUN: quench-opt %s --canonicalize --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @patch_embed
// CHECK-SAME: %[[X:.*]]: tensor<?x3x8x8xf32>, %[[B:.*]]: tensor<5xf32>
// CHECK-DAG: %[[W:.*]] = quench.param <"model"::"w"> : tensor<5x3x4x2xf32>
// CHECK-DAG: %[[FLAT:.*]] = quench.reshape %[[W]] : (tensor<5x3x4x2xf32>) -> tensor<5x24xf32>
// CHECK-DAG: %[[PATCHES:.*]] = quench.patches %[[X]] of 4 x 2 : (tensor<?x3x8x8xf32>) -> tensor<?x8x24xf32>
// CHECK: quench.linear %[[PATCHES]], %[[FLAT]] bias %[[B]]
func.func @patch_embed(%x: tensor<?x3x8x8xf32>, %b: tensor<5xf32>) -> tensor<?x8x5xf32> {
  %w = quench.param <"model"::"w"> : tensor<5x3x4x2xf32>
  %0 = quench.patch_embed %x, %w bias %b : (tensor<?x3x8x8xf32>, tensor<5x3x4x2xf32>, tensor<5xf32>) -> tensor<?x8x5xf32>
  return %0 : tensor<?x8x5xf32>
}

// A weight that is no parameter is reshaped as a tensor.
// CHECK-LABEL: func.func @patch_embed_of_tensor
// CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0], [1, 2, 3]]
// CHECK: quench.linear
func.func @patch_embed_of_tensor(%x: tensor<?x3x8x8xf32>, %w: tensor<5x3x4x2xf32>) -> tensor<?x8x5xf32> {
  %0 = quench.patch_embed %x, %w : (tensor<?x3x8x8xf32>, tensor<5x3x4x2xf32>) -> tensor<?x8x5xf32>
  return %0 : tensor<?x8x5xf32>
}

// CHECK-LABEL: func.func @transposes
// CHECK: %[[W:.*]] = quench.param
// CHECK: %[[T:.*]] = quench.transpose %[[W]] [2, 0, 1]
// CHECK: return %[[T]], %[[W]]
func.func @transposes() -> (tensor<4x2x3xf32>, tensor<2x3x4xf32>) {
  %w = quench.param <"model"::"w"> : tensor<2x3x4xf32>
  %0 = quench.transpose %w [1, 2, 0] : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>
  %1 = quench.transpose %0 [1, 2, 0] : (tensor<3x4x2xf32>) -> tensor<4x2x3xf32>
  %2 = quench.transpose %1 [1, 2, 0] : (tensor<4x2x3xf32>) -> tensor<2x3x4xf32>
  return %1, %2 : tensor<4x2x3xf32>, tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @slices
// CHECK-DAG: %[[A:.*]] = quench.param <"model"::"a">
// CHECK-DAG: %[[B:.*]] = quench.param <"model"::"b">
// CHECK-DAG: %[[S:.*]] = quench.slice %[[A]] axis 0[3, 4]
// CHECK-DAG: %[[C:.*]] = quench.concat %[[A]], %[[B]] axis 0
// CHECK-DAG: %[[ACROSS:.*]] = quench.slice %[[C]] axis 0[3, 5]
// CHECK: return %[[A]], %[[S]], %[[B]], %[[ACROSS]]
func.func @slices() -> (tensor<4x2xf32>, tensor<1x2xf32>, tensor<3x2xf32>, tensor<2x2xf32>) {
  %a = quench.param <"model"::"a"> : tensor<4x2xf32>
  %b = quench.param <"model"::"b"> : tensor<3x2xf32>
  %all = quench.slice %a axis 0 [0, 4] : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %0 = quench.slice %a axis 0 [2, 4] : (tensor<4x2xf32>) -> tensor<2x2xf32>
  %1 = quench.slice %0 axis 0 [1, 2] : (tensor<2x2xf32>) -> tensor<1x2xf32>
  %c = quench.concat %a, %b axis 0 : (tensor<4x2xf32>, tensor<3x2xf32>) -> tensor<7x2xf32>
  %2 = quench.slice %c axis 0 [4, 7] : (tensor<7x2xf32>) -> tensor<3x2xf32>
  %3 = quench.slice %c axis 0 [3, 5] : (tensor<7x2xf32>) -> tensor<2x2xf32>
  return %all, %1, %2, %3 : tensor<4x2xf32>, tensor<1x2xf32>, tensor<3x2xf32>, tensor<2x2xf32>
}

// CHECK-LABEL: func.func @concats
// CHECK: %[[A:.*]] = quench.param
// CHECK: %[[C:.*]] = quench.concat %[[A]], %[[A]], %[[A]] axis 1
// CHECK: return %[[C]], %[[A]]
func.func @concats() -> (tensor<4x6xf32>, tensor<4x2xf32>) {
  %a = quench.param <"model"::"a"> : tensor<4x2xf32>
  %0 = quench.concat %a, %a axis 1 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x4xf32>
  %1 = quench.concat %0, %a axis 1 : (tensor<4x4xf32>, tensor<4x2xf32>) -> tensor<4x6xf32>
  %2 = quench.concat %a axis 0 : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return %1, %2 : tensor<4x6xf32>, tensor<4x2xf32>
}

// CHECK-LABEL: func.func @reshapes
// CHECK: %[[A:.*]] = quench.param
// CHECK: %[[R:.*]] = quench.reshape %[[A]] : (tensor<4x2xf32>) -> tensor<2x4xf32>
// CHECK: return %[[R]], %[[A]]
func.func @reshapes() -> (tensor<2x4xf32>, tensor<4x2xf32>) {
  %a = quench.param <"model"::"a"> : tensor<4x2xf32>
  %0 = quench.reshape %a : (tensor<4x2xf32>) -> tensor<8xf32>
  %1 = quench.reshape %0 : (tensor<8xf32>) -> tensor<2x4xf32>
  %2 = quench.reshape %1 : (tensor<2x4xf32>) -> tensor<4x2xf32>
  return %1, %2 : tensor<2x4xf32>, tensor<4x2xf32>
}

// Widening and back is nothing; rounding stays.
// CHECK-LABEL: func.func @casts
// CHECK-DAG: %[[H:.*]] = quench.param <"model"::"h">
// CHECK-DAG: %[[F:.*]] = quench.param <"model"::"f">
// CHECK-DAG: %[[D:.*]] = quench.cast %[[H]] : (tensor<4xf16>) -> tensor<4xf64>
// CHECK-DAG: %[[N:.*]] = quench.cast %[[F]] : (tensor<4xf32>) -> tensor<4xf16>
// CHECK-DAG: %[[W:.*]] = quench.cast %[[N]] : (tensor<4xf16>) -> tensor<4xf32>
// CHECK: return %[[H]], %[[D]], %[[W]]
func.func @casts() -> (tensor<4xf16>, tensor<4xf64>, tensor<4xf32>) {
  %h = quench.param <"model"::"h"> : tensor<4xf16>
  %f = quench.param <"model"::"f"> : tensor<4xf32>
  %0 = quench.cast %h : (tensor<4xf16>) -> tensor<4xf32>
  %1 = quench.cast %0 : (tensor<4xf32>) -> tensor<4xf16>
  %2 = quench.cast %0 : (tensor<4xf32>) -> tensor<4xf64>
  %3 = quench.cast %f : (tensor<4xf32>) -> tensor<4xf16>
  %4 = quench.cast %3 : (tensor<4xf16>) -> tensor<4xf32>
  return %1, %2, %4 : tensor<4xf16>, tensor<4xf64>, tensor<4xf32>
}
