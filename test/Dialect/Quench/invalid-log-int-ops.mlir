// RUN: quench-opt-plain %s -verify-diagnostics -split-input-file

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op cannot give such probabilities: #quench.uniform<u8> is not #quench.log of up to 4 bits with step 1, a code for 0 and one scale}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.uniform<u8>) step 6.25e-02 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op cannot give such probabilities: #quench.log<u5, zero = last> is not #quench.log of up to 4 bits with step 1, a code for 0 and one scale}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.log<u5, zero = last>) step 6.25e-02 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op cannot give such probabilities: #quench.log<u4, step = 1 : 2, zero = last> is not #quench.log of up to 4 bits with step 1, a code for 0 and one scale}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.log<u4, step = 1 : 2, zero = last>) step 6.25e-02 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op cannot give such probabilities: #quench.log<u4> is not #quench.log of up to 4 bits with step 1, a code for 0 and one scale}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.log<u4>) step 6.25e-02 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op cannot give such probabilities: #quench.log<u4, zero = last, token> is not #quench.log of up to 4 bits with step 1, a code for 0 and one scale}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.log<u4, zero = last, token>) step 6.25e-02 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op cannot give such probabilities: #quench.log<u4, unit = 30, zero = last> is not #quench.log of up to 4 bits with step 1, a code for 0 and one scale}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.log<u4, unit = 30, zero = last>) step 6.25e-02 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op expected a step from 1.562500e-02 to 5.000000e-01, found 1.000000e-02}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.log<u4, zero = extra>) step 1.0e-02 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op expected a step from 1.562500e-02 to 5.000000e-01, found 1.000000e+00}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.log<u4, zero = extra>) step 1.0 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op expected a step from 1.562500e-02 to 5.000000e-01, found nan}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.log<u4, zero = extra>) step 0x7FF8000000000000 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>, %k: tensor<2x5x4x8xf16>) {
  // expected-error @below {{'quench.log_int_probabilities' op expected key of element type 'f32', found 'tensor<2x5x4x8xf16>'}}
  %0 = quench.log_int_probabilities %q, %k by(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf16>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xf32>) {
  // expected-error @below {{'quench.log_int_probabilities' op expected a window with mask kind sliding and with no other}}
  %0 = quench.log_int_probabilities %q, %q by(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 sliding : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<i8>) {
  // expected-error @below {{'quench.log_int_attention' op expected a format of integers, found #quench.log<u4>}}
  %0 = quench.log_int_attention %q scale %s by(#quench.log<u4>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<i8>) {
  // expected-error @below {{'quench.log_int_attention' op expected query with one scale along dimension 3, found #quench.uniform<i8, axis = 3>}}
  %0 = quench.log_int_attention %q scale %t by(#quench.uniform<i8, axis = 3>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<8xf32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<i8>) {
  // expected-error @below {{'quench.log_int_attention' op expected value with one scale along dimension 1, found #quench.uniform<i8, token>}}
  %0 = quench.log_int_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %u by(#quench.uniform<i8, token>) probabilities(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<2x5x4xf32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<i8>) {
  // expected-error @below {{'quench.log_int_attention' op expected a zero point for #quench.uniform<u8, asymmetric>}}
  %0 = quench.log_int_attention %q scale %s by(#quench.uniform<u8, asymmetric>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<i8>) {
  // expected-error @below {{'quench.log_int_attention' op expected no zero point for #quench.uniform<i8>}}
  %0 = quench.log_int_attention %q scale %s zero %z by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<i8>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<i8>) {
  // expected-error @below {{'quench.log_int_attention' op cannot give such probabilities: #quench.uniform<u8, token> is not #quench.log of up to 4 bits}}
  %0 = quench.log_int_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.uniform<u8, token>) step 6.25e-02 scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<i8>) {
  // expected-error @below {{'quench.log_int_attention' op expected a step from 1.562500e-02 to 5.000000e-01, found 1.000000e+00}}
  %0 = quench.log_int_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.log<u4, zero = extra>) step 1.0 scale 0.25 full
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x32768xi8>, %s: tensor<f32>) {
  // expected-error @below {{'quench.log_int_attention' op expected sums that 32 bits hold, found sums of 32768 products of #quench.uniform<i8> and #quench.uniform<i8>}}
  %0 = quench.log_int_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 full
    : (tensor<2x5x4x32768xi8>, tensor<f32>, tensor<2x5x4x32768xi8>, tensor<f32>, tensor<2x5x4x32768xi8>, tensor<f32>) -> tensor<2x5x4x32768xf32>
  return
}

// -----

func.func @f(%q: tensor<2x5x4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %u: tensor<2x5x4xf32>, %z: tensor<i8>) {
  // expected-error @below {{'quench.log_int_attention' op expected an element type of f16, bf16 or f32, found 'f64'}}
  %0 = quench.log_int_attention %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>), %q scale %s by(#quench.uniform<i8>) probabilities(#quench.log<u4, zero = extra>) step 6.25e-02 scale 0.25 full {element_type = f64}
    : (tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>, tensor<2x5x4x8xi8>, tensor<f32>) -> tensor<2x5x4x8xf64>
  return
}
