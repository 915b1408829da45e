// RUN: quench-opt %s --one-shot-bufferize=bufferize-function-boundaries | FileCheck %s

func.func private @kernel(memref<?x8xf32, strided<[8, 1], offset: ?>>, f32, memref<?x8xf32, strided<[?, 1], offset: ?>>)

// A kernel writes in place where its output may be overwritten.
// CHECK-LABEL: func.func @in_place(
// CHECK:         %[[OUT:.*]] = memref.alloc
// CHECK:         memref.cast
// CHECK:         call @kernel(
// CHECK-NOT:     memref.copy
// CHECK:         return %[[OUT]]
func.func @in_place(%x: tensor<?x8xf32>, %s: f32, %n: index) -> tensor<?x8xf32> {
  %empty = tensor.empty(%n) : tensor<?x8xf32>
  %0 = quench.call_kernel @kernel(%x, %s : tensor<?x8xf32>, f32) outs(%empty : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// Rows that are not dense are copied for a kernel that asks for dense ones.
// CHECK-LABEL: func.func @strided_input(
// CHECK:         memref.subview
// CHECK:         memref.alloc
// CHECK:         memref.copy
// CHECK:         call @kernel(
func.func @strided_input(%s: f32, %n: index) -> tensor<?x8xf32> {
  %wide = tensor.empty(%n) : tensor<?x16xf32>
  %zero = arith.constant 0.0 : f32
  %full = linalg.fill ins(%zero : f32) outs(%wide : tensor<?x16xf32>) -> tensor<?x16xf32>
  %x = tensor.extract_slice %full[0, 8] [%n, 8] [1, 1] : tensor<?x16xf32> to tensor<?x8xf32>
  %empty = tensor.empty(%n) : tensor<?x8xf32>
  %0 = quench.call_kernel @kernel(%x, %s : tensor<?x8xf32>, f32) outs(%empty : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// Strides that are known only at run time may be other than the kernel's.
// CHECK-LABEL: func.func @unknown_stride(
// CHECK:         memref.copy
// CHECK:         call @kernel(
func.func @unknown_stride(%x: tensor<?x?x8xf32>, %s: f32, %n: index) -> tensor<?x8xf32> {
  %first = tensor.extract_slice %x[0, 0, 0] [%n, 1, 8] [1, 1, 1] : tensor<?x?x8xf32> to tensor<?x8xf32>
  %empty = tensor.empty(%n) : tensor<?x8xf32>
  %0 = quench.call_kernel @kernel(%first, %s : tensor<?x8xf32>, f32) outs(%empty : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
