//===- Qwen2.cpp - Qwen2 decoders -----------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Families.h"
#include "LlamaLike.h"

using namespace mlir;
using namespace quench;
using llvm::StringRef;

llvm::SmallVector<std::optional<int64_t>>
quench::readQwenWindows(const Config &config) {
  int64_t layers = config.getInt("num_hidden_layers", {}, 1, Config::maxLayers);
  bool slides = config.getBool("use_sliding_window", false);
  int64_t window = config.getInt("sliding_window", 4096);
  int64_t first = config.getInt("max_window_layers", 28, 0);
  llvm::SmallVector<StringRef> types = config.getStrings("layer_types");
  llvm::SmallVector<std::optional<int64_t>> windows;
  if (types.empty()) {
    if (slides)
      for (int64_t i = 0; i != layers; ++i)
        windows.push_back(i < first ? std::nullopt : std::optional(window));
    return windows;
  }
  if (int64_t(types.size()) != layers)
    config.emitError("layer_types")
        << "'layer_types' has " << types.size() << " entries, expected "
        << layers << " as in 'num_hidden_layers'";
  windows.resize(layers);
  for (auto [type, entry] : llvm::zip(types, windows)) {
    if (type == "sliding_attention" && slides)
      entry = window;
    else if (type != "full_attention")
      config.emitError("layer_types")
          << "layer type '" << type << "' is not supported, expected "
          << (slides ? "full_attention or sliding_attention"
                     : "full_attention as 'use_sliding_window' is false");
  }
  return windows;
}

LogicalResult quench::importQwen2(ModelBuilder &b) {
  LlamaOptions options{{"Qwen2ForCausalLM", "Qwen2Model"}};
  options.inputBias = true;
  options.windows = readQwenWindows(b.config());
  return importLlamaLike(b, options);
}
