//===- QuenchGateOps.cpp - Gates of attention -----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/IR/QuenchGateOps.h"

#include "QuantParameters.h"
#include "TensorBuilder.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace quench;

using Dim = ShapeInference::Dim;

/// The dimensions of the input that a gate of `rank` dimensions has.
static ArrayRef<unsigned> getGateLoops(int64_t rank) {
  static constexpr unsigned head[] = {2}, sequence[] = {0, 2},
                            token[] = {0, 1, 2}, number[] = {0, 1, 2, 3};
  static constexpr ArrayRef<unsigned> loops[] = {head, sequence, token, number};
  return loops[rank - 1];
}

LogicalResult HeadGateOp::inferShapes(Adaptor op, ShapeInference &shapes) {
  Value input = op.getInput(), gate = op.getGate();
  if (failed(shapes.checkShape(input, "input", {Dim(), Dim(), Dim(), Dim()})))
    return failure();
  int64_t rank = shapes.getRank(gate);
  if (rank < 1 || rank > 4)
    return shapes.fail("expected a gate of 1 to 4 dimensions, found ", rank);
  SmallVector<Dim> expected;
  for (unsigned loop : getGateLoops(rank))
    expected.push_back(shapes.getDim(input, loop));
  if (failed(shapes.checkShape(gate, "gate", expected)) ||
      failed(shapes.checkElementType(gate, "gate",
                                     shapes.getElementType(input))) ||
      failed(shapes.checkStatic(input, "input", 2)))
    return failure();
  double factor = op.getFactor().convertToDouble();
  if (!(factor > 0 && std::isfinite(factor)))
    return shapes.fail("expected factor to be a number above zero, found ",
                       factor);
  shapes.addResultLike(input);
  return success();
}

FailureOr<SmallVector<Value>> HeadGateOp::decomposeOperation(OpBuilder &b) {
  TensorBuilder builder(b, getLoc());
  RankedTensorType type = getInput().getType();
  double factor = getFactor().convertToDouble();
  Value result = builder.map(
      builder.getSizes(getInput()), type.getElementType(),
      {{getInput(), TensorBuilder::range(type.getRank())},
       {getGate(),
        llvm::to_vector(getGateLoops(getGate().getType().getRank()))}},
      [&](LoopBody &loop) {
        Scalar gate = loop[1].constant(factor) / (exp(-loop[1]) + 1);
        return loop[0] * gate;
      });
  return SmallVector<Value>{result};
}

/// Whether the channels of a head have one gate.
static bool gatesHeads(HeadGateOp op) {
  return op.getGate().getType().getRank() < 4;
}

/// The channels of the heads of `op`, each of which may have a transform of its
/// own.
static void linkHeads(HeadGateOp op, SmallVectorImpl<ChannelPort> &ports) {
  SmallVector<int64_t> heads(op.getInput().getType().getDimSize(2));
  std::iota(heads.begin(), heads.end(), 0);
  for (Value value : {Value(op.getInput()), Value(op.getResult())}) {
    ChannelPort port = {value, /*axis=*/3, PortRole::Link};
    port.headAxis = 2;
    port.heads = heads;
    ports.push_back(port);
  }
}

void HeadGateOp::getBasisPorts(SmallVectorImpl<ChannelPort> &ports) {
  if (gatesHeads(*this))
    linkHeads(*this, ports);
}

StringRef HeadGateOp::getBasisBlocker() {
  return gatesHeads(*this) ? "" : "gates each channel apart";
}

void HeadGateOp::getScalePorts(SmallVectorImpl<ChannelPort> &ports) {
  linkHeads(*this, ports);
}

void HeadGateOp::getQuantOperands(SmallVectorImpl<QuantOperand> &operands) {
  operands.append(2, {QuantRole::Activation, {}, -1});
}

QuantRelation HeadGateOp::getQuantRelation() { return QuantRelation::Own; }

OpCost HeadGateOp::getCost(
    llvm::function_ref<int64_t(Value value, int64_t dim)> getSize) {
  return {/*macs=*/0, countElements(getResult(), getSize)};
}

#define GET_OP_CLASSES
#include "Quench/Dialect/Quench/IR/QuenchGateOps.cpp.inc"
