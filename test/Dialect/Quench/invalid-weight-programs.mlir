// RUN: quench-opt-plain %s -verify-diagnostics -split-input-file

// expected-error @below {{no Hadamard matrix of order 14 is known here; the largest order that divides it is 2}}
#r = #quench.hadamard<14>

// -----

// expected-error @below {{no Hadamard matrix of order 92 is known here; the largest order that divides it is 4}}
#r = #quench.random_hadamard<92, seed = 1>

// -----

// expected-error @below {{no Hadamard matrix of order -4 is known here, the largest is of 16777216}}
#r = #quench.hadamard<-4>

// -----

// expected-error @below {{expected an order from 1 to 16384, found 0}}
#r = #quench.random_orthogonal<0, seed = 1>

// -----

// expected-error @below {{expected 'transposed'}}
#r = #quench.hadamard<4, seed = 1>

// -----

func.func @f(%w: tensor<4x6xf64>, %s: tensor<4xf64>) {
  // expected-error @below {{'quench.channel_scale' op expected scale of shape [6], found 'tensor<4xf64>'}}
  %0 = quench.channel_scale %w, %s axis 1 : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<4x6xf64>
  return
}

// -----

func.func @f(%w: tensor<4x6xf64>, %s: tensor<4xf64>) {
  // expected-error @below {{'quench.channel_scale' op expected axis below 2, found 2}}
  %0 = quench.channel_scale %w, %s axis 2 : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<4x6xf64>
  return
}

// -----

func.func @f(%w: tensor<4x6xf64>, %s: tensor<6xf32>) {
  // expected-error @below {{'quench.channel_scale' op expected scale of element type 'f64', found 'tensor<6xf32>'}}
  %0 = quench.channel_scale %w, %s axis 1 : (tensor<4x6xf64>, tensor<6xf32>) -> tensor<4x6xf64>
  return
}

// -----

func.func @f(%w: tensor<4x6xbf16>, %s: tensor<6xf32>) {
  // expected-error @below {{'quench.channel_scale' op operand #0 must be ranked tensor of 32-bit float or 64-bit float values}}
  %0 = quench.channel_scale %w, %s axis 1 : (tensor<4x6xbf16>, tensor<6xf32>) -> tensor<4x6xbf16>
  return
}

// -----

func.func @f(%w: tensor<?x6xf64>) {
  // expected-error @below {{'quench.center' op expected dimension 0 of input to be static, found 'tensor<?x6xf64>'}}
  %0 = quench.center %w axis 1 : (tensor<?x6xf64>) -> tensor<?x6xf64>
  return
}

// -----

func.func @f(%w: tensor<4x6xf64>) {
  // expected-error @below {{'quench.rotate' op expected dimension 1 to be a multiple of 4, found 6}}
  %0 = quench.rotate %w axis 1 by(#quench.hadamard<4>) : (tensor<4x6xf64>) -> tensor<4x6xf64>
  return
}

// -----

func.func @f(%w: tensor<4x6xf64>, %m: tensor<2x3xf64>) {
  // expected-error @below {{'quench.rotate_by' op expected a matrix of shape [n, n] or [blocks, n, n], found 'tensor<2x3xf64>'}}
  %0 = quench.rotate_by %w, %m axis 1 : (tensor<4x6xf64>, tensor<2x3xf64>) -> tensor<4x6xf64>
  return
}

// -----

func.func @f(%w: tensor<4x6xf64>, %m: tensor<4x4xf64>) {
  // expected-error @below {{'quench.rotate_by' op expected dimension 1 to be a multiple of 4, found 6}}
  %0 = quench.rotate_by %w, %m axis 1 : (tensor<4x6xf64>, tensor<4x4xf64>) -> tensor<4x6xf64>
  return
}

// -----

func.func @f(%w: tensor<4x6xf64>, %m: tensor<3x3x3xf64>) {
  // expected-error @below {{'quench.rotate_by' op expected 2 matrices of order 3 for dimension 1 of 6, found 3}}
  %0 = quench.rotate_by %w, %m axis 1 : (tensor<4x6xf64>, tensor<3x3x3xf64>) -> tensor<4x6xf64>
  return
}

// -----

func.func @f(%w: tensor<4x6xf64>, %z: tensor<4xf64>) {
  // expected-error @below {{'quench.contract' op expected the first dimension of rhs to be 6, the last of lhs, found 4}}
  %0 = quench.contract %w, %z : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<4xf64>
  return
}

// -----

func.func @f(%w: tensor<4x6xf64>, %z: tensor<4xf64>) {
  // expected-error @below {{'quench.shift' op expected offset}}
  %0 = quench.shift %w, %z : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<4x6xf64>
  return
}

// -----

// expected-error @below {{'quench.fill' op expected a static shape, found 'tensor<?xf64>'}}
%0 = quench.fill 1.0 : tensor<?xf64>

// -----

func.func @f(%w: tensor<4x6xf64>, %u: tensor<4xf64>) {
  // expected-error @below {{'quench.spectral_norm' op expected vector of shape [6], found 'tensor<4xf64>'}}
  %0 = quench.spectral_norm %w, %u : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<f64>
  return
}

// -----

func.func @f(%w: tensor<4x6xf32>) {
  // expected-error @below {{'quench.quant_scale' op expected a format without zero points, found #quench.uniform<u4, asymmetric>}}
  %0 = quench.quant_scale %w by(#quench.uniform<u4, asymmetric>) : (tensor<4x6xf32>) -> tensor<f32>
  return
}

// -----

func.func @f(%w: tensor<4x6xf32>, %s: tensor<4xf32>) {
  // expected-error @below {{'quench.quantize' op expected a zero point for #quench.uniform<u4, asymmetric, axis = 0>}}
  %0 = quench.quantize %w, %s by(#quench.uniform<u4, asymmetric, axis = 0>) : (tensor<4x6xf32>, tensor<4xf32>) -> tensor<4x6xi8>
  return
}

// -----

func.func @f(%w: tensor<4x6xi8>, %s: tensor<6xf32>) {
  // expected-error @below {{'quench.dequantize' op expected scale of shape [4], found 'tensor<6xf32>'}}
  %0 = quench.dequantize %w, %s by(#quench.uniform<i4, axis = 0>) : (tensor<4x6xi8>, tensor<6xf32>) -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%x: tensor<?x?xf32>) {
  // expected-error @below {{'quench.online_hadamard' op expected dimension 1 of input to be static}}
  %0 = quench.online_hadamard %x by(#quench.hadamard<4>) : tensor<?x?xf32>
  return
}

// -----

func.func @f(%x: tensor<?x6xf32>) {
  // expected-error @below {{'quench.online_hadamard' op expected the last dimension to be a multiple of 4, found 6}}
  %0 = quench.online_hadamard %x by(#quench.hadamard<4>) : tensor<?x6xf32>
  return
}

// -----

func.func @f(%x: tensor<?x6xf32>) {
  // expected-error @below {{'quench.dynamic_scale' op expected a format without zero points, found #quench.uniform<u8, asymmetric, token>}}
  %0 = quench.dynamic_scale %x by(#quench.uniform<u8, asymmetric, token>) : (tensor<?x6xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @f(%x: tensor<?x6xf32>) {
  // expected-error @below {{'quench.dynamic_parameters' op expected a format with zero points, found #quench.uniform<u8, token>}}
  %0, %1 = quench.dynamic_parameters %x by(#quench.uniform<u8, token>) : (tensor<?x6xf32>) -> (tensor<?xf32>, tensor<?xi8>)
  return
}

// -----

func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{'quench.dynamic_parameters' op expected scales that are not multiples of one for the whole tensor, found #quench.uniform<u4, asymmetric, token, group = 16, scale = e4m3>}}
  %0, %1 = quench.dynamic_parameters %x by(#quench.uniform<u4, asymmetric, token, group = 16, scale = e4m3>) : (tensor<?x16xf32>) -> (tensor<?x1xf32>, tensor<?x1xi8>)
  return
}

// -----

func.func @f(%x: tensor<?x6xf32>) {
  // expected-error @below {{'quench.dynamic_parameters' op}}
  %0, %1 = quench.dynamic_parameters %x by(#quench.uniform<u4, asymmetric, token>) : (tensor<?x6xf32>) -> (tensor<?xf32>, tensor<?xi4>)
  return
}
