// Formats survive text and bytecode (the test configuration adds
// --verify-roundtrip), and print what is not the default, in one order.

// RUN: quench-opt %s | FileCheck %s

module {
  // CHECK: {test.by = #quench.uniform<u4, asymmetric, axis = 0, group = 32, scale = e8m0>}
  module attributes {test.by = #quench.uniform<u4, scale = e8m0, group = 32, axis = 0, asymmetric>} {}
  // CHECK: {test.by = #quench.log<u4>}
  module attributes {test.by = #quench.log<u4, step = 1>} {}
  // CHECK: {test.by = #quench.log<u4, step = 20 : 37, unit = 30, zero = extra, token>}
  module attributes {test.by = #quench.log<u4, token, zero = extra, unit = 30, step = 20 : 37>} {}
  // CHECK: {test.by = #quench.log<u3, step = 1 : 2, zero = last>}
  module attributes {test.by = #quench.log<u3, step = 1 : 2, zero = last>} {}
  // CHECK: {test.by = #quench.tangent<u4, a = 2.400000e+00, b = 1.200000e+00>}
  module attributes {test.by = #quench.tangent<u4, b = 1.2, a = 2.4>} {}
  // CHECK: {test.by = #quench.twin_uniform<u4, shift = 3>}
  module attributes {test.by = #quench.twin_uniform<u4, shift = 3>} {}
  // CHECK: {test.by = #quench.twin_uniform<i8, shift = -2, axis = 1>}
  module attributes {test.by = #quench.twin_uniform<i8, axis = 1, shift = -2>} {}
  // CHECK: {test.by = #quench.code_book<nf4, axis = 0, group = 64>}
  module attributes {test.by = #quench.code_book<nf4, group = 64, axis = 0>} {}
  // CHECK: {test.by = #quench.code_book<[-1.000000e+00, 1.000000e-01, 2.500000e+00]>}
  module attributes {test.by = #quench.code_book<[-1.0, 0.1, 2.5]>} {}
  // CHECK: {test.by = #quench.code_book<learned 4, axis = 0, group = 64>}
  module attributes {test.by = #quench.code_book<learned 4, group = 64, axis = 0>} {}
  // CHECK: {test.by = #quench.ternary}
  module attributes {test.by = #quench.ternary} {}
  // CHECK: {test.by = #quench.ternary<axis = 0, group = 64>}
  module attributes {test.by = #quench.ternary<group = 64, axis = 0>} {}
  // CHECK: {test.by = #quench.binary<token>}
  module attributes {test.by = #quench.binary<token>} {}
  // CHECK: {test.by = #quench.small_float<e5m2>}
  module attributes {test.by = #quench.small_float<e5m2>} {}
  // CHECK: {test.by = #quench.small_float<e2m1, axis = 0, group = 16, scale = e4m3>}
  module attributes {test.by = #quench.small_float<e2m1, scale = e4m3, axis = 0, group = 16>} {}
}
