// RUN: quench-opt %s --quench-lower-entry-points --split-input-file --verify-diagnostics

// expected-error@+1 {{result #0 is not a ranked tensor}}
func.func @scalar(%x: f32) -> f32 attributes {quench.entry} {
  return %x : f32
}

// -----

// expected-error@+1 {{is an entry point of more than one block}}
func.func @blocks(%x: tensor<4xf32>) -> tensor<4xf32> attributes {quench.entry} {
  cf.br ^bb1
^bb1:
  return %x : tensor<4xf32>
}
