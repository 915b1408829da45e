// RUN: quench-opt %s --quench-assign-formats=scheme=W4A8 --quench-materialize-quantizers | FileCheck %s
// RUN: quench-opt %s --quench-assign-formats=scheme=W4A8 --quench-materialize-quantizers=what=weights | FileCheck %s --check-prefix=WEIGHTS
// RUN: not quench-opt-plain %s --quench-assign-formats="scheme=W4A8 weight-method=none" --quench-materialize-quantizers 2>&1 | FileCheck %s --check-prefix=METHOD
// RUN: quench-opt %s --quench-assign-formats="rules=a=u8" --quench-materialize-quantizers | FileCheck %s --check-prefix=ZERO
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{rules={a=u4 static}},quench-materialize-quantizers)" | FileCheck %s --check-prefix=STATIC
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{rules={a=i8 range=percentile}},quench-materialize-quantizers)" | FileCheck %s --check-prefix=RANGE

// METHOD: error: no policy 'none'; there are

// Zero points are computed with scales, or come from statistics.
// ZERO: %[[S:.*]], %[[Z:.*]] = quench.dynamic_parameters %[[X:.*]] by(#quench.uniform<u8, asymmetric, token>)
// ZERO: quench.fake_quant %[[X]], %[[S]], %[[Z]] by(#quench.uniform<u8, asymmetric, token>)
// STATIC: %[[MIN:.*]] = quench.param <"stats"::"a.input.min"> : tensor<8xf64>
// STATIC: %[[MAX:.*]] = quench.param <"stats"::"a.input.max"> : tensor<8xf64>
// STATIC: %[[E:.*]] = quench.extent %[[MIN]] to %[[MAX]]
// STATIC: %[[R:.*]] = quench.cast %[[E]] : (tensor<2xf64>) -> tensor<2xf32>
// STATIC: %[[S:.*]] = quench.static_scale %[[R]] by(#quench.uniform<u4, asymmetric>) : (tensor<2xf32>) -> tensor<f32>
// STATIC: %[[B:.*]] = quench.static_zero %[[R]] by(#quench.uniform<u4, asymmetric>) : (tensor<2xf32>) -> tensor<i8>
// STATIC: %[[Q:.*]] = quench.fake_quant %{{.*}}, %[[S]], %[[B]] by(#quench.uniform<u4, asymmetric>)
// STATIC: quench.linear %[[Q]],
// RANGE: quench.percentile_range {{.*}} within {{.*}} by(#quench.uniform<i8>)

// Two readers of one activation share its codes.
// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
// CHECK: %[[S:.*]] = quench.dynamic_scale %[[X]] by(#quench.uniform<i8, token>)
// CHECK: %[[Q:.*]] = quench.fake_quant %[[X]], %[[S]] by(#quench.uniform<i8, token>)
// CHECK-NOT: quench.fake_quant
// CHECK: %[[D:.*]] = quench.dequantize {{.*}} by(#quench.uniform<i4, axis = 0>)
// CHECK: %[[V:.*]] = quench.cast %[[D]] : (tensor<6x8xf64>) -> tensor<6x8xf32>
// CHECK-NOT: quench.formats
// CHECK: quench.linear %[[Q]], %[[V]] :
// CHECK: quench.linear %[[Q]],
// WEIGHTS-NOT: quench.fake_quant
// WEIGHTS: quench.dequantize
// WEIGHTS: quench.linear {{.*}} {quench.formats = {input = {format = #quench.uniform<i8, token>, site = "a.input"}}}
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %w = quench.param <"model"::"w"> : tensor<6x8xf32>
  %v = quench.param <"model"::"v"> : tensor<6x8xf32>
  %0 = quench.linear %x, %w : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("a")
  %1 = quench.linear %x, %v : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("b")
  %2 = quench.gated %0, %1 by silu : tensor<?x6xf32>
  return %2 : tensor<?x6xf32>
}
