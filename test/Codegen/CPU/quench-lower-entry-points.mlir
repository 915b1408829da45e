// RUN: quench-opt %s --quench-lower-entry-points --split-input-file | FileCheck %s
// RUN: quench-opt %s --quench-lower-entry-points --quench-bufferize --cse --canonicalize --split-input-file | FileCheck %s --check-prefix=BUFFERS

// Results are computed where they are wanted.

// CHECK-LABEL: func.func @result(
// CHECK-SAME: %[[PARAMS:.*]]: memref<0xi8>, %[[X:.*]]: memref<?xf32>, %[[Y:.*]]: memref<?xf32>)
// CHECK-SAME: attributes {llvm.emit_c_interface, quench.entry}
// CHECK: bufferization.to_tensor %[[X]] restrict :
// CHECK: bufferization.materialize_in_destination %{{.*}} in restrict writable %[[Y]]
// CHECK: return{{$}}
// BUFFERS-LABEL: func.func @result(
// BUFFERS-SAME: %[[X:[^ ,]*]]: memref<?xf32>, %[[Y:[^ ,]*]]: memref<?xf32>)
// BUFFERS-NOT: memref.alloc
// BUFFERS-NOT: memref.copy
// BUFFERS: linalg.exp ins(%[[X]] : memref<?xf32>) outs(%[[Y]] : memref<?xf32>)
func.func @result(%params: memref<0xi8>, %x: tensor<?xf32> {quench.name = "x", quench.dims = ["n"]})
    -> (tensor<?xf32> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %y = linalg.exp ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// So they are when their dimensions are split at the end.

// BUFFERS-LABEL: func.func @split(
// BUFFERS-SAME: %[[X:[^ ,]*]]: memref<?x4xf32>, %{{.*}}: memref<?x?xf32>, %[[Y:[^ ,]*]]: memref<?x?x4xf32>)
// BUFFERS: %[[ROWS:.*]] = memref.collapse_shape %[[Y]] {{\[\[}}0, 1], [2]]
// BUFFERS-NOT: memref.alloc
// BUFFERS-NOT: memref.copy
// BUFFERS: linalg.exp ins(%[[X]] : memref<?x4xf32>) outs(%[[ROWS]] : memref<?x4xf32>)
func.func @split(%params: memref<0xi8>, %x: tensor<?x4xf32> {quench.name = "x", quench.dims = ["n"]},
                 %w: tensor<?x?xf32> {quench.name = "w", quench.dims = ["b", "m"]})
    -> (tensor<?x?x4xf32> {quench.name = "y", quench.dims = ["b", "m"]}) attributes {quench.entry} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %c1 = arith.constant 1 : index
  %batch = tensor.dim %w, %c0 : tensor<?x?xf32>
  %m = tensor.dim %w, %c1 : tensor<?x?xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.exp ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %z = tensor.expand_shape %y [[0, 1], [2]] output_shape [%batch, %m, 4] : tensor<?x4xf32> into tensor<?x?x4xf32>
  return %z : tensor<?x?x4xf32>
}

// -----

// A state is updated in place.

// CHECK-LABEL: func.func @state(
// CHECK-SAME: %[[PARAMS:.*]]: memref<0xi8>, %[[X:.*]]: memref<1x4xf32>, %[[STATE:.*]]: memref<8x4xf32>)
// CHECK: bufferization.to_tensor %[[STATE]] restrict writable
// CHECK: bufferization.materialize_in_destination %{{.*}} in writable %[[STATE]]
// BUFFERS-LABEL: func.func @state(
// BUFFERS-NOT: memref.alloc
// BUFFERS: memref.subview %{{.*}}[3, 0] [1, 4] [1, 1]
// BUFFERS-NEXT: memref.copy
// BUFFERS-NEXT: return
func.func @state(%params: memref<0xi8>, %x: tensor<1x4xf32> {quench.name = "x"},
                 %s: tensor<8x4xf32> {quench.name = "s", quench.role = "state"})
    -> (tensor<8x4xf32> {quench.state = "s"}) attributes {quench.entry} {
  %0 = tensor.insert_slice %x into %s[3, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<8x4xf32>
  return %0 : tensor<8x4xf32>
}

// -----

// The old value of a state that is read after its update is kept apart.

// BUFFERS-LABEL: func.func @read_later(
// BUFFERS-SAME: %[[X:[^ ,]*]]: memref<1x4xf32>, %[[STATE:[^ ,]*]]: memref<8x4xf32>, %[[OUT:[^ ,]*]]: memref<8x4xf32>
// BUFFERS: %[[NEW:.*]] = memref.alloc
// BUFFERS: memref.copy %[[STATE]], %[[NEW]]
// BUFFERS: linalg.mul ins(%[[NEW]], %[[STATE]] : {{.*}}) outs(%[[OUT]]
// BUFFERS: memref.copy %[[NEW]], %[[STATE]]
func.func @read_later(%params: memref<0xi8>, %x: tensor<1x4xf32> {quench.name = "x"},
                      %s: tensor<8x4xf32> {quench.name = "s", quench.role = "state"})
    -> (tensor<8x4xf32> {quench.name = "y"}, tensor<8x4xf32> {quench.state = "s"}) attributes {quench.entry} {
  %0 = tensor.insert_slice %x into %s[3, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<8x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  %y = linalg.mul ins(%0, %s : tensor<8x4xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) -> tensor<8x4xf32>
  return %y, %0 : tensor<8x4xf32>, tensor<8x4xf32>
}

// -----

// Two states change places: both old values are copied before either changes.

// BUFFERS-LABEL: func.func @swap(
// BUFFERS-SAME: %[[A:[^ ,]*]]: memref<4xf32>, %[[B:[^ ,]*]]: memref<4xf32>)
// BUFFERS-DAG: memref.copy %[[A]], %[[OLDA:.*]] :
// BUFFERS-DAG: memref.copy %[[B]], %[[OLDB:.*]] :
// BUFFERS: memref.copy %[[OLDB]], %[[A]]
// BUFFERS: memref.copy %[[OLDA]], %[[B]]
func.func @swap(%params: memref<0xi8>,
                %a: tensor<4xf32> {quench.name = "a", quench.role = "state"},
                %b: tensor<4xf32> {quench.name = "b", quench.role = "state"})
    -> (tensor<4xf32> {quench.state = "a"}, tensor<4xf32> {quench.state = "b"}) attributes {quench.entry} {
  return %b, %a : tensor<4xf32>, tensor<4xf32>
}

// -----

// An input that is also a result is copied.

// BUFFERS-LABEL: func.func @same(
// BUFFERS-SAME: %[[X:[^ ,]*]]: memref<4xf32>, %[[Y:[^ ,]*]]: memref<4xf32>, %[[Z:[^ ,]*]]: memref<4xf32>)
// BUFFERS-DAG: memref.copy %[[X]], %[[Y]]
// BUFFERS-DAG: memref.copy %[[X]], %[[Z]]
func.func @same(%params: memref<0xi8>, %x: tensor<4xf32> {quench.name = "x"})
    -> (tensor<4xf32> {quench.name = "y"}, tensor<4xf32> {quench.name = "z"}) attributes {quench.entry} {
  return %x, %x : tensor<4xf32>, tensor<4xf32>
}

// -----

// What may be larger than its buffer is not computed there, and compared first.

// CHECK-LABEL: func.func @larger(
// CHECK: %[[OWN:.*]] = bufferization.alloc_tensor(){{.*}} copy(%
// CHECK: scf.if %
// CHECK: func.call @quench_wrong_shape(
// CHECK: bufferization.materialize_in_destination %[[OWN]]
func.func @larger(%params: memref<0xi8>, %x: tensor<?xf32> {quench.name = "x", quench.dims = ["n"]})
    -> (tensor<?xf32> {quench.name = "y", quench.dims = ["m"]}) attributes {quench.entry} {
  return %x : tensor<?xf32>
}
