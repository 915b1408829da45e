//===- LayerNormToRMSNorm.cpp - Streams of mean zero ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "ChannelVectors.h"
#include "SharedWeights.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Interfaces/ChannelScalableOpInterface.h"
#include "Quench/Interfaces/NormOpInterface.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHLAYERNORMTORMSNORM
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
using Norms = SmallVector<NormOpInterface>;

struct LayerNormToRMSNorm
    : public quench::impl::QuenchLayerNormToRMSNormBase<LayerNormToRMSNorm>,
      public EquivalenceClaim {
  using QuenchLayerNormToRMSNormBase::QuenchLayerNormToRMSNormBase;

  void runOnOperation() override;

private:
  /// Recentres the stream `stream`, which `norms` read.
  void recentre(const ChannelClass &stream, ArrayRef<NormOpInterface> norms,
                SharedWeights &shared);
};
} // namespace

static int64_t getLastAxis(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank() - 1;
}

/// Whether `op`, which passes rotations of axis `axis` of its result `value`
/// on, passes any linear map of the channels on: then it passes scales too. A
/// norm does not.
static bool isLinear(Operation *op, Value value, int64_t axis) {
  if (isa<tensor::TensorDialect>(op->getDialect()))
    return true;
  SmallVector<ChannelPort> ports;
  if (auto scalable = dyn_cast<ChannelScalableOpInterface>(op))
    scalable.getScalePorts(ports);
  return llvm::any_of(ports, [&](const ChannelPort &port) {
    return port.value == value && port.axis == axis &&
           port.freedom == PortFreedom::Any;
  });
}

/// What keeps the mean in `stream`, which `norms` read without one.
static std::optional<ClassBlocker>
findBlocker(const ChannelClass &stream, ArrayRef<NormOpInterface> norms) {
  for (const ClassMember &member : stream.members) {
    Operation *op = member.value.getDefiningOp();
    if (auto norm = dyn_cast_or_null<NormOpInterface>(op))
      return ClassBlocker{op, norm.subtractsMean() ? "writes it with a mean"
                                                   : "reads its mean"};
    if (op && !isLinear(op, member.value, member.axes.back()))
      return ClassBlocker{op, "does not pass a mean of zero on"};
  }
  for (const ClassBlocker &blocker : stream.blockers)
    if (!llvm::is_contained(norms, blocker.op))
      return blocker;
  for (const ClassWeight &weight : stream.weights) {
    if (weight.consumer)
      return ClassBlocker{weight.op, "reads it without a norm"};
    auto type = cast<RankedTensorType>(weight.operand->get().getType());
    if (type.getDimSize(weight.axis) != stream.size)
      return ClassBlocker{weight.op, "writes more than it"};
  }
  return std::nullopt;
}

void LayerNormToRMSNorm::recentre(const ChannelClass &stream,
                                  ArrayRef<NormOpInterface> norms,
                                  SharedWeights &shared) {
  if (std::optional<ClassBlocker> blocker = findBlocker(stream, norms))
    return refuse(stream.name, blocker->reason, blocker->op);
  Norms plain;
  for (NormOpInterface norm : norms) {
    if (norm.getOffset())
      refuse(getSiteName(norm),
             "has an offset, quench-fold-norm-affine has to come first", norm);
    else
      plain.push_back(norm);
  }
  if (plain.empty())
    return;

  for (const ClassWeight &weight : stream.weights) {
    OpBuilder builder(weight.op);
    shared.note(weight.operand->get(), weight.op);
    weight.operand->set(
        centerWeight(builder, weight.operand->get(), weight.axis));
  }
  noteBasis(stream, "center");
  recordSite(stream.name,
             Twine(stream.weights.size()) + " weights have mean zero",
             stream.members.front().value.getDefiningOp());
  for (NormOpInterface norm : plain) {
    std::string name = getSiteName(norm);
    OpBuilder builder(norm);
    Value replacement = norm.createWithoutMean(builder);
    norm->getResult(0).replaceAllUsesWith(replacement);
    norm->erase();
    recordSite(name, "subtracts no mean", replacement.getDefiningOp());
  }
}

void LayerNormToRMSNorm::runOnOperation() {
  beginClaims(*this);
  ChannelClasses classes(getOperation(), TransformKind::Basis);
  llvm::MapVector<const ChannelClass *, Norms> readers;
  getOperation()->walk([&](NormOpInterface norm) {
    if (!norm.subtractsMean())
      return;
    Value input = norm.getInput();
    if (const ChannelClass *stream = classes.find(input, getLastAxis(input)))
      readers[stream].push_back(norm);
    else
      refuse(getSiteName(norm), "no weights write what it reads", norm);
  });
  SharedWeights shared;
  for (auto &[stream, norms] : readers)
    recentre(*stream, norms, shared);
  shared.remark(*this);
}
