// RUN: quench-opt %s --quench-shift-pair --split-input-file | FileCheck %s
// RUN: quench-opt %s --quench-shift-pair=policy=mean --split-input-file | FileCheck %s --check-prefix=MEAN
// RUN: quench-opt %s --quench-shift-pair=policy=middle --split-input-file | FileCheck %s --check-prefix=MIDDLE
// RUN: quench-opt %s --quench-shift-pair="policy=random policy-options=seed=3,amplitude=0.5" --split-input-file | FileCheck %s --check-prefix=RANDOM
// RUN: quench-opt %s --quench-shift-pair=sites=none --split-input-file | FileCheck %s --check-prefix=NONE --implicit-check-not=quench.shift
// RUN: quench-opt %s --quench-shift-pair --split-input-file -o /dev/null \
// RUN:   --remarks-filter=quench-shift-pair 2>&1 | FileCheck %s --check-prefix=REMARK

// RUN: not quench-opt %s --quench-shift-pair=policy=none --split-input-file 2>&1 | FileCheck %s --check-prefix=POLICY
// POLICY: error: no policy 'none'; there are given, mean, middle, random
// RUN: not quench-opt %s --quench-shift-pair="policy=mean policy-options=seed=1" --split-input-file 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: error: policy 'mean' has no option
// RUN: not quench-opt %s --quench-shift-pair='sites=(' --split-input-file 2>&1 | FileCheck %s --check-prefix=PATTERN
// PATTERN: error: option 'sites': parentheses not balanced

// REMARK: [Passed] rewritten | {{.*}}"norm: shift in 3 biases"
// REMARK: [Missed] refused | {{.*}}"seen: returns it (func.return)"

// The norm has an offset and gate a bias; up gets one.
// CHECK-LABEL: func.func @norm
// CHECK: %[[Z:.*]] = quench.param <"learned"::"norm.shift"> : tensor<8xf64>
// CHECK: %[[N:.*]] = quench.shift %{{.*}}, %[[Z]] :
// CHECK: %[[BETA:.*]] = quench.cast %[[N]]
// CHECK: quench.layer_norm %{{.*}} gamma %{{.*}} beta %[[BETA]] {{.*}}quench.basis = ["shift given norm"]
// CHECK: %[[C:.*]] = quench.contract %{{.*}}, %[[Z]] : (tensor<6x8xf64>, tensor<8xf64>) -> tensor<6xf64>
// CHECK: %[[G:.*]] = quench.shift %{{.*}}, %[[C]] negative
// CHECK: %[[GATE:.*]] = quench.cast %[[G]]
// CHECK: quench.linear %{{.*}}, %{{.*}} bias %[[GATE]]
// CHECK: quench.fill 0.0{{.*}} : tensor<6xf
// CHECK: quench.shift %{{.*}}, %{{.*}} negative
// CHECK: quench.linear %{{.*}}, %{{.*}} bias
// MEAN: %[[M:.*]] = quench.param <"stats"::"norm.channels.mean"> : tensor<8xf64>
// MEAN: quench.shift %{{.*}}, %[[M]] negative
// MIDDLE: %[[L:.*]] = quench.param <"stats"::"norm.channels.min"> : tensor<8xf64>
// MIDDLE: %[[H:.*]] = quench.param <"stats"::"norm.channels.max"> : tensor<8xf64>
// MIDDLE: %[[SUM:.*]] = quench.shift %[[L]], %[[H]] :
// MIDDLE: %[[HALF:.*]] = quench.fill -5.000000e-01 : tensor<f64>
// MIDDLE: quench.channel_scale %[[SUM]], %[[HALF]] axis 0
// RANDOM: quench.noise {{.*}} : tensor<8xf64>
// NONE-LABEL: func.func @norm
func.func @norm(%x: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %g = quench.param <"model"::"gamma"> : tensor<8xf32>
  %b = quench.param <"model"::"beta"> : tensor<8xf32>
  %wg = quench.param <"model"::"gate"> : tensor<6x8xf32>
  %bg = quench.param <"model"::"gate.bias"> : tensor<6xf32>
  %wu = quench.param <"model"::"up"> : tensor<6x8xf32>
  %0 = quench.layer_norm %x gamma %g beta %b eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm")
  %1 = quench.linear %0, %wg bias %bg : (tensor<?x8xf32>, tensor<6x8xf32>, tensor<6xf32>) -> tensor<?x6xf32> loc("gate")
  %2 = quench.linear %0, %wu : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("up")
  %3 = quench.gated %1, %2 by silu : tensor<?x6xf32> loc("mlp")
  return %3 : tensor<?x6xf32>
}

// -----

// Something reads the norm that could not take the shift back.
// CHECK-LABEL: func.func @seen
// CHECK-NOT: quench.shift
func.func @seen(%x: tensor<?x8xf32>) -> (tensor<?x6xf32>, tensor<?x8xf32>) {
  %b = quench.param <"model"::"beta"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<6x8xf32>
  %0 = quench.layer_norm %x beta %b eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("seen")
  %1 = quench.linear %0, %w : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("map")
  return %1, %0 : tensor<?x6xf32>, tensor<?x8xf32>
}
