// RUN: quench-opt %s -verify-diagnostics -split-input-file

func.func @f(%w: tensor<2x3xf32>) {
  // expected-error @below {{'quench.moments' op expected axis below 2, found 2}}
  %0 = quench.moments of %w axis 2 : (tensor<2x3xf32>) -> tensor<3x3xf64>
  return
}

// -----

func.func @f(%w: tensor<2x0xf32>) {
  // expected-error @below {{'quench.moments' op expected vectors of at least one number along axis 1, found 'tensor<2x0xf32>'}}
  %0 = quench.moments of %w axis 1 : (tensor<2x0xf32>) -> tensor<1x1xf64>
  return
}

// -----

func.func @f(%w: tensor<2x3xf32>) {
  // expected-error @below {{'quench.moments' op expected blocks and size, or neither}}
  %0 = quench.moments of %w axis 1 blocks 3 : (tensor<2x3xf32>) -> tensor<3x2x2xf64>
  return
}

// -----

func.func @f(%w: tensor<2x12xf32>) {
  // expected-error @below {{'quench.moments' op expected 3 blocks of vectors of length 3 along axis 1, found length 12}}
  %0 = quench.moments of %w axis 1 blocks 3 size 3 : (tensor<2x12xf32>) -> tensor<3x4x4xf64>
  return
}

// -----

func.func @f(%t: tensor<3x3xf64>, %w: tensor<2x3xf32>) {
  // expected-error @below {{'quench.moments' op expected total of shape [4x4], found 'tensor<3x3xf64>'}}
  %0 = quench.moments total %t of %w axis 1 : (tensor<3x3xf64>, tensor<2x3xf32>) -> tensor<4x4xf64>
  return
}

// -----

func.func @f(%m: tensor<3x4xf64>) {
  // expected-error @below {{'quench.covariance' op expected moments to be [n, n] or [blocks, n, n], found 'tensor<3x4xf64>'}}
  %0 = quench.covariance %m : (tensor<3x4xf64>) -> tensor<2x2xf64>
  return
}

// -----

func.func @f(%m: tensor<1x1xf64>) {
  // expected-error @below {{'quench.covariance' op expected moments of at least one number, found 'tensor<1x1xf64>'}}
  %0 = quench.covariance %m : (tensor<1x1xf64>) -> tensor<0x0xf64>
  return
}

// -----

func.func @f(%c: tensor<2x3x3xf64>, %m: tensor<3xf64>) {
  // expected-error @below {{'quench.klt' op expected mean of shape [2x3], found 'tensor<3xf64>'}}
  %0 = quench.klt %c mean %m : (tensor<2x3x3xf64>, tensor<3xf64>) -> tensor<2x3x3xf64>
  return
}

// -----

func.func @f(%r: tensor<3x3xf64>) {
  // expected-error @below {{'quench.orthogonalize' op expected a tolerance between 0 and 1, found 2.00E+00}}
  %0 = quench.orthogonalize %r tolerance 2.0 : (tensor<3x3xf64>) -> tensor<3x3xf64>
  return
}
