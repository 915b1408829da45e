//===- KernelBufferization.cpp - Buffers of kernel calls ------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Kernels.h"
#include "Quench/Dialect/Quench/IR/QuenchKernelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace quench;

namespace {

struct CallKernelModel
    : DstBufferizableOpInterfaceExternalModel<CallKernelModel, CallKernelOp> {
  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto call = cast<CallKernelOp>(op);
    auto kernel = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        op, call.getCalleeAttr());
    Location loc = op->getLoc();
    SmallVector<Value> arguments, results;
    for (auto [operand, type] :
         llvm::zip_equal(op->getOpOperands(), kernel.getArgumentTypes())) {
      if (!isa<TensorType>(operand.get().getType())) {
        arguments.push_back(operand.get());
        continue;
      }
      FailureOr<Value> buffer =
          getBuffer(rewriter, operand.get(), options, state);
      if (failed(buffer))
        return failure();
      bool isOutput = cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
      if (isOutput)
        results.push_back(*buffer);
      Value argument = *buffer;
      if (argument.getType() != type) {
        if (!fits(cast<MemRefType>(argument.getType()),
                  cast<MemRefType>(type))) {
          if (isOutput)
            return op->emitOpError("expected an output that fits ")
                   << type << ", found " << argument.getType();
          FailureOr<Value> copy = copyOf(rewriter, loc, argument, options);
          if (failed(copy))
            return failure();
          argument = *copy;
        }
        argument = memref::CastOp::create(rewriter, loc, type, argument);
      }
      arguments.push_back(argument);
    }
    func::CallOp::create(rewriter, loc, kernel, arguments);
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }

  /// Whether every buffer of type `from` has the strides that `to` promises. A
  /// cast takes a promise for granted.
  static bool fits(MemRefType from, MemRefType to) {
    SmallVector<int64_t> fromStrides, toStrides;
    int64_t fromOffset, toOffset;
    if (!memref::CastOp::areCastCompatible(from, to) ||
        failed(from.getStridesAndOffset(fromStrides, fromOffset)) ||
        failed(to.getStridesAndOffset(toStrides, toOffset)))
      return false;
    auto keeps = [](int64_t from, int64_t to) {
      return ShapedType::isDynamic(to) || from == to;
    };
    return keeps(fromOffset, toOffset) &&
           llvm::all_of(llvm::zip_equal(fromStrides, toStrides),
                        [&](auto pair) {
                          return keeps(std::get<0>(pair), std::get<1>(pair));
                        });
  }

  /// A contiguous copy of `buffer`.
  static FailureOr<Value> copyOf(RewriterBase &rewriter, Location loc,
                                 Value buffer,
                                 const BufferizationOptions &options) {
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<Value> sizes;
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (type.isDynamicDim(i))
        sizes.push_back(memref::DimOp::create(rewriter, loc, buffer, i));
    FailureOr<Value> copy = options.createAlloc(
        rewriter, loc, MemRefType::get(type.getShape(), type.getElementType()),
        sizes);
    if (failed(copy) ||
        failed(options.createMemCpy(rewriter, loc, buffer, *copy)))
      return failure();
    return copy;
  }
};

} // namespace

void quench::registerKernelBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, QuenchDialect *) {
    CallKernelOp::attachInterface<CallKernelModel>(*context);
    context->loadDialect<func::FuncDialect, memref::MemRefDialect>();
  });
}
