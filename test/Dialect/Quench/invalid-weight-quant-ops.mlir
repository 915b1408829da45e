// RUN: quench-opt %s -verify-diagnostics -split-input-file

func.func @f(%w: tensor<2x6xf64>) {
  // expected-error @below {{'quench.search_scale' op expected 1 step or more of a grid of no fewer, found 81 of 80}}
  %0 = quench.search_scale %w by(#quench.uniform<i4, axis = 0>) steps 81 of 80 norm 2.0 : (tensor<2x6xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>) {
  // expected-error @below {{'quench.search_scale' op expected a positive norm, found 0.000000e+00}}
  %0 = quench.search_scale %w by(#quench.uniform<i4, axis = 0>) steps 1 of 80 norm 0.0 : (tensor<2x6xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%w: tensor<?x6xf64>) {
  // expected-error @below {{'quench.search_scale' op expected dimension 0 of input to be static}}
  %0 = quench.search_scale %w by(#quench.uniform<i4, axis = 0>) steps 1 of 80 norm 2.0 : (tensor<?x6xf64>) -> tensor<?xf64>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>) {
  // expected-error @below {{'quench.quant_zero' op expected a format with zero points, found #quench.uniform<i4, axis = 0>}}
  %0 = quench.quant_zero %w by(#quench.uniform<i4, axis = 0>) : (tensor<2x6xf64>) -> tensor<2xi8>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>) {
  // expected-error @below {{'quench.rms_scale' op expected a format without zero points, found #quench.uniform<u4, asymmetric, axis = 0>}}
  %0 = quench.rms_scale %w by(#quench.uniform<u4, asymmetric, axis = 0>) factor 0.3 : (tensor<2x6xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>) {
  // expected-error @below {{'quench.rms_scale' op expected a positive factor, found -1.000000e+00}}
  %0 = quench.rms_scale %w by(#quench.uniform<i4, axis = 0>) factor -1.0 : (tensor<2x6xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>) {
  // expected-error @below {{'quench.rms_scale' op expected scales that are multiples of none, found #quench.small_float<e2m1, axis = 0, scale = e4m3>}}
  %0 = quench.rms_scale %w by(#quench.small_float<e2m1, axis = 0, scale = e4m3>) factor 1.0 : (tensor<2x6xf64>) -> tensor<2xf64>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %g: tensor<5x5xf64>) {
  // expected-error @below {{'quench.clip_by_gram' op expected gram of shape [6x6], found 'tensor<5x5xf64>'}}
  %0 = quench.clip_by_gram %w, %g by(#quench.uniform<i4, axis = 0>) steps 10 of 20 : (tensor<2x6xf64>, tensor<5x5xf64>) -> tensor<2x6xf64>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %g: tensor<6x6xf64>) {
  // expected-error @below {{'quench.clip_by_gram' op expected a scale for each row or group of one, found #quench.uniform<i4, axis = 1>}}
  %0 = quench.clip_by_gram %w, %g by(#quench.uniform<i4, axis = 1>) steps 10 of 20 : (tensor<2x6xf64>, tensor<6x6xf64>) -> tensor<2x6xf64>
  return
}

// -----

func.func @f(%g: tensor<5x6xf64>) {
  // expected-error @below {{'quench.diagonal' op expected input of shape [5x5], found 'tensor<5x6xf64>'}}
  %0 = quench.diagonal %g : (tensor<5x6xf64>) -> tensor<5xf64>
  return
}

// -----

func.func @f(%g: tensor<6xf64>) {
  // expected-error @below {{'quench.gram_factor' op expected gram to be a matrix, found 'tensor<6xf64>'}}
  %0 = quench.gram_factor %g damping 0.01 : (tensor<6xf64>) -> tensor<6xf64>
  return
}

// -----

func.func @f(%g: tensor<6x6xf64>) {
  // expected-error @below {{'quench.gram_factor' op expected damping of 0 or more, found -1.000000e+00}}
  %0 = quench.gram_factor %g damping -1.0 : (tensor<6x6xf64>) -> tensor<6x6xf64>
  return
}

// -----

func.func @f(%g: tensor<6x6xf64>, %d: tensor<5xf64>) {
  // expected-error @below {{'quench.gram_factor' op expected order of shape [6], found 'tensor<5xf64>'}}
  %0 = quench.gram_factor %g order %d damping 0.01 : (tensor<6x6xf64>, tensor<5xf64>) -> tensor<6x6xf64>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<2xf64>, %r: tensor<2x2xf64>) {
  // expected-error @below {{'quench.gptq' op expected factor of shape [6x6], found 'tensor<2x2xf64>'}}
  %0 = quench.gptq %w, %s factor %r by(#quench.uniform<i4, axis = 0>) block 128 : (tensor<2x6xf64>, tensor<2xf64>, tensor<2x2xf64>) -> tensor<2x6xi8>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<2xf64>, %r: tensor<6x6xf64>) {
  // expected-error @below {{'quench.gptq' op expected a zero point for #quench.uniform<u4, asymmetric, axis = 0>}}
  %0 = quench.gptq %w, %s factor %r by(#quench.uniform<u4, asymmetric, axis = 0>) block 128 : (tensor<2x6xf64>, tensor<2xf64>, tensor<6x6xf64>) -> tensor<2x6xi8>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<2xf64>, %r: tensor<6x6xf64>) {
  // expected-error @below {{'quench.gptq' op expected a block of 1 column or more, found 0}}
  %0 = quench.gptq %w, %s factor %r by(#quench.uniform<i4, axis = 0>) block 0 : (tensor<2x6xf64>, tensor<2xf64>, tensor<6x6xf64>) -> tensor<2x6xi8>
  return
}

// -----

func.func @f(%w: tensor<2x2x6xf64>, %s: tensor<2xf64>, %r: tensor<6x6xf64>) {
  // expected-error @below {{'quench.gptq' op expected input to be a matrix, found 'tensor<2x2x6xf64>'}}
  %0 = quench.gptq %w, %s factor %r by(#quench.uniform<i4, axis = 0>) block 128 : (tensor<2x2x6xf64>, tensor<2xf64>, tensor<6x6xf64>) -> tensor<2x2x6xi8>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %r: tensor<6x6xf64>) {
  // expected-error @below {{'quench.gptq_zero' op expected a format with zero points, found #quench.uniform<i4, axis = 0, group = 3>}}
  %0 = quench.gptq_zero %w factor %r by(#quench.uniform<i4, axis = 0, group = 3>) steps 1 of 100 norm 2.4 : (tensor<2x6xf64>, tensor<6x6xf64>) -> tensor<2x2xi8>
  return
}

// -----

func.func @f(%g: tensor<6x6xf64>, %c: tensor<5x5xf64>) {
  // expected-error @below {{'quench.ridge_map' op expected cross of shape [6x6], found 'tensor<5x5xf64>'}}
  %0 = quench.ridge_map %g, %c ridge 0.0 damping 0.01 : (tensor<6x6xf64>, tensor<5x5xf64>) -> tensor<6x6xf64>
  return
}

// -----

func.func @f(%g: tensor<6x6xf64>, %c: tensor<6x6xf64>) {
  // expected-error @below {{'quench.ridge_map' op expected ridge and damping of 0 or more, found -1.000000e+00 and 0.000000e+00}}
  %0 = quench.ridge_map %g, %c ridge -1.0 damping 0.0 : (tensor<6x6xf64>, tensor<6x6xf64>) -> tensor<6x6xf64>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<2xf64>) {
  // expected-error @below {{'quench.k_means' op expected a format whose numbers are learned, found #quench.code_book<nf4, axis = 0>}}
  %0 = quench.k_means %w, %s by(#quench.code_book<nf4, axis = 0>) : (tensor<2x6xf64>, tensor<2xf64>) -> tensor<16xf32>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<2xf64>, %m: tensor<2xf64>) {
  // expected-error @below {{'quench.k_means' op expected moments of shape [6], found 'tensor<2xf64>'}}
  %0 = quench.k_means %w, %s moments %m by(#quench.code_book<learned 2, axis = 0>) : (tensor<2x6xf64>, tensor<2xf64>, tensor<2xf64>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<6xf64>) {
  // expected-error @below {{'quench.k_means' op expected scale of shape [2], found 'tensor<6xf64>'}}
  %0 = quench.k_means %w, %s by(#quench.code_book<learned 2, axis = 0>) : (tensor<2x6xf64>, tensor<6xf64>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<2xf64>) {
  // expected-error @below {{'quench.quantize' op expected a table for #quench.code_book<learned 2, axis = 0>}}
  %0 = quench.quantize %w, %s by(#quench.code_book<learned 2, axis = 0>) : (tensor<2x6xf64>, tensor<2xf64>) -> tensor<2x6xi8>
  return
}

// -----

func.func @f(%c: tensor<2x6xi8>, %s: tensor<2xf64>, %t: tensor<16xf32>) {
  // expected-error @below {{'quench.dequantize' op expected no table for #quench.code_book<nf4, axis = 0>}}
  %0 = quench.dequantize %c, %s table %t by(#quench.code_book<nf4, axis = 0>) : (tensor<2x6xi8>, tensor<2xf64>, tensor<16xf32>) -> tensor<2x6xf64>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<2xf64>, %t: tensor<8xf32>) {
  // expected-error @below {{'quench.quantize' op expected table of shape [4], found 'tensor<8xf32>'}}
  %0 = quench.quantize %w, %s table %t by(#quench.code_book<learned 2, axis = 0>) : (tensor<2x6xf64>, tensor<2xf64>, tensor<8xf32>) -> tensor<2x6xi8>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<2xf64>, %t: tensor<4xf64>) {
  // expected-error @below {{'quench.quantize' op expected table of element type 'f32', found 'tensor<4xf64>'}}
  %0 = quench.quantize %w, %s table %t by(#quench.code_book<learned 2, axis = 0>) : (tensor<2x6xf64>, tensor<2xf64>, tensor<4xf64>) -> tensor<2x6xi8>
  return
}

// -----

func.func @f(%x: tensor<2x6xf32>, %s: tensor<2xf32>) {
  // expected-error @below {{'quench.fake_quant' op expected a format whose numbers are known, found #quench.code_book<learned 2, axis = 0>}}
  %0 = quench.fake_quant %x, %s by(#quench.code_book<learned 2, axis = 0>) : (tensor<2x6xf32>, tensor<2xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @f(%w: tensor<2x6xf64>, %s: tensor<2xf64>, %r: tensor<6x6xf64>) {
  // expected-error @below {{'quench.gptq' op expected a table for #quench.code_book<learned 2, axis = 0>}}
  %0 = quench.gptq %w, %s factor %r by(#quench.code_book<learned 2, axis = 0>) block 8 : (tensor<2x6xf64>, tensor<2xf64>, tensor<6x6xf64>) -> tensor<2x6xi8>
  return
}
