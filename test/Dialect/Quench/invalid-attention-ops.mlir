// RUN: quench-opt %s -verify-diagnostics -split-input-file

func.func @f(%p: tensor<2x4x3x5xf32>, %v: tensor<2x6x2x8xf32>) {
  // expected-error @below {{'quench.attention_values' op expected value of shape [2x5x?x?], found 'tensor<2x6x2x8xf32>'}}
  %0 = quench.attention_values %p, %v : (tensor<2x4x3x5xf32>, tensor<2x6x2x8xf32>) -> tensor<2x3x4x8xf32>
  return
}

// -----

func.func @f(%p: tensor<2x4x3x5xf32>, %v: tensor<2x5x3x8xf32>) {
  // expected-error @below {{'quench.attention_values' op expected heads to be a multiple of 3 groups, found 4}}
  %0 = quench.attention_values %p, %v : (tensor<2x4x3x5xf32>, tensor<2x5x3x8xf32>) -> tensor<2x3x4x8xf32>
  return
}

// -----

func.func @f(%p: tensor<2x4x3x5xf32>, %v: tensor<2x5x2x8xf32>) {
  // expected-error @below {{'quench.attention_values' op expected head_groups of 4 heads, found 2}}
  %0 = quench.attention_values %p, %v {head_groups = array<i64: 0, 1>} : (tensor<2x4x3x5xf32>, tensor<2x5x2x8xf32>) -> tensor<2x3x4x8xf32>
  return
}

// -----

func.func @f(%p: tensor<2x4x3x5xf32>, %v: tensor<2x5x2x8xf32>) {
  // expected-error @below {{'quench.attention_values' op expected head_groups below 2, found 2}}
  %0 = quench.attention_values %p, %v {head_groups = array<i64: 0, 1, 2, 0>} : (tensor<2x4x3x5xf32>, tensor<2x5x2x8xf32>) -> tensor<2x3x4x8xf32>
  return
}

// -----

func.func @f(%p: tensor<2x?x3x5xf32>, %v: tensor<2x5x2x8xf32>) {
  // expected-error @below {{'quench.attention_values' op}}
  %0 = quench.attention_values %p, %v : (tensor<2x?x3x5xf32>, tensor<2x5x2x8xf32>) -> tensor<2x3x?x8xf32>
  return
}

// -----

func.func @f(%p: tensor<2x4x3x5xf32>, %v: tensor<2x5x2x8xf16>) {
  // expected-error @below {{'quench.attention_values' op}}
  %0 = quench.attention_values %p, %v : (tensor<2x4x3x5xf32>, tensor<2x5x2x8xf16>) -> tensor<2x3x4x8xf32>
  return
}
