// Classes of channels, one structure a function.

// RUN: split-file %s %t
// RUN: quench-opt-plain %t/basis.mlir --load-pass-plugin=%quench_obj/test/lib/Analysis/QuenchTestAnalysis.so \
// RUN:   --pass-pipeline="builtin.module(test-print-channel-classes{kind=basis})" -o /dev/null | FileCheck %t/basis.mlir --match-full-lines

//--- basis.mlir

// A stream with a residual join, a position table, a class token and a head that
// shares the table of the embedding.
// CHECK: class 'wte': 8 channels, 7 values, 7 weights
// CHECK-NEXT:   producer wte quench.embedding operand 1 axis 1
// CHECK-NEXT:   producer wpe quench.add operand 1 axis 1
// CHECK-NEXT:   producer cls quench.prepend operand 1 axis 1
// CHECK-NEXT:   consumer up quench.linear operand 1 axis 1
// CHECK-NEXT:   producer down quench.linear operand 1 axis 0
// CHECK-NEXT:   producer down quench.linear operand 2 axis 0
// CHECK-NEXT:   consumer head quench.linear operand 1 axis 1
func.func @stream(%ids: tensor<?x4xi64>) -> tensor<?x5x10xf32> {
  %table = quench.param <"model"::"wte"> : tensor<10x8xf32>
  %places = quench.param <"model"::"wpe"> : tensor<4x8xf32>
  %cls = quench.param <"model"::"cls"> : tensor<1x8xf32>
  %up = quench.param <"model"::"up"> : tensor<12x8xf32>
  %down = quench.param <"model"::"down"> : tensor<8x12xf32>
  %bias = quench.param <"model"::"bias"> : tensor<8xf32>
  %0 = quench.embedding %ids, %table : (tensor<?x4xi64>, tensor<10x8xf32>) -> tensor<?x4x8xf32> loc("wte")
  %1 = quench.add %0, %places : (tensor<?x4x8xf32>, tensor<4x8xf32>) -> tensor<?x4x8xf32> loc("wpe")
  %2 = quench.prepend %cls to %1 : (tensor<?x4x8xf32>, tensor<1x8xf32>) -> tensor<?x5x8xf32> loc("cls")
  %3 = quench.rms_norm %2 eps 1.0e-5 : (tensor<?x5x8xf32>) -> tensor<?x5x8xf32>
  %4 = quench.linear %3, %up : (tensor<?x5x8xf32>, tensor<12x8xf32>) -> tensor<?x5x12xf32> loc("up")
  %5 = quench.relu %4 : tensor<?x5x12xf32>
  %6 = quench.linear %5, %down bias %bias : (tensor<?x5x12xf32>, tensor<8x12xf32>, tensor<8xf32>) -> tensor<?x5x8xf32> loc("down")
  %7 = quench.add %2, %6 residual : (tensor<?x5x8xf32>, tensor<?x5x8xf32>) -> tensor<?x5x8xf32>
  %8 = quench.rms_norm %7 eps 1.0e-5 : (tensor<?x5x8xf32>) -> tensor<?x5x8xf32>
  %9 = quench.linear %8, %table : (tensor<?x5x8xf32>, tensor<10x8xf32>) -> tensor<?x5x10xf32> loc("head")
  return %9 : tensor<?x5x10xf32>
}
// CHECK: class 'up': 12 channels, 1 values, 1 weights
// CHECK:   blocked: quench.relu keeps the basis of its operand
