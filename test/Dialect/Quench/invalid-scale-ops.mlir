// RUN: quench-opt %s -verify-diagnostics -split-input-file

func.func @f() {
  // expected-error @below {{'quench.random_scale' op expected 0 < low <= high, found 0.000000e+00 : f64 and 1.000000e+00 : f64}}
  %0 = quench.random_scale seed 1 from 0.0 to 1.0 : tensor<8xf64>
  return
}

// -----

func.func @f(%x: tensor<8xf64>) {
  // expected-error @below {{'quench.balanced_scale' op expected alpha from 0 to 1, found 2.000000e+00 : f64}}
  %0 = quench.balanced_scale %x weights %x alpha 2.0 : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%x: tensor<8xf64>) {
  // expected-error @below {{'quench.balanced_scale' op expected 0 < low <= high, found 1.000000e+00 : f64 and 5.000000e-01}}
  %0 = quench.balanced_scale %x weights %x alpha 0.5 {low = 1.0, high = 0.5} : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%x: tensor<8xf64>, %w: tensor<7xf64>) {
  // expected-error @below {{'quench.balanced_scale' op expected weight of shape [8], found 'tensor<7xf64>'}}
  %0 = quench.balanced_scale %x weights %w alpha 0.5 : (tensor<8xf64>, tensor<7xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%m: tensor<8xf64>, %g: tensor<8x8xf64>, %w: tensor<4x8xf64>) {
  // expected-error @below {{'quench.awq_scale' op expected 1 to 16 bits, found 0}}
  %0 = quench.awq_scale %m gram %g weights %w {bits = 0 : i64} : (tensor<8xf64>, tensor<8x8xf64>, tensor<4x8xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%m: tensor<8xf64>, %g: tensor<8x7xf64>, %w: tensor<4x8xf64>) {
  // expected-error @below {{'quench.awq_scale' op expected gram of shape [8x8], found 'tensor<8x7xf64>'}}
  %0 = quench.awq_scale %m gram %g weights %w : (tensor<8xf64>, tensor<8x7xf64>, tensor<4x8xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%s: tensor<8xf64>) {
  // expected-error @below {{'quench.tie_scale' op expected each to be the partner of its partner, but element 0 has partner 1}}
  %0 = quench.tie_scale %s partners [1, 2, 0, 3] : (tensor<8xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%s: tensor<8xf64>) {
  // expected-error @below {{'quench.checked_scale' op expected a multiple of 3 channels, found 8}}
  %0 = quench.checked_scale %s of "q" {partners = array<i64: 1, 0, 2>} : (tensor<8xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%s: tensor<8xf64>) {
  // expected-error @below {{'quench.common_zero' op expected low <= high, found 2 and 1}}
  %0 = quench.common_zero %s scales %s from 2 to 1 : (tensor<8xf64>, tensor<8xf64>) -> tensor<f64>
  return
}

// -----

func.func @f(%s: tensor<8xf64>) {
  // expected-error @below {{'quench.fill_dead' op expected value of shape [], found 'tensor<8xf64>'}}
  %0 = quench.fill_dead %s scales %s with %s : (tensor<8xf64>, tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%s: tensor<8xf64>) {
  // expected-error @below {{'quench.range_scale' op expected at least 2 levels, found 1}}
  %0 = quench.range_scale %s to %s levels 1 : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
  return
}
