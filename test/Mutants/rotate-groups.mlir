// Wrong rotations of grouped heads, each group with a matrix of its own.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: builtin.module(quench-rotate-pair{policy=womi sites=attn.v})
// CHECK: twin:
// MUTANT: heads read the groups in turn :: swap quench.concat 1 2
// MUTANT: all heads read the first group :: set quench.slice begin 0; set quench.slice end 1
// MUTANT: values are rotated the other way :: toggle quench.rotate_by transposed where=attn.v
// MUTANT: the bias of the values is forgotten :: drop quench.rotate_by where=attn.v.bias
// CHECK-COUNT-4: rejected:

module {
  func.func @f(%ids: tensor<2x5xi64> {quench.name = "ids", quench.range = array<i64: 0, 11>})
      -> (tensor<2x11xf32> {quench.name = "logits"})
      attributes {quench.entry} {
    %table = quench.param <"model"::"wte"> : tensor<11x16xf32>
    %places = quench.param <"model"::"wpe"> : tensor<5x16xf32>
    %cls = quench.param <"model"::"cls"> : tensor<1x16xf32>
    %wq = quench.param <"model"::"attn.q.weight"> : tensor<16x16xf32>
    %bq = quench.param <"model"::"attn.q.bias"> : tensor<16xf32>
    %wk = quench.param <"model"::"attn.k.weight"> : tensor<8x16xf32>
    %bk = quench.param <"model"::"attn.k.bias"> : tensor<8xf32>
    %wv = quench.param <"model"::"attn.v.weight"> : tensor<8x16xf32>
    %bv = quench.param <"model"::"attn.v.bias"> : tensor<8xf32>
    %wo = quench.param <"model"::"attn.o.weight"> : tensor<16x16xf32>
    %bo = quench.param <"model"::"attn.o.bias"> : tensor<16xf32>
    %wu = quench.param <"model"::"mlp.up.weight"> : tensor<24x16xf32>
    %wd = quench.param <"model"::"mlp.down.weight"> : tensor<16x24xf32>
    %bd = quench.param <"model"::"mlp.down.bias"> : tensor<16xf32>
    %0 = quench.embedding %ids, %table
        : (tensor<2x5xi64>, tensor<11x16xf32>) -> tensor<2x5x16xf32> loc("wte")
    %1 = quench.add %0, %places
        : (tensor<2x5x16xf32>, tensor<5x16xf32>) -> tensor<2x5x16xf32> loc("wpe")
    %2 = quench.prepend %cls to %1
        : (tensor<2x5x16xf32>, tensor<1x16xf32>) -> tensor<2x6x16xf32> loc("cls")
    %3 = quench.rms_norm %2 eps 1.0e-5
        : (tensor<2x6x16xf32>) -> tensor<2x6x16xf32> loc("norm_1")
    %q0 = quench.linear %3, %wq bias %bq
        : (tensor<2x6x16xf32>, tensor<16x16xf32>, tensor<16xf32>) -> tensor<2x6x16xf32> loc("attn.q")
    %k0 = quench.linear %3, %wk bias %bk
        : (tensor<2x6x16xf32>, tensor<8x16xf32>, tensor<8xf32>) -> tensor<2x6x8xf32> loc("attn.k")
    %v0 = quench.linear %3, %wv bias %bv
        : (tensor<2x6x16xf32>, tensor<8x16xf32>, tensor<8xf32>) -> tensor<2x6x8xf32> loc("attn.v")
    %q1 = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [2, 6, 4, 4]
        : tensor<2x6x16xf32> into tensor<2x6x4x4xf32>
    %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [2, 6, 2, 4]
        : tensor<2x6x8xf32> into tensor<2x6x2x4xf32>
    %v1 = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [2, 6, 2, 4]
        : tensor<2x6x8xf32> into tensor<2x6x2x4xf32>
    %4 = quench.attention %q1, %k1, %v1 scale 0.5 causal
        : (tensor<2x6x4x4xf32>, tensor<2x6x2x4xf32>, tensor<2x6x2x4xf32>) -> tensor<2x6x4x4xf32> loc("attn")
    %5 = tensor.collapse_shape %4 [[0], [1], [2, 3]]
        : tensor<2x6x4x4xf32> into tensor<2x6x16xf32>
    %6 = quench.linear %5, %wo bias %bo
        : (tensor<2x6x16xf32>, tensor<16x16xf32>, tensor<16xf32>) -> tensor<2x6x16xf32> loc("attn.o")
    %7 = quench.add %2, %6 residual
        : (tensor<2x6x16xf32>, tensor<2x6x16xf32>) -> tensor<2x6x16xf32> loc("attn")
    %8 = quench.rms_norm %7 eps 1.0e-5
        : (tensor<2x6x16xf32>) -> tensor<2x6x16xf32> loc("norm_2")
    %9 = quench.linear %8, %wu
        : (tensor<2x6x16xf32>, tensor<24x16xf32>) -> tensor<2x6x24xf32> loc("mlp.up")
    %10 = quench.gelu %9 by erf : tensor<2x6x24xf32> loc("mlp")
    %11 = quench.linear %10, %wd bias %bd
        : (tensor<2x6x24xf32>, tensor<16x24xf32>, tensor<16xf32>) -> tensor<2x6x16xf32> loc("mlp.down")
    %12 = quench.add %7, %11 residual
        : (tensor<2x6x16xf32>, tensor<2x6x16xf32>) -> tensor<2x6x16xf32> loc("mlp")
    %13 = quench.rms_norm %12 eps 1.0e-5
        : (tensor<2x6x16xf32>) -> tensor<2x6x16xf32> loc("norm_f")
    %14 = quench.pool %13 by mean
        : (tensor<2x6x16xf32>) -> tensor<2x16xf32> loc("pool")
    %15 = quench.linear %14, %table
        : (tensor<2x16xf32>, tensor<11x16xf32>) -> tensor<2x11xf32> loc("head")
    return %15 : tensor<2x11xf32>
  }
}
