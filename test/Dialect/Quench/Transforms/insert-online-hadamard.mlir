// RUN: quench-opt %s --quench-insert-online-hadamard --remarks-filter=quench-insert-online-hadamard > %t 2> %t.remarks
// RUN: FileCheck %s < %t
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks
// RUN: quench-opt %s --quench-insert-online-hadamard="block=4 sites=down" | FileCheck %s --check-prefix=BLOCK
// RUN: quench-opt %s --quench-insert-online-hadamard="weights=false pairs" | FileCheck %s --check-prefix=PAIRS
// RUN: quench-opt %s --quench-insert-online-hadamard="heads sites=^o$" | FileCheck %s --check-prefix=HEADS
// RUN: not quench-opt %s --quench-insert-online-hadamard="sites=[" 2>&1 | FileCheck %s --check-prefix=ERROR
// ERROR: error: option 'sites': brackets

// What two ops read is multiplied once; the scan reads what it did.

// CHECK-LABEL: @shared
// CHECK: %[[A:.*]] = quench.silu
// CHECK: %[[P:.*]] = quench.online_hadamard %[[A]] by(#quench.hadamard<12>)
// CHECK-DAG: %[[V:.*]] = quench.rotate %{{.*}} axis 1 by(#quench.hadamard<12>) : (tensor<4x12xf64>)
// CHECK-DAG: %[[W:.*]] = quench.rotate %{{.*}} axis 1 by(#quench.hadamard<12>) : (tensor<5x12xf64>)
// CHECK-DAG: quench.linear %[[P]], %[[V]]
// CHECK-DAG: quench.linear %[[P]], %[[W]]
// CHECK: quench.tanh %[[A]]
// REMARK-COUNT-2: reads a product with order 12
// BLOCK-LABEL: @shared
// BLOCK-NOT: quench.online_hadamard
// BLOCK: return
func.func @shared(%x: tensor<2x12xf64>) -> (tensor<2x4xf64>, tensor<2x5xf64>, tensor<2x12xf64>) {
  %v = quench.param <"m"::"v"> : tensor<4x12xf64>
  %w = quench.param <"m"::"w"> : tensor<5x12xf64>
  %0 = quench.silu %x : tensor<2x12xf64>
  %1 = quench.linear %0, %v : (tensor<2x12xf64>, tensor<4x12xf64>) -> tensor<2x4xf64> loc("dt")
  %2 = quench.linear %0, %w : (tensor<2x12xf64>, tensor<5x12xf64>) -> tensor<2x5xf64> loc("b")
  %3 = quench.tanh %0 : tensor<2x12xf64>
  return %1, %2, %3 : tensor<2x4xf64>, tensor<2x5xf64>, tensor<2x12xf64>
}

// No matrix has order 14, blocks of 4 do not fit; a quantizer has the scale of what
// it reads.

// CHECK-LABEL: @widths
// CHECK-NOT: quench.online_hadamard
// CHECK: return
// BLOCK-LABEL: @widths
// BLOCK-NOT: quench.online_hadamard
// BLOCK: return
func.func @widths(%x: tensor<2x14xf64>, %y: tensor<2x12xf64>, %s: tensor<f64>) -> (tensor<2x4xf64>, tensor<2x4xf64>) {
  %w = quench.param <"m"::"w"> : tensor<4x14xf64>
  %v = quench.param <"m"::"v"> : tensor<4x12xf64>
  %0 = quench.gelu %x by erf : tensor<2x14xf64>
  // REMARK: refused{{.*}}mlp.down: no Hadamard matrix of order 14
  %1 = quench.linear %0, %w : (tensor<2x14xf64>, tensor<4x14xf64>) -> tensor<2x4xf64> loc("mlp.down")
  // REMARK: insert-online-hadamard.mlir:[[#@LINE+1]]:{{.*}} refused{{.*}}is quantized before it could be multiplied (quench.fake_quant)
  %2 = quench.fake_quant %y, %s by(#quench.uniform<i8>) : (tensor<2x12xf64>, tensor<f64>) -> tensor<2x12xf64>
  %3 = quench.linear %2, %v : (tensor<2x12xf64>, tensor<4x12xf64>) -> tensor<2x4xf64> loc("fc")
  return %1, %3 : tensor<2x4xf64>, tensor<2x4xf64>
}

// BLOCK-LABEL: @blocks
// BLOCK: quench.online_hadamard %{{.*}} by(#quench.hadamard<4>)
// BLOCK: quench.rotate %{{.*}} axis 1 by(#quench.hadamard<4>) : (tensor<4x20xf64>)
func.func @blocks(%x: tensor<2x20xf64>) -> tensor<2x4xf64> {
  %w = quench.param <"m"::"w"> : tensor<4x20xf64>
  %0 = quench.gelu %x by erf : tensor<2x20xf64>
  %1 = quench.linear %0, %w : (tensor<2x20xf64>, tensor<4x20xf64>) -> tensor<2x4xf64> loc("mlp.down")
  return %1 : tensor<2x4xf64>
}

// Queries, and keys before they are cached. Values can be rotated by weights, unless
// it is across heads.

// CHECK-LABEL: @attention
// CHECK: quench.attention
// CHECK-NOT: quench.online_hadamard
// CHECK: return
// PAIRS-LABEL: @attention
// PAIRS: %[[K:.*]] = quench.online_hadamard %{{.*}} by(#quench.hadamard<4>) : tensor<1x2x2x4xf64>
// PAIRS: %{{.*}}, %[[KEYS:.*]] = quench.kv_cache %{{.*}}, %[[K]]
// PAIRS: %[[Q:.*]] = quench.online_hadamard %{{.*}} by(#quench.hadamard<4>) : tensor<1x2x2x4xf64>
// PAIRS: quench.attention %[[Q]], %[[KEYS]], %
// PAIRS-NOT: quench.online_hadamard
// PAIRS: return
// HEADS-LABEL: @attention
// HEADS: quench.attention
// HEADS: quench.online_hadamard %{{.*}} by(#quench.hadamard<8>)
// HEADS: quench.rotate %{{.*}} axis 1 by(#quench.hadamard<8>)
func.func @attention(%x: tensor<1x2x8xf64>,
                     %cache: tensor<1x4x2x4xf64> {quench.name = "k", quench.role = "state"},
                     %cos: tensor<2x2xf64>, %sin: tensor<2x2xf64>, %at: i64)
    -> (tensor<1x2x8xf64>, tensor<1x4x2x4xf64> {quench.name = "k", quench.state = "k"})
    attributes {quench.entry} {
  %w = quench.param <"m"::"w"> : tensor<8x8xf64>
  %0 = quench.linear %x, %w : (tensor<1x2x8xf64>, tensor<8x8xf64>) -> tensor<1x2x8xf64> loc("q")
  %1 = tensor.expand_shape %0 [[0], [1], [2, 3]] output_shape [1, 2, 2, 4] : tensor<1x2x8xf64> into tensor<1x2x2x4xf64>
  %2 = quench.rope %1, %cos, %sin half : (tensor<1x2x2x4xf64>, tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<1x2x2x4xf64>
  %3 = quench.linear %x, %w : (tensor<1x2x8xf64>, tensor<8x8xf64>) -> tensor<1x2x8xf64> loc("k")
  %4 = tensor.expand_shape %3 [[0], [1], [2, 3]] output_shape [1, 2, 2, 4] : tensor<1x2x8xf64> into tensor<1x2x2x4xf64>
  %5 = quench.rope %4, %cos, %sin half : (tensor<1x2x2x4xf64>, tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<1x2x2x4xf64>
  %6, %7 = quench.kv_cache %cache, %5 at %at : (tensor<1x4x2x4xf64>, tensor<1x2x2x4xf64>, i64) -> (tensor<1x4x2x4xf64>, tensor<1x?x2x4xf64>)
  %8 = quench.linear %x, %w : (tensor<1x2x8xf64>, tensor<8x8xf64>) -> tensor<1x2x8xf64> loc("v")
  %9 = tensor.expand_shape %8 [[0], [1], [2, 3]] output_shape [1, 2, 2, 4] : tensor<1x2x8xf64> into tensor<1x2x2x4xf64>
  %10 = tensor.cast %9 : tensor<1x2x2x4xf64> to tensor<1x?x2x4xf64>
  %11 = quench.attention %2, %7, %10 scale 0.5 causal
    : (tensor<1x2x2x4xf64>, tensor<1x?x2x4xf64>, tensor<1x?x2x4xf64>) -> tensor<1x2x2x4xf64> loc("attn")
  %12 = tensor.collapse_shape %11 [[0], [1], [2, 3]] : tensor<1x2x2x4xf64> into tensor<1x2x8xf64>
  %13 = quench.linear %12, %w : (tensor<1x2x8xf64>, tensor<8x8xf64>) -> tensor<1x2x8xf64> loc("o")
  return %13, %6 : tensor<1x2x8xf64>, tensor<1x4x2x4xf64>
}
