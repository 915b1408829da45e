// RUN: quench-opt %s --quench-scale-pair="policy=given" | FileCheck %s
// RUN: quench-opt %s --quench-scale-pair="policy=given fuse-silu=gates" | FileCheck %s
// RUN: quench-opt %s --quench-scale-pair="policy=smoothquant policy-options=alpha=0.85" | FileCheck %s --check-prefix=SMOOTH
// RUN: quench-opt %s --quench-scale-pair="policy=given sites=up" | FileCheck %s --check-prefix=UP
// RUN: quench-opt %s --quench-scale-pair="policy=given kinds=norm" | FileCheck %s --check-prefix=NORM

// RUN: not quench-opt %s --quench-scale-pair="policy=none" 2>&1 | FileCheck %s --check-prefix=POLICY
// POLICY: error: no policy 'none'; there are awq, given, identity,
// RUN: not quench-opt %s --quench-scale-pair="policy=awq policy-options=alpha=2" 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: error: policy 'awq' has no option 'alpha'; it has bits, group, steps
// RUN: not quench-opt %s --quench-scale-pair="policy=smoothquant policy-options=alpha=2" 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: error: option 'alpha' of policy 'smoothquant': expected a number from 0.000000 to 1.000000, found '2'
// RUN: not quench-opt %s --quench-scale-pair='sites=(' 2>&1 | FileCheck %s --check-prefix=PATTERN
// PATTERN: error: option 'sites': parentheses not balanced
// RUN: not quench-opt %s --quench-scale-pair='kinds=x' 2>&1 | FileCheck %s --check-prefix=KIND
// KIND: error: option 'kinds': expected norm, linear, product or silu, found 'x'

// CHECK-LABEL: func.func @mlp
// CHECK: %[[P:.*]] = quench.param <"learned"::"norm.scale"> : tensor<8xf64>
// CHECK: %[[S:.*]] = quench.checked_scale %[[P]] of "norm"
// CHECK: quench.channel_scale %{{.*}}, %[[S]] axis 0 inverse
// CHECK: quench.channel_scale %{{.*}}, %[[S]] axis 0 inverse
// CHECK: quench.layer_norm {{.*}} {quench.basis = ["scale given norm"]}
// One step after the other, and one cast after both.
// CHECK: %[[U:.*]] = quench.channel_scale %{{.*}}, %[[S]] axis 1 : (tensor<6x8xf64>
// CHECK: %[[T:.*]] = quench.checked_scale %{{.*}} of "up"
// CHECK: %[[V:.*]] = quench.channel_scale %{{.*}}, %[[T]] axis 0 inverse
// CHECK: %[[F:.*]] = quench.cast %[[V]] : (tensor<6x8xf64>) -> tensor<6x8xf32>
// CHECK: quench.linear %{{.*}}, %[[F]]
// CHECK: quench.gated
// CHECK: quench.channel_scale %{{.*}}, %[[T]] axis 1

// SMOOTH-LABEL: func.func @mlp
// SMOOTH-COUNT-2: quench.absmax %{{.*}} axis 1
// SMOOTH: %[[X:.*]] = quench.param <"stats"::"norm.channels.absmax"> : tensor<8xf64>
// SMOOTH: %[[S:.*]] = quench.balanced_scale %[[X]] weights %{{.*}}, %{{.*}} alpha 8.500000e-01
// SMOOTH: quench.checked_scale %[[S]] of "norm"

// UP-COUNT-2: quench.channel_scale
// UP-NOT: quench.channel_scale
// NORM-COUNT-4: quench.channel_scale
// NORM-NOT: quench.channel_scale

func.func @mlp(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %g = quench.param <"model"::"gamma"> : tensor<8xf32>
  %b = quench.param <"model"::"beta"> : tensor<8xf32>
  %wg = quench.param <"model"::"gate"> : tensor<6x8xf32>
  %wu = quench.param <"model"::"up"> : tensor<6x8xbf16>
  %wu32 = quench.cast %wu : (tensor<6x8xbf16>) -> tensor<6x8xf32>
  %wd = quench.param <"model"::"down"> : tensor<8x6xf32>
  %0 = quench.layer_norm %x gamma %g beta %b eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("norm")
  %1 = quench.linear %0, %wg : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("gate")
  %2 = quench.linear %0, %wu32 : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("up")
  %3 = quench.gated %1, %2 by silu : tensor<?x6xf32> loc("mlp")
  %4 = quench.linear %3, %wd : (tensor<?x6xf32>, tensor<8x6xf32>) -> tensor<?x8xf32> loc("down")
  return %4 : tensor<?x8xf32>
}
