// RUN: quench-opt %s --quench-legalize | FileCheck %s
// RUN: quench-opt %s --quench-legalize --remarks-filter=quench-legalize -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Two products of one input have one tensor of codes; scales become f32.
// CHECK-LABEL: func.func @shared
// CHECK: %[[W:.*]] = quench.quantize
// CHECK: %[[S:.*]] = quench.dynamic_scale %[[X:.*]] by
// CHECK: %[[C:.*]] = quench.encode %[[X]], %[[S]] by(#quench.uniform<i8, token>) : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xi8>
// CHECK-NOT: quench.encode
// CHECK: %[[T:.*]] = quench.cast %{{.*}} : (tensor<4xf64>) -> tensor<4xf32>
// CHECK: quench.integer_linear %[[C]] scale %[[S]] by(#quench.uniform<i8, token>), %[[W]] scale %[[T]] by(#quench.uniform<i8, axis = 0>) bias %{{.*}} : (tensor<?x8xi8>, tensor<?xf32>, tensor<4x8xi8>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
// CHECK: quench.integer_linear %[[C]] scale %[[S]]
// CHECK-NOT: quench.fake_quant
// REMARK-COUNT-2: remark: [Passed] integer | {{.*}}quench.linear sums products of codes as integers
func.func @shared(%x: tensor<?x8xf32>, %b: tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %p = quench.param <"m"::"w"> : tensor<4x8xf64>
  %t = quench.quant_scale %p by(#quench.uniform<i8, axis = 0>) : (tensor<4x8xf64>) -> tensor<4xf64>
  %c = quench.quantize %p, %t by(#quench.uniform<i8, axis = 0>) : (tensor<4x8xf64>, tensor<4xf64>) -> tensor<4x8xi8>
  %d = quench.dequantize %c, %t by(#quench.uniform<i8, axis = 0>) : (tensor<4x8xi8>, tensor<4xf64>) -> tensor<4x8xf64>
  %w = quench.cast %d : (tensor<4x8xf64>) -> tensor<4x8xf32>
  %s = quench.dynamic_scale %x by(#quench.uniform<i8, token>) : (tensor<?x8xf32>) -> tensor<?xf32>
  %f = quench.fake_quant %x, %s by(#quench.uniform<i8, token>) : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
  %0 = quench.linear %f, %w bias %b : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %1 = quench.linear %f, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}

// Numbers that something else reads stay; halves are the result, not between.
// CHECK-LABEL: func.func @halves
// CHECK: quench.fake_quant
// CHECK: quench.integer_linear {{.*}} zero %{{.*}} by(#quench.uniform<u8, asymmetric>), {{.*}} zero %{{.*}} by(#quench.uniform<u4, asymmetric, axis = 0, group = 4>) {element_type = bf16}
func.func @halves(%x: tensor<?x8xbf16>) -> (tensor<?x4xbf16>, tensor<?x8xbf16>) {
  %s = quench.param <"m"::"s"> : tensor<f32>
  %z = quench.param <"m"::"z"> : tensor<i8>
  %c = quench.param <"m"::"c"> : tensor<4x8xi8>
  %t = quench.param <"m"::"t"> : tensor<4x2xf32>
  %y = quench.param <"m"::"y"> : tensor<4x2xi8>
  %d = quench.dequantize %c, %t, %y by(#quench.uniform<u4, asymmetric, axis = 0, group = 4>) : (tensor<4x8xi8>, tensor<4x2xf32>, tensor<4x2xi8>) -> tensor<4x8xf32>
  %w = quench.cast %d : (tensor<4x8xf32>) -> tensor<4x8xbf16>
  %f = quench.fake_quant %x, %s, %z by(#quench.uniform<u8, asymmetric>) : (tensor<?x8xbf16>, tensor<f32>, tensor<i8>) -> tensor<?x8xbf16>
  %0 = quench.linear %f, %w : (tensor<?x8xbf16>, tensor<4x8xbf16>) -> tensor<?x4xbf16>
  return %0, %f : tensor<?x4xbf16>, tensor<?x8xbf16>
}

// Where the input has no integers, the weight keeps its codes; what stays in
// floats altogether, and why.
// CHECK-LABEL: func.func @floats
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<2x8xf32>
// CHECK-NOT: quench.integer_linear
// CHECK: quench.weight_only_linear %[[X]], %[[C:.*]] scale %[[P:.*]] by(#quench.uniform<i8>) : (tensor<2x8xf32>, tensor<4x8xi8>, tensor<f32>) -> tensor<2x4xf32>
// CHECK: quench.linear
// CHECK: quench.weight_only_linear %{{.*}}, %[[C]] scale %[[P]] by(#quench.uniform<i8>)
// CHECK: quench.linear
// CHECK: quench.linear
// CHECK: quench.weight_only_linear
// CHECK: quench.weight_only_linear
// REMARK: [Passed] weight-only | {{.*}}quench.linear multiplies floats by the codes of its weight: its input has no quantizer
// REMARK: [Missed] float | {{.*}}quench.linear stays in floats: its weight has no quantizer
// REMARK: [Passed] weight-only | {{.*}}codes of its weight: scales of #quench.uniform<i8, token, group = 4> differ within a row
// REMARK: [Missed] float | {{.*}}quench.linear stays in floats: the numbers of #quench.log<u5> are no integers
// REMARK: [Missed] float | {{.*}}quench.linear stays in floats: every number of #quench.uniform<i8, axis = 0, group = 1> has a scale of its own
// REMARK: [Passed] weight-only | {{.*}}codes of its weight: zero points of fewer than 8 bits have no bytes
// REMARK: [Passed] weight-only | {{.*}}codes of its weight: the numbers of #quench.log<u4> are no integers
func.func @floats(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>, %s: tensor<f32>, %t: tensor<2x2xf32>, %z: tensor<i4>)
    -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) {
  %c = quench.param <"m"::"c"> : tensor<4x8xi8>
  %p = quench.param <"m"::"s"> : tensor<f32>
  %q = quench.param <"m"::"q"> : tensor<4x8xf32>
  %d = quench.dequantize %c, %p by(#quench.uniform<i8>) : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  %e = quench.dequantize %c, %p by(#quench.log<u5>) : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  %g = quench.dequantize %c, %q by(#quench.uniform<i8, axis = 0, group = 1>) : (tensor<4x8xi8>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %f = quench.fake_quant %x, %s by(#quench.uniform<i8>) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %h = quench.fake_quant %x, %t by(#quench.uniform<i8, token, group = 4>) : (tensor<2x8xf32>, tensor<2x2xf32>) -> tensor<2x8xf32>
  %i = quench.fake_quant %x, %s, %z by(#quench.uniform<u4, asymmetric>) : (tensor<2x8xf32>, tensor<f32>, tensor<i4>) -> tensor<2x8xf32>
  %l = quench.fake_quant %x, %s by(#quench.log<u4>) : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %0 = quench.linear %x, %d : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
  %1 = quench.linear %f, %w : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
  %2 = quench.linear %h, %d : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
  %3 = quench.linear %f, %e : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
  %4 = quench.linear %f, %g : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
  %5 = quench.linear %i, %d : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
  %6 = quench.linear %l, %d : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
  return %0, %1, %2, %3, %4, %5, %6 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>
}

// Beside floats, codes of up to 4 bits may be places in tables.
// CHECK-LABEL: func.func @tables
// CHECK: %[[D:.*]] = quench.cast %[[S:.*]] : (tensor<4xf64>) -> tensor<4xf32>
// CHECK: quench.weight_only_linear %{{.*}}, %{{.*}} scale %[[D]] table %[[T:.*]] by(#quench.code_book<learned 4, axis = 0>) : (tensor<?x8xf32>, tensor<4x8xi8>, tensor<4xf32>, tensor<16xf32>) -> tensor<?x4xf32>
// CHECK: quench.weight_only_linear {{.*}} by(#quench.small_float<e2m1>)
// CHECK: quench.linear
// REMARK: [Passed] weight-only | {{.*}}codes of its weight: its input has no quantizer
// REMARK: [Passed] weight-only | {{.*}}codes of its weight: the numbers of #quench.small_float<e2m1> are no integers
// REMARK: [Missed] float | {{.*}}quench.linear stays in floats: the numbers of #quench.code_book<learned 5, axis = 0> are no integers
func.func @tables(%x: tensor<?x8xf32>, %s: tensor<f32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %c = quench.param <"m"::"c"> : tensor<4x8xi8>
  %p = quench.param <"m"::"p"> : tensor<4xf64>
  %q = quench.param <"m"::"q"> : tensor<f32>
  %t = quench.param <"m"::"t"> : tensor<16xf32>
  %u = quench.param <"m"::"u"> : tensor<32xf32>
  %d = quench.dequantize %c, %p table %t by(#quench.code_book<learned 4, axis = 0>) : (tensor<4x8xi8>, tensor<4xf64>, tensor<16xf32>) -> tensor<4x8xf64>
  %e = quench.cast %d : (tensor<4x8xf64>) -> tensor<4x8xf32>
  %f = quench.dequantize %c, %q by(#quench.small_float<e2m1>) : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  %g = quench.dequantize %c, %p table %u by(#quench.code_book<learned 5, axis = 0>) : (tensor<4x8xi8>, tensor<4xf64>, tensor<32xf32>) -> tensor<4x8xf64>
  %h = quench.cast %g : (tensor<4x8xf64>) -> tensor<4x8xf32>
  %i = quench.fake_quant %x, %s by(#quench.uniform<i8>) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %0 = quench.linear %x, %e : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %1 = quench.linear %i, %f : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %2 = quench.linear %x, %h : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %0, %1, %2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @wide
// CHECK-NOT: quench.integer_linear
// CHECK: quench.linear
// CHECK: quench.weight_only_linear
// REMARK: [Missed] float | {{.*}}quench.linear stays in floats: sums of integers become f32, the model has f64
// REMARK: [Passed] weight-only | {{.*}}codes of its weight: sums of 32768 products of #quench.uniform<i8> and #quench.uniform<i8> need more than 32 bits
func.func @wide(%x: tensor<2x8xf64>, %y: tensor<2x32768xf32>, %s: tensor<f64>, %t: tensor<f32>) -> (tensor<2x4xf64>, tensor<2x4xf32>) {
  %c = quench.param <"m"::"c"> : tensor<4x8xi8>
  %p = quench.param <"m"::"s"> : tensor<f64>
  %d = quench.dequantize %c, %p by(#quench.uniform<i8>) : (tensor<4x8xi8>, tensor<f64>) -> tensor<4x8xf64>
  %f = quench.fake_quant %x, %s by(#quench.uniform<i8>) : (tensor<2x8xf64>, tensor<f64>) -> tensor<2x8xf64>
  %0 = quench.linear %f, %d : (tensor<2x8xf64>, tensor<4x8xf64>) -> tensor<2x4xf64>
  %e = quench.param <"m"::"e"> : tensor<4x32768xi8>
  %q = quench.param <"m"::"t"> : tensor<f32>
  %g = quench.dequantize %e, %q by(#quench.uniform<i8>) : (tensor<4x32768xi8>, tensor<f32>) -> tensor<4x32768xf32>
  %h = quench.fake_quant %y, %t by(#quench.uniform<i8>) : (tensor<2x32768xf32>, tensor<f32>) -> tensor<2x32768xf32>
  %1 = quench.linear %h, %g : (tensor<2x32768xf32>, tensor<4x32768xf32>) -> tensor<2x4xf32>
  return %0, %1 : tensor<2x4xf64>, tensor<2x4xf32>
}

// Attention of quantized operands and probabilities is one op.
// CHECK-LABEL: func.func @attention
// CHECK: %[[Q:.*]] = quench.encode %{{.*}}, %[[R:.*]] by(#quench.uniform<i8, token>) : (tensor<?x?x4x8xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4x8xi8>
// CHECK: %[[V:.*]] = quench.encode {{.*}} by(#quench.uniform<i8, sequence>) : (tensor<?x?x2x8xf32>, tensor<?x2xf32>) -> tensor<?x?x2x8xi8>
// CHECK: quench.integer_attention %[[Q]] scale %[[R]] by(#quench.uniform<i8, token>), %{{.*}}, %[[V]] scale %{{.*}} probabilities(#quench.uniform<u8, token>) mask %{{.*}} scale 2.500000e-01 causal
// CHECK-NOT: quench.fake_quant
// CHECK: return
// REMARK: [Passed] integer | {{.*}}attention sums products of codes as integers
func.func @attention(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>, %m: tensor<?x?xi64>) -> tensor<?x?x4x8xf32> {
  %r = quench.dynamic_scale %q by(#quench.uniform<i8, token>) : (tensor<?x?x4x8xf32>) -> tensor<?x?x4xf32>
  %0 = quench.fake_quant %q, %r by(#quench.uniform<i8, token>) : (tensor<?x?x4x8xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4x8xf32>
  %s = quench.dynamic_scale %k by(#quench.uniform<i8, token>) : (tensor<?x?x2x8xf32>) -> tensor<?x?x2xf32>
  %1 = quench.fake_quant %k, %s by(#quench.uniform<i8, token>) : (tensor<?x?x2x8xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2x8xf32>
  %t = quench.dynamic_scale %k by(#quench.uniform<i8, sequence>) : (tensor<?x?x2x8xf32>) -> tensor<?x2xf32>
  %2 = quench.fake_quant %k, %t by(#quench.uniform<i8, sequence>) : (tensor<?x?x2x8xf32>, tensor<?x2xf32>) -> tensor<?x?x2x8xf32>
  %p = quench.attention_probabilities %0, %1 mask %m scale 0.25 causal : (tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?xi64>) -> tensor<?x4x?x?xf32>
  %u = quench.dynamic_scale %p by(#quench.uniform<u8, token>) : (tensor<?x4x?x?xf32>) -> tensor<?x4x?xf32>
  %3 = quench.fake_quant %p, %u by(#quench.uniform<u8, token>) : (tensor<?x4x?x?xf32>, tensor<?x4x?xf32>) -> tensor<?x4x?x?xf32>
  %4 = quench.attention_values %3, %2 : (tensor<?x4x?x?xf32>, tensor<?x?x2x8xf32>) -> tensor<?x?x4x8xf32>
  return %4 : tensor<?x?x4x8xf32>
}

// So it is with zero points, and with probabilities whose scale is given.
// CHECK-LABEL: func.func @given_attention
// CHECK: quench.integer_attention %{{.*}} scale %[[S:.*]] zero %[[Z:.*]] by(#quench.uniform<u8, asymmetric>), %{{.*}} scale %[[S]] zero %[[Z]] by(#quench.uniform<u8, asymmetric>), %{{.*}} scale %[[S]] by(#quench.uniform<i8>) probabilities scale %[[S]] by(#quench.log<u4, zero = last>) scale 2.500000e-01 full
// CHECK-NOT: quench.fake_quant
// CHECK: return
// REMARK: [Passed] integer | {{.*}}attention sums products of codes as integers
func.func @given_attention(%q: tensor<?x?x4x8xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<?x?x4x8xf32> {
  %0 = quench.fake_quant %q, %s, %z by(#quench.uniform<u8, asymmetric>) : (tensor<?x?x4x8xf32>, tensor<f32>, tensor<i8>) -> tensor<?x?x4x8xf32>
  %1 = quench.fake_quant %q, %s by(#quench.uniform<i8>) : (tensor<?x?x4x8xf32>, tensor<f32>) -> tensor<?x?x4x8xf32>
  %p = quench.attention_probabilities %0, %0 scale 0.25 full : (tensor<?x?x4x8xf32>, tensor<?x?x4x8xf32>) -> tensor<?x4x?x?xf32>
  %2 = quench.fake_quant %p, %s by(#quench.log<u4, zero = last>) : (tensor<?x4x?x?xf32>, tensor<f32>) -> tensor<?x4x?x?xf32>
  %3 = quench.attention_values %2, %1 : (tensor<?x4x?x?xf32>, tensor<?x?x4x8xf32>) -> tensor<?x?x4x8xf32>
  return %3 : tensor<?x?x4x8xf32>
}

// What keeps it in floats.
// CHECK-LABEL: func.func @float_attention
// CHECK-NOT: quench.integer_attention
// REMARK: [Missed] float | {{.*}}attention stays in floats: its key has no quantizer
// REMARK: [Missed] float | {{.*}}attention stays in floats: scales of #quench.uniform<i8, token> differ within a sum
// REMARK: [Missed] float | {{.*}}attention stays in floats: of its probabilities, the numbers of #quench.uniform<i8> are neither unsigned integers nor a table from 0 on
// REMARK: [Missed] float | {{.*}}attention stays in floats: its probabilities are computed elsewhere
// REMARK: [Missed] float | {{.*}}attention stays in floats: its softmax is clipped, and codes are made of weights that are not normalized yet
// REMARK: [Missed] float | {{.*}}attention stays in floats: scales of rows of its probabilities are not computed at run time
// REMARK: [Missed] float | {{.*}}attention stays in floats: the one scale of its probabilities is computed from all of them at run time
func.func @float_attention(%q: tensor<2x5x4x8xf32>, %w: tensor<2x4x5x5xf32>, %u: tensor<f32>, %n: tensor<2x4x5xf32>)
    -> (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) {
  %r = quench.dynamic_scale %q by(#quench.uniform<i8, token>) : (tensor<2x5x4x8xf32>) -> tensor<2x5x4xf32>
  %0 = quench.fake_quant %q, %r by(#quench.uniform<i8, token>) : (tensor<2x5x4x8xf32>, tensor<2x5x4xf32>) -> tensor<2x5x4x8xf32>
  %v = quench.fake_quant %q, %u by(#quench.uniform<i8>) : (tensor<2x5x4x8xf32>, tensor<f32>) -> tensor<2x5x4x8xf32>
  %a = quench.attention_probabilities %0, %q scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  %b = quench.attention_probabilities %0, %0 scale 0.25 full : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  %s = quench.dynamic_scale %a by(#quench.uniform<u8, token>) : (tensor<2x4x5x5xf32>) -> tensor<2x4x5xf32>
  %1 = quench.fake_quant %a, %s by(#quench.uniform<u8, token>) : (tensor<2x4x5x5xf32>, tensor<2x4x5xf32>) -> tensor<2x4x5x5xf32>
  %t = quench.dynamic_scale %b by(#quench.uniform<u8, token>) : (tensor<2x4x5x5xf32>) -> tensor<2x4x5xf32>
  %2 = quench.fake_quant %b, %t by(#quench.uniform<u8, token>) : (tensor<2x4x5x5xf32>, tensor<2x4x5xf32>) -> tensor<2x4x5x5xf32>
  %3 = quench.fake_quant %b, %u by(#quench.uniform<i8>) : (tensor<2x4x5x5xf32>, tensor<f32>) -> tensor<2x4x5x5xf32>
  %4 = quench.fake_quant %w, %u by(#quench.uniform<u8>) : (tensor<2x4x5x5xf32>, tensor<f32>) -> tensor<2x4x5x5xf32>
  %5 = quench.attention_values %1, %v : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %6 = quench.attention_values %2, %0 : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %7 = quench.attention_values %3, %v : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %8 = quench.attention_values %4, %v : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %c = quench.attention_probabilities %0, %0 scale 0.25 full {gamma = -0.1 : f64, zeta = 1.0 : f64} : (tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x4x5x5xf32>
  %x = quench.dynamic_scale %c by(#quench.uniform<u8, token>) : (tensor<2x4x5x5xf32>) -> tensor<2x4x5xf32>
  %9 = quench.fake_quant %c, %x by(#quench.uniform<u8, token>) : (tensor<2x4x5x5xf32>, tensor<2x4x5xf32>) -> tensor<2x4x5x5xf32>
  %10 = quench.attention_values %9, %v : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %11 = quench.fake_quant %b, %n by(#quench.uniform<u8, token>) : (tensor<2x4x5x5xf32>, tensor<2x4x5xf32>) -> tensor<2x4x5x5xf32>
  %12 = quench.attention_values %11, %v : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  %y = quench.dynamic_scale %b by(#quench.log<u4>) : (tensor<2x4x5x5xf32>) -> tensor<f32>
  %13 = quench.fake_quant %b, %y by(#quench.log<u4>) : (tensor<2x4x5x5xf32>, tensor<f32>) -> tensor<2x4x5x5xf32>
  %14 = quench.attention_values %13, %v : (tensor<2x4x5x5xf32>, tensor<2x5x4x8xf32>) -> tensor<2x5x4x8xf32>
  return %5, %6, %7, %8, %10, %12, %14 : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
}
