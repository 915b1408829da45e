// RUN: quench-opt %s --quench-select-kernels | FileCheck %s

// The signs of the factor that is no power of two are an operand; an order whose
// power of two does not fill a register has no kernel.

// CHECK-LABEL:   func.func @online_hadamard
// CHECK-SAME:      %[[X:[^:]*]]: tensor<?x3x14336xf32>
// CHECK:         %[[ROWS:.*]] = tensor.collapse_shape %[[X]]
// CHECK:         %[[SIGNS:.*]] = arith.constant dense<{{.*}}> : tensor<28x28xf32>
// CHECK:         quench.call_kernel @kernel_hadamard_28x512_14336_f32(%[[ROWS]], %[[SIGNS]] :
// CHECK:         quench.call_kernel @kernel_hadamard_1x128_14336_f32(
// CHECK:         quench.online_hadamard
func.func @online_hadamard(%x: tensor<?x3x14336xf32>, %y: tensor<?x24xf32>)
    -> (tensor<?x3x14336xf32>, tensor<?x24xf32>) {
  %0 = quench.online_hadamard %x by(#quench.hadamard<14336>) : tensor<?x3x14336xf32>
  %1 = quench.online_hadamard %0 by(#quench.hadamard<128>) : tensor<?x3x14336xf32>
  %2 = quench.online_hadamard %y by(#quench.hadamard<12, transposed>) : tensor<?x24xf32>
  return %1, %2 : tensor<?x3x14336xf32>, tensor<?x24xf32>
}
