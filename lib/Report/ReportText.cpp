//===- ReportText.cpp - Words and numbers of reports ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ReportText.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace quench;

std::string quench::getHeadline(const OutputLoss &loss) {
  if (loss.find("kl"))
    return "kl";
  for (const Evaluation::Metric &metric : loss.metrics)
    if (llvm::StringRef(metric.name).starts_with("cosine."))
      return metric.name;
  return "";
}

std::string quench::formatDecibels(double level) {
  if (std::isinf(level))
    return level > 0 ? "∞" : "-∞";
  return llvm::formatv("{0:f1}", level);
}

std::string quench::formatShare(double share) {
  double percent = 100 * share;
  return llvm::formatv(std::abs(percent) < 9.95 ? "{0:f1} %" : "{0:f0} %",
                       percent);
}

std::string quench::formatMetric(double value) {
  if (std::isinf(value))
    return value > 0 ? "∞" : "-∞";
  double magnitude = std::abs(value);
  if (magnitude != 0 && magnitude < 1e-4)
    return llvm::formatv("{0:e1}", value);
  return llvm::formatv(magnitude >= 100 ? "{0:f1}" : "{0:f4}", value);
}

std::string quench::getCodes(const QuantizedLayer &layer, bool areWeights) {
  llvm::SmallVector<llvm::StringRef> codes;
  for (const QuantizedOperand &operand : layer.operands)
    if (operand.isWeight() == areWeights &&
        !llvm::is_contained(codes, operand.codes))
      codes.push_back(operand.codes);
  return codes.empty() ? "-" : llvm::join(codes, ", ");
}

std::string quench::describeFormats(const QuantizedLayer &layer) {
  std::string weights = getCodes(layer, true), others = getCodes(layer, false);
  if (others == "-")
    return weights + " weights";
  if (weights == "-")
    return others + " inputs";
  return weights + " weights and " + others + " inputs";
}

std::optional<double> quench::getLevel(const QuantizedLayer &layer,
                                       bool areWeights) {
  std::optional<double> least;
  for (const QuantizedOperand &operand : layer.operands)
    if (operand.isWeight() == areWeights && operand.power) {
      double level = operand.power->getDecibels();
      least = least ? std::min(*least, level) : level;
    }
  return least;
}
