// Arithmetic on parameters: every op survives text and bytecode, and
// canonicalization keeps what a program computes in real numbers.

// RUN: quench-opt %s -split-input-file | FileCheck %s
// RUN: quench-opt %s -canonicalize -split-input-file | FileCheck %s --check-prefix=FOLD

// CHECK-LABEL: func.func @ops
func.func @ops() -> tensor<4x4x24xf64> {
  %w = quench.param <"m"::"w"> : tensor<4x24xf64>
  %s = quench.param <"m"::"s"> : tensor<24xf64>
  %m = quench.param <"m"::"m"> : tensor<2x12x12xf64>
  // CHECK: quench.channel_scale %{{.*}}, %{{.*}} axis 1 inverse : (tensor<4x24xf64>, tensor<24xf64>) -> tensor<4x24xf64>
  %0 = quench.channel_scale %w, %s axis 1 inverse : (tensor<4x24xf64>, tensor<24xf64>) -> tensor<4x24xf64>
  // CHECK: quench.rotate %{{.*}} axis 1 by(#quench.hadamard<12>)
  %1 = quench.rotate %0 axis 1 by(#quench.hadamard<12>) : (tensor<4x24xf64>) -> tensor<4x24xf64>
  // CHECK: quench.rotate %{{.*}} axis 1 by(#quench.random_hadamard<24, seed = 3, transposed>)
  %2 = quench.rotate %1 axis 1 by(#quench.random_hadamard<24, seed = 3, transposed>) : (tensor<4x24xf64>) -> tensor<4x24xf64>
  // CHECK: quench.rotate %{{.*}} axis 0 by(#quench.random_orthogonal<4, seed = 18446744073709551615>)
  %3 = quench.rotate %2 axis 0 by(#quench.random_orthogonal<4, seed = 18446744073709551615>) : (tensor<4x24xf64>) -> tensor<4x24xf64>
  // CHECK: quench.rotate_by %{{.*}}, %{{.*}} axis 1 transposed : (tensor<4x24xf64>, tensor<2x12x12xf64>) -> tensor<4x24xf64>
  %4 = quench.rotate_by %3, %m axis 1 transposed : (tensor<4x24xf64>, tensor<2x12x12xf64>) -> tensor<4x24xf64>
  // CHECK: quench.center %{{.*}} axis 0
  %5 = quench.center %4 axis 0 : (tensor<4x24xf64>) -> tensor<4x24xf64>
  // CHECK: quench.shift %{{.*}}, %{{.*}} negative
  %6 = quench.shift %5, %s negative : (tensor<4x24xf64>, tensor<24xf64>) -> tensor<4x24xf64>
  // CHECK: quench.fill 1.500000e+00 : tensor<24x4xf64>
  %7 = quench.fill 1.5 : tensor<24x4xf64>
  // CHECK: quench.contract %{{.*}}, %{{.*}} : (tensor<4x24xf64>, tensor<24x4xf64>) -> tensor<4x4xf64>
  %8 = quench.contract %6, %7 : (tensor<4x24xf64>, tensor<24x4xf64>) -> tensor<4x4xf64>
  %9 = quench.reshape %8 : (tensor<4x4xf64>) -> tensor<4x4x1xf64>
  // CHECK: quench.absmax %{{.*}} axis 2 : (tensor<4x4x1xf64>) -> tensor<1xf64>
  %10 = quench.absmax %9 axis 2 : (tensor<4x4x1xf64>) -> tensor<1xf64>
  // CHECK: quench.spectral_norm %{{.*}}, %{{.*}} : (tensor<4x24xf64>, tensor<24xf64>) -> tensor<f64>
  %11 = quench.spectral_norm %6, %s : (tensor<4x24xf64>, tensor<24xf64>) -> tensor<f64>
  // CHECK: quench.quant_scale %{{.*}} by(#quench.uniform<i4, axis = 0>) : (tensor<4x24xf64>) -> tensor<4xf64>
  %12 = quench.quant_scale %6 by(#quench.uniform<i4, axis = 0>) : (tensor<4x24xf64>) -> tensor<4xf64>
  // CHECK: quench.quantize %{{.*}}, %{{.*}} by(#quench.uniform<i4, axis = 0>) : (tensor<4x24xf64>, tensor<4xf64>) -> tensor<4x24xi8>
  %13 = quench.quantize %6, %12 by(#quench.uniform<i4, axis = 0>) : (tensor<4x24xf64>, tensor<4xf64>) -> tensor<4x24xi8>
  // CHECK: quench.dequantize %{{.*}}, %{{.*}} by(#quench.uniform<i4, axis = 0>) : (tensor<4x24xi8>, tensor<4xf64>) -> tensor<4x24xf64>
  %14 = quench.dequantize %13, %12 by(#quench.uniform<i4, axis = 0>) : (tensor<4x24xi8>, tensor<4xf64>) -> tensor<4x24xf64>
  %15 = quench.channel_scale %14, %11 axis 0 : (tensor<4x24xf64>, tensor<f64>) -> tensor<4x24xf64>
  %16 = quench.concat %15, %15, %15, %15 axis 0 : (tensor<4x24xf64>, tensor<4x24xf64>, tensor<4x24xf64>, tensor<4x24xf64>) -> tensor<16x24xf64>
  %17 = quench.reshape %16 : (tensor<16x24xf64>) -> tensor<4x4x24xf64>
  return %17 : tensor<4x4x24xf64>
}

// -----

// Two scalings are one by the product; a scaling and its inverse none. A program
// that changes nothing is the parameter, without a rounding.

// FOLD-LABEL: func.func @scales
// FOLD-DAG: %[[W:.*]] = quench.param <"m"::"w"> : tensor<4x6xbf16>
// FOLD-DAG: %[[S:.*]] = quench.param <"m"::"s"> : tensor<6xf64>
// FOLD-DAG: %[[T:.*]] = quench.param <"m"::"t"> : tensor<6xf64>
// FOLD-DAG: %[[WIDE:.*]] = quench.cast %[[W]]
// FOLD-DAG: %[[ST:.*]] = quench.channel_scale %[[S]], %[[T]] axis 0 inverse
// FOLD: %[[BOTH:.*]] = quench.channel_scale %[[WIDE]], %[[ST]] axis 1 :
// FOLD: return %[[W]], %[[BOTH]], %[[W]]
func.func @scales() -> (tensor<4x6xbf16>, tensor<4x6xf64>, tensor<4x6xbf16>) {
  %w = quench.param <"m"::"w"> : tensor<4x6xbf16>
  %s = quench.param <"m"::"s"> : tensor<6xf64>
  %t = quench.param <"m"::"t"> : tensor<6xf64>
  %u = quench.param <"m"::"u"> : tensor<4xf64>
  %one = quench.fill 1.0 : tensor<f64>
  %x = quench.cast %w : (tensor<4x6xbf16>) -> tensor<4x6xf64>
  %0 = quench.channel_scale %x, %s axis 1 : (tensor<4x6xf64>, tensor<6xf64>) -> tensor<4x6xf64>
  %1 = quench.channel_scale %0, %s axis 1 inverse : (tensor<4x6xf64>, tensor<6xf64>) -> tensor<4x6xf64>
  %2 = quench.cast %1 : (tensor<4x6xf64>) -> tensor<4x6xbf16>
  %3 = quench.channel_scale %0, %t axis 1 inverse : (tensor<4x6xf64>, tensor<6xf64>) -> tensor<4x6xf64>
  // The scale of the other axis is no obstacle.
  %4 = quench.channel_scale %x, %u axis 0 : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<4x6xf64>
  %5 = quench.channel_scale %4, %s axis 1 inverse : (tensor<4x6xf64>, tensor<6xf64>) -> tensor<4x6xf64>
  %6 = quench.channel_scale %5, %u axis 0 inverse : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<4x6xf64>
  %7 = quench.channel_scale %6, %s axis 1 : (tensor<4x6xf64>, tensor<6xf64>) -> tensor<4x6xf64>
  %8 = quench.channel_scale %7, %one axis 1 : (tensor<4x6xf64>, tensor<f64>) -> tensor<4x6xf64>
  %9 = quench.cast %8 : (tensor<4x6xf64>) -> tensor<4x6xbf16>
  return %2, %3, %9 : tensor<4x6xbf16>, tensor<4x6xf64>, tensor<4x6xbf16>
}

// -----

// A matrix and its transpose cancel, a symmetric one twice. The order 12 has no
// symmetric matrix here.

// FOLD-LABEL: func.func @rotations
// FOLD-DAG: %[[W:.*]] = quench.param <"m"::"w"> : tensor<8x12xf64>
// FOLD-DAG: %[[TWICE:.*]] = quench.rotate %{{.*}} axis 1 by(#quench.hadamard<12>)
// FOLD: return %[[W]], %[[W]], %{{.*}}, %[[W]], %[[W]]
func.func @rotations() -> (tensor<8x12xf64>, tensor<8x12xf64>, tensor<8x12xf64>, tensor<8x12xf64>, tensor<8x12xf64>) {
  %w = quench.param <"m"::"w"> : tensor<8x12xf64>
  %m = quench.param <"m"::"m"> : tensor<12x12xf64>
  %0 = quench.rotate %w axis 0 by(#quench.hadamard<8>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %1 = quench.rotate %0 axis 0 by(#quench.hadamard<8>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %2 = quench.rotate %w axis 0 by(#quench.random_hadamard<8, seed = 1>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %3 = quench.rotate %2 axis 1 by(#quench.random_orthogonal<12, seed = 1, transposed>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %4 = quench.rotate %3 axis 0 by(#quench.random_hadamard<8, seed = 1, transposed>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %5 = quench.rotate %4 axis 1 by(#quench.random_orthogonal<12, seed = 1>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %6 = quench.rotate %w axis 1 by(#quench.hadamard<12>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %7 = quench.rotate %6 axis 1 by(#quench.hadamard<12>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %8 = quench.rotate_by %w, %m axis 1 : (tensor<8x12xf64>, tensor<12x12xf64>) -> tensor<8x12xf64>
  %9 = quench.rotate_by %8, %m axis 1 transposed : (tensor<8x12xf64>, tensor<12x12xf64>) -> tensor<8x12xf64>
  %10 = quench.rotate %w axis 0 by(#quench.hadamard<8, transposed>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %11 = quench.rotate %10 axis 0 by(#quench.hadamard<8, transposed>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  return %1, %5, %7, %9, %11 : tensor<8x12xf64>, tensor<8x12xf64>, tensor<8x12xf64>, tensor<8x12xf64>, tensor<8x12xf64>
}

// -----

// Centering does not commute with a scaling along its axis.

// FOLD-LABEL: func.func @centers
// FOLD: %[[ONCE:.*]] = quench.center %{{.*}} axis 0
// FOLD: %[[SCALED:.*]] = quench.channel_scale %[[ONCE]]
// FOLD: %[[AGAIN:.*]] = quench.center %[[SCALED]] axis 0
// FOLD: return %[[ONCE]], %[[AGAIN]]
func.func @centers() -> (tensor<4x6xf64>, tensor<4x6xf64>) {
  %w = quench.param <"m"::"w"> : tensor<4x6xf64>
  %u = quench.param <"m"::"u"> : tensor<4xf64>
  %0 = quench.center %w axis 0 : (tensor<4x6xf64>) -> tensor<4x6xf64>
  %1 = quench.center %0 axis 0 : (tensor<4x6xf64>) -> tensor<4x6xf64>
  %2 = quench.channel_scale %1, %u axis 0 : (tensor<4x6xf64>, tensor<4xf64>) -> tensor<4x6xf64>
  %3 = quench.center %2 axis 0 : (tensor<4x6xf64>) -> tensor<4x6xf64>
  return %1, %3 : tensor<4x6xf64>, tensor<4x6xf64>
}

// -----

// FOLD-LABEL: func.func @shifts
// FOLD-DAG: %[[B:.*]] = quench.param <"m"::"b"> : tensor<6xf64>
// FOLD-DAG: %[[Z:.*]] = quench.param <"m"::"z"> : tensor<6xf64>
// FOLD: return %[[B]], %[[Z]], %[[B]]
func.func @shifts() -> (tensor<6xf64>, tensor<6xf64>, tensor<6xf64>) {
  %b = quench.param <"m"::"b"> : tensor<6xf64>
  %z = quench.param <"m"::"z"> : tensor<6xf64>
  %none = quench.fill 0.0 : tensor<6xf64>
  %0 = quench.shift %b, %z : (tensor<6xf64>, tensor<6xf64>) -> tensor<6xf64>
  %1 = quench.shift %0, %z negative : (tensor<6xf64>, tensor<6xf64>) -> tensor<6xf64>
  %2 = quench.shift %none, %z : (tensor<6xf64>, tensor<6xf64>) -> tensor<6xf64>
  %3 = quench.shift %b, %none negative : (tensor<6xf64>, tensor<6xf64>) -> tensor<6xf64>
  return %1, %2, %3 : tensor<6xf64>, tensor<6xf64>, tensor<6xf64>
}

// -----

// Slices one after the other are one; a slice goes to the parameters, with the
// part of the scale that it needs, but not through what mixes its axis.

// FOLD-LABEL: func.func @slices
// FOLD-DAG: %[[W:.*]] = quench.param <"m"::"w"> : tensor<8x12xbf16>
// FOLD-DAG: %[[U:.*]] = quench.param <"m"::"u"> : tensor<8xf64>
// FOLD-DAG: %[[ROWS:.*]] = quench.slice %[[W]] axis 0[2, 5]
// FOLD-DAG: %[[WIDE:.*]] = quench.cast %[[ROWS]]
// FOLD-DAG: %[[PART:.*]] = quench.slice %[[U]] axis 0[2, 5]
// FOLD-DAG: %[[SCALED:.*]] = quench.channel_scale %[[WIDE]], %[[PART]] axis 0
// FOLD-DAG: %[[ROTATED:.*]] = quench.rotate %[[SCALED]] axis 1
// FOLD-DAG: %[[MIXED:.*]] = quench.rotate
// FOLD-DAG: %[[LEFT:.*]] = quench.slice %[[MIXED]] axis 1[0, 6]
// FOLD: return %[[W]], %[[ROTATED]], %[[LEFT]]
func.func @slices() -> (tensor<8x12xbf16>, tensor<3x12xf64>, tensor<8x6xf64>) {
  %w = quench.param <"m"::"w"> : tensor<8x12xbf16>
  %u = quench.param <"m"::"u"> : tensor<8xf64>
  %0 = quench.slice %w axis 0 [0, 3] : (tensor<8x12xbf16>) -> tensor<3x12xbf16>
  %1 = quench.slice %w axis 0 [3, 5] : (tensor<8x12xbf16>) -> tensor<2x12xbf16>
  %2 = quench.slice %w axis 0 [5, 8] : (tensor<8x12xbf16>) -> tensor<3x12xbf16>
  %3 = quench.concat %0, %1, %2 axis 0 : (tensor<3x12xbf16>, tensor<2x12xbf16>, tensor<3x12xbf16>) -> tensor<8x12xbf16>
  %x = quench.cast %w : (tensor<8x12xbf16>) -> tensor<8x12xf64>
  %4 = quench.channel_scale %x, %u axis 0 : (tensor<8x12xf64>, tensor<8xf64>) -> tensor<8x12xf64>
  %5 = quench.rotate %4 axis 1 by(#quench.hadamard<12>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %6 = quench.slice %5 axis 0 [2, 5] : (tensor<8x12xf64>) -> tensor<3x12xf64>
  %y = quench.param <"m"::"y"> : tensor<8x12xf64>
  %7 = quench.rotate %y axis 1 by(#quench.hadamard<12>) : (tensor<8x12xf64>) -> tensor<8x12xf64>
  %8 = quench.slice %7 axis 1 [0, 6] : (tensor<8x12xf64>) -> tensor<8x6xf64>
  return %3, %6, %8 : tensor<8x12xbf16>, tensor<3x12xf64>, tensor<8x6xf64>
}

// -----

// What moves numbers goes before casts and steps, so that nothing rounds twice.

// FOLD-LABEL: func.func @moves
// FOLD-DAG: %[[W:.*]] = quench.param <"m"::"w"> : tensor<4x6xbf16>
// FOLD-DAG: %[[T:.*]] = quench.transpose %[[W]] [1, 0]
// FOLD-DAG: %[[WIDE:.*]] = quench.cast %[[T]] : (tensor<6x4xbf16>) -> tensor<6x4xf64>
// FOLD-DAG: %[[SCALED:.*]] = quench.channel_scale %[[WIDE]], %{{.*}} axis 0
// FOLD-DAG: %[[FLAT:.*]] = quench.reshape %[[SCALED]]
// FOLD-DAG: %[[ROUNDED:.*]] = quench.cast %[[FLAT]] : (tensor<24xf64>) -> tensor<24xbf16>
// FOLD-DAG: %[[MAX:.*]] = quench.absmax %[[W]] axis 1
// FOLD-DAG: %[[WIDEMAX:.*]] = quench.cast %[[MAX]]
// FOLD: return %[[ROUNDED]], %[[WIDEMAX]]
func.func @moves() -> (tensor<24xbf16>, tensor<6xf64>) {
  %w = quench.param <"m"::"w"> : tensor<4x6xbf16>
  %s = quench.param <"m"::"s"> : tensor<6xf64>
  %x = quench.cast %w : (tensor<4x6xbf16>) -> tensor<4x6xf64>
  %0 = quench.channel_scale %x, %s axis 1 : (tensor<4x6xf64>, tensor<6xf64>) -> tensor<4x6xf64>
  %1 = quench.cast %0 : (tensor<4x6xf64>) -> tensor<4x6xbf16>
  %2 = quench.transpose %1 [1, 0] : (tensor<4x6xbf16>) -> tensor<6x4xbf16>
  %3 = quench.reshape %2 : (tensor<6x4xbf16>) -> tensor<24xbf16>
  %4 = quench.absmax %x axis 1 : (tensor<4x6xf64>) -> tensor<6xf64>
  return %3, %4 : tensor<24xbf16>, tensor<6xf64>
}

// -----

// FOLD-LABEL: func.func @online
// FOLD-SAME: %[[X:.*]]: tensor<?x24xf32>
// FOLD: %[[Y:.*]] = quench.online_hadamard %[[X]] by(#quench.hadamard<12>) : tensor<?x24xf32>
// FOLD: return %[[X]], %[[X]], %[[Y]]
func.func @online(%x: tensor<?x24xf32>) -> (tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x24xf32>) {
  %0 = quench.online_hadamard %x by(#quench.hadamard<8>) : tensor<?x24xf32>
  %1 = quench.online_hadamard %0 by(#quench.hadamard<8>) : tensor<?x24xf32>
  %2 = quench.online_hadamard %x by(#quench.hadamard<12>) : tensor<?x24xf32>
  %3 = quench.online_hadamard %2 by(#quench.hadamard<12, transposed>) : tensor<?x24xf32>
  return %1, %3, %2 : tensor<?x24xf32>, tensor<?x24xf32>, tensor<?x24xf32>
}
