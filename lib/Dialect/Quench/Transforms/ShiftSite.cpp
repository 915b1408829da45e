//===- ShiftSite.cpp - A class of channels that is shifted ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ShiftSite.h"

#include "ChannelVectors.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Interfaces/ShiftableOpInterface.h"

using namespace mlir;
using namespace quench;

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

ShiftSite::ShiftSite(ChannelClass shifted) : site(std::move(shifted)) {
  for (const ClassWeight &weight : site.weights) {
    End end = {weight.op,    weight.consumer, std::nullopt,
               std::nullopt, weight.axis,     weight.blocks};
    if (weight.operand)
      end.vector = weight.operand->getOperandNumber();
    if (weight.map)
      end.map = weight.map->getOperandNumber();
    ends.push_back(std::move(end));
  }
}

std::optional<ClassBlocker> ShiftSite::getBlocker() const {
  for (const End &end : ends)
    if (std::optional<unsigned> operand = end.consumer ? end.map : end.vector)
      if (end.axis != getType(end.op->getOperand(*operand)).getRank() - 1)
        return ClassBlocker{end.op, "has its channels before other axes"};
  return std::nullopt;
}

/// The operand that is the bias of `op`, or none.
static std::optional<unsigned> findBias(Operation *op) {
  SmallVector<ChannelPort> ports;
  cast<ShiftableOpInterface>(op).getShiftPorts(ports);
  for (const ChannelPort &port : ports)
    if (port.role == PortRole::Producer && !port.weights.empty())
      return port.weights.front().operand;
  return std::nullopt;
}

void ShiftSite::apply(Value shift) const {
  for (const End &end : ends) {
    OpBuilder builder(end.op);
    std::optional<unsigned> vector = end.vector;
    if (!vector)
      vector = findBias(end.op);
    Value bias;
    if (vector) {
      bias = end.op->getOperand(*vector);
    } else {
      RankedTensorType type = getType(end.op->getResult(0));
      bias =
          createFilledWeight(builder, end.op->getLoc(),
                             RankedTensorType::get(type.getShape().take_back(),
                                                   type.getElementType()),
                             0);
    }
    Value weight = end.consumer ? end.op->getOperand(*end.map) : Value();
    int64_t length = getType(weight ? weight : bias).getShape().back();
    Value offset =
        spreadChannels(builder, shift, site, end.blocks, length, /*rest=*/0);
    if (weight)
      offset = contractWeight(builder, weight, offset);
    bias = shiftWeight(builder, bias, offset, /*negative=*/end.consumer);
    if (vector)
      end.op->setOperand(*vector, bias);
    else
      cast<ShiftableOpInterface>(end.op).setBias(bias);
  }
}
