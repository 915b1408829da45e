// RUN: quench-opt %s --quench-fold-norm-affine --remarks-filter=quench-fold-norm-affine > %t 2> %t.remarks
// RUN: FileCheck %s < %t
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks

// Gain and offset go into both readers, one of which gets a bias; the bias takes
// what the weight makes of the offset before the gain is in it.

// CHECK-LABEL: @both
// CHECK: %[[N:.*]] = quench.layer_norm %{{.*}} eps
// CHECK: %[[SUM:.*]] = quench.contract %{{.*}}, %{{.*}} : (tensor<4x3xf64>, tensor<3xf64>)
// CHECK: %[[BIAS:.*]] = quench.shift %{{.*}}, %[[SUM]] : (tensor<4xf64>
// CHECK: %[[BIAS32:.*]] = quench.cast %[[BIAS]]
// CHECK: %[[SCALED:.*]] = quench.channel_scale %{{.*}}, %{{.*}} axis 1 : (tensor<4x3xf64>
// CHECK: %[[SCALED32:.*]] = quench.cast %[[SCALED]]
// CHECK: quench.linear %[[N]], %[[SCALED32]] bias %[[BIAS32]]
// CHECK: quench.linear %[[N]], %{{.*}} bias %
// REMARK: fold-norm-affine.mlir:[[#@LINE+8]]:{{.*}}[Passed] rewritten
// REMARK-SAME: gain and offset into 2 weights
func.func @both(%x: tensor<2x3xf32>) -> (tensor<2x4xf32>, tensor<2x5xf32>) {
  %g = quench.param <"m"::"g"> : tensor<3xf32>
  %b = quench.param <"m"::"b"> : tensor<3xf32>
  %w = quench.param <"m"::"w"> : tensor<4x3xf32>
  %v = quench.param <"m"::"v"> : tensor<5x3xf32>
  %c = quench.param <"m"::"c"> : tensor<4xf32>
  %0 = quench.layer_norm %x gamma %g beta %b eps 1.0e-5
    : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  %1 = quench.linear %0, %w bias %c
    : (tensor<2x3xf32>, tensor<4x3xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %2 = quench.linear %0, %v : (tensor<2x3xf32>, tensor<5x3xf32>) -> tensor<2x5xf32>
  return %1, %2 : tensor<2x4xf32>, tensor<2x5xf32>
}

// Through a view, and through a sequence that starts with the class token.

// CHECK-LABEL: @views
// CHECK: quench.rms_norm %{{.*}} eps
// CHECK: tensor.extract_slice
// CHECK: quench.channel_scale %{{.*}} axis 1
// CHECK: quench.pool
// CHECK: quench.channel_scale %{{.*}} axis 1
// REMARK: gain into 2 weights
func.func @views(%x: tensor<2x7x3xf64>) -> (tensor<2x4xf64>, tensor<2x4xf64>) {
  %g = quench.param <"m"::"g"> : tensor<3xf64>
  %w = quench.param <"m"::"w"> : tensor<4x3xf64>
  %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<2x7x3xf64>, tensor<3xf64>) -> tensor<2x7x3xf64>
  %1 = tensor.extract_slice %0[0, 0, 0] [2, 1, 3] [1, 1, 1] : tensor<2x7x3xf64> to tensor<2x3xf64>
  %2 = quench.linear %1, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
  %3 = quench.pool %0 by mean : (tensor<2x7x3xf64>) -> tensor<2x3xf64>
  %4 = quench.linear %3, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
  return %2, %4 : tensor<2x4xf64>, tensor<2x4xf64>
}

// The table of an embedding that is the head too is untied.

// CHECK-LABEL: @tied
// CHECK: quench.embedding %{{.*}}, %[[TABLE:.*]] :
// CHECK: quench.channel_scale %[[TABLE]]
// REMARK-DAG: gain into 1 weights
func.func @tied(%ids: tensor<2xi64>) -> tensor<2x7xf64> {
  %g = quench.param <"m"::"g"> : tensor<3xf64>
  %w = quench.param <"m"::"table"> : tensor<7x3xf64>
  %0 = quench.embedding %ids, %w : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
  %1 = quench.rms_norm %0 gamma %g eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  // REMARK-DAG: fold-norm-affine.mlir:[[#@LINE+1]]:{{.*}} untied{{.*}}its weight is no longer shared, 168 bytes more
  %2 = quench.linear %1, %w : (tensor<2x3xf64>, tensor<7x3xf64>) -> tensor<2x7xf64>
  return %2 : tensor<2x7xf64>
}

// What a norm is asked by keeps its gain where one reader cannot take it.

// CHECK-LABEL: @refused
// CHECK-COUNT-7: quench.{{layer|rms}}_norm %{{.*}} gamma
func.func @refused(%x: tensor<2x3xf64>, %r: tensor<4x3xf64>)
    -> (tensor<2x3xf64>, tensor<2x4xf64>, tensor<2x3xf64>) {
  %g = quench.param <"m"::"g"> : tensor<3xf64>
  %b = quench.param <"m"::"b"> : tensor<3xf64>
  %w = quench.param <"m"::"w"> : tensor<4x3xf64>
  %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  %1 = quench.linear %0, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>

  // The norm is the residual of the next layer, as in BERT.
  %2 = quench.layer_norm %x gamma %g beta %b eps 1.0e-5
    : (tensor<2x3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  %3 = quench.linear %2, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
  // REMARK-DAG: fold-norm-affine.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}joins it with what is not normalized by it (quench.add)
  %4 = quench.add %2, %x residual : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>

  // ReLU passes scales, but no negative ones.
  %5 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  // REMARK-DAG: fold-norm-affine.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}has no weight that reads the channels (quench.relu)
  %6 = quench.relu %5 : tensor<2x3xf64>
  %7 = quench.linear %6, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>

  %8 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  // REMARK-DAG: fold-norm-affine.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}has a weight that is no parameter (quench.linear)
  %9 = quench.linear %8, %r : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>

  // Rows of one norm times rows of it.
  %10 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  // REMARK-DAG: fold-norm-affine.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}reads it more than once (quench.matmul)
  %11 = quench.matmul %10, %10 {transpose_b} : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x2xf64>

  %12 = tensor.extract_slice %x[0, 0] [1, 3] [1, 1] : tensor<2x3xf64> to tensor<3xf64>
  // REMARK-DAG: fold-norm-affine.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}its gain or offset is no parameter (quench.rms_norm)
  %13 = quench.rms_norm %x gamma %12 eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  %14 = quench.linear %13, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>

  // An image of which only every second channel is read.
  %15 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  // REMARK-DAG: fold-norm-affine.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}has no weight that reads the channels (tensor.extract_slice)
  %16 = tensor.extract_slice %15[0, 0] [2, 2] [1, 2] : tensor<2x3xf64> to tensor<2x2xf64>

  %17 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
  // REMARK-DAG: fold-norm-affine.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}is an output (func.return)
  return %17, %1, %4 : tensor<2x3xf64>, tensor<2x4xf64>, tensor<2x3xf64>
}
