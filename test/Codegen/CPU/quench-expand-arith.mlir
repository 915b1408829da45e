// RUN: quench-opt %s --quench-expand-arith | FileCheck %s

// CHECK-LABEL: func.func @round(
// CHECK-NOT: arith.truncf
// CHECK: arith.trunci
// CHECK: arith.bitcast %{{.*}} : vector<8xi16> to vector<8xbf16>
func.func @round(%x: vector<8xf32>) -> vector<8xbf16> {
  %0 = arith.truncf %x : vector<8xf32> to vector<8xbf16>
  return %0 : vector<8xbf16>
}

// CHECK-LABEL: func.func @up(
// CHECK-NOT: arith.ceildivsi
// CHECK: arith.divsi
func.func @up(%a: index, %b: index) -> index {
  %0 = arith.ceildivsi %a, %b : index
  return %0 : index
}
