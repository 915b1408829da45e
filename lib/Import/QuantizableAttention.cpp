//===- QuantizableAttention.cpp - Quantizable Transformers ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantizableAttention.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Clipped softmax
//===----------------------------------------------------------------------===//

/// The ends in `clipped(gamma:zeta)`.
static std::optional<StretchRange> parseStretch(StringRef name) {
  if (!name.consume_front("clipped(") || !name.consume_back(")"))
    return std::nullopt;
  auto [low, high] = name.split(':');
  StretchRange range;
  if (low.getAsDouble(range.gamma) || high.getAsDouble(range.zeta))
    return std::nullopt;
  // What the public code has under this name.
  if (low == "-.005" && high == "1.005")
    range.gamma = -0.003;
  return range;
}

std::optional<StretchRange> quench::readClippedSoftmax(const Config &config,
                                                       StringRef lengthKey) {
  StringRef name = config.getString("attn_softmax", "vanilla");
  bool isVanilla = name == "vanilla";
  if (config.has("alpha")) {
    double alpha = config.getNumber("alpha");
    int64_t length = config.getInt(lengthKey);
    if (!isVanilla)
      config.emitError("alpha") << "'alpha' is there beside 'attn_softmax', '"
                                << name << "', expected one of the two";
    return StretchRange{-alpha / double(length), 1};
  }
  if (isVanilla || config.failed())
    return std::nullopt;
  std::optional<StretchRange> range = parseStretch(name);
  if (!range)
    config.emitError("attn_softmax")
        << "'attn_softmax' is '" << name
        << "', expected vanilla or clipped(GAMMA:ZETA)";
  else if (!(range->gamma <= 0 && range->zeta >= 1 &&
             std::isfinite(range->gamma) && std::isfinite(range->zeta)))
    config.emitError("attn_softmax")
        << "'attn_softmax' stretches to [" << range->gamma << ", "
        << range->zeta << "], expected a range around [0, 1]";
  return range;
}

//===----------------------------------------------------------------------===//
// AttentionGates
//===----------------------------------------------------------------------===//

AttentionGates::AttentionGates(ModelBuilder &builder, const Path &first,
                               int64_t heads, int64_t headDim, bool isCausal)
    : b(builder), heads(heads), headDim(headDim) {
  findForm(first / "alpha");
  readType(isCausal);
  checkFlags();
  bool isFineTuned = b.config().getBool("fine_tuning", false);
  double init = b.config().getNumber("attn_gate_init", 0.5);
  if (isFineTuned && form != Form::Unconditional)
    factor = 1 / init;
}

void AttentionGates::findForm(const Path &gate) {
  const std::pair<Path, Form> samples[] = {
      {gate, Form::Unconditional},
      {gate / "weight", Form::AllFeatures},
      {gate / "0.weight", Form::Linear},
      {gate / "0.0.weight", Form::TwoLayers}};
  const auto *found = llvm::find_if(
      samples, [&](const auto &candidate) { return b.has(candidate.first); });
  if (found == std::end(samples))
    return;
  std::tie(sample, form) = *found;
  if (form != Form::TwoLayers)
    return;
  inner = b.getRows(sample);
  if (inner != headDim && inner != headDim / 4)
    b.emitError() << "tensor '" << sample.str() << "' has " << inner
                  << " rows, expected " << headDim / 4 << " or " << headDim
                  << " for heads of " << headDim << " features";
}

void AttentionGates::readType(bool isCausal) {
  static constexpr StringRef key = "attn_gate_type",
                             pooled = "conditional_per_head";
  const Config &config = b.config();
  bool isOfHeads = form == Form::Linear || form == Form::TwoLayers;
  if (!config.has(key)) {
    if (isOfHeads)
      mlir::emitWarning(config.getLoc(key))
          << "'" << key << "' is missing: gates like '" << sample.str()
          << "' are taken for conditional_per_token";
    return;
  }
  StringRef type = config.getString(key);
  if (config.failed())
    return;
  bool isNone = type == "none", isFixed = type == "unconditional_per_head";
  if (!isNone && !isFixed && type != pooled &&
      type != "conditional_per_token") {
    config.emitError(key) << "'" << key << "' is '" << type
                          << "', expected none, unconditional_per_head, "
                             "conditional_per_head or conditional_per_token";
    return;
  }
  if (isNone != (form == Form::None) ||
      isFixed != (form == Form::Unconditional)) {
    InFlightDiagnostic diagnostic = config.emitError(key);
    diagnostic << "'" << key << "' is '" << type
               << "', but the checkpoint has ";
    if (form == Form::None)
      diagnostic << "no gates";
    else
      diagnostic << "'" << sample.str() << "'";
    return;
  }
  // The public code takes a gate of all features for one of tokens.
  isPooled = isOfHeads && type == pooled;
  if (isPooled && isCausal)
    config.emitError(key) << "'" << key << "' is '" << type
                          << "', a mean over all tokens, later ones too; "
                             "expected conditional_per_token in a decoder";
}

void AttentionGates::checkFlags() {
  const std::pair<StringRef, bool> flags[] = {
      {"attn_gate_linear_all_features", form == Form::AllFeatures},
      {"attn_gate_mlp", form == Form::TwoLayers && inner != headDim},
      {"attn_gate_mlp2", form == Form::TwoLayers && inner == headDim}};
  for (auto [key, expected] : flags) {
    bool found = b.config().getBool(key, expected);
    // Without gates, and where all features are read, others have no effect.
    bool isTold = form == Form::Linear || form == Form::TwoLayers ||
                  (form == Form::AllFeatures && expected);
    if (isTold && found != expected && !b.failed())
      b.config().emitError(key)
          << "'" << key << "' is " << (found ? "true" : "false")
          << ", but the checkpoint has '" << sample.str() << "'";
  }
}

Value AttentionGates::applyHeads(const Path &name, const Path &gate,
                                 StringRef layer, Value input, int64_t rows,
                                 int64_t columns) {
  llvm::SmallVector<Value> weights, biases;
  for (int64_t head = 0; head != heads; ++head) {
    Path part = layer.empty() ? gate / head : gate / head / layer;
    weights.push_back(b.param(part / "weight", {rows, columns}));
    biases.push_back(b.param(part / "bias", {rows}));
  }
  Value weight = b.blockDiagonal(weights), bias = b.concat(biases, 0);
  return LinearOp::create(b.builder(), b.at(name), input, weight, bias);
}

void AttentionGates::addTo(AttentionInfo &info, const Path &path, Value input) {
  Path gate = path / "alpha";
  switch (form) {
  case Form::None:
    return b.rejectUnused(gate, "is no gate that the first layer has too");
  case Form::Unconditional:
    info.gate = b.param(gate, {heads});
    break;
  case Form::AllFeatures:
    info.gate = b.linear(gate, input, heads);
    break;
  case Form::Linear:
    info.gate = applyHeads(gate, gate, "", input, 1, headDim);
    break;
  case Form::TwoLayers: {
    Path hidden = gate / "hidden";
    Value wide = applyHeads(hidden, gate, "0", input, inner, headDim);
    info.gate =
        applyHeads(gate, gate, "2",
                   b.activation(hidden, wide, Activation::Relu), 1, inner);
    break;
  }
  }
  if (isPooled)
    info.gate = PoolOp::create(b.builder(), b.at(gate), info.gate,
                               /*mask=*/Value(), PoolKind::Mean);
  info.gateFactor = factor;
  if (!b.failed())
    b.rejectUnused(gate, "has no place in gates like '" + sample.str() + "'");
}
