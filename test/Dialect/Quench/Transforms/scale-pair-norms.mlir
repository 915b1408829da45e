// Gains for norms that have none, and weights that are shared no longer.

// RUN: quench-opt %s --quench-scale-pair="policy=given add-gains" --split-input-file | FileCheck %s
// RUN: quench-opt %s --quench-scale-pair=policy=given --split-input-file | FileCheck %s --check-prefix=NONE
// RUN: quench-opt %s --quench-scale-pair="policy=given add-gains sites=nowhere" --split-input-file | FileCheck %s --check-prefix=NONE
// RUN: quench-opt %s --quench-scale-pair="policy=given" --split-input-file -o /dev/null \
// RUN:   --remarks-filter=quench-scale-pair 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: [Analysis] untied | {{.*}}"head: its weight is no longer shared, 352 bytes more"

// CHECK-LABEL: func.func @bare
// CHECK: %[[P:.*]] = quench.param <"learned"::"norm.scale"> : tensor<8xf64>
// CHECK: %[[S:.*]] = quench.checked_scale %[[P]] of "norm"
// CHECK: %[[I:.*]] = quench.channel_scale %{{.*}}, %[[S]] axis 0 inverse
// CHECK: %[[G:.*]] = quench.cast %[[I]]
// CHECK: quench.rms_norm %{{.*}} gamma %[[G]]
// CHECK: quench.channel_scale %{{.*}}, %[[S]] axis 1
// A norm that something else reads keeps none.
// CHECK: quench.layer_norm %{{[a-z0-9]+}} eps
// NONE-LABEL: func.func @bare
// NONE-NOT: quench.fill
// NONE: quench.rms_norm %{{[a-z0-9]+}} eps
// NONE: quench.layer_norm %{{[a-z0-9]+}} eps
func.func @bare(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x8xf32>) {
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %0 = quench.rms_norm %x eps 1.0e-5 : (tensor<?x8xf32>) -> tensor<?x8xf32> loc("norm")
  %1 = quench.linear %0, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32> loc("map")
  %2 = quench.layer_norm %x eps 1.0e-5 : (tensor<?x8xf32>) -> tensor<?x8xf32> loc("seen")
  return %1, %2 : tensor<?x4xf32>, tensor<?x8xf32>
}

// -----

func.func @tied(%ids: tensor<?xi64>) -> tensor<?x11xf32> {
  %t = quench.param <"model"::"embed"> : tensor<11x8xf32>
  %g = quench.param <"model"::"norm"> : tensor<8xf32>
  %0 = quench.embedding %ids, %t : (tensor<?xi64>, tensor<11x8xf32>) -> tensor<?x8xf32> loc("embed")
  %1 = quench.rms_norm %0 gamma %g eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm")
  %2 = quench.linear %1, %t : (tensor<?x8xf32>, tensor<11x8xf32>) -> tensor<?x11xf32> loc("head")
  return %2 : tensor<?x11xf32>
}
