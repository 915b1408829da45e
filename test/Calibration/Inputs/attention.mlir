module attributes {quench.symbols = {batch = [1], tokens = [1]}} {
  func.func @f(%x: tensor<?x?x8xf32> {quench.name = "x", quench.dims = ["batch", "tokens"]})
      -> (tensor<?x?x8xf32> {quench.name = "y", quench.dims = ["batch", "tokens"]}) attributes {quench.entry} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %batch = tensor.dim %x, %c0 : tensor<?x?x8xf32>
    %tokens = tensor.dim %x, %c1 : tensor<?x?x8xf32>
    %wq = quench.noise seed 1 : tensor<8x8xf32>
    %wk = quench.noise seed 2 : tensor<8x8xf32>
    %wv = quench.noise seed 3 : tensor<8x8xf32>
    %wo = quench.noise seed 4 : tensor<8x8xf32>
    %q = quench.linear %x, %wq : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32> loc("layers.0.attn.q")
    %k = quench.linear %x, %wk : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32> loc("layers.0.attn.k")
    %v = quench.linear %x, %wv : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32> loc("layers.0.attn.v")
    %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [%batch, %tokens, 2, 4] : tensor<?x?x8xf32> into tensor<?x?x2x4xf32>
    %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%batch, %tokens, 2, 4] : tensor<?x?x8xf32> into tensor<?x?x2x4xf32>
    %vh = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [%batch, %tokens, 2, 4] : tensor<?x?x8xf32> into tensor<?x?x2x4xf32>
    %ah = quench.attention %qh, %kh, %vh scale 0.5 causal
      : (tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>) -> tensor<?x?x2x4xf32> loc("layers.0.attn")
    %a = tensor.collapse_shape %ah [[0], [1], [2, 3]] : tensor<?x?x2x4xf32> into tensor<?x?x8xf32>
    %y = quench.linear %a, %wo : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32> loc("layers.0.attn.o")
    return %y : tensor<?x?x8xf32>
  }
}
