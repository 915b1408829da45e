// RUN: quench-opt %s --quench-lower-runtime-calls | FileCheck %s

llvm.func @aligned_alloc(i64, i64) -> !llvm.ptr
llvm.func @free(!llvm.ptr)

// The context reaches whoever allocates or runs threads, and no one else.

// CHECK-LABEL: llvm.func internal @leaf(%{{.*}}: f32) -> f32
llvm.func @leaf(%x: f32) -> f32 {
  llvm.return %x : f32
}

// CHECK-LABEL: llvm.func internal @allocates(
// CHECK-SAME: %[[CTX:.*]]: !llvm.ptr, %[[SIZE:.*]]: i64)
// CHECK: %[[P:.*]] = llvm.call @qrt_alloc(%[[CTX]], %[[SIZE]])
// CHECK: llvm.call @qrt_free(%[[CTX]], %[[P]])
llvm.func @allocates(%size: i64) {
  %align = llvm.mlir.constant(64 : i64) : i64
  %p = llvm.call @aligned_alloc(%align, %size) : (i64, i64) -> !llvm.ptr
  llvm.call @free(%p) : (!llvm.ptr) -> ()
  llvm.return
}

// CHECK-LABEL: llvm.func internal @loop(
// CHECK-SAME: %[[CTX:.*]]: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64, %[[X:.*]]: f32, %[[N:.*]]: i64)
// CHECK: llvm.call @allocates(%[[CTX]], %[[N]])
// CHECK: llvm.call @leaf(%[[X]])
llvm.func @loop(%begin: i64, %end: i64, %x: f32, %n: i64) {
  llvm.call @allocates(%n) : (i64) -> ()
  %y = llvm.call @leaf(%x) : (f32) -> f32
  llvm.return
}

// CHECK-LABEL: llvm.func internal @loop_body(
// CHECK-SAME: %[[CTX:.*]]: !llvm.ptr, %[[CLOSURE:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK: llvm.getelementptr %[[CLOSURE]][0, 0]
// CHECK: %[[X:.*]] = llvm.load {{.*}} -> f32
// CHECK: %[[N:.*]] = llvm.load {{.*}} -> i64
// CHECK: llvm.call @loop(%[[CTX]], %[[BEGIN]], %[[END]], %[[X]], %[[N]])

// CHECK-LABEL: llvm.func internal @encode(
// CHECK-SAME: %[[CTX:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[COUNT:.*]]: i64, %[[X:.*]]: f32)
// CHECK: %[[CLOSURE:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(f32, i64)>
// CHECK: llvm.store %[[X]]
// CHECK: %[[BODY:.*]] = llvm.mlir.addressof @loop_body
// CHECK: llvm.call @qrt_parallel_for(%[[CTX]], %[[COUNT]], %[[BODY]], %[[CLOSURE]])
llvm.func @encode(%p: !llvm.ptr, %count: i64, %x: f32) {
  %zero = llvm.mlir.constant(0 : i64) : i64
  llvm.call @loop(%zero, %count, %x, %count) {quench.parallel} : (i64, i64, f32, i64) -> ()
  llvm.return
}

// CHECK-LABEL: llvm.func @_mlir_ciface_encode(
// CHECK-SAME: %[[CTX:.*]]: !llvm.ptr, %[[ARGS:.*]]: !llvm.ptr)
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[ARGS]][0]
// CHECK: %[[P:.*]] = llvm.load %[[SLOT]]
// CHECK: llvm.call @encode(%[[CTX]], %[[P]]
llvm.func @_mlir_ciface_encode(%p: !llvm.ptr) {
  %count = llvm.load %p : !llvm.ptr -> i64
  %x = llvm.mlir.constant(1.0 : f32) : f32
  llvm.call @encode(%p, %count, %x) : (!llvm.ptr, i64, f32) -> ()
  llvm.return
}

// CHECK-LABEL: llvm.func internal @checks(
// CHECK-SAME: %[[CTX:.*]]: !llvm.ptr, %[[INDEX:.*]]: i64)
// CHECK: llvm.call @qrt_wrong_shape(%[[CTX]], %[[INDEX]])
llvm.func @quench_wrong_shape(i64)
llvm.func @checks(%index: i64) {
  llvm.call @quench_wrong_shape(%index) : (i64) -> ()
  llvm.return
}
