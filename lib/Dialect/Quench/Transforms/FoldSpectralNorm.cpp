//===- FoldSpectralNorm.cpp - Reparameterized weights --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "ChannelReaders.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHFOLDSPECTRALNORM
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
struct FoldSpectralNorm
    : public quench::impl::QuenchFoldSpectralNormBase<FoldSpectralNorm>,
      public EquivalenceClaim {
  using QuenchFoldSpectralNormBase::QuenchFoldSpectralNormBase;

  void runOnOperation() override;

private:
  void fold(MulOp product);
};
} // namespace

static int64_t getRank(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank();
}

/// Whether the parameter `value` is computed from a spectral norm.
static bool hasSpectralNorm(Value value) {
  if (!isWeightProgram(value))
    return false;
  llvm::SetVector<Operation *> program;
  BackwardSliceOptions options;
  options.inclusive = true;
  return succeeded(getBackwardSlice(value, &program, options)) &&
         llvm::any_of(program, llvm::IsaPred<SpectralNormOp>);
}

/// The port of the op that writes the channels of `value` through weights.
static std::optional<ChannelPort> findWriter(Value value) {
  auto op = value.getDefiningOp<ChannelScalableOpInterface>();
  if (!op)
    return std::nullopt;
  SmallVector<ChannelPort> ports;
  op.getScalePorts(ports);
  for (const ChannelPort &port : ports)
    if (port.value == value && port.axis == getRank(value) - 1 &&
        port.role == PortRole::Producer)
      return port;
  return std::nullopt;
}

void FoldSpectralNorm::fold(MulOp product) {
  Value value = product.getLhs(), factor = product.getRhs();
  std::optional<ChannelPort> writer = findWriter(value);
  if (!writer)
    return refuse(getSiteName(product), "no weight writes its operand",
                  product);
  Operation *op = value.getDefiningOp();
  std::string site = getSiteName(op);
  if (!value.hasOneUse())
    return refuse(site, "is also read without its factor", op);
  for (WeightAxis weight : writer->weights)
    if (!isWeightProgram(op->getOperand(weight.operand)))
      return refuse(site, "has a weight that is no parameter", op);
  IRRewriter rewriter(op);
  if (getRank(factor) > 1 || failed(moveValueDefinitions(rewriter, factor, op)))
    return refuse(site, "its factor is not one number of each channel",
                  product);

  for (WeightAxis weight : writer->weights) {
    OpOperand &operand = op->getOpOperand(weight.operand);
    operand.set(scaleWeight(rewriter, operand.get(), factor, weight.axis));
  }
  rewriter.replaceOp(product, value);
  // A bias that was added behind the factor has none of it.
  StringRef bias = "";
  if (auto sum =
          value.hasOneUse() ? dyn_cast<AddOp>(*value.user_begin()) : AddOp();
      sum && sum.getLhs() == value && isWeightProgram(sum.getRhs()) &&
      getRank(sum.getRhs()) == 1 &&
      shiftWriter(rewriter, value, sum.getRhs())) {
    rewriter.replaceOp(sum, value);
    bias = ", what is added behind it into the bias";
  }
  recordSite(site, "factor into the weight" + Twine(bias), op);
}

void FoldSpectralNorm::runOnOperation() {
  beginClaims(*this);
  SmallVector<MulOp> products;
  getOperation()->walk([&](MulOp product) {
    if (hasSpectralNorm(product.getRhs()))
      products.push_back(product);
  });
  llvm::for_each(products, [&](MulOp product) { fold(product); });
}
