// RUN: quench-opt %s --quench-hoist-loads | FileCheck %s

// CHECK-LABEL: func.func @rows(
// CHECK:         scf.for
// CHECK:           %[[ID:.*]] = memref.load
// CHECK:           %[[ROW:.*]] = arith.index_cast %[[ID]]
// CHECK:           scf.for
// CHECK-NEXT:        memref.load %{{.*}}[%[[ROW]], %{{.*}}]
func.func @rows(%ids: memref<?xi64>, %table: memref<100x384xf32>, %n: index) -> memref<?x384xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c384 = arith.constant 384 : index
  %out = memref.alloc(%n) : memref<?x384xf32>
  scf.for %t = %c0 to %n step %c1 {
    scf.for %c = %c0 to %c384 step %c1 {
      %id = memref.load %ids[%t] : memref<?xi64>
      %row = arith.index_cast %id : i64 to index
      %e = memref.load %table[%row, %c] : memref<100x384xf32>
      memref.store %e, %out[%t, %c] : memref<?x384xf32>
    }
  }
  return %out : memref<?x384xf32>
}

// Arguments may be the same memory.
// CHECK-LABEL: func.func @arguments(
// CHECK:         scf.for
// CHECK-NEXT:      memref.load
func.func @arguments(%x: memref<8xf32>, %out: memref<384xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c384 = arith.constant 384 : index
  scf.for %c = %c0 to %c384 step %c1 {
    %e = memref.load %x[%c0] : memref<8xf32>
    memref.store %e, %out[%c] : memref<384xf32>
  }
  return
}

// A loop that does not run reads nothing, nor does a branch that is not taken;
// what a call writes is not known.
// CHECK-LABEL: func.func @careful(
// CHECK:         scf.for
// CHECK-NEXT:      memref.load
// CHECK:         scf.for
// CHECK-NEXT:      scf.if
// CHECK-NEXT:        memref.load
// CHECK:         scf.for
// CHECK-NEXT:      memref.load
func.func private @write()
func.func @careful(%x: memref<?xf32>, %n: index, %b: i1) -> memref<384xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c384 = arith.constant 384 : index
  %out = memref.alloc() : memref<384xf32>
  scf.for %c = %c0 to %n step %c1 {
    %e = memref.load %x[%c0] : memref<?xf32>
    memref.store %e, %out[%c] : memref<384xf32>
  }
  scf.for %c = %c0 to %c384 step %c1 {
    scf.if %b {
      %e = memref.load %x[%c0] : memref<?xf32>
      memref.store %e, %out[%c] : memref<384xf32>
    }
  }
  scf.for %c = %c0 to %c384 step %c1 {
    %e = memref.load %x[%c0] : memref<?xf32>
    memref.store %e, %out[%c] : memref<384xf32>
    func.call @write() : () -> ()
  }
  return %out : memref<384xf32>
}
