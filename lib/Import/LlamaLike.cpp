//===- LlamaLike.cpp - Decoders of the LLaMA family -----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LlamaLike.h"
#include "Rotary.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Import/DecoderBuilder.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using llvm::StringRef;

namespace {

/// Builds one decoder.
class LlamaBuilder {
public:
  LlamaBuilder(ModelBuilder &builder, const LlamaOptions &options);
  LogicalResult build();

private:
  /// Wider than the heads of any model.
  static constexpr int64_t maxHeadDim = 65536;

  Value buildBody(DecoderEntry &entry);
  Value buildAttention(DecoderEntry &entry, int64_t layer, const Path &path,
                       Value input, RopeTableOp rope);
  /// The query, and for an output gate what its sigmoid is taken of.
  std::pair<Value, Value> buildQuery(const Path &path, Value input);
  Value buildGated(const Path &path, Value input);

  ModelBuilder &b;
  const LlamaOptions &options;
  bool hasHead, tied;
  int64_t vocab, hidden, layers, heads, groups, headDim, intermediate, context;
  double eps;
  GateKind gate;
  RotaryTable rotary;
  Path root;
};

} // namespace

LlamaBuilder::LlamaBuilder(ModelBuilder &builder, const LlamaOptions &options)
    : b(builder), options(options) {
  const Config &config = b.config();
  hasHead =
      b.getArchitecture(options.architectures) == options.architectures.front();
  vocab = config.getInt("vocab_size");
  hidden = config.getInt("hidden_size");
  layers = config.getInt("num_hidden_layers", {}, 1, Config::maxLayers);
  heads = config.getInt("num_attention_heads");
  groups = config.getInt("num_key_value_heads",
                         options.defaultGroups.value_or(heads));
  intermediate = config.getInt("intermediate_size");
  context = config.getInt("max_position_embeddings");
  eps = config.getNumber("rms_norm_eps", 1e-6);
  tied = config.getBool("tie_word_embeddings", false);
  gate = b.getGateKind("hidden_act", b.getActivation("hidden_act", "silu"));
  b.requireMultiple("num_attention_heads", heads, "num_key_value_heads",
                    groups);
  if (!config.has("head_dim") && !options.defaultHeadDim)
    b.requireMultiple("hidden_size", hidden, "num_attention_heads", heads);
  headDim = config.getInt("head_dim",
                          options.defaultHeadDim.value_or(hidden / heads));
  if (headDim % 2 || headDim > maxHeadDim)
    config.emitError("head_dim") << "heads have " << headDim
                                 << " channels, expected an even number up to "
                                 << maxHeadDim << " for rotary embedding";
  else
    rotary = readRotaryTable(config, headDim);
  root = b.findPrefix({"model", ""}, "embed_tokens.weight");
}

std::pair<Value, Value> LlamaBuilder::buildQuery(const Path &path,
                                                 Value input) {
  if (options.outputGate == OutputGate::None)
    return {
        b.splitHeads(b.linear(path, input, heads * headDim, options.inputBias),
                     heads),
        Value()};
  int64_t gateSize = options.outputGate == OutputGate::Heads ? 1 : headDim;
  // [group][rows of its queries, rows of their gates]
  int64_t repeats = heads / groups, queryRows = repeats * headDim;
  int64_t rows = queryRows + repeats * gateSize;
  auto take = [&](StringRef name, ArrayRef<int64_t> row, int64_t begin,
                  int64_t end) -> Value {
    SmallVector<int64_t> whole{groups * rows}, split{groups, rows},
        result{groups * (end - begin)};
    for (SmallVector<int64_t> *shape : {&whole, &split, &result})
      shape->append(row.begin(), row.end());
    Value param = b.reshape(b.param(path / name, whole), split);
    return b.reshape(b.slice(param, 1, begin, end), result);
  };
  auto project = [&](const Path &name, int64_t begin, int64_t end) -> Value {
    Value weight = take("weight", {hidden}, begin, end);
    Value bias = options.inputBias ? take("bias", {}, begin, end) : Value();
    return LinearOp::create(b.builder(), b.at(name), input, weight, bias);
  };
  Value query = b.splitHeads(project(path, 0, queryRows), heads);
  Value gate = project(path / "gate", queryRows, rows);
  if (options.outputGate == OutputGate::Numbers)
    gate = b.splitHeads(gate, heads);
  return {query, gate};
}

Value LlamaBuilder::buildAttention(DecoderEntry &entry, int64_t layer,
                                   const Path &path, Value input,
                                   RopeTableOp rope) {
  auto project = [&](StringRef part, int64_t count) {
    return b.splitHeads(
        b.linear(path / part, input, count * headDim, options.inputBias),
        count);
  };
  auto rotate = [&](StringRef part, StringRef norm, Value value) {
    if (options.headNorms)
      value = b.rmsNorm(path / norm, value, eps);
    return RopeOp::create(b.builder(), b.at(path / part), value, rope.getCos(),
                          rope.getSin(), RopeLayout::Half);
  };
  auto [projected, gate] = buildQuery(path / "q_proj", input);
  Value query = rotate("q_proj", "q_norm", projected);
  Value key = rotate("k_proj", "k_norm", project("k_proj", groups));
  Value value = project("v_proj", groups);

  AttentionInfo info{1 / std::sqrt(double(headDim)), MaskKind::Causal};
  if (!options.windows.empty() && options.windows[layer]) {
    info.maskKind = MaskKind::Sliding;
    info.window = options.windows[layer];
  }
  info.gate = gate;
  Value context = entry.attention(path, layer, query, key, value, info);
  return b.linear(path / "o_proj", context, hidden, options.outputBias);
}

Value LlamaBuilder::buildGated(const Path &path, Value input) {
  auto project = [&](StringRef part, Value value, int64_t out) {
    return b.linear(path / part, value, out, options.gateBias);
  };
  Value gated = project("gate_proj", input, intermediate);
  Value up = project("up_proj", input, intermediate);
  Value product = GatedOp::create(b.builder(), b.at(path), gated, up, gate);
  return project("down_proj", product, hidden);
}

Value LlamaBuilder::buildBody(DecoderEntry &entry) {
  Path table = root / "embed_tokens";
  Value stream = b.embedding(table, entry.ids(), vocab, hidden);
  Value positions = b.positions(entry.ids(), entry.start());
  auto rope = RopeTableOp::create(
      b.builder(), b.at(root / "rotary_emb"), positions,
      b.builder().getDenseF64ArrayAttr(rotary.inverseFrequencies),
      b.builder().getF64FloatAttr(rotary.attentionFactor),
      TypeAttr::get(b.elementType()));
  for (int64_t i = 0; i != layers && !b.failed(); ++i) {
    Path layer = root / "layers" / i;
    Value input = b.rmsNorm(layer / "input_layernorm", stream, eps);
    Value attended = buildAttention(entry, i, layer / "self_attn", input, rope);
    stream = b.residual(layer / "self_attn", stream, attended);
    input = b.rmsNorm(layer / "post_attention_layernorm", stream, eps);
    stream =
        b.residual(layer / "mlp", stream, buildGated(layer / "mlp", input));
  }
  Value output = b.rmsNorm(root / "norm", stream, eps);
  return hasHead ? b.languageHead("lm_head", tied ? table : "lm_head", output,
                                  vocab)
                 : output;
}

LogicalResult LlamaBuilder::build() {
  if (b.failed())
    return failure();
  b.ignore("rotary_emb.inv_freq");
  if (tied)
    b.ignore("lm_head.weight");
  DecoderInfo info{vocab, hasHead ? "logits" : "last_hidden_state",
                   getCacheStates(layers, groups, headDim), context};
  return buildDecoder(b, info,
                      [&](DecoderEntry &entry) { return buildBody(entry); });
}

LogicalResult quench::importLlamaLike(ModelBuilder &b,
                                      const LlamaOptions &options) {
  return LlamaBuilder(b, options).build();
}
