// RUN: quench-opt %s -verify-diagnostics -split-input-file

func.func @unknown(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'quench.call_kernel' op expected @nothing to be a function}}
  %0 = quench.call_kernel @nothing() outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func private @kernel(memref<4xf32>, memref<4xf32>)
func.func @too_few(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'quench.call_kernel' op expected 2 operands of @kernel, found 1}}
  %0 = quench.call_kernel @kernel() outs(%x : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func private @kernel(memref<4xf32>, memref<4xf32>)
func.func @element_type(%x: tensor<4xf64>, %y: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'quench.call_kernel' op expected operand 0 of @kernel to fit 'memref<4xf32>', found 'tensor<4xf64>'}}
  %0 = quench.call_kernel @kernel(%x : tensor<4xf64>) outs(%y : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
