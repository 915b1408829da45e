//===- Suggest.cpp - What to try next -------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Report/Report.h"

#include "ReportText.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <limits>
#include <tuple>

using namespace quench;

/// A layer counts from this part of the error on.
static constexpr double leastShare = 0.1;
/// Layers that are suggested one by one at most.
static constexpr size_t mostLayers = 3;

/// Noise over signal; 0 where nothing is known.
static double getRatio(const std::optional<NoisePower> &power) {
  return power && power->noise > 0 ? power->noise / power->signal : 0;
}

/// What layers in floats, or at other bits, would give.
static Suggestion measured(const LayerReport &report, const OutputLoss &loss,
                           int64_t bytes) {
  Suggestion suggestion;
  suggestion.gain = 1 - loss.ratio / report.quantized.ratio;
  suggestion.isMeasured = true;
  suggestion.bytes = bytes;
  suggestion.metric = getHeadline(report.quantized);
  if (const Evaluation::Metric *before =
          report.quantized.find(suggestion.metric))
    suggestion.before = before->value;
  if (const Evaluation::Metric *after = loss.find(suggestion.metric))
    suggestion.after = after->value;
  return suggestion;
}

/// `layer` with codes of 8 bits, where it has fewer now: from `gain`, which
/// floats bring.
static std::optional<Suggestion> widen(const QuantizedLayer &layer,
                                       double gain) {
  double now = 0, then = 0;
  int64_t bytes = 0;
  unsigned fewest = 8;
  for (const QuantizedOperand &operand : layer.operands) {
    double ratio = getRatio(operand.power);
    int missing = std::max(0, 8 - static_cast<int>(operand.bits));
    fewest = std::min(fewest, operand.bits);
    now += ratio;
    then += std::ldexp(ratio, -2 * missing);
    if (operand.isWeight())
      bytes += layer.elements * missing / 8;
  }
  if (fewest >= 8 || now == 0)
    return std::nullopt;
  Suggestion suggestion;
  suggestion.action = "give " + layer.name + " 8 bits";
  suggestion.reason =
      llvm::formatv("it has {0}; each bit more takes 6 dB of the noise",
                    describeFormats(layer));
  suggestion.option = "--rule '" + layer.name + "=i8'";
  suggestion.gain = gain * (1 - then / now);
  suggestion.isMeasured = false;
  suggestion.bytes = bytes;
  return suggestion;
}

/// Another basis for the input of `layer`, where that is what is wrong.
static std::optional<Suggestion> spread(const QuantizedLayer &layer,
                                        double gain) {
  const QuantizedOperand *input = layer.find("input");
  const QuantizedOperand *weight = layer.find("weight");
  if (!input || !weight)
    return std::nullopt;
  double ofInput = getRatio(input->power), ofWeight = getRatio(weight->power);
  if (!(ofInput > 4 * ofWeight) || !(gain > 0))
    return std::nullopt;
  Suggestion suggestion;
  suggestion.action = "spread the outliers of " + layer.name + ".input";
  suggestion.reason = llvm::formatv(
      "its input has {0} dB, its weight {1} dB: rotations and scales move "
      "what is large in few channels",
      formatDecibels(input->power->getDecibels()),
      formatDecibels(weight->power->getDecibels()));
  suggestion.option = "--recipe quarot";
  suggestion.gain = gain * ofInput / (ofInput + ofWeight);
  suggestion.isMeasured = false;
  return suggestion;
}

/// The fewest layers that bring nearly as much as any set of them.
static std::optional<Suggestion> suggestSet(const LayerReport &report) {
  double least = std::numeric_limits<double>::infinity();
  for (const LayerReport::Kept &kept : report.kept)
    least = std::min(least, kept.loss.ratio);
  double most = report.quantized.ratio - least;
  for (const LayerReport::Kept &kept : report.kept) {
    if (report.quantized.ratio - kept.loss.ratio < 0.9 * most)
      continue;
    // One layer alone is suggested as such.
    if (kept.layers.size() < 2)
      break;
    Suggestion set = measured(report, kept.loss, kept.bytes - report.bytes);
    set.action = llvm::formatv("keep the {0} worst layers in floats",
                               kept.layers.size());
    set.reason = llvm::join(kept.layers, ", ");
    for (llvm::StringRef layer : kept.layers)
      set.option += (set.option.empty() ? "--rule '" : " --rule '") +
                    layer.str() + "=float'";
    return set;
  }
  return std::nullopt;
}

std::vector<Suggestion> quench::suggestNext(const LayerReport &report) {
  std::vector<Suggestion> suggestions;
  if (!(report.quantized.ratio > 0))
    return suggestions;
  size_t layers = 0;
  for (const QuantizedLayer *layer : report.getRanking()) {
    if (!layer->without || layers++ == mostLayers)
      break;
    Suggestion floats =
        measured(report, *layer->without, layer->floatBytes - layer->bytes);
    double gain = floats.gain;
    if (gain < leastShare)
      break;
    floats.action = "keep " + layer->name + " in floats";
    floats.reason = "it has " + describeFormats(*layer);
    floats.option = "--rule '" + layer->name + "=float'";
    suggestions.push_back(std::move(floats));
    for (auto suggest : {widen, spread})
      if (std::optional<Suggestion> other = suggest(*layer, gain);
          other && other->gain >= leastShare)
        suggestions.push_back(std::move(*other));
  }
  if (std::optional<Suggestion> set = suggestSet(report)) {
    double single = 0;
    for (const Suggestion &suggestion : suggestions)
      single = std::max(single, suggestion.gain);
    if (set->gain >= single + leastShare)
      suggestions.push_back(std::move(*set));
  }
  llvm::sort(suggestions, [](const Suggestion &a, const Suggestion &b) {
    return std::tie(b.gain, a.action) < std::tie(a.gain, b.action);
  });
  return suggestions;
}
