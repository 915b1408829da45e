//===- ReportTable.cpp - Reports at a terminal ----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Report/Report.h"

#include "ReportText.h"

#include "Quench/Support/Spelling.h"
#include "Quench/Support/TextTable.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace quench;

/// The metrics of outputs, of the reference and of the model.
static void printMetrics(const Report &report, llvm::raw_ostream &os) {
  if (report.outputs) {
    for (const Evaluation::Metric &metric : report.outputs->metrics)
      os << llvm::left_justify(metric.name, 28) << "  "
         << formatMetric(metric.value) << "\n";
    return;
  }
  const std::optional<LayerReport> &layers = report.model.layers;
  if (!layers || !layers->examples)
    return;
  TextTable table({false, true, true});
  table.addRow({"", "float", "quantized"});
  for (const Evaluation::Metric &metric : layers->quantized.metrics) {
    const Evaluation::Metric *before = layers->reference.find(metric.name);
    table.addRow({metric.name, before ? formatMetric(before->value) : "",
                  formatMetric(metric.value)});
  }
  table.print(os);
}

static std::string formatLevel(std::optional<double> level) {
  return level ? formatDecibels(*level) : "";
}
static std::string formatLevel(const std::optional<NoisePower> &power) {
  return power ? formatDecibels(power->getDecibels()) : "";
}

/// The worst layers of the model, with what the reference has in their place.
static void printLayers(const Report &report, size_t limit,
                        llvm::raw_ostream &os) {
  const LayerReport &layers = *report.model.layers;
  const LayerReport *other = report.reference && report.reference->layers &&
                                     !report.reference->layers->layers.empty()
                                 ? &*report.reference->layers
                                 : nullptr;
  TextTable table(
      {false, false, false, true, true, true, true, true, true, true, true});
  std::vector<std::string> titles = {"layer",     "weight",      "input",
                                     "weight dB", "input dB",    "layer dB",
                                     "output dB", "alone",       "all but it",
                                     "bytes",     "reference dB"};
  auto addRow = [&](std::vector<std::string> cells) {
    if (!other)
      cells.pop_back();
    table.addRow(std::move(cells));
  };
  addRow(titles);
  std::vector<const QuantizedLayer *> ranking = layers.getRanking();
  for (const QuantizedLayer *layer :
       llvm::ArrayRef(ranking).take_front(limit)) {
    auto getShare = [&](const std::optional<OutputLoss> &loss) -> std::string {
      std::optional<double> share =
          loss ? layers.getShare(*loss) : std::nullopt;
      return share ? formatShare(*share) : "";
    };
    std::string reference;
    if (other)
      for (const QuantizedLayer &same : other->layers)
        if (same.name == layer->name)
          reference = formatLevel(same.propagated);
    addRow({layer->name, getCodes(*layer, true), getCodes(*layer, false),
            formatLevel(getLevel(*layer, true)),
            formatLevel(getLevel(*layer, false)), formatLevel(layer->local),
            formatLevel(layer->propagated), getShare(layer->alone),
            getShare(layer->without), formatBytes(layer->bytes), reference});
  }
  table.print(os);
  if (ranking.size() > limit)
    os << ranking.size() - limit << " layers more\n";
}

static void printNext(const LayerReport &layers, llvm::raw_ostream &os) {
  std::vector<Suggestion> next = suggestNext(layers);
  if (next.empty())
    return;
  os << "\nto try next\n";
  for (const Suggestion &suggestion : llvm::ArrayRef(next).take_front(3)) {
    os << "  " << suggestion.action << ": "
       << (suggestion.isMeasured ? "" : "about ")
       << formatShare(suggestion.gain) << " of the error goes";
    if (!suggestion.metric.empty())
      os << ", " << suggestion.metric << " " << formatMetric(suggestion.before)
         << " -> " << formatMetric(suggestion.after);
    if (suggestion.bytes > 0)
      os << ", " << formatBytes(suggestion.bytes) << " more";
    os << "\n";
    if (!suggestion.option.empty())
      os << "    " << suggestion.option << "\n";
  }
}

void quench::printReport(const Report &report, size_t limit,
                         llvm::raw_ostream &os) {
  if (report.outputs)
    os << report.model.name << " against " << report.reference->name << ", "
       << formatCount(report.outputs->examples, "example") << "\n";
  printMetrics(report, os);
  const std::optional<LayerReport> &layers = report.model.layers;
  if (!layers)
    return;
  os << "parameters  " << formatBytes(layers->floatBytes) << " as floats, "
     << formatBytes(layers->bytes) << " as they are\n";
  if (layers->layers.empty()) {
    os << "nothing is quantized\n";
    return;
  }
  os << "\n";
  if (layers->examples)
    os << "layers, measured on " << formatCount(layers->examples, "example")
       << "\n";
  printLayers(report, limit, os);
  printNext(*layers, os);
}
