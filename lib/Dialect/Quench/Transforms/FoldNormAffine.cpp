//===- FoldNormAffine.cpp - Gains and offsets of norms into weights ------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/Passes.h"

#include "ChannelReaders.h"
#include "SharedWeights.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Interfaces/NormOpInterface.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHFOLDNORMAFFINE
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
struct FoldNormAffine
    : public quench::impl::QuenchFoldNormAffineBase<FoldNormAffine>,
      public EquivalenceClaim {
  using QuenchFoldNormAffineBase::QuenchFoldNormAffineBase;

  void runOnOperation() override;

private:
  void fold(NormOpInterface norm, SharedWeights &shared);
};
} // namespace

void FoldNormAffine::fold(NormOpInterface norm, SharedWeights &shared) {
  Value gain = norm.getGain(), offset = norm.getOffset();
  std::string site = getSiteName(norm);
  for (Value vector : {gain, offset})
    if (vector && !isWeightProgram(vector))
      return refuse(site, "its gain or offset is no parameter", norm);
  ChannelReaders found =
      findChannelReaders(norm->getResult(0), /*shifted=*/bool(offset));
  if (found.blocker)
    return refuse(site, found.reason, found.blocker);

  OpBuilder builder(norm);
  for (const ChannelReader &reader : found.readers) {
    // The bias takes what the weight as it was makes of the offset.
    if (offset)
      shiftReader(builder, reader, offset);
    if (!gain)
      continue;
    builder.setInsertionPoint(reader.op);
    OpOperand &weight = reader.op->getOpOperand(reader.weight.operand);
    shared.note(weight.get(), reader.op);
    weight.set(scaleWeight(builder, weight.get(), gain, reader.weight.axis));
  }
  norm.dropAffine();
  noteBasis(norm, "fold " + site);
  recordSite(site,
             Twine(gain ? "gain" : "offset") +
                 (gain && offset ? " and offset" : "") + " into " +
                 Twine(found.readers.size()) + " weights",
             norm);
}

void FoldNormAffine::runOnOperation() {
  beginClaims(*this);
  SharedWeights shared;
  getOperation()->walk([&](NormOpInterface norm) {
    if (norm.getGain() || norm.getOffset())
      fold(norm, shared);
  });
  shared.remark(*this);
}
