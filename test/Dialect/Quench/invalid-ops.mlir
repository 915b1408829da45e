// RUN: quench-opt-plain %s -verify-diagnostics -split-input-file

func.func @f(%x: tensor<f32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{'quench.linear' op expected input of rank 1 or more, found 'tensor<f32>'}}
  %0 = quench.linear %x, %w : (tensor<f32>, tensor<4x8xf32>) -> tensor<f32>
  return
}

// -----

func.func @f(%x: tensor<2x7xf32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{'quench.linear' op expected weight of shape [?x7], found 'tensor<4x8xf32>'}}
  %0 = quench.linear %x, %w : (tensor<2x7xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>, %b: tensor<5xf32>) {
  // expected-error @below {{'quench.linear' op expected bias of shape [4], found 'tensor<5xf32>'}}
  %0 = quench.linear %x, %w bias %b : (tensor<2x8xf32>, tensor<4x8xf32>, tensor<5xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %w: tensor<4x8xf16>) {
  // expected-error @below {{'quench.linear' op expected weight of element type 'f32', found 'tensor<4x8xf16>'}}
  %0 = quench.linear %x, %w : (tensor<2x8xf32>, tensor<4x8xf16>) -> tensor<2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{'quench.linear' op inferred type(s) 'tensor<2x4xf32>' are incompatible with return type(s) of operation 'tensor<2x5xf32>'}}
  // expected-error @below {{'quench.linear' op failed to infer returned types}}
  %0 = quench.linear %x, %w : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xi32>, %w: tensor<4x8xi32>) {
  // expected-error @below {{'quench.linear' op operand #0 must be ranked tensor of f16, bf16, f32 or f64 values, but got 'tensor<2x8xi32>'}}
  %0 = quench.linear %x, %w : (tensor<2x8xi32>, tensor<4x8xi32>) -> tensor<2x4xi32>
  return
}

// -----

func.func @f(%x: tensor<8xf32>, %y: tensor<8x4xf32>) {
  // expected-error @below {{'quench.matmul' op expected lhs of rank 2 or more, found 'tensor<8xf32>'}}
  %0 = quench.matmul %x, %y : (tensor<8xf32>, tensor<8x4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%x: tensor<3x2x8xf32>, %y: tensor<3x7x4xf32>) {
  // expected-error @below {{'quench.matmul' op expected rhs of shape [3x8x?], found 'tensor<3x7x4xf32>'}}
  %0 = quench.matmul %x, %y : (tensor<3x2x8xf32>, tensor<3x7x4xf32>) -> tensor<3x2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %y: tensor<2xf32>) {
  // expected-error @below {{'quench.add' op expected rhs of shape [2x8] or a suffix of it, found 'tensor<2xf32>'}}
  %0 = quench.add %x, %y : (tensor<2x8xf32>, tensor<2xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %y: tensor<3x2x8xf32>) {
  // expected-error @below {{'quench.mul' op expected rhs of shape [2x8] or a suffix of it, found 'tensor<3x2x8xf32>'}}
  %0 = quench.mul %x, %y : (tensor<2x8xf32>, tensor<3x2x8xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: index) {
  // expected-error @below {{custom op 'quench.relu' invalid kind of type specified: expected builtin.tensor, but found 'index'}}
  %0 = quench.relu %x : index
  return
}

// -----

func.func @f(%x: tensor<*xf32>) {
  // expected-error @below {{custom op 'quench.gelu' invalid kind of type specified: expected builtin.tensor, but found 'tensor<*xf32>'}}
  %0 = quench.gelu %x by erf : tensor<*xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %s: tensor<2xf32>) {
  // expected-error @below {{'quench.silu' op expected scale of shape [8], found 'tensor<2xf32>'}}
  %0 = quench.silu %x scale %s : tensor<2xf32> : tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>, %s: tensor<4xf32>) {
  // expected-error @below {{'quench.layer_norm' op expected gamma of shape [8], found 'tensor<4xf32>'}}
  %0 = quench.layer_norm %x gamma %s eps 1.0e-5 : (tensor<2x8xf32>, tensor<4xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>) {
  // expected-error @below {{'quench.rms_norm' op expected eps to be finite and not negative, found -1.000000e+00}}
  %0 = quench.rms_norm %x eps -1.0 : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>) {
  // expected-error @below {{'quench.softmax' op expected zeta and gamma together}}
  %0 = quench.softmax %x {zeta = 1.1 : f64} : tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>) {
  // expected-error @below {{'quench.softmax' op expected zeta >= 1 and gamma <= 0, found 9.000000e-01 and -1.000000e-01}}
  %0 = quench.softmax %x {zeta = 0.9 : f64, gamma = -0.1 : f64} : tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x4x8xf32>, %g: tensor<1x2x3xf32>) {
  // expected-error @below {{'quench.head_gate' op expected gate of shape [1x2x4], found 'tensor<1x2x3xf32>'}}
  %0 = quench.head_gate %x by %g : (tensor<1x2x4x8xf32>, tensor<1x2x3xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x4x8xf32>, %g: tensor<f32>) {
  // expected-error @below {{'quench.head_gate' op expected a gate of 1 to 4 dimensions, found 0}}
  %0 = quench.head_gate %x by %g : (tensor<1x2x4x8xf32>, tensor<f32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x4x8xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{'quench.head_gate' op expected factor to be a number above zero, found -1.000000e+00}}
  %0 = quench.head_gate %x by %g {factor = -1.0 : f64} : (tensor<1x2x4x8xf32>, tensor<4xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x8xf32>) {
  // expected-error @below {{'quench.attention' op expected query of shape [?x?x?x?], found 'tensor<1x2x8xf32>'}}
  %0 = quench.attention %q, %q, %q scale 1.0 full : (tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x4x7xf32>) {
  // expected-error @below {{'quench.attention' op expected key of shape [1x?x?x8], found 'tensor<1x2x4x7xf32>'}}
  %0 = quench.attention %q, %k, %k scale 1.0 full : (tensor<1x2x4x8xf32>, tensor<1x2x4x7xf32>, tensor<1x2x4x7xf32>) -> tensor<1x2x4x7xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>, %v: tensor<1x3x4x8xf32>) {
  // expected-error @below {{'quench.attention' op expected value of shape [1x2x4x?], found 'tensor<1x3x4x8xf32>'}}
  %0 = quench.attention %q, %q, %v scale 1.0 full : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x3x4x8xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>, %m: tensor<1x3xi64>) {
  // expected-error @below {{'quench.attention' op expected mask of shape [1x2], found 'tensor<1x3xi64>'}}
  %0 = quench.attention %q, %q, %q mask %m scale 1.0 full : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x3xi64>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>, %b: tensor<3x2x2xf32>) {
  // expected-error @below {{'quench.attention' op expected bias of shape [1x4x2x2] or a suffix of it, found 'tensor<3x2x2xf32>'}}
  %0 = quench.attention %q, %q, %q bias %b scale 1.0 full : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<3x2x2xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x?x8xf32>) {
  // expected-error @below {{'quench.attention' op expected dimension 2 of query to be static, found 'tensor<1x2x?x8xf32>'}}
  %0 = quench.attention %q, %q, %q scale 1.0 full : (tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>, tensor<1x2x?x8xf32>) -> tensor<1x2x?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x3x8xf32>) {
  // expected-error @below {{'quench.attention' op expected the number of heads to be a multiple of that of groups, found 4 and 3}}
  %0 = quench.attention %q, %k, %k scale 1.0 full : (tensor<1x2x4x8xf32>, tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>) {
  // expected-error @below {{'quench.attention' op expected head_groups to name a group for each of 4 heads, found 2}}
  %0 = quench.attention %q, %q, %q scale 1.0 full {head_groups = array<i64: 0, 1>} : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>) {
  // expected-error @below {{'quench.attention' op expected head_groups to name groups below 4, found 4}}
  %0 = quench.attention %q, %q, %q scale 1.0 full {head_groups = array<i64: 0, 1, 2, 4>} : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>) {
  // expected-error @below {{'quench.attention' op expected a window with mask kind sliding and with no other}}
  %0 = quench.attention %q, %q, %q scale 1.0 causal {window = 3 : i64} : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>) {
  // expected-error @below {{'quench.attention' op expected a window of at least 1, found 0}}
  %0 = quench.attention %q, %q, %q scale 1.0 sliding {window = 0 : i64} : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%q: tensor<1x2x4x8xf32>) {
  // expected-error @below {{'quench.attention' op expected scale to be finite}}
  %0 = quench.attention %q, %q, %q scale 0x7FF0000000000000 full : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2xf32>) {
  // expected-error @below {{'quench.positions' op expected dim below 2, found 2}}
  %0 = quench.positions %x dim 2 : tensor<1x2xf32> -> tensor<2xi64>
  return
}

// -----

func.func @f(%p: tensor<2xi64>) {
  // expected-error @below {{'quench.rope_table' op expected element_type to be f16, bf16, f32 or f64}}
  %0, %1 = quench.rope_table %p {inv_freq = array<f64: 1.0>, element_type = i32} : (tensor<2xi64>) -> (tensor<2x1xf32>, tensor<2x1xf32>)
  return
}

// -----

func.func @f(%p: tensor<1x2xi64>) {
  // expected-error @below {{'quench.rope_table' op expected positions of shape [?], found 'tensor<1x2xi64>'}}
  %0, %1 = quench.rope_table %p {inv_freq = array<f64: 1.0>, element_type = f32} : (tensor<1x2xi64>) -> (tensor<2x1xf32>, tensor<2x1xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x2x4x8xf32>, %c: tensor<2x5xf32>) {
  // expected-error @below {{'quench.rope' op expected at most 4 pairs for heads of 8 channels, found 5}}
  %0 = quench.rope %x, %c, %c half : (tensor<1x2x4x8xf32>, tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<1x2x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x2x4x?xf32>, %c: tensor<2x4xf32>) {
  // expected-error @below {{'quench.rope' op expected dimension 3 of input to be static, found 'tensor<1x2x4x?xf32>'}}
  %0 = quench.rope %x, %c, %c half : (tensor<1x2x4x?xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<1x2x4x?xf32>
  return
}

// -----

func.func @f(%c: tensor<1x9x4x8xf32>, %x: tensor<1x2x4x7xf32>, %p: i64) {
  // expected-error @below {{'quench.kv_cache' op expected input of shape [1x?x4x8], found 'tensor<1x2x4x7xf32>'}}
  %0, %1 = quench.kv_cache %c, %x at %p : (tensor<1x9x4x8xf32>, tensor<1x2x4x7xf32>, i64) -> (tensor<1x9x4x8xf32>, tensor<1x?x4x8xf32>)
  return
}

// -----

func.func @f(%ids: tensor<1x2xi64>, %t: tensor<9x4x8xf32>) {
  // expected-error @below {{'quench.embedding' op expected table of shape [?x?], found 'tensor<9x4x8xf32>'}}
  %0 = quench.embedding %ids, %t : (tensor<1x2xi64>, tensor<9x4x8xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8x9xf32>) {
  // expected-error @below {{'quench.patches' op expected the width of the image to be a multiple of 4, found 9}}
  %0 = quench.patches %x of 4 x 4 : (tensor<1x3x8x9xf32>) -> tensor<1x4x48xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8x8xf32>) {
  // expected-error @below {{'quench.patches' op expected patches of at least 1 x 1 pixels, found 0 x 4}}
  %0 = quench.patches %x of 0 x 4 : (tensor<1x3x8x8xf32>) -> tensor<1x4x48xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8x8xf32>, %w: tensor<5x4x2x2xf32>) {
  // expected-error @below {{'quench.patch_embed' op expected weight of shape [?x3x?x?], found 'tensor<5x4x2x2xf32>'}}
  %0 = quench.patch_embed %x, %w : (tensor<1x3x8x8xf32>, tensor<5x4x2x2xf32>) -> tensor<1x16x5xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8x8xf32>, %w: tensor<5x3x?x2xf32>) {
  // expected-error @below {{'quench.patch_embed' op expected dimension 2 of weight to be static, found 'tensor<5x3x?x2xf32>'}}
  %0 = quench.patch_embed %x, %w : (tensor<1x3x8x8xf32>, tensor<5x3x?x2xf32>) -> tensor<1x16x5xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %t: tensor<2x7xf32>) {
  // expected-error @below {{'quench.prepend' op expected tokens of shape [?x8], found 'tensor<2x7xf32>'}}
  %0 = quench.prepend %t to %x : (tensor<1x3x8xf32>, tensor<2x7xf32>) -> tensor<1x5x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %m: tensor<1x3xi64>) {
  // expected-error @below {{'quench.pool' op expected no mask for kind first}}
  %0 = quench.pool %x mask %m by first : (tensor<1x3x8xf32>, tensor<1x3xi64>) -> tensor<1x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<8x0xf32>) {
  // expected-error @below {{'quench.causal_conv1d' op expected weight of at least one tap, found none}}
  %0, %1 = quench.causal_conv1d %x, %w : (tensor<1x3x8xf32>, tensor<8x0xf32>) -> (tensor<1x3x8xf32>, tensor<1x0x8xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %w: tensor<8x4xf32>, %s: tensor<1x4x8xf32>) {
  // expected-error @below {{'quench.causal_conv1d' op expected state of shape [1x3x8], found 'tensor<1x4x8xf32>'}}
  %0, %1 = quench.causal_conv1d %x, %w state %s : (tensor<1x3x8xf32>, tensor<8x4xf32>, tensor<1x4x8xf32>) -> (tensor<1x3x8xf32>, tensor<1x3x8xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @below {{'quench.conv2d' op expected two positive strides}}
  %0 = quench.conv2d %x, %w strides [0, 1] padding [0, 0] : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x6x6xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @below {{'quench.conv2d' op expected two sizes of padding, not negative}}
  %0 = quench.conv2d %x, %w strides [1, 1] padding [0] : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x6x6xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @below {{'quench.conv2d' op expected at least one group, found 0}}
  %0 = quench.conv2d %x, %w strides [1, 1] padding [0, 0] {groups = 0 : i64} : (tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x6x6xf32>
  return
}

// -----

func.func @f(%x: tensor<1x9x8x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @below {{'quench.conv2d' op expected the output channels to be a multiple of 3 groups, found 4}}
  %0 = quench.conv2d %x, %w strides [1, 1] padding [0, 0] {groups = 3 : i64} : (tensor<1x9x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x6x6xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x2x8xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @below {{'quench.conv2d' op expected an image of at least 3 pixels with its padding along dimension 2, found 2}}
  %0 = quench.conv2d %x, %w strides [1, 1] padding [0, 0] : (tensor<1x3x2x8xf32>, tensor<4x3x3x3xf32>) -> tensor<1x4x0x6xf32>
  return
}

// -----

func.func @f(%x: tensor<1x3x8xf32>, %a: tensor<8x2xf32>, %b: tensor<1x3x4xf32>) {
  // expected-error @below {{'quench.selective_scan' op expected b of shape [1x3x2], found 'tensor<1x3x4xf32>'}}
  %0, %1 = quench.selective_scan %x delta %x a %a b %b c %b : (tensor<1x3x8xf32>, tensor<1x3x8xf32>, tensor<8x2xf32>, tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> (tensor<1x3x8xf32>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x4x4x8xf32>) {
  // expected-error @below {{'quench.window_partition' op expected a window of at least 1, found 0}}
  %0 = quench.window_partition %x window 0 : (tensor<1x4x4x8xf32>) -> tensor<1x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x4x4x8xf32>) {
  // expected-error @below {{'quench.window_partition' op expected a shift below the window of 2, found 2}}
  %0 = quench.window_partition %x window 2 {shift = 2 : i64} : (tensor<1x4x4x8xf32>) -> tensor<4x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x4x8xf32>) {
  // expected-error @below {{'quench.window_merge' op expected a map of at least 1 x 1, found 0 x 4}}
  %0 = quench.window_merge %x window 2 to 0 x 4 : (tensor<4x4x8xf32>) -> tensor<1x4x4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<3x4x8xf32>) {
  // expected-error @below {{'quench.window_merge' op expected a multiple of 4 windows, found 3}}
  %0 = quench.window_merge %x window 2 to 4 x 4 : (tensor<3x4x8xf32>) -> tensor<1x4x4x8xf32>
  return
}

// -----

func.func @f() {
  // expected-error @below {{'quench.param' op expected a parameter of static shape, found 'tensor<?xf32>'}}
  %0 = quench.param <"model"::"w"> : tensor<?xf32>
  return
}

// -----

func.func @f() {
  // expected-error @below {{'quench.param' op expected a scope and a key that are not empty}}
  %0 = quench.param <"model"::""> : tensor<4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @below {{'quench.transpose' op expected a permutation of the 2 dimensions of the input}}
  %0 = quench.transpose %x [1, 1] : (tensor<2x3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x?xf32>) {
  // expected-error @below {{'quench.transpose' op expected dimension 1 of a parameter to be static, found 'tensor<2x?xf32>'}}
  %0 = quench.transpose %x [1, 0] : (tensor<2x?xf32>) -> tensor<?x2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @below {{'quench.slice' op expected axis below 2, found 2}}
  %0 = quench.slice %x axis 2 [0, 1] : (tensor<2x3xf32>) -> tensor<2x1xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @below {{'quench.slice' op expected a range within [0, 3), found [2, 4)}}
  %0 = quench.slice %x axis 1 [2, 4] : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @below {{'quench.concat' op expected at least one input, found none}}
  %0 = "quench.concat"() {axis = 0 : i64} : () -> tensor<2x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error @below {{'quench.concat' op expected input 1 of shape [?x3], found 'tensor<2x4xf32>'}}
  %0 = quench.concat %x, %y axis 0 : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @below {{'quench.reshape' op expected static shapes of as many elements of the same type, found 'tensor<2x3xf32>' and 'tensor<7xf32>'}}
  %0 = quench.reshape %x : (tensor<2x3xf32>) -> tensor<7xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @below {{'quench.cast' op expected the same static shape, found 'tensor<2x3xf32>' and 'tensor<3x2xf16>'}}
  %0 = quench.cast %x : (tensor<2x3xf32>) -> tensor<3x2xf16>
  return
}

// -----

func.func @f() {
  // expected-error @below {{'quench.noise' op expected a static shape, found 'tensor<?xf32>'}}
  %0 = quench.noise seed 1 : tensor<?xf32>
  return
}

// -----

func.func @f(%x: tensor<2x3xf32>) {
  // expected-error @below {{'quench.pack' op expected a panel of at least 1, found 0}}
  %0 = quench.pack %x panel 0 : (tensor<2x3xf32>) -> tensor<2x3x1xf32>
  return
}

// -----

func.func @f(%x: tensor<2xf32>) {
  // expected-error @below {{'quench.pack' op expected input of shape [?x?], found 'tensor<2xf32>'}}
  %0 = quench.pack %x panel 4 : (tensor<2xf32>) -> tensor<1x2x4xf32>
  return
}

// -----

func.func @f(%x: tensor<1x0x8xf32>) {
  // expected-error @below {{'quench.pool' op expected at least one token, found none}}
  %0 = quench.pool %x by last : (tensor<1x0x8xf32>) -> tensor<1x8xf32>
  return
}

// -----

func.func @f(%x: tensor<1x0x8xf32>, %w: tensor<8x4xf32>) {
  // expected-error @below {{'quench.causal_conv1d' op expected at least one token, found none}}
  %0, %1 = quench.causal_conv1d %x, %w : (tensor<1x0x8xf32>, tensor<8x4xf32>) -> (tensor<1x0x8xf32>, tensor<1x3x8xf32>)
  return
}
