// RUN: quench-opt %s --quench-assign-formats=scheme=W8A8{attention=i8} --quench-materialize-quantizers --quench-legalize | FileCheck %s
// RUN: quench-opt-plain %s --quench-assign-formats=scheme=W8A8{attention=i8} --remarks-filter=quench-assign-formats -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Attention that reads a cache, or has a clipped softmax, keeps floats, whoever else has
// integers.
// REMARK: cached.query: {{.*}}quench.attention stays as it is: what it reads from a cache is multiplied as floats
// REMARK: cached.probabilities: {{.*}}what it reads from a cache is multiplied as floats
// REMARK: clipped.query: {{.*}}quench.attention stays as it is: its clipped softmax has a kernel of floats alone
// REMARK: clipped.probabilities: {{.*}}its clipped softmax has a kernel of floats alone

// CHECK-LABEL: func.func @whole
// CHECK: quench.integer_attention {{.*}} by(#quench.uniform<i8, sequence>) probabilities(#quench.uniform<u8, token>)
func.func @whole(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>, %v: tensor<?x?x2x8xf32>) -> tensor<?x?x4x8xf32> {
  %0 = quench.attention %q, %k, %v scale 0.5 full : (tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>) -> tensor<?x?x4x8xf32> loc("whole")
  return %0 : tensor<?x?x4x8xf32>
}

// CHECK-LABEL: func.func @cached
// CHECK-NOT: quench.fake_quant
// CHECK: quench.attention %
func.func @cached(%q: tensor<1x2x4x8xf32>, %c: tensor<1x4x2x8xf32>, %x: tensor<1x2x2x8xf32>, %at: i64) -> (tensor<1x2x4x8xf32>, tensor<1x4x2x8xf32>) {
  %0, %1 = quench.kv_cache %c, %x at %at : (tensor<1x4x2x8xf32>, tensor<1x2x2x8xf32>, i64) -> (tensor<1x4x2x8xf32>, tensor<1x?x2x8xf32>)
  %2 = quench.attention %q, %1, %1 scale 0.5 causal : (tensor<1x2x4x8xf32>, tensor<1x?x2x8xf32>, tensor<1x?x2x8xf32>) -> tensor<1x2x4x8xf32> loc("cached")
  return %2, %0 : tensor<1x2x4x8xf32>, tensor<1x4x2x8xf32>
}

// CHECK-LABEL: func.func @clipped
// CHECK-NOT: quench.fake_quant
// CHECK: quench.attention %
func.func @clipped(%q: tensor<?x?x4x8xf32>) -> tensor<?x?x4x8xf32> {
  %0 = quench.attention %q, %q, %q scale 0.5 full {gamma = -0.1 : f64, zeta = 1.0 : f64}
    : (tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>) -> tensor<?x?x4x8xf32> loc("clipped")
  return %0 : tensor<?x?x4x8xf32>
}
