// RUN: quench-opt %s --quench-split-copies --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @rows(
// CHECK: scf.for
// CHECK-NOT: scf.for
// CHECK: memref.copy %{{.*}}, %{{.*}} : memref<8x4xf32, strided<[4, 1], offset: ?>>
func.func @rows(%a: memref<?x8x4xf32, strided<[64, 4, 1]>>, %b: memref<?x8x4xf32>) {
  memref.copy %a, %b : memref<?x8x4xf32, strided<[64, 4, 1]>> to memref<?x8x4xf32>
  return
}

// -----

// CHECK-LABEL: func.func @columns(
// CHECK: scf.for
// CHECK: scf.for
// CHECK: memref.load
// CHECK: memref.store
func.func @columns(%a: memref<8x4xf32, strided<[1, 8]>>, %b: memref<8x4xf32>) {
  memref.copy %a, %b : memref<8x4xf32, strided<[1, 8]>> to memref<8x4xf32>
  return
}

// -----

// CHECK-LABEL: func.func @whole(
// CHECK-NOT: scf.for
// CHECK: memref.copy
func.func @whole(%a: memref<?x4xf32>, %b: memref<?x4xf32>) {
  memref.copy %a, %b : memref<?x4xf32> to memref<?x4xf32>
  return
}
