// An integer softmax is asked for by a rule or a scheme; operands of codes make it
// attention of integers.

// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{scheme={W8A8{attention=i8 softmax=log-int}}})" | FileCheck %s --check-prefix=ASSIGN
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{scheme={W8A8{attention=i8 softmax=log-int}}},quench-materialize-quantizers,quench-legalize)" | FileCheck %s
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{rules={*.probabilities=#quench.log<u3, zero = last> range=unit softmax=log-int}},quench-materialize-quantizers,quench-legalize)" | FileCheck %s --check-prefix=FLOATS
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{rules={*.probabilities=u8 softmax=float}})" | FileCheck %s --check-prefix=PLAIN
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={*.probabilities=u6 softmax=log-int}})" 2>&1 | FileCheck %s --check-prefix=BITS
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={*.probabilities=i8 softmax=log-int}})" 2>&1 | FileCheck %s --check-prefix=CODES
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={clipped.probabilities=u4 softmax=log-int}})" 2>&1 | FileCheck %s --check-prefix=CLIPPED
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={*.probabilities=u4 softmax=logint}})" 2>&1 | FileCheck %s --check-prefix=WORD
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={*.probabilities=u4 range=minmax softmax=log-int}})" 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{scheme={W8A8{softmax=logint attention=i8}}})" -o /dev/null 2>&1 | FileCheck %s --check-prefix=CHOICE

// BITS: error: {{.*}}is impossible at 'whole.probabilities': quench.attention stays as it is: #quench.log<u6, zero = extra> is not #quench.log of up to 4 bits with step 1, a code for 0 and one scale
// CODES: error: rule '*.probabilities=i8 softmax=log-int': found format 'i8', expected codes such as u4 for an integer softmax
// CLIPPED: is impossible at 'clipped.probabilities': quench.attention stays as it is: its clipped softmax is not made of integers
// WORD: error: no softmax 'logint'; did you mean 'log-int'?
// RANGE: error: found range 'minmax' beside softmax 'log-int', expected unit or none

// CHOICE: error: scheme 'W8A8': rule 3: no softmax 'logint'; did you mean 'log-int'?

// ASSIGN: probabilities = {format = #quench.log<u4, zero = extra>, site = "whole.probabilities", softmax = "log-int"}
// PLAIN: probabilities = {format = #quench.uniform<u8, token>, site = "whole.probabilities"}

// CHECK-LABEL: func.func @whole
// CHECK: quench.log_int_attention {{.*}} by(#quench.uniform<i8, sequence>) probabilities(#quench.log<u4, zero = extra>) step 6.250000e-02 mask
// FLOATS-LABEL: func.func @whole
// FLOATS: %[[P:.*]] = quench.log_int_probabilities %{{.*}} by(#quench.log<u3, zero = last>) step 6.250000e-02 mask
// FLOATS: quench.attention_values %[[P]]
func.func @whole(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>, %m: tensor<?x?xi64>) -> tensor<?x?x4x8xf32> {
  %0 = quench.attention %q, %k, %k mask %m scale 0.5 full : (tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?xi64>) -> tensor<?x?x4x8xf32> loc("whole")
  return %0 : tensor<?x?x4x8xf32>
}

// CHECK-LABEL: func.func @clipped
// CHECK-NOT: quench.fake_quant
// CHECK: quench.attention %
func.func @clipped(%q: tensor<?x?x4x8xf32>) -> tensor<?x?x4x8xf32> {
  %0 = quench.attention %q, %q, %q scale 0.5 full {gamma = -0.1 : f64, zeta = 1.0 : f64}
    : (tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>) -> tensor<?x?x4x8xf32> loc("clipped")
  return %0 : tensor<?x?x4x8xf32>
}
