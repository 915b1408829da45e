//===- OutlineParallelLoops.cpp - Bodies of parallel loops ----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Captures.h"
#include "Quench/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

namespace quench {
#define GEN_PASS_DEF_OUTLINEPARALLELLOOPSPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {

struct Dimension {
  Value lower, step, count;
};

/// Turns `loop`, on buffers, into a call of a new function named after `func`.
void outline(LoopLikeOpInterface loop, func::FuncOp func,
             SymbolTable &symbols) {
  OpBuilder builder(loop);
  Location loc = loop.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  Value zero = constant(0);

  // Iterations per dimension and in all.
  SmallVector<Dimension> dimensions;
  Value count = constant(1);
  for (auto [lower, upper, step] :
       llvm::zip_equal(*loop.getLoopLowerBounds(), *loop.getLoopUpperBounds(),
                       *loop.getLoopSteps())) {
    Dimension dim;
    dim.lower = getValueOrCreateConstantIndexOp(builder, loc, lower);
    dim.step = getValueOrCreateConstantIndexOp(builder, loc, step);
    Value extent = arith::SubIOp::create(
        builder, loc, getValueOrCreateConstantIndexOp(builder, loc, upper),
        dim.lower);
    extent = arith::MaxSIOp::create(builder, loc, extent, zero);
    dim.count = builder.createOrFold<arith::CeilDivSIOp>(loc, extent, dim.step);
    count = builder.createOrFold<arith::MulIOp>(loc, count, dim.count);
    dimensions.push_back(dim);
  }

  Region &region = *loop.getLoopRegions().front();
  llvm::SetVector<Value> used;
  getUsedValuesDefinedAbove(region, used);
  for (const Dimension &dim : dimensions)
    used.insert_range(ArrayRef<Value>{dim.lower, dim.step, dim.count});
  auto [captures, constants] = Captures(used);

  SmallVector<Value> operands{zero, count};
  llvm::append_range(operands, captures);
  auto body = func::FuncOp::create(
      loc, (func.getName() + "_loop").str(),
      builder.getFunctionType(ValueRange(operands).getTypes(), {}));
  body.setPrivate();
  symbols.insert(body, std::next(Block::iterator(func)));
  auto call = func::CallOp::create(builder, loc, body, operands);
  call->setAttr("quench.parallel", builder.getUnitAttr());

  Block *entry = body.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  IRMapping mapping;
  mapping.map(captures, entry->getArguments().drop_front(2));
  for (Operation *op : constants)
    builder.clone(*op, mapping);
  auto iterations = scf::ForOp::create(
      builder, loc, entry->getArgument(0), entry->getArgument(1),
      arith::ConstantIndexOp::create(builder, loc, 1));
  func::ReturnOp::create(builder, loc);

  // The last dimension moves fastest.
  builder.setInsertionPointToStart(iterations.getBody());
  Value rest = iterations.getInductionVar();
  auto variables = *loop.getLoopInductionVars();
  for (size_t i = dimensions.size(); i-- > 0;) {
    const Dimension &dim = dimensions[i];
    Value size = mapping.lookupOrDefault(dim.count);
    Value index = rest;
    if (i != 0) {
      index = arith::RemUIOp::create(builder, loc, rest, size);
      rest = arith::DivUIOp::create(builder, loc, rest, size);
    }
    Value offset = builder.createOrFold<arith::MulIOp>(
        loc, index, mapping.lookupOrDefault(dim.step));
    mapping.map(variables[i],
                builder.createOrFold<arith::AddIOp>(
                    loc, offset, mapping.lookupOrDefault(dim.lower)));
  }
  for (Operation &op : region.front().without_terminator())
    builder.clone(op, mapping);
  loop->erase();
}

struct OutlineParallelLoops
    : quench::impl::OutlineParallelLoopsPassBase<OutlineParallelLoops> {
  using OutlineParallelLoopsPassBase::OutlineParallelLoopsPassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto func :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      func.walk<WalkOrder::PreOrder>([&](Operation *op) {
        if (!isa<scf::ForallOp, scf::ParallelOp>(op))
          return WalkResult::advance();
        if (op->getNumResults() == 0)
          outline(cast<LoopLikeOpInterface>(op), func, symbols);
        return WalkResult::skip();
      });
  }
};

} // namespace
