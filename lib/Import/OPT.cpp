//===- OPT.cpp - OPT decoders ---------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "QuantizableAttention.h"

#include "Quench/Import/DecoderBuilder.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using llvm::StringRef;

namespace {

/// Builds one decoder.
class OPTBuilder {
public:
  explicit OPTBuilder(ModelBuilder &builder);
  LogicalResult build();

private:
  /// The table of positions starts with two rows that no token has.
  static constexpr int64_t positionOffset = 2;
  static constexpr double eps = 1e-5;

  Value buildAttention(DecoderEntry &entry, int64_t layer, const Path &path,
                       Value input);
  /// `branch(norm(stream))` or `norm(branch)`, joined with the stream.
  Value buildBranch(const Path &path, StringRef norm, Value stream,
                    llvm::function_ref<Value(Value)> branch);
  Value buildBody(DecoderEntry &entry);

  ModelBuilder &b;
  bool hasHead, tied, normFirst, bias, affine, finalNorm;
  int64_t vocab, hidden, embedded, layers, heads, inner, context;
  Activation activation;
  std::optional<StretchRange> stretch;
  std::optional<AttentionGates> gates;
  Path root;
};

} // namespace

OPTBuilder::OPTBuilder(ModelBuilder &builder) : b(builder) {
  const Config &config = b.config();
  hasHead =
      b.getArchitecture({"OPTForCausalLM", "OPTModel"}) == "OPTForCausalLM";
  vocab = config.getInt("vocab_size");
  hidden = config.getInt("hidden_size");
  embedded = config.getInt("word_embed_proj_dim", hidden);
  layers = config.getInt("num_hidden_layers", {}, 1, Config::maxLayers);
  heads = config.getInt("num_attention_heads");
  inner = config.getInt("ffn_dim");
  context = config.getInt("max_position_embeddings");
  tied = config.getBool("tie_word_embeddings", true);
  normFirst = config.getBool("do_layer_norm_before", true);
  bias = config.getBool("enable_bias", true);
  affine = config.getBool("layer_norm_elementwise_affine", true);
  finalNorm = normFirst && !config.getBool("_remove_final_layer_norm", false);
  activation = b.getActivation("activation_function", "relu");
  b.requireMultiple("hidden_size", hidden, "num_attention_heads", heads);
  config.require("skip_attn", false);
  stretch = readClippedSoftmax(config, "block_size");
  root = b.findPrefix({"model.decoder", "decoder"}, "embed_tokens.weight");
}

Value OPTBuilder::buildAttention(DecoderEntry &entry, int64_t layer,
                                 const Path &path, Value input) {
  auto project = [&](StringRef part) {
    return b.splitHeads(b.linear(path / part, input, hidden, bias), heads);
  };
  Value query = project("q_proj"), key = project("k_proj"),
        value = project("v_proj");
  AttentionInfo info{1 / std::sqrt(double(hidden / heads)), MaskKind::Causal};
  info.stretch = stretch;
  gates->addTo(info, path, input);
  Value context = entry.attention(path, layer, query, key, value, info);
  return b.linear(path / "out_proj", context, hidden, bias);
}

Value OPTBuilder::buildBranch(const Path &path, StringRef norm, Value stream,
                              llvm::function_ref<Value(Value)> branch) {
  auto normalize = [&](Value value) {
    return b.layerNorm(path / norm, value, eps, affine);
  };
  Value input = normFirst ? normalize(stream) : stream;
  Value sum = b.residual(path / norm, stream, branch(input));
  return normFirst ? sum : normalize(sum);
}

Value OPTBuilder::buildBody(DecoderEntry &entry) {
  Path table = root / "embed_tokens";
  Value stream = b.embedding(table, entry.ids(), vocab, embedded);
  if (embedded != hidden)
    stream = b.linear(root / "project_in", stream, hidden, /*bias=*/false);
  Value positions = b.positions(entry.ids(), entry.start(), positionOffset);
  Value places = b.embedding(root / "embed_positions", positions,
                             context + positionOffset, hidden);
  stream = b.add(root / "embed_positions", stream, places);
  for (int64_t i = 0; i != layers && !b.failed(); ++i) {
    Path layer = root / "layers" / i;
    stream =
        buildBranch(layer, "self_attn_layer_norm", stream, [&](Value input) {
          return buildAttention(entry, i, layer / "self_attn", input);
        });
    stream = buildBranch(layer, "final_layer_norm", stream, [&](Value input) {
      Value wide = b.linear(layer / "fc1", input, inner, bias);
      return b.linear(layer / "fc2",
                      b.activation(layer / "fc1", wide, activation), hidden,
                      bias);
    });
  }
  if (finalNorm)
    stream = b.layerNorm(root / "final_layer_norm", stream, eps, affine);
  if (embedded != hidden)
    stream = b.linear(root / "project_out", stream, embedded, /*bias=*/false);
  return hasHead ? b.languageHead("lm_head", tied ? table : "lm_head", stream,
                                  vocab)
                 : stream;
}

LogicalResult OPTBuilder::build() {
  if (b.failed())
    return failure();
  gates.emplace(b, root / "layers" / 0 / "self_attn", heads, hidden / heads,
                /*isCausal=*/true);
  if (b.failed())
    return failure();
  if (tied)
    b.ignore("lm_head.weight");
  DecoderInfo info{vocab, hasHead ? "logits" : "last_hidden_state",
                   getCacheStates(layers, heads, hidden / heads), context};
  return buildDecoder(b, info,
                      [&](DecoderEntry &entry) { return buildBody(entry); });
}

LogicalResult quench::importOPT(ModelBuilder &b) {
  return OPTBuilder(b).build();
}
