//===- Relevance.cpp - Which branch a prediction is owed to ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/Relevance.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Interfaces/WeightProgramOpInterface.h"
#include "Quench/Support/RelevanceRules.h"

#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SetVector.h"

#include <numeric>

using namespace mlir;
using namespace quench;

static bool isJoin(Operation *op) {
  auto add = dyn_cast<AddOp>(op);
  return add && add.getResidual();
}

static bool isFloatTensor(Value value) {
  return isa<RankedTensorType>(value.getType()) &&
         isa<FloatType>(getElementTypeOrSelf(value));
}

/// The ops that `value` depends on.
static llvm::SetVector<Operation *> getSources(Value value) {
  llvm::SetVector<Operation *> sources;
  SmallVector<Value> pending = {value};
  while (!pending.empty())
    if (Operation *op = pending.pop_back_val().getDefiningOp();
        op && sources.insert(op))
      llvm::append_range(pending, op->getOperands());
  return sources;
}

FailureOr<RelevanceAnalysis> RelevanceAnalysis::create(Value output) {
  RelevanceAnalysis result;
  result.output = output;
  if (failed(result.findOps()))
    return failure();
  return result;
}

LogicalResult RelevanceAnalysis::findOps() {
  Block &body = *output.getParentBlock();
  for (Operation &op : body.without_terminator())
    if (isJoin(&op) || llvm::any_of(op.getOperands(), [&](Value operand) {
          return carriers.contains(operand);
        }))
      carriers.insert_range(
          llvm::make_filter_range(op.getResults(), isFloatTensor));
  llvm::DenseSet<Value> reached = {output};
  llvm::SetVector<Value> read;
  for (Operation &op : llvm::reverse(body.without_terminator())) {
    if (llvm::none_of(op.getResults(), [&](Value result) {
          return reached.contains(result) && carriers.contains(result);
        }))
      continue;
    auto interface = dyn_cast<RelevanceOpInterface>(op);
    if (!interface)
      return op.emitOpError("has no rule for relevance");
    ops.push_back(interface);
    for (Value operand : op.getOperands()) {
      reached.insert(operand);
      if (isa<RankedTensorType>(operand.getType()))
        read.insert(operand);
    }
    if (isJoin(&op))
      findBranches(&op);
  }
  if (branches.empty())
    return body.getParentOp()->emitOpError(
        "has no residual join before its logits, the "
        "branches of which share relevance");
  operands = read.takeVector();
  return success();
}

void RelevanceAnalysis::findBranches(Operation *join) {
  llvm::SetVector<Operation *> sources[] = {getSources(join->getOperand(0)),
                                            getSources(join->getOperand(1))};
  for (OpOperand &operand : join->getOpOperands()) {
    RelevanceBranch branch{&operand, {}};
    unsigned side = operand.getOperandNumber();
    for (Operation *op : sources[side])
      if (!sources[1 - side].contains(op))
        branch.ops.push_back(op);
    if (!branch.ops.empty())
      branches.push_back(std::move(branch));
  }
}

static double getSum(ArrayRef<double> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

LogicalResult
RelevanceAnalysis::addShares(HostTensor relevance, Reader read,
                             MutableArrayRef<double> shares) const {
  /// The numbers of a value, and what its readers gave it.
  struct Carried {
    HostTensor value;
    SmallVector<std::vector<double>, 1> parts;
  };
  DenseMap<Value, Carried> carried;
  carried[output] = {{relevance.shape, {}}, {std::move(relevance.numbers)}};
  for (RelevanceOpInterface op : ops) {
    SmallVector<HostTensor> given(op->getNumResults());
    for (auto [result, tensor] : llvm::zip_equal(op->getResults(), given)) {
      auto it = carried.find(result);
      if (it == carried.end())
        continue;
      auto &[value, parts] = it->second;
      tensor.shape = value.shape;
      tensor.numbers = parts.size() == 1
                           ? std::move(parts.front())
                           : getFanOutRelevance(value.numbers, parts);
      carried.erase(it);
    }
    if (llvm::all_of(given, [](const HostTensor &tensor) {
          return tensor.numbers.empty();
        }))
      continue;

    SmallVector<HostTensor> numbers(op->getNumOperands());
    for (auto [operand, tensor] : llvm::zip_equal(op->getOperands(), numbers)) {
      if (!isa<RankedTensorType>(operand.getType()))
        continue;
      FailureOr<HostTensor> found = read(operand);
      if (failed(found))
        return failure();
      tensor = std::move(*found);
    }
    SmallVector<std::vector<double>> parts(op->getNumOperands());
    if (failed(op.propagateRelevance(numbers, given, parts)))
      return failure();
    double sum = 0;
    for (ArrayRef<double> part : parts)
      sum += getSum(part);
    for (auto [branch, share] : llvm::zip_equal(branches, shares))
      if (branch.operand->getOwner() == op && sum != 0)
        share += getSum(parts[branch.operand->getOperandNumber()]) / sum;
    for (auto [operand, tensor, part] :
         llvm::zip_equal(op->getOperands(), numbers, parts)) {
      if (part.empty() || !carriers.contains(operand))
        continue;
      Carried &entry = carried[operand];
      entry.parts.push_back(std::move(part));
      // An operand that is read twice has its numbers already.
      if (entry.parts.size() == 1)
        entry.value = std::move(tensor);
    }
  }
  return success();
}

llvm::StringMap<double>
RelevanceAnalysis::getRelevance(ArrayRef<double> shares) const {
  DenseMap<Operation *, double> products;
  for (auto [branch, share] : llvm::zip_equal(branches, shares))
    for (Operation *op : branch.ops)
      products.try_emplace(op, 1).first->second *= share;
  llvm::StringMap<std::pair<double, int64_t>> sums;
  for (Operation &op : *Value(output).getParentBlock()) {
    // A join may have the name of its branch.
    if (isa<WeightProgramOpInterface>(op) || isJoin(&op))
      continue;
    auto it = products.find(&op);
    auto &[sum, count] = sums[getSiteName(&op)];
    sum += it == products.end() ? 1 : it->second;
    ++count;
  }
  llvm::StringMap<double> relevance;
  for (const auto &[name, total] : sums)
    relevance[name] = total.first / total.second;
  return relevance;
}
