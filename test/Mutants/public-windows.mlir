// A shift that moves from a layer norm into a linear map, across windows of a map
// that is padded: what is padded must become the shift, which the twin, written by
// hand, sees to.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: use twin
// CHECK: e-1{{[2-9]}} twin: use twin
// MUTANT: [RepQ-ViT] a padded token stays zero :: use padded
// MUTANT: the shift of the norm is forgotten :: drop quench.shift where=beta
// MUTANT: the map does not take the shift back :: drop quench.shift where=bias
// CHECK-COUNT-3: rejected:

module attributes {quench.symbols = {n = [1]}} {
  func.func @f(%x: tensor<?x5x5x8xf64> {quench.name = "x", quench.dims = ["n"]})
      -> (tensor<?x5x5x4xf64> {quench.name = "y", quench.dims = ["n"]})
      attributes {quench.entry} {
    %gamma = quench.param <"model"::"gamma"> : tensor<8xf64>
    %beta = quench.param <"model"::"beta"> : tensor<8xf64>
    %w = quench.param <"model"::"weight"> : tensor<12x8xf64>
    %b = quench.param <"model"::"bias"> : tensor<12xf64>
    %0 = quench.layer_norm %x gamma %gamma beta %beta eps 1.0e-5
        : (tensor<?x5x5x8xf64>, tensor<8xf64>, tensor<8xf64>) -> tensor<?x5x5x8xf64>
    %1 = quench.window_partition %0 window 3 : (tensor<?x5x5x8xf64>) -> tensor<?x9x8xf64>
    %2 = quench.linear %1, %w bias %b
        : (tensor<?x9x8xf64>, tensor<12x8xf64>, tensor<12xf64>) -> tensor<?x9x12xf64>
    %c0 = arith.constant 0 : index
    %n = tensor.dim %2, %c0 : tensor<?x9x12xf64>
    %3 = tensor.expand_shape %2 [[0], [1], [2, 3]] output_shape [%n, 9, 3, 4]
        : tensor<?x9x12xf64> into tensor<?x9x3x4xf64>
    %q = tensor.extract_slice %3[0, 0, 0, 0] [%n, 9, 1, 4] [1, 1, 1, 1]
        : tensor<?x9x3x4xf64> to tensor<?x9x1x4xf64>
    %k = tensor.extract_slice %3[0, 0, 1, 0] [%n, 9, 1, 4] [1, 1, 1, 1]
        : tensor<?x9x3x4xf64> to tensor<?x9x1x4xf64>
    %v = tensor.extract_slice %3[0, 0, 2, 0] [%n, 9, 1, 4] [1, 1, 1, 1]
        : tensor<?x9x3x4xf64> to tensor<?x9x1x4xf64>
    %4 = quench.attention %q, %k, %v scale 0.5 full
        : (tensor<?x9x1x4xf64>, tensor<?x9x1x4xf64>, tensor<?x9x1x4xf64>) -> tensor<?x9x1x4xf64>
    %5 = tensor.collapse_shape %4 [[0], [1], [2, 3]] : tensor<?x9x1x4xf64> into tensor<?x9x4xf64>
    %6 = quench.window_merge %5 window 3 to 5 x 5 : (tensor<?x9x4xf64>) -> tensor<?x5x5x4xf64>
    return %6 : tensor<?x5x5x4xf64>
  }
  module @twin {
    func.func @f(%x: tensor<?x5x5x8xf64> {quench.name = "x", quench.dims = ["n"]})
        -> (tensor<?x5x5x4xf64> {quench.name = "y", quench.dims = ["n"]})
        attributes {quench.entry} {
      %gamma = quench.param <"model"::"gamma"> : tensor<8xf64>
      %beta = quench.param <"model"::"beta"> : tensor<8xf64>
      %w = quench.param <"model"::"weight"> : tensor<12x8xf64>
      %b = quench.param <"model"::"bias"> : tensor<12xf64>
      %z = quench.param <"model"::"z"> : tensor<8xf64>
      %beta1 = quench.shift %beta, %z : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %wz = quench.contract %w, %z : (tensor<12x8xf64>, tensor<8xf64>) -> tensor<12xf64>
      %b1 = quench.shift %b, %wz negative : (tensor<12xf64>, tensor<12xf64>) -> tensor<12xf64>
      %0 = quench.layer_norm %x gamma %gamma beta %beta1 eps 1.0e-5
          : (tensor<?x5x5x8xf64>, tensor<8xf64>, tensor<8xf64>) -> tensor<?x5x5x8xf64>
      %zero = quench.fill 0.0 : tensor<8xf64>
      %back = quench.shift %zero, %z negative : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %a = quench.add %0, %back : (tensor<?x5x5x8xf64>, tensor<8xf64>) -> tensor<?x5x5x8xf64>
      %p = quench.window_partition %a window 3 : (tensor<?x5x5x8xf64>) -> tensor<?x9x8xf64>
      %1 = quench.add %p, %z : (tensor<?x9x8xf64>, tensor<8xf64>) -> tensor<?x9x8xf64>
      %2 = quench.linear %1, %w bias %b1
          : (tensor<?x9x8xf64>, tensor<12x8xf64>, tensor<12xf64>) -> tensor<?x9x12xf64>
      %c0 = arith.constant 0 : index
      %n = tensor.dim %2, %c0 : tensor<?x9x12xf64>
      %3 = tensor.expand_shape %2 [[0], [1], [2, 3]] output_shape [%n, 9, 3, 4]
          : tensor<?x9x12xf64> into tensor<?x9x3x4xf64>
      %q = tensor.extract_slice %3[0, 0, 0, 0] [%n, 9, 1, 4] [1, 1, 1, 1]
          : tensor<?x9x3x4xf64> to tensor<?x9x1x4xf64>
      %k = tensor.extract_slice %3[0, 0, 1, 0] [%n, 9, 1, 4] [1, 1, 1, 1]
          : tensor<?x9x3x4xf64> to tensor<?x9x1x4xf64>
      %v = tensor.extract_slice %3[0, 0, 2, 0] [%n, 9, 1, 4] [1, 1, 1, 1]
          : tensor<?x9x3x4xf64> to tensor<?x9x1x4xf64>
      %4 = quench.attention %q, %k, %v scale 0.5 full
          : (tensor<?x9x1x4xf64>, tensor<?x9x1x4xf64>, tensor<?x9x1x4xf64>) -> tensor<?x9x1x4xf64>
      %5 = tensor.collapse_shape %4 [[0], [1], [2, 3]] : tensor<?x9x1x4xf64> into tensor<?x9x4xf64>
      %6 = quench.window_merge %5 window 3 to 5 x 5 : (tensor<?x9x4xf64>) -> tensor<?x5x5x4xf64>
      return %6 : tensor<?x5x5x4xf64>
    }
  }
  module @padded {
    func.func @f(%x: tensor<?x5x5x8xf64> {quench.name = "x", quench.dims = ["n"]})
        -> (tensor<?x5x5x4xf64> {quench.name = "y", quench.dims = ["n"]})
        attributes {quench.entry} {
      %gamma = quench.param <"model"::"gamma"> : tensor<8xf64>
      %beta = quench.param <"model"::"beta"> : tensor<8xf64>
      %w = quench.param <"model"::"weight"> : tensor<12x8xf64>
      %b = quench.param <"model"::"bias"> : tensor<12xf64>
      %z = quench.param <"model"::"z"> : tensor<8xf64>
      %beta1 = quench.shift %beta, %z : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %wz = quench.contract %w, %z : (tensor<12x8xf64>, tensor<8xf64>) -> tensor<12xf64>
      %b1 = quench.shift %b, %wz negative : (tensor<12xf64>, tensor<12xf64>) -> tensor<12xf64>
      %0 = quench.layer_norm %x gamma %gamma beta %beta1 eps 1.0e-5
          : (tensor<?x5x5x8xf64>, tensor<8xf64>, tensor<8xf64>) -> tensor<?x5x5x8xf64>
      %1 = quench.window_partition %0 window 3 : (tensor<?x5x5x8xf64>) -> tensor<?x9x8xf64>
      %2 = quench.linear %1, %w bias %b1
          : (tensor<?x9x8xf64>, tensor<12x8xf64>, tensor<12xf64>) -> tensor<?x9x12xf64>
      %c0 = arith.constant 0 : index
      %n = tensor.dim %2, %c0 : tensor<?x9x12xf64>
      %3 = tensor.expand_shape %2 [[0], [1], [2, 3]] output_shape [%n, 9, 3, 4]
          : tensor<?x9x12xf64> into tensor<?x9x3x4xf64>
      %q = tensor.extract_slice %3[0, 0, 0, 0] [%n, 9, 1, 4] [1, 1, 1, 1]
          : tensor<?x9x3x4xf64> to tensor<?x9x1x4xf64>
      %k = tensor.extract_slice %3[0, 0, 1, 0] [%n, 9, 1, 4] [1, 1, 1, 1]
          : tensor<?x9x3x4xf64> to tensor<?x9x1x4xf64>
      %v = tensor.extract_slice %3[0, 0, 2, 0] [%n, 9, 1, 4] [1, 1, 1, 1]
          : tensor<?x9x3x4xf64> to tensor<?x9x1x4xf64>
      %4 = quench.attention %q, %k, %v scale 0.5 full
          : (tensor<?x9x1x4xf64>, tensor<?x9x1x4xf64>, tensor<?x9x1x4xf64>) -> tensor<?x9x1x4xf64>
      %5 = tensor.collapse_shape %4 [[0], [1], [2, 3]] : tensor<?x9x1x4xf64> into tensor<?x9x4xf64>
      %6 = quench.window_merge %5 window 3 to 5 x 5 : (tensor<?x9x4xf64>) -> tensor<?x5x5x4xf64>
      return %6 : tensor<?x5x5x4xf64>
    }
  }
}
