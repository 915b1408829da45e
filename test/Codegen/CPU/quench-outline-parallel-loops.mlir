// RUN: quench-opt %s --quench-outline-parallel-loops --canonicalize --split-input-file | FileCheck %s

// Iterations are numbered row by row.

// CHECK-LABEL: func.func @two(
// CHECK-SAME: %[[A:.*]]: memref<?x?xf32>, %[[M:.*]]: index, %[[N:.*]]: index
// CHECK: %[[COUNT:.*]] = arith.muli
// CHECK: call @two_loop(%{{.*}}, %[[COUNT]], {{.*}}) {quench.parallel}
// CHECK-LABEL: func.func private @two_loop(
// CHECK-SAME: %[[BEGIN:[^ ,]*]]: index, %[[END:[^ ,]*]]: index,
// CHECK: %[[CST:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]]
// CHECK-DAG: arith.remui %[[I]]
// CHECK-DAG: arith.divui %[[I]]
// CHECK: memref.store %[[CST]]
func.func @two(%a: memref<?x?xf32>, %m: index, %n: index) {
  %one = arith.constant 1.0 : f32
  scf.forall (%i, %j) in (%m, %n) {
    memref.store %one, %a[%i, %j] : memref<?x?xf32>
  }
  return
}

// -----

// Only the outermost loop runs on threads.

// CHECK-LABEL: func.func @nested(
// CHECK: call @nested_loop(
// CHECK-LABEL: func.func private @nested_loop(
// CHECK: scf.for
// CHECK: scf.parallel
func.func @nested(%a: memref<8x8xf32>, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.parallel (%i) = (%c0) to (%c8) step (%c1) {
    scf.parallel (%j) = (%c0) to (%c8) step (%c1) {
      memref.store %x, %a[%i, %j] : memref<8x8xf32>
    }
  }
  return
}

// -----

// A loop that reduces stays.

// CHECK-LABEL: func.func @sum(
// CHECK: scf.parallel
// CHECK-NOT: quench.parallel
func.func @sum(%a: memref<8xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %r = scf.parallel (%i) = (%c0) to (%c8) step (%c1) init (%zero) -> f32 {
    %x = memref.load %a[%i] : memref<8xf32>
    scf.reduce(%x : f32) {
    ^bb0(%p: f32, %q: f32):
      %s = arith.addf %p, %q : f32
      scf.reduce.return %s : f32
    }
  }
  return %r : f32
}
