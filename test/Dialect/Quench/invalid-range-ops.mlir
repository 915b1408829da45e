// RUN: quench-opt %s -verify-diagnostics -split-input-file

func.func @f(%a: tensor<8xf64>) {
  // expected-error @below {{'quench.extent' op expected to cut the channels into 3 equal parts, found 8}}
  %0 = quench.extent %a to %a parts 3 : (tensor<8xf64>, tensor<8xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @f(%a: tensor<8xf64>, %b: tensor<7xf64>) {
  // expected-error @below {{'quench.extent' op expected max of shape [8], found 'tensor<7xf64>'}}
  %0 = quench.extent %a to %b : (tensor<8xf64>, tensor<7xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%w: tensor<4x8xf64>) {
  // expected-error @below {{'quench.percentile_range' op expected at least one percentile, found none}}
  %0 = quench.percentile_range %w by(#quench.uniform<i8>) percentiles [] : (tensor<4x8xf64>) -> tensor<4x2xf64>
  return
}

// -----

func.func @f(%w: tensor<4x8xf64>) {
  // expected-error @below {{'quench.percentile_range' op expected percentiles from 0.5 to 1, found 9.99}}
  %0 = quench.percentile_range %w by(#quench.uniform<i8>) percentiles [99.9] : (tensor<4x8xf64>) -> tensor<4x2xf64>
  return
}

// -----

func.func @f(%s: tensor<8xf64>, %e: tensor<2xf64>) {
  // expected-error @below {{'quench.shrunken_range' op expected data of shape [5121], found 'tensor<8xf64>'}}
  %0 = quench.shrunken_range %s within %e by(#quench.uniform<i8>) : (tensor<8xf64>, tensor<2xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%s: tensor<3x5121xf64>, %e: tensor<2xf64>) {
  // expected-error @below {{'quench.shrunken_range' op expected extent of shape [3x2], found 'tensor<2xf64>'}}
  %0 = quench.shrunken_range %s within %e by(#quench.uniform<i8>) : (tensor<3x5121xf64>, tensor<2xf64>) -> tensor<3x2xf64>
  return
}

// -----

func.func @f(%w: tensor<4x8xf64>) {
  // expected-error @below {{'quench.shrunken_range' op expected 1 to 4096 steps, found 0}}
  %0 = quench.shrunken_range %w by(#quench.uniform<i8>) {steps = 0 : i64} : (tensor<4x8xf64>) -> tensor<4x2xf64>
  return
}

// -----

func.func @f(%w: tensor<4x8xf64>) {
  // expected-error @below {{'quench.shrunken_range' op expected a norm above 0, up to 16, found 0.0}}
  %0 = quench.shrunken_range %w by(#quench.uniform<i8>) {norm = 0.0} : (tensor<4x8xf64>) -> tensor<4x2xf64>
  return
}

// -----

func.func @f(%w: tensor<4x8xf64>) {
  // expected-error @below {{'quench.progressive_range' op expected 1 to 64 zero points, found 0}}
  %0 = quench.progressive_range %w by(#quench.uniform<i8>) {zero_points = 0 : i64} : (tensor<4x8xf64>) -> tensor<4x2xf64>
  return
}

// -----

func.func @f(%w: tensor<4x0xf64>) {
  // expected-error @below {{'quench.entropy_range' op expected data of at least one number, found 'tensor<4x0xf64>'}}
  %0 = quench.entropy_range %w by(#quench.uniform<i8>) : (tensor<4x0xf64>) -> tensor<4x2xf64>
  return
}

// -----

func.func @f(%r: tensor<3xf64>) {
  // expected-error @below {{'quench.static_scale' op expected range of shape [2], found 'tensor<3xf64>'}}
  %0 = quench.static_scale %r by(#quench.uniform<i8>) : (tensor<3xf64>) -> tensor<f64>
  return
}

// -----

func.func @f(%r: tensor<2xf64>) {
  // expected-error @below {{'quench.static_zero' op expected a quantizer with zero points, found #quench.uniform<i8>}}
  %0 = quench.static_zero %r by(#quench.uniform<i8>) : (tensor<2xf64>) -> tensor<i8>
  return
}

// -----

func.func @f(%x: tensor<f32>) {
  // expected-error @below {{'quench.distribution' op expected input of rank 1 or more, found 'tensor<f32>'}}
  %0:3 = quench.distribution %x : (tensor<f32>) -> (tensor<5121xi64>, tensor<2048xi64>, tensor<1xi64>)
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @below {{'quench.second_moments' op expected blocks to divide 8 channels, found 3}}
  %0 = quench.second_moments %x blocks 3 : (tensor<4x8xf32>) -> tensor<3x2x2xf64>
  return
}

// -----

func.func @f(%x: tensor<4x?xf32>) {
  // expected-error @below {{'quench.second_moments' op expected a known number of channels}}
  %0 = quench.second_moments %x : (tensor<4x?xf32>) -> tensor<1x8x8xf64>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %w: tensor<5xf64>) {
  // expected-error @below {{'quench.second_moments' op expected weights of shape [4], found 'tensor<5xf64>'}}
  %0 = quench.second_moments %x weights %w : (tensor<4x8xf32>, tensor<5xf64>) -> tensor<1x8x8xf64>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %w: tensor<4x8xf64>) {
  // expected-error @below {{'quench.second_moments' op expected weights of at most 1 dimensions, found 2}}
  %0 = quench.second_moments %x weights %w : (tensor<4x8xf32>, tensor<4x8xf64>) -> tensor<1x8x8xf64>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %y: tensor<4x6xf32>) {
  // expected-error @below {{'quench.second_moments' op expected other of shape [4x8], found 'tensor<4x6xf32>'}}
  %0 = quench.second_moments %x with %y : (tensor<4x8xf32>, tensor<4x6xf32>) -> tensor<1x8x8xf64>
  return
}

// -----

func.func @f(%x: tensor<?x?x8xf32>) {
  // expected-error @below {{'quench.sample' op expected 1 part or more, of positive sizes, found 0 of [8]}}
  %0 = quench.sample %x parts 0 of [8] : (tensor<?x?x8xf32>) -> tensor<0x8xf64>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{'quench.sample' op expected input of rank 3 or more, found 'tensor<?x8xf32>'}}
  %0 = quench.sample %x parts 4 of [2, 4] : (tensor<?x8xf32>) -> tensor<4x2x4xf64>
  return
}

// -----

func.func @f(%x: tensor<32x8xf64>, %w: tensor<16x6xf32>) {
  // expected-error @below {{'quench.output_range' op expected weight of shape [?x8], found 'tensor<16x6xf32>'}}
  %0 = quench.output_range %x with %w by(#quench.uniform<i4>) : (tensor<32x8xf64>, tensor<16x6xf32>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%x: tensor<32x8xf64>, %w: tensor<16x8xf32>) {
  // expected-error @below {{'quench.output_range' op expected a quantizer with one range, found #quench.uniform<i4, token>}}
  %0 = quench.output_range %x with %w by(#quench.uniform<i4, token>) : (tensor<32x8xf64>, tensor<16x8xf32>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%q: tensor<4x6x8xf64>, %k: tensor<4x6x4xf64>) {
  // expected-error @below {{'quench.attention_range' op expected the role query, key, value or probabilities, found scores}}
  %0 = quench.attention_range "scores" of %q with %k heads 2 groups 1 by(#quench.uniform<i4>) : (tensor<4x6x8xf64>, tensor<4x6x4xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%q: tensor<4x6x8xf64>, %k: tensor<4x6x4xf64>) {
  // expected-error @below {{'quench.attention_range' op expected heads in equal groups, found 3 heads and 2 groups}}
  %0 = quench.attention_range "query" of %q with %k heads 3 groups 2 by(#quench.uniform<i4>) : (tensor<4x6x8xf64>, tensor<4x6x4xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%q: tensor<4x6x8xf64>, %k: tensor<4x6x4xf64>) {
  // expected-error @below {{'quench.attention_range' op expected one of 1 groups for each of 2 heads}}
  %0 = quench.attention_range "query" of %q with %k heads 2 groups 1 by_groups [0, 1] by(#quench.uniform<i4>) : (tensor<4x6x8xf64>, tensor<4x6x4xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%q: tensor<4x6x8xf64>, %k: tensor<5x6x4xf64>) {
  // expected-error @below {{'quench.attention_range' op expected sample of shape [5x?x8], found 'tensor<4x6x8xf64>'}}
  %0 = quench.attention_range "query" of %q with %k heads 2 groups 1 by(#quench.uniform<i4>) : (tensor<4x6x8xf64>, tensor<5x6x4xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%v: tensor<4x6x4xf64>, %p: tensor<4x2x5x7xf64>) {
  // expected-error @below {{'quench.attention_range' op expected other of shape [4x2x?x6], found 'tensor<4x2x5x7xf64>'}}
  %0 = quench.attention_range "value" of %v with %p heads 2 groups 1 by(#quench.uniform<i4>) : (tensor<4x6x4xf64>, tensor<4x2x5x7xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%p: tensor<4x2x5x6xf64>, %v: tensor<4x6x4xf64>) {
  // expected-error @below {{'quench.attention_range' op expected a quantizer with one range, or one for each head of queries, keys or values, found #quench.uniform<u4, axis = 2>}}
  %0 = quench.attention_range "probabilities" of %p with %v heads 2 groups 1 by(#quench.uniform<u4, axis = 2>) : (tensor<4x2x5x6xf64>, tensor<4x6x4xf64>) -> tensor<2x2xf64>
  return
}

// -----

func.func @f(%x: tensor<32x8xf64>, %w: tensor<16x8xf32>) {
  // expected-error @below {{'quench.output_format' op expected at least one format, found none}}
  %0 = quench.output_format %x with %w among [] : (tensor<32x8xf64>, tensor<16x8xf32>) -> tensor<1xf64>
  return
}

// -----

func.func @f(%x: tensor<32x8xf64>, %w: tensor<16x8xf32>) {
  // expected-error @below {{'quench.output_format' op expected quantizers with one range, found 8 : i64}}
  %0 = quench.output_format %x with %w among [8] : (tensor<32x8xf64>, tensor<16x8xf32>) -> tensor<1xf64>
  return
}

// -----

func.func @f(%p: tensor<4x2x5x6xf64>, %v: tensor<4x6x4xf64>) {
  // expected-error @below {{'quench.probabilities_format' op expected quantizers with one range, found #quench.uniform<u4, asymmetric>}}
  %0 = quench.probabilities_format %p with %v heads 2 groups 1 among [#quench.uniform<u4, asymmetric>] : (tensor<4x2x5x6xf64>, tensor<4x6x4xf64>) -> tensor<1xf64>
  return
}
