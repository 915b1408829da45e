// Codes, their products and the layouts of their weights survive text and
// bytecode, and decompose into what one-shot bufferization takes.

// RUN: quench-opt %s | FileCheck %s
// RUN: quench-opt %s --quench-lower-to-linalg | FileCheck %s --check-prefix=LINALG
// RUN: quench-opt %s --quench-lower-to-linalg \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries allow-unknown-ops" -o /dev/null

// LINALG-NOT: quench.{{encode|integer_linear|weight_only_linear}}

// CHECK-LABEL: func.func @encode
// CHECK: quench.encode %{{.*}}, %{{.*}} by(#quench.uniform<i8, token>) : (tensor<?x?x8xf32>, tensor<?x?xf32>) -> tensor<?x?x8xi8>
// Zero points of short codes have bytes.
// CHECK: quench.encode %{{.*}}, %{{.*}}, %{{.*}} by(#quench.uniform<u4, asymmetric>) : (tensor<?x?x8xf32>, tensor<f32>, tensor<i8>) -> tensor<?x?x8xi8>
// LINALG-LABEL: func.func @encode
// LINALG: linalg.generic
// LINALG: arith.divf
// LINALG: arith.fptosi {{.*}} : f32 to i32
// LINALG: arith.trunci {{.*}} : i32 to i8
// LINALG: linalg.generic
// LINALG: arith.trunci {{.*}} : i8 to i4
// LINALG: arith.extui {{.*}} : i4 to i8
func.func @encode(%x: tensor<?x?x8xf32>, %s: tensor<?x?xf32>, %t: tensor<f32>, %z: tensor<i8>)
    -> (tensor<?x?x8xi8>, tensor<?x?x8xi8>) {
  %0 = quench.encode %x, %s by(#quench.uniform<i8, token>) : (tensor<?x?x8xf32>, tensor<?x?xf32>) -> tensor<?x?x8xi8>
  %1 = quench.encode %x, %t, %z by(#quench.uniform<u4, asymmetric>) : (tensor<?x?x8xf32>, tensor<f32>, tensor<i8>) -> tensor<?x?x8xi8>
  return %0, %1 : tensor<?x?x8xi8>, tensor<?x?x8xi8>
}

// One sum: a product, then the bias.
// CHECK-LABEL: func.func @channels
// CHECK: quench.integer_linear %{{.*}} scale %{{.*}} by(#quench.uniform<i8, token>), %{{.*}} scale %{{.*}} by(#quench.uniform<i8, axis = 0>) bias %{{.*}} : (tensor<?x8xi8>, tensor<?xf32>, tensor<4x8xi8>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
// LINALG-LABEL: func.func @channels
// LINALG: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]
// LINALG: %[[X:.*]] = arith.extsi {{.*}} : i8 to i32
// LINALG: %[[W:.*]] = arith.extsi {{.*}} : i8 to i32
// LINALG: %[[P:.*]] = arith.muli %[[X]], %[[W]] : i32
// LINALG: arith.addi %{{.*}}, %[[P]] : i32
// LINALG: linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]
// LINALG: %[[SUM:.*]] = arith.sitofp {{.*}} : i32 to f32
// LINALG: %[[SCALE:.*]] = arith.mulf
// LINALG: %[[Y:.*]] = arith.mulf %[[SUM]], %[[SCALE]]
// LINALG: arith.addf %[[Y]]
func.func @channels(%x: tensor<?x8xi8>, %s: tensor<?xf32>, %w: tensor<4x8xi8>, %t: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<?x4xf32> {
  %0 = quench.integer_linear %x scale %s by(#quench.uniform<i8, token>), %w scale %t by(#quench.uniform<i8, axis = 0>) bias %b
    : (tensor<?x8xi8>, tensor<?xf32>, tensor<4x8xi8>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// A sum for each group, and a fused product of each.
// CHECK-LABEL: func.func @groups
// CHECK: quench.integer_linear %{{.*}} scale %{{.*}} zero %{{.*}} by(#quench.uniform<u8, asymmetric>), %{{.*}} scale %{{.*}} zero %{{.*}} by(#quench.uniform<u4, asymmetric, axis = 0, group = 2>) {element_type = bf16}
// LINALG-LABEL: func.func @groups
// LINALG: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]
// LINALG: arith.subi
// LINALG: arith.subi
// LINALG: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// LINALG: math.fma
// LINALG: arith.truncf {{.*}} : f32 to bf16
func.func @groups(%x: tensor<?x?x8xi8>, %s: tensor<f32>, %z: tensor<i8>, %w: tensor<4x8xi8>, %t: tensor<4x4xf32>, %y: tensor<4x4xi8>) -> tensor<?x?x4xbf16> {
  %0 = quench.integer_linear %x scale %s zero %z by(#quench.uniform<u8, asymmetric>),
      %w scale %t zero %y by(#quench.uniform<u4, asymmetric, axis = 0, group = 2>) {element_type = bf16}
    : (tensor<?x?x8xi8>, tensor<f32>, tensor<i8>, tensor<4x8xi8>, tensor<4x4xf32>, tensor<4x4xi8>) -> tensor<?x?x4xbf16>
  return %0 : tensor<?x?x4xbf16>
}

// Sums of floats, each group for itself.
// CHECK-LABEL: func.func @weight_only
// CHECK: quench.weight_only_linear %{{.*}}, %{{.*}} scale %{{.*}} by(#quench.uniform<i8>) bias %{{.*}} : (tensor<?x8xf32>, tensor<4x8xi8>, tensor<f32>, tensor<4xf32>) -> tensor<?x4xf32>
// CHECK: quench.weight_only_linear %{{.*}}, %{{.*}} scale %{{.*}} zero %{{.*}} by(#quench.uniform<u4, asymmetric, axis = 0, group = 2>) : (tensor<?x?x8xbf16>, tensor<4x8xi8>, tensor<4x4xf32>, tensor<4x4xi8>) -> tensor<?x?x4xbf16>
// LINALG-LABEL: func.func @weight_only
// LINALG: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]
// LINALG: arith.sitofp
// LINALG: arith.mulf
// LINALG: arith.addf
// LINALG: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]
// LINALG: arith.subi
// LINALG: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// LINALG: math.fma
func.func @weight_only(%x: tensor<?x8xf32>, %h: tensor<?x?x8xbf16>, %w: tensor<4x8xi8>, %s: tensor<f32>, %b: tensor<4xf32>, %t: tensor<4x4xf32>, %z: tensor<4x4xi8>)
    -> (tensor<?x4xf32>, tensor<?x?x4xbf16>) {
  %0 = quench.weight_only_linear %x, %w scale %s by(#quench.uniform<i8>) bias %b
    : (tensor<?x8xf32>, tensor<4x8xi8>, tensor<f32>, tensor<4xf32>) -> tensor<?x4xf32>
  %1 = quench.weight_only_linear %h, %w scale %t zero %z by(#quench.uniform<u4, asymmetric, axis = 0, group = 2>)
    : (tensor<?x?x8xbf16>, tensor<4x8xi8>, tensor<4x4xf32>, tensor<4x4xi8>) -> tensor<?x?x4xbf16>
  return %0, %1 : tensor<?x4xf32>, tensor<?x?x4xbf16>
}

// What a table has for a code, given or learned.
// CHECK-LABEL: func.func @tables
// CHECK: quench.weight_only_linear %{{.*}}, %{{.*}} scale %{{.*}} by(#quench.code_book<nf4>) : (tensor<?x8xf32>, tensor<4x8xi8>, tensor<f32>) -> tensor<?x4xf32>
// CHECK: quench.weight_only_linear %{{.*}}, %{{.*}} scale %{{.*}} table %{{.*}} by(#quench.code_book<learned 3>) : (tensor<?x8xf32>, tensor<4x8xi8>, tensor<f32>, tensor<8xf32>) -> tensor<?x4xf32>
// LINALG-LABEL: func.func @tables
// LINALG: %[[C:.*]] = arith.trunci {{.*}} : i8 to i4
// LINALG: arith.cmpi eq, %[[C]]
// LINALG: %[[D:.*]] = arith.trunci {{.*}} : i8 to i3
// LINALG: %[[I:.*]] = arith.index_castui %[[D]] : i3 to index
// LINALG: tensor.extract %{{.*}}[%[[I]]] : tensor<8xf32>
func.func @tables(%x: tensor<?x8xf32>, %w: tensor<4x8xi8>, %s: tensor<f32>, %t: tensor<8xf32>)
    -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %0 = quench.weight_only_linear %x, %w scale %s by(#quench.code_book<nf4>)
    : (tensor<?x8xf32>, tensor<4x8xi8>, tensor<f32>) -> tensor<?x4xf32>
  %1 = quench.weight_only_linear %x, %w scale %s table %t by(#quench.code_book<learned 3>)
    : (tensor<?x8xf32>, tensor<4x8xi8>, tensor<f32>, tensor<8xf32>) -> tensor<?x4xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @words
func.func @words() -> (tensor<2x1x3xi32>, tensor<2x2x4xi32>) {
  %w = quench.param <"m"::"w"> : tensor<5x6xi8>
  %z = quench.param <"m"::"z"> : tensor<5x2xi8>
  // CHECK: quench.pack_nibbles %{{.*}} by(#quench.uniform<i4, axis = 0>) panel 3 depth 4 : (tensor<5x6xi8>) -> tensor<2x1x3xi32>
  %0 = quench.pack_nibbles %w by(#quench.uniform<i4, axis = 0>) panel 3 depth 4 : (tensor<5x6xi8>) -> tensor<2x1x3xi32>
  // CHECK: quench.pack_zeros %{{.*}}, %{{.*}} by(#quench.uniform<u4, asymmetric, axis = 0, group = 3>) panel 4 depth 2 : (tensor<5x6xi8>, tensor<5x2xi8>) -> tensor<2x2x4xi32>
  %1 = quench.pack_zeros %w, %z by(#quench.uniform<u4, asymmetric, axis = 0, group = 3>) panel 4 depth 2 : (tensor<5x6xi8>, tensor<5x2xi8>) -> tensor<2x2x4xi32>
  return %0, %1 : tensor<2x1x3xi32>, tensor<2x2x4xi32>
}

// CHECK-LABEL: func.func @layouts
func.func @layouts() -> (tensor<2x2x12xi8>, tensor<2x3x8xi16>, tensor<2x2x4xi32>) {
  %w = quench.param <"m"::"w"> : tensor<5x6xi8>
  %z = quench.param <"m"::"z"> : tensor<5x2xi8>
  // CHECK: quench.pack_codes %{{.*}} by(#quench.uniform<i8, axis = 0>) panel 3 depth 4 : (tensor<5x6xi8>) -> tensor<2x2x12xi8>
  %0 = quench.pack_codes %w by(#quench.uniform<i8, axis = 0>) panel 3 depth 4 : (tensor<5x6xi8>) -> tensor<2x2x12xi8>
  // CHECK: quench.pack_codes %{{.*}}, %{{.*}} by(#quench.uniform<u8, asymmetric, axis = 0, group = 3>) panel 4 depth 2 : (tensor<5x6xi8>, tensor<5x2xi8>) -> tensor<2x3x8xi16>
  %1 = quench.pack_codes %w, %z by(#quench.uniform<u8, asymmetric, axis = 0, group = 3>) panel 4 depth 2 : (tensor<5x6xi8>, tensor<5x2xi8>) -> tensor<2x3x8xi16>
  // CHECK: quench.sum_codes %{{.*}}, %{{.*}} by(#quench.uniform<u4, asymmetric, axis = 0, group = 3>) panel 4 : (tensor<5x6xi8>, tensor<5x2xi8>) -> tensor<2x2x4xi32>
  %2 = quench.sum_codes %w, %z by(#quench.uniform<u4, asymmetric, axis = 0, group = 3>) panel 4 : (tensor<5x6xi8>, tensor<5x2xi8>) -> tensor<2x2x4xi32>
  return %0, %1, %2 : tensor<2x2x12xi8>, tensor<2x3x8xi16>, tensor<2x2x4xi32>
}
