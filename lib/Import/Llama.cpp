//===- Llama.cpp - LLaMA decoders -----------------------------------------===//
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

LogicalResult quench::importLlama(ModelBuilder &b) {
  const Config &config = b.config();
  config.require("pretraining_tp", 1);
  LlamaOptions options{{"LlamaForCausalLM", "LlamaModel"}};
  options.inputBias = options.outputBias =
      config.getBool("attention_bias", false);
  options.gateBias = config.getBool("mlp_bias", false);
  return importLlamaLike(b, options);
}
