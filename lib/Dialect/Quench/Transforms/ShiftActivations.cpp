//===- ShiftActivations.cpp - Activations that start at 0 -----------------===//
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
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHSHIFTACTIVATIONS
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

/// The least number that GELU gives, as AdaLog has it; that of its
/// approximation by tanh is -0.17004.
static constexpr double leastGelu = -0.16997124254703522;

namespace {
struct ShiftActivations
    : public quench::impl::QuenchShiftActivationsBase<ShiftActivations>,
      public EquivalenceClaim {
  using QuenchShiftActivationsBase::QuenchShiftActivationsBase;

  void runOnOperation() override;

private:
  void shift(GeluOp gelu);
};
} // namespace

void ShiftActivations::shift(GeluOp gelu) {
  Value result = gelu.getResult();
  auto type = cast<RankedTensorType>(result.getType());
  std::string name = getSiteName(gelu);
  ChannelReaders found = findChannelReaders(result, /*shifted=*/true);
  if (found.blocker)
    return refuse(name,
                  found.blocker->getName().getStringRef() + " " + found.reason,
                  found.blocker);
  if (found.readers.empty() || type.isDynamicDim(type.getRank() - 1))
    return;
  OpBuilder builder(gelu.getContext());
  builder.setInsertionPointAfter(gelu);
  Location loc = gelu.getLoc();
  auto vector =
      RankedTensorType::get(type.getShape().take_back(), type.getElementType());
  Value offset = createFilledWeight(builder, loc, vector, -leastGelu);
  auto sum = AddOp::create(builder, loc, result, offset, /*residual=*/false);
  noteBasis(sum, "shift");
  result.replaceAllUsesExcept(sum, sum);
  // The bias takes the number that was added, as it is rounded.
  if (!type.getElementType().isF64())
    offset = CastOp::create(builder, loc, vector.clone(builder.getF64Type()),
                            offset);
  for (const ChannelReader &reader : found.readers)
    shiftReader(builder, reader, offset, /*negative=*/true);
  recordSite(name,
             Twine("shifted to 0, in the bias of ") +
                 Twine(found.readers.size()) + " ops",
             sum);
}

void ShiftActivations::runOnOperation() {
  beginClaims(*this);
  SmallVector<GeluOp> ops;
  getOperation()->walk([&](GeluOp op) { ops.push_back(op); });
  for (GeluOp op : ops)
    shift(op);
}
