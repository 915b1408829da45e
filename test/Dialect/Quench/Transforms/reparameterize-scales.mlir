// RUN: quench-opt %s --quench-reparameterize-scales --split-input-file | FileCheck %s
// RUN: quench-opt %s --quench-reparameterize-scales --split-input-file -o /dev/null \
// RUN:   --remarks-filter=quench-reparameterize-scales 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not quench-opt %s --quench-reparameterize-scales="target=given scale=0" --split-input-file 2>&1 | FileCheck %s --check-prefix=SCALE
// SCALE: error: option 'scale': expected a positive finite number

// REMARK: [Missed] refused | {{.*}}"map: pads with zeros, which a shift would have to change (quench.window_partition)"
// REMARK: [Passed] rewritten | {{.*}}"whole: one scale instead of 8 in 2 weights"
// REMARK: [Missed] refused | {{.*}}"seen: returns it (func.return)"
// REMARK: [Passed] rewritten | {{.*}}"rms: one scale instead of 8 in 3 weights"

// What is padded would have to be the shift.
// CHECK-LABEL: func.func @windows
// CHECK: quench.fake_quant {{.*}} by(#quench.uniform<u8, asymmetric, axis = 3>)
func.func @windows(%x: tensor<?x5x5x8xf32>) -> tensor<?x9x4xf32> {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %z = quench.param <"model"::"z"> : tensor<8xi8>
  %0 = quench.layer_norm %x gamma %g eps 1.0e-5 : (tensor<?x5x5x8xf32>, tensor<8xf32>) -> tensor<?x5x5x8xf32> loc("map")
  %1 = quench.fake_quant %0, %s, %z by(#quench.uniform<u8, asymmetric, axis = 3>) : (tensor<?x5x5x8xf32>, tensor<8xf32>, tensor<8xi8>) -> tensor<?x5x5x8xf32>
  %2 = quench.window_partition %1 window 3 : (tensor<?x5x5x8xf32>) -> tensor<?x9x8xf32>
  %3 = quench.linear %2, %w : (tensor<?x9x8xf32>, tensor<4x8xf32>) -> tensor<?x9x4xf32>
  return %3 : tensor<?x9x4xf32>
}

// -----

// Windows that need no padding pass it.
// CHECK-LABEL: func.func @whole_windows
// CHECK: quench.fake_quant {{.*}} by(#quench.uniform<u8, asymmetric>)
func.func @whole_windows(%x: tensor<?x6x6x8xf32>) -> tensor<?x9x4xf32> {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %z = quench.param <"model"::"z"> : tensor<8xi8>
  %0 = quench.layer_norm %x gamma %g eps 1.0e-5 : (tensor<?x6x6x8xf32>, tensor<8xf32>) -> tensor<?x6x6x8xf32> loc("whole")
  %1 = quench.fake_quant %0, %s, %z by(#quench.uniform<u8, asymmetric, axis = 3>) : (tensor<?x6x6x8xf32>, tensor<8xf32>, tensor<8xi8>) -> tensor<?x6x6x8xf32>
  %2 = quench.window_partition %1 window 3 : (tensor<?x6x6x8xf32>) -> tensor<?x9x8xf32>
  %3 = quench.linear %2, %w : (tensor<?x9x8xf32>, tensor<4x8xf32>) -> tensor<?x9x4xf32>
  return %3 : tensor<?x9x4xf32>
}

// -----

// Something reads the norm that cannot take the difference.
// CHECK-LABEL: func.func @seen
// CHECK: quench.fake_quant {{.*}} by(#quench.uniform<i4, axis = 1>)
func.func @seen(%x: tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x8xf32>) {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("seen")
  %1 = quench.fake_quant %0, %s by(#quench.uniform<i4, axis = 1>) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = quench.linear %1, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %2, %0 : tensor<?x4xf32>, tensor<?x8xf32>
}

// -----

// A norm without an offset gets one behind it.
// CHECK-LABEL: func.func @rms
// CHECK: %[[N:.*]] = quench.rms_norm
// CHECK: %[[A:.*]] = quench.add %[[N]]
// CHECK: quench.fake_quant %[[A]], {{.*}} by(#quench.uniform<u8, asymmetric>)
func.func @rms(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %w = quench.param <"model"::"w"> : tensor<4x8xf32>
  %s = quench.param <"model"::"s"> : tensor<8xf32>
  %z = quench.param <"model"::"z"> : tensor<8xi8>
  %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32> loc("rms")
  %1 = quench.fake_quant %0, %s, %z by(#quench.uniform<u8, asymmetric, axis = 1>) : (tensor<?x8xf32>, tensor<8xf32>, tensor<8xi8>) -> tensor<?x8xf32>
  %2 = quench.linear %1, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}
