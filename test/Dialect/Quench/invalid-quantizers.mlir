// RUN: quench-opt-plain %s -verify-diagnostics -split-input-file

// expected-error @below {{expected codes such as i8 or u4, found f8}}
module attributes {test.quantizer = #quench.uniform<f8>} {}

// -----

// expected-error @below {{expected codes such as i8 or u4, found i}}
module attributes {test.quantizer = #quench.uniform<i>} {}

// -----

// expected-error @below {{expected codes of 2 to 8 bits, found 9}}
module attributes {test.quantizer = #quench.uniform<i9>} {}

// -----

// expected-error @below {{expected codes of 2 to 8 bits, found 1}}
module attributes {test.quantizer = #quench.uniform<u1>} {}

// -----

// expected-error @below {{expected an axis or token, found both}}
module attributes {test.quantizer = #quench.uniform<i8, axis = 0, token>} {}

// -----

// The dimension of the tokens is no exception.
// expected-error @below {{expected an axis or token, found both}}
module attributes {test.quantizer = #quench.uniform<i8, axis = 1, token>} {}

// -----

// expected-error @below {{expected an axis, token or sequence, found two of them}}
module attributes {test.quantizer = #quench.uniform<i8, sequence, token>} {}

// -----

// expected-error @below {{expected asymmetric, axis, token, sequence, group or scale, found channel}}
module attributes {test.quantizer = #quench.uniform<i8, channel>} {}

// -----

// expected-error @below {{expected axis to be 0 or more, found -1}}
module attributes {test.quantizer = #quench.uniform<i8, axis = -1>} {}

// -----

// expected-error @below {{expected group to be 1 or more, found 0}}
module attributes {test.quantizer = #quench.uniform<i8, group = 0>} {}

// -----

// expected-error @below {{found axis twice}}
module attributes {test.quantizer = #quench.uniform<i8, axis = 0, axis = 1>} {}

// -----

// expected-error @below {{expected scale to be e8m0 or e4m3, found e5m2}}
module attributes {test.quantizer = #quench.uniform<i8, scale = e5m2>} {}

// -----

// expected-error @below {{expected unsigned codes, found i4}}
module attributes {test.quantizer = #quench.log<i4>} {}

// -----

// expected-error @below {{expected codes of 2 to 8 bits, found 9}}
module attributes {test.quantizer = #quench.log<u9>} {}

// -----

// expected-error @below {{expected codes of 2 to 7 bits beside an extra one for 0, found 8}}
module attributes {test.quantizer = #quench.log<u8, step = 1 : 4, zero = extra>} {}

// -----

// expected-error @below {{expected zero to be last or extra, found none}}
module attributes {test.quantizer = #quench.log<u4, zero = none>} {}

// -----

// expected-error @below {{expected step to be 1 to 1024, found 0}}
module attributes {test.quantizer = #quench.log<u4, step = 0 : 2>} {}

// -----

// expected-error @below {{expected the denominator of step to be 1 to 1024, found 0}}
module attributes {test.quantizer = #quench.log<u4, step = 1 : 0>} {}

// -----

// expected-error @below {{expected unit to be 1 to 65536, found 0}}
module attributes {test.quantizer = #quench.log<u4, unit = 0>} {}

// -----

// expected-error @below {{expected numbers down to 2^-1000, found 2^-1020}}
module attributes {test.quantizer = #quench.log<u8, step = 4>} {}

// -----

// expected-error @below {{expected step, unit, zero, axis, token, sequence, group or scale, found base}}
module attributes {test.quantizer = #quench.log<u4, base = 2>} {}

// -----

// expected-error @below {{expected a and b}}
module attributes {test.quantizer = #quench.tangent<u4, a = 2.4>} {}

// -----

// expected-error @below {{expected b and a - b from 0.001 to 1.57, found a = }}
module attributes {test.quantizer = #quench.tangent<u4, a = 2.4, b = 0.0>} {}

// -----

// expected-error @below {{expected shift to be 0 to 19, found -1}}
module attributes {test.quantizer = #quench.twin_uniform<u4, shift = -1>} {}

// -----

// expected-error @below {{expected shift to be -24 to 24, found 25}}
module attributes {test.quantizer = #quench.twin_uniform<i4, shift = 25>} {}

// -----

// expected-error @below {{expected codes of 2 to 8 bits, found 1}}
module attributes {test.quantizer = #quench.twin_uniform<i1, shift = 2>} {}

// -----

// expected-error @below {{expected codes of 2 to 8 bits, found 1}}
module attributes {test.quantizer = #quench.code_book<learned 1>} {}

// -----

// expected-error @below {{expected nf4, learned or numbers in brackets, found nf3}}
module attributes {test.quantizer = #quench.code_book<nf3>} {}

// -----

// expected-error @below {{expected 2 to 256 numbers, found 1}}
module attributes {test.quantizer = #quench.code_book<[1.0]>} {}

// -----

// expected-error @below {{expected finite numbers of f32 that ascend, found 5.000000e-01 after 1.000000e+00}}
module attributes {test.quantizer = #quench.code_book<[1.0, 0.5]>} {}

// -----

// expected-error @below {{expected finite numbers of f32 that ascend, found }}
module attributes {test.quantizer = #quench.code_book<[0.5, 1.0e39]>} {}

// -----

// expected-error @below {{expected a number above 0, found none}}
module attributes {test.quantizer = #quench.code_book<[-1.0, 0.0]>} {}

// -----

// expected-error @below {{expected an axis or token, found both}}
module attributes {test.quantizer = #quench.ternary<axis = 0, token>} {}

// -----

// expected-error @below {{expected axis, token, sequence, group or scale, found zero}}
module attributes {test.quantizer = #quench.binary<zero>} {}

// -----

// expected-error @below {{expected e4m3, e5m2, e3m2, e2m3 or e2m1, found e3m4}}
module attributes {test.quantizer = #quench.small_float<e3m4>} {}

// -----

func.func @f(%x: tensor<4x6xf32>, %s: tensor<f32>) {
  // expected-error @below {{'quench.fake_quant' op expected a zero point for #quench.uniform<u8, asymmetric>}}
  %0 = quench.fake_quant %x, %s by(#quench.uniform<u8, asymmetric>) : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%x: tensor<4x6xf32>, %s: tensor<f32>, %z: tensor<i8>) {
  // expected-error @below {{'quench.fake_quant' op expected no zero point for #quench.uniform<u8>}}
  %0 = quench.fake_quant %x, %s, %z by(#quench.uniform<u8>) : (tensor<4x6xf32>, tensor<f32>, tensor<i8>) -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%x: tensor<4x6xf32>, %s: tensor<6xf32>) {
  // expected-error @below {{'quench.fake_quant' op expected an input with dimension 2 for #quench.uniform<i8, axis = 2>, found 'tensor<4x6xf32>'}}
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i8, axis = 2>) : (tensor<4x6xf32>, tensor<6xf32>) -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%x: tensor<f32>, %s: tensor<1xf32>) {
  // expected-error @below {{'quench.fake_quant' op expected an input with dimension 0 for #quench.uniform<i8, group = 2>, found 'tensor<f32>'}}
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i8, group = 2>) : (tensor<f32>, tensor<1xf32>) -> tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<4x6xf32>, %s: tensor<6x3xf32>) {
  // expected-error @below {{'quench.fake_quant' op expected groups along another dimension than 1, found #quench.uniform<i8, axis = 1, group = 2> on 'tensor<4x6xf32>'}}
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i8, axis = 1, group = 2>) : (tensor<4x6xf32>, tensor<6x3xf32>) -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%x: tensor<4x6xf32>, %s: tensor<4x1xf32>) {
  // expected-error @below {{'quench.fake_quant' op expected dimension 1 to be a multiple of 4 for #quench.uniform<i4, axis = 0, group = 4>, found 'tensor<4x6xf32>'}}
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i4, axis = 0, group = 4>) : (tensor<4x6xf32>, tensor<4x1xf32>) -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%x: tensor<4x6xf32>, %s: tensor<4x2xf32>) {
  // expected-error @below {{'quench.fake_quant' op expected scale of shape [4x3], found 'tensor<4x2xf32>'}}
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i4, axis = 0, group = 2>) : (tensor<4x6xf32>, tensor<4x2xf32>) -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%x: tensor<?x6xf32>, %s: tensor<f32>) {
  // expected-error @below {{'quench.fake_quant' op expected scale of shape [?], found 'tensor<f32>'}}
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i8, token>) : (tensor<?x6xf32>, tensor<f32>) -> tensor<?x6xf32>
  return
}

// -----

func.func @f(%x: tensor<4x6xf16>, %s: tensor<f16>) {
  // expected-error @below {{'quench.fake_quant' op expected scale of element type 'f32', found 'tensor<f16>'}}
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i8>) : (tensor<4x6xf16>, tensor<f16>) -> tensor<4x6xf16>
  return
}

// -----

func.func @f(%x: tensor<4x6xf64>, %s: tensor<f32>) {
  // expected-error @below {{'quench.fake_quant' op expected scale of element type 'f64', found 'tensor<f32>'}}
  %0 = quench.fake_quant %x, %s by(#quench.uniform<i8>) : (tensor<4x6xf64>, tensor<f32>) -> tensor<4x6xf64>
  return
}

// -----

func.func @f(%x: tensor<4x6xf32>, %s: tensor<6xf32>, %z: tensor<4xi8>) {
  // expected-error @below {{'quench.fake_quant' op expected zero of shape [6], found 'tensor<4xi8>'}}
  %0 = quench.fake_quant %x, %s, %z by(#quench.uniform<i8, asymmetric, axis = 1>) : (tensor<4x6xf32>, tensor<6xf32>, tensor<4xi8>) -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%x: tensor<4x6xf32>, %s: tensor<f32>, %z: tensor<i16>) {
  // expected-error @below {{'quench.fake_quant' op expected zero of element type 'i4', found 'tensor<i16>'}}
  %0 = quench.fake_quant %x, %s, %z by(#quench.uniform<i4, asymmetric>) : (tensor<4x6xf32>, tensor<f32>, tensor<i16>) -> tensor<4x6xf32>
  return
}

// -----

func.func @f(%x: tensor<4xf32>, %s: tensor<f32>) {
  // expected-error @below {{invalid kind of attribute specified}}
  %0 = quench.fake_quant %x, %s by("int8") : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return
}
