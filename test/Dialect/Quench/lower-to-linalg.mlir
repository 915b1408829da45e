// RUN: quench-opt %s --quench-lower-to-linalg --canonicalize --cse | FileCheck %s
// RUN: quench-opt %s --quench-lower-to-linalg="keep=quench.linear,quench.softmax" | FileCheck %s --check-prefix=KEEP

// A linear layer is one contraction of rows and one loop for its bias; halves
// are summed in f32 and rounded once.
// CHECK-LABEL: func.func @linear
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf16>, %[[W:.*]]: tensor<4x8xf16>, %[[B:.*]]: tensor<4xf16>
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]]
// CHECK: %[[ZERO:.*]] = linalg.fill {{.*}} -> tensor<?x4xf32>
// CHECK: %[[SUM:.*]] = linalg.matmul {{.*}} ins(%[[ROWS]], %[[W]] : tensor<?x8xf16>, tensor<4x8xf16>) outs(%[[ZERO]] : tensor<?x4xf32>)
// CHECK-NOT: linalg
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%[[SUM]], %[[B]] : tensor<?x4xf32>, tensor<4xf16>)
// CHECK: arith.truncf
// CHECK: tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]]
// KEEP-LABEL: func.func @linear
// KEEP: quench.linear
func.func @linear(%x: tensor<?x?x8xf16>, %w: tensor<4x8xf16>, %b: tensor<4xf16>) -> tensor<?x?x4xf16> {
  %0 = quench.linear %x, %w bias %b : (tensor<?x?x8xf16>, tensor<4x8xf16>, tensor<4xf16>) -> tensor<?x?x4xf16>
  return %0 : tensor<?x?x4xf16>
}

// Without bias in f32 nothing is added and nothing rounded.
// CHECK-LABEL: func.func @matrix
// CHECK: %[[SUM:.*]] = linalg.matmul
// CHECK-NEXT: return %[[SUM]]
func.func @matrix(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>) -> tensor<?x4xf32> {
  %0 = quench.linear %x, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// The cache is written in one place and read through a slice.
// CHECK-LABEL: func.func @kv_cache
// CHECK-SAME: %[[CACHE:.*]]: tensor<?x?x2x8xf32>, %[[NEW:.*]]: tensor<?x?x2x8xf32>
// CHECK: %[[UPDATED:.*]] = tensor.insert_slice %[[NEW]] into %[[CACHE]]
// CHECK: %[[VIEW:.*]] = tensor.extract_slice %[[UPDATED]]
// CHECK: return %[[UPDATED]], %[[VIEW]]
func.func @kv_cache(%cache: tensor<?x?x2x8xf32>, %new: tensor<?x?x2x8xf32>, %position: i64) -> (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>) {
  %0, %1 = quench.kv_cache %cache, %new at %position : (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, i64) -> (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>)
  return %0, %1 : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>
}

// The scan carries its state in f32.
// CHECK-LABEL: func.func @selective_scan
// CHECK: scf.for {{.*}} -> (tensor<?x8x4xf32>, tensor<?x?x8xf16>)
// CHECK: math.exp
// CHECK: tensor.insert_slice
// CHECK: scf.yield
func.func @selective_scan(%u: tensor<?x?x8xf16>, %a: tensor<8x4xf16>, %b: tensor<?x?x4xf16>) -> (tensor<?x?x8xf16>, tensor<?x8x4xf16>) {
  %0, %1 = quench.selective_scan %u delta %u a %a b %b c %b : (tensor<?x?x8xf16>, tensor<?x?x8xf16>, tensor<8x4xf16>, tensor<?x?x4xf16>, tensor<?x?x4xf16>) -> (tensor<?x?x8xf16>, tensor<?x8x4xf16>)
  return %0, %1 : tensor<?x?x8xf16>, tensor<?x8x4xf16>
}

// KEEP-LABEL: func.func @kept
// KEEP: quench.softmax
// KEEP-NOT: quench.tanh
// KEEP: math.tanh
func.func @kept(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = quench.softmax %x : tensor<?x8xf32>
  %1 = quench.tanh %0 : tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// Weight programs are no loops; they stay.
// CHECK-LABEL: func.func @weights
// CHECK: quench.transpose
func.func @weights() -> tensor<4x8xf32> {
  %0 = quench.param <"model"::"w"> : tensor<8x4xf32>
  %1 = quench.transpose %0 [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}
