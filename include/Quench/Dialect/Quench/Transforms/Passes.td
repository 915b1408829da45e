//===- Passes.td - Passes on the quench dialect ------------*- tablegen -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_TD
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuenchLowerToLinalg : Pass<"quench-lower-to-linalg"> {
  let summary = "decomposes model ops to loops on tensors";
  let description = [{
    Replaces every op that implements `AggregatedOpInterface`, but those of
    linalg, by its decomposition: linalg, scf, tensor, arith and math ops on
    tensors. Ops named in `keep` stay, for passes that have a better lowering of
    them. Parameters and weight programs stay as well.

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %0 = quench.softmax %x : tensor<?x8xf32>
      return %0 : tensor<?x8xf32>
    }
    ```
  }];
  let options = [
    ListOption<"keep", "keep", "std::string",
               "names of ops that are not decomposed, such as quench.attention">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def QuenchBindArchive : Pass<"quench-bind-archive", "::mlir::ModuleOp"> {
  let summary = "makes the tensors of an archive known to policies";
  let description = [{
    Binds the archive `file` to `scope` in `quench.archives`, and writes its header
    into the module as `quench.bound`: the types of its tensors and its metadata.
    Policies of other passes look there for statistics (scope `stats`) and for
    learned rotations and scales (scope `learned`). Fails where the archive cannot
    be read, and where it holds statistics of a version that is not known.

    An archive with a tensor `R1` of 8 x 8 numbers, for example, makes of
    `quench.archives = {model = "model.safetensors"}`

    ```
    quench.archives = {learned = "R.safetensors", model = "model.safetensors"},
    quench.bound = {learned = {metadata = {}, tensors = {R1 = tensor<8x8xf32>}}}
    ```

    `quench build --recipe` does the same for what a recipe needs.
  }];
  let options = [
    Option<"scope", "scope", "std::string", "", "name that parameters use">,
    Option<"file", "file", "std::string", "",
           "safetensors file; the IR is to lie where the path starts">
  ];
}

def QuenchRotateStream : Pass<"quench-rotate-stream", "::mlir::ModuleOp"> {
  let summary = "rotates residual streams, by rotations of the weights around them";
  let description = [{
    A residual stream, and all values that are tied to it, may be in any orthogonal
    basis: the weights that write it (embeddings and position tables, class tokens,
    patch embeddings, output maps) are multiplied by a rotation `R`, and so are the
    rows of those that read it. Norms without a gain that do not subtract the mean
    keep what they compute. Outliers of single channels are spread over all of them.
    A stream runs through all entry points, which share its weights.

    The stream of a model stays as it is, with a remark that names the op in the way,
    where a norm has a gain (`quench-fold-norm-affine` folds it) or subtracts the
    mean (`quench-layernorm-to-rmsnorm`), where norms stand behind the residual
    joins, and where an output of the model shows the stream.

    Policies choose the rotation: `identity`, `hadamard`, `random-hadamard` and
    `random-orthogonal` (`seed`); `block` is the order of the matrix where it is to
    be repeated along the channels, -1 for the largest that has a Hadamard matrix.
    `klt`, `womi` and `import` take it from statistics, from weights and from an
    archive of learned matrices (`keys`, `tolerance`).
    A plugin can add policies (`Quench/Dialect/Quench/Transforms/RotationPolicy.h`).

    The field calls this rotation fusion, R1 or QuaRot's first stage.

    ```mlir
    func.func @f(%ids: tensor<?xi64>) -> tensor<?x4xf64> {
      %t = quench.param <"model"::"table"> : tensor<10x8xf64>
      %u = quench.param <"model"::"up"> : tensor<8x8xf64>
      %h = quench.param <"model"::"head"> : tensor<4x8xf64>
      %0 = quench.embedding %ids, %t : (tensor<?xi64>, tensor<10x8xf64>) -> tensor<?x8xf64>
      %1 = quench.linear %0, %u : (tensor<?x8xf64>, tensor<8x8xf64>) -> tensor<?x8xf64>
      %2 = quench.add %0, %1 residual : (tensor<?x8xf64>, tensor<?x8xf64>) -> tensor<?x8xf64>
      %3 = quench.rms_norm %2 eps 1.0e-5 : (tensor<?x8xf64>) -> tensor<?x8xf64>
      %4 = quench.linear %3, %h : (tensor<?x8xf64>, tensor<4x8xf64>) -> tensor<?x4xf64>
      return %4 : tensor<?x4xf64>
    }
    ```

    becomes, with the policy `hadamard`,

    ```mlir
    func.func @f(%ids: tensor<?xi64>) -> tensor<?x4xf64> {
      %t = quench.param <"model"::"table"> : tensor<10x8xf64>
      %u = quench.param <"model"::"up"> : tensor<8x8xf64>
      %h = quench.param <"model"::"head"> : tensor<4x8xf64>
      %t1 = quench.rotate %t axis 1 by(#quench.hadamard<8>) : (tensor<10x8xf64>) -> tensor<10x8xf64>
      %0 = quench.embedding %ids, %t1 {quench.basis = ["rotate #quench.hadamard<8>"]}
        : (tensor<?xi64>, tensor<10x8xf64>) -> tensor<?x8xf64>
      %u1 = quench.rotate %u axis 0 by(#quench.hadamard<8>) : (tensor<8x8xf64>) -> tensor<8x8xf64>
      %u2 = quench.rotate %u1 axis 1 by(#quench.hadamard<8>) : (tensor<8x8xf64>) -> tensor<8x8xf64>
      %1 = quench.linear %0, %u2 {quench.basis = ["rotate #quench.hadamard<8>"]}
        : (tensor<?x8xf64>, tensor<8x8xf64>) -> tensor<?x8xf64>
      %2 = quench.add %0, %1 residual {quench.basis = ["rotate #quench.hadamard<8>"]}
        : (tensor<?x8xf64>, tensor<?x8xf64>) -> tensor<?x8xf64>
      %3 = quench.rms_norm %2 eps 1.0e-5 {quench.basis = ["rotate #quench.hadamard<8>"]}
        : (tensor<?x8xf64>) -> tensor<?x8xf64>
      %h1 = quench.rotate %h axis 1 by(#quench.hadamard<8>) : (tensor<4x8xf64>) -> tensor<4x8xf64>
      %4 = quench.linear %3, %h1 : (tensor<?x8xf64>, tensor<4x8xf64>) -> tensor<?x4xf64>
      return %4 : tensor<?x4xf64>
    }
    ```
  }];
  let options = [
    Option<"policyName", "policy", "std::string", "\"random-hadamard\"",
           "how rotations are chosen">,
    ListOption<"policyOptions", "policy-options", "std::string",
               "options of the policy, key=value">,
    Option<"sitePattern", "sites", "std::string", "\".*\"",
           "regular expression that names of sites match">
  ];
  let dependentDialects = ["::quench::QuenchDialect"];
}

def QuenchRotatePair : Pass<"quench-rotate-pair", "::mlir::ModuleOp"> {
  let summary = "rotates what lies between two maps of channels";
  let description = [{
    Where what one map of channels writes reaches another without a function of
    single channels between them, it may be in any orthogonal basis: the weights of
    the one, bias included, take a rotation `R`, those of the other undo it. Such
    pairs are

    * values and the output map of attention: a rotation of each head of values, in
      all heads of queries that read it, and in the cache of values;
    * queries and keys, where no rotary embedding stands between the maps and
      attention;
    * the two factors of a low-rank map, as that of the time step of Mamba.

    Queries and keys behind rotary embedding stay as they are, with a remark:
    `quench-insert-online-hadamard` rotates them. The states of a selective scan
    stay as they are too: decays differ from one state to the next.

    The policies are those of `quench-rotate-stream`; a class of values has one
    order for all heads. The field calls this R2, OV rotation, or R5 (Mamba).

    ```mlir
    func.func @f(%x: tensor<?x8xf64>) -> tensor<?x4xf64> {
      %a = quench.param <"model"::"a"> : tensor<2x8xf64>
      %b = quench.param <"model"::"b"> : tensor<4x2xf64>
      %0 = quench.linear %x, %a : (tensor<?x8xf64>, tensor<2x8xf64>) -> tensor<?x2xf64>
      %1 = quench.linear %0, %b : (tensor<?x2xf64>, tensor<4x2xf64>) -> tensor<?x4xf64>
      return %1 : tensor<?x4xf64>
    }
    ```

    becomes, with the policy `hadamard`,

    ```mlir
    func.func @f(%x: tensor<?x8xf64>) -> tensor<?x4xf64> {
      %a = quench.param <"model"::"a"> : tensor<2x8xf64>
      %b = quench.param <"model"::"b"> : tensor<4x2xf64>
      %a1 = quench.rotate %a axis 0 by(#quench.hadamard<2>) : (tensor<2x8xf64>) -> tensor<2x8xf64>
      %0 = quench.linear %x, %a1 {quench.basis = ["rotate #quench.hadamard<2>"]}
        : (tensor<?x8xf64>, tensor<2x8xf64>) -> tensor<?x2xf64>
      %b1 = quench.rotate %b axis 1 by(#quench.hadamard<2>) : (tensor<4x2xf64>) -> tensor<4x2xf64>
      %1 = quench.linear %0, %b1 : (tensor<?x2xf64>, tensor<4x2xf64>) -> tensor<?x4xf64>
      return %1 : tensor<?x4xf64>
    }
    ```
  }];
  let options = [
    Option<"policyName", "policy", "std::string", "\"random-hadamard\"",
           "how rotations are chosen">,
    ListOption<"policyOptions", "policy-options", "std::string",
               "options of the policy, key=value">,
    Option<"sitePattern", "sites", "std::string", "\".*\"",
           "regular expression that names of sites match">
  ];
  let dependentDialects = ["::quench::QuenchDialect"];
}

def QuenchObserve : Pass<"quench-observe", "::mlir::ModuleOp"> {
  let summary = "lets an entry point compute statistics of its activations too";
  let description = [{
    For every class of channels that could be scaled, and with `products` rotated,
    the entry point gets further results: of the values that are read at the end of
    the class, the least and the greatest element of each channel, its sum and the
    sum of its magnitudes, in f64, and the number of elements; with `products` sums
    of products of channels. Sizes of results do not depend on the input, so that
    statistics of any amount of data take the same memory.

    With `quantizers` the values that quantizers are for (`Analysis/QuantSites.h`)
    are observed too: the same of their channels, the greatest magnitudes of tokens,
    and their distribution (`quench.distribution`). Channels are the last dimension,
    heads and their channels where there are heads, and heads for the probabilities
    of attention, which are computed once more; of these also how much of the
    attention of a sequence its most attended key receives. Where a quantizer stands
    before what reads an input, means and products are those of its result, and
    `products` also sums the products of that with what it quantizes. With `weighting`
    products are also summed with a weight for each token: the attention `r` that it receives
    from all heads and queries, scaled to `least-weight` to 1 within its sequence;
    `linear` divides `r` by its mean (RSQ's code), `squared` is `r^2` (RSQ's paper).
    With `samples` inputs of contractions give so many tokens (`quench.sample`), and
    operands of attention so many sequences, of at most 64 tokens each, as have that many
    tokens together.
    With `only` no other sites than those of the names are observed.

    The attribute `quench.observed` of the function says which results are of which
    site, as `quench calibrate` reads it: for each site its name, its kind, the
    channels `size` of each of `count` transforms, the hash of the transforms that
    its values carry, and its values, with the numbers of their results, and the
    blocks of their channels as `offsets` and the transforms that these are of. A
    site of quantizers has one value and no blocks.

    ```mlir
    module attributes {quench.symbols = {batch = [1]}} {
      func.func @f(%x: tensor<?x8xf32> {quench.name = "x", quench.dims = ["batch"]})
          -> (tensor<?x4xf32> {quench.name = "y", quench.dims = ["batch"]}) attributes {quench.entry} {
        %u = quench.param <"model"::"u"> : tensor<6x8xf32>
        %w = quench.param <"model"::"w"> : tensor<4x6xf32>
        %0 = quench.linear %x, %u : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
        %1 = quench.linear %0, %w : (tensor<?x6xf32>, tensor<4x6xf32>) -> tensor<?x4xf32>
        return %1 : tensor<?x4xf32>
      }
    }
    ```
  }];
  let options = [
    Option<"entry", "entry", "std::string", "", "entry point (default: the first)">,
    Option<"products", "products", "bool", "false",
           "sums of products, for covariances, too">,
    Option<"quantizers", "quantizers", "bool", "false", "the values that quantizers are for, too">,
    Option<"classes", "classes", "bool", "true", "classes of channels">,
    Option<"weighting", "weighting", "::quench::TokenWeighting", "::quench::TokenWeighting::None",
           "products of weighted tokens too",
           [{::llvm::cl::values(
               clEnumValN(::quench::TokenWeighting::None, "none", "no"),
               clEnumValN(::quench::TokenWeighting::Linear, "linear", "by attention received, over its mean"),
               clEnumValN(::quench::TokenWeighting::Squared, "squared", "by its square"))}]>,
    Option<"leastWeight", "least-weight", "double", "0.005", "weight of the token that receives least">,
    Option<"samples", "samples", "int64_t", "0", "tokens of quantizer sites to give as they are">,
    ListOption<"only", "only", "std::string", "the sites that are observed (default: all)">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"
  ];
}

def QuenchScalePair : Pass<"quench-scale-pair", "::mlir::ModuleOp"> {
  let summary = "moves a scale of each channel from activations into weights";
  let description = [{
    Wherever an op that writes channels can be divided by a number for each of them,
    and all that read them multiplied by it, in weights, this is a site: a norm and
    the linear maps behind it, the values and the output map of attention (one
    scale for each group of heads), queries and keys (which carry inverse scales,
    equal within a pair of rotary embedding), the up and the down map of a gated
    MLP, a projection and the depthwise convolution behind it, the two factors of a
    low-rank map, and what a selective scan writes into and reads from its state.
    What the model computes stays the same; activations get easier to quantize.

    A site where something stands in the way is left alone, with a remark that names
    it. Two ways around are taken: where the result of a norm has other uses (the
    residual stream of a model with norms behind its blocks), those get the old
    values, by a `quench.mul` (`compensate`); and a SiLU becomes `x sigma(s x)`
    (`fuse-silu`), so that a scale passes gates (MambaQuant's smooth-fused SiLU). A
    norm whose gain was folded away can get one again, for a scale only
    (`add-gains`): OSTQuant scales what norms give after the stream was rotated,
    since a gain stands in the way of that.

    Policies choose the numbers: `identity`, `random` (`seed`, `low`, `high`),
    `given` (a parameter `SITE.scale` of the scope `learned`; `scope`, `name`,
    `type`), `smoothquant` (`alpha`, `low`, `high`), `mambaquant` (the same, with
    its limits), `awq` (`bits`, `group`, `steps`), `repq` (`bits`, `target`,
    `scale`). They leave programs over weights and over statistics `SITE.absmax` and
    the like; a scale that is not positive and finite is an error when it is
    evaluated. A plugin can add policies
    (`Quench/Dialect/Quench/Transforms/ChannelPolicy.h`).

    The field calls this smoothing, equivalent scaling, or smooth-fused folding.

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
      %g = quench.param <"model"::"norm"> : tensor<8xf32>
      %w = quench.param <"model"::"w"> : tensor<4x8xf32>
      %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %1 = quench.linear %0, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      return %1 : tensor<?x4xf32>
    }
    ```

    becomes, with the policy `given` and but for the names of sites,

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
      %p = quench.param <"learned"::"norm.scale"> : tensor<8xf64>
      %s = quench.checked_scale %p of "norm" : (tensor<8xf64>) -> tensor<8xf64>
      %g = quench.param <"model"::"norm"> : tensor<8xf32>
      %g64 = quench.cast %g : (tensor<8xf32>) -> tensor<8xf64>
      %gs = quench.channel_scale %g64, %s axis 0 inverse : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %g1 = quench.cast %gs : (tensor<8xf64>) -> tensor<8xf32>
      %w = quench.param <"model"::"w"> : tensor<4x8xf32>
      %w64 = quench.cast %w : (tensor<4x8xf32>) -> tensor<4x8xf64>
      %ws = quench.channel_scale %w64, %s axis 1 : (tensor<4x8xf64>, tensor<8xf64>) -> tensor<4x8xf64>
      %w1 = quench.cast %ws : (tensor<4x8xf64>) -> tensor<4x8xf32>
      %0 = quench.rms_norm %x gamma %g1 eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %1 = quench.linear %0, %w1 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      return %1 : tensor<?x4xf32>
    }
    ```
  }];
  let options = [
    Option<"policyName", "policy", "std::string", "\"smoothquant\"",
           "how scales are chosen">,
    ListOption<"policyOptions", "policy-options", "std::string",
               "options of the policy, key=value">,
    Option<"sitePattern", "sites", "std::string", "\".*\"",
           "regular expression that names of sites match">,
    ListOption<"kinds", "kinds", "std::string",
               "sites to rewrite: norm, linear, product, silu (default: all)">,
    Option<"compensate", "compensate", "bool", "true",
           "give uses of a norm that no weight reads through the old values">,
    Option<"addGains", "add-gains", "bool", "false",
           "give norms without a gain one, where a scale goes into it">,
    Option<"fuseSilu", "fuse-silu", "::quench::FuseSilu", "::quench::FuseSilu::None",
           "which SiLUs may get a scale inside", [{
        ::llvm::cl::values(
            clEnumValN(::quench::FuseSilu::None, "none", "none"),
            clEnumValN(::quench::FuseSilu::Gates, "gates", "those of gated products"),
            clEnumValN(::quench::FuseSilu::All, "all", "all"))
      }]>
  ];
}

def QuenchShiftPair : Pass<"quench-shift-pair", "::mlir::ModuleOp"> {
  let summary = "moves a shift of each channel from activations into biases";
  let description = [{
    Adds a number to each channel that ops with a bias write, and takes what the
    weights of all ops that read the channel make of it from their biases. Ops that
    have no bias and could have one get it. What the model computes stays the same;
    activations are centred.

    Policies choose the numbers: `given` (a parameter `SITE.shift`), `mean` (so that
    channels have mean 0, from the statistics `SITE.mean`; MambaQuant centres the
    steps of a selective scan like that), `middle` (so that the ranges of channels
    have their middle at 0, from `SITE.min` and `SITE.max`: after scales of the policy
    `repq` they are one range), `random` (`seed`, `amplitude`).

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %a = quench.param <"model"::"a"> : tensor<4x8xf32>
      %b = quench.param <"model"::"b"> : tensor<8x4xf32>
      %0 = quench.linear %x, %a : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %1 = quench.linear %0, %b : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
      return %1 : tensor<?x8xf32>
    }
    ```

    becomes, with the policy `given` and but for the names of sites,

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %a = quench.param <"model"::"a"> : tensor<4x8xf32>
      %b = quench.param <"model"::"b"> : tensor<8x4xf32>
      %z = quench.param <"learned"::"a.shift"> : tensor<4xf64>
      %zero4 = quench.fill 0.0 : tensor<4xf64>
      %za = quench.shift %zero4, %z : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
      %ba = quench.cast %za : (tensor<4xf64>) -> tensor<4xf32>
      %b64 = quench.cast %b : (tensor<8x4xf32>) -> tensor<8x4xf64>
      %bz = quench.contract %b64, %z : (tensor<8x4xf64>, tensor<4xf64>) -> tensor<8xf64>
      %zero8 = quench.fill 0.0 : tensor<8xf64>
      %zb = quench.shift %zero8, %bz negative : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %bb = quench.cast %zb : (tensor<8xf64>) -> tensor<8xf32>
      %0 = quench.linear %x, %a bias %ba : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x4xf32>
      %1 = quench.linear %0, %b bias %bb : (tensor<?x4xf32>, tensor<8x4xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      return %1 : tensor<?x8xf32>
    }
    ```
  }];
  let options = [
    Option<"policyName", "policy", "std::string", "\"given\"",
           "how shifts are chosen">,
    ListOption<"policyOptions", "policy-options", "std::string",
               "options of the policy, key=value">,
    Option<"sitePattern", "sites", "std::string", "\".*\"",
           "regular expression that names of sites match">
  ];
}

def QuenchReparameterizeScales : Pass<"quench-reparameterize-scales", "::mlir::ModuleOp"> {
  let summary = "quantizers with one scale instead of one for each channel";
  let description = [{
    Where a value is quantized by a uniform quantizer that has a scale, and maybe a
    zero point, for each channel, the differences move into the weights around it
    (scale reparameterization, RepQ-ViT): with the scales `s`, zero points `z`, one
    scale `t` and one zero point `u`, channels are divided by `s / t` and shifted by
    `t (z - u)`, all that read them are multiplied and shifted back, and the
    quantizer keeps `t` and `u`. An integer matrix product then needs one scale.

    As a function of real numbers nothing changes, and the codes are the same but
    next to ties (C10 of `docs/spec.md`): `u` is an integer, and a code. Channels
    of scale 0, which have no range, take `t` and `u`. A norm that has no offset
    gets an addition behind it where there are zero points (`offset`). A map that is
    cut into windows and padded is refused: the padding would have to be
    `t (z - u)`. So is a value that something reads in which no weight can take the
    difference.

    `t` is the mean, the median or the power of two next to the mean of the scales,
    or given; `u` the rounded mean of the zero points.

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
      %g = quench.param <"model"::"norm"> : tensor<8xf32>
      %w = quench.param <"model"::"w"> : tensor<4x8xf32>
      %s = quench.param <"model"::"s"> : tensor<8xf32>
      %0 = quench.rms_norm %x gamma %g eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %1 = quench.fake_quant %0, %s by(#quench.uniform<i8, axis = 1>) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %2 = quench.linear %1, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      return %2 : tensor<?x4xf32>
    }
    ```

    becomes

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
      %g = quench.param <"model"::"norm"> : tensor<8xf32>
      %w = quench.param <"model"::"w"> : tensor<4x8xf32>
      %s = quench.param <"model"::"s"> : tensor<8xf32>
      %s64 = quench.cast %s : (tensor<8xf32>) -> tensor<8xf64>
      %t64 = quench.common_scale %s64 by mean : (tensor<8xf64>) -> tensor<f64>
      %l = quench.fill_dead %s64 scales %s64 with %t64 : (tensor<8xf64>, tensor<8xf64>, tensor<f64>) -> tensor<8xf64>
      %q = quench.channel_scale %l, %t64 axis 0 inverse : (tensor<8xf64>, tensor<f64>) -> tensor<8xf64>
      %r = quench.checked_scale %q of "norm" : (tensor<8xf64>) -> tensor<8xf64>
      %g64 = quench.cast %g : (tensor<8xf32>) -> tensor<8xf64>
      %gr = quench.channel_scale %g64, %r axis 0 inverse : (tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
      %g1 = quench.cast %gr : (tensor<8xf64>) -> tensor<8xf32>
      %w64 = quench.cast %w : (tensor<4x8xf32>) -> tensor<4x8xf64>
      %wr = quench.channel_scale %w64, %r axis 1 : (tensor<4x8xf64>, tensor<8xf64>) -> tensor<4x8xf64>
      %w1 = quench.cast %wr : (tensor<4x8xf64>) -> tensor<4x8xf32>
      %t = quench.cast %t64 : (tensor<f64>) -> tensor<f32>
      %0 = quench.rms_norm %x gamma %g1 eps 1.0e-5 : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %1 = quench.fake_quant %0, %t by(#quench.uniform<i8>) : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
      %2 = quench.linear %1, %w1 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      return %2 : tensor<?x4xf32>
    }
    ```
  }];
  let options = [
    Option<"target", "target", "::quench::ReparameterizeTarget",
           "::quench::ReparameterizeTarget::Mean", "the one scale", [{
        ::llvm::cl::values(
            clEnumValN(::quench::ReparameterizeTarget::Mean, "mean", "the mean"),
            clEnumValN(::quench::ReparameterizeTarget::Median, "median", "the median"),
            clEnumValN(::quench::ReparameterizeTarget::PowerOfTwo, "power-of-two",
                       "the power of two next to the mean"),
            clEnumValN(::quench::ReparameterizeTarget::Given, "given", "the option 'scale'"))
      }]>,
    Option<"commonScale", "scale", "double", "1.0", "the scale, where it is given">,
    Option<"offset", "offset", "bool", "true",
           "add an offset behind norms that have none">,
    Option<"sitePattern", "sites", "std::string", "\".*\"",
           "regular expression that names of sites match">
  ];
  let dependentDialects = ["::quench::QuenchDialect"];
}

def QuenchFoldNormAffine
    : Pass<"quench-fold-norm-affine", "::mlir::ModuleOp"> {
  let summary = "gains and offsets of norms into the weights that read them";
  let description = [{
    Moves gain `g` and offset `b` of every norm into the ops that read its result:
    the weight becomes `W diag(g)`, the bias grows by `W b`, with the weight as it
    was, and is created where there is none. What is left of the norm can be
    rotated, and a layer norm can lose its mean (`quench-layernorm-to-rmsnorm`).
    Literature on rotations calls this fusing layer norms.

    ```mlir
    func.func @f(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
      %g = quench.param <"model"::"norm.weight"> : tensor<3xf32>
      %b = quench.param <"model"::"norm.bias"> : tensor<3xf32>
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf32>
      %0 = quench.layer_norm %x gamma %g beta %b eps 1.0e-5
        : (tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
      %1 = quench.linear %0, %w : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x4xf32>
      return %1 : tensor<2x4xf32>
    }
    ```

    becomes, but for casts to f64 and back,

    ```mlir
    func.func @f(%x: tensor<2x3xf64>) -> tensor<2x4xf64> {
      %g = quench.param <"model"::"norm.weight"> : tensor<3xf64>
      %b = quench.param <"model"::"norm.bias"> : tensor<3xf64>
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf64>
      %0 = quench.layer_norm %x eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>
      %1 = quench.contract %w, %b : (tensor<4x3xf64>, tensor<3xf64>) -> tensor<4xf64>
      %2 = quench.channel_scale %w, %g axis 1 : (tensor<4x3xf64>, tensor<3xf64>) -> tensor<4x3xf64>
      %3 = quench.linear %0, %2 bias %1
        : (tensor<2x3xf64>, tensor<4x3xf64>, tensor<4xf64>) -> tensor<2x4xf64>
      return %3 : tensor<2x4xf64>
    }
    ```

    Exact for any gain, also for negative ones and zeros. All ops that read the
    norm, through views, must read it through a parameter; else the norm stays as
    it is, and a remark names the op: an output, a residual join (the norms of
    BERT come after it), an activation. A weight that something else reads too,
    like an embedding that is also the head, is from then on stored twice; a
    remark tells the bytes.
  }];
  let dependentDialects = ["::quench::QuenchDialect"];
}

def QuenchFoldSpectralNorm
    : Pass<"quench-fold-spectral-norm", "::mlir::ModuleOp"> {
  let summary = "factors of reparameterized weights into the weights";
  let description = [{
    A layer of sigmaReparam applies `g / sigma(W) W`, where `sigma(W)` is the
    spectral norm as one step of a power iteration estimates it and `g` is learned.
    Checkpoints hold `W`, `g` and the vector that the iteration starts at; importers
    make a weight program of them, and there is nothing left to do. Where a graph
    multiplies what the layer gives instead, this pass moves the factor, a
    parameter that is computed from a `quench.spectral_norm`, into the weight, and a
    bias that is added behind it into the op.

    ```mlir
    func.func @f(%x: tensor<2x3xf64>) -> tensor<2x4xf64> {
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf64>
      %u = quench.param <"model"::"fc.u"> : tensor<3xf64>
      %g = quench.param <"model"::"fc.sigma"> : tensor<1xf64>
      %b = quench.param <"model"::"fc.bias"> : tensor<4xf64>
      %s = quench.spectral_norm %w, %u : (tensor<4x3xf64>, tensor<3xf64>) -> tensor<f64>
      %q = quench.channel_scale %g, %s axis 0 inverse : (tensor<1xf64>, tensor<f64>) -> tensor<1xf64>
      %c = quench.reshape %q : (tensor<1xf64>) -> tensor<f64>
      %0 = quench.linear %x, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
      %1 = quench.mul %0, %c : (tensor<2x4xf64>, tensor<f64>) -> tensor<2x4xf64>
      %2 = quench.add %1, %b : (tensor<2x4xf64>, tensor<4xf64>) -> tensor<2x4xf64>
      return %2 : tensor<2x4xf64>
    }
    ```

    becomes

    ```mlir
    func.func @f(%x: tensor<2x3xf64>) -> tensor<2x4xf64> {
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf64>
      %u = quench.param <"model"::"fc.u"> : tensor<3xf64>
      %g = quench.param <"model"::"fc.sigma"> : tensor<1xf64>
      %b = quench.param <"model"::"fc.bias"> : tensor<4xf64>
      %s = quench.spectral_norm %w, %u : (tensor<4x3xf64>, tensor<3xf64>) -> tensor<f64>
      %q = quench.channel_scale %g, %s axis 0 inverse : (tensor<1xf64>, tensor<f64>) -> tensor<1xf64>
      %c = quench.reshape %q : (tensor<1xf64>) -> tensor<f64>
      %0 = quench.channel_scale %w, %c axis 0 : (tensor<4x3xf64>, tensor<f64>) -> tensor<4x3xf64>
      %1 = quench.linear %x, %0 bias %b
        : (tensor<2x3xf64>, tensor<4x3xf64>, tensor<4xf64>) -> tensor<2x4xf64>
      return %1 : tensor<2x4xf64>
    }
    ```
  }];
  let dependentDialects = ["::quench::QuenchDialect"];
}

def QuenchNoisyBias : Pass<"quench-noisy-bias", "::mlir::ModuleOp"> {
  let summary = "fixed noise before quantizers, removed in the bias";
  let description = [{
    NoisyQuant: adds a number `n` to each channel of what a linear op reads, before
    it is quantized, and subtracts `W n` from its bias, `W` as the op has it,
    quantized or not. The real-valued function stays what it is; the errors of the
    quantizer become more even. Ops that read one value get one `n`. Where nothing
    else reads the value, and its writer has a bias (a layer norm, a linear op), that
    takes `n` and no op is added.

    With `source=uniform`, `n` is uniform in `[-amplitude, amplitude)`, in steps of the
    quantizer where there is one; a seed and the name of the site make it. With
    `source=given`, it is the parameter `<"learned"::"SITE.noise">`. A site is called
    after the first op that reads it.

    ```mlir
    func.func @f(%x: tensor<2x3xf64>) -> tensor<2x4xf64> {
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf64>
      %b = quench.param <"model"::"fc.bias"> : tensor<4xf64>
      %0 = quench.linear %x, %w bias %b
        : (tensor<2x3xf64>, tensor<4x3xf64>, tensor<4xf64>) -> tensor<2x4xf64>
      return %0 : tensor<2x4xf64>
    }
    ```

    becomes, with `source=given`,

    ```mlir
    func.func @f(%x: tensor<2x3xf64>) -> tensor<2x4xf64> {
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf64>
      %b = quench.param <"model"::"fc.bias"> : tensor<4xf64>
      %n = quench.param <"learned"::"fc.noise"> : tensor<3xf64>
      %0 = quench.add %x, %n : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
      %1 = quench.contract %w, %n : (tensor<4x3xf64>, tensor<3xf64>) -> tensor<4xf64>
      %2 = quench.shift %b, %1 negative : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
      %3 = quench.linear %0, %w bias %2
        : (tensor<2x3xf64>, tensor<4x3xf64>, tensor<4xf64>) -> tensor<2x4xf64>
      return %3 : tensor<2x4xf64>
    }
    ```
  }];
  let options = [
    Option<"source", "source", "::quench::NoiseSource", "::quench::NoiseSource::Uniform",
           "where noise comes from", [{llvm::cl::values(
             clEnumValN(::quench::NoiseSource::Uniform, "uniform", "a seed makes it"),
             clEnumValN(::quench::NoiseSource::Given, "given", "it is a parameter"))}]>,
    Option<"seed", "seed", "uint64_t", "0", "what uniform noise is made from">,
    Option<"amplitude", "amplitude", "double", "0.5",
           "greatest uniform noise, in steps of the quantizer where there is one">,
    Option<"siteNames", "sites", "std::string", "\".*\"",
           "a regular expression; ops whose name it matches get noise">,
    Option<"onlyQuantized", "only-quantized", "bool", "false",
           "leave ops alone that read what no quantizer gives">
  ];
  let dependentDialects = ["::quench::QuenchDialect"];
}

def QuenchLayerNormToRMSNorm
    : Pass<"quench-layernorm-to-rmsnorm", "::mlir::ModuleOp"> {
  let summary = "layer norms of residual streams that have mean zero";
  let description = [{
    A layer norm does not see what is added to all channels of a row. So every weight
    that writes the stream before it (embeddings, positions, class tokens, patches,
    the output projections, their biases) may be recentred: its mean over the
    channels is subtracted. The mean of the stream is zero then, and the norm is
    an RMS norm of the same epsilon, which lets rotations pass.

    ```mlir
    func.func @f(%ids: tensor<2xi64>) -> tensor<2x4xf64> {
      %t = quench.param <"model"::"embed.weight"> : tensor<7x3xf64>
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf64>
      %0 = quench.embedding %ids, %t : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
      %1 = quench.layer_norm %0 eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>
      %2 = quench.linear %1, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
      return %2 : tensor<2x4xf64>
    }
    ```

    becomes

    ```mlir
    func.func @f(%ids: tensor<2xi64>) -> tensor<2x4xf64> {
      %t = quench.param <"model"::"embed.weight"> : tensor<7x3xf64>
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf64>
      %c = quench.center %t axis 1 : (tensor<7x3xf64>) -> tensor<7x3xf64>
      %0 = quench.embedding %ids, %c {quench.basis = ["center"]}
        : (tensor<2xi64>, tensor<7x3xf64>) -> tensor<2x3xf64>
      %1 = quench.rms_norm %0 eps 1.0e-5 : (tensor<2x3xf64>) -> tensor<2x3xf64>
      %2 = quench.linear %1, %w : (tensor<2x3xf64>, tensor<4x3xf64>) -> tensor<2x4xf64>
      return %2 : tensor<2x4xf64>
    }
    ```

    Whatever reads the stream must be a norm that subtracts the mean; a remark names
    what does not: an output, a pooled mean, another norm. Streams that RMS norms
    read are never recentred: their mean is part of what the model computes, although
    the codes of some rotations subtract it. An RMS norm has no offset: it has to be
    folded (`quench-fold-norm-affine`) before. The norms of BERT write the stream that
    they read and stay.
  }];
  let dependentDialects = ["::quench::QuenchDialect"];
}

def QuenchInsertOnlineHadamard
    : Pass<"quench-insert-online-hadamard", "::mlir::ModuleOp"> {
  let summary = "Hadamard matrices at run time where no weight can rotate";
  let description = [{
    Multiplies what a linear op reads by a Hadamard matrix, and its weight along the
    same axis, wherever what it reads cannot be rotated by the weights that write it:
    behind the activation of an MLP, behind a gate or a scan. Ops that read one value
    share the product; others that read it go without. With `heads`, what reads
    heads of attention is multiplied as well, across all heads.

    With `pairs`, so are both operands that an op contracts with each other: queries
    and keys behind their rotary embedding. Keys are multiplied before they are
    cached.

    A matrix is as wide as what is read, or, with `block`, blocks of that order. Widths
    that no Hadamard matrix is known of are refused with what could be done instead.
    This comes last: scales do not pass the matrix.

    ```mlir
    func.func @f(%x: tensor<2x12xf64>) -> tensor<2x4xf64> {
      %w = quench.param <"model"::"fc2.weight"> : tensor<4x12xf64>
      %0 = quench.gelu %x by erf : tensor<2x12xf64>
      %1 = quench.linear %0, %w : (tensor<2x12xf64>, tensor<4x12xf64>) -> tensor<2x4xf64>
      return %1 : tensor<2x4xf64>
    }
    ```

    becomes

    ```mlir
    func.func @f(%x: tensor<2x12xf64>) -> tensor<2x4xf64> {
      %w = quench.param <"model"::"fc2.weight"> : tensor<4x12xf64>
      %0 = quench.gelu %x by erf : tensor<2x12xf64>
      %1 = quench.online_hadamard %0 by(#quench.hadamard<12>) : tensor<2x12xf64>
      %2 = quench.rotate %w axis 1 by(#quench.hadamard<12>) : (tensor<4x12xf64>) -> tensor<4x12xf64>
      %3 = quench.linear %1, %2 : (tensor<2x12xf64>, tensor<4x12xf64>) -> tensor<2x4xf64>
      return %3 : tensor<2x4xf64>
    }
    ```
  }];
  let options = [
    Option<"siteNames", "sites", "std::string", "\".*\"",
           "a regular expression; ops whose name it matches are considered">,
    Option<"weights", "weights", "bool", "true",
           "multiply what linear ops read that no weight can rotate">,
    Option<"heads", "heads", "bool", "false",
           "and what they read of heads">,
    Option<"pairs", "pairs", "bool", "false",
           "multiply queries and keys">,
    Option<"block", "block", "int64_t", "0",
           "order of the matrix; 0: all that is read">
  ];
  let dependentDialects = ["::quench::QuenchDialect"];
}

def QuenchAssignFormats : Pass<"quench-assign-formats", "::mlir::ModuleOp"> {
  let summary = "formats for weights and activations, by rules";
  let description = [{
    Decides for every site of a quantizer (a weight, what a contraction reads,
    operands of attention, its probabilities, caches and states of recurrences)
    which format it gets, and writes that to the ops as `quench.formats`. Nothing
    else changes: `quench-materialize-quantizers` makes quantizers of it.

    `scheme` is the name of a scheme such as `W8A8`, or a file; `rules` are further
    ones, separated by `;`, as `SITES=FORMAT`. The last rule that is about a site
    decides. Rules for all sites, `*`, are not about ops that give results, such as
    the head of a language model, unless `quantize-head`. A rule that names sites is
    an error when there are none, or when it is impossible for all of them. The
    manual (`docs/quantizing.md`) has the rest.

    A contraction is one of codes or one of floats: where an operand cannot have its
    format, since no scale would be the same within the sums, or a weight is not
    known when the model is compiled, the op stays as it is, and a remark says why.
    Groups that do not divide a row become smaller or one for the row, which a
    remark says too.

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>) attributes {quench.entry} {
      %w = quench.param <"model"::"w"> : tensor<6x8xf32>
      %0 = quench.linear %x, %w : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
      %1 = quench.gelu %0 by erf : tensor<?x6xf32>
      return %0, %1 : tensor<?x6xf32>, tensor<?x6xf32>
    }
    ```

    becomes, with `scheme=W8A8`,

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> (tensor<?x6xf32>, tensor<?x6xf32>) attributes {quench.entry} {
      %w = quench.param <"model"::"w"> : tensor<6x8xf32>
      %0 = quench.linear %x, %w {quench.formats = {
          input = {format = #quench.uniform<i8, token>, site = "quench.linear.input"},
          weight = {format = #quench.uniform<i8, axis = 0>, site = "quench.linear.weight"}}}
        : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
      %1 = quench.gelu %0 by erf : tensor<?x6xf32>
      return %0, %1 : tensor<?x6xf32>, tensor<?x6xf32>
    }
    ```
  }];
  let options = [
    Option<"scheme", "scheme", "std::string", "", "name or file of a scheme">,
    Option<"rules", "rules", "std::string", "",
           "SITES=FORMAT, separated by semicolons">,
    Option<"quantizeHead", "quantize-head", "bool", "false",
           "give formats to ops that give results too">,
    Option<"weightMethod", "weight-method", "std::string", "",
           "who chooses the codes of weights, where no rule says it">
  ];
}

def QuenchShiftActivations : Pass<"quench-shift-activations", "::mlir::ModuleOp"> {
  let summary = "results of GELU start at 0, for logarithmic quantizers";
  let description = [{
    Adds the greatest magnitude of negative numbers that GELU gives, 0.16997124254703522,
    to what it gives, and subtracts what weights make of that from the bias of all ops that
    read it (AdaLog). What the model computes stays the same. Published code subtracts what
    the quantized weights make of it; where the weights are quantized with `bias=mean`, the
    bias has that too.

    ```mlir
    func.func @f(%x: tensor<2x3xf64>) -> tensor<2x4xf64> {
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf64>
      %b = quench.param <"model"::"fc.bias"> : tensor<4xf64>
      %0 = quench.gelu %x by erf : tensor<2x3xf64>
      %1 = quench.linear %0, %w bias %b
        : (tensor<2x3xf64>, tensor<4x3xf64>, tensor<4xf64>) -> tensor<2x4xf64>
      return %1 : tensor<2x4xf64>
    }
    ```

    becomes

    ```mlir
    func.func @f(%x: tensor<2x3xf64>) -> tensor<2x4xf64> {
      %w = quench.param <"model"::"fc.weight"> : tensor<4x3xf64>
      %b = quench.param <"model"::"fc.bias"> : tensor<4xf64>
      %0 = quench.gelu %x by erf : tensor<2x3xf64>
      %n = quench.fill 0.16997124254703522 : tensor<3xf64>
      %1 = quench.add %0, %n : (tensor<2x3xf64>, tensor<3xf64>) -> tensor<2x3xf64>
      %2 = quench.contract %w, %n : (tensor<4x3xf64>, tensor<3xf64>) -> tensor<4xf64>
      %3 = quench.shift %b, %2 negative : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
      %4 = quench.linear %1, %w bias %3
        : (tensor<2x3xf64>, tensor<4x3xf64>, tensor<4xf64>) -> tensor<2x4xf64>
      return %4 : tensor<2x4xf64>
    }
    ```
  }];
  let dependentDialects = ["::quench::QuenchDialect"];
}

def QuenchMaterializeQuantizers
    : Pass<"quench-materialize-quantizers", "::mlir::ModuleOp"> {
  let summary = "quantizers of the formats that ops were given";
  let description = [{
    Makes of `quench.formats` (`quench-assign-formats`) what it stands for, and
    removes it. A weight becomes the numbers that its codes stand for; its codes are
    chosen when the model is compiled. An activation is read through a
    `quench.fake_quant`; ops that read one value with one format share it. Scales and
    zero points of activations are computed at run time; where the format has a
    `range`, they are made of the statistics of the site when the model is compiled,
    and it is an error where the archive that is bound to `stats` lacks them or had
    other values. What goes into a cache is quantized before it gets there, where that
    gives the same codes.

    With `roles`, the formats of other sites stay what they are: quantizers may be made
    one part after another, each with statistics of the model with those before.

    Everything is computed in floats: this shows what quantization costs in
    accuracy. Code generation finds contractions of codes in it.

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x6xf32> attributes {quench.entry} {
      %w = quench.param <"model"::"w"> : tensor<6x8xf32>
      %0 = quench.linear %x, %w {quench.formats = {
          input = {format = #quench.uniform<i4, token>, site = "quench.linear.input"},
          weight = {format = #quench.uniform<i4, axis = 0>, site = "quench.linear.weight"}}}
        : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
      return %0 : tensor<?x6xf32>
    }
    ```

    becomes

    ```mlir
    func.func @f(%x: tensor<?x8xf32>) -> tensor<?x6xf32> attributes {quench.entry} {
      %s = quench.dynamic_scale %x by(#quench.uniform<i4, token>) : (tensor<?x8xf32>) -> tensor<?xf32>
      %q = quench.fake_quant %x, %s by(#quench.uniform<i4, token>)
        : (tensor<?x8xf32>, tensor<?xf32>) -> tensor<?x8xf32>
      %w = quench.param <"model"::"w"> : tensor<6x8xf32>
      %wide = quench.cast %w : (tensor<6x8xf32>) -> tensor<6x8xf64>
      %t = quench.quant_scale %wide by(#quench.uniform<i4, axis = 0>) : (tensor<6x8xf64>) -> tensor<6xf64>
      %codes = quench.quantize %wide, %t by(#quench.uniform<i4, axis = 0>)
        : (tensor<6x8xf64>, tensor<6xf64>) -> tensor<6x8xi8>
      %numbers = quench.dequantize %codes, %t by(#quench.uniform<i4, axis = 0>)
        : (tensor<6x8xi8>, tensor<6xf64>) -> tensor<6x8xf64>
      %v = quench.cast %numbers : (tensor<6x8xf64>) -> tensor<6x8xf32>
      %0 = quench.linear %q, %v : (tensor<?x8xf32>, tensor<6x8xf32>) -> tensor<?x6xf32>
      return %0 : tensor<?x6xf32>
    }
    ```
  }];
  let options = [
    Option<"what", "what", "::quench::QuantizerSites", "::quench::QuantizerSites::All",
           "which formats become quantizers", [{::llvm::cl::values(
             clEnumValN(::quench::QuantizerSites::All, "all", "all"),
             clEnumValN(::quench::QuantizerSites::Weights, "weights", "those of weights"),
             clEnumValN(::quench::QuantizerSites::Activations, "activations", "those of activations"))}]>,
    ListOption<"roles", "roles", "std::string",
               "words for roles, of which one must fit a site (default: all sites)">
  ];
  let dependentDialects = ["::quench::QuenchDialect"];
}

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_PASSES_TD
