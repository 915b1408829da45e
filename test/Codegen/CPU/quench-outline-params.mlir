// RUN: quench-opt %s --quench-outline-params --split-input-file --verify-diagnostics | FileCheck %s

// Two entry points and two equal programs share one root; places are multiples
// of 64 bytes.

// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: %[[PARAMS:.*]]: memref<192xi8>, %{{.*}}: tensor<3x4xf32>
// CHECK-DAG: %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[VIEW:.*]] = memref.view %[[PARAMS]][%[[C0]]][] : memref<192xi8> to memref<4x3xf32>
// CHECK-DAG: %[[W:.*]] = bufferization.to_tensor %[[VIEW]] restrict
// CHECK-DAG: %[[C64:.*]] = arith.constant 64 : index
// CHECK-DAG: memref.view %[[PARAMS]][%[[C64]]][] : memref<192xi8> to memref<3x4xf32>
// CHECK-NOT: quench.
// CHECK: linalg.matmul ins(%{{.*}}, %[[W]]
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[PARAMS:.*]]: memref<192xi8>
// CHECK-DAG: %[[C128:.*]] = arith.constant 128 : index
// CHECK-DAG: memref.view %[[PARAMS]][%[[C128]]][] : memref<192xi8> to memref<5xbf16>
// CHECK-LABEL: func.func private @quench_params() -> (tensor<4x3xf32>, tensor<3x4xf32>, tensor<5xbf16>)
// CHECK-SAME: quench.offsets = array<i64: 0, 64, 128>, quench.payload_bytes = 192 : i64
// CHECK-NEXT: %[[A:.*]] = quench.param {{.*}}"w"
// CHECK-NEXT: %[[B:.*]] = quench.transpose %[[A]] [1, 0]
// CHECK-NEXT: %[[C:.*]] = quench.param {{.*}}"b"
// CHECK-NEXT: return %[[B]], %[[A]], %[[C]]
func.func @prefill(%x: tensor<3x4xf32>) -> (tensor<3x3xf32>, tensor<3x4xf32>) attributes {quench.entry} {
  %w = quench.param <"model"::"w"> : tensor<3x4xf32>
  %t = quench.transpose %w [1, 0] : (tensor<3x4xf32>) -> tensor<4x3xf32>
  %again = quench.param <"model"::"w"> : tensor<3x4xf32>
  %e = tensor.empty() : tensor<3x3xf32>
  %y = linalg.matmul ins(%x, %t : tensor<3x4xf32>, tensor<4x3xf32>) outs(%e : tensor<3x3xf32>) -> tensor<3x3xf32>
  return %y, %again : tensor<3x3xf32>, tensor<3x4xf32>
}
func.func @decode() -> (tensor<3x4xf32>, tensor<5xbf16>, tensor<4x3xf32>) attributes {quench.entry} {
  %w = quench.param <"model"::"w"> : tensor<3x4xf32>
  %t = quench.transpose %w [1, 0] : (tensor<3x4xf32>) -> tensor<4x3xf32>
  %b = quench.param <"model"::"b"> : tensor<5xbf16>
  return %w, %b, %t : tensor<3x4xf32>, tensor<5xbf16>, tensor<4x3xf32>
}

// -----

// A model without parameters has none.

// CHECK-LABEL: func.func @encode(%{{.*}}: memref<0xi8>, %{{.*}}: tensor<2xf32>)
// CHECK-LABEL: func.func private @quench_params() attributes {quench.offsets = array<i64>, quench.payload_bytes = 0 : i64}
func.func @encode(%x: tensor<2xf32>) -> tensor<2xf32> attributes {quench.entry} {
  return %x : tensor<2xf32>
}

// -----

func.func private @helper() -> tensor<2xf32> {
  // expected-error@+1 {{'quench.param' op is read in 'helper', expected an entry point}}
  %w = quench.param <"model"::"w"> : tensor<2xf32>
  return %w : tensor<2xf32>
}

// -----

// expected-error@+1 {{takes the name of the function of the parameters}}
func.func private @quench_params()
