//===- BatchIndependence.cpp - Batches that may be taken apart ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Follows the batch through a function: a value carries it when its first
// dimension is the batch, or has as many indices for each of the batch, in its
// order. Ops are known by name, as none says how its first
// dimension is treated; one that is not known here keeps the batch whole.
//
//===----------------------------------------------------------------------===//

#include "BatchIndependence.h"

#include "Quench/Dialect/Quench/IR/QuenchAttentionOps.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/QuenchGateOps.h"
#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchObserveOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/IR/QuenchVisionOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace quench;

/// The symbol of the first dimension of a value of `type` with `attributes`.
static StringAttr getFirstSymbol(Type type, DictionaryAttr attributes) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() == 0 || !tensor.isDynamicDim(0) ||
      !attributes)
    return {};
  auto dims = attributes.getAs<ArrayAttr>(attrs::dims);
  return dims && !dims.empty() ? dyn_cast<StringAttr>(dims[0]) : StringAttr();
}

/// Whether a dimension but the first is called `symbol`.
static bool hasOtherSymbol(DictionaryAttr attributes, StringAttr symbol,
                           bool isFirst) {
  auto dims =
      attributes ? attributes.getAs<ArrayAttr>(attrs::dims) : ArrayAttr();
  return dims && llvm::is_contained(dims.getValue().drop_front(isFirst ? 1 : 0),
                                    symbol);
}

namespace {
/// What is known of the values of one function.
class Follower {
public:
  /// Whether all results that `op` computes from the batch carry it.
  bool follow(Operation &op);

  void add(Value value) { carriers.insert(value); }
  bool carries(Value value) const { return carriers.contains(value); }

  /// Whether the size of the batch was used for nothing else, so far.
  bool hasOnlySizeUsers() const {
    return llvm::all_of(sizes, [&](tensor::DimOp dim) {
      return llvm::all_of(dim->getUsers(),
                          [&](Operation *user) { return isSizeUser(user); });
    });
  }

private:
  /// Whether `value` is the size of the batch.
  bool isSize(OpFoldResult value) const {
    auto size = dyn_cast<Value>(value);
    auto dim = size ? size.getDefiningOp<tensor::DimOp>() : tensor::DimOp();
    return dim && carries(dim.getSource()) && dim.getConstantIndex() == 0;
  }
  /// Whether `op` takes the size of the batch for the first dimension of a
  /// part or another view of what carries it, and for nothing else.
  bool isSizeUser(Operation *op) const {
    auto isOnlyFirst = [&](ArrayRef<OpFoldResult> sizes) {
      return carries(op->getOperand(0)) && isSize(sizes.front()) &&
             llvm::none_of(sizes.drop_front(),
                           [&](OpFoldResult size) { return isSize(size); });
    };
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      return isOnlyFirst(expand.getMixedOutputShape());
    auto slice = dyn_cast<tensor::ExtractSliceOp>(op);
    return slice && isOnlyFirst(slice.getMixedSizes()) &&
           llvm::none_of(slice.getMixedOffsets(),
                         [&](OpFoldResult offset) { return isSize(offset); });
  }

  DenseSet<Value> carriers;
  SmallVector<tensor::DimOp> sizes;
};
} // namespace

bool Follower::follow(Operation &op) {
  auto carriesAny = [&](ValueRange values) {
    return llvm::any_of(values, [&](Value value) { return carries(value); });
  };
  auto carriesAll = [&](ValueRange values) {
    return llvm::all_of(values, [&](Value value) { return carries(value); });
  };
  if (!carriesAny(op.getOperands()))
    return true;
  // `main` alone carries the batch.
  auto carriesOnly = [&](Value main) {
    return carries(main) && llvm::all_of(op.getOperands(), [&](Value value) {
             return value == main || !carries(value);
           });
  };
  auto carriesScores = [&](auto op) {
    return carries(op.getQuery()) && carries(op.getKey()) &&
           (!op.getMask() || carries(op.getMask())) &&
           (!op.getBias() || carries(op.getBias()) ||
            cast<RankedTensorType>(op.getBias().getType()).getRank() < 4);
  };
  bool keeps =
      llvm::TypeSwitch<Operation *, bool>(&op)
          .Case<ReluOp, TanhOp, SoftplusOp, ExpOp, NegOp, GeluOp, SiluOp>(
              [&](auto op) { return carriesOnly(op.getInput()); })
          // The last dimension is not the first.
          .Case<L2NormalizeOp, SoftmaxOp, OnlineHadamardOp>(
              [](auto op) { return op.getInput().getType().getRank() > 1; })
          .Case<LinearOp, LayerNormOp, RMSNormOp>([&](auto op) {
            return op.getInput().getType().getRank() > 1 &&
                   carriesOnly(op.getInput());
          })
          .Case<AddOp, MulOp>([&](auto op) {
            return carries(op.getLhs()) &&
                   (carries(op.getRhs()) ||
                    op.getRhs().getType().getRank() <
                        op.getLhs().getType().getRank());
          })
          .Case([&](GatedOp op) { return carriesAll(op->getOperands()); })
          .Case([&](HeadGateOp op) {
            return carries(op.getInput()) &&
                   (carries(op.getGate()) ||
                    op.getGate().getType().getRank() == 1);
          })
          .Case([&](MatmulOp op) {
            return carriesAll(op->getOperands()) &&
                   op.getLhs().getType().getRank() > 2;
          })
          .Case([&](AttentionOp op) {
            return carriesScores(op) && carries(op.getValue());
          })
          .Case<AttentionProbabilitiesOp, LogIntProbabilitiesOp>(
              [&](auto op) { return carriesScores(op); })
          .Case([&](AttentionValuesOp op) {
            return carriesAll(op->getOperands());
          })
          .Case<RopeOp, PatchEmbedOp, PatchesOp, PrependOp, Im2ColOp,
                DepthwiseConv2DOp, UnfoldOp, FoldOp>(
              [&](auto op) { return carriesOnly(op.getInput()); })
          .Case([&](tensor::ConcatOp op) {
            return op.getDim() != 0 && carriesAll(op.getInputs());
          })
          .Case([&](KVCacheOp op) {
            return carries(op.getCache()) && carries(op.getInput());
          })
          .Case([&](EmbeddingOp op) { return carriesOnly(op.getIds()); })
          .Case([&](PoolOp op) {
            return carries(op.getInput()) &&
                   (!op.getMask() || carries(op.getMask()));
          })
          .Case([&](FakeQuantOp op) {
            auto fits = [&](Value parameter) {
              return !parameter || carries(parameter) ||
                     cast<RankedTensorType>(parameter.getType()).getRank() == 0;
            };
            return carries(op.getInput()) && fits(op.getScale()) &&
                   fits(op.getZero());
          })
          // One scale for the whole tensor would be another one for a part;
          // scales of e4m3 are parts of such a scale (C24).
          .Case([&](DynamicScaleOp op) {
            if (op.getQuantizer().getScaling().form ==
                numerics::ScaleForm::E4M3)
              return false;
            SmallVector<QuantAxis> axes;
            op.getQuantizer().getQuantAxes(
                cast<RankedTensorType>(op.getInput().getType()).getRank(),
                axes);
            return !axes.empty() && axes.front().dim == 0 &&
                   axes.front().block == 1;
          })
          .Case([&](tensor::ExpandShapeOp op) {
            return op.getReassociationIndices()[0].size() == 1;
          })
          .Case([&](tensor::CollapseShapeOp op) {
            return !op.getReassociationIndices().empty() &&
                   op.getReassociationIndices()[0].size() == 1;
          })
          .Case([&](tensor::ExtractSliceOp op) {
            return isConstantIntValue(op.getMixedOffsets()[0], 0) &&
                   isConstantIntValue(op.getMixedStrides()[0], 1) &&
                   isSize(op.getMixedSizes()[0]) &&
                   op.getResultType().getRank() > 0 &&
                   op.getResultType().isDynamicDim(0);
          })
          .Default([](Operation *) { return false; });
  if (keeps) {
    carriers.insert_range(op.getResults());
    return true;
  }
  // What needs only the sizes does not carry, and the size of the batch may be
  // used as such alone.
  return llvm::TypeSwitch<Operation *, bool>(&op)
      .Case([&](PositionsOp op) { return op.getDim() != 0; })
      .Case([&](tensor::DimOp op) {
        if (op.getConstantIndex() == 0)
          sizes.push_back(op);
        return op.getConstantIndex().has_value();
      })
      .Case([&](func::ReturnOp op) { return carriesAll(op.getOperands()); })
      .Default([](Operation *) { return false; });
}

StringAttr quench::getIndependentSymbol(func::FuncOp entry) {
  if (!llvm::hasSingleElement(entry.getBody()) || entry.getNumResults() == 0)
    return {};
  StringAttr symbol =
      getFirstSymbol(entry.getResultTypes()[0], entry.getResultAttrDict(0));
  if (!symbol)
    return {};
  Follower follower;
  for (BlockArgument argument : entry.getArguments()) {
    DictionaryAttr attributes = entry.getArgAttrDict(argument.getArgNumber());
    bool isFirst = getFirstSymbol(argument.getType(), attributes) == symbol;
    if (hasOtherSymbol(attributes, symbol, isFirst))
      return {};
    if (isFirst)
      follower.add(argument);
  }
  for (unsigned i = 0, e = entry.getNumResults(); i < e; ++i) {
    DictionaryAttr attributes = entry.getResultAttrDict(i);
    bool isFirst =
        getFirstSymbol(entry.getResultTypes()[i], attributes) == symbol;
    if (hasOtherSymbol(attributes, symbol, isFirst))
      return {};
  }
  for (Operation &op : entry.getBody().front())
    if (op.getNumRegions() != 0 || !follower.follow(op))
      return {};
  bool isWhole =
      follower.hasOnlySizeUsers() &&
      llvm::all_of(entry.getBody().front().getTerminator()->getOperands(),
                   [&](Value value) { return follower.carries(value); });
  return isWhole ? symbol : StringAttr();
}
