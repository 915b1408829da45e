//===- InsertOnlineHadamard.cpp - Hadamard matrices at run time ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "SharedWeights.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Support/Hadamard.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Regex.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHINSERTONLINEHADAMARD
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

using Ports = SmallVector<ChannelPort, 4>;

namespace {
struct InsertOnlineHadamard
    : public quench::impl::QuenchInsertOnlineHadamardBase<InsertOnlineHadamard>,
      public EquivalenceClaim {
  using QuenchInsertOnlineHadamardBase::QuenchInsertOnlineHadamardBase;

  void runOnOperation() override;

private:
  /// The matrix for rows of `width` numbers; null, and a refusal of `site`,
  /// where there is none.
  HadamardAttr getMatrix(StringRef site, int64_t width, Operation *op);
  /// Multiplies what `op` reads through a weight.
  void insertBefore(BasisOpInterface op, const ChannelClasses &classes,
                    SharedWeights &shared);
  /// Multiplies both operands that `op` contracts with each other.
  void insertBetween(BasisOpInterface op);

  /// What was inserted by what it multiplies, for other ops that read that.
  llvm::MapVector<Value, Value> products;
};
} // namespace

static int64_t getLastAxis(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank() - 1;
}

static Ports getPorts(BasisOpInterface op) {
  Ports ports;
  op.getBasisPorts(ports);
  return ports;
}

HadamardAttr InsertOnlineHadamard::getMatrix(StringRef site, int64_t width,
                                             Operation *op) {
  int64_t order = block ? std::min<int64_t>(block, width) : width;
  if (!HadamardMatrix::isKnown(order))
    refuse(site, HadamardMatrix::explainUnknown(order), op);
  else if (width % order)
    refuse(site,
           "reads " + Twine(width) + " channels, which are no multiple of " +
               Twine(order),
           op);
  else
    return HadamardAttr::get(&getContext(), order);
  return {};
}

//===----------------------------------------------------------------------===//
// In front of a weight
//===----------------------------------------------------------------------===//

/// The port of the operand that `op` reads through a weight along its last
/// axis.
static std::optional<ChannelPort> findConsumer(BasisOpInterface op) {
  for (const ChannelPort &port : getPorts(op))
    if (port.role == PortRole::Consumer &&
        port.axis == getLastAxis(port.value) && port.weights.size() == 1 &&
        isWeightProgram(op->getOperand(port.weights.front().operand)))
      return port;
  return std::nullopt;
}

/// Whether channels of heads are tied together in `site`.
static bool hasHeads(const ChannelClass &site) {
  return llvm::any_of(site.members, [](const ClassMember &member) {
    return member.axes.size() > 1;
  });
}

void InsertOnlineHadamard::insertBefore(BasisOpInterface op,
                                        const ChannelClasses &classes,
                                        SharedWeights &shared) {
  std::optional<ChannelPort> port = findConsumer(op);
  if (!port)
    return;
  Value input = port->value;
  const ChannelClass *site = classes.find(input, port->axis);
  // What weights can rotate needs no time.
  if (site && site->isFree() && !(heads && hasHeads(*site)))
    return;
  std::string name = getSiteName(op);
  Operation *writer = input.getDefiningOp();
  if (isa_and_nonnull<FakeQuantOp>(writer))
    return refuse(name, "is quantized before it could be multiplied", writer);
  if (isa_and_nonnull<OnlineHadamardOp>(writer) && !products.contains(input))
    return refuse(name, "is multiplied already", writer);
  HadamardAttr matrix = getMatrix(
      name, cast<RankedTensorType>(input.getType()).getDimSize(port->axis), op);
  if (!matrix)
    return;

  OpBuilder builder(op);
  WeightAxis weight = port->weights.front();
  OpOperand &operand = op->getOpOperand(weight.operand);
  shared.note(operand.get(), op);
  operand.set(rotateWeight(builder, operand.get(),
                           Rotation(cast<RotationAttrInterface>(matrix)),
                           weight.axis));
  Value &product = products[input];
  if (!product) {
    builder.setInsertionPointAfterValue(input);
    product = OnlineHadamardOp::create(builder, op->getLoc(), input, matrix);
  }
  op->setOperand(llvm::find(op->getOperands(), input) - op->operand_begin(),
                 product);
  recordSite(name, "reads a product with order " + Twine(matrix.getN()), op);
}

//===----------------------------------------------------------------------===//
// Between two operands
//===----------------------------------------------------------------------===//

/// The state of an entry point that `value` is at its begin, or null.
static StringAttr getState(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function =
      argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
               : func::FuncOp();
  if (!function)
    return {};
  unsigned index = argument.getArgNumber();
  auto role = function.getArgAttrOfType<StringAttr>(index, attrs::role);
  if (!role || role.getValue() != "state")
    return {};
  return function.getArgAttrOfType<StringAttr>(index, attrs::name);
}

/// Whether `use` is that of a result that is the new value of `state`.
static bool isStateUse(OpOperand &use, StringAttr state) {
  auto function = use.getOwner()->getParentOfType<func::FuncOp>();
  return isa<func::ReturnOp>(use.getOwner()) && function &&
         function.getResultAttrOfType<StringAttr>(use.getOperandNumber(),
                                                  attrs::state) == state;
}

/// The use of a value that is to be multiplied so that the operand `use` is:
/// before it was put into a state, so that the state has products. Null, with
/// what blocks that in `blocker`, where something else reads the state.
static OpOperand *findEarliestUse(OpOperand &use, Operation *&blocker) {
  auto writer = use.get().getDefiningOp<BasisOpInterface>();
  if (!writer)
    return &use;
  Ports ports = getPorts(writer);
  auto isInput = [&](OpOperand &operand) {
    return llvm::any_of(ports, [&](const ChannelPort &port) {
      return port.value == operand.get() && port.role == PortRole::Link &&
             port.freedom == PortFreedom::Any;
    });
  };
  StringAttr state;
  OpOperand *input = nullptr;
  for (OpOperand &operand : writer->getOpOperands()) {
    if (!isInput(operand))
      continue;
    if (StringAttr name = getState(operand.get()))
      state = name;
    else
      input = &operand;
  }
  if (!state || !input)
    return &use;
  for (Value result : writer->getResults())
    for (OpOperand &other : result.getUses())
      if (&other != &use && !isStateUse(other, state)) {
        blocker = other.getOwner();
        return nullptr;
      }
  return input;
}

void InsertOnlineHadamard::insertBetween(BasisOpInterface op) {
  for (const ChannelPort &port : getPorts(op)) {
    if (port.role != PortRole::Inverse || port.axis != getLastAxis(port.value))
      continue;
    std::string name = getSiteName(op);
    SmallVector<OpOperand *> uses;
    Operation *blocker = op;
    for (const ChannelPort &other : getPorts(op))
      if (other.group == port.group)
        for (OpOperand &operand : op->getOpOperands())
          if (operand.get() == other.value && other.axis == port.axis)
            uses.push_back(findEarliestUse(operand, blocker));
    if (uses.size() != 2 || llvm::is_contained(uses, nullptr))
      return refuse(name, "the state that it reads is read elsewhere", blocker);
    HadamardAttr matrix = getMatrix(
        name,
        cast<RankedTensorType>(port.value.getType()).getDimSize(port.axis), op);
    if (!matrix)
      return;
    for (OpOperand *use : uses) {
      if (use->get().getDefiningOp<OnlineHadamardOp>())
        return refuse(name, "is multiplied already",
                      use->get().getDefiningOp());
      OpBuilder builder(use->getOwner());
      use->set(OnlineHadamardOp::create(builder, use->getOwner()->getLoc(),
                                        use->get(), matrix));
    }
    recordSite(name, "contracts products with order " + Twine(matrix.getN()),
               op);
  }
}

void InsertOnlineHadamard::runOnOperation() {
  beginClaims(*this);
  products.clear();
  llvm::Regex pattern(siteNames);
  if (std::string error; !pattern.isValid(error)) {
    emitError(getOperation().getLoc(), "option 'sites': ") << error;
    return signalPassFailure();
  }
  ChannelClasses classes(getOperation(), TransformKind::Basis);
  SharedWeights shared;
  SmallVector<BasisOpInterface> ops;
  getOperation()->walk([&](BasisOpInterface op) {
    if (pattern.match(getSiteName(op)))
      ops.push_back(op);
  });
  for (BasisOpInterface op : ops) {
    if (weights)
      insertBefore(op, classes, shared);
    if (pairs)
      insertBetween(op);
  }
  shared.remark(*this);
}
