//===- ChannelVectors.cpp - Numbers of the channels of a class -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChannelVectors.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace quench;

namespace {
/// Joins ranges of one vector and constants to a new one.
class VectorBuilder {
public:
  VectorBuilder(OpBuilder &builder, Value source, double rest)
      : builder(builder), source(source), rest(rest) {}

  /// Appends elements `[begin, begin + size)` of the source.
  void add(int64_t begin, int64_t size) {
    if (!ranges.empty() && ranges.back().first >= 0 &&
        ranges.back().first + ranges.back().second == begin)
      ranges.back().second += size;
    else
      ranges.emplace_back(begin, size);
  }
  void addRest(int64_t size) {
    if (size != 0)
      ranges.emplace_back(-1, size);
  }

  Value build() {
    Location loc = source.getLoc();
    int64_t length = cast<RankedTensorType>(source.getType()).getDimSize(0);
    SmallVector<Value> parts;
    for (auto [begin, size] : ranges) {
      if (begin < 0)
        parts.push_back(createFilledWeight(
            builder, loc, RankedTensorType::get(size, builder.getF64Type()),
            rest));
      else if (size == length)
        parts.push_back(source);
      else
        parts.push_back(
            SliceOp::create(builder, loc, source, 0, begin, begin + size));
    }
    return parts.size() == 1 ? parts.front()
                             : ConcatOp::create(builder, loc, parts, 0);
  }

private:
  OpBuilder &builder;
  Value source;
  double rest;
  SmallVector<std::pair<int64_t, int64_t>> ranges;
};
} // namespace

Value quench::spreadChannels(OpBuilder &builder, Value vector,
                             const ChannelClass &site,
                             ArrayRef<ChannelBlock> blocks, int64_t length,
                             double rest) {
  VectorBuilder result(builder, vector, rest);
  int64_t end = 0;
  for (ChannelBlock block : blocks) {
    result.addRest(block.offset - end);
    result.add(block.transform * site.size, site.size);
    end = block.offset + site.size;
  }
  result.addRest(length - end);
  return result.build();
}

void quench::divideChannels(const ChannelClass &site, Value scale,
                            StringRef transform) {
  auto move = [&](bool inverse) {
    return [&, inverse](OpBuilder &builder, Value value,
                        const ClassWeight &weight) {
      auto type = cast<RankedTensorType>(weight.operand->get().getType());
      Value factors = spreadChannels(builder, scale, site, weight.blocks,
                                     type.getDimSize(weight.axis), /*rest=*/1);
      return scaleWeight(builder, value, factors, weight.axis, inverse);
    };
  };
  applyTransform(site, move(/*inverse=*/true), move(/*inverse=*/false));
  noteBasis(site, transform);
}

SmallVector<Value> quench::gatherChannels(OpBuilder &builder, Value vector,
                                          const ChannelClass &site,
                                          ArrayRef<ChannelBlock> blocks,
                                          double rest) {
  SmallVector<SmallVector<int64_t>> offsets(site.numTransforms);
  size_t rounds = 0;
  for (ChannelBlock block : blocks) {
    offsets[block.transform].push_back(block.offset);
    rounds = std::max(rounds, offsets[block.transform].size());
  }
  SmallVector<Value> results;
  for (size_t round = 0; round < rounds; ++round) {
    VectorBuilder result(builder, vector, rest);
    for (ArrayRef<int64_t> places : offsets) {
      if (round < places.size())
        result.add(places[round], site.size);
      else
        result.addRest(site.size);
    }
    results.push_back(result.build());
  }
  return results;
}

Value quench::cloneProgram(OpBuilder &builder, Value root) {
  IRMapping mapping;
  // Not recursive: programs may be long.
  SmallVector<Operation *> stack = {root.getDefiningOp()};
  while (!stack.empty()) {
    Operation *op = stack.back();
    size_t depth = stack.size();
    for (Value operand : op->getOperands())
      if (!mapping.contains(operand))
        stack.push_back(operand.getDefiningOp());
    if (stack.size() > depth)
      continue;
    stack.pop_back();
    if (!mapping.contains(op->getResult(0)))
      builder.clone(*op, mapping);
  }
  return mapping.lookup(root);
}

SmallVector<std::pair<func::FuncOp, ChannelClass>>
quench::splitByFunction(const ChannelClass &site) {
  llvm::MapVector<func::FuncOp, ChannelClass> parts;
  auto getPart = [&](Block *block) -> ChannelClass & {
    Operation *op = block->getParentOp();
    auto function = dyn_cast<func::FuncOp>(op);
    if (!function)
      function = op->getParentOfType<func::FuncOp>();
    auto [it, isNew] = parts.try_emplace(function, site);
    if (isNew) {
      it->second.members.clear();
      it->second.weights.clear();
    }
    return it->second;
  };
  for (const ClassWeight &weight : site.weights)
    getPart(weight.op->getBlock()).weights.push_back(weight);
  for (const ClassMember &member : site.members) {
    Value value = member.value;
    getPart(value.getParentBlock()).members.push_back(member);
  }
  return llvm::to_vector(parts.takeVector());
}

void quench::setInsertionPointBefore(OpBuilder &builder,
                                     const ChannelClass &site,
                                     func::FuncOp function) {
  Block &block = function.front();
  Operation *first = block.getTerminator();
  for (const ClassWeight &weight : site.weights)
    if (Operation *op = block.findAncestorOpInBlock(*weight.op);
        op && op->isBeforeInBlock(first))
      first = op;
  builder.setInsertionPoint(first);
}

SmallVector<SmallVector<const ChannelClass *>>
quench::groupByName(ArrayRef<ChannelClass> classes) {
  llvm::MapVector<StringRef, SmallVector<const ChannelClass *>> groups;
  for (const ChannelClass &site : classes)
    if (isPair(site))
      groups[site.name].push_back(&site);
  SmallVector<SmallVector<const ChannelClass *>> result;
  for (auto &[name, group] : groups)
    result.push_back(std::move(group));
  return result;
}

bool quench::isPair(const ChannelClass &site) {
  auto takesInverse = [](const ClassWeight &weight) {
    return weight.takesInverse();
  };
  return llvm::any_of(site.weights, takesInverse) &&
         !llvm::all_of(site.weights, takesInverse);
}

bool quench::isWhole(const ChannelClass &site, ArrayRef<ChannelBlock> blocks) {
  if (static_cast<int64_t>(blocks.size()) != site.numTransforms)
    return false;
  for (auto [index, block] : llvm::enumerate(blocks))
    if (block.transform != static_cast<int64_t>(index) ||
        block.offset != static_cast<int64_t>(index) * site.size)
      return false;
  return true;
}

void quench::noteBasis(const ChannelClass &site, StringRef transform) {
  llvm::SmallPtrSet<Operation *, 8> noted;
  for (const ClassMember &member : site.members) {
    Operation *op = member.value.getDefiningOp();
    if (!op || !noted.insert(op).second)
      continue;
    noteBasis(op, (transform + (member.inverse ? " inverse" : "")).str());
  }
}
