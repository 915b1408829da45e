//===- DecoderBuilder.cpp - Entry points of decoders ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Import/DecoderBuilder.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace quench;
using llvm::StringRef;

static std::string getCacheName(int64_t layer, StringRef kind) {
  return ("cache." + llvm::Twine(layer) + "." + kind).str();
}

llvm::SmallVector<StateInfo>
quench::getCacheStates(int64_t layers, int64_t groups, int64_t headDim) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  llvm::SmallVector<StateInfo> states;
  for (int64_t i = 0; i != layers; ++i)
    for (StringRef kind : {"key", "value"})
      states.push_back({getCacheName(i, kind),
                        {dynamic, dynamic, groups, headDim},
                        {"batch", "context"}});
  return states;
}

DecoderEntry::DecoderEntry(ModelBuilder &builder, const DecoderInfo &info,
                           int64_t tokens)
    : b(builder) {
  llvm::SmallVector<StringRef> dims{"batch"};
  if (ShapedType::isDynamic(tokens))
    dims.push_back("sequence");
  idsArgument =
      b.addArgument(b.getIndexType({ShapedType::kDynamic, tokens}),
                    {"input_ids", dims, "data", std::nullopt, info.vocab});
  b.setTokens(idsArgument);
  if (info.maxTokens) {
    Value position =
        b.addArgument(b.getIndexType({}), {"position", {}, "position", 0});
    startValue = tensor::ExtractOp::create(b.builder(), b.at("position"),
                                           position, ValueRange());
  }
  for (const StateInfo &state : info.states)
    states[state.name] = b.addArgument(b.getType(state.shape),
                                       {state.name, state.dims, "state"});
}

Value DecoderEntry::append(const Path &name, StringRef state, Value input) {
  auto cache = KVCacheOp::create(b.builder(), b.at(name), getState(state),
                                 input, startValue);
  setState(state, cache.getUpdated());
  return cache.getView();
}

Value DecoderEntry::attention(const Path &name, int64_t layer, Value query,
                              Value key, Value value,
                              const AttentionInfo &info) {
  Value keys = append(name, getCacheName(layer, "key"), key);
  Value values = append(name, getCacheName(layer, "value"), value);
  return b.attention(name, query, keys, values, info);
}

LogicalResult
quench::buildDecoder(ModelBuilder &b, const DecoderInfo &info,
                     llvm::function_ref<Value(DecoderEntry &)> body) {
  b.setSymbol("batch", 1);
  b.setSymbol("sequence", 1, info.maxTokens);
  if (info.maxTokens)
    b.setSymbol("context", 1, info.maxTokens);
  for (bool prefill : {true, false}) {
    b.beginEntry(prefill ? "prefill" : "decode");
    DecoderEntry entry(b, info, prefill ? ShapedType::kDynamic : 1);
    Value output = body(entry);
    if (b.failed())
      return failure();
    llvm::SmallVector<StringRef> dims{"batch"};
    if (prefill)
      dims.push_back("sequence");
    b.addResult(info.output, output, dims);
    for (const StateInfo &state : info.states)
      b.addResult(state.name, entry.getState(state.name), state.dims,
                  state.name);
    b.endEntry();
  }
  return success();
}
