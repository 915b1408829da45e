//===- LowerEntryPoints.cpp - Entry points on buffers ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Passes.h"
#include "Quench/Dialect/Quench/IR/Quench.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

namespace quench {
#define GEN_PASS_DEF_LOWERENTRYPOINTSPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {

/// A dense row-major buffer for `type`.
MemRefType getBufferType(RankedTensorType type) {
  return MemRefType::get(type.getShape(), type.getElementType());
}

bool isState(func::FuncOp func, unsigned argument) {
  auto role = func.getArgAttrOfType<StringAttr>(argument, attrs::role);
  return role && role.getValue() == "state";
}

/// The argument that holds the state that result `index` updates, if it does.
std::optional<unsigned> findState(func::FuncOp func, unsigned index) {
  Attribute name = func.getResultAttr(index, attrs::state);
  for (unsigned i = 0, e = func.getNumArguments(); name && i < e; ++i)
    if (isState(func, i) && func.getArgAttr(i, attrs::name) == name)
      return i;
  return std::nullopt;
}

/// Whether the bytes of `operand` may be those of a state other than `own`.
bool mayBeAnotherState(OpOperand &operand, Value own,
                       const llvm::DenseSet<Value> &states) {
  bufferization::BufferizationOptions options;
  bufferization::AnalysisState analysis(options);
  auto isOther = [&](Value value) {
    return value != own && states.contains(value);
  };
  SetVector<Value> origins =
      analysis.findValueInReverseUseDefChain(&operand, isOther);
  return llvm::any_of(origins, isOther);
}

LogicalResult lowerEntryPoint(func::FuncOp func) {
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("is an entry point of more than one block");
  Block &body = func.getBody().front();
  auto exit = cast<func::ReturnOp>(body.getTerminator());
  OpBuilder builder(func.getContext());

  // Where each result goes: to a state or to a buffer of its own.
  SmallVector<std::optional<unsigned>> stateOf;
  for (unsigned i = 0, e = func.getNumResults(); i < e; ++i) {
    if (!isa<RankedTensorType>(func.getResultTypes()[i]))
      return func.emitOpError("result #") << i << " is not a ranked tensor";
    stateOf.push_back(findState(func, i));
  }

  // Arguments become buffers, seen as tensors by the code; states are the ones
  // that it may write.
  builder.setInsertionPointToStart(&body);
  llvm::DenseSet<Value> states;
  SmallVector<Value> tensors(func.getNumArguments());
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    argument.setType(getBufferType(type));
    auto tensor = bufferization::ToTensorOp::create(
        builder, argument.getLoc(), type, argument, /*restrict=*/true,
        /*writable=*/isState(func, i));
    argument.replaceAllUsesExcept(tensor, tensor);
    tensors[i] = tensor;
    if (isState(func, i))
      states.insert(tensor);
  }

  // Results, before any state changes. What only splits dimensions is a matter
  // of how the buffer is seen.
  for (auto [i, value] : llvm::enumerate(exit.getOperands())) {
    if (stateOf[i])
      continue;
    Value buffer = body.addArgument(
        getBufferType(cast<RankedTensorType>(value.getType())), func.getLoc());
    Value source = value;
    builder.setInsertionPointToStart(&body);
    while (auto expand = source.getDefiningOp<tensor::ExpandShapeOp>()) {
      buffer = memref::CollapseShapeOp::create(
          builder, expand.getLoc(), getBufferType(expand.getSrcType()), buffer,
          expand.getReassociationAttr());
      source = expand.getSrc();
    }
    builder.setInsertionPoint(exit);
    bufferization::MaterializeInDestinationOp::create(
        builder, value.getLoc(), TypeRange(), source, buffer,
        /*restrict=*/true, /*writable=*/true);
  }
  builder.setInsertionPoint(exit);
  // A state that takes the bytes of another one needs them before they change.
  SmallVector<std::pair<Value, Value>> updates;
  for (auto [i, operand] : llvm::enumerate(exit->getOpOperands())) {
    if (!stateOf[i])
      continue;
    Value value = operand.get();
    if (mayBeAnotherState(operand, tensors[*stateOf[i]], states))
      value = bufferization::AllocTensorOp::create(
          builder, value.getLoc(), cast<RankedTensorType>(value.getType()),
          ValueRange(), value);
    updates.emplace_back(value, body.getArgument(*stateOf[i]));
  }
  // Not "restrict": the code reads the state through another tensor.
  for (auto [value, buffer] : updates)
    bufferization::MaterializeInDestinationOp::create(
        builder, value.getLoc(), TypeRange(), value, buffer,
        /*restrict=*/false, /*writable=*/true);
  func::ReturnOp::create(builder, exit.getLoc());
  exit.erase();

  // What the attributes of arguments say is in the manifest; machine code has
  // several arguments for one of them.
  func.removeArgAttrsAttr();
  func.removeResAttrsAttr();
  func.setFunctionType(builder.getFunctionType(body.getArgumentTypes(), {}));
  func->setAttr("llvm.emit_c_interface", builder.getUnitAttr());
  return success();
}

struct LowerEntryPoints
    : quench::impl::LowerEntryPointsPassBase<LowerEntryPoints> {
  using LowerEntryPointsPassBase::LowerEntryPointsPassBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func->hasAttr(attrs::entry) && failed(lowerEntryPoint(func)))
        return signalPassFailure();
  }
};

} // namespace
