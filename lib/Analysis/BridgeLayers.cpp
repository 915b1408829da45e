//===- BridgeLayers.cpp - Layers between maps and tokens ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/BridgeLayers.h"

#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Interfaces/QuantizableOpInterface.h"
#include "Quench/Interfaces/WeightProgramOpInterface.h"

using namespace mlir;
using namespace quench;

/// Whether `op` contracts an activation with a weight.
static bool isLayer(Operation *op) {
  auto quantizable = dyn_cast<QuantizableOpInterface>(op);
  if (!quantizable || quantizable.getQuantRelation() != QuantRelation::Product)
    return false;
  SmallVector<QuantOperand> operands;
  quantizable.getQuantOperands(operands);
  return llvm::any_of(operands, [](const QuantOperand &operand) {
    return operand.role == QuantRole::Weight;
  });
}

/// The one tensor that `op` reads and that is no parameter; null where there
/// are more or none.
static Value getOnlyActivation(Operation *op) {
  // Scales at run time are of the same value.
  if (auto quantizer = dyn_cast<FakeQuantOp>(op))
    return quantizer.getInput();
  Value found;
  for (Value operand : op->getOperands()) {
    if (!isa<RankedTensorType>(operand.getType()) ||
        isa_and_present<WeightProgramOpInterface>(operand.getDefiningOp()))
      continue;
    if (found && found != operand)
      return {};
    found = operand;
  }
  return found;
}

namespace {
/// Finds the layers next to one boundary.
struct Finder {
  BridgePlace place;
  llvm::MapVector<Operation *, BridgePlace> &layers;

  /// Adds `op` if it is a layer, the end of the way.
  bool isEnd(Operation *op) {
    if (isLayer(op))
      layers.try_emplace(op, place);
    return isLayer(op) || isa<TokenBoundaryOpInterface>(op);
  }

  void followWriters(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || isEnd(op))
      return;
    if (Value input = getOnlyActivation(op))
      followWriters(input);
  }

  void followReaders(Value value) {
    for (Operation *op : value.getUsers())
      if (!isEnd(op) && getOnlyActivation(op))
        for (Value result : op->getResults())
          if (isa<RankedTensorType>(result.getType()))
            followReaders(result);
  }
};
} // namespace

llvm::MapVector<Operation *, BridgePlace>
quench::findBridgeLayers(Operation *root) {
  llvm::MapVector<Operation *, BridgePlace> layers;
  root->walk([&](TokenBoundaryOpInterface boundary) {
    Value map = boundary.getFeatureMap(), tokens = boundary.getTokens();
    bool makesTokens = tokens.getDefiningOp() == boundary;
    Finder{{boundary, /*isBefore=*/true}, layers}.followWriters(
        makesTokens ? map : tokens);
    Finder{{boundary, /*isBefore=*/false}, layers}.followReaders(
        makesTokens ? tokens : map);
  });
  return layers;
}
