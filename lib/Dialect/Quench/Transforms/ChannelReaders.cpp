//===- ChannelReaders.cpp - Who reads the channels of a value ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ChannelReaders.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Interfaces/BasisOpInterface.h"
#include "Quench/Interfaces/ChannelScalableOpInterface.h"
#include "Quench/Interfaces/ShiftableOpInterface.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace quench;

using Ports = SmallVector<ChannelPort, 4>;

static Ports getBasisPorts(Operation *op) {
  Ports ports;
  if (auto basis = dyn_cast<BasisOpInterface>(op))
    basis.getBasisPorts(ports);
  return ports;
}
static Ports getScalePorts(Operation *op) {
  Ports ports;
  if (auto scalable = dyn_cast<ChannelScalableOpInterface>(op))
    scalable.getScalePorts(ports);
  return ports;
}
static Ports getShiftPorts(Operation *op) {
  Ports ports;
  if (auto shiftable = dyn_cast<ShiftableOpInterface>(op))
    shiftable.getShiftPorts(ports);
  return ports;
}

/// The port of axis `axis` of `value`; null where there is none, or where the
/// axis has several and so cannot carry one transform alone.
static const ChannelPort *findPort(const Ports &ports, Value value,
                                   int64_t axis) {
  const ChannelPort *found = nullptr;
  for (const ChannelPort &port : ports) {
    if (port.value != value || port.axis != axis)
      continue;
    if (found)
      return nullptr;
    found = &port;
  }
  return found;
}

static int64_t getLastAxis(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank() - 1;
}

/// Whether the values of `from`'s group get a transform of `from`.
static bool isLinkedTo(const Ports &ports, const ChannelPort *from,
                       Value value) {
  return from && from->role == PortRole::Link &&
         llvm::any_of(ports, [&](const ChannelPort &port) {
           return port.group == from->group && port.value == value;
         });
}

/// The axis of the result of the view `op` that has all channels of axis `axis`
/// of its source.
static std::optional<int64_t> getViewAxis(Operation *op, int64_t axis) {
  if (isa<tensor::CastOp>(op))
    return axis;
  auto slice = dyn_cast<tensor::ExtractSliceOp>(op);
  if (!slice || !isZeroInteger(slice.getMixedOffsets()[axis]) ||
      !isOneInteger(slice.getMixedStrides()[axis]) ||
      slice.getStaticSizes()[axis] != slice.getSourceType().getDimSize(axis))
    return std::nullopt;
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  if (dropped.test(axis))
    return std::nullopt;
  int64_t resultAxis = axis;
  for (int64_t dim = 0; dim < axis; ++dim)
    resultAxis -= dropped.test(dim);
  return resultAxis;
}

/// The weight of the consumer port `port`, if it is a parameter.
static std::optional<WeightAxis> getWeight(Operation *op,
                                           const ChannelPort &port) {
  if (port.role != PortRole::Consumer || port.weights.size() != 1 ||
      !isWeightProgram(op->getOperand(port.weights.front().operand)))
    return std::nullopt;
  return port.weights.front();
}

/// Makes `reader`, the op, operand and weight of which are set, take addends
/// too. False where it cannot.
static bool addBias(ChannelReader &reader, const ChannelPort *port) {
  if (!port || port->role != PortRole::Consumer || port->weights.size() > 1)
    return false;
  // What a weight makes of an addend is a sum over the last of its two axes.
  if (reader.weight.axis != 1 ||
      getLastAxis(reader.op->getOperand(reader.weight.operand)) != 1)
    return false;
  if (port->weights.empty())
    return true;
  reader.bias = port->weights.front().operand;
  return isWeightProgram(reader.op->getOperand(*reader.bias));
}

namespace {
/// A search for readers.
class Search {
public:
  Search(bool shifted) : shifted(shifted) {}
  ChannelReaders run(Value value);

private:
  /// Handles `op`, which reads axis `axis` of `value`. Gives why that cannot
  /// be, or nothing.
  StringRef visit(Operation *op, Value value, int64_t axis);

  bool shifted;
  ChannelReaders found;
  llvm::SetVector<std::pair<Value, int64_t>> reached;
};
} // namespace

StringRef Search::visit(Operation *op, Value value, int64_t axis) {
  if (op->hasTrait<OpTrait::IsTerminator>())
    return "is an output";
  if (llvm::count(op->getOperands(), value) > 1)
    return "reads it more than once";
  if (std::optional<int64_t> viewAxis = getViewAxis(op, axis)) {
    reached.insert({op->getResult(0), *viewAxis});
    return {};
  }
  Ports ports = getScalePorts(op);
  const ChannelPort *port = findPort(ports, value, axis);
  if (!port || port->headAxis >= 0 || port->freedom != PortFreedom::Any)
    return "has no weight that reads the channels";
  Ports basis = getBasisPorts(op), shifts = getShiftPorts(op);
  const ChannelPort *basisPort = findPort(basis, value, axis);
  const ChannelPort *shiftPort = findPort(shifts, value, axis);

  if (port->role == PortRole::Consumer) {
    std::optional<WeightAxis> weight = getWeight(op, *port);
    if (!weight)
      return "has a weight that is no parameter";
    unsigned input = llvm::find(op->getOperands(), value) - op->operand_begin();
    ChannelReader reader{op, input, *weight, std::nullopt};
    if (shifted && !addBias(reader, shiftPort))
      return "has no bias that could take the offset";
    found.readers.push_back(reader);
  } else if (port->role != PortRole::Link ||
             !isLinkedTo(basis, basisPort, value)) {
    // What passes positive scales and rotations passes any factor.
    return "has no weight that reads the channels";
  }
  for (const ChannelPort &other : ports) {
    if (other.group != port->group || other.value == value)
      continue;
    if (other.value.getDefiningOp() != op)
      return "joins it with what is not normalized by it";
    if (other.role != PortRole::Link)
      return "has no weight that reads the channels";
    if (shifted && !isLinkedTo(shifts, shiftPort, other.value))
      return "does not pass an offset on";
    reached.insert({other.value, other.axis});
  }
  return {};
}

ChannelReaders Search::run(Value value) {
  reached.insert({value, getLastAxis(value)});
  for (size_t index = 0; index < reached.size(); ++index) {
    auto [current, axis] = reached[index];
    llvm::SetVector<Operation *> users;
    users.insert_range(current.getUsers());
    for (Operation *user : llvm::reverse(users)) {
      StringRef reason = visit(user, current, axis);
      if (!reason.empty())
        return {{}, user, reason};
    }
  }
  return found;
}

ChannelReaders quench::findChannelReaders(Value value, bool shifted) {
  return Search(shifted).run(value);
}

std::optional<ChannelReader> quench::getShiftedReader(Operation *op) {
  Ports scales = getScalePorts(op), shifts = getShiftPorts(op);
  for (const ChannelPort &port : shifts) {
    if (port.role != PortRole::Consumer || port.axis != getLastAxis(port.value))
      continue;
    const ChannelPort *scale = findPort(scales, port.value, port.axis);
    std::optional<WeightAxis> weight =
        scale ? getWeight(op, *scale) : std::nullopt;
    if (!weight)
      continue;
    unsigned input =
        llvm::find(op->getOperands(), port.value) - op->operand_begin();
    ChannelReader reader{op, input, *weight, std::nullopt};
    if (addBias(reader, &port))
      return reader;
  }
  return std::nullopt;
}

void quench::shiftReader(OpBuilder &builder, const ChannelReader &reader,
                         Value shift, bool negative) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(reader.op);
  Value weight = reader.op->getOperand(reader.weight.operand);
  Value sum = contractWeight(builder, weight, shift);
  if (reader.bias) {
    OpOperand &bias = reader.op->getOpOperand(*reader.bias);
    bias.set(shiftWeight(builder, bias.get(), sum, negative));
    return;
  }
  if (negative) {
    auto type = cast<RankedTensorType>(sum.getType());
    Value zero = createFilledWeight(builder, weight.getLoc(), type, 0);
    sum = shiftWeight(builder, zero, sum, negative);
  }
  cast<ShiftableOpInterface>(reader.op).setBias(sum);
}

bool quench::shiftWriter(OpBuilder &builder, Value value, Value shift) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  Ports ports = getShiftPorts(op);
  const ChannelPort *port = findPort(ports, value, getLastAxis(value));
  if (!port || port->role != PortRole::Producer)
    return false;
  OpOperand *bias = nullptr;
  if (!port->weights.empty())
    bias = &op->getOpOperand(port->weights.front().operand);
  IRRewriter rewriter(builder);
  if ((bias && !isWeightProgram(bias->get())) ||
      failed(moveValueDefinitions(rewriter, shift, op)))
    return false;
  rewriter.setInsertionPoint(op);
  if (bias)
    bias->set(shiftWeight(rewriter, bias->get(), shift));
  else
    cast<ShiftableOpInterface>(op).setBias(shift);
  return true;
}
