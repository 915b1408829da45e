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
  // expected-error @below {{'quench.second_moments' op expected other of shape [4, 8], found 'tensor<4x6xf32>'}}
  %0 = quench.second_moments %x with %y : (tensor<4x8xf32>, tensor<4x6xf32>) -> tensor<1x8x8xf64>
  return
}
