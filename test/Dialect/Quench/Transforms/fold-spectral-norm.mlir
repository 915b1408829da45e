// RUN: quench-opt %s --quench-fold-spectral-norm --remarks-filter=quench-fold-spectral-norm > %t 2> %t.remarks
// RUN: FileCheck %s < %t
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks

// The factor goes into the weight and the bias that the op has, the bias behind
// it does not get it.

// CHECK-LABEL: @linear
// CHECK-DAG: %[[W:.*]] = quench.param <"m"::"w">
// CHECK-DAG: %[[A:.*]] = quench.param <"m"::"a">
// CHECK: %[[C:.*]] = quench.reshape
// CHECK-DAG: %[[SCALED:.*]] = quench.channel_scale %[[W]], %[[C]] axis 0 :
// CHECK-DAG: %[[INNER:.*]] = quench.channel_scale %[[A]], %[[C]] axis 0 :
// CHECK: %[[B:.*]] = quench.param <"m"::"b">
// CHECK: %[[BIAS:.*]] = quench.shift %[[INNER]], %[[B]] :
// CHECK: %[[R:.*]] = quench.linear %{{.*}}, %[[SCALED]] bias %[[BIAS]]
// CHECK-NEXT: return %[[R]]
// REMARK: factor into the weight, what is added behind it into the bias
func.func @linear(%x: tensor<2x3xf64>) -> tensor<2x4xf64> {
  %w = quench.param <"m"::"w"> : tensor<4x3xf64>
  %a = quench.param <"m"::"a"> : tensor<4xf64>
  %0 = quench.linear %x, %w bias %a : (tensor<2x3xf64>, tensor<4x3xf64>, tensor<4xf64>) -> tensor<2x4xf64>
  %u = quench.param <"m"::"u"> : tensor<3xf64>
  %g = quench.param <"m"::"g"> : tensor<1xf64>
  %b = quench.param <"m"::"b"> : tensor<4xf64>
  %s = quench.spectral_norm %w, %u : (tensor<4x3xf64>, tensor<3xf64>) -> tensor<f64>
  %q = quench.channel_scale %g, %s axis 0 inverse : (tensor<1xf64>, tensor<f64>) -> tensor<1xf64>
  %c = quench.reshape %q : (tensor<1xf64>) -> tensor<f64>
  %1 = quench.mul %0, %c : (tensor<2x4xf64>, tensor<f64>) -> tensor<2x4xf64>
  %2 = quench.add %1, %b : (tensor<2x4xf64>, tensor<4xf64>) -> tensor<2x4xf64>
  return %2 : tensor<2x4xf64>
}

// A kernel is a matrix of output channels and the rest.

// CHECK-LABEL: @patches
// CHECK: %[[N:.*]] = quench.spectral_norm %[[K:.*]], %{{.*}} : (tensor<4x3x2x2xf64>, tensor<12xf64>)
// CHECK: %[[SCALED:.*]] = quench.channel_scale %[[K]], %[[N]] axis 0 :
// CHECK: quench.patch_embed %{{.*}}, %[[SCALED]] :
func.func @patches(%x: tensor<1x3x4x4xf64>) -> tensor<1x4x4xf64> {
  %w = quench.param <"m"::"k"> : tensor<4x3x2x2xf64>
  %u = quench.param <"m"::"u"> : tensor<12xf64>
  %s = quench.spectral_norm %w, %u : (tensor<4x3x2x2xf64>, tensor<12xf64>) -> tensor<f64>
  %0 = quench.patch_embed %x, %w : (tensor<1x3x4x4xf64>, tensor<4x3x2x2xf64>) -> tensor<1x4x4xf64>
  %1 = quench.mul %0, %s : (tensor<1x4x4xf64>, tensor<f64>) -> tensor<1x4x4xf64>
  return %1 : tensor<1x4x4xf64>
}

// CHECK-LABEL: @refused
// CHECK-COUNT-3: quench.mul
func.func @refused(%x: tensor<2x3xf64>, %w: tensor<4x3xf64>) -> (tensor<2x4xf64>, tensor<2x3xf64>) {
  %k = quench.param <"m"::"k"> : tensor<4x3xf64>
  %u = quench.param <"m"::"u"> : tensor<3xf64>
  %s = quench.spectral_norm %k, %u : (tensor<4x3xf64>, tensor<3xf64>) -> tensor<f64>
  // REMARK-DAG: fold-spectral-norm.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}is also read without its factor (quench.linear)
  %0 = quench.linear %x, %k : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
  %1 = quench.mul %0, %s : (tensor<2x4xf64>, tensor<f64>) -> tensor<2x4xf64>
  %2 = quench.add %1, %0 residual : (tensor<2x4xf64>, tensor<2x4xf64>) -> tensor<2x4xf64>
  // REMARK-DAG: fold-spectral-norm.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}has a weight that is no parameter (quench.linear)
  %3 = quench.linear %x, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
  %4 = quench.mul %3, %s : (tensor<2x4xf64>, tensor<f64>) -> tensor<2x4xf64>
  // REMARK-DAG: fold-spectral-norm.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}no weight writes its operand (quench.mul)
  %5 = quench.mul %x, %s : (tensor<2x3xf64>, tensor<f64>) -> tensor<2x3xf64>
  return %2, %5 : tensor<2x4xf64>, tensor<2x3xf64>
}
