//===- SpaceRows.cpp - Gaps between rows that collide in caches -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Passes.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/QuenchKernelOps.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace quench {
#define GEN_PASS_DEF_SPACEROWSPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

static constexpr int64_t lineBytes = 64;

/// Rows that lie a multiple of so many bytes apart share a quarter of the sets
/// of a first level cache, which are 64, or fewer.
static constexpr int64_t collidingBytes = 1024;

/// Whether the kernel that `use`, of a `call`, is given to takes its rows at
/// any distance.
static bool takesAnyDistance(CallKernelOp call, OpOperand &use,
                             SymbolTable &symbols) {
  auto kernel = symbols.lookup<func::FuncOp>(call.getCallee());
  if (!kernel)
    return false;
  auto type =
      dyn_cast<MemRefType>(kernel.getArgumentTypes()[use.getOperandNumber()]);
  SmallVector<int64_t> strides;
  int64_t offset;
  return type && succeeded(type.getStridesAndOffset(strides, offset)) &&
         llvm::all_of(ArrayRef(strides).drop_back(), ShapedType::isDynamic);
}

/// Whether all that read `rows` read them where they are when there are gaps,
/// and nothing writes over them.
static bool areRead(Value rows, SymbolTable &symbols) {
  return llvm::all_of(rows.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto call = dyn_cast<CallKernelOp>(user))
      return !call.isDpsInit(&use) && takesAnyDistance(call, use, symbols);
    if (auto op = dyn_cast<linalg::LinalgOp>(user))
      return op.isDpsInput(&use);
    if (isa<tensor::ExpandShapeOp, tensor::ExtractSliceOp>(user))
      return areRead(user->getResult(0), symbols);
    return isa<tensor::DimOp>(user);
  });
}

namespace {

struct SpaceRows : quench::impl::SpaceRowsPassBase<SpaceRows> {
  using SpaceRowsPassBase::SpaceRowsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    module.walk([&](CallKernelOp call) {
      for (OpOperand &output : call.getDpsInitsMutable())
        if (output.get().getDefiningOp<tensor::EmptyOp>() &&
            doCollide(cast<RankedTensorType>(output.get().getType())) &&
            takesAnyDistance(call, output, symbols) &&
            areRead(call.getTiedOpResult(&output), symbols))
          space(call, output);
    });
  }

private:
  /// Whether rows of `type` collide.
  static bool doCollide(RankedTensorType type) {
    if (type.getRank() != 2 || type.isDynamicDim(1) || type.getDimSize(0) == 1)
      return false;
    int64_t bits = type.getDimSize(1) * type.getElementTypeBitWidth();
    return bits % (collidingBytes * 8) == 0;
  }

  /// Gives `output`, which is empty, a line behind each row.
  static void space(CallKernelOp call, OpOperand &output) {
    OpBuilder builder(call);
    Location loc = call.getLoc();
    auto type = cast<RankedTensorType>(output.get().getType());
    auto empty = output.get().getDefiningOp<tensor::EmptyOp>();
    SmallVector<OpFoldResult> sizes = empty.getMixedSizes();
    SmallVector<OpFoldResult> spaced = sizes;
    spaced[1] = builder.getIndexAttr(
        type.getDimSize(1) + lineBytes * 8 / type.getElementTypeBitWidth());
    Value all =
        tensor::EmptyOp::create(builder, loc, spaced, type.getElementType());
    SmallVector<OpFoldResult> zeros(2, builder.getIndexAttr(0));
    SmallVector<OpFoldResult> ones(2, builder.getIndexAttr(1));
    output.set(tensor::ExtractSliceOp::create(builder, loc, type, all, zeros,
                                              sizes, ones));
    if (empty->use_empty())
      empty->erase();
  }
};

} // namespace
