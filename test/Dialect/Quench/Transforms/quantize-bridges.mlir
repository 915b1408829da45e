// Rules about bridge layers and depthwise convolutions, and quantizers of the former
// before those of others.

// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{rules={*=i8 static roles=bridge;*=#quench.uniform<i8, axis = 3> static roles=depthwise;depthwise.weight=i8}})" | FileCheck %s
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{scheme={W8A8{static=true activations=u8}}},quench-materialize-quantizers{roles=bridge})" | FileCheck %s --check-prefix=FIRST
// RUN: not quench-opt-plain %s --quench-materialize-quantizers=roles=bridges 2>&1 | FileCheck %s --check-prefix=WORD

// WORD: error: no role 'bridges'; did you mean 'bridge'?

// CHECK: quench.depthwise_conv2d {{.*}} {quench.formats = {input = {format = #quench.uniform<i8, axis = 3>, range = "minmax", site = "depthwise.input"}
// CHECK: quench.linear {{.*}} {quench.formats = {input = {format = #quench.uniform<i8>, range = "minmax", site = "before.input"}, weight = {format = #quench.uniform<i8, axis = 0>, site = "before.weight"}}}
// CHECK: quench.linear {{.*}}input = {{.*}}site = "behind.input"
// CHECK: quench.linear %{{[^{]*}} : (tensor<?x4x8xf32>

// What is left to do is still said.
// FIRST: quench.depthwise_conv2d {{.*}} {quench.formats =
// FIRST: %[[Q:.*]] = quench.fake_quant %{{.*}} by(#quench.uniform<u8, asymmetric>) : (tensor<?x4x4x8xf32>
// FIRST: quench.linear %[[Q]], %{{[^{]*}} : (tensor<?x4x4x8xf32>
// FIRST: quench.unfold
// FIRST: %[[T:.*]] = quench.fake_quant %{{.*}} by(#quench.uniform<u8, asymmetric>) : (tensor<?x4x8xf32>
// FIRST: quench.linear %[[T]], %{{[^{]*}} : (tensor<?x4x8xf32>
// FIRST: quench.linear {{.*}} {quench.formats =
func.func @hybrid(%x: tensor<?x4x4x8xf32>) -> tensor<?x4x8xf32> {
  %w = quench.param <"model"::"hybrid"> : tensor<8x8xf32>
  %d = quench.param <"model"::"taps"> : tensor<8x3x3xf32>
  %0 = quench.depthwise_conv2d %x, %d strides [1, 1] padding [1, 1] : (tensor<?x4x4x8xf32>, tensor<8x3x3xf32>) -> tensor<?x4x4x8xf32> loc("depthwise")
  %1 = quench.linear %0, %w : (tensor<?x4x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x4x8xf32> loc("before")
  %2 = quench.unfold %1 of 2 x 2 : (tensor<?x4x4x8xf32>) -> tensor<?x4x8xf32>
  %3 = quench.layer_norm %2 eps 1.0e-5 : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  %4 = quench.linear %3, %w : (tensor<?x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x8xf32> loc("behind")
  %5 = quench.linear %4, %w : (tensor<?x4x8xf32>, tensor<8x8xf32>) -> tensor<?x4x8xf32> loc("next")
  %6 = quench.relu %5 : tensor<?x4x8xf32>
  return %6 : tensor<?x4x8xf32>
}
