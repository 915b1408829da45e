//===- OutlineParams.cpp - Parameters in one function ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Passes.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Support/DType.h"
#include "Quench/Transforms/WeightPrograms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

namespace quench {
#define GEN_PASS_DEF_OUTLINEPARAMSPASS
#include "Quench/Codegen/CPU/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {

constexpr int64_t alignment = 64;

struct OutlineParams : quench::impl::OutlineParamsPassBase<OutlineParams> {
  using OutlineParamsPassBase::OutlineParamsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (Operation *other = module.lookupSymbol("quench_params")) {
      other->emitOpError("takes the name of the function of the parameters");
      return signalPassFailure();
    }

    // Programs in the order in which the code reads them, so that equal modules
    // have equal parameter bytes.
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto params =
        func::FuncOp::create(builder, module.getLoc(), "quench_params",
                             builder.getFunctionType({}, {}));
    params.setPrivate();
    params.addEntryBlock();
    WeightProgramSet programs(&getContext(), &params.getBody().front());
    SmallVector<ParamUse> uses;
    for (auto func : module.getOps<func::FuncOp>()) {
      if (func == params)
        continue;
      FailureOr<SmallVector<ParamUse>> found = collectPrograms(func, programs);
      if (failed(found))
        return signalPassFailure();
      if (!found->empty() && !func->hasAttr(attrs::entry)) {
        found->front().first->get().getDefiningOp()->emitOpError()
            << "is read in '" << func.getName() << "', expected an entry point";
        return signalPassFailure();
      }
      llvm::append_range(uses, *found);
    }

    SmallVector<int64_t> offsets;
    int64_t end = 0;
    for (Value root : programs.getRoots()) {
      Type type = root.getType();
      std::optional<int64_t> size = getByteSize(type);
      if (!size) {
        root.getDefiningOp()->emitOpError()
            << "has the type " << type
            << ", expected a static shape of integers or floats";
        return signalPassFailure();
      }
      offsets.push_back(end);
      end = llvm::alignTo(end + *size, alignment);
    }
    builder.setInsertionPointToEnd(&params.getBody().front());
    func::ReturnOp::create(builder, params.getLoc(), programs.getRoots());
    params.setFunctionType(builder.getFunctionType(
        {}, ValueRange(programs.getRoots()).getTypes()));
    params->setAttr("quench.offsets", builder.getDenseI64ArrayAttr(offsets));
    params->setAttr("quench.payload_bytes", builder.getI64IntegerAttr(end));

    // Views, one for each entry point and root.
    auto payload = MemRefType::get({end}, builder.getI8Type());
    for (auto func : module.getOps<func::FuncOp>())
      if (func->hasAttr(attrs::entry) &&
          failed(func.insertArgument(0, payload, {}, func.getLoc())))
        return signalPassFailure();
    DenseMap<std::pair<Operation *, int64_t>, Value> views;
    for (auto [use, index] : uses) {
      auto func = use->getOwner()->getParentOfType<func::FuncOp>();
      Value &view = views[{func, index}];
      if (!view) {
        builder.setInsertionPointToStart(&func.getBody().front());
        Location loc = use->get().getLoc();
        auto type = cast<RankedTensorType>(use->get().getType());
        Value offset =
            arith::ConstantIndexOp::create(builder, loc, offsets[index]);
        Value buffer = memref::ViewOp::create(
            builder, loc,
            MemRefType::get(type.getShape(), type.getElementType()),
            func.getArgument(0), offset, ValueRange());
        view = bufferization::ToTensorOp::create(builder, loc, type, buffer,
                                                 /*restrict=*/true);
      }
      use->set(view);
    }

    eraseDeadPrograms(module);
  }
};

} // namespace
