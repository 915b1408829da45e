// Results that begin as the same tensor, of one op or of several, are apart.
//
// RUN: quench run %s | FileCheck %s
// CHECK: sum F32 [2] min 8, max 8
// CHECK: least F32 [2] min 0, max 0
// CHECK: squares F32 [2] min 16, max 16

#in = affine_map<(d0, d1) -> (d0, d1)>
#out = affine_map<(d0, d1) -> (d1)>

func.func @main(%x: tensor<4x2xf32> {quench.name = "x", quench.default = 2.0 : f32})
    -> (tensor<2xf32> {quench.name = "sum"}, tensor<2xf32> {quench.name = "least"},
        tensor<2xf32> {quench.name = "squares"}) attributes {quench.entry} {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2xf32>) -> tensor<2xf32>
  %0:2 = linalg.generic {indexing_maps = [#in, #out, #out], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<4x2xf32>) outs(%init, %init : tensor<2xf32>, tensor<2xf32>) {
    ^bb0(%element: f32, %sum: f32, %least: f32):
      %2 = arith.addf %sum, %element : f32
      %3 = arith.minimumf %least, %element : f32
      linalg.yield %2, %3 : f32, f32
  } -> (tensor<2xf32>, tensor<2xf32>)
  %1 = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<4x2xf32>) outs(%init : tensor<2xf32>) {
    ^bb0(%element: f32, %sum: f32):
      %2 = arith.mulf %element, %element : f32
      %3 = arith.addf %sum, %2 : f32
      linalg.yield %3 : f32
  } -> tensor<2xf32>
  return %0#0, %0#1, %1 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}
