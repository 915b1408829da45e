//===- GPT2.cpp - GPT-2 decoders ------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Import/DecoderBuilder.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using llvm::StringRef;

namespace {

/// Builds one decoder.
class GPT2Builder {
public:
  explicit GPT2Builder(ModelBuilder &builder);
  LogicalResult build();

private:
  /// A range of the outputs of a linear layer that holds its weight `[in,
  /// out]`.
  Value project(const Path &path, Value input, int64_t out, int64_t begin,
                int64_t end);
  Value project(const Path &path, Value input, int64_t out) {
    return project(path, input, out, 0, out);
  }
  Value buildAttention(DecoderEntry &entry, int64_t layer, const Path &path,
                       Value input);
  Value buildBody(DecoderEntry &entry);

  ModelBuilder &b;
  bool hasHead, tied, scaled, scaledByLayer;
  int64_t vocab, hidden, layers, heads, inner, context;
  double eps;
  Activation activation;
  Path root;
};

} // namespace

GPT2Builder::GPT2Builder(ModelBuilder &builder) : b(builder) {
  const Config &config = b.config();
  hasHead =
      b.getArchitecture({"GPT2LMHeadModel", "GPT2Model"}) == "GPT2LMHeadModel";
  vocab = config.getInt("vocab_size");
  hidden = config.getInt("n_embd");
  layers = config.getInt("n_layer", {}, 1, Config::maxLayers);
  heads = config.getInt("n_head");
  inner = config.getInt("n_inner", std::min(4 * hidden, Config::maxSize));
  context = config.getInt("n_positions");
  eps = config.getNumber("layer_norm_epsilon", 1e-5);
  tied = config.getBool("tie_word_embeddings", true);
  scaled = config.getBool("scale_attn_weights", true);
  scaledByLayer = config.getBool("scale_attn_by_inverse_layer_idx", false);
  activation = b.getActivation("activation_function", "gelu_new");
  config.require("add_cross_attention", false);
  b.requireMultiple("n_embd", hidden, "n_head", heads);
  root = b.findPrefix({"transformer", ""}, "wte.weight");
}

Value GPT2Builder::project(const Path &path, Value input, int64_t out,
                           int64_t begin, int64_t end) {
  int64_t in = cast<RankedTensorType>(input.getType()).getShape().back();
  Value weight = b.param(path / "weight", {in, out});
  Value bias = b.param(path / "bias", {out});
  if (end - begin != out) {
    weight = b.slice(weight, 1, begin, end);
    bias = b.slice(bias, 0, begin, end);
  }
  return LinearOp::create(b.builder(), b.at(path), input, b.transpose(weight),
                          bias);
}

Value GPT2Builder::buildAttention(DecoderEntry &entry, int64_t layer,
                                  const Path &path, Value input) {
  auto projectHeads = [&](int64_t part) {
    return b.splitHeads(project(path / "c_attn", input, 3 * hidden,
                                part * hidden, (part + 1) * hidden),
                        heads);
  };
  Value query = projectHeads(0), key = projectHeads(1), value = projectHeads(2);
  double scale = scaled ? 1 / std::sqrt(double(hidden / heads)) : 1;
  if (scaledByLayer)
    scale /= double(layer + 1);
  Value context = entry.attention(path, layer, query, key, value,
                                  {scale, MaskKind::Causal});
  return project(path / "c_proj", context, hidden);
}

Value GPT2Builder::buildBody(DecoderEntry &entry) {
  Value words = b.embedding(root / "wte", entry.ids(), vocab, hidden);
  Value places = b.embedding(
      root / "wpe", b.positions(entry.ids(), entry.start()), context, hidden);
  Value stream = b.add(root / "wpe", words, places);
  for (int64_t i = 0; i != layers && !b.failed(); ++i) {
    Path layer = root / "h" / i, attention = layer / "attn",
         mlp = layer / "mlp";
    Value input = b.layerNorm(layer / "ln_1", stream, eps);
    stream = b.residual(attention, stream,
                        buildAttention(entry, i, attention, input));
    input = b.layerNorm(layer / "ln_2", stream, eps);
    Value wide =
        b.activation(mlp, project(mlp / "c_fc", input, inner), activation);
    stream = b.residual(mlp, stream, project(mlp / "c_proj", wide, hidden));
  }
  Value output = b.layerNorm(root / "ln_f", stream, eps);
  return hasHead ? b.languageHead("lm_head", tied ? root / "wte" : "lm_head",
                                  output, vocab)
                 : output;
}

LogicalResult GPT2Builder::build() {
  if (b.failed())
    return failure();
  // Causal masks that early releases saved.
  b.ignore(".attn.bias");
  b.ignore(".attn.masked_bias");
  if (tied)
    b.ignore("lm_head.weight");
  DecoderInfo info{vocab, hasHead ? "logits" : "last_hidden_state",
                   getCacheStates(layers, heads, hidden / heads), context};
  return buildDecoder(b, info,
                      [&](DecoderEntry &entry) { return buildBody(entry); });
}

LogicalResult quench::importGPT2(ModelBuilder &b) {
  return GPT2Builder(b).build();
}
