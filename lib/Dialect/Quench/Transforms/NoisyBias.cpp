//===- NoisyBias.cpp - Fixed noise before quantizers ---------------------===//
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
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/Transforms/EquivalenceClaim.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/xxhash.h"

namespace quench {
#define GEN_PASS_DEF_QUENCHNOISYBIAS
#include "Quench/Dialect/Quench/Transforms/Passes.h.inc"
} // namespace quench

using namespace mlir;
using namespace quench;

namespace {
/// Ops that read one value, all behind one quantizer or behind none.
struct NoiseSite {
  Value value;
  FakeQuantOp quantizer;
  SmallVector<ChannelReader> readers;

  /// Whether nothing but the readers reads the value.
  bool readsAlone() {
    Value read = quantizer ? quantizer.getResult() : value;
    return size_t(llvm::range_size(read.getUses())) == readers.size() &&
           (!quantizer || value.hasOneUse());
  }
};

struct NoisyBias : public quench::impl::QuenchNoisyBiasBase<NoisyBias>,
                   public EquivalenceClaim {
  using QuenchNoisyBiasBase::QuenchNoisyBiasBase;

  void runOnOperation() override;

private:
  /// The noise of `site`, which is called `name`.
  Value createNoise(OpBuilder &builder, NoiseSite &site, StringRef name);
  void addNoise(NoiseSite &site);
};
} // namespace

static bool isOneParameter(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank() == 0 &&
         isWeightProgram(value);
}

Value NoisyBias::createNoise(OpBuilder &builder, NoiseSite &site,
                             StringRef name) {
  auto valueType = cast<RankedTensorType>(site.value.getType());
  auto type = RankedTensorType::get(valueType.getShape().take_back(),
                                    valueType.getElementType());
  Location loc = site.value.getLoc();
  if (source == NoiseSource::Given)
    return ParamOp::create(
        builder, loc, type,
        RefAttr::get(&getContext(), "learned", (name + ".noise").str()));

  Value noise =
      NoiseOp::create(builder, loc, type, seed ^ llvm::xxh3_64bits(name));
  Value range = createFilledWeight(
      builder, loc, RankedTensorType::get({}, builder.getF64Type()), amplitude);
  noise = scaleWeight(builder, noise, range, 0);
  if (!site.quantizer)
    return noise;
  return scaleWeight(builder, noise, site.quantizer.getScale(), 0);
}

void NoisyBias::addNoise(NoiseSite &site) {
  std::string name = getSiteName(site.readers.front().op);
  Operation *first =
      site.quantizer ? site.quantizer.getOperation() : site.readers.front().op;
  if (source == NoiseSource::Uniform && site.quantizer &&
      !isOneParameter(site.quantizer.getScale()))
    return refuse(name, "the step of its quantizer is not one parameter",
                  site.quantizer);
  OpBuilder builder(first);
  Value noise = createNoise(builder, site, name);
  bool folded = site.readsAlone() && shiftWriter(builder, site.value, noise);
  if (!folded) {
    Value sum = AddOp::create(builder, first->getLoc(), site.value, noise,
                              /*residual=*/false);
    if (site.quantizer) {
      Operation *quantizer = builder.clone(*site.quantizer);
      quantizer->setOperand(0, sum);
      sum = quantizer->getResult(0);
    }
    for (const ChannelReader &reader : site.readers)
      reader.op->setOperand(reader.input, sum);
    if (site.quantizer && site.quantizer->use_empty())
      site.quantizer->erase();
  }
  // What was added is what is rounded, so the bias takes that.
  auto wide =
      cast<RankedTensorType>(noise.getType()).clone(builder.getF64Type());
  if (noise.getType() != wide) {
    builder.setInsertionPointAfterValue(noise);
    noise = CastOp::create(builder, noise.getLoc(), wide, noise);
  }
  for (const ChannelReader &reader : site.readers)
    shiftReader(builder, reader, noise, /*negative=*/true);
  recordSite(name,
             Twine("noise in the input of ") + Twine(site.readers.size()) +
                 (folded ? " ops, from the bias that writes it" : " ops"),
             site.readers.front().op);
}

void NoisyBias::runOnOperation() {
  beginClaims(*this);
  llvm::Regex pattern(siteNames);
  if (std::string error; !pattern.isValid(error)) {
    emitError(getOperation().getLoc(), "option 'sites': ") << error;
    return signalPassFailure();
  }
  llvm::MapVector<std::pair<Value, Operation *>, NoiseSite> found;
  getOperation()->walk([&](ShiftableOpInterface op) {
    std::optional<ChannelReader> reader = getShiftedReader(op);
    if (!reader || !pattern.match(getSiteName(op)))
      return;
    Value value = op->getOperand(reader->input);
    auto quantizer = value.getDefiningOp<FakeQuantOp>();
    if (quantizer)
      value = quantizer.getInput();
    else if (onlyQuantized)
      return;
    NoiseSite &site = found[{value, quantizer}];
    site.value = value;
    site.quantizer = quantizer;
    site.readers.push_back(*reader);
  });
  for (auto &[key, site] : found)
    addNoise(site);
}
