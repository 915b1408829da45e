// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{rules={attn.probabilities=u8 range=unit;attn.query=i8}},quench-materialize-quantizers)" | FileCheck %s
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{rules={attn.probabilities=#quench.log<u4, step = 1 : 2, zero = last> range=percentile}},quench-materialize-quantizers)" | FileCheck %s --check-prefix=LOG
// RUN: quench-opt %s --quench-assign-formats="rules=attn.probabilities=u8" --quench-materialize-quantizers | FileCheck %s --check-prefix=ROWS
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={attn.probabilities=#quench.uniform<u8, asymmetric> range=unit}})" 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={attn.probabilities=#quench.uniform<u8, axis = 1> range=unit}})" 2>&1 | FileCheck %s --check-prefix=HEADS
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={attn.probabilities=#quench.uniform<u8, axis = 3>}})" 2>&1 | FileCheck %s --check-prefix=SUM
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{rules={attn.*=i8 roles=query|key|value|probabilities}},quench-materialize-quantizers)" | FileCheck %s --check-prefix=CODES

// ZERO: error: {{.*}}is impossible at 'attn.probabilities': {{.*}}#quench.uniform<u8, asymmetric> has zero points, which probabilities do not need
// HEADS: error: {{.*}}is impossible at 'attn.probabilities': {{.*}}a range from 0 to 1 is for one scale without zero points, not #quench.uniform<u8, axis = 1>
// SUM: error: {{.*}}is impossible at 'attn.probabilities': {{.*}}no scale of #quench.uniform<u8, axis = 3> is the same within a sum over its probabilities

// CHECK-LABEL: func.func @f(
// CHECK: %[[Q:.*]] = quench.fake_quant
// CHECK: %[[P:.*]] = quench.attention_probabilities %[[Q]], %[[K:.*]] scale 5.000000e-01 causal : (tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>) -> tensor<?x4x?x?xf32>
// CHECK: %[[S:.*]] = quench.fill {{.*}} : tensor<f32>
// CHECK: %[[F:.*]] = quench.fake_quant %[[P]], %[[S]] by(#quench.uniform<u8>)
// CHECK: %[[R:.*]] = quench.attention_values %[[F]], %[[K]] : (tensor<?x4x?x?xf32>, tensor<?x?x2x8xf32>) -> tensor<?x?x4x8xf32>
// CHECK-NOT: quench.attention %
// CHECK: return %[[R]]
// LOG: quench.param <"stats"::"attn.probabilities.quantiles">
// LOG: quench.fake_quant %{{.*}} by(#quench.log<u4, step = 1 : 2, zero = last>)
// ROWS: quench.dynamic_scale %{{.*}} by(#quench.uniform<u8, token>) : (tensor<?x4x?x?xf32>) -> tensor<?x4x?xf32>
// Values are summed over tokens, probabilities are not negative.
// CODES-DAG: quench.fake_quant %{{.*}} by(#quench.uniform<i8, token>) : (tensor<?x?x4x8xf32>, tensor<?x?x4xf32>)
// CODES-DAG: quench.fake_quant %{{.*}} by(#quench.uniform<i8, token>) : (tensor<?x?x2x8xf32>, tensor<?x?x2xf32>)
// CODES-DAG: quench.fake_quant %{{.*}} by(#quench.uniform<i8, sequence>) : (tensor<?x?x2x8xf32>, tensor<?x2xf32>)
// CODES: quench.attention_probabilities
// CODES: quench.fake_quant %{{.*}} by(#quench.uniform<u8, token>) : (tensor<?x4x?x?xf32>, tensor<?x4x?xf32>)
// CODES: quench.attention_values
func.func @f(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>) -> tensor<?x?x4x8xf32> {
  %r = quench.attention %q, %k, %k scale 0.5 causal : (tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>) -> tensor<?x?x4x8xf32> loc("attn")
  return %r : tensor<?x?x4x8xf32>
}
