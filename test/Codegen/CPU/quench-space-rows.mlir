// RUN: quench-opt %s --quench-space-rows | FileCheck %s
// RUN: quench-opt %s --quench-space-rows --quench-bufferize | FileCheck %s --check-prefix=BUFFERS

!rows = memref<?x256xf32, strided<[?, 1], offset: ?>>
!dense = memref<?x256xf32, strided<[256, 1], offset: ?>>
func.func private @kernel(!rows, !rows)
func.func private @odd(!rows, memref<?x264xf32, strided<[?, 1], offset: ?>>)
func.func private @takes_dense(!dense, !rows)
func.func private @heads(memref<?x?x2x128xf32, strided<[?, ?, ?, 1], offset: ?>>, !rows)

// What other kernels read has gaps, in one buffer; what is returned has none.
// CHECK-LABEL: func.func @chain(
// CHECK:         %[[ALL:.*]] = tensor.empty(%{{.*}}) : tensor<?x272xf32>
// CHECK:         %[[ROWS:.*]] = tensor.extract_slice %[[ALL]][0, 0] [%{{.*}}, 256] [1, 1]
// CHECK:         quench.call_kernel @kernel({{.*}}) outs(%[[ROWS]] : tensor<?x256xf32>)
// CHECK:         %[[SECOND:.*]] = tensor.extract_slice
// CHECK:         quench.call_kernel @kernel({{.*}}) outs(%[[SECOND]] : tensor<?x256xf32>)
// CHECK:         %[[LAST:.*]] = tensor.empty(%{{.*}}) : tensor<?x256xf32>
// CHECK:         quench.call_kernel @heads({{.*}}) outs(%[[LAST]] : tensor<?x256xf32>)
// BUFFERS-LABEL: func.func @chain(
// BUFFERS-COUNT-2: memref.alloc({{.*}}) {{.*}}: memref<?x272xf32>
// BUFFERS-NOT:   memref.copy
// BUFFERS:       return
func.func @chain(%x: tensor<?x256xf32>, %b: index, %n: index) -> tensor<?x256xf32> {
  %m = arith.muli %b, %n : index
  %e0 = tensor.empty(%m) : tensor<?x256xf32>
  %0 = quench.call_kernel @kernel(%x : tensor<?x256xf32>) outs(%e0 : tensor<?x256xf32>) -> tensor<?x256xf32>
  %1 = quench.call_kernel @kernel(%0 : tensor<?x256xf32>) outs(%e0 : tensor<?x256xf32>) -> tensor<?x256xf32>
  %2 = tensor.expand_shape %1 [[0, 1], [2, 3]] output_shape [%b, %n, 2, 128] : tensor<?x256xf32> into tensor<?x?x2x128xf32>
  %e1 = tensor.empty(%m) : tensor<?x256xf32>
  %3 = quench.call_kernel @heads(%2 : tensor<?x?x2x128xf32>) outs(%e1 : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %3 : tensor<?x256xf32>
}

// A reader that takes dense rows would copy them.
// CHECK-LABEL: func.func @dense_reader(
// CHECK-NOT:     tensor<?x272xf32>
// CHECK:         return
func.func @dense_reader(%x: tensor<?x256xf32>, %n: index) -> tensor<?x256xf32> {
  %e0 = tensor.empty(%n) : tensor<?x256xf32>
  %0 = quench.call_kernel @kernel(%x : tensor<?x256xf32>) outs(%e0 : tensor<?x256xf32>) -> tensor<?x256xf32>
  %1 = quench.call_kernel @takes_dense(%0 : tensor<?x256xf32>) outs(%e0 : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %1 : tensor<?x256xf32>
}

// So would a reshape of rows that it does not see to be apart evenly.
// CHECK-LABEL: func.func @collapsed(
// CHECK-NOT:     tensor<?x272xf32>
// CHECK:         return
func.func @collapsed(%x: tensor<?x256xf32>, %n: index) -> tensor<?xf32> {
  %e0 = tensor.empty(%n) : tensor<?x256xf32>
  %0 = quench.call_kernel @kernel(%x : tensor<?x256xf32>) outs(%e0 : tensor<?x256xf32>) -> tensor<?x256xf32>
  %1 = tensor.collapse_shape %0 [[0, 1]] : tensor<?x256xf32> into tensor<?xf32>
  return %1 : tensor<?xf32>
}

// Rows at other distances do not collide, and one row has none below it.
// CHECK-LABEL: func.func @other_sizes(
// CHECK-NOT:     tensor.extract_slice
// CHECK:         return
func.func @other_sizes(%x: tensor<?x256xf32>, %one: tensor<1x256xf32>, %n: index) -> (index, f32) {
  %e0 = tensor.empty(%n) : tensor<?x264xf32>
  %0 = quench.call_kernel @odd(%x : tensor<?x256xf32>) outs(%e0 : tensor<?x264xf32>) -> tensor<?x264xf32>
  %c0 = arith.constant 0 : index
  %d = tensor.dim %0, %c0 : tensor<?x264xf32>
  %e1 = tensor.empty() : tensor<1x256xf32>
  %1 = quench.call_kernel @kernel(%one : tensor<1x256xf32>) outs(%e1 : tensor<1x256xf32>) -> tensor<1x256xf32>
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<f32>
  %2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>],
      iterator_types = ["reduction", "reduction"]}
      ins(%1 : tensor<1x256xf32>) outs(%init : tensor<f32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %3 = tensor.extract %2[] : tensor<f32>
  return %d, %3 : index, f32
}
