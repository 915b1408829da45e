//===- LlamaLike.h - Decoders of the LLaMA family ---------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_IMPORT_LLAMALIKE_H
#define QUENCH_LIB_IMPORT_LLAMALIKE_H

#include "Quench/Import/ModelBuilder.h"

namespace quench {

/// What the sigmoids of further rows of the query projection multiply: nothing,
/// heads of the result of attention, or each number of it. The rows of a group
/// of heads, which share keys, follow its queries.
enum class OutputGate { None, Heads, Numbers };

/// Where the decoders with rotary embedding, RMS norms and gated layers differ.
struct LlamaOptions {
  /// Classes of the family; with a head first, then bare.
  llvm::SmallVector<llvm::StringRef> architectures;
  /// Key and value heads where the configuration does not say; absent, as many
  /// as queries.
  std::optional<int64_t> defaultGroups = {};
  /// Size of a head where the configuration does not say; absent, the width of
  /// the model by the number of heads.
  std::optional<int64_t> defaultHeadDim = {};
  bool inputBias = false, outputBias = false, gateBias = false;
  /// Norms of queries and keys, per head.
  bool headNorms = false;
  OutputGate outputGate = OutputGate::None;
  /// How many tokens a layer sees; absent, all.
  llvm::SmallVector<std::optional<int64_t>> windows = {};
};

/// The windows of the Qwen models: only layers that slide have one.
llvm::SmallVector<std::optional<int64_t>> readQwenWindows(const Config &config);

mlir::LogicalResult importLlamaLike(ModelBuilder &builder,
                                    const LlamaOptions &options);

} // namespace quench

#endif // QUENCH_LIB_IMPORT_LLAMALIKE_H
