// RUN: quench-opt-plain %s -verify-diagnostics -split-input-file

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected a format of integers, found #quench.log<u4>}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.log<u4>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.uniform<u8, token>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected a zero point for #quench.uniform<u8, asymmetric>}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<u8, asymmetric>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.uniform<u8, token>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected key with one scale along dimension 3, found #quench.uniform<i8, axis = 3>}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %t by(#quench.uniform<i8, axis = 3>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.uniform<u8, token>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<8xf32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected value with one scale along dimension 1, found #quench.uniform<i8, token>}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %u by(#quench.uniform<i8, token>) probabilities(#quench.uniform<u8, token>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<2x5x4xf32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected scale of shape [2x4], found 'tensor<f32>'}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8, sequence>) probabilities(#quench.uniform<u8, token>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op cannot take such probabilities: the numbers of #quench.uniform<i8, token> are neither unsigned integers nor a table from 0 on}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.uniform<i8, token>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected a scale of #quench.uniform<u8> to be given, found none}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.uniform<u8>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected a window with mask kind sliding and with no other}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.uniform<u8, token>) scale 0.25 sliding
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected an element type of f16, bf16 or f32, found 'f64'}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.uniform<u8, token>) scale 0.25 full {element_type = f64}
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf64>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected a scale of #quench.uniform<u8, token> to be computed, found one}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities scale %s by(#quench.uniform<u8, token>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op cannot take such probabilities: #quench.uniform<u8, asymmetric> has zero points}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities scale %s by(#quench.uniform<u8, asymmetric>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op cannot take such probabilities: the numbers of #quench.code_book<nf4> are neither unsigned integers nor a table from 0 on}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities scale %s by(#quench.code_book<nf4>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op cannot take such probabilities: #quench.log<u4, axis = 3> has neither a scale for each row nor one for all}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities scale %s by(#quench.log<u4, axis = 3>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<2x4xf32>) {
  // expected-error @below {{'quench.integer_attention' op expected scale of shape [], found 'tensor<8xf32>'}}
  %0 = quench.integer_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities scale %t by(#quench.log<u4>) scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<8xf32>) -> tensor<2x5x4x8xf32>
  return
}
