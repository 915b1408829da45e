// RUN: quench-opt %s --quench-shift-activations --split-input-file --remarks-filter-missed=".*" 2>&1 | FileCheck %s

// One that readers share; f32 adds the number that the bias takes.
// CHECK-LABEL: @shared
func.func @shared(%x: tensor<2x3xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) attributes {quench.entry} {
  %w = quench.param <"model"::"a.weight"> : tensor<4x3xf32>
  %v = quench.param <"model"::"b.weight"> : tensor<4x3xf32>
  %b = quench.param <"model"::"b.bias"> : tensor<4xf32>
  // CHECK: %[[GELU:.*]] = quench.gelu
  %0 = quench.gelu %x by erf : tensor<2x3xf32>
  // CHECK: %[[FILL:.*]] = quench.fill 0.16997124254703522 : tensor<3xf32>
  // CHECK: %[[SUM:.*]] = quench.add %[[GELU]], %[[FILL]] {quench.basis = ["shift"]}
  // CHECK: %[[WIDE:.*]] = quench.cast %[[FILL]] : (tensor<3xf32>) -> tensor<3xf64>
  // CHECK-DAG: quench.contract %{{.*}}, %[[WIDE]]
  // CHECK-DAG: quench.linear %[[SUM]], %{{.*}} bias
  // CHECK-DAG: quench.linear %[[SUM]], %{{.*}} bias
  %1 = quench.linear %0, %w : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
  %2 = quench.linear %0, %v bias %b : (tensor<2x3xf32>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return %1, %2 : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// One that is also read as it is.
// CHECK-LABEL: @read
// CHECK-NOT: quench.add
func.func @read(%x: tensor<2x3xf32>) -> (tensor<2x4xf32>, tensor<2x3xf32>) attributes {quench.entry} {
  %w = quench.param <"model"::"a.weight"> : tensor<4x3xf32>
  %0 = quench.gelu %x by erf : tensor<2x3xf32>
  %1 = quench.linear %0, %w : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
  return %1, %0 : tensor<2x4xf32>, tensor<2x3xf32>
}
