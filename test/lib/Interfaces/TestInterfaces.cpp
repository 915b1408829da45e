//===- TestInterfaces.cpp - Prints what ops say of themselves ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pass plugin, so that no tool carries passes that only tests need.
//
//===----------------------------------------------------------------------===//

#include "Quench/Interfaces/BasisOpInterface.h"
#include "Quench/Interfaces/ChannelScalableOpInterface.h"
#include "Quench/Interfaces/CostOpInterface.h"
#include "Quench/Interfaces/QuantizableOpInterface.h"
#include "Quench/Interfaces/ShiftableOpInterface.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace quench;

void registerTestQuantizers();

static StringRef getName(PortRole role) {
  switch (role) {
  case PortRole::Producer:
    return "producer";
  case PortRole::Consumer:
    return "consumer";
  case PortRole::Link:
    return "link";
  case PortRole::Inverse:
    return "inverse";
  }
  llvm_unreachable("all roles are covered");
}

static StringRef getName(QuantRole role) {
  switch (role) {
  case QuantRole::Activation:
    return "activation";
  case QuantRole::Weight:
    return "weight";
  case QuantRole::Bias:
    return "bias";
  case QuantRole::Exact:
    return "exact";
  }
  llvm_unreachable("all roles are covered");
}

static StringRef getName(QuantRelation relation) {
  switch (relation) {
  case QuantRelation::Product:
    return "product";
  case QuantRelation::Same:
    return "same";
  case QuantRelation::Own:
    return "own";
  }
  llvm_unreachable("all relations are covered");
}

/// Prints the ports of `op` under the title `title`.
static void printPorts(Operation *op, StringRef title,
                       ArrayRef<ChannelPort> ports) {
  raw_ostream &os = llvm::outs();
  for (const ChannelPort &port : ports) {
    os << "  " << title << ": " << getName(port.role) << ' ' << port.group
       << ", ";
    if (auto result = dyn_cast<OpResult>(port.value);
        result && result.getOwner() == op)
      os << "result " << result.getResultNumber();
    else
      os << "operand "
         << llvm::find(op->getOperands(), port.value) - op->operand_begin();
    os << " axis " << port.axis;
    for (const WeightAxis &weight : port.weights)
      os << ", weight " << weight.operand << " axis " << weight.axis;
    if (port.map)
      os << ", map " << port.map->operand << " axis " << port.map->axis;
    if (port.freedom == PortFreedom::RotaryPairs)
      os << ", rotary pairs";
    if (port.headAxis >= 0) {
      os << ", heads of axis " << port.headAxis << ": [";
      llvm::interleaveComma(port.heads, os);
      os << ']';
    }
    os << '\n';
  }
}

static void printQuantization(QuantizableOpInterface op) {
  raw_ostream &os = llvm::outs();
  SmallVector<QuantOperand> operands;
  op.getQuantOperands(operands);
  for (const QuantOperand &operand : operands) {
    os << "  quantizable: " << getName(operand.role);
    if (!operand.reducedAxes.empty()) {
      os << ", sums over [";
      llvm::interleaveComma(operand.reducedAxes, os);
      os << ']';
    }
    if (operand.channelAxis >= 0)
      os << ", channels " << operand.channelAxis;
    os << '\n';
  }
  os << "  result scale: " << getName(op.getQuantRelation()) << '\n';
  if (operands.size() != op->getNumOperands())
    op->emitOpError("says nothing of some operands");
}

namespace {
struct TestInterfaces : public PassWrapper<TestInterfaces, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TestInterfaces)

  StringRef getArgument() const override { return "test-quench-interfaces"; }
  StringRef getDescription() const override {
    return "print what the interfaces of ops say; dynamic dimensions count 10";
  }

  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      auto cost = dyn_cast<CostOpInterface>(op);
      if (!cost)
        return;
      llvm::outs() << op->getName() << '\n';
      SmallVector<ChannelPort> ports;
      if (auto basis = dyn_cast<BasisOpInterface>(op)) {
        basis.getBasisPorts(ports);
        printPorts(op, "basis", ports);
        if (!basis.getBasisBlocker().empty())
          llvm::outs() << "  basis: " << basis.getBasisBlocker() << '\n';
      }
      ports.clear();
      if (auto scalable = dyn_cast<ChannelScalableOpInterface>(op))
        scalable.getScalePorts(ports);
      printPorts(op, "scale", ports);
      ports.clear();
      if (auto shiftable = dyn_cast<ShiftableOpInterface>(op))
        shiftable.getShiftPorts(ports);
      printPorts(op, "shift", ports);
      if (auto quantizable = dyn_cast<QuantizableOpInterface>(op))
        printQuantization(quantizable);
      OpCost work = cost.getCost([](Value value, int64_t dim) {
        auto type = cast<RankedTensorType>(value.getType());
        return type.isDynamicDim(dim) ? 10 : type.getDimSize(dim);
      });
      llvm::outs() << "  cost: " << work.macs << " macs, " << work.elementwise
                   << " elementwise\n";
    });
  }
};
} // namespace

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "QuenchTestPasses", LLVM_VERSION_STRING, [] {
            PassRegistration<TestInterfaces>();
            registerTestQuantizers();
          }};
}
