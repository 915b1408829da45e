//===- HoistLoads.cpp - Loads that a loop repeats -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Passes.h"

#include "mlir/Analysis/AliasAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

namespace quench {
#define GEN_PASS_DEF_HOISTLOADSPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

/// Whether `loop` runs at least once, as its bounds tell.
static bool doesRun(scf::ForOp loop) {
  std::optional<int64_t> begin = getConstantIntValue(loop.getLowerBound()),
                         end = getConstantIntValue(loop.getUpperBound());
  return begin && end && *begin < *end;
}

/// The values whose memory `loop` writes; none where it may write any.
static std::optional<SmallVector<Value>> getWritten(scf::ForOp loop) {
  SmallVector<Value> written;
  WalkResult result = loop.getBody()->walk([&](Operation *op) {
    if (op->hasTrait<OpTrait::HasRecursiveMemoryEffects>())
      return WalkResult::advance();
    auto effects = dyn_cast<MemoryEffectOpInterface>(op);
    if (!effects)
      return WalkResult::interrupt();
    SmallVector<MemoryEffects::EffectInstance> instances;
    effects.getEffects(instances);
    for (const MemoryEffects::EffectInstance &instance : instances) {
      if (isa<MemoryEffects::Read, MemoryEffects::Allocate>(
              instance.getEffect()))
        continue;
      if (!instance.getValue())
        return WalkResult::interrupt();
      written.push_back(instance.getValue());
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return std::nullopt;
  return written;
}

namespace {

struct HoistLoads : quench::impl::HoistLoadsPassBase<HoistLoads> {
  using HoistLoadsPassBase::HoistLoadsPassBase;

  void runOnOperation() override {
    auto &aliases = getAnalysis<AliasAnalysis>();
    getOperation().walk([&](scf::ForOp loop) {
      std::optional<SmallVector<Value>> written = getWritten(loop);
      if (!written || !doesRun(loop))
        return;
      auto isWritten = [&](Value buffer) {
        return llvm::any_of(*written, [&](Value value) {
          return !aliases.alias(buffer, value).isNo();
        });
      };
      moveLoopInvariantCode(
          loop.getLoopRegions(),
          [&](Value value, Region *) {
            return loop.isDefinedOutsideOfLoop(value);
          },
          [&](Operation *op, Region *) {
            if (auto load = dyn_cast<memref::LoadOp>(op))
              return op->getBlock() == loop.getBody() &&
                     !isWritten(load.getMemRef());
            return isPure(op);
          },
          [&](Operation *op, Region *) { loop.moveOutOfLoop(op); });
    });
  }
};

} // namespace
