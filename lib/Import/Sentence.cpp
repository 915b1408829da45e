//===- Sentence.cpp - Sentence encoders -----------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sentence.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace quench;
using llvm::StringRef;

/// Reads the pooling mode in the file.
static FailureOr<PoolKind> readPoolKind(MLIRContext *context, StringRef path) {
  FailureOr<Config> config = Config::load(context, path);
  if (failed(config))
    return failure();
  static constexpr std::pair<StringRef, PoolKind> modes[] = {
      {"pooling_mode_cls_token", PoolKind::First},
      {"pooling_mode_mean_tokens", PoolKind::Mean},
      {"pooling_mode_max_tokens", PoolKind::Max},
      {"pooling_mode_lasttoken", PoolKind::Last}};
  std::optional<PoolKind> kind;
  for (const auto &[key, value] : config->object()) {
    StringRef name = key;
    if (!name.starts_with("pooling_mode_") || !config->getBool(name, false))
      continue;
    const auto *mode = llvm::find_if(
        modes, [&](const auto &candidate) { return candidate.first == name; });
    if (mode == std::end(modes) || kind) {
      config->emitError(name)
          << "'" << name << "' is true, expected exactly one of "
          << "pooling_mode_cls_token, pooling_mode_mean_tokens, "
             "pooling_mode_max_tokens and pooling_mode_lasttoken";
      return failure();
    }
    kind = mode->second;
  }
  if (config->failed())
    return failure();
  return kind.value_or(PoolKind::Mean);
}

FailureOr<std::optional<SentencePooling>>
quench::readSentencePooling(const ModelBuilder &b) {
  MLIRContext *context = b.module().getContext();
  auto inFolder = [&](StringRef part, StringRef file) {
    llvm::SmallString<128> path(b.directory());
    llvm::sys::path::append(path, part, file);
    return path;
  };
  SentencePooling pooling;
  std::string place = "1_Pooling";
  llvm::SmallString<128> modulesPath = inFolder("", "modules.json");
  if (llvm::sys::fs::exists(modulesPath)) {
    FailureOr<Config> modules = Config::load(context, modulesPath);
    if (failed(modules))
      return failure();
    place.clear();
    for (const Config &module : modules->getElements()) {
      StringRef type = module.getString("type").rsplit('.').second;
      if (type == "Pooling")
        place = module.getString("path").str();
      else if (type == "Normalize")
        pooling.normalize = true;
      else if (type != "Transformer")
        module.emitError("type")
            << "module '" << type
            << "' is not supported, expected Transformer, Pooling or Normalize";
    }
    if (modules->failed())
      return failure();
  }
  llvm::SmallString<128> poolingPath = inFolder(place, "config.json");
  if (place.empty() || !llvm::sys::fs::exists(poolingPath))
    return std::optional<SentencePooling>();
  FailureOr<PoolKind> kind = readPoolKind(context, poolingPath);
  if (failed(kind))
    return failure();
  pooling.kind = *kind;
  return std::optional(pooling);
}

Value quench::buildSentencePooling(ModelBuilder &b,
                                   const SentencePooling &pooling, Value hidden,
                                   Value mask) {
  Location loc = b.at("sentence_embedding");
  // The first token needs no mask; the others skip padding.
  Value pooled = PoolOp::create(
      b.builder(), loc, hidden,
      pooling.kind == PoolKind::First ? Value() : mask, pooling.kind);
  if (!pooling.normalize)
    return pooled;
  return L2NormalizeOp::create(b.builder(), loc, pooled,
                               b.builder().getF64FloatAttr(1e-12));
}
