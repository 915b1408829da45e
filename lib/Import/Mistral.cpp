//===- Mistral.cpp - Mistral decoders -------------------------------------===//
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

LogicalResult quench::importMistral(ModelBuilder &b) {
  const Config &config = b.config();
  LlamaOptions options{{"MistralForCausalLM", "MistralModel"}};
  options.defaultGroups = 8;
  // Absent, the window has its default; null says that there is none.
  bool hasKey = config.object().get("sliding_window");
  if (config.has("sliding_window") || !hasKey)
    options.windows.assign(
        config.getInt("num_hidden_layers", {}, 1, Config::maxLayers),
        config.getInt("sliding_window", 4096));
  return importLlamaLike(b, options);
}
