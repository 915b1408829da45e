// RUN: quench-opt %s --quench-assign-formats=scheme=W8A8 | FileCheck %s
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{scheme=W8A8 rules={*.b.weight=#quench.uniform<i4, axis = 0>;re:.*query=i8}})" | FileCheck %s --check-prefix=RULES
// RUN: quench-opt %s --quench-assign-formats="scheme=W4A16{group=32} quantize-head" | FileCheck %s --check-prefix=HEAD
// RUN: quench-opt-plain %s --quench-assign-formats=scheme=W8A8 --remarks-filter=quench-assign-formats 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: quench-opt-plain %s --quench-assign-formats="scheme=W4A16{group=64}" --remarks-filter=quench-assign-formats 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not quench-opt-plain %s --quench-assign-formats=scheme=W8A9 2>&1 | FileCheck %s --check-prefix=SCHEME
// RUN: not quench-opt-plain %s --quench-assign-formats="rules=layer.c=i8" 2>&1 | FileCheck %s --check-prefix=SITE
// RUN: not quench-opt-plain %s --quench-assign-formats="rules=layer.a=i99" 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={re:.*=i8 roles=cache}})" 2>&1 | FileCheck %s --check-prefix=ROLE
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a=i8 roles=quer}})" 2>&1 | FileCheck %s --check-prefix=WORD
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a.input=#quench.uniform<i8, axis = 2>}})" 2>&1 | FileCheck %s --check-prefix=IMPOSSIBLE
// RUN: not quench-opt-plain %s --quench-assign-formats="rules=abc" 2>&1 | FileCheck %s --check-prefix=RULE
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{scheme={W8A8{static=true activations=u8}} rules={re:.*query=i8 range=mse}})" | FileCheck %s --check-prefix=STATIC
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{scheme={W8A8{range=moving}}})" | FileCheck %s --check-prefix=MOVING
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a=i8 range=minmx}})" 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{scheme={W8A8{static=yes}}})" 2>&1 | FileCheck %s --check-prefix=YES
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a=i8 scale=x}})" 2>&1 | FileCheck %s --check-prefix=KEY
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a.input=#quench.uniform<i8, token> static}})" 2>&1 | FileCheck %s --check-prefix=TOKEN
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a.input=#quench.small_float<e2m1, group = 16, scale = e4m3> static}})" 2>&1 | FileCheck %s --check-prefix=OUTER
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a.input=#quench.uniform<u8, asymmetric, token, group = 16, scale = e4m3>}})" 2>&1 | FileCheck %s --check-prefix=DYNAMIC

// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a.input=kmeans4}})" 2>&1 | FileCheck %s --check-prefix=LEARNED
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a=kmeans9}})" 2>&1 | FileCheck %s --check-prefix=BITS
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a=i8 group=0}})" 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: not quench-opt-plain %s --pass-pipeline="builtin.module(quench-assign-formats{rules={layer.a=#quench.uniform<i8> group=8}})" 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: quench-opt %s --pass-pipeline="builtin.module(quench-assign-formats{scheme={W4A16{weights=nf4 group=16}} rules={layer.b.weight=u4 group=8}})" | FileCheck %s --check-prefix=CODES

// LEARNED: error: {{.*}}is impossible at 'layer.a.input': quench.linear stays as it is: #quench.code_book<learned 4, token> is for weights alone: its numbers are learned from one
// BITS: error: rule 'layer.a=kmeans9': found format 'kmeans9', expected float
// SIZE: error: found group '0', expected a number from 1 on
// TWICE: error: found group '8' beside '#quench.uniform<i8>', which says groups itself
// CODES: quench.linear {{.*}}weight = {format = #quench.code_book<nf4, axis = 0, group = 16>
// CODES: quench.linear {{.*}}weight = {format = #quench.uniform<u4, asymmetric, axis = 0, group = 8>
// SCHEME: error: no scheme 'W8A9'; did you mean 'W8A8'?
// SITE: error: rule 'layer.c=i8' is about no site; did you mean 'layer.a' or 'layer.b'?
// FORMAT: error: rule 'layer.a=i99': found format 'i99', expected float, codes such as i8, u4, e4m3, nf4 or kmeans4, or the attribute of a quantizer
// ROLE: error: rule 're:.*=i8 roles=cache' is about no site: what its pattern matches has none of the roles cache
// WORD: error: no role 'quer'; did you mean 'query'?
// IMPOSSIBLE: error: {{.*}}is impossible at 'layer.a.input': quench.linear stays as it is: no scale of #quench.uniform<i8, axis = 2> is the same within a sum over its input
// RULE: error: found 'abc', expected SITES=FORMAT
// RANGE: error: no range 'minmx'; did you mean 'minmax'?
// YES: error: scheme 'W8A8': rule 2: found static 'yes', expected true or false
// KEY: error: found 'scale=x' behind the format of 'layer.a', expected group=, static, range=, method=, softmax= or roles=
// TOKEN: error: {{.*}}is impossible at 'layer.a.input': quench.linear stays as it is: statistics have no 'minmax' range for the parameters of #quench.uniform<i8, token>
// OUTER: error: {{.*}}is impossible at 'layer.a.input': {{.*}}scales of #quench.small_float<e2m1, group = 16, scale = e4m3> are multiples of one for the whole tensor, which no range gives
// DYNAMIC: error: {{.*}}is impossible at 'layer.a.input': {{.*}}no scales of #quench.uniform<u8, asymmetric, token, group = 16, scale = e4m3> are computed at run time

// A convolution has no scales of tokens; the head stays in floats.
// REMARK: layer.a.input: #quench.uniform<i8, token> by scheme W8A8, rule 2
// REMARK: conv.input: quench.causal_conv1d stays as it is: no scale of #quench.uniform<i8, token> is the same within a sum over its input
// REMARK: given.weight: quench.linear stays as it is: weight is not known when the model is compiled
// GROUP: layer.a.weight: #quench.uniform<i4, axis = 0, group = 32>, since groups of 64 do not divide rows of 32

// CHECK-LABEL: func.func @f(
// CHECK: quench.linear {{.*}} {quench.formats = {input = {format = #quench.uniform<i8, token>, site = "layer.a.input"}, weight = {format = #quench.uniform<i8, axis = 0>, site = "layer.a.weight"}}}
// CHECK: quench.linear {{.*}} {quench.formats = {input = {format = #quench.uniform<i8, token>, site = "layer.a.input"}, weight = {format = #quench.uniform<i8, axis = 0>, site = "layer.b.weight"}}}
// CHECK-NOT: quench.formats
// One scale for the tensor, also for the convolution.
// STATIC-LABEL: func.func @f(
// STATIC: query = {format = #quench.uniform<i8>, range = "mse", site = "attn.query"}
// STATIC: input = {format = #quench.uniform<u8, asymmetric>, range = "minmax", site = "layer.a.input"}, weight = {format = #quench.uniform<i8, axis = 0>, site = "layer.a.weight"}
// STATIC: quench.causal_conv1d {{.*}}format = #quench.uniform<u8, asymmetric>, range = "minmax"
// MOVING: input = {format = #quench.uniform<i8>, range = "moving", site = "layer.a.input"}
// RULES: quench.attention {{.*}} {quench.formats = {query = {format = #quench.uniform<i8, token>, site = "attn.query"}}}
// RULES: quench.linear {{.*}}weight = {format = #quench.uniform<i8, axis = 0>
// RULES: quench.linear {{.*}}weight = {format = #quench.uniform<i4, axis = 0>
// HEAD-COUNT-3: quench.linear {{.*}}weight = {format = #quench.uniform<i4, axis = 0, group = 32>
func.func @f(%x: tensor<?x?x32xf32>, %q: tensor<?x?x2x8xf32>) -> (tensor<?x?x6xf32>, tensor<?x?x2x8xf32>) {
  %w = quench.param <"model"::"w"> : tensor<32x32xf32>
  %v = quench.param <"model"::"v"> : tensor<32x32xf32>
  %h = quench.param <"model"::"h"> : tensor<6x32xf32>
  %c = quench.param <"model"::"c"> : tensor<32x4xf32>
  %r = quench.attention %q, %q, %q scale 0.5 causal : (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>) -> tensor<?x?x2x8xf32> loc("attn")
  %0 = quench.linear %x, %w : (tensor<?x?x32xf32>, tensor<32x32xf32>) -> tensor<?x?x32xf32> loc("layer.a")
  %1 = quench.linear %x, %v : (tensor<?x?x32xf32>, tensor<32x32xf32>) -> tensor<?x?x32xf32> loc("layer.b")
  %2 = quench.gated %0, %1 by silu : tensor<?x?x32xf32>
  %3, %4 = quench.causal_conv1d %2, %c : (tensor<?x?x32xf32>, tensor<32x4xf32>) -> (tensor<?x?x32xf32>, tensor<?x3x32xf32>) loc("conv")
  %5 = quench.silu %3 : tensor<?x?x32xf32>
  %6 = quench.linear %5, %h : (tensor<?x?x32xf32>, tensor<6x32xf32>) -> tensor<?x?x6xf32> loc("head")
  return %6, %r : tensor<?x?x6xf32>, tensor<?x?x2x8xf32>
}

func.func @given(%x: tensor<?x8xf32>, %w: tensor<6x8xf32>) -> tensor<?x6xf32> {
  %0 = quench.linear %x, %w : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32> loc("given")
  %1 = quench.relu %0 : tensor<?x6xf32>
  return %1 : tensor<?x6xf32>
}
