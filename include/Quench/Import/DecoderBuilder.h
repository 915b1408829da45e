//===- DecoderBuilder.h - Entry points of decoders --------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_IMPORT_DECODERBUILDER_H
#define QUENCH_IMPORT_DECODERBUILDER_H

#include "Quench/Import/ModelBuilder.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>

namespace quench {

/// A state that a decoder carries from call to call.
struct StateInfo {
  std::string name;
  llvm::SmallVector<int64_t> shape;
  /// Names of the dynamic dimensions.
  llvm::SmallVector<llvm::StringRef> dims;
};

/// What the entry points of a decoder have in common.
struct DecoderInfo {
  int64_t vocab;
  /// Name of the result; `[batch, sequence, width]`.
  llvm::StringRef output;
  llvm::SmallVector<StateInfo> states = {};
  /// How many tokens the model can hold; absent, there is no limit and no
  /// position argument either.
  std::optional<int64_t> maxTokens = {};
};

/// The keys and values of all layers: `cache.N.key` and `cache.N.value`,
/// `[batch, context, groups, headDim]`.
llvm::SmallVector<StateInfo> getCacheStates(int64_t layers, int64_t groups,
                                            int64_t headDim);

/// One entry point of a decoder while it is built.
class DecoderEntry {
public:
  /// Adds the arguments for `tokens` tokens (dynamic: any number).
  DecoderEntry(ModelBuilder &builder, const DecoderInfo &info, int64_t tokens);

  /// Token ids `[B, T]`.
  mlir::Value ids() const { return idsArgument; }
  /// How many tokens the states hold, an i64; null without a position.
  mlir::Value start() const { return startValue; }
  mlir::Value getState(llvm::StringRef name) const {
    return states.find(name)->second;
  }
  void setState(llvm::StringRef name, mlir::Value value) {
    states[name] = value;
  }
  /// Appends the keys and values of a layer `[B, T, G, D]` to its cache and
  /// attends to all that it then holds.
  mlir::Value attention(const Path &name, int64_t layer, mlir::Value query,
                        mlir::Value key, mlir::Value value,
                        const AttentionInfo &info);

private:
  friend mlir::LogicalResult
  buildDecoder(ModelBuilder &builder, const DecoderInfo &info,
               llvm::function_ref<mlir::Value(DecoderEntry &)> body);
  mlir::Value append(const Path &name, llvm::StringRef state,
                     mlir::Value input);

  ModelBuilder &b;
  mlir::Value idsArgument, startValue;
  llvm::MapVector<llvm::StringRef, mlir::Value> states;
};

/// Builds `@prefill`, for any number of tokens, and `@decode`, for one. `body`
/// gives the output of either.
mlir::LogicalResult
buildDecoder(ModelBuilder &builder, const DecoderInfo &info,
             llvm::function_ref<mlir::Value(DecoderEntry &)> body);

} // namespace quench

#endif // QUENCH_IMPORT_DECODERBUILDER_H
