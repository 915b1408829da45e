module attributes {quench.symbols = {batch = [1], tokens = [1]}} {
  func.func @f(%x: tensor<?x?x8xf32> {quench.name = "x", quench.dims = ["batch", "tokens"]})
      -> (tensor<?x?x8xf32> {quench.name = "y", quench.dims = ["batch", "tokens"]}) attributes {quench.entry} {
    %s = quench.fill 0.25 : tensor<f32>
    %w = quench.noise seed 1 : tensor<8x8xf32>
    %q = quench.fake_quant %x, %s by(#quench.uniform<i4>) : (tensor<?x?x8xf32>, tensor<f32>) -> tensor<?x?x8xf32>
    %y = quench.linear %q, %w : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32> loc("up")
    return %y : tensor<?x?x8xf32>
  }
}
