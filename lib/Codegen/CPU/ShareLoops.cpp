//===- ShareLoops.cpp - One function for equal loops ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Captures.h"
#include "Quench/Codegen/CPU/Passes.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

namespace quench {
#define GEN_PASS_DEF_SHARELOOPSPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {

/// Turns `loop` into a call of a new function named after `func`.
void outline(scf::ForOp loop, func::FuncOp func, SymbolTable &symbols) {
  llvm::SetVector<Value> used;
  getUsedValuesDefinedAbove(loop.getRegion(), used);
  used.insert_range(loop->getOperands());
  auto [captures, constants] = Captures(used);

  OpBuilder builder(loop);
  auto body = func::FuncOp::create(
      loop.getLoc(), (func.getName() + "_serial").str(),
      builder.getFunctionType(ValueRange(captures).getTypes(), {}));
  body.setPrivate();
  symbols.insert(body, std::next(Block::iterator(func)));
  func::CallOp::create(builder, loop.getLoc(), body, captures);

  Block *entry = body.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  IRMapping mapping;
  mapping.map(captures, entry->getArguments());
  for (Operation *op : constants)
    builder.clone(*op, mapping);
  builder.clone(*loop, mapping);
  func::ReturnOp::create(builder, loop.getLoc());
  loop->erase();
}

/// Keeps one of all private functions that differ in their names only.
void mergeEqualFunctions(ModuleOp module) {
  DenseMap<Type, SmallVector<func::FuncOp>> kept;
  DenseMap<Attribute, FlatSymbolRefAttr> replacements;
  for (auto func : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (func.isExternal() || !func.isPrivate())
      continue;
    SmallVector<func::FuncOp> &candidates = kept[func.getFunctionType()];
    auto *equal = llvm::find_if(candidates, [&](func::FuncOp other) {
      return OperationEquivalence::isRegionEquivalentTo(
          &func.getBody(), &other.getBody(),
          OperationEquivalence::IgnoreLocations);
    });
    if (equal == candidates.end()) {
      candidates.push_back(func);
      continue;
    }
    replacements[FlatSymbolRefAttr::get(func)] = FlatSymbolRefAttr::get(*equal);
    func.erase();
  }
  module.walk([&](func::CallOp call) {
    if (FlatSymbolRefAttr callee = replacements.lookup(call.getCalleeAttr()))
      call.setCalleeAttr(callee);
  });
}

struct ShareLoops : quench::impl::ShareLoopsPassBase<ShareLoops> {
  using ShareLoopsPassBase::ShareLoopsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    for (auto func :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      if (!func->hasAttr(attrs::entry))
        continue;
      for (auto loop : llvm::make_early_inc_range(func.getOps<scf::ForOp>()))
        if (loop->getNumResults() == 0)
          outline(loop, func, symbols);
    }
    mergeEqualFunctions(module);
  }
};

} // namespace
