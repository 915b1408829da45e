//===- LowerRuntimeCalls.cpp - Memory and threads of the runtime ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringSwitch.h"

namespace quench {
#define GEN_PASS_DEF_LOWERRUNTIMECALLSPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {

constexpr llvm::StringLiteral interfacePrefix = "_mlir_ciface_";

/// What a call means to the runtime.
enum class CallKind { Plain, Alloc, Free, Parallel, WrongShape };

CallKind getKind(LLVM::CallOp call) {
  if (call->hasAttr("quench.parallel"))
    return CallKind::Parallel;
  return llvm::StringSwitch<CallKind>(call.getCallee().value_or(""))
      .Case("aligned_alloc", CallKind::Alloc)
      .Case("free", CallKind::Free)
      .Case("quench_wrong_shape", CallKind::WrongShape)
      .Default(CallKind::Plain);
}

/// Gives `func` the context of the run as its first argument. The C interface
/// of an entry point takes all other arguments in one array.
void addContext(LLVM::LLVMFuncOp func) {
  Location loc = func.getLoc();
  Block &entry = func.getBody().front();
  auto pointer = LLVM::LLVMPointerType::get(func.getContext());
  if (!func.getName().starts_with(interfacePrefix)) {
    SmallVector<Type> types{pointer};
    llvm::append_range(types, func.getArgumentTypes());
    SmallVector<DictionaryAttr> attrs;
    func.getAllArgAttrs(attrs);
    attrs.insert(attrs.begin(), DictionaryAttr::get(func.getContext()));
    entry.insertArgument(0u, pointer, loc);
    func.setFunctionType(LLVM::LLVMFunctionType::get(
        func.getFunctionType().getReturnType(), types));
    func.setAllArgAttrs(attrs);
    return;
  }
  auto builder = OpBuilder::atBlockBegin(&entry);
  unsigned count = entry.getNumArguments();
  entry.addArgument(pointer, loc);
  Value array = entry.addArgument(pointer, loc);
  for (unsigned i = 0; i < count; ++i) {
    Value slot = LLVM::GEPOp::create(builder, loc, pointer, pointer, array,
                                     LLVM::GEPArg(i));
    entry.getArgument(i).replaceAllUsesWith(
        LLVM::LoadOp::create(builder, loc, pointer, slot));
  }
  entry.eraseArguments(0, count);
  func.removeArgAttrsAttr();
  func.setFunctionType(LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(func.getContext()), {pointer, pointer}));
}

/// The function that the runtime calls for `body`: it takes the arguments of
/// `body` after the range from a closure of the type `closure`.
LLVM::LLVMFuncOp createLoopBody(LLVM::LLVMFuncOp body,
                                LLVM::LLVMStructType closure, bool takesContext,
                                SymbolTable &symbols) {
  Location loc = body.getLoc();
  OpBuilder builder(body.getContext());
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type i64 = builder.getI64Type();
  auto func = LLVM::LLVMFuncOp::create(
      builder, loc, (body.getName() + "_body").str(),
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                  {pointer, pointer, i64, i64}),
      LLVM::Linkage::Internal);
  symbols.insert(func, std::next(Block::iterator(body)));
  Block *entry = func.addEntryBlock(builder);
  builder.setInsertionPointToStart(entry);
  SmallVector<Value> operands;
  if (takesContext)
    operands.push_back(entry->getArgument(0));
  operands.push_back(entry->getArgument(2));
  operands.push_back(entry->getArgument(3));
  for (auto [i, type] : llvm::enumerate(closure.getBody())) {
    Value field = LLVM::GEPOp::create(
        builder, loc, pointer, closure, entry->getArgument(1),
        ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(i)});
    operands.push_back(LLVM::LoadOp::create(builder, loc, type, field));
  }
  LLVM::CallOp::create(builder, loc, body, operands);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  return func;
}

struct LowerRuntimeCalls
    : quench::impl::LowerRuntimeCallsPassBase<LowerRuntimeCalls> {
  using LowerRuntimeCallsPassBase::LowerRuntimeCallsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    auto calleeOf = [&](LLVM::CallOp call) {
      return symbols.lookup<LLVM::LLVMFuncOp>(call.getCallee().value_or(""));
    };

    SmallVector<LLVM::CallOp> calls;
    SmallVector<LLVM::LLVMFuncOp> pending;
    DenseMap<Operation *, SmallVector<LLVM::LLVMFuncOp>> callersOf;
    for (auto func : module.getOps<LLVM::LLVMFuncOp>()) {
      if (func.isExternal())
        continue;
      bool isEntry = func.getName().starts_with(interfacePrefix);
      func.setLinkage(isEntry ? LLVM::Linkage::External
                              : LLVM::Linkage::Internal);
      if (isEntry)
        pending.push_back(func);
      func.walk([&](LLVM::CallOp call) {
        calls.push_back(call);
        if (getKind(call) != CallKind::Plain)
          pending.push_back(func);
        if (Operation *callee = calleeOf(call))
          callersOf[callee].push_back(func);
      });
    }

    // The context goes to whoever needs it, from whoever calls them.
    DenseSet<Operation *> takers;
    while (!pending.empty()) {
      LLVM::LLVMFuncOp func = pending.pop_back_val();
      if (!takers.insert(func).second)
        continue;
      addContext(func);
      llvm::append_range(pending, callersOf.lookup(func));
    }

    OpBuilder builder(module.getContext());
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    Type i64 = builder.getI64Type();
    Type none = LLVM::LLVMVoidType::get(&getContext());
    auto callRuntime = [&](LLVM::CallOp call, StringRef name, Type result,
                           ValueRange operands) {
      auto callee = symbols.lookup<LLVM::LLVMFuncOp>(name);
      if (!callee) {
        OpBuilder detached(&getContext());
        callee = LLVM::LLVMFuncOp::create(
            detached, module.getLoc(), name,
            LLVM::LLVMFunctionType::get(
                result, SmallVector<Type>(operands.getTypes())));
        symbols.insert(callee, module.getBody()->begin());
      }
      builder.setInsertionPoint(call);
      auto replacement =
          LLVM::CallOp::create(builder, call.getLoc(), callee, operands);
      call->replaceAllUsesWith(replacement);
      call->erase();
    };
    for (LLVM::CallOp call : calls) {
      auto func = call->getParentOfType<LLVM::LLVMFuncOp>();
      Value context = takers.contains(func) ? func.getArgument(0) : Value();
      switch (getKind(call)) {
      case CallKind::Plain: {
        Operation *callee = calleeOf(call);
        if (!callee || !takers.contains(callee))
          break;
        SmallVector<Value> operands{context};
        llvm::append_range(operands, call.getArgOperands());
        call.getCalleeOperandsMutable().assign(operands);
        break;
      }
      case CallKind::Alloc:
        callRuntime(call, "qrt_alloc", pointer,
                    {context, call.getArgOperands()[1]});
        break;
      case CallKind::Free:
        callRuntime(call, "qrt_free", none,
                    {context, call.getArgOperands()[0]});
        break;
      case CallKind::WrongShape:
        callRuntime(call, "qrt_wrong_shape", none,
                    {context, call.getArgOperands()[0]});
        break;
      case CallKind::Parallel: {
        // The closure lies in the frame of the caller, once.
        Location loc = call.getLoc();
        Value count = call.getArgOperands()[1];
        ValueRange captures = call.getArgOperands().drop_front(2);
        auto closureType = LLVM::LLVMStructType::getLiteral(
            &getContext(), SmallVector<Type>(captures.getTypes()));
        LLVM::LLVMFuncOp callee = calleeOf(call);
        LLVM::LLVMFuncOp body = createLoopBody(
            callee, closureType, takers.contains(callee), symbols);
        builder.setInsertionPointToStart(&func.getBody().front());
        Value one = LLVM::ConstantOp::create(builder, loc, i64, 1);
        Value closure =
            LLVM::AllocaOp::create(builder, loc, pointer, closureType, one);
        builder.setInsertionPoint(call);
        for (auto [i, value] : llvm::enumerate(captures)) {
          Value field = LLVM::GEPOp::create(
              builder, loc, pointer, closureType, closure,
              ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(i)});
          LLVM::StoreOp::create(builder, loc, value, field);
        }
        Value address = LLVM::AddressOfOp::create(builder, loc, body);
        callRuntime(call, "qrt_parallel_for", none,
                    {context, count, address, closure});
        break;
      }
      }
    }
  }
};

} // namespace
