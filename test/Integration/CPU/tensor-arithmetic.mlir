// Arithmetic of MLIR on whole tensors may stand beside the ops of models, and
// entry points may be called what the runtime calls its own functions.
//
// RUN: quench run %s | FileCheck %s
// CHECK: y F32 [2] min 4, max 4, mean 4

func.func private @twice(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = arith.addf %x, %x : tensor<2xf32>
  return %0 : tensor<2xf32>
}

func.func @main(%x: tensor<2xf32> {quench.name = "x", quench.default = 2.0 : f32})
    -> (tensor<2xf32> {quench.name = "y"}) attributes {quench.entry} {
  %0 = call @twice(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}
