//===- DataOptions.h - What a model is run on -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_DATAOPTIONS_H
#define QUENCH_PIPELINES_DATAOPTIONS_H

#include <cstdint>
#include <string>

namespace quench {

/// The examples that a model is run on.
struct DataOptions {
  /// Safetensors or npy with inputs, the first dimension of which counts
  /// examples; else text, in lines where the model has a tokenizer, otherwise
  /// its bytes are the tokens.
  std::string data;
  /// The entry point that runs; empty: the first.
  std::string entry;
  /// Examples that run at once, and tokens of an example that bytes make.
  int64_t batch = 8, length = 128;
  /// Examples that are used; 0: all.
  int64_t limit = 0;
};

} // namespace quench

#endif // QUENCH_PIPELINES_DATAOPTIONS_H
