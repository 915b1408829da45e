//===- LowerEntryPoints.cpp - Entry points on buffers ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Passes.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

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

/// The names of the dynamic dimensions in the attributes `attributes`.
SmallVector<StringRef> getSymbols(DictionaryAttr attributes) {
  SmallVector<StringRef> symbols;
  if (auto dims =
          attributes ? attributes.getAs<ArrayAttr>(attrs::dims) : ArrayAttr())
    for (auto symbol : dims.getAsRange<StringAttr>())
      symbols.push_back(symbol.getValue());
  return symbols;
}

/// The dynamic dimensions of `type`.
SmallVector<int64_t> getDynamicDims(RankedTensorType type) {
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim))
      dims.push_back(dim);
  return dims;
}

/// Whether what `func` returns as result `index` is as large as its declaration
/// says, seen from the sizes of the arguments, which the caller keeps to.
bool hasDeclaredShape(func::FuncOp func, unsigned index, Value value) {
  using Variable = ValueBoundsConstraintSet::Variable;
  SmallVector<StringRef> declared = getSymbols(func.getResultAttrDict(index));
  SmallVector<int64_t> dims =
      getDynamicDims(cast<RankedTensorType>(value.getType()));
  if (declared.size() != dims.size())
    return false;
  auto isSize = [&](int64_t dim, StringRef symbol) {
    for (auto [i, argument] : llvm::enumerate(func.getArguments())) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!type)
        continue;
      for (auto [name, other] :
           llvm::zip(getSymbols(func.getArgAttrDict(i)), getDynamicDims(type)))
        if (name == symbol) {
          FailureOr<bool> equal = ValueBoundsConstraintSet::areEqual(
              Variable(value, dim), Variable(argument, other));
          if (succeeded(equal) && *equal)
            return true;
        }
    }
    return false;
  };
  return llvm::all_of(llvm::zip(dims, declared), [&](auto pair) {
    return isSize(std::get<0>(pair), std::get<1>(pair));
  });
}

/// Declares the function that ends the run since a result has a wrong shape.
void declareWrongShape(ModuleOp module) {
  constexpr llvm::StringLiteral name = "quench_wrong_shape";
  if (module.lookupSymbol(name))
    return;
  auto builder = OpBuilder::atBlockBegin(module.getBody());
  auto func = func::FuncOp::create(
      builder, module.getLoc(), name,
      builder.getFunctionType(builder.getI64Type(), TypeRange()));
  func.setPrivate();
}

/// Ends the run where `value`, result `index`, is not as large as `buffer`.
void requireShape(OpBuilder &builder, Location loc, int64_t index, Value value,
                  Value buffer) {
  Value differs;
  for (int64_t dim : getDynamicDims(cast<RankedTensorType>(value.getType()))) {
    Value size = tensor::DimOp::create(builder, loc, value, dim);
    Value room = memref::DimOp::create(builder, loc, buffer, dim);
    Value other = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                        size, room);
    differs =
        differs ? arith::OrIOp::create(builder, loc, differs, other) : other;
  }
  auto branch = scf::IfOp::create(builder, loc, differs, /*withElse=*/false);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(branch.thenBlock());
  func::CallOp::create(
      builder, loc, "quench_wrong_shape", TypeRange(),
      arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(index))
          .getResult());
}

LogicalResult lowerEntryPoint(func::FuncOp func) {
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("is an entry point of more than one block");
  Block &body = func.getBody().front();
  auto exit = cast<func::ReturnOp>(body.getTerminator());
  OpBuilder builder(func.getContext());

  // Where each result goes: to a state or to a buffer of its own.
  SmallVector<std::optional<unsigned>> stateOf;
  SmallVector<bool> isDeclared;
  for (unsigned i = 0, e = func.getNumResults(); i < e; ++i) {
    if (!isa<RankedTensorType>(func.getResultTypes()[i]))
      return func.emitOpError("result #") << i << " is not a ranked tensor";
    stateOf.push_back(findState(func, i));
    isDeclared.push_back(hasDeclaredShape(func, i, exit.getOperand(i)));
    if (!isDeclared.back())
      declareWrongShape(func->getParentOfType<ModuleOp>());
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
    if (!isDeclared[i]) {
      // Not computed in place: code would write beyond the buffer before it is
      // known how much there is.
      builder.setInsertionPoint(exit);
      source = bufferization::AllocTensorOp::create(
          builder, value.getLoc(), cast<RankedTensorType>(value.getType()),
          ValueRange(), value);
      requireShape(builder, value.getLoc(), i, source, buffer);
      bufferization::MaterializeInDestinationOp::create(
          builder, value.getLoc(), TypeRange(), source, buffer,
          /*restrict=*/true, /*writable=*/true);
      continue;
    }
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
    if (!isDeclared[i])
      requireShape(builder, value.getLoc(), i, value,
                   body.getArgument(*stateOf[i]));
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
