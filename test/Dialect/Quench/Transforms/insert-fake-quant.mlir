// RUN: quench-opt %s --quench-insert-fake-quant=skip=head | FileCheck %s
// RUN: quench-opt %s --quench-insert-fake-quant="weights=#quench.uniform<i8,axis=0,group=4> activations=none skip=''" | FileCheck %s --check-prefix=GROUPS
// RUN: quench-opt-plain %s --quench-insert-fake-quant=skip=head --remarks-filter=quench-insert-fake-quant 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not quench-opt-plain %s --quench-insert-fake-quant=weights=i99 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not quench-opt-plain %s --quench-insert-fake-quant="activations=#quench.uniform<u8,asymmetric,token>" 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not quench-opt-plain %s --quench-insert-fake-quant="skip=*" 2>&1 | FileCheck %s --check-prefix=REGEX

// Two readers of one activation share its codes; a weight is rounded once.
// CHECK-LABEL: func.func @linear(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
// CHECK: %[[S:.*]] = quench.dynamic_scale %[[X]] by(#quench.uniform<i4, token>)
// CHECK: %[[Q:.*]] = quench.fake_quant %[[X]], %[[S]] by(#quench.uniform<i4, token>)
// CHECK-NOT: quench.fake_quant
// CHECK: %[[WIDE:.*]] = quench.cast {{.*}} -> tensor<6x8xf64>
// CHECK: %[[T:.*]] = quench.quant_scale %[[WIDE]] by(#quench.uniform<i4, axis = 0>)
// CHECK: %[[C:.*]] = quench.quantize %[[WIDE]], %[[T]] by(#quench.uniform<i4, axis = 0>)
// CHECK: %[[D:.*]] = quench.dequantize %[[C]], %[[T]] by(#quench.uniform<i4, axis = 0>)
// CHECK: %[[V:.*]] = quench.cast %[[D]] : (tensor<6x8xf64>) -> tensor<6x8xf32>
// CHECK: quench.linear %[[Q]], %[[V]]
// CHECK: quench.linear %[[Q]],
// GROUPS-LABEL: func.func @linear(
// GROUPS-NOT: quench.fake_quant
// GROUPS: quench.quant_scale {{.*}} -> tensor<6x2xf64>
// REMARK: quench.linear stays as it is: its name matches 'head'
// REMARK: quench.linear stays as it is: weight in operand 1 is not known when the model is compiled
// REMARK: quench.causal_conv1d stays as it is: no scale of #quench.uniform<i4, token> is the same within a sum over activation in operand 0
// FORMAT: error: 'weights': found 'i99', expected none, codes such as i4, or a quantizer
// ZERO: error: 'activations': found '#quench.uniform<u8,asymmetric,token>', expected none, codes such as i4, or a quantizer without zero points
// REGEX: error: 'skip': '*' is no regular expression
func.func @linear(%x: tensor<?x8xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>) {
  %w = quench.param <"model"::"w"> : tensor<6x8xf32>
  %v = quench.param <"model"::"v"> : tensor<6x8xf32>
  %0 = quench.linear %x, %w : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("a")
  %1 = quench.linear %x, %v : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("b")
  return %0, %1 : tensor<?x6xf32>, tensor<?x6xf32>
}

// CHECK-LABEL: func.func @skipped(
// CHECK-NOT: quench.fake_quant
func.func @skipped(%x: tensor<?x8xf32>) -> tensor<?x6xf32> {
  %w = quench.param <"model"::"w"> : tensor<6x8xf32>
  %0 = quench.linear %x, %w : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("lm_head")
  return %0 : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @unknown(
// CHECK-NOT: quench.fake_quant
func.func @unknown(%x: tensor<?x8xf32>, %w: tensor<6x8xf32>) -> tensor<?x6xf32> {
  %0 = quench.linear %x, %w : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("c")
  return %0 : tensor<?x6xf32>
}

// A scale for each token varies within the sums of a convolution over tokens.
// CHECK-LABEL: func.func @convolution(
// CHECK-NOT: quench.fake_quant
func.func @convolution(%x: tensor<?x?x8xf32>, %conv: tensor<?x3x8xf32>) -> tensor<?x?x8xf32> {
  %w = quench.param <"model"::"c"> : tensor<8x4xf32>
  %0, %1 = quench.causal_conv1d %x, %w state %conv : (tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<?x3x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>) loc("d")
  return %0 : tensor<?x?x8xf32>
}
