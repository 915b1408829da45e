// RUN: quench-opt %s --quench-select-kernels | FileCheck %s
// RUN: quench-opt %s --quench-select-kernels="vector-bytes=32 dot=pairs" | FileCheck %s --check-prefix=PAIRS
// RUN: quench-opt %s --quench-select-kernels="vector-bytes=32 dot=pairs narrow-quads" | FileCheck %s --check-prefix=NARROW
// RUN: quench-opt %s --quench-select-kernels="dot=none" | FileCheck %s --check-prefix=NONE
// RUN: not quench-opt %s --quench-select-kernels="vector-bytes=16" 2>&1 | FileCheck %s --check-prefix=WIDTH

// RUN: not quench-opt %s --quench-select-kernels="vector-bytes=32 tiles" 2>&1 | FileCheck %s --check-prefix=TILES
// RUN: not quench-opt %s --quench-select-kernels="narrow-quads" 2>&1 | FileCheck %s --check-prefix=BESIDE

// BESIDE: expected sums of two products beside those of narrow quads
// TILES: expected registers of 64 bytes and sums of four products beside tile registers
// WIDTH: expected registers of 32 or 64 bytes for sums of four products

// Two products read the rows that one kernel encodes; their weights are packed as
// the instruction takes them.
// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME: %[[X:.*]]: tensor<?x37xf32>)
// CHECK: %[[W:.*]] = quench.param <"m"::"w">
// CHECK: %[[E:.*]]:2 = quench.call_kernel @kernel_encode_37_f32_uniformi8token_quads_dynamic(%[[X]] : tensor<?x37xf32>) outs({{.*}}) -> tensor<?x64xi8>, tensor<?xf32>
// CHECK-NOT: @kernel_encode
// CHECK: %[[P:.*]] = quench.pack_codes %[[W]] by(#quench.uniform<i8, axis = 0>) panel 32 depth 4 : (tensor<21x37xi8>) -> tensor<1x10x128xi8>
// CHECK: %[[S:.*]] = quench.sum_codes %[[W]] by(#quench.uniform<i8, axis = 0>) panel 32 : (tensor<21x37xi8>) -> tensor<1x1x32xi32>
// CHECK: %[[T:.*]] = quench.pack %{{.*}} panel 32 : (tensor<21x1xf32>) -> tensor<1x1x32xf32>
// CHECK: quench.call_kernel @kernel_linear_21x37_f32_quads_signed_rows_bias_relu(%[[E]]#0, %[[E]]#1, %[[P]], %[[S]], %[[T]], %{{.*}})
// CHECK: quench.call_kernel @kernel_linear_21x37_f32_quads_signed_rows(%[[E]]#0, %[[E]]#1,
// CHECK-NOT: quench.encode
// CHECK-NOT: quench.dynamic_scale
// PAIRS-LABEL: func.func @dynamic(
// PAIRS: quench.call_kernel @kernel_encode_37_f32_uniformi8token_pairs_dynamic({{.*}}) outs({{.*}}) -> tensor<?x96xi16>, tensor<?xf32>
// PAIRS: quench.pack_codes %{{.*}} panel 16 depth 2 : (tensor<21x37xi8>) -> tensor<2x19x32xi8>
// PAIRS-NOT: quench.sum_codes
// PAIRS: quench.call_kernel @kernel_linear_21x37_f32_pairs_signed_rows_bias_relu(
// NONE-LABEL: func.func @dynamic(
// NONE: quench.encode
// NONE: quench.integer_linear
// NONE-NOT: quench.call_kernel
// NONE-LABEL: func.func @wide(
func.func @dynamic(%x: tensor<?x37xf32>) -> (tensor<?x21xf32>, tensor<?x21xf32>) {
  %w = quench.param <"m"::"w"> : tensor<21x37xi8>
  %t = quench.param <"m"::"t"> : tensor<21xf32>
  %b = quench.param <"m"::"b"> : tensor<21xf32>
  %s = quench.dynamic_scale %x by(#quench.uniform<i8, token>) : (tensor<?x37xf32>) -> tensor<?xf32>
  %c = quench.encode %x, %s by(#quench.uniform<i8, token>) : (tensor<?x37xf32>, tensor<?xf32>) -> tensor<?x37xi8>
  %0 = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %w scale %t by(#quench.uniform<i8, axis = 0>) bias %b
    : (tensor<?x37xi8>, tensor<?xf32>, tensor<21x37xi8>, tensor<21xf32>, tensor<21xf32>) -> tensor<?x21xf32>
  %1 = quench.relu %0 : tensor<?x21xf32>
  %2 = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %w scale %t by(#quench.uniform<i8, axis = 0>)
    : (tensor<?x37xi8>, tensor<?xf32>, tensor<21x37xi8>, tensor<21xf32>) -> tensor<?x21xf32>
  return %1, %2 : tensor<?x21xf32>, tensor<?x21xf32>
}

// Differences of 9 bits take pairs; zero points are in the rows then.
// CHECK-LABEL: func.func @wide(
// CHECK: quench.call_kernel @kernel_encode_32_f32_uniformu8asymmetric_pairs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x32xf32>, tensor<f32>, tensor<i8>) outs({{.*}}) -> tensor<?x32xi16>
// CHECK: quench.pack_codes %{{.*}}, %{{.*}} by(#quench.uniform<u8, asymmetric, axis = 0, group = 8>) panel 32 depth 2 : (tensor<16x32xi8>, tensor<16x4xi8>) -> tensor<1x16x64xi16>
// CHECK: quench.pack %{{.*}} panel 32 : (tensor<16x4xf32>) -> tensor<1x4x32xf32>
// CHECK: quench.call_kernel @kernel_linear_16x32_f32_pairs_unsigned_group8_wide(
func.func @wide(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
  %w = quench.param <"m"::"w"> : tensor<16x32xi8>
  %t = quench.param <"m"::"t"> : tensor<16x4xf32>
  %y = quench.param <"m"::"y"> : tensor<16x4xi8>
  %s = quench.param <"m"::"s"> : tensor<f32>
  %z = quench.param <"m"::"z"> : tensor<i8>
  %c = quench.encode %x, %s, %z by(#quench.uniform<u8, asymmetric>) : (tensor<?x32xf32>, tensor<f32>, tensor<i8>) -> tensor<?x32xi8>
  %0 = quench.integer_linear %c scale %s zero %z by(#quench.uniform<u8, asymmetric>), %w scale %t zero %y by(#quench.uniform<u8, asymmetric, axis = 0, group = 8>)
    : (tensor<?x32xi8>, tensor<f32>, tensor<i8>, tensor<16x32xi8>, tensor<16x4xf32>, tensor<16x4xi8>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// A norm gives the codes that a product reads. Nothing has its result as floats,
// unless another op reads it.
// CHECK-LABEL: func.func @norms(
// CHECK: %[[N:.*]]:2 = quench.call_kernel @kernel_layer_norm_37_f32_gamma_beta_encode_uniformi8token_quads_dynamic({{.*}}) outs({{.*}} : tensor<?x64xi8>, tensor<?xf32>)
// CHECK-NOT: quench.layer_norm
// CHECK-NOT: @kernel_encode
// CHECK: %[[H:.*]] = quench.call_kernel @kernel_linear_37x37_f32_quads_signed_rows(%[[N]]#0, %[[N]]#1,
// CHECK: %[[M:.*]]:2 = quench.call_kernel @kernel_rms_norm_37_f32_floats_encode_uniformu8asymmetric_quads(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x37xf32>, f32, tensor<f32>, tensor<i8>) outs({{.*}} : tensor<?x37xf32>, tensor<?x64xi8>)
// CHECK: %[[F:.*]] = tensor.expand_shape %[[M]]#0
// CHECK: quench.call_kernel @kernel_linear_37x37_f32_quads_unsigned_zero(%[[M]]#1,
// CHECK: quench.gelu %[[F]]
// PAIRS-LABEL: func.func @norms(
// PAIRS: quench.call_kernel @kernel_layer_norm_37_f32_gamma_beta_encode_uniformi8token_pairs_dynamic({{.*}}) outs({{.*}} : tensor<?x96xi16>, tensor<?xf32>)
// PAIRS: quench.call_kernel @kernel_rms_norm_37_f32_floats_encode_uniformu8asymmetric_pairs(
func.func @norms(%x: tensor<?x?x37xf32>, %g: tensor<37xf32>) -> (tensor<?x?x37xf32>, tensor<?x?x37xf32>) {
  %w = quench.param <"m"::"w"> : tensor<37x37xi8>
  %t = quench.param <"m"::"t"> : tensor<37xf32>
  %u = quench.param <"m"::"u"> : tensor<f32>
  %z = quench.param <"m"::"z"> : tensor<i8>
  %n = quench.layer_norm %x gamma %g beta %g eps 1.0e-5 : (tensor<?x?x37xf32>, tensor<37xf32>, tensor<37xf32>) -> tensor<?x?x37xf32>
  %s = quench.dynamic_scale %n by(#quench.uniform<i8, token>) : (tensor<?x?x37xf32>) -> tensor<?x?xf32>
  %c = quench.encode %n, %s by(#quench.uniform<i8, token>) : (tensor<?x?x37xf32>, tensor<?x?xf32>) -> tensor<?x?x37xi8>
  %h = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %w scale %t by(#quench.uniform<i8, axis = 0>)
    : (tensor<?x?x37xi8>, tensor<?x?xf32>, tensor<37x37xi8>, tensor<37xf32>) -> tensor<?x?x37xf32>
  %m = quench.rms_norm %h eps 1.0e-5 : (tensor<?x?x37xf32>) -> tensor<?x?x37xf32>
  %d = quench.encode %m, %u, %z by(#quench.uniform<u8, asymmetric>) : (tensor<?x?x37xf32>, tensor<f32>, tensor<i8>) -> tensor<?x?x37xi8>
  %y = quench.integer_linear %d scale %u zero %z by(#quench.uniform<u8, asymmetric>), %w scale %t by(#quench.uniform<i8, axis = 0>)
    : (tensor<?x?x37xi8>, tensor<f32>, tensor<i8>, tensor<37x37xi8>, tensor<37xf32>) -> tensor<?x?x37xf32>
  %f = quench.gelu %m by erf : tensor<?x?x37xf32>
  return %y, %f : tensor<?x?x37xf32>, tensor<?x?x37xf32>
}

// What is read before the codes are there comes from a kernel of its own.
// CHECK-LABEL: func.func @read_before(
// CHECK: quench.call_kernel @kernel_rms_norm_37_f32(
// CHECK: quench.call_kernel @kernel_encode_37_f32_
func.func @read_before(%x: tensor<?x37xf32>) -> (tensor<?x37xf32>, tensor<?xf32>) {
  %w = quench.param <"m"::"w"> : tensor<37x37xi8>
  %t = quench.param <"m"::"t"> : tensor<37xf32>
  %n = quench.rms_norm %x eps 1.0e-5 : (tensor<?x37xf32>) -> tensor<?x37xf32>
  %other = quench.dynamic_scale %n by(#quench.uniform<i4, token>) : (tensor<?x37xf32>) -> tensor<?xf32>
  %s = quench.dynamic_scale %n by(#quench.uniform<i8, token>) : (tensor<?x37xf32>) -> tensor<?xf32>
  %c = quench.encode %n, %s by(#quench.uniform<i8, token>) : (tensor<?x37xf32>, tensor<?xf32>) -> tensor<?x37xi8>
  %y = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %w scale %t by(#quench.uniform<i8, axis = 0>)
    : (tensor<?x37xi8>, tensor<?xf32>, tensor<37x37xi8>, tensor<37xf32>) -> tensor<?x37xf32>
  return %y, %other : tensor<?x37xf32>, tensor<?xf32>
}

// Codes of up to 4 bits go to words of eight, with what is subtracted from them
// where they have zero points.
// CHECK-LABEL: func.func @nibbles(
// CHECK: quench.pack_nibbles %{{.*}} by(#quench.uniform<i4, axis = 0>) panel 32 depth 4 : (tensor<40x32xi8>) -> tensor<2x4x32xi32>
// CHECK: quench.sum_codes
// CHECK: quench.pack %{{.*}} panel 32 : (tensor<40x1xf32>)
// CHECK: quench.call_kernel @kernel_linear_40x32_f32_quads_signed_rows_i4(
// CHECK: quench.pack_nibbles %{{.*}}, %{{.*}} by(#quench.uniform<u3, asymmetric, axis = 0, group = 16>) panel 32 depth 4
// CHECK: quench.pack_zeros %{{.*}}, %{{.*}} by(#quench.uniform<u3, asymmetric, axis = 0, group = 16>) panel 32 depth 4 : (tensor<40x32xi8>, tensor<40x2xi8>) -> tensor<2x2x32xi32>
// CHECK: quench.call_kernel @kernel_linear_40x32_f32_quads_signed_rows_u4_zeros_group16(
// PAIRS-LABEL: func.func @nibbles(
// PAIRS: quench.pack_nibbles %{{.*}} by(#quench.uniform<i4, axis = 0>) panel 16 depth 2 : (tensor<40x32xi8>) -> tensor<3x4x16xi32>
// Other weights, of the same rows, take pairs.
// NARROW-LABEL: func.func @nibbles(
// NARROW: %[[E:.*]]:2 = quench.call_kernel @kernel_encode_32_f32_uniformi8token_quads_dynamic({{.*}}) outs({{.*}}) -> tensor<?x64xi8>, tensor<?xf32>
// NARROW: %[[F:.*]]:2 = quench.call_kernel @kernel_encode_32_f32_uniformi8token_pairs_dynamic(
// NARROW: quench.pack_nibbles %{{.*}} by(#quench.uniform<i4, axis = 0>) panel 16 depth 4
// NARROW: quench.sum_codes
// NARROW: quench.call_kernel @kernel_linear_40x32_f32_narrow_quads_signed_rows_i4(%[[E]]#0, %[[E]]#1,
// NARROW: quench.call_kernel @kernel_linear_40x32_f32_narrow_quads_signed_rows_u4_zeros_group16(%[[E]]#0, %[[E]]#1,
// NARROW: quench.call_kernel @kernel_linear_40x32_f32_pairs_signed_rows(%[[F]]#0, %[[F]]#1,
func.func @nibbles(%x: tensor<?x32xf32>) -> (tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x40xf32>) {
  %w = quench.param <"m"::"w"> : tensor<40x32xi8>
  %t = quench.param <"m"::"t"> : tensor<40xf32>
  %u = quench.param <"m"::"u"> : tensor<40x2xf32>
  %z = quench.param <"m"::"z"> : tensor<40x2xi8>
  %s = quench.dynamic_scale %x by(#quench.uniform<i8, token>) : (tensor<?x32xf32>) -> tensor<?xf32>
  %c = quench.encode %x, %s by(#quench.uniform<i8, token>) : (tensor<?x32xf32>, tensor<?xf32>) -> tensor<?x32xi8>
  %0 = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %w scale %t by(#quench.uniform<i4, axis = 0>)
    : (tensor<?x32xi8>, tensor<?xf32>, tensor<40x32xi8>, tensor<40xf32>) -> tensor<?x40xf32>
  %1 = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %w scale %u zero %z by(#quench.uniform<u3, asymmetric, axis = 0, group = 16>)
    : (tensor<?x32xi8>, tensor<?xf32>, tensor<40x32xi8>, tensor<40x2xf32>, tensor<40x2xi8>) -> tensor<?x40xf32>
  %2 = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %w scale %t by(#quench.uniform<i8, axis = 0>)
    : (tensor<?x32xi8>, tensor<?xf32>, tensor<40x32xi8>, tensor<40xf32>) -> tensor<?x40xf32>
  return %0, %1, %2 : tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x40xf32>
}

// Beside floats, codes of 4 bits are words, others bytes or, where they need 9
// bits, 16 bits; gated pairs are one kernel.
// CHECK-LABEL: func.func @weight_only(
// CHECK: quench.pack_nibbles %{{.*}} by(#quench.uniform<i4, axis = 0, group = 16>) panel 32 depth 1 : (tensor<40x32xi8>) -> tensor<2x4x32xi32>
// CHECK: quench.call_kernel @kernel_linear_40x32_f32_i4_group16_relu_gated(
// CHECK: quench.pack_codes %{{.*}} by(#quench.uniform<i8, axis = 0, group = 16>) panel 32 depth 1 : (tensor<40x32xi8>) -> tensor<2x32x32xi8>
// CHECK: quench.call_kernel @kernel_linear_40x32_f32_bytes_group16(
// CHECK: quench.pack_codes %{{.*}}, %{{.*}} by(#quench.uniform<u8, asymmetric, axis = 0, group = 16>) panel 32 depth 1 : (tensor<40x32xi8>, tensor<40x2xi8>) -> tensor<2x32x32xi16>
// CHECK: quench.call_kernel @kernel_linear_40x32_f32_bytes_group16_wide(
// CHECK-NOT: quench.weight_only_linear
func.func @weight_only(%x: tensor<?x32xf32>) -> (tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x40xf32>) {
  %w = quench.param <"m"::"w"> : tensor<40x32xi8>
  %v = quench.param <"m"::"v"> : tensor<40x32xi8>
  %u = quench.param <"m"::"u"> : tensor<40x2xf32>
  %z = quench.param <"m"::"z"> : tensor<40x2xi8>
  %0 = quench.weight_only_linear %x, %w scale %u by(#quench.uniform<i4, axis = 0, group = 16>)
    : (tensor<?x32xf32>, tensor<40x32xi8>, tensor<40x2xf32>) -> tensor<?x40xf32>
  %1 = quench.weight_only_linear %x, %v scale %u by(#quench.uniform<i4, axis = 0, group = 16>)
    : (tensor<?x32xf32>, tensor<40x32xi8>, tensor<40x2xf32>) -> tensor<?x40xf32>
  %2 = quench.gated %0, %1 by relu : tensor<?x40xf32>
  %3 = quench.weight_only_linear %x, %w scale %u by(#quench.uniform<i8, axis = 0, group = 16>)
    : (tensor<?x32xf32>, tensor<40x32xi8>, tensor<40x2xf32>) -> tensor<?x40xf32>
  %4 = quench.weight_only_linear %x, %w scale %u zero %z by(#quench.uniform<u8, asymmetric, axis = 0, group = 16>)
    : (tensor<?x32xf32>, tensor<40x32xi8>, tensor<40x2xf32>, tensor<40x2xi8>) -> tensor<?x40xf32>
  return %2, %3, %4 : tensor<?x40xf32>, tensor<?x40xf32>, tensor<?x40xf32>
}

// Tables have 16 numbers; given ones are constants. Groups that words do not fill
// are bytes.
// CHECK-LABEL: func.func @tables(
// CHECK: %[[T:.*]] = quench.param <"m"::"n"> : tensor<8xf32>
// CHECK: quench.pack_nibbles %{{.*}} by(#quench.code_book<nf4, axis = 0, group = 16>) panel 32 depth 1 : (tensor<40x32xi8>) -> tensor<2x4x32xi32>
// CHECK: %[[N:.*]] = arith.constant dense<[-1.000000e+00, {{.*}}, 1.000000e+00]> : tensor<16xf32>
// CHECK: quench.call_kernel @kernel_linear_40x32_f32_u4_table_group16({{.*}}, %[[N]] :
// CHECK: quench.pack_codes %{{.*}} by(#quench.code_book<learned 3, axis = 0, group = 4>) panel 32 depth 1 : (tensor<40x32xi8>) -> tensor<2x32x32xi8>
// CHECK: %[[R:.*]] = quench.fill 0.000000e+00 : tensor<8xf32>
// CHECK: %[[U:.*]] = quench.concat %[[T]], %[[R]] axis 0
// CHECK: quench.call_kernel @kernel_linear_40x32_f32_ubytes_table_group4({{.*}}, %[[U]] :
func.func @tables(%x: tensor<?x32xf32>) -> (tensor<?x40xf32>, tensor<?x40xf32>) {
  %w = quench.param <"m"::"w"> : tensor<40x32xi8>
  %u = quench.param <"m"::"u"> : tensor<40x2xf32>
  %v = quench.param <"m"::"o"> : tensor<40x8xf32>
  %t = quench.param <"m"::"n"> : tensor<8xf32>
  %0 = quench.weight_only_linear %x, %w scale %u by(#quench.code_book<nf4, axis = 0, group = 16>)
    : (tensor<?x32xf32>, tensor<40x32xi8>, tensor<40x2xf32>) -> tensor<?x40xf32>
  %1 = quench.weight_only_linear %x, %w scale %v table %t by(#quench.code_book<learned 3, axis = 0, group = 4>)
    : (tensor<?x32xf32>, tensor<40x32xi8>, tensor<40x8xf32>, tensor<8xf32>) -> tensor<?x40xf32>
  return %0, %1 : tensor<?x40xf32>, tensor<?x40xf32>
}

// Groups that no instruction fills, codes that come from elsewhere, and weights
// that are computed are left to loops.
// CHECK-LABEL: func.func @loops(
// CHECK-COUNT-3: quench.integer_linear
func.func @loops(%x: tensor<?x36xf32>, %e: tensor<?x36xi8>, %v: tensor<16x36xi8>, %r: tensor<?xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %w = quench.param <"m"::"v"> : tensor<16x36xi8>
  %t = quench.param <"m"::"t"> : tensor<6xf32>
  %u = quench.param <"m"::"u"> : tensor<f32>
  %s = quench.dynamic_scale %x by(#quench.uniform<i8, token>) : (tensor<?x36xf32>) -> tensor<?xf32>
  %c = quench.encode %x, %s by(#quench.uniform<i8, token>) : (tensor<?x36xf32>, tensor<?xf32>) -> tensor<?x36xi8>
  %0 = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %w scale %t by(#quench.uniform<i8, group = 6>)
    : (tensor<?x36xi8>, tensor<?xf32>, tensor<16x36xi8>, tensor<6xf32>) -> tensor<?x16xf32>
  %1 = quench.integer_linear %e scale %r by(#quench.uniform<i8, token>), %w scale %u by(#quench.uniform<i8>)
    : (tensor<?x36xi8>, tensor<?xf32>, tensor<16x36xi8>, tensor<f32>) -> tensor<?x16xf32>
  %2 = quench.integer_linear %c scale %s by(#quench.uniform<i8, token>), %v scale %u by(#quench.uniform<i8>)
    : (tensor<?x36xi8>, tensor<?xf32>, tensor<16x36xi8>, tensor<f32>) -> tensor<?x16xf32>
  return %0, %1, %2 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}
