//===- LearnedParams.cpp - What was learned elsewhere, by site ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LearnedParams.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace quench;

/// `pattern` with the name of `site` for `SITE` and what is before its last dot
/// for `PARENT`.
static std::string expandKey(std::string pattern, StringRef site) {
  for (auto [word, text] :
       {std::pair(StringRef("SITE"), site),
        std::pair(StringRef("PARENT"), site.rsplit('.').first)})
    if (size_t at = pattern.find(word.str()); at != std::string::npos)
      pattern.replace(at, word.size(), text.str());
  return pattern;
}

Value quench::createLearnedParam(OpBuilder &builder, const ChannelClass &site,
                                 StringRef patterns,
                                 ArrayRef<SmallVector<int64_t>> shapes,
                                 std::string &reason) {
  Operation *op = site.weights.front().op;
  auto module = op->getParentOfType<ModuleOp>();
  if (!isBound(module, "learned")) {
    reason = "no archive is bound to the scope 'learned'";
    return {};
  }
  SmallVector<StringRef> words;
  patterns.split(words, '|');
  SmallVector<std::string> keys;
  for (StringRef word : words) {
    std::string key = expandKey(word.str(), site.name);
    keys.push_back("'" + key + "'");
    Value param =
        createBoundParam(builder, op->getLoc(), module, "learned", key);
    if (!param)
      continue;
    auto type = cast<RankedTensorType>(param.getType());
    if (isa<FloatType>(type.getElementType()) &&
        llvm::is_contained(shapes, type.getShape()))
      return widenWeight(builder, param);
    llvm::raw_string_ostream(reason)
        << keys.back() << " is " << type << ", which does not fit " << site.size
        << " channels";
    param.getDefiningOp()->erase();
    return {};
  }
  reason = "the archive of learned tensors has no " + llvm::join(keys, " or ");
  return {};
}
