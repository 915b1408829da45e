// Errors of public code, and easy misreadings of it, on a Mamba layer. The twin has
// the smooth-fused gate, the scales of the state, of the rank of delta and of the
// convolution, and the online Hadamard; its states are in another basis.

// RUN: %mutants %s %s
// PIPELINE: use twin
// MUTANT: [MambaQuant] scales the weight after its Hadamard :: exchange quench.rotate where=out_proj
// MUTANT: [MambaQuant] keeps one of the rotations of the layer before :: set quench.rotate rotation #quench.random_hadamard<4,seed=2> where=dt_proj
// MUTANT: [MambaQuant] rotates the map into the rank the wrong way :: set quench.rotate rotation #quench.random_hadamard<4,seed=1,transposed> where=x_proj.dt
// MUTANT: smooths the gate and leaves its activation :: omit quench.silu 1 #1
// MUTANT: scales the state going in only :: drop quench.channel_scale where=x_proj.c
// MUTANT: scales before a convolution that is as it was :: drop quench.channel_scale where=conv1d
// MUTANT: scales a rank that is rotated already :: exchange quench.rotate where=dt_proj
// MUTANT: leaves a reader of the norm out :: drop quench.channel_scale #0 where=in_proj.z
// MUTANT: decays the state along its scale too :: wrap quench.param quench.rotate {axis=1:i64,rotation=#quench.hadamard<4>} where=A_log

module attributes {quench.symbols = {batch = [1], sequence = [1]}} {
  func.func @f(%x: tensor<?x?x8xf64> {quench.name = "x", quench.dims = ["batch", "sequence"]},
               %conv0: tensor<?x3x12xf64> {quench.name = "conv", quench.dims = ["batch"], quench.role = "state"},
               %scan0: tensor<?x12x4xf64> {quench.name = "scan", quench.dims = ["batch"], quench.role = "state"})
      -> (tensor<?x?x8xf64> {quench.name = "y", quench.dims = ["batch", "sequence"]},
          tensor<?x3x12xf64> {quench.name = "conv", quench.dims = ["batch"], quench.state = "conv"},
          tensor<?x12x4xf64> {quench.name = "scan", quench.dims = ["batch"], quench.state = "scan"})
      attributes {quench.entry} {
    %g = quench.param <"model"::"norm.weight"> : tensor<8xf64>
    %wu = quench.param <"model"::"in_proj.u"> : tensor<12x8xf64>
    %wz = quench.param <"model"::"in_proj.z"> : tensor<12x8xf64>
    %taps = quench.param <"model"::"conv1d.weight"> : tensor<12x4xf64>
    %cb = quench.param <"model"::"conv1d.bias"> : tensor<12xf64>
    %wt = quench.param <"model"::"x_proj.dt"> : tensor<4x12xf64>
    %wb = quench.param <"model"::"x_proj.b"> : tensor<4x12xf64>
    %wc = quench.param <"model"::"x_proj.c"> : tensor<4x12xf64>
    %dt = quench.param <"model"::"dt_proj.weight"> : tensor<12x4xf64>
    %db = quench.param <"model"::"dt_proj.bias"> : tensor<12xf64>
    %al = quench.param <"model"::"A_log"> : tensor<12x4xf64>
    %d = quench.param <"model"::"D"> : tensor<12xf64>
    %wo = quench.param <"model"::"out_proj.weight"> : tensor<8x12xf64>
    %n = quench.rms_norm %x gamma %g eps 1.0e-6
        : (tensor<?x?x8xf64>, tensor<8xf64>) -> tensor<?x?x8xf64>
    %u0 = quench.linear %n, %wu
        : (tensor<?x?x8xf64>, tensor<12x8xf64>) -> tensor<?x?x12xf64>
    %z = quench.linear %n, %wz
        : (tensor<?x?x8xf64>, tensor<12x8xf64>) -> tensor<?x?x12xf64>
    %u1, %conv1 = quench.causal_conv1d %u0, %taps bias %cb state %conv0
        : (tensor<?x?x12xf64>, tensor<12x4xf64>, tensor<12xf64>, tensor<?x3x12xf64>)
        -> (tensor<?x?x12xf64>, tensor<?x3x12xf64>)
    %u2 = quench.silu %u1 : tensor<?x?x12xf64>
    %t0 = quench.linear %u2, %wt
        : (tensor<?x?x12xf64>, tensor<4x12xf64>) -> tensor<?x?x4xf64>
    %b = quench.linear %u2, %wb
        : (tensor<?x?x12xf64>, tensor<4x12xf64>) -> tensor<?x?x4xf64>
    %c = quench.linear %u2, %wc
        : (tensor<?x?x12xf64>, tensor<4x12xf64>) -> tensor<?x?x4xf64>
    %t1 = quench.linear %t0, %dt bias %db
        : (tensor<?x?x4xf64>, tensor<12x4xf64>, tensor<12xf64>) -> tensor<?x?x12xf64>
    %t2 = quench.softplus %t1 : tensor<?x?x12xf64>
    %a0 = quench.exp %al : tensor<12x4xf64>
    %a1 = quench.neg %a0 : tensor<12x4xf64>
    %y0, %scan1 = quench.selective_scan %u2 delta %t2 a %a1 b %b c %c d %d state %scan0
        : (tensor<?x?x12xf64>, tensor<?x?x12xf64>, tensor<12x4xf64>, tensor<?x?x4xf64>,
           tensor<?x?x4xf64>, tensor<12xf64>, tensor<?x12x4xf64>)
        -> (tensor<?x?x12xf64>, tensor<?x12x4xf64>)
    %y2 = quench.gated %z, %y0 by silu : tensor<?x?x12xf64>
    %y3 = quench.linear %y2, %wo
        : (tensor<?x?x12xf64>, tensor<8x12xf64>) -> tensor<?x?x8xf64>
    %y4 = quench.add %x, %y3 residual : (tensor<?x?x8xf64>, tensor<?x?x8xf64>) -> tensor<?x?x8xf64>
    return %y4, %conv1, %scan1 : tensor<?x?x8xf64>, tensor<?x3x12xf64>, tensor<?x12x4xf64>
  }
  module @twin {
    func.func @f(%x: tensor<?x?x8xf64> {quench.name = "x", quench.dims = ["batch", "sequence"]},
                 %conv0: tensor<?x3x12xf64> {quench.name = "conv", quench.dims = ["batch"], quench.role = "state"},
                 %scan0: tensor<?x12x4xf64> {quench.name = "scan", quench.dims = ["batch"], quench.role = "state"})
        -> (tensor<?x?x8xf64> {quench.name = "y", quench.dims = ["batch", "sequence"]},
            tensor<?x3x12xf64> {quench.name = "conv", quench.dims = ["batch"], quench.state = "conv"},
            tensor<?x12x4xf64> {quench.name = "scan", quench.dims = ["batch"], quench.state = "scan"})
        attributes {quench.entry} {
      %g = quench.param <"model"::"norm.weight"> : tensor<8xf64>
      %wu = quench.param <"model"::"in_proj.u"> : tensor<12x8xf64>
      %wz = quench.param <"model"::"in_proj.z"> : tensor<12x8xf64>
      %taps = quench.param <"model"::"conv1d.weight"> : tensor<12x4xf64>
      %cb = quench.param <"model"::"conv1d.bias"> : tensor<12xf64>
      %wt = quench.param <"model"::"x_proj.dt"> : tensor<4x12xf64>
      %wb = quench.param <"model"::"x_proj.b"> : tensor<4x12xf64>
      %wc = quench.param <"model"::"x_proj.c"> : tensor<4x12xf64>
      %dt = quench.param <"model"::"dt_proj.weight"> : tensor<12x4xf64>
      %db = quench.param <"model"::"dt_proj.bias"> : tensor<12xf64>
      %al = quench.param <"model"::"A_log"> : tensor<12x4xf64>
      %d = quench.param <"model"::"D"> : tensor<12xf64>
      %wo = quench.param <"model"::"out_proj.weight"> : tensor<8x12xf64>
      %s1 = quench.param <"model"::"scale.s1"> : tensor<8xf64>
      %s2 = quench.param <"model"::"scale.s2"> : tensor<12xf64>
      %s4 = quench.param <"model"::"scale.s4"> : tensor<4xf64>
      %s5 = quench.param <"model"::"scale.s5"> : tensor<4xf64>
      %s7 = quench.param <"model"::"scale.s7"> : tensor<12xf64>
      %p1 = quench.channel_scale %g, %s1 axis 0 inverse
          : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %p2 = quench.channel_scale %wu, %s1 axis 1
          : (tensor<12x8xf64>, tensor<8xf64>) -> tensor<12x8xf64>
      %p3 = quench.channel_scale %wz, %s1 axis 1
          : (tensor<12x8xf64>, tensor<8xf64>) -> tensor<12x8xf64>
      %p4 = quench.channel_scale %p3, %s2 axis 0 inverse
          : (tensor<12x8xf64>, tensor<12xf64>) -> tensor<12x8xf64>
      %p5 = quench.channel_scale %wo, %s2 axis 1
          : (tensor<8x12xf64>, tensor<12xf64>) -> tensor<8x12xf64>
      %p6 = quench.rotate %p5 axis 1 by(#quench.hadamard<12>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
      %p7 = quench.channel_scale %wb, %s4 axis 0 inverse
          : (tensor<4x12xf64>, tensor<4xf64>) -> tensor<4x12xf64>
      %p8 = quench.channel_scale %wc, %s4 axis 0
          : (tensor<4x12xf64>, tensor<4xf64>) -> tensor<4x12xf64>
      %p9 = quench.channel_scale %wt, %s5 axis 0 inverse
          : (tensor<4x12xf64>, tensor<4xf64>) -> tensor<4x12xf64>
      %p10 = quench.rotate %p9 axis 0 by(#quench.random_hadamard<4, seed = 1>) : (tensor<4x12xf64>) -> tensor<4x12xf64>
      %p11 = quench.channel_scale %dt, %s5 axis 1
          : (tensor<12x4xf64>, tensor<4xf64>) -> tensor<12x4xf64>
      %p12 = quench.rotate %p11 axis 1 by(#quench.random_hadamard<4, seed = 1>) : (tensor<12x4xf64>) -> tensor<12x4xf64>
      %p13 = quench.channel_scale %p2, %s7 axis 0 inverse
          : (tensor<12x8xf64>, tensor<12xf64>) -> tensor<12x8xf64>
      %p14 = quench.channel_scale %taps, %s7 axis 0
          : (tensor<12x4xf64>, tensor<12xf64>) -> tensor<12x4xf64>
      %n = quench.rms_norm %x gamma %p1 eps 1.0e-6
          : (tensor<?x?x8xf64>, tensor<8xf64>) -> tensor<?x?x8xf64>
      %u0 = quench.linear %n, %p13
          : (tensor<?x?x8xf64>, tensor<12x8xf64>) -> tensor<?x?x12xf64>
      %z = quench.linear %n, %p4
          : (tensor<?x?x8xf64>, tensor<12x8xf64>) -> tensor<?x?x12xf64>
      %u1, %conv1 = quench.causal_conv1d %u0, %p14 bias %cb state %conv0
          : (tensor<?x?x12xf64>, tensor<12x4xf64>, tensor<12xf64>, tensor<?x3x12xf64>)
          -> (tensor<?x?x12xf64>, tensor<?x3x12xf64>)
      %u2 = quench.silu %u1 : tensor<?x?x12xf64>
      %t0 = quench.linear %u2, %p10
          : (tensor<?x?x12xf64>, tensor<4x12xf64>) -> tensor<?x?x4xf64>
      %b = quench.linear %u2, %p7
          : (tensor<?x?x12xf64>, tensor<4x12xf64>) -> tensor<?x?x4xf64>
      %c = quench.linear %u2, %p8
          : (tensor<?x?x12xf64>, tensor<4x12xf64>) -> tensor<?x?x4xf64>
      %t1 = quench.linear %t0, %p12 bias %db
          : (tensor<?x?x4xf64>, tensor<12x4xf64>, tensor<12xf64>) -> tensor<?x?x12xf64>
      %t2 = quench.softplus %t1 : tensor<?x?x12xf64>
      %a0 = quench.exp %al : tensor<12x4xf64>
      %a1 = quench.neg %a0 : tensor<12x4xf64>
      %y0, %scan1 = quench.selective_scan %u2 delta %t2 a %a1 b %b c %c d %d state %scan0
          : (tensor<?x?x12xf64>, tensor<?x?x12xf64>, tensor<12x4xf64>, tensor<?x?x4xf64>,
             tensor<?x?x4xf64>, tensor<12xf64>, tensor<?x12x4xf64>)
          -> (tensor<?x?x12xf64>, tensor<?x12x4xf64>)
      %z1 = quench.silu %z scale %s2 : tensor<12xf64> : tensor<?x?x12xf64>
      %y1 = quench.mul %y0, %z1 : (tensor<?x?x12xf64>, tensor<?x?x12xf64>) -> tensor<?x?x12xf64>
      %y2 = quench.online_hadamard %y1 by(#quench.hadamard<12>) : tensor<?x?x12xf64>
      %y3 = quench.linear %y2, %p6
          : (tensor<?x?x12xf64>, tensor<8x12xf64>) -> tensor<?x?x8xf64>
      %y4 = quench.add %x, %y3 residual : (tensor<?x?x8xf64>, tensor<?x?x8xf64>) -> tensor<?x?x8xf64>
      return %y4, %conv1, %scan1 : tensor<?x?x8xf64>, tensor<?x3x12xf64>, tensor<?x12x4xf64>
    }
  }
}
