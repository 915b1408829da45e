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

LogicalResult quench::importQwen3(ModelBuilder &b) {
  LlamaOptions options{{"Qwen3ForCausalLM", "Qwen3Model"}};
  options.inputBias = options.outputBias =
      b.config().getBool("attention_bias", false);
  options.defaultHeadDim = 128;
  options.headNorms = true;
  options.windows = readQwenWindows(b.config());
  return importLlamaLike(b, options);
}
