// RUN: quench-opt %s --quench-expand-reshapes | FileCheck %s
// RUN: quench-opt %s --quench-expand-reshapes --expand-strided-metadata -o /dev/null

// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[ROWS:.*]]: memref<?x8xf32>, %[[BATCH:.*]]: index, %[[TOKENS:.*]]: index
// CHECK: %[[BASE:.*]], %{{.*}}, %{{.*}}:2, %[[STRIDES:.*]]:2 = memref.extract_strided_metadata %[[ROWS]]
// CHECK: %[[STRIDE:.*]] = arith.muli %[[STRIDES]]#0, %[[TOKENS]]
// CHECK: memref.reinterpret_cast %[[BASE]] to offset: [0], sizes: [%[[BATCH]], %[[TOKENS]], 8], strides: [%[[STRIDE]], 8, 1]
func.func @rows(%rows: memref<?x8xf32>, %batch: index, %tokens: index) -> memref<?x?x8xf32> {
  %0 = memref.expand_shape %rows [[0, 1], [2]] output_shape [%batch, %tokens, 8]
    : memref<?x8xf32> into memref<?x?x8xf32>
  return %0 : memref<?x?x8xf32>
}

// CHECK-LABEL: func.func @strided
// CHECK: memref.reinterpret_cast %{{.*}} to offset: [%{{.*}}], sizes: [%{{.*}}, 2, %{{.*}}], strides: [%{{.*}}, %{{.*}}, %{{.*}}]
func.func @strided(%rows: memref<?xf32, strided<[?], offset: ?>>, %a: index, %b: index) -> memref<?x2x?xf32, strided<[?, ?, ?], offset: ?>> {
  %0 = memref.expand_shape %rows [[0, 1, 2]] output_shape [%a, 2, %b]
    : memref<?xf32, strided<[?], offset: ?>> into memref<?x2x?xf32, strided<[?, ?, ?], offset: ?>>
  return %0 : memref<?x2x?xf32, strided<[?, ?, ?], offset: ?>>
}

// One dynamic dimension is left to upstream.
// CHECK-LABEL: func.func @heads
// CHECK: memref.expand_shape
func.func @heads(%x: memref<?x8xf32>, %tokens: index) -> memref<?x2x4xf32> {
  %0 = memref.expand_shape %x [[0], [1, 2]] output_shape [%tokens, 2, 4] : memref<?x8xf32> into memref<?x2x4xf32>
  return %0 : memref<?x2x4xf32>
}
