// Two blocks: x + B silu(A x), then C of that.
module attributes {quench.symbols = {batch = [1]}, quench.archives = {m = "weights.safetensors"}} {
  func.func @f(%x: tensor<?x12xf64> {quench.name = "x", quench.dims = ["batch"]})
      -> (tensor<?x8xf64> {quench.name = "y", quench.dims = ["batch"]}) attributes {quench.entry} {
    %wa = quench.param <"m"::"a"> : tensor<16x12xf64>
    %wb = quench.param <"m"::"b"> : tensor<12x16xf64>
    %wc = quench.param <"m"::"c"> : tensor<8x12xf64>
    %a = quench.linear %x, %wa : (tensor<?x12xf64>, tensor<16x12xf64>) -> tensor<?x16xf64> loc("layers.0.a")
    %s = quench.silu %a : tensor<?x16xf64> loc("layers.0.silu")
    %b = quench.linear %s, %wb : (tensor<?x16xf64>, tensor<12x16xf64>) -> tensor<?x12xf64> loc("layers.0.b")
    %r = quench.add %x, %b residual : (tensor<?x12xf64>, tensor<?x12xf64>) -> tensor<?x12xf64> loc("layers.0.add")
    %c = quench.linear %r, %wc : (tensor<?x12xf64>, tensor<8x12xf64>) -> tensor<?x8xf64> loc("layers.1.c")
    return %c : tensor<?x8xf64>
  }
}
