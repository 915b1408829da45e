// What stands in the way of rotations, and options that do not fit.

// RUN: quench-opt %s --quench-rotate-stream=policy=hadamard --quench-rotate-pair=policy=hadamard \
// RUN:   --remarks-filter='quench-rotate-.*' --split-input-file 2>&1 | FileCheck %s --implicit-check-not='= quench.rotate '

// RUN: not quench-opt %s --quench-rotate-stream=policy=none 2>&1 | FileCheck %s --check-prefix=POLICY
// POLICY: error: no policy 'none'; there are hadamard, identity, import, klt, random-hadamard, random-orthogonal, womi
// RUN: not quench-opt %s --quench-rotate-stream=policy-options=size=3 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: error: policy 'random-hadamard' has no option 'size'; it has block, seed
// RUN: not quench-opt %s --quench-rotate-pair=policy-options=seed=x 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: error: option 'seed' of policy 'random-hadamard': expected an integer from 0 to {{[0-9]+}}, found 'x'
// RUN: not quench-opt %s --quench-rotate-stream='sites=(' 2>&1 | FileCheck %s --check-prefix=PATTERN
// PATTERN: error: option 'sites': parentheses not balanced
// RUN: quench-opt %s --quench-rotate-pair="policy=hadamard policy-options=block=3" --split-input-file \
// RUN:   --remarks-filter=quench-rotate-pair 2>&1 | FileCheck %s --check-prefix=BLOCK
// BLOCK: down: blocks of 3 do not divide 14 channels

// CHECK: up: has a gain (quench.rms_norm)
// CHECK: model: has no pair of maps of channels
func.func @gain(%ids: tensor<4xi64>) -> tensor<4x3xf32> {
  %t = quench.param <"model"::"t"> : tensor<9x8xf32>
  %g = quench.param <"model"::"g"> : tensor<8xf32>
  %h = quench.param <"model"::"h"> : tensor<3x8xf32>
  %0 = quench.embedding %ids, %t : (tensor<4xi64>, tensor<9x8xf32>) -> tensor<4x8xf32> loc("up")
  %1 = quench.add %0, %0 residual : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = quench.rms_norm %1 gamma %g eps 1.0e-5 : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %3 = quench.linear %2, %h : (tensor<4x8xf32>, tensor<3x8xf32>) -> tensor<4x3xf32>
  return %3 : tensor<4x3xf32>
}

// -----

// CHECK: up: subtracts the mean (quench.layer_norm)
func.func @mean(%ids: tensor<4xi64>) -> tensor<4x3xf32> {
  %t = quench.param <"model"::"t"> : tensor<9x8xf32>
  %h = quench.param <"model"::"h"> : tensor<3x8xf32>
  %0 = quench.embedding %ids, %t : (tensor<4xi64>, tensor<9x8xf32>) -> tensor<4x8xf32> loc("up")
  %1 = quench.add %0, %0 residual : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = quench.layer_norm %1 eps 1.0e-5 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = quench.linear %2, %h : (tensor<4x8xf32>, tensor<3x8xf32>) -> tensor<4x3xf32>
  return %3 : tensor<4x3xf32>
}

// -----

// CHECK: up: returns it (func.return)
func.func @output(%ids: tensor<4xi64>) -> tensor<4x8xf32> {
  %t = quench.param <"model"::"t"> : tensor<9x8xf32>
  %0 = quench.embedding %ids, %t : (tensor<4xi64>, tensor<9x8xf32>) -> tensor<4x8xf32> loc("up")
  %1 = quench.add %0, %0 residual : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// -----

// CHECK: down: has it as an argument (func.func)
func.func @argument(%x: tensor<4x8xf32>, %y: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %d = quench.param <"model"::"d"> : tensor<8x3xf32>
  %h = quench.param <"model"::"h"> : tensor<3x8xf32>
  %0 = quench.linear %y, %d : (tensor<4x3xf32>, tensor<8x3xf32>) -> tensor<4x8xf32> loc("down")
  %1 = quench.add %x, %0 residual : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = quench.linear %1, %h : (tensor<4x8xf32>, tensor<3x8xf32>) -> tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}

// -----

// A weight that is no parameter.
// CHECK: down: reads a weight that is no parameter (quench.linear)
func.func @weight(%y: tensor<4x3xf32>, %h: tensor<3x8xf32>) -> tensor<4x3xf32> {
  %d = quench.param <"model"::"d"> : tensor<8x3xf32>
  %0 = quench.linear %y, %d : (tensor<4x3xf32>, tensor<8x3xf32>) -> tensor<4x8xf32> loc("down")
  %1 = quench.add %0, %0 residual : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = quench.linear %1, %h : (tensor<4x8xf32>, tensor<3x8xf32>) -> tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}

// -----

// CHECK: model: has no residual stream
// CHECK: down: no Hadamard matrix of order 14 is known here; the largest order that divides it is 2; 'random-orthogonal' has every order
func.func @order(%y: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %d = quench.param <"model"::"d"> : tensor<14x3xf32>
  %h = quench.param <"model"::"h"> : tensor<3x14xf32>
  %0 = quench.linear %y, %d : (tensor<4x3xf32>, tensor<14x3xf32>) -> tensor<4x14xf32> loc("down")
  %2 = quench.linear %0, %h : (tensor<4x14xf32>, tensor<3x14xf32>) -> tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}
