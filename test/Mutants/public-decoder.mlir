// Errors of public code that rotates and scales decoders, on one layer with grouped
// heads, rotary embedding, a bias, a gated product and an embedding that is the
// head too. The twin has every rewrite at once, written by hand.

// RUN: %mutants %s %s
// PIPELINE: use twin
// MUTANT: [OSTQuant] scales the weight after its Hadamard :: exchange quench.rotate #0 where=down_proj
// MUTANT: [OSTQuant] scales the channels of a rotary pair apart :: set quench.param ref #quench.ref<"model"::"other"> #1 where=s_qk
// MUTANT: [OSTQuant] scales rows of the output projection for columns :: set quench.channel_scale axis 0:i64 where=o_proj
// MUTANT: [QuaRot] centers the embeddings of a model with RMS norms :: wrap quench.rotate quench.center {axis=1:i64} #0 where=embed
// MUTANT: [QuaRot] takes 1e-5 for the epsilon of every model :: set quench.rms_norm eps 1.0e-5
// MUTANT: [QuaRot] leaves the bias of the values as it is :: drop quench.rotate where=v_proj.bias
// MUTANT: [QuaRot] rotates through a norm that has its gain :: exchange quench.rotate #0 where=gate_proj
// MUTANT: [QuaRot] folds the gain into an embedding that is tied :: take quench.embedding 1 from quench.linear#7
// MUTANT: [QuaRot] takes the matrix of the online side for its transpose :: set quench.rotate rotation #quench.hadamard<24,transposed> #0 where=down_proj
// MUTANT: [SmoothQuant] forgets one of the readers of a norm :: drop quench.channel_scale #0 where=k_proj
// MUTANT: rotates one side by another seed :: set quench.rotate rotation #quench.random_hadamard<16,seed=2> where=up_proj
// MUTANT: scales one side the wrong way :: toggle quench.channel_scale inverse where=up_proj #1
// MUTANT: leaves a Hadamard out :: drop quench.online_hadamard

module attributes {quench.symbols = {batch = [1], sequence = [1]}} {
  func.func @f(%ids: tensor<?x?xi64> {quench.name = "ids", quench.dims = ["batch", "sequence"], quench.range = array<i64: 0, 32>})
      -> (tensor<?x?x32xf64> {quench.name = "logits", quench.dims = ["batch", "sequence"]})
      attributes {quench.entry} {
    %embed = quench.param <"model"::"embed_tokens.weight"> : tensor<32x16xf64>
    %g1 = quench.param <"model"::"input_layernorm.weight"> : tensor<16xf64>
    %g2 = quench.param <"model"::"post_attention_layernorm.weight"> : tensor<16xf64>
    %g3 = quench.param <"model"::"norm.weight"> : tensor<16xf64>
    %wq = quench.param <"model"::"q_proj.weight"> : tensor<16x16xf64>
    %wk = quench.param <"model"::"k_proj.weight"> : tensor<8x16xf64>
    %wv = quench.param <"model"::"v_proj.weight"> : tensor<8x16xf64>
    %bv = quench.param <"model"::"v_proj.bias"> : tensor<8xf64>
    %wo = quench.param <"model"::"o_proj.weight"> : tensor<16x16xf64>
    %wg = quench.param <"model"::"gate_proj.weight"> : tensor<24x16xf64>
    %wu = quench.param <"model"::"up_proj.weight"> : tensor<24x16xf64>
    %wd = quench.param <"model"::"down_proj.weight"> : tensor<16x24xf64>
    %x0 = quench.embedding %ids, %embed
        : (tensor<?x?xi64>, tensor<32x16xf64>) -> tensor<?x?x16xf64>
    %n1 = quench.rms_norm %x0 gamma %g1 eps 1.0e-6
        : (tensor<?x?x16xf64>, tensor<16xf64>) -> tensor<?x?x16xf64>
    %q0 = quench.linear %n1, %wq
        : (tensor<?x?x16xf64>, tensor<16x16xf64>) -> tensor<?x?x16xf64>
    %k0 = quench.linear %n1, %wk
        : (tensor<?x?x16xf64>, tensor<8x16xf64>) -> tensor<?x?x8xf64>
    %v0 = quench.linear %n1, %wv bias %bv
        : (tensor<?x?x16xf64>, tensor<8x16xf64>, tensor<8xf64>) -> tensor<?x?x8xf64>
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %batch = tensor.dim %ids, %c0 : tensor<?x?xi64>
    %length = tensor.dim %ids, %c1 : tensor<?x?xi64>
    %at = quench.positions %ids dim 1 : tensor<?x?xi64> -> tensor<?xi64>
    %cos, %sin = quench.rope_table %at {element_type = f64, inv_freq = array<f64: 1.0, 0.01>}
        : (tensor<?xi64>) -> (tensor<?x2xf64>, tensor<?x2xf64>)
    %q1 = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [%batch, %length, 4, 4]
        : tensor<?x?x16xf64> into tensor<?x?x4x4xf64>
    %q2 = quench.rope %q1, %cos, %sin half
        : (tensor<?x?x4x4xf64>, tensor<?x2xf64>, tensor<?x2xf64>) -> tensor<?x?x4x4xf64>
    %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [%batch, %length, 2, 4]
        : tensor<?x?x8xf64> into tensor<?x?x2x4xf64>
    %k2 = quench.rope %k1, %cos, %sin half
        : (tensor<?x?x2x4xf64>, tensor<?x2xf64>, tensor<?x2xf64>) -> tensor<?x?x2x4xf64>
    %v1 = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [%batch, %length, 2, 4]
        : tensor<?x?x8xf64> into tensor<?x?x2x4xf64>
    %a0 = quench.attention %q2, %k2, %v1 scale 0.5 causal
        : (tensor<?x?x4x4xf64>, tensor<?x?x2x4xf64>, tensor<?x?x2x4xf64>) -> tensor<?x?x4x4xf64>
    %a1 = tensor.collapse_shape %a0 [[0], [1], [2, 3]] : tensor<?x?x4x4xf64> into tensor<?x?x16xf64>
    %a2 = quench.linear %a1, %wo
        : (tensor<?x?x16xf64>, tensor<16x16xf64>) -> tensor<?x?x16xf64>
    %x1 = quench.add %x0, %a2 residual : (tensor<?x?x16xf64>, tensor<?x?x16xf64>) -> tensor<?x?x16xf64>
    %n2 = quench.rms_norm %x1 gamma %g2 eps 1.0e-6
        : (tensor<?x?x16xf64>, tensor<16xf64>) -> tensor<?x?x16xf64>
    %g = quench.linear %n2, %wg
        : (tensor<?x?x16xf64>, tensor<24x16xf64>) -> tensor<?x?x24xf64>
    %u = quench.linear %n2, %wu
        : (tensor<?x?x16xf64>, tensor<24x16xf64>) -> tensor<?x?x24xf64>
    %m0 = quench.gated %g, %u by silu : tensor<?x?x24xf64>
    %m2 = quench.linear %m0, %wd
        : (tensor<?x?x24xf64>, tensor<16x24xf64>) -> tensor<?x?x16xf64>
    %x2 = quench.add %x1, %m2 residual : (tensor<?x?x16xf64>, tensor<?x?x16xf64>) -> tensor<?x?x16xf64>
    %n3 = quench.rms_norm %x2 gamma %g3 eps 1.0e-6
        : (tensor<?x?x16xf64>, tensor<16xf64>) -> tensor<?x?x16xf64>
    %y = quench.linear %n3, %embed
        : (tensor<?x?x16xf64>, tensor<32x16xf64>) -> tensor<?x?x32xf64>
    return %y : tensor<?x?x32xf64>
  }
  module @twin {
    func.func @f(%ids: tensor<?x?xi64> {quench.name = "ids", quench.dims = ["batch", "sequence"], quench.range = array<i64: 0, 32>})
        -> (tensor<?x?x32xf64> {quench.name = "logits", quench.dims = ["batch", "sequence"]})
        attributes {quench.entry} {
      %embed = quench.param <"model"::"embed_tokens.weight"> : tensor<32x16xf64>
      %g1 = quench.param <"model"::"input_layernorm.weight"> : tensor<16xf64>
      %g2 = quench.param <"model"::"post_attention_layernorm.weight"> : tensor<16xf64>
      %g3 = quench.param <"model"::"norm.weight"> : tensor<16xf64>
      %wq = quench.param <"model"::"q_proj.weight"> : tensor<16x16xf64>
      %wk = quench.param <"model"::"k_proj.weight"> : tensor<8x16xf64>
      %wv = quench.param <"model"::"v_proj.weight"> : tensor<8x16xf64>
      %bv = quench.param <"model"::"v_proj.bias"> : tensor<8xf64>
      %wo = quench.param <"model"::"o_proj.weight"> : tensor<16x16xf64>
      %wg = quench.param <"model"::"gate_proj.weight"> : tensor<24x16xf64>
      %wu = quench.param <"model"::"up_proj.weight"> : tensor<24x16xf64>
      %wd = quench.param <"model"::"down_proj.weight"> : tensor<16x24xf64>
      %s0 = quench.param <"model"::"s_qk"> : tensor<2xf64>
      %s1 = quench.param <"model"::"s_qk"> : tensor<2xf64>
      %sk = quench.concat %s0, %s1, %s0, %s1 axis 0
          : (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<8xf64>
      %sq = quench.concat %s0, %s1, %s0, %s1, %s0, %s1, %s0, %s1 axis 0
          : (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<16xf64>
      %sov = quench.param <"model"::"s_ov"> : tensor<4xf64>
      %sv = quench.concat %sov, %sov axis 0
          : (tensor<4xf64>, tensor<4xf64>) -> tensor<8xf64>
      %so = quench.concat %sov, %sov, %sov, %sov axis 0
          : (tensor<4xf64>, tensor<4xf64>, tensor<4xf64>, tensor<4xf64>) -> tensor<16xf64>
      %sud = quench.param <"model"::"s_ud"> : tensor<24xf64>
      %p1 = quench.rotate %embed axis 1 by(#quench.random_hadamard<16, seed = 1>) : (tensor<32x16xf64>) -> tensor<32x16xf64>
      %p2 = quench.channel_scale %wq, %g1 axis 1
          : (tensor<16x16xf64>, tensor<16xf64>) -> tensor<16x16xf64>
      %p3 = quench.channel_scale %p2, %sq axis 0 inverse
          : (tensor<16x16xf64>, tensor<16xf64>) -> tensor<16x16xf64>
      %p4 = quench.rotate %p3 axis 1 by(#quench.random_hadamard<16, seed = 1>) : (tensor<16x16xf64>) -> tensor<16x16xf64>
      %p5 = quench.channel_scale %wk, %g1 axis 1
          : (tensor<8x16xf64>, tensor<16xf64>) -> tensor<8x16xf64>
      %p6 = quench.channel_scale %p5, %sk axis 0
          : (tensor<8x16xf64>, tensor<8xf64>) -> tensor<8x16xf64>
      %p7 = quench.rotate %p6 axis 1 by(#quench.random_hadamard<16, seed = 1>) : (tensor<8x16xf64>) -> tensor<8x16xf64>
      %p8 = quench.channel_scale %wv, %g1 axis 1
          : (tensor<8x16xf64>, tensor<16xf64>) -> tensor<8x16xf64>
      %p9 = quench.channel_scale %p8, %sv axis 0 inverse
          : (tensor<8x16xf64>, tensor<8xf64>) -> tensor<8x16xf64>
      %p10 = quench.rotate %p9 axis 1 by(#quench.random_hadamard<16, seed = 1>) : (tensor<8x16xf64>) -> tensor<8x16xf64>
      %p11 = quench.rotate %p10 axis 0 by(#quench.hadamard<4>) : (tensor<8x16xf64>) -> tensor<8x16xf64>
      %p12 = quench.channel_scale %bv, %sv axis 0 inverse
          : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %p13 = quench.rotate %p12 axis 0 by(#quench.hadamard<4>) : (tensor<8xf64>) -> tensor<8xf64>
      %p14 = quench.channel_scale %wo, %so axis 1
          : (tensor<16x16xf64>, tensor<16xf64>) -> tensor<16x16xf64>
      %p15 = quench.rotate %p14 axis 1 by(#quench.hadamard<4>) : (tensor<16x16xf64>) -> tensor<16x16xf64>
      %p16 = quench.rotate %p15 axis 0 by(#quench.random_hadamard<16, seed = 1>) : (tensor<16x16xf64>) -> tensor<16x16xf64>
      %p17 = quench.channel_scale %wg, %g2 axis 1
          : (tensor<24x16xf64>, tensor<16xf64>) -> tensor<24x16xf64>
      %p18 = quench.rotate %p17 axis 1 by(#quench.random_hadamard<16, seed = 1>) : (tensor<24x16xf64>) -> tensor<24x16xf64>
      %p19 = quench.channel_scale %wu, %g2 axis 1
          : (tensor<24x16xf64>, tensor<16xf64>) -> tensor<24x16xf64>
      %p20 = quench.channel_scale %p19, %sud axis 0 inverse
          : (tensor<24x16xf64>, tensor<24xf64>) -> tensor<24x16xf64>
      %p21 = quench.rotate %p20 axis 1 by(#quench.random_hadamard<16, seed = 1>) : (tensor<24x16xf64>) -> tensor<24x16xf64>
      %p22 = quench.channel_scale %wd, %sud axis 1
          : (tensor<16x24xf64>, tensor<24xf64>) -> tensor<16x24xf64>
      %p23 = quench.rotate %p22 axis 1 by(#quench.hadamard<24>) : (tensor<16x24xf64>) -> tensor<16x24xf64>
      %p24 = quench.rotate %p23 axis 0 by(#quench.random_hadamard<16, seed = 1>) : (tensor<16x24xf64>) -> tensor<16x24xf64>
      %p25 = quench.channel_scale %embed, %g3 axis 1
          : (tensor<32x16xf64>, tensor<16xf64>) -> tensor<32x16xf64>
      %p26 = quench.rotate %p25 axis 1 by(#quench.random_hadamard<16, seed = 1>) : (tensor<32x16xf64>) -> tensor<32x16xf64>
      %x0 = quench.embedding %ids, %p1
          : (tensor<?x?xi64>, tensor<32x16xf64>) -> tensor<?x?x16xf64>
      %n1 = quench.rms_norm %x0 eps 1.0e-6 : (tensor<?x?x16xf64>) -> tensor<?x?x16xf64>
      %q0 = quench.linear %n1, %p4
          : (tensor<?x?x16xf64>, tensor<16x16xf64>) -> tensor<?x?x16xf64>
      %k0 = quench.linear %n1, %p7
          : (tensor<?x?x16xf64>, tensor<8x16xf64>) -> tensor<?x?x8xf64>
      %v0 = quench.linear %n1, %p11 bias %p13
          : (tensor<?x?x16xf64>, tensor<8x16xf64>, tensor<8xf64>) -> tensor<?x?x8xf64>
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %batch = tensor.dim %ids, %c0 : tensor<?x?xi64>
      %length = tensor.dim %ids, %c1 : tensor<?x?xi64>
      %at = quench.positions %ids dim 1 : tensor<?x?xi64> -> tensor<?xi64>
      %cos, %sin = quench.rope_table %at {element_type = f64, inv_freq = array<f64: 1.0, 0.01>}
          : (tensor<?xi64>) -> (tensor<?x2xf64>, tensor<?x2xf64>)
      %q1 = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [%batch, %length, 4, 4]
          : tensor<?x?x16xf64> into tensor<?x?x4x4xf64>
      %q2 = quench.rope %q1, %cos, %sin half
          : (tensor<?x?x4x4xf64>, tensor<?x2xf64>, tensor<?x2xf64>) -> tensor<?x?x4x4xf64>
      %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [%batch, %length, 2, 4]
          : tensor<?x?x8xf64> into tensor<?x?x2x4xf64>
      %k2 = quench.rope %k1, %cos, %sin half
          : (tensor<?x?x2x4xf64>, tensor<?x2xf64>, tensor<?x2xf64>) -> tensor<?x?x2x4xf64>
      %v1 = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [%batch, %length, 2, 4]
          : tensor<?x?x8xf64> into tensor<?x?x2x4xf64>
      %a0 = quench.attention %q2, %k2, %v1 scale 0.5 causal
          : (tensor<?x?x4x4xf64>, tensor<?x?x2x4xf64>, tensor<?x?x2x4xf64>) -> tensor<?x?x4x4xf64>
      %a1 = tensor.collapse_shape %a0 [[0], [1], [2, 3]] : tensor<?x?x4x4xf64> into tensor<?x?x16xf64>
      %a2 = quench.linear %a1, %p16
          : (tensor<?x?x16xf64>, tensor<16x16xf64>) -> tensor<?x?x16xf64>
      %x1 = quench.add %x0, %a2 residual : (tensor<?x?x16xf64>, tensor<?x?x16xf64>) -> tensor<?x?x16xf64>
      %n2 = quench.rms_norm %x1 eps 1.0e-6 : (tensor<?x?x16xf64>) -> tensor<?x?x16xf64>
      %g = quench.linear %n2, %p18
          : (tensor<?x?x16xf64>, tensor<24x16xf64>) -> tensor<?x?x24xf64>
      %u = quench.linear %n2, %p21
          : (tensor<?x?x16xf64>, tensor<24x16xf64>) -> tensor<?x?x24xf64>
      %m0 = quench.gated %g, %u by silu : tensor<?x?x24xf64>
      %m1 = quench.online_hadamard %m0 by(#quench.hadamard<24>) : tensor<?x?x24xf64>
      %m2 = quench.linear %m1, %p24
          : (tensor<?x?x24xf64>, tensor<16x24xf64>) -> tensor<?x?x16xf64>
      %x2 = quench.add %x1, %m2 residual : (tensor<?x?x16xf64>, tensor<?x?x16xf64>) -> tensor<?x?x16xf64>
      %n3 = quench.rms_norm %x2 eps 1.0e-6 : (tensor<?x?x16xf64>) -> tensor<?x?x16xf64>
      %y = quench.linear %n3, %p26
          : (tensor<?x?x16xf64>, tensor<32x16xf64>) -> tensor<?x?x32xf64>
      return %y : tensor<?x?x32xf64>
    }
  }
}
