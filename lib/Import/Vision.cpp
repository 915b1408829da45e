//===- Vision.cpp - Encoders of images ------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Vision.h"

#include "QuantizableAttention.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using llvm::StringRef;

Value quench::buildVisionLayer(ModelBuilder &b, const Path &path, Value stream,
                               const VisionLayer &layer) {
  int64_t width = cast<RankedTensorType>(stream.getType()).getShape().back();
  Path self = path / "attention.attention";
  Value input = b.layerNorm(path / "layernorm_before", stream, layer.eps);
  auto project = [&](StringRef part) {
    return b.splitHeads(b.linear(self / part, input, width, layer.qkvBias),
                        layer.heads);
  };
  Value query = project("query"), key = project("key"),
        value = project("value");
  AttentionInfo info{1 / std::sqrt(double(width / layer.heads))};
  info.stretch = layer.stretch;
  Value context = b.attention(self, query, key, value, info);
  Path output = path / "attention.output";
  stream =
      b.residual(output, stream, b.linear(output / "dense", context, width));

  input = b.layerNorm(path / "layernorm_after", stream, layer.eps);
  Path up = path / "intermediate", down = path / "output";
  Value wide = b.activation(
      up, b.linear(up / "dense", input, layer.intermediate), layer.activation);
  return b.residual(down, stream, b.linear(down / "dense", wide, width));
}

VisionBuilder::VisionBuilder(ModelBuilder &builder, StringRef prefix)
    : b(builder) {
  const Config &config = b.config();
  width = config.getInt("hidden_size");
  layers = config.getInt("num_hidden_layers", {}, 1, Config::maxLayers);
  layer.heads = config.getInt("num_attention_heads");
  layer.intermediate = config.getInt("intermediate_size");
  channels = config.getInt("num_channels", 3);
  image = config.getSize("image_size", 224);
  patch = config.getSize("patch_size", 16);
  layer.eps = config.getNumber("layer_norm_eps", 1e-12);
  layer.stretch = readClippedSoftmax(config, "max_seq_length");
  layer.qkvBias = config.getBool("qkv_bias", true);
  layer.activation = b.getActivation("hidden_act", "gelu");
  b.requireMultiple("hidden_size", width, "num_attention_heads", layer.heads);
  b.requireMultiple("image_size", image.first, "patch_size", patch.first);
  b.requireMultiple("image_size", image.second, "patch_size", patch.second);
  base = b.findPrefix({prefix, ""}, "embeddings.cls_token");
}

Value VisionBuilder::buildEmbeddings(Value pixels, ArrayRef<StringRef> tokens) {
  Path path = base / "embeddings";
  Path projection = path / "patch_embeddings.projection";
  Value weight = b.param(projection / "weight",
                         {width, channels, patch.first, patch.second});
  Value bias = b.param(projection / "bias", {width});
  Value patches =
      PatchEmbedOp::create(b.builder(), b.at(projection), pixels, weight, bias);

  llvm::SmallVector<Value> first;
  for (StringRef token : tokens)
    first.push_back(
        b.reshape(b.param(path / token, {1, 1, width}), {1, width}));
  Value prefix = first.size() == 1 ? first.front() : b.concat(first, 0);
  Value sequence = PrependOp::create(b.builder(), b.at(path), patches, prefix);
  int64_t length = cast<RankedTensorType>(sequence.getType()).getDimSize(1);
  Value positions =
      b.reshape(b.param(path / "position_embeddings", {1, length, width}),
                {length, width});
  return b.add(path / "position_embeddings", sequence, positions);
}

Value VisionBuilder::encode(ArrayRef<StringRef> tokens) {
  b.ignore("embeddings.mask_token");
  b.setSymbol("batch", 1);
  b.beginEntry("encode");
  Value pixels = b.addArgument(
      b.getType({ShapedType::kDynamic, channels, image.first, image.second}),
      {"pixel_values", {"batch"}});
  Value stream = buildEmbeddings(pixels, tokens);
  b.setTokens(stream);
  for (int64_t i = 0; i != layers && !b.failed(); ++i)
    stream = buildVisionLayer(b, base / "encoder.layer" / i, stream, layer);
  return b.layerNorm(base / "layernorm", stream, layer.eps);
}

void VisionBuilder::addBareResults(Value encoded) {
  b.addResult("last_hidden_state", encoded, {"batch"});
  Path pooler = base / "pooler";
  if (b.has(pooler / "dense.weight")) {
    Value first = b.token(pooler, encoded, 0);
    int64_t out = b.config().getInt("pooler_output_size", width);
    Value dense = b.linear(pooler / "dense", first, out);
    b.addResult(
        "pooler_output",
        b.activation(pooler, dense, b.getActivation("pooler_act", "tanh")),
        {"batch"});
  }
  b.endEntry();
}

void VisionBuilder::addLogits(Value logits) {
  b.addResult("logits", logits, {"batch"});
  b.endEntry();
}
