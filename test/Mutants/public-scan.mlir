// One step of a selective scan with a scale of its state. MambaQuant adds log(1/s) to
// what the state decays by, which divides it by the scale: right for a first state
// that has none, and wrong for every later one.

// RUN: %mutants %s %s | FileCheck %s --implicit-check-not=PASSES
// PIPELINE: quench-scale-pair{policy=random kinds=product}
// CHECK: e-1{{[2-9]}} twin: quench-scale-pair
// MUTANT: [MambaQuant] adds log(1/s) at every step :: use every_step
// MUTANT: what reads the state is not scaled :: drop quench.channel_scale where=x_proj.c
// CHECK-COUNT-2: rejected:

module attributes {quench.symbols = {batch = [1]}} {
  func.func @f(%u: tensor<?x1x6xf64> {quench.name = "u", quench.dims = ["batch"]},
               %h0: tensor<?x6x4xf64> {quench.name = "h", quench.dims = ["batch"], quench.role = "state"})
      -> (tensor<?x1x6xf64> {quench.name = "y", quench.dims = ["batch"]},
          tensor<?x6x4xf64> {quench.name = "h", quench.dims = ["batch"], quench.state = "h"})
      attributes {quench.entry} {
    %wt = quench.param <"model"::"dt_proj.weight"> : tensor<6x6xf64>
    %wb = quench.param <"model"::"x_proj.b"> : tensor<4x6xf64>
    %wc = quench.param <"model"::"x_proj.c"> : tensor<4x6xf64>
    %al = quench.param <"model"::"A_log"> : tensor<6x4xf64>
    %d = quench.param <"model"::"D"> : tensor<6xf64>
    %t0 = quench.linear %u, %wt : (tensor<?x1x6xf64>, tensor<6x6xf64>) -> tensor<?x1x6xf64> loc("dt_proj")
    %t1 = quench.softplus %t0 : tensor<?x1x6xf64>
    %b = quench.linear %u, %wb : (tensor<?x1x6xf64>, tensor<4x6xf64>) -> tensor<?x1x4xf64> loc("x_proj.b")
    %c = quench.linear %u, %wc : (tensor<?x1x6xf64>, tensor<4x6xf64>) -> tensor<?x1x4xf64> loc("x_proj.c")
    %a0 = quench.exp %al : tensor<6x4xf64>
    %a1 = quench.neg %a0 : tensor<6x4xf64>
    %y, %h1 = quench.selective_scan %u delta %t1 a %a1 b %b c %c d %d state %h0
        : (tensor<?x1x6xf64>, tensor<?x1x6xf64>, tensor<6x4xf64>, tensor<?x1x4xf64>,
           tensor<?x1x4xf64>, tensor<6xf64>, tensor<?x6x4xf64>)
        -> (tensor<?x1x6xf64>, tensor<?x6x4xf64>)
    return %y, %h1 : tensor<?x1x6xf64>, tensor<?x6x4xf64>
  }
  module @every_step {
    func.func @f(%u: tensor<?x1x6xf64> {quench.name = "u", quench.dims = ["batch"]},
                 %h0: tensor<?x6x4xf64> {quench.name = "h", quench.dims = ["batch"], quench.role = "state"})
        -> (tensor<?x1x6xf64> {quench.name = "y", quench.dims = ["batch"]},
            tensor<?x6x4xf64> {quench.name = "h", quench.dims = ["batch"], quench.state = "h"})
        attributes {quench.entry} {
      %wt = quench.param <"model"::"dt_proj.weight"> : tensor<6x6xf64>
      %wb = quench.param <"model"::"x_proj.b"> : tensor<4x6xf64>
      %wc = quench.param <"model"::"x_proj.c"> : tensor<4x6xf64>
      %al = quench.param <"model"::"A_log"> : tensor<6x4xf64>
      %d = quench.param <"model"::"D"> : tensor<6xf64>
      %s = quench.param <"stats"::"x_proj.scale"> : tensor<4xf64>
      %ones = quench.fill 1.0 : tensor<4xf64>
      %r = quench.channel_scale %ones, %s axis 0 inverse : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
      %wb1 = quench.channel_scale %wb, %s axis 0 inverse : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<4x6xf64>
      %wc1 = quench.channel_scale %wc, %s axis 0 : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<4x6xf64>
      %h = quench.mul %h0, %r : (tensor<?x6x4xf64>, tensor<4xf64>) -> tensor<?x6x4xf64>
      %t0 = quench.linear %u, %wt : (tensor<?x1x6xf64>, tensor<6x6xf64>) -> tensor<?x1x6xf64> loc("dt_proj")
      %t1 = quench.softplus %t0 : tensor<?x1x6xf64>
      %b = quench.linear %u, %wb1 : (tensor<?x1x6xf64>, tensor<4x6xf64>) -> tensor<?x1x4xf64> loc("x_proj.b")
      %c = quench.linear %u, %wc1 : (tensor<?x1x6xf64>, tensor<4x6xf64>) -> tensor<?x1x4xf64> loc("x_proj.c")
      %a0 = quench.exp %al : tensor<6x4xf64>
      %a1 = quench.neg %a0 : tensor<6x4xf64>
      %y, %h1 = quench.selective_scan %u delta %t1 a %a1 b %b c %c d %d state %h
          : (tensor<?x1x6xf64>, tensor<?x1x6xf64>, tensor<6x4xf64>, tensor<?x1x4xf64>,
             tensor<?x1x4xf64>, tensor<6xf64>, tensor<?x6x4xf64>)
          -> (tensor<?x1x6xf64>, tensor<?x6x4xf64>)
      return %y, %h1 : tensor<?x1x6xf64>, tensor<?x6x4xf64>
    }
  }
}
