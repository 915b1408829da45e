//===- QuenchInterfaces.cpp - What transformations ask of ops ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantParameters.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/IR/QuenchVisionOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <numeric>

using namespace mlir;
using namespace quench;

using Ports = SmallVectorImpl<ChannelPort>;

//===----------------------------------------------------------------------===//
// Ports
//===----------------------------------------------------------------------===//

static int64_t getRank(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank();
}

/// The place of an operand among those of its op.
static unsigned getNumber(OpOperand &operand) {
  return operand.getOperandNumber();
}
static unsigned getNumber(MutableOperandRange range) {
  return range[0].getOperandNumber();
}

/// A port on the last axis of `value`.
static ChannelPort getChannels(Value value, PortRole role, unsigned group = 0) {
  return {value, getRank(value) - 1, role, group};
}

/// Adds ports that link the last axes of `values`.
static void linkChannels(Ports &ports, ValueRange values, unsigned group = 0) {
  for (Value value : values)
    ports.push_back(getChannels(value, PortRole::Link, group));
}

/// `0, 1, ..., n - 1`.
static SmallVector<int64_t> getRange(int64_t n) {
  SmallVector<int64_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/// A port on the channels of the heads of `value` `[B, T, H, D]`, head `h`
/// having transform `heads[h]`.
static ChannelPort getHeadChannels(Value value, PortRole role, unsigned group,
                                   ArrayRef<int64_t> heads) {
  ChannelPort port = getChannels(value, role, group);
  port.headAxis = 2;
  port.heads = llvm::to_vector(heads);
  return port;
}

/// The result of a map of channels with the weight that is operand `weight`.
static ChannelPort getProducer(Value result, int64_t axis, unsigned weight,
                               int64_t weightAxis) {
  ChannelPort port = {result, axis, PortRole::Producer, 0};
  port.weights.push_back({weight, weightAxis});
  return port;
}

/// Adds to `port` the vector that `operand` holds, if it holds one.
static ChannelPort withVector(ChannelPort port, MutableOperandRange operand) {
  if (!operand.empty())
    port.weights.push_back({getNumber(operand), 0});
  return port;
}

/// `input` of a map of channels with the weight that is operand `weight`.
static ChannelPort getConsumer(Value input, int64_t axis, unsigned weight,
                               int64_t weightAxis) {
  ChannelPort port = {input, axis, PortRole::Consumer, 1};
  port.weights.push_back({weight, weightAxis});
  return port;
}

// Ports that are the same for rotations and for scales.

static void addPorts(LinearOp op, Ports &ports) {
  unsigned weight = getNumber(op.getWeightMutable());
  ports.push_back(withVector(
      getProducer(op.getResult(), getRank(op.getResult()) - 1, weight, 0),
      op.getBiasMutable()));
  ports.push_back(
      getConsumer(op.getInput(), getRank(op.getInput()) - 1, weight, 1));
}

static void addPorts(MatmulOp op, Ports &ports) {
  int64_t rank = getRank(op.getLhs());
  int64_t row = rank - 2, column = rank - 1;
  int64_t lhsRow = op.getTransposeA() ? column : row;
  int64_t rhsRow = op.getTransposeB() ? column : row;
  // The axes of the result are those of one operand each; the summed ones
  // cancel.
  ports.push_back({op.getLhs(), lhsRow, PortRole::Link, 0});
  ports.push_back({op.getResult(), row, PortRole::Link, 0});
  ports.push_back({op.getRhs(), row + column - rhsRow, PortRole::Link, 1});
  ports.push_back({op.getResult(), column, PortRole::Link, 1});
  ports.push_back({op.getLhs(), row + column - lhsRow, PortRole::Link, 2});
  ports.push_back({op.getRhs(), rhsRow, PortRole::Inverse, 2});
}

static void addPorts(AddOp op, Ports &ports) {
  if (getRank(op.getRhs()) > 0)
    linkChannels(ports, {op.getLhs(), op.getRhs(), op.getResult()});
}

static void addPorts(AttentionOp op, Ports &ports) {
  int64_t heads = op.getQuery().getType().getDimSize(2);
  int64_t groups = op.getKey().getType().getDimSize(2);
  SmallVector<int64_t> groupOf;
  if (std::optional<ArrayRef<int64_t>> map = op.getHeadGroups())
    groupOf = llvm::to_vector(*map);
  else
    for (int64_t head = 0; head < heads; ++head)
      groupOf.push_back(head / (heads / groups));
  SmallVector<int64_t> all = getRange(groups);
  ports.push_back(getHeadChannels(op.getQuery(), PortRole::Link, 0, groupOf));
  ports.push_back(getHeadChannels(op.getKey(), PortRole::Inverse, 0, all));
  ports.push_back(getHeadChannels(op.getValue(), PortRole::Link, 1, all));
  ports.push_back(getHeadChannels(op.getResult(), PortRole::Link, 1, groupOf));
}

static void addPorts(RopeOp op, Ports &ports) {
  SmallVector<int64_t> heads;
  int64_t count = op.getInput().getType().getDimSize(2);
  if (!ShapedType::isDynamic(count))
    heads = getRange(count);
  SmallVector<int64_t> partners =
      getRange(op.getInput().getType().getDimSize(3));
  int64_t pairs = op.getCos().getType().getDimSize(1);
  for (int64_t pair : llvm::seq(pairs)) {
    bool half = op.getLayout() == RopeLayout::Half;
    int64_t first = half ? pair : 2 * pair;
    int64_t second = half ? pair + pairs : 2 * pair + 1;
    std::swap(partners[first], partners[second]);
  }
  for (Value value : {Value(op.getInput()), Value(op.getResult())}) {
    ChannelPort port = getChannels(value, PortRole::Link);
    if (!heads.empty()) {
      port.headAxis = 2;
      port.heads = heads;
    }
    port.freedom = PortFreedom::RotaryPairs;
    port.partners = partners;
    ports.push_back(port);
  }
}

static void addPorts(KVCacheOp op, Ports &ports) {
  int64_t count = op.getInput().getType().getDimSize(2);
  for (Value value :
       {op.getCache(), op.getInput(), op.getUpdated(), op.getView()})
    ports.push_back(
        ShapedType::isDynamic(count)
            ? getChannels(value, PortRole::Link)
            : getHeadChannels(value, PortRole::Link, 0, getRange(count)));
}

static void addPorts(EmbeddingOp op, Ports &ports) {
  ports.push_back(getProducer(op.getResult(), getRank(op.getResult()) - 1,
                              getNumber(op.getTableMutable()), 1));
}

static void addPorts(PatchEmbedOp op, Ports &ports) {
  ports.push_back(withVector(
      getProducer(op.getResult(), 2, getNumber(op.getWeightMutable()), 0),
      op.getBiasMutable()));
}

static void addPorts(PrependOp op, Ports &ports) {
  linkChannels(ports, {op.getInput(), op.getTokens(), op.getResult()});
}

static void addPorts(WindowPartitionOp op, Ports &ports) {
  linkChannels(ports, {op.getInput(), op.getResult()});
}

static void addPorts(WindowMergeOp op, Ports &ports) {
  linkChannels(ports, {op.getInput(), op.getResult()});
}

static void addPorts(UnfoldOp op, Ports &ports) {
  linkChannels(ports, {op.getInput(), op.getResult()});
}

static void addPorts(FoldOp op, Ports &ports) {
  linkChannels(ports, {op.getInput(), op.getResult()});
}

//===----------------------------------------------------------------------===//
// BasisOpInterface
//===----------------------------------------------------------------------===//

void LinearOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void MatmulOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void AddOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void AttentionOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void RopeOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void KVCacheOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void EmbeddingOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void PatchEmbedOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void PrependOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void WindowPartitionOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void WindowMergeOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void UnfoldOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }
void FoldOp::getBasisPorts(Ports &ports) { addPorts(*this, ports); }

// A rotation keeps the mean of squares, but not a gain between it and the next.
void RMSNormOp::getBasisPorts(Ports &ports) {
  if (!getGamma())
    linkChannels(ports, {getInput(), getResult()});
}

StringRef RMSNormOp::getBasisBlocker() {
  return getGamma() ? "has a gain" : "";
}

void LayerNormOp::getBasisPorts(Ports &ports) {}

StringRef LayerNormOp::getBasisBlocker() { return "subtracts the mean"; }

void L2NormalizeOp::getBasisPorts(Ports &ports) {
  linkChannels(ports, {getInput(), getResult()});
}

void PoolOp::getBasisPorts(Ports &ports) {
  if (getKind() != PoolKind::Max)
    linkChannels(ports, {getInput(), getResult()});
}

StringRef PoolOp::getBasisBlocker() {
  return getKind() == PoolKind::Max ? "takes the maximum of each channel" : "";
}

void Conv2DOp::getBasisPorts(Ports &ports) {
  if (getGroups() != 1)
    return;
  unsigned weight = getNumber(getWeightMutable());
  ports.push_back(
      withVector(getProducer(getResult(), 1, weight, 0), getBiasMutable()));
  ports.push_back(getConsumer(getInput(), 1, weight, 1));
}

StringRef Conv2DOp::getBasisBlocker() {
  return getGroups() != 1 ? "convolves groups of channels apart" : "";
}

// One axis of the result is taps and channels.
void Im2ColOp::getBasisPorts(Ports &ports) {}

StringRef Im2ColOp::getBasisBlocker() { return "joins taps and channels"; }

void DepthwiseConv2DOp::getBasisPorts(Ports &ports) {}

StringRef DepthwiseConv2DOp::getBasisBlocker() {
  return "convolves each channel by itself";
}

void OnlineHadamardOp::getBasisPorts(Ports &ports) {}

StringRef OnlineHadamardOp::getBasisBlocker() {
  return "rotates its channels at run time";
}

//===----------------------------------------------------------------------===//
// ChannelScalableOpInterface
//===----------------------------------------------------------------------===//

void LinearOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void MatmulOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void AddOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void AttentionOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void RopeOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void KVCacheOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void EmbeddingOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void PatchEmbedOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void PrependOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void WindowPartitionOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void WindowMergeOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void UnfoldOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }
void FoldOp::getScalePorts(Ports &ports) { addPorts(*this, ports); }

// A positive scale of one factor is a scale of the product.
void MulOp::getScalePorts(Ports &ports) {
  linkChannels(ports, {getLhs(), getResult()});
  if (getRank(getRhs()) > 0)
    linkChannels(ports, {getRhs(), getResult()}, 1);
}

void ReluOp::getScalePorts(Ports &ports) {
  linkChannels(ports, {getInput(), getResult()});
}

void NegOp::getScalePorts(Ports &ports) {
  linkChannels(ports, {getInput(), getResult()});
}

// x s sigma(k / s x s): the scale inside takes the inverse.
void SiluOp::getScalePorts(Ports &ports) {
  if (!getScale())
    return;
  ports.push_back(
      withVector(getChannels(getInput(), PortRole::Link), getScaleMutable()));
  linkChannels(ports, {getResult()});
}

// The gate passes a scale only where its function does.
void GatedOp::getScalePorts(Ports &ports) {
  linkChannels(ports, {getUp(), getResult()});
  if (getKind() == GateKind::Relu)
    linkChannels(ports, {getGate(), getResult()}, 1);
}

void LayerNormOp::getScalePorts(Ports &ports) {
  if (getGamma())
    ports.push_back(
        withVector(getProducer(getResult(), getRank(getResult()) - 1,
                               getNumber(getGammaMutable()), 0),
                   getBetaMutable()));
}

void RMSNormOp::getScalePorts(Ports &ports) {
  if (getGamma())
    ports.push_back(getProducer(getResult(), getRank(getResult()) - 1,
                                getNumber(getGammaMutable()), 0));
}

void PoolOp::getScalePorts(Ports &ports) {
  linkChannels(ports, {getInput(), getResult()});
}

// Depthwise: the scale of a channel passes, with the inputs that are kept.
void CausalConv1DOp::getScalePorts(Ports &ports) {
  unsigned weight = getNumber(getWeightMutable());
  ports.push_back(
      withVector(getProducer(getResult(), 2, weight, 0), getBiasMutable()));
  ports.push_back(getConsumer(getInput(), 2, weight, 0));
  linkChannels(ports, {getUpdated()}, 1);
  if (getState())
    linkChannels(ports, {getState()}, 1);
}

void Conv2DOp::getScalePorts(Ports &ports) {
  unsigned weight = getNumber(getWeightMutable());
  ports.push_back(
      withVector(getProducer(getResult(), 1, weight, 0), getBiasMutable()));
  if (getGroups() == 1)
    ports.push_back(getConsumer(getInput(), 1, weight, 1));
}

void DepthwiseConv2DOp::getScalePorts(Ports &ports) {
  unsigned weight = getNumber(getWeightMutable());
  ports.push_back(
      withVector(getProducer(getResult(), 3, weight, 0), getBiasMutable()));
  ports.push_back(getConsumer(getInput(), 3, weight, 0));
}

// The recurrence is linear in its input and in its state; the axis of the state
// is summed over, so that what scales B may be divided out of C.
void SelectiveScanOp::getScalePorts(Ports &ports) {
  linkChannels(ports, {getInput(), getResult()});
  ports.push_back({getUpdated(), 1, PortRole::Link, 0});
  ports.push_back(getChannels(getB(), PortRole::Link, 1));
  ports.push_back(getChannels(getUpdated(), PortRole::Link, 1));
  ports.push_back(getChannels(getC(), PortRole::Inverse, 1));
  if (!getState())
    return;
  ports.push_back({getState(), 1, PortRole::Link, 0});
  ports.push_back(getChannels(getState(), PortRole::Link, 1));
}

//===----------------------------------------------------------------------===//
// ShiftableOpInterface
//===----------------------------------------------------------------------===//

void LinearOp::getShiftPorts(Ports &ports) {
  ports.push_back(withVector(getChannels(getResult(), PortRole::Producer),
                             getBiasMutable()));
  ports.push_back(withVector(getChannels(getInput(), PortRole::Consumer, 1),
                             getBiasMutable()));
  ports.back().map = {getNumber(getWeightMutable()), 1};
}

void LayerNormOp::getShiftPorts(Ports &ports) {
  ports.push_back(withVector(getChannels(getResult(), PortRole::Producer),
                             getBetaMutable()));
}

void PatchEmbedOp::getShiftPorts(Ports &ports) {
  ports.push_back(withVector(getChannels(getResult(), PortRole::Producer),
                             getBiasMutable()));
}

void EmbeddingOp::getShiftPorts(Ports &ports) { addPorts(*this, ports); }

// A shift of either term is one of the sum.
void AddOp::getShiftPorts(Ports &ports) {
  linkChannels(ports, {getLhs(), getResult()});
  if (getRank(getRhs()) > 0)
    linkChannels(ports, {getRhs(), getResult()}, 1);
}

/// Whether `op` fills up its last windows.
static bool pads(WindowPartitionOp op) {
  ArrayRef<int64_t> shape = op.getInput().getType().getShape();
  return llvm::any_of(shape.slice(1, 2), [&](int64_t size) {
    return ShapedType::isDynamic(size) || size % op.getWindow() != 0;
  });
}

// Zeros that are filled in would have to be the shift.
void WindowPartitionOp::getShiftPorts(Ports &ports) {
  if (!pads(*this))
    addPorts(*this, ports);
}

StringRef WindowPartitionOp::getShiftBlocker() {
  return pads(*this) ? "pads with zeros, which a shift would have to change"
                     : "";
}

void WindowMergeOp::getShiftPorts(Ports &ports) { addPorts(*this, ports); }
void UnfoldOp::getShiftPorts(Ports &ports) { addPorts(*this, ports); }
void FoldOp::getShiftPorts(Ports &ports) { addPorts(*this, ports); }

void LinearOp::setBias(Value bias) { getBiasMutable().assign(bias); }
void LayerNormOp::setBias(Value bias) { getBetaMutable().assign(bias); }
void PatchEmbedOp::setBias(Value bias) { getBiasMutable().assign(bias); }

//===----------------------------------------------------------------------===//
// NormOpInterface
//===----------------------------------------------------------------------===//

Value LayerNormOp::getGain() { return getGamma(); }
Value LayerNormOp::getOffset() { return getBeta(); }
void LayerNormOp::dropAffine() {
  getGammaMutable().clear();
  getBetaMutable().clear();
}
bool LayerNormOp::subtractsMean() { return true; }
Value LayerNormOp::createWithoutMean(OpBuilder &builder) {
  return RMSNormOp::create(builder, getLoc(), getInput(), getGamma(),
                           getEpsAttr());
}

Value RMSNormOp::getGain() { return getGamma(); }
Value RMSNormOp::getOffset() { return {}; }
void RMSNormOp::dropAffine() { getGammaMutable().clear(); }
bool RMSNormOp::subtractsMean() { return false; }

//===----------------------------------------------------------------------===//
// QuantizableOpInterface
//===----------------------------------------------------------------------===//

using QuantOperands = SmallVectorImpl<QuantOperand>;

/// Adds `count` operands that nothing is summed over of.
static void addOperands(QuantOperands &operands, QuantRole role,
                        unsigned count = 1) {
  for (unsigned index = 0; index < count; ++index)
    operands.push_back({role, {}, -1});
}

void LinearOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {getRank(getInput()) - 1}, -1});
  operands.push_back({QuantRole::Weight, {1}, 0});
  if (getBias())
    addOperands(operands, QuantRole::Bias);
}
QuantRelation LinearOp::getQuantRelation() { return QuantRelation::Product; }

void MatmulOp::getQuantOperands(QuantOperands &operands) {
  int64_t rank = getRank(getLhs());
  operands.push_back(
      {QuantRole::Activation, {rank - (getTransposeA() ? 2 : 1)}, -1});
  operands.push_back(
      {QuantRole::Activation, {rank - (getTransposeB() ? 1 : 2)}, -1});
}
QuantRelation MatmulOp::getQuantRelation() { return QuantRelation::Product; }

void AttentionOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {3}, -1});
  operands.push_back({QuantRole::Activation, {3}, -1});
  operands.push_back({QuantRole::Activation, {1}, -1});
  addOperands(operands, QuantRole::Exact, getNumOperands() - 3);
}
QuantRelation AttentionOp::getQuantRelation() { return QuantRelation::Own; }

void PatchEmbedOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {1}, -1});
  operands.push_back({QuantRole::Weight, {1, 2, 3}, 0});
  if (getBias())
    addOperands(operands, QuantRole::Bias);
}
QuantRelation PatchEmbedOp::getQuantRelation() {
  return QuantRelation::Product;
}

void Conv2DOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {1}, -1});
  operands.push_back({QuantRole::Weight, {1, 2, 3}, 0});
  if (getBias())
    addOperands(operands, QuantRole::Bias);
}
QuantRelation Conv2DOp::getQuantRelation() { return QuantRelation::Product; }

void DepthwiseConv2DOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {1, 2}, -1});
  operands.push_back({QuantRole::Weight, {1, 2}, 0});
  if (getBias())
    addOperands(operands, QuantRole::Bias);
}
QuantRelation DepthwiseConv2DOp::getQuantRelation() {
  return QuantRelation::Product;
}

void CausalConv1DOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {1}, -1});
  operands.push_back({QuantRole::Weight, {1}, 0});
  if (getBias())
    addOperands(operands, QuantRole::Bias);
  if (getState())
    operands.push_back({QuantRole::Activation, {1}, -1});
}
QuantRelation CausalConv1DOp::getQuantRelation() {
  return QuantRelation::Product;
}

// Rounding the recurrence itself would add up over tokens.
void SelectiveScanOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation, 2);
  addOperands(operands, QuantRole::Exact);
  operands.push_back({QuantRole::Activation, {}, -1});
  operands.push_back({QuantRole::Activation, {2}, -1});
  addOperands(operands, QuantRole::Exact, getNumOperands() - 5);
}
QuantRelation SelectiveScanOp::getQuantRelation() { return QuantRelation::Own; }

void EmbeddingOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Exact);
  operands.push_back({QuantRole::Weight, {}, 0});
}
QuantRelation EmbeddingOp::getQuantRelation() { return QuantRelation::Own; }

void AddOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation, 2);
}
QuantRelation AddOp::getQuantRelation() { return QuantRelation::Own; }

void MulOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation, 2);
}
QuantRelation MulOp::getQuantRelation() { return QuantRelation::Own; }

void GeluOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation);
}
QuantRelation GeluOp::getQuantRelation() { return QuantRelation::Own; }

void SiluOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation);
  if (getScale())
    addOperands(operands, QuantRole::Exact);
}
QuantRelation SiluOp::getQuantRelation() { return QuantRelation::Own; }

void GatedOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation, 2);
}
QuantRelation GatedOp::getQuantRelation() { return QuantRelation::Own; }

void SoftmaxOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {getRank(getInput()) - 1}, -1});
}
QuantRelation SoftmaxOp::getQuantRelation() { return QuantRelation::Own; }

void LayerNormOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {getRank(getInput()) - 1}, -1});
  addOperands(operands, QuantRole::Exact, getNumOperands() - 1);
}
QuantRelation LayerNormOp::getQuantRelation() { return QuantRelation::Own; }

void RMSNormOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {getRank(getInput()) - 1}, -1});
  addOperands(operands, QuantRole::Exact, getNumOperands() - 1);
}
QuantRelation RMSNormOp::getQuantRelation() { return QuantRelation::Own; }

void ReluOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation);
}
QuantRelation ReluOp::getQuantRelation() { return QuantRelation::Same; }

void PatchesOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation);
}
QuantRelation PatchesOp::getQuantRelation() { return QuantRelation::Same; }

void PrependOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation, 2);
}
QuantRelation PrependOp::getQuantRelation() { return QuantRelation::Same; }

void KVCacheOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation, 2);
  addOperands(operands, QuantRole::Exact);
}
QuantRelation KVCacheOp::getQuantRelation() { return QuantRelation::Same; }

void PoolOp::getQuantOperands(QuantOperands &operands) {
  operands.push_back({QuantRole::Activation, {}, -1});
  if (getKind() == PoolKind::Mean)
    operands.back().reducedAxes.push_back(1);
  if (getMask())
    addOperands(operands, QuantRole::Exact);
}
QuantRelation PoolOp::getQuantRelation() {
  return getKind() == PoolKind::Mean ? QuantRelation::Own : QuantRelation::Same;
}

void WindowPartitionOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation);
}
QuantRelation WindowPartitionOp::getQuantRelation() {
  return QuantRelation::Same;
}

void WindowMergeOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation);
}
QuantRelation WindowMergeOp::getQuantRelation() { return QuantRelation::Same; }

void Im2ColOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation);
}
QuantRelation Im2ColOp::getQuantRelation() { return QuantRelation::Same; }

void UnfoldOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation);
}
QuantRelation UnfoldOp::getQuantRelation() { return QuantRelation::Same; }

void FoldOp::getQuantOperands(QuantOperands &operands) {
  addOperands(operands, QuantRole::Activation);
}
QuantRelation FoldOp::getQuantRelation() { return QuantRelation::Same; }

//===----------------------------------------------------------------------===//
// TokenBoundaryOpInterface
//===----------------------------------------------------------------------===//

Value UnfoldOp::getFeatureMap() { return getInput(); }
Value UnfoldOp::getTokens() { return getResult(); }

Value FoldOp::getFeatureMap() { return getResult(); }
Value FoldOp::getTokens() { return getInput(); }

//===----------------------------------------------------------------------===//
// CostOpInterface
//===----------------------------------------------------------------------===//

using SizeFn = llvm::function_ref<int64_t(Value, int64_t)>;

/// One function of every element of the first result of `op`.
static OpCost getElementwiseCost(Operation *op, SizeFn getSize) {
  return {/*macs=*/0, countElements(op->getResult(0), getSize)};
}

/// A sum of `terms` products for every element of the first result of `op`.
static OpCost getSumCost(Operation *op, int64_t terms, SizeFn getSize) {
  return {countElements(op->getResult(0), getSize) * terms,
          /*elementwise=*/0};
}

OpCost LinearOp::getCost(SizeFn getSize) {
  return getSumCost(*this, getSize(getWeight(), 1), getSize);
}

OpCost MatmulOp::getCost(SizeFn getSize) {
  int64_t axis = getRank(getLhs()) - (getTransposeA() ? 2 : 1);
  return getSumCost(*this, getSize(getLhs(), axis), getSize);
}

OpCost AttentionOp::getCost(SizeFn getSize) {
  int64_t scores = getSize(getQuery(), 0) * getSize(getQuery(), 1) *
                   getSize(getQuery(), 2) * getSize(getKey(), 1);
  return {scores * (getSize(getQuery(), 3) + getSize(getValue(), 3)), scores};
}

OpCost PatchEmbedOp::getCost(SizeFn getSize) {
  return getSumCost(*this,
                    getSize(getWeight(), 1) * getSize(getWeight(), 2) *
                        getSize(getWeight(), 3),
                    getSize);
}

OpCost Conv2DOp::getCost(SizeFn getSize) {
  return getSumCost(*this,
                    getSize(getWeight(), 1) * getSize(getWeight(), 2) *
                        getSize(getWeight(), 3),
                    getSize);
}

OpCost DepthwiseConv2DOp::getCost(SizeFn getSize) {
  return getSumCost(*this, getSize(getWeight(), 1) * getSize(getWeight(), 2),
                    getSize);
}

OpCost CausalConv1DOp::getCost(SizeFn getSize) {
  return getSumCost(*this, getSize(getWeight(), 1), getSize);
}

// Three products and one exponential for each number of the state and token.
OpCost SelectiveScanOp::getCost(SizeFn getSize) {
  int64_t steps = countElements(getInput(), getSize) * getSize(getA(), 1);
  return {3 * steps, steps};
}

OpCost PoolOp::getCost(SizeFn getSize) {
  bool all = getKind() == PoolKind::Mean || getKind() == PoolKind::Max;
  return {0, all ? countElements(getInput(), getSize) : 0};
}

// What only moves numbers costs its bytes and no more.
OpCost PositionsOp::getCost(SizeFn) { return {}; }
OpCost KVCacheOp::getCost(SizeFn) { return {}; }
OpCost EmbeddingOp::getCost(SizeFn) { return {}; }
OpCost PatchesOp::getCost(SizeFn) { return {}; }
OpCost PrependOp::getCost(SizeFn) { return {}; }
OpCost WindowPartitionOp::getCost(SizeFn) { return {}; }
OpCost WindowMergeOp::getCost(SizeFn) { return {}; }
OpCost Im2ColOp::getCost(SizeFn) { return {}; }
OpCost UnfoldOp::getCost(SizeFn) { return {}; }
OpCost FoldOp::getCost(SizeFn) { return {}; }

OpCost AddOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost MulOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost ReluOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost TanhOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost SoftplusOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost ExpOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost NegOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost GeluOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost SiluOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost GatedOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost LayerNormOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost RMSNormOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost L2NormalizeOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost SoftmaxOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost RopeOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
OpCost RopeTableOp::getCost(SizeFn getSize) {
  return getElementwiseCost(*this, getSize);
}
