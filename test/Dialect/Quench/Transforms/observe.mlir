// RUN: quench-opt %s --quench-observe=products | FileCheck %s
// RUN: not quench-opt %s --quench-observe=entry=g 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: quench-opt %s --quench-observe="quantizers only=quench.linear.input.1" | FileCheck %s --check-prefix=ONLY

// ENTRY: error: found no entry point 'g' of one block to observe

module attributes {quench.symbols = {batch = [1]}} {
  // ONLY-NOT: site = "quench.linear
  // ONLY: kind = "value", site = "quench.linear.input.1"
  // ONLY-NOT: site = "quench.linear
  // CHECK: func.func @f(
  // CHECK-SAME: tensor<6xf64> {quench.name = "observed.2"}
  // CHECK-SAME: quench.observed = [
  // CHECK-SAME: kind = "scale", site = "quench.linear", size = 6
  // CHECK-SAME: inverse = false
  // CHECK-SAME: kind = "basis", site = "quench.linear", size = 6
  func.func @f(%x: tensor<?x8xf32> {quench.name = "x", quench.dims = ["batch"]})
      -> (tensor<?x4xf32> {quench.name = "y", quench.dims = ["batch"]}) attributes {quench.entry} {
    %u = quench.param <"model"::"u"> : tensor<6x8xf32>
    %w = quench.param <"model"::"w"> : tensor<4x6xf32>
    // CHECK: [[X:%.*]] = quench.linear
    %0 = quench.linear %x, %u : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
    %1 = quench.linear %0, %w : (tensor<?x6xf32>, tensor<4x6xf32>) -> tensor<?x4xf32>
    // CHECK: tensor.dim [[X]]
    // CHECK: linalg.generic {{.*}}iterator_types = ["reduction", "parallel"]{{.*}} ins([[X]]
    // CHECK: arith.extf
    // CHECK: arith.minimumf
    // CHECK: arith.maximumf
    // CHECK: math.absf
    // CHECK: arith.addf
    // CHECK: quench.second_moments [[X]]
    return %1 : tensor<?x4xf32>
  }
}
