// RUN: quench-opt %s --quench-cpu-codegen-pipeline | FileCheck %s

// Functions that entry points call may have results of a dynamic size: they are
// inlined.

// CHECK-LABEL: func.func @encode(
// CHECK-SAME: %[[PARAMS:.*]]: memref<0xi8>
// CHECK-NOT: call @negate
// CHECK: arith.negf
// CHECK-NOT: func.func private @negate
// CHECK-LABEL: func.func private @quench_params()
func.func private @negate(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%n) : tensor<?x4xf32>
  %y = linalg.map { arith.negf } ins(%x : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>)
  return %y : tensor<?x4xf32>
}
func.func @encode(%x: tensor<?x4xf32> {quench.name = "x", quench.dims = ["n"]})
    -> (tensor<?x4xf32> {quench.name = "y", quench.dims = ["n"]}) attributes {quench.entry} {
  %0 = call @negate(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = call @negate(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}
