//===- PlaceBuffers.cpp - Stack, heap, and the end of buffers -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/Support/MathExtras.h"

namespace quench {
#define GEN_PASS_DEF_PLACEBUFFERSPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {

/// Bytes of a buffer of a static size, or nothing.
std::optional<int64_t> getByteSize(MemRefType type) {
  if (!type.hasStaticShape() || !type.getLayout().isIdentity())
    return std::nullopt;
  Type element = type.getElementType();
  int64_t count = type.getNumElements();
  if (auto vector = dyn_cast<VectorType>(element)) {
    count *= vector.getNumElements();
    element = vector.getElementType();
  }
  if (element.isIndex())
    return count * 8;
  if (!element.isIntOrFloat())
    return std::nullopt;
  return count * llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

struct PlaceBuffers : quench::impl::PlaceBuffersPassBase<PlaceBuffers> {
  using PlaceBuffersPassBase::PlaceBuffersPassBase;

  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isExternal())
      return;
    SmallVector<memref::AllocOp> allocs;
    func.walk([&](memref::AllocOp alloc) {
      bool isFreed = llvm::any_of(alloc->getUsers(), [](Operation *user) {
        return isa<memref::DeallocOp>(user);
      });
      if (!isFreed)
        allocs.push_back(alloc);
    });
    // One slot of the frame serves all iterations of the loops around it.
    Block &entry = func.getBody().front();
    func.walk([&](memref::AllocaOp alloca) {
      if (alloca->getNumOperands() == 0 && alloca->getBlock() != &entry)
        alloca->moveBefore(&entry, entry.begin());
    });

    BufferViewFlowAnalysis aliases(func);
    int64_t stack = 0;
    for (memref::AllocOp alloc : allocs) {
      Operation *last = findLastUse(alloc, aliases);
      if (!last)
        return signalPassFailure();
      OpBuilder builder(alloc);
      std::optional<int64_t> size = getByteSize(alloc.getType());
      if (size && *size <= maxStackBuffer && stack + *size <= maxStack) {
        stack += *size;
        builder.setInsertionPointToStart(&entry);
        auto alloca = memref::AllocaOp::create(builder, alloc.getLoc(),
                                               alloc.getType(), ValueRange(),
                                               builder.getI64IntegerAttr(64));
        alloc.replaceAllUsesWith(alloca.getResult());
        alloc.erase();
        continue;
      }
      builder.setInsertionPointAfter(last);
      memref::DeallocOp::create(builder, alloc.getLoc(), alloc);
    }
  }

private:
  /// The last op of the block of `alloc` that uses the buffer. Where the buffer
  /// leaves a region that runs at most once, the allocation moves out of it.
  /// Returns null after an error.
  Operation *findLastUse(memref::AllocOp alloc,
                         BufferViewFlowAnalysis &aliases) {
    while (true) {
      Block *block = alloc->getBlock();
      Operation *last = alloc;
      bool leaves = false;
      for (Value alias : aliases.resolve(alloc))
        for (Operation *user : alias.getUsers()) {
          Operation *ancestor = block->findAncestorOpInBlock(*user);
          leaves |= !ancestor || ancestor->hasTrait<OpTrait::IsTerminator>();
          if (!leaves && last->isBeforeInBlock(ancestor))
            last = ancestor;
        }
      if (!leaves)
        return last;
      Operation *parent = block->getParentOp();
      bool canMove =
          !isa<FunctionOpInterface, LoopLikeOpInterface>(parent) &&
          llvm::all_of(alloc->getOperands(), [&](Value operand) {
            return DominanceInfo().properlyDominates(operand, parent);
          });
      if (!canMove) {
        alloc->emitOpError("outlives the block that allocates it");
        return nullptr;
      }
      alloc->moveBefore(parent);
    }
  }
};

} // namespace
