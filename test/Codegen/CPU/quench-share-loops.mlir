// RUN: quench-opt %s --quench-share-loops --split-input-file | FileCheck %s

// Equal loops on other buffers are one function; what differs in a constant is
// another. Entry points stay, also equal ones.

// CHECK-LABEL: func.func @encode(
// CHECK-SAME: %[[A:.*]]: memref<8xf32>, %[[B:.*]]: memref<8xf32>)
// CHECK: call @[[F:.*]](%[[A]])
// CHECK-NEXT: call @[[F]](%[[B]])
// CHECK-NEXT: call @[[G:.*]](%[[B]])
// CHECK-NOT: scf.for
// CHECK: return
// CHECK: func.func @again(
// CHECK: call @[[F]](
// CHECK: call @[[F]](
// CHECK: call @[[G]](
func.func @encode(%a: memref<8xf32>, %b: memref<8xf32>) attributes {quench.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c8 step %c1 {
    memref.store %zero, %a[%i] : memref<8xf32>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    memref.store %zero, %b[%i] : memref<8xf32>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    memref.store %one, %b[%i] : memref<8xf32>
  }
  return
}
func.func @again(%a: memref<8xf32>, %b: memref<8xf32>) attributes {quench.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c8 step %c1 {
    memref.store %zero, %a[%i] : memref<8xf32>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    memref.store %zero, %b[%i] : memref<8xf32>
  }
  scf.for %i = %c0 to %c8 step %c1 {
    memref.store %one, %b[%i] : memref<8xf32>
  }
  return
}

// -----

// A loop with results stays where it is.

// CHECK-LABEL: func.func @sum(
// CHECK: scf.for
// CHECK-NOT: call
func.func @sum(%a: memref<8xf32>, %s: memref<f32>) attributes {quench.entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.for %i = %c0 to %c8 step %c1 iter_args(%acc = %zero) -> f32 {
    %x = memref.load %a[%i] : memref<8xf32>
    %y = arith.addf %acc, %x : f32
    scf.yield %y : f32
  }
  memref.store %sum, %s[] : memref<f32>
  return
}
