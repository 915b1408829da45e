// RUN: quench-opt %s "--quench-place-buffers=max-stack-buffer=1024 max-stack=1536" --split-input-file --verify-diagnostics | FileCheck %s

func.func private @use(memref<?xf32>)

// CHECK-LABEL: func.func @heap(
// CHECK: %[[A:.*]] = memref.alloc
// CHECK: call @use(%[[A]])
// CHECK-NEXT: memref.dealloc %[[A]]
// CHECK: %[[B:.*]] = memref.alloc
// CHECK: call @use(%[[B]])
// CHECK-NEXT: memref.dealloc %[[B]]
func.func @heap(%n: index) {
  %a = memref.alloc(%n) : memref<?xf32>
  call @use(%a) : (memref<?xf32>) -> ()
  %b = memref.alloc(%n) : memref<?xf32>
  call @use(%b) : (memref<?xf32>) -> ()
  return
}

// -----

// A buffer lives as long as what looks at it; one of an iteration dies with it.

// CHECK-LABEL: func.func @views(
// CHECK: %[[A:.*]] = memref.alloc
// CHECK: scf.for
// CHECK: %[[B:.*]] = memref.alloc
// CHECK: memref.store
// CHECK-NEXT: memref.dealloc %[[B]]
// CHECK-NEXT: }
// CHECK-NEXT: memref.load
// CHECK-NEXT: memref.dealloc %[[A]]
func.func @views(%n: index, %x: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = memref.alloc(%n) : memref<?xf32>
  %v = memref.subview %a[2] [4] [1] : memref<?xf32> to memref<4xf32, strided<[1], offset: 2>>
  scf.for %i = %c0 to %n step %c1 {
    %b = memref.alloc(%n) : memref<?xf32>
    memref.store %x, %b[%i] : memref<?xf32>
  }
  %y = memref.load %v[%c0] : memref<4xf32, strided<[1], offset: 2>>
  return %y : f32
}

// -----

// Small buffers share the frame, outside of loops, until it is full.

// CHECK-LABEL: func.func @stack(
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<256xf32>
// CHECK-DAG: memref.alloca() {alignment = 64 : i64} : memref<128xf32>
// CHECK: scf.for
// CHECK-NOT: memref.alloca
// CHECK: memref.alloc() : memref<100xf32>
// CHECK: memref.dealloc
func.func @stack(%n: index, %x: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.alloc() : memref<256xf32>
    %b = memref.alloc() : memref<128xf32>
    %c = memref.alloc() : memref<100xf32>
    memref.store %x, %a[%i] : memref<256xf32>
    memref.store %x, %b[%i] : memref<128xf32>
    memref.store %x, %c[%i] : memref<100xf32>
  }
  return
}

// -----

// A buffer that leaves a branch is allocated before it.

// CHECK-LABEL: func.func @branch(
// CHECK: %[[A:.*]] = memref.alloc
// CHECK: scf.if
// CHECK: scf.yield %[[A]]
// CHECK: memref.load
// CHECK-NEXT: memref.dealloc %[[A]]
func.func @branch(%n: index, %m: memref<?xf32>, %p: i1) -> f32 {
  %r = scf.if %p -> memref<?xf32> {
    %a = memref.alloc(%n) : memref<?xf32>
    scf.yield %a : memref<?xf32>
  } else {
    scf.yield %m : memref<?xf32>
  }
  %y = memref.load %r[%n] : memref<?xf32>
  return %y : f32
}

// -----

func.func @result(%n: index) -> memref<?xf32> {
  // expected-error@+1 {{outlives the block that allocates it}}
  %a = memref.alloc(%n) : memref<?xf32>
  return %a : memref<?xf32>
}
