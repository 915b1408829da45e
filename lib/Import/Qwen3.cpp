//===- Qwen3.cpp - Qwen3 decoders -----------------------------------------===//
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

/// The gates of Qiu et al., Gated Attention for Large Language Models, NeurIPS
/// 2025, whose models are Qwen3 with further keys.
static OutputGate readOutputGate(const Config &config) {
  bool isOfHeads = config.getBool("headwise_attn_output_gate", false);
  bool isOfNumbers = config.getBool("elementwise_attn_output_gate", false);
  if (isOfHeads && isOfNumbers)
    config.emitError("elementwise_attn_output_gate")
        << "'elementwise_attn_output_gate' and 'headwise_attn_output_gate' are "
           "true, expected one of the two";
  if (isOfHeads)
    return OutputGate::Heads;
  return isOfNumbers ? OutputGate::Numbers : OutputGate::None;
}

LogicalResult quench::importQwen3(ModelBuilder &b) {
  const Config &config = b.config();
  LlamaOptions options{{"Qwen3ForCausalLM", "Qwen3Model"}};
  // The models with gates call it another way.
  options.inputBias = options.outputBias =
      config.getBool("qkv_bias", config.getBool("attention_bias", false));
  options.defaultHeadDim = 128;
  options.headNorms = config.getBool("use_qk_norm", true);
  options.outputGate = readOutputGate(config);
  options.windows = readQwenWindows(config);
  return importLlamaLike(b, options);
}
