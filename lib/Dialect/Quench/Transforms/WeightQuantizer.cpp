//===- WeightQuantizer.cpp - How weights become codes ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/WeightQuantizer.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Quantizers
//===----------------------------------------------------------------------===//

/// The codes of `wide` next to its numbers.
static QuantizedWeight roundToNearest(OpBuilder &builder, Value wide,
                                      QuantizerAttrInterface format) {
  Location loc = wide.getLoc();
  QuantizedWeight result;
  result.scale = QuantScaleOp::create(builder, loc, wide, format);
  result.codes = QuantizeOp::create(builder, loc, wide, result.scale,
                                    result.zero, format);
  return result;
}

void quench::registerWeightQuantizers(WeightQuantizerRegistry &registry) {
  registry.add("rtn", [](PolicyOptions &) -> WeightQuantizer {
    return [](OpBuilder &builder, Value wide, QuantizerAttrInterface format,
              const WeightSite &, std::string &reason)
               -> std::optional<QuantizedWeight> {
      if (format.hasZeroPoint()) {
        reason = "weights have no zero points";
        return std::nullopt;
      }
      return roundToNearest(builder, wide, format);
    };
  });
}

WeightQuantizerRegistry quench::getWeightQuantizers(MLIRContext *context) {
  WeightQuantizerRegistry registry;
  registerWeightQuantizers(registry);
  for (Dialect *dialect : context->getLoadedDialects())
    if (auto *quantizers =
            dialect->getRegisteredInterface<WeightQuantizerDialectInterface>())
      quantizers->addWeightQuantizers(registry);
  return registry;
}

//===----------------------------------------------------------------------===//
// Quantizing
//===----------------------------------------------------------------------===//

std::string quench::quantizeWeight(const WeightSite &site,
                                   QuantizerAttrInterface format,
                                   const WeightQuantizer &quantizer) {
  Value weight = site.use->get();
  OpBuilder builder(weight.getContext());
  builder.setInsertionPointAfterValue(weight);
  Value wide = widenWeight(builder, weight);
  std::string reason;
  std::optional<QuantizedWeight> quantized =
      quantizer(builder, wide, format, site, reason);
  if (!quantized)
    return reason;
  Value numbers =
      DequantizeOp::create(builder, weight.getLoc(), quantized->codes,
                           quantized->scale, quantized->zero, format);
  site.use->set(narrowWeight(
      builder, numbers,
      cast<RankedTensorType>(weight.getType()).getElementType()));
  return "";
}
