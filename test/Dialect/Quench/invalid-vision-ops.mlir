// RUN: quench-opt %s -verify-diagnostics -split-input-file

func.func @f(%x: tensor<1x8x8x3xf32>) {
  // expected-error @below {{'quench.im2col' op expected two positive strides}}
  %0 = quench.im2col %x kernel [3, 3] strides [0, 1] padding [0, 0] : (tensor<1x8x8x3xf32>) -> tensor<1x6x6x27xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x8x3xf32>) {
  // expected-error @below {{'quench.im2col' op expected two sizes of padding, not negative}}
  %0 = quench.im2col %x kernel [3, 3] strides [1, 1] padding [-1, 0] : (tensor<1x8x8x3xf32>) -> tensor<1x6x6x27xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x8x3xf32>) {
  // expected-error @below {{'quench.im2col' op expected a kernel of two positive sizes}}
  %0 = quench.im2col %x kernel [3] strides [1, 1] padding [0, 0] : (tensor<1x8x8x3xf32>) -> tensor<1x6x6x27xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x8x3xf32>) {
  // expected-error @below {{'quench.im2col' op expected an image of at least 3 pixels with its padding along dimension 1, found 2}}
  %0 = quench.im2col %x kernel [3, 3] strides [1, 1] padding [0, 0] : (tensor<1x2x8x3xf32>) -> tensor<1x0x6x27xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x8x3xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @below {{'quench.depthwise_conv2d' op expected weight of shape [3x?x?], found 'tensor<4x3x3xf32>'}}
  %0 = quench.depthwise_conv2d %x, %w strides [1, 1] padding [0, 0] : (tensor<1x8x8x3xf32>, tensor<4x3x3xf32>) -> tensor<1x6x6x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x8x3xf32>, %w: tensor<3x0x3xf32>) {
  // expected-error @below {{'quench.depthwise_conv2d' op expected a weight of at least 1 x 1 taps, found 0 x 3}}
  %0 = quench.depthwise_conv2d %x, %w strides [1, 1] padding [0, 0] : (tensor<1x8x8x3xf32>, tensor<3x0x3xf32>) -> tensor<1x6x6x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x9x3xf32>) {
  // expected-error @below {{'quench.unfold' op expected the width of the map to be a multiple of 2, found 9}}
  %0 = quench.unfold %x of 2 x 2 : (tensor<1x8x9x3xf32>) -> tensor<4x16x3xf32>
  return
}

// -----

func.func @f(%x: tensor<1x8x8x3xf32>) {
  // expected-error @below {{'quench.unfold' op expected patches of at least 1 x 1 pixels, found 0 x 2}}
  %0 = quench.unfold %x of 0 x 2 : (tensor<1x8x8x3xf32>) -> tensor<4x16x3xf32>
  return
}

// -----

func.func @f(%x: tensor<4x16x3xf32>) {
  // expected-error @below {{'quench.fold' op expected the height of the map to be a multiple of 2, found 7}}
  %0 = quench.fold %x of 2 x 2 to 7 x 8 : (tensor<4x16x3xf32>) -> tensor<1x7x8x3xf32>
  return
}

// -----

func.func @f(%x: tensor<4x15x3xf32>) {
  // expected-error @below {{'quench.fold' op expected input of shape [?x16x?], found 'tensor<4x15x3xf32>'}}
  %0 = quench.fold %x of 2 x 2 to 8 x 8 : (tensor<4x15x3xf32>) -> tensor<1x8x8x3xf32>
  return
}

// -----

func.func @f(%x: tensor<6x16x3xf32>) {
  // expected-error @below {{'quench.fold' op expected a multiple of 4 sequences, found 6}}
  %0 = quench.fold %x of 2 x 2 to 8 x 8 : (tensor<6x16x3xf32>) -> tensor<1x8x8x3xf32>
  return
}

// -----

func.func @f(%g: tensor<8xf64>, %v: tensor<7xf64>) {
  // expected-error @below {{'quench.batch_norm_gain' op expected variance of shape [8], found 'tensor<7xf64>'}}
  %0 = quench.batch_norm_gain %g variance %v eps 1.0e-5 : (tensor<8xf64>, tensor<7xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%g: tensor<8xf64>) {
  // expected-error @below {{'quench.batch_norm_gain' op expected eps to be finite and not negative, found -1.000000e+00 : f64}}
  %0 = quench.batch_norm_gain %g variance %g eps -1.0 : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
  return
}

// -----

func.func @f(%x: tensor<1x8x8x3xf32>, %w: tensor<?x3x3xf32>) {
  // expected-error @below {{'quench.depthwise_conv2d' op expected dimension 0 of weight to be static}}
  %0 = quench.depthwise_conv2d %x, %w strides [1, 1] padding [0, 0] : (tensor<1x8x8x3xf32>, tensor<?x3x3xf32>) -> tensor<1x6x6x3xf32>
  return
}
