//===- RoomForScales.cpp - Ones that scales may go into -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RoomForScales.h"

#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

using namespace mlir;
using namespace quench;

/// A vector of ones as long as the channels of `like`, before `op`.
static Value createOnes(Operation *op, Value like) {
  OpBuilder builder(op);
  auto type = cast<RankedTensorType>(like.getType());
  return createFilledWeight(
      builder, op->getLoc(),
      RankedTensorType::get(type.getShape().take_back(), type.getElementType()),
      1);
}

/// Whether the number of channels of `value` is known.
static bool hasStaticChannels(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getRank() > 0 && !type.isDynamicDim(type.getRank() - 1);
}

/// Erases the ops that only compute `value`, which nothing uses.
static void eraseUnused(Value value) {
  for (Operation *op = value.getDefiningOp(); op && op->use_empty();) {
    Operation *source =
        op->getNumOperands() ? op->getOperand(0).getDefiningOp() : nullptr;
    op->erase();
    op = source;
  }
}

/// The gain of a norm of this dialect.
static MutableOperandRange getGain(Operation *norm) {
  if (auto op = dyn_cast<RMSNormOp>(norm))
    return op.getGammaMutable();
  return cast<LayerNormOp>(norm).getGammaMutable();
}

void AddedGains::open(ModuleOp module) {
  module.walk([&](NormOpInterface norm) {
    if (!isa<RMSNormOp, LayerNormOp>(*norm) || norm.getGain() ||
        !hasStaticChannels(norm.getInput()))
      return;
    Value ones = createOnes(norm, norm.getInput());
    getGain(norm).assign(ones);
    opened.emplace_back(norm, ones);
  });
}

void AddedGains::close() {
  for (auto [norm, ones] : opened) {
    if (norm.getGain() != ones)
      continue;
    getGain(norm).clear();
    eraseUnused(ones);
  }
}

void FusedSilus::addScale(SiluOp silu) {
  Value ones = createOnes(silu, silu.getInput());
  silu.getScaleMutable().assign(ones);
  opened.push_back({silu, ones, MulOp()});
}

void FusedSilus::open(ModuleOp module, bool all) {
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isa<SiluOp, GatedOp>(op))
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    if (!hasStaticChannels(op->getResult(0)))
      continue;
    if (auto silu = dyn_cast<SiluOp>(op)) {
      if (all && !silu.getScale())
        addScale(silu);
      continue;
    }
    auto gated = cast<GatedOp>(op);
    if (gated.getKind() != GateKind::Silu)
      continue;
    OpBuilder builder(gated);
    auto silu = SiluOp::create(builder, gated.getLoc(), gated.getGate(),
                               /*scale=*/Value());
    addScale(silu);
    // The first factor is preferred, and passes a scale without more.
    auto product = MulOp::create(builder, gated.getLoc(), gated.getUp(), silu);
    product->setDiscardableAttrs(gated->getDiscardableAttrDictionary());
    gated.replaceAllUsesWith(product.getResult());
    gated.erase();
    opened.back().product = product;
  }
}

void FusedSilus::close() {
  for (Opened &entry : opened) {
    if (entry.silu.getScale() != entry.ones)
      continue;
    if (MulOp product = entry.product) {
      OpBuilder builder(product);
      auto gated =
          GatedOp::create(builder, product.getLoc(), entry.silu.getInput(),
                          product.getLhs(), GateKind::Silu);
      gated->setDiscardableAttrs(product->getDiscardableAttrDictionary());
      product.replaceAllUsesWith(gated.getResult());
      product.erase();
      entry.silu.erase();
    } else {
      entry.silu.getScaleMutable().clear();
    }
    eraseUnused(entry.ones);
  }
}
