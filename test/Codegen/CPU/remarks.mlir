// RUN: quench-opt %s --quench-select-kernels --remarks-filter=quench-select-kernels 2>&1 | FileCheck %s

// A product of two activations has no kernel: that is said.

// CHECK: remarks.mlir:[[#@LINE+5]]:{{.*}}: remark: [Missed] generic
// CHECK-SAME: no kernel takes this form of quench.matmul; loops compute it
// CHECK-NOT: remark:
func.func @product(%a: tensor<4x8xf32>, %b: tensor<8x4xf32>)
    -> tensor<4x4xf32> {
  %0 = quench.matmul %a, %b
      : (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32>
  return %0 : tensor<4x4xf32>
}
