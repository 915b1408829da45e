// RUN: quench-opt %s -verify-diagnostics -split-input-file

func.func @f(%x: tensor<2x8xf32>, %s: tensor<2xf32>, %z: tensor<2xi4>) {
  // expected-error @below {{'quench.encode' op operand #2 must be ranked tensor of 8-bit signless integer values, but got 'tensor<2xi4>'}}
  %0 = quench.encode %x, %s, %z by(#quench.uniform<u4, asymmetric, token>) : (tensor<2x8xf32>, tensor<2xf32>, tensor<2xi4>) -> tensor<2x8xi8>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %s: tensor<3xf32>) {
  // expected-error @below {{'quench.encode' op expected scale of shape [2], found 'tensor<3xf32>'}}
  %0 = quench.encode %x, %s by(#quench.uniform<i8, token>) : (tensor<2x8xf32>, tensor<3xf32>) -> tensor<2x8xi8>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %s: tensor<f32>, %w: tensor<4x8xi8>) {
  // expected-error @below {{'quench.integer_linear' op expected a format of integers, found #quench.log<u4>}}
  %0 = quench.integer_linear %x scale %s by(#quench.uniform<i8>), %w scale %s by(#quench.log<u4>) : (tensor<2x8xi8>, tensor<f32>, tensor<4x8xi8>, tensor<f32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %s: tensor<f32>, %w: tensor<4x6xi8>) {
  // expected-error @below {{'quench.integer_linear' op expected weight of shape [?x8], found 'tensor<4x6xi8>'}}
  %0 = quench.integer_linear %x scale %s by(#quench.uniform<i8>), %w scale %s by(#quench.uniform<i8>) : (tensor<2x8xi8>, tensor<f32>, tensor<4x6xi8>, tensor<f32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %s: tensor<f32>, %w: tensor<?x8xi8>) {
  // expected-error @below {{'quench.integer_linear' op expected dimension 0 of weight to be static, found 'tensor<?x8xi8>'}}
  %0 = quench.integer_linear %x scale %s by(#quench.uniform<i8>), %w scale %s by(#quench.uniform<i8>) : (tensor<2x8xi8>, tensor<f32>, tensor<?x8xi8>, tensor<f32>) -> tensor<2x?xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>, %w: tensor<4x8xi8>) {
  // expected-error @below {{'quench.integer_linear' op expected one scale for a row of the input, found #quench.uniform<i8, axis = 1>}}
  %0 = quench.integer_linear %x scale %t by(#quench.uniform<i8, axis = 1>), %w scale %s by(#quench.uniform<i8>) : (tensor<2x8xi8>, tensor<8xf32>, tensor<4x8xi8>, tensor<f32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %s: tensor<f32>, %t: tensor<f64>, %w: tensor<4x8xi8>) {
  // expected-error @below {{'quench.integer_linear' op expected scale of element type 'f32', found 'tensor<f64>'}}
  %0 = quench.integer_linear %x scale %s by(#quench.uniform<i8>), %w scale %t by(#quench.uniform<i8>) : (tensor<2x8xi8>, tensor<f32>, tensor<4x8xi8>, tensor<f64>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %s: tensor<f32>, %w: tensor<4x8xi8>) {
  // expected-error @below {{'quench.integer_linear' op expected an element type of f16, bf16 or f32, found 'f64'}}
  %0 = quench.integer_linear %x scale %s by(#quench.uniform<i8>), %w scale %s by(#quench.uniform<i8>) {element_type = f64} : (tensor<2x8xi8>, tensor<f32>, tensor<4x8xi8>, tensor<f32>) -> tensor<2x4xf64>
  return
}

// -----

func.func @f(%x: tensor<2x32768xi8>, %s: tensor<f32>, %w: tensor<4x32768xi8>) {
  // expected-error @below {{'quench.integer_linear' op expected sums that 32 bits hold, found sums of 32768 products of #quench.uniform<i8> and #quench.uniform<i8>}}
  %0 = quench.integer_linear %x scale %s by(#quench.uniform<i8>), %w scale %s by(#quench.uniform<i8>) : (tensor<2x32768xi8>, tensor<f32>, tensor<4x32768xi8>, tensor<f32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f() {
  %w = quench.param <"m"::"w"> : tensor<5x6xi8>
  // expected-error @below {{'quench.pack_codes' op expected a depth of at least 1, found 0}}
  %0 = quench.pack_codes %w by(#quench.uniform<i8>) panel 4 depth 0 : (tensor<5x6xi8>) -> tensor<2x6x0xi8>
  return
}

// -----

func.func @f() {
  %w = quench.param <"m"::"w"> : tensor<5x6xi8>
  // expected-error @below {{'quench.sum_codes' op expected a panel of at least 1, found 0}}
  %0 = quench.sum_codes %w by(#quench.uniform<i8>) panel 0 : (tensor<5x6xi8>) -> tensor<1x1x0xi32>
  return
}

// -----

func.func @f() {
  %w = quench.param <"m"::"w"> : tensor<5x6xi8>
  // expected-error @below {{'quench.pack_codes' op expected a zero point for #quench.uniform<u4, asymmetric>}}
  %0 = quench.pack_codes %w by(#quench.uniform<u4, asymmetric>) panel 4 depth 2 : (tensor<5x6xi8>) -> tensor<2x3x8xi8>
  return
}

// -----

func.func @f() {
  %w = quench.param <"m"::"w"> : tensor<5x8xi8>
  // expected-error @below {{'quench.pack_nibbles' op expected codes of at most 4 bits, found #quench.uniform<i5>}}
  %0 = quench.pack_nibbles %w by(#quench.uniform<i5>) panel 4 depth 4 : (tensor<5x8xi8>) -> tensor<2x1x4xi32>
  return
}

// -----

func.func @f() {
  %w = quench.param <"m"::"w"> : tensor<5x8xi8>
  // expected-error @below {{'quench.pack_nibbles' op expected a depth of 1, 2 or 4, found 3}}
  %0 = quench.pack_nibbles %w by(#quench.uniform<i4>) panel 4 depth 3 : (tensor<5x8xi8>) -> tensor<2x1x4xi32>
  return
}

// -----

func.func @f() {
  %w = quench.param <"m"::"w"> : tensor<5x8xi8>
  %z = quench.param <"m"::"z"> : tensor<i8>
  // expected-error @below {{'quench.pack_zeros' op expected a panel of at least 1, found 0}}
  %0 = quench.pack_zeros %w, %z by(#quench.uniform<i4, asymmetric>) panel 0 depth 4 : (tensor<5x8xi8>, tensor<i8>) -> tensor<1x1x0xi32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf64>, %s: tensor<f32>, %w: tensor<4x8xi8>) {
  // expected-error @below {{'quench.weight_only_linear' op expected an input of f16, bf16 or f32, found 'f64'}}
  %0 = quench.weight_only_linear %x, %w scale %s by(#quench.uniform<i8>) : (tensor<2x8xf64>, tensor<4x8xi8>, tensor<f32>) -> tensor<2x4xf64>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %s: tensor<f32>, %w: tensor<4x8xi8>) {
  // expected-error @below {{'quench.weight_only_linear' op expected a format of integers or a table for codes of up to 4 bits, found #quench.log<u5>}}
  %0 = quench.weight_only_linear %x, %w scale %s by(#quench.log<u5>) : (tensor<2x8xf32>, tensor<4x8xi8>, tensor<f32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x6xf32>, %s: tensor<f32>, %w: tensor<4x8xi8>) {
  // expected-error @below {{'quench.weight_only_linear' op expected weight of shape [?x6], found 'tensor<4x8xi8>'}}
  %0 = quench.weight_only_linear %x, %w scale %s by(#quench.uniform<i8>) : (tensor<2x6xf32>, tensor<4x8xi8>, tensor<f32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %s: tensor<f32>, %w: tensor<4x8xi8>) {
  // expected-error @below {{'quench.weight_only_linear' op expected a table for #quench.code_book<learned 3>}}
  %0 = quench.weight_only_linear %x, %w scale %s by(#quench.code_book<learned 3>) : (tensor<2x8xf32>, tensor<4x8xi8>, tensor<f32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi8>, %s: tensor<f32>, %w: tensor<4x8xi8>) {
  // expected-error @below {{'quench.integer_linear' op expected a format of integers, found #quench.code_book<nf4>}}
  %0 = quench.integer_linear %x scale %s by(#quench.uniform<i8>), %w scale %s by(#quench.code_book<nf4>) : (tensor<2x8xi8>, tensor<f32>, tensor<4x8xi8>, tensor<f32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f() {
  %w = quench.param <"m"::"w"> : tensor<5x8xi8>
  // expected-error @below {{'quench.sum_codes' op expected a format of integers, found #quench.code_book<nf4>}}
  %0 = quench.sum_codes %w by(#quench.code_book<nf4>) panel 4 : (tensor<5x8xi8>) -> tensor<2x1x4xi32>
  return
}
