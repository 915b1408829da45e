// RUN: not quench-opt-plain %s --quench-materialize-quantizers 2>&1 | FileCheck %s

// Archives may hold what is no sample of the site.
module attributes {quench.bound = {stats = {
    metadata = {"basis.value.fc.input" = "7858ef011ea0bad1384868fba0c21fdc"},
    tensors = {"fc.input.sample" = tensor<4x7xf64>}}}} {
  func.func @f(%x: tensor<2x8xf32>) -> tensor<2x6xf32> attributes {quench.entry} {
    %w = quench.param <"model"::"w"> : tensor<6x8xf32>
    // CHECK: fc.input: the statistics have 'fc.input.sample' as tensor<4x7xf64>, expected tensor<?x8xf64>
    %0 = quench.linear %x, %w {quench.formats = {
        input = {format = #quench.uniform<i4>, range = "output", site = "fc.input"}}}
      : (tensor<2x8xf32>, tensor<6x8xf32>) -> tensor<2x6xf32> loc("fc")
    return %0 : tensor<2x6xf32>
  }
}
