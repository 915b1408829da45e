//===- Mamba.cpp - Mamba decoders -----------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Import/DecoderBuilder.h"

using namespace mlir;
using namespace quench;
using llvm::StringRef;

namespace {

/// Builds one decoder.
class MambaBuilder {
public:
  explicit MambaBuilder(ModelBuilder &builder);
  LogicalResult build();

private:
  /// A range of the outputs of a linear layer of `out` outputs.
  Value project(const Path &path, Value input, int64_t out, int64_t begin,
                int64_t end, bool bias);
  Value buildMixer(DecoderEntry &entry, int64_t layer, const Path &path,
                   Value input);
  Value buildScan(DecoderEntry &entry, int64_t layer, const Path &path,
                  Value input);
  Value buildBody(DecoderEntry &entry);

  ModelBuilder &b;
  bool hasHead, tied, bias, convBias;
  int64_t vocab, hidden, inner, layers, stateSize, kernel, rank;
  double eps;
  Activation activation;
  GateKind gate;
  Path root, table;
};

} // namespace

MambaBuilder::MambaBuilder(ModelBuilder &builder) : b(builder) {
  const Config &config = b.config();
  hasHead = b.getArchitecture({"MambaForCausalLM", "MambaModel"}) ==
            "MambaForCausalLM";
  vocab = config.getInt("vocab_size");
  hidden = config.getInt("hidden_size");
  layers = config.getInt("num_hidden_layers", {}, 1, Config::maxLayers);
  stateSize = config.getInt("state_size", 16);
  kernel = config.getInt("conv_kernel", 4, 2);
  int64_t expanded = hidden * config.getInt("expand", 2);
  inner =
      config.getInt("intermediate_size", std::min(expanded, Config::maxSize));
  const llvm::json::Value *rankValue = config.object().get("time_step_rank");
  bool automatic = !rankValue || rankValue->getAsString() == "auto";
  rank = automatic ? (hidden + 15) / 16 : config.getInt("time_step_rank");
  eps = config.getNumber("layer_norm_epsilon", 1e-5);
  bias = config.getBool("use_bias", false);
  convBias = config.getBool("use_conv_bias", true);
  tied = config.getBool("tie_word_embeddings", true);
  activation = b.getActivation("hidden_act", "silu");
  gate = b.getGateKind("hidden_act", activation);
  root = b.findPrefix({"backbone", ""}, "norm_f.weight");
  // The name in the files of the authors is singular.
  table = b.has(root / "embedding.weight") ? root / "embedding"
                                           : root / "embeddings";
}

Value MambaBuilder::project(const Path &path, Value input, int64_t out,
                            int64_t begin, int64_t end, bool bias) {
  int64_t in = cast<RankedTensorType>(input.getType()).getShape().back();
  Value weight = b.slice(b.param(path / "weight", {out, in}), 0, begin, end);
  Value offset;
  if (bias)
    offset = b.slice(b.param(path / "bias", {out}), 0, begin, end);
  return LinearOp::create(b.builder(), b.at(path), input, weight, offset);
}

Value MambaBuilder::buildScan(DecoderEntry &entry, int64_t layer,
                              const Path &path, Value input) {
  int64_t out = rank + 2 * stateSize;
  Path selection = path / "x_proj";
  auto select = [&](int64_t begin, int64_t end) {
    return project(selection, input, out, begin, end, /*bias=*/false);
  };
  Value step = select(0, rank);
  Value in = select(rank, rank + stateSize);
  Value read = select(rank + stateSize, out);
  Value delta = SoftplusOp::create(b.builder(), b.at(path / "dt_proj"),
                                   b.linear(path / "dt_proj", step, inner));

  Location loc = b.at(path / "A_log");
  Value decay =
      NegOp::create(b.builder(), loc,
                    ExpOp::create(b.builder(), loc,
                                  b.param(path / "A_log", {inner, stateSize})));
  std::string name = ("cache." + llvm::Twine(layer) + ".scan").str();
  auto scan = SelectiveScanOp::create(
      b.builder(), b.at(path), input, delta, decay, in, read,
      b.param(path / "D", {inner}), entry.getState(name));
  entry.setState(name, scan.getUpdated());
  return scan.getResult();
}

Value MambaBuilder::buildMixer(DecoderEntry &entry, int64_t layer,
                               const Path &path, Value input) {
  Path in = path / "in_proj", conv = path / "conv1d";
  Value stream = project(in, input, 2 * inner, 0, inner, bias);
  Value gating = project(in, input, 2 * inner, inner, 2 * inner, bias);

  Value weight =
      b.reshape(b.param(conv / "weight", {inner, 1, kernel}), {inner, kernel});
  Value offset = convBias ? b.param(conv / "bias", {inner}) : Value();
  std::string name = ("cache." + llvm::Twine(layer) + ".conv").str();
  auto mixed = CausalConv1DOp::create(b.builder(), b.at(conv), stream, weight,
                                      offset, entry.getState(name));
  entry.setState(name, mixed.getUpdated());
  Value active = b.activation(conv, mixed.getResult(), activation);
  Value scanned = buildScan(entry, layer, path, active);
  Value gated = GatedOp::create(b.builder(), b.at(path), gating, scanned, gate);
  return b.linear(path / "out_proj", gated, hidden, bias);
}

Value MambaBuilder::buildBody(DecoderEntry &entry) {
  Value stream = b.embedding(table, entry.ids(), vocab, hidden);
  for (int64_t i = 0; i != layers && !b.failed(); ++i) {
    Path layer = root / "layers" / i;
    Value input = b.rmsNorm(layer / "norm", stream, eps);
    stream =
        b.residual(layer, stream, buildMixer(entry, i, layer / "mixer", input));
  }
  Value output = b.rmsNorm(root / "norm_f", stream, eps);
  return hasHead ? b.languageHead("lm_head", tied ? table : "lm_head", output,
                                  vocab)
                 : output;
}

LogicalResult MambaBuilder::build() {
  if (b.failed())
    return failure();
  if (tied)
    b.ignore("lm_head.weight");
  DecoderInfo info{vocab, hasHead ? "logits" : "last_hidden_state"};
  for (int64_t i = 0; i != layers; ++i) {
    std::string cache = ("cache." + llvm::Twine(i)).str();
    info.states.push_back({cache + ".conv",
                           {ShapedType::kDynamic, kernel - 1, inner},
                           {"batch"}});
    info.states.push_back(
        {cache + ".scan", {ShapedType::kDynamic, inner, stateSize}, {"batch"}});
  }
  return buildDecoder(b, info,
                      [&](DecoderEntry &entry) { return buildBody(entry); });
}

LogicalResult quench::importMamba(ModelBuilder &b) {
  return MambaBuilder(b).build();
}
