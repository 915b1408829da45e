//===- Bert.cpp - BERT encoders -------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "QuantizableAttention.h"
#include "Sentence.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Import/ModelBuilder.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using llvm::StringRef;

namespace {

/// What the configuration says.
struct BertShape {
  explicit BertShape(ModelBuilder &b);

  int64_t vocab, hidden, layers, heads, intermediate, positions, types;
  double eps;
  Activation activation;
  std::optional<StretchRange> stretch;
};

} // namespace

BertShape::BertShape(ModelBuilder &b) {
  const Config &config = b.config();
  vocab = config.getInt("vocab_size");
  hidden = config.getInt("hidden_size");
  layers = config.getInt("num_hidden_layers", {}, 1, Config::maxLayers);
  heads = config.getInt("num_attention_heads");
  intermediate = config.getInt("intermediate_size");
  positions = config.getInt("max_position_embeddings");
  types = config.getInt("type_vocab_size", 2);
  eps = config.getNumber("layer_norm_eps", 1e-12);
  activation = b.getActivation("hidden_act", "gelu");
  config.require("position_embedding_type", "absolute");
  config.require("is_decoder", false);
  config.require("add_cross_attention", false);
  config.require("skip_attn", false);
  stretch = readClippedSoftmax(config, "max_seq_length");
  b.requireMultiple("hidden_size", hidden, "num_attention_heads", heads);
}

static Value buildLayer(ModelBuilder &b, const BertShape &shape,
                        AttentionGates &gates, const Path &path, Value input,
                        Value mask) {
  Path self = path / "attention.self";
  auto project = [&](StringRef name) {
    return b.splitHeads(b.linear(self / name, input, shape.hidden),
                        shape.heads);
  };
  Value query = project("query"), key = project("key"),
        value = project("value");
  AttentionInfo info{1 / std::sqrt(double(shape.hidden / shape.heads))};
  info.mask = mask;
  info.stretch = shape.stretch;
  gates.addTo(info, self, input);
  Value context = b.attention(self, query, key, value, info);

  Path output = path / "attention.output";
  Value attended = b.linear(output / "dense", context, shape.hidden);
  Value middle = b.layerNorm(output / "LayerNorm",
                             b.residual(output, input, attended), shape.eps);
  Path up = path / "intermediate", down = path / "output";
  Value wide = b.activation(
      up, b.linear(up / "dense", middle, shape.intermediate), shape.activation);
  Value narrow = b.linear(down / "dense", wide, shape.hidden);
  return b.layerNorm(down / "LayerNorm", b.residual(down, middle, narrow),
                     shape.eps);
}

static Value buildEmbeddings(ModelBuilder &b, const BertShape &shape,
                             const Path &path, Value ids, Value types) {
  Value words =
      b.embedding(path / "word_embeddings", ids, shape.vocab, shape.hidden);
  Value segments = b.embedding(path / "token_type_embeddings", types,
                               shape.types, shape.hidden);
  Value places = b.embedding(path / "position_embeddings", b.positions(ids),
                             shape.positions, shape.hidden);
  Value sum = b.add(path, b.add(path, words, segments), places);
  return b.layerNorm(path / "LayerNorm", sum, shape.eps);
}

/// The dense layer and tanh over the first token.
static Value buildPooler(ModelBuilder &b, const BertShape &shape,
                         const Path &path, Value hidden) {
  Value first = b.token(path, hidden, 0);
  return b.activation(path, b.linear(path / "dense", first, shape.hidden),
                      Activation::Tanh);
}

/// Logits over the vocabulary; the decoder is the word embedding unless the
/// configuration unties them.
static Value buildMaskedLMHead(ModelBuilder &b, const BertShape &shape,
                               const Path &embeddings, Value hidden) {
  Path head = "cls.predictions", transform = head / "transform";
  Value dense = b.linear(transform / "dense", hidden, shape.hidden);
  Value features =
      b.layerNorm(transform / "LayerNorm",
                  b.activation(transform, dense, shape.activation), shape.eps);
  bool tied = b.config().getBool("tie_word_embeddings", true);
  if (tied)
    b.ignore("cls.predictions.decoder.weight");
  b.ignore("cls.predictions.decoder.bias");
  Path table = tied ? embeddings / "word_embeddings" : head / "decoder";
  Value weight = b.param(table / "weight", {shape.vocab, shape.hidden});
  Value bias = b.param(head / "bias", {shape.vocab});
  return LinearOp::create(b.builder(), b.at(head / "decoder"), features, weight,
                          bias);
}

LogicalResult quench::importBert(ModelBuilder &b) {
  BertShape shape(b);
  StringRef architecture = b.getArchitecture({"BertModel", "BertForMaskedLM",
                                              "BertForSequenceClassification",
                                              "BertForTokenClassification"});
  FailureOr<std::optional<SentencePooling>> pooling = readSentencePooling(b);
  if (failed(pooling) || b.failed() ||
      failed(importWordPiece(b, shape.positions)))
    return failure();

  Path root = b.findPrefix({"bert", ""}, "embeddings.word_embeddings.weight");
  Path embeddings = root / "embeddings", layers = root / "encoder.layer";
  AttentionGates gates(b, layers / 0 / "attention.self", shape.heads,
                       shape.hidden / shape.heads, /*isCausal=*/false);
  b.ignore("embeddings.position_ids");
  b.setSymbol("batch", 1);
  b.setSymbol("sequence", 1, shape.positions);

  constexpr StringRef dims[] = {"batch", "sequence"};
  constexpr int64_t dynamic = ShapedType::kDynamic;
  RankedTensorType type = b.getIndexType({dynamic, dynamic});
  b.beginEntry("encode");
  Value ids = b.addArgument(
      type, {"input_ids", dims, "data", std::nullopt, shape.vocab});
  b.setTokens(ids);
  Value mask = b.addArgument(type, {"attention_mask", dims, "data", 1});
  Value types =
      b.addArgument(type, {"token_type_ids", dims, "data", 0, shape.types});

  Value hidden = buildEmbeddings(b, shape, embeddings, ids, types);
  for (int64_t i = 0; i != shape.layers && !b.failed(); ++i)
    hidden = buildLayer(b, shape, gates, layers / i, hidden, mask);

  Path pooler = root / "pooler";
  if (architecture == "BertForMaskedLM") {
    b.addResult("logits", buildMaskedLMHead(b, shape, embeddings, hidden),
                dims);
  } else if (architecture == "BertForSequenceClassification") {
    Value pooled = buildPooler(b, shape, pooler, hidden);
    b.addResult("logits", b.classifier("classifier", pooled), {"batch"});
  } else if (architecture == "BertForTokenClassification") {
    b.addResult("logits", b.classifier("classifier", hidden), dims);
  } else {
    b.addResult("last_hidden_state", hidden, dims);
    if (b.has(pooler / "dense.weight"))
      b.addResult("pooler_output", buildPooler(b, shape, pooler, hidden),
                  {"batch"});
  }
  if (*pooling)
    b.addResult("sentence_embedding",
                buildSentencePooling(b, **pooling, hidden, mask), {"batch"});
  b.endEntry();
  return success(!b.failed());
}
