// Dynamic dimensions of results follow from operands, without the op.

// RUN: quench-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize | FileCheck %s

// CHECK-LABEL: func.func @linear
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>
// CHECK-DAG: %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG: %[[C4:.*]] = arith.constant 4 : index
// CHECK: %[[T:.*]] = tensor.dim %[[X]], %[[C1]]
// CHECK: return %[[T]], %[[C4]]
func.func @linear(%x: tensor<?x?x8xf32>, %w: tensor<4x8xf32>) -> (index, index) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %0 = quench.linear %x, %w : (tensor<?x?x8xf32>, tensor<4x8xf32>) -> tensor<?x?x4xf32>
  %d1 = tensor.dim %0, %c1 : tensor<?x?x4xf32>
  %d2 = tensor.dim %0, %c2 : tensor<?x?x4xf32>
  return %d1, %d2 : index, index
}

// CHECK-LABEL: func.func @kv_cache
// CHECK-SAME: %[[CACHE:.*]]: tensor<?x?x2x4xf32>, %[[INPUT:.*]]: tensor<?x?x2x4xf32>, %[[POSITION:.*]]: i64
// CHECK-DAG: %[[P:.*]] = arith.index_cast %[[POSITION]] : i64 to index
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[INPUT]], %{{.*}}
// CHECK: %[[SUM:.*]] = arith.addi %[[T]], %[[P]]
// CHECK: return %[[SUM]]
func.func @kv_cache(%cache: tensor<?x?x2x4xf32>, %x: tensor<?x?x2x4xf32>, %position: i64) -> index {
  %c1 = arith.constant 1 : index
  %0, %1 = quench.kv_cache %cache, %x at %position : (tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>, i64) -> (tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>)
  %d = tensor.dim %1, %c1 : tensor<?x?x2x4xf32>
  return %d : index
}

// CHECK-LABEL: func.func @patches
// CHECK: arith.divui
// CHECK: arith.divui
// CHECK: arith.muli
func.func @patches(%x: tensor<?x3x?x?xf32>) -> index {
  %c1 = arith.constant 1 : index
  %0 = quench.patches %x of 4 x 2 : (tensor<?x3x?x?xf32>) -> tensor<?x?x24xf32>
  %d = tensor.dim %0, %c1 : tensor<?x?x24xf32>
  return %d : index
}

// CHECK-LABEL: func.func @windows
// CHECK-SAME: %[[X:.*]]: tensor<?x7x?x8xf32>
// CHECK-DAG: tensor.dim %[[X]], %{{.*}}
// CHECK-DAG: arith.ceildivui
// CHECK-NOT: quench
func.func @windows(%x: tensor<?x7x?x8xf32>) -> index {
  %c0 = arith.constant 0 : index
  %0 = quench.window_partition %x window 4 : (tensor<?x7x?x8xf32>) -> tensor<?x16x8xf32>
  %d = tensor.dim %0, %c0 : tensor<?x16x8xf32>
  return %d : index
}
