// RUN: quench-opt %s -split-input-file --quench-layernorm-to-rmsnorm --remarks-filter=quench-layernorm-to-rmsnorm > %t 2> %t.remarks
// RUN: FileCheck %s < %t
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks

// All that writes the stream: table, positions, output projection and its bias. A
// gain may stay.

// CHECK-LABEL: @stream
// CHECK: %[[T:.*]] = quench.center %{{.*}} axis 1 : (tensor<7x3xf64>)
// CHECK: quench.embedding %{{.*}}, %[[T]] {quench.basis = ["center"]}
// CHECK: %[[P:.*]] = quench.center %{{.*}} axis 1 : (tensor<2x3xf64>)
// CHECK: %[[S:.*]] = quench.add %{{.*}}, %[[P]]
// CHECK: quench.rms_norm %[[S]] gamma %{{.*}} eps 1.000000e-05
// CHECK-DAG: %[[W:.*]] = quench.center %{{.*}} axis 0 : (tensor<3x3xf64>)
// CHECK-DAG: %[[B:.*]] = quench.center %{{.*}} axis 0 : (tensor<3xf64>)
// CHECK: quench.linear %{{.*}}, %[[W]] bias %[[B]]
// CHECK: quench.rms_norm %{{.*}} eps 9.9{{9+}}5E-7
// REMARK: 4 weights have mean zero
// REMARK: subtracts no mean
// REMARK: subtracts no mean
func.func @stream(%ids: tensor<2xi64>) -> tensor<2x3xf64> {
  %t = quench.param <"m"::"t"> : tensor<7x3xf64>
  %p = quench.param <"m"::"p"> : tensor<2x3xf64>
  %g = quench.param <"m"::"g"> : tensor<3xf64>
  %w = quench.param <"m"::"w"> : tensor<3x3xf64>
  %b = quench.param <"m"::"b"> : tensor<3xf64>
  %0 = quench.embedding %ids, %t : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
  %1 = quench.add %0, %p : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  %2 = quench.layer_norm %1 gamma %g eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  %3 = quench.gelu %2 by erf : tensor<2x3xf64>
  %4 = quench.linear %3, %w bias %b : (tensor<2x3xf64>, tensor<3x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  %5 = quench.add %1, %4 residual : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  %6 = quench.layer_norm %5 eps 1.0e-6 : (tensor<2x3xf64>) -> tensor<2x3xf64>
  return %6 : tensor<2x3xf64>
}

// -----

// A head that has the table too keeps it.

// CHECK-LABEL: @tied
// CHECK: quench.rms_norm
// REMARK: its weight is no longer shared, 168 bytes more
func.func @tied(%ids: tensor<2xi64>) -> tensor<2x7xf64> {
  %t = quench.param <"m"::"t"> : tensor<7x3xf64>
  %0 = quench.embedding %ids, %t : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
  %1 = quench.layer_norm %0 eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>
  %2 = quench.linear %1, %t : (tensor<2x3xf64>, tensor<7x3xf64>) -> tensor<2x7xf64>
  return %2 : tensor<2x7xf64>
}

// -----

// CHECK-LABEL: @refused
// CHECK-NOT: quench.center
// CHECK: return
func.func @refused(%ids: tensor<2xi64>, %x: tensor<2x3xf64>, %y: tensor<1x2x3xf64>)
    -> (tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x4xf64>, tensor<1x4xf64>) {
  %t = quench.param <"m"::"t"> : tensor<7x3xf64>
  %b = quench.param <"m"::"b"> : tensor<3xf64>
  %w = quench.param <"m"::"w"> : tensor<4x3xf64>
  // REMARK-DAG: layernorm-to-rmsnorm.mlir:[[#@LINE+2]]:{{.*}} refused{{.*}}has an offset, quench-fold-norm-affine has to come first
  %0 = quench.embedding %ids, %t : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
  %1 = quench.layer_norm %0 beta %b eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>

  // An input is what it is.
  %2 = quench.layer_norm %x eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>

  // A norm that writes the stream it reads.
  %3 = quench.embedding %ids, %t : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
  // REMARK-DAG: layernorm-to-rmsnorm.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}writes it with a mean (quench.layer_norm)
  %4 = quench.layer_norm %3 eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>
  %5 = quench.add %4, %3 residual : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  %6 = quench.layer_norm %5 eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>

  // RMS norms read the mean.
  %7 = quench.embedding %ids, %t : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
  %8 = quench.layer_norm %7 eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>
  // REMARK-DAG: layernorm-to-rmsnorm.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}reads its mean (quench.rms_norm)
  %9 = quench.rms_norm %7 eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>
  %10 = quench.linear %9, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>

  // So does a linear op behind a mean over tokens.
  %11 = quench.embedding %ids, %t : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
  %12 = tensor.expand_shape %11 [[0, 1], [2]] output_shape [1, 2, 3] : tensor<2x3xf64> into tensor<1x2x3xf64>
  %13 = quench.layer_norm %12 eps 1.0e-5 : (tensor<1x2x3xf64>) -> tensor<1x2x3xf64>
  %14 = quench.pool %12 by mean : (tensor<1x2x3xf64>) -> tensor<1x3xf64>
  // REMARK-DAG: layernorm-to-rmsnorm.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}reads it without a norm (quench.linear)
  %15 = quench.linear %14, %w : (tensor<1x3xf64>, tensor<4x3xf64>) -> tensor<1x4xf64>

  // And an output.
  %16 = quench.embedding %ids, %t : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
  %17 = quench.layer_norm %16 eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>
  // REMARK-DAG: layernorm-to-rmsnorm.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}(func.return)
  return %16, %17, %10, %15 : tensor<2x3xf64>, tensor<2x3xf64>, tensor<2x4xf64>, tensor<1x4xf64>
}
