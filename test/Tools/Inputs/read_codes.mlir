// A layer of two linears, one of which reads codes.
module attributes {quench.archives = {model = "model.safetensors"}, quench.symbols = {batch = [1]}} {
  func.func @run(%x: tensor<?x5x8xf32> {quench.name = "x", quench.dims = ["batch"]})
      -> (tensor<?x5x16xf32> {quench.name = "states", quench.dims = ["batch"]}) attributes {quench.entry} {
    %codes = arith.constant dense<3> : tensor<8x8xi8>
    %scale = arith.constant dense<0.1> : tensor<8xf32>
    %w = quench.dequantize %codes, %scale by(#quench.uniform<i8, axis = 0>) : (tensor<8x8xi8>, tensor<8xf32>) -> tensor<8x8xf32>
    %a = quench.linear %x, %w : (tensor<?x5x8xf32>, tensor<8x8xf32>) -> tensor<?x5x8xf32> loc("same")
    %v = quench.param <"model"::"first.weight"> : tensor<16x8xf32>
    %b = quench.linear %a, %v : (tensor<?x5x8xf32>, tensor<16x8xf32>) -> tensor<?x5x16xf32> loc("same")
    %c = quench.gelu %b by tanh : tensor<?x5x16xf32>
    return %c : tensor<?x5x16xf32>
  }
}
