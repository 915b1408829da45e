//===- ReportHTML.cpp - Reports for browsers ------------------------------===//
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
#include "Quench/Support/Version.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Mustache.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <limits>

using namespace quench;
namespace json = llvm::json;

/// The page, from Report.html.in.
static constexpr char pageTemplate[] =
#include "Report.html.inc"
    ;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

static std::string formatNumber(double value, llvm::StringRef format) {
  return llvm::formatv(format.data(), value);
}

/// A number that a column is sorted by; empty where there is none.
static std::string getSortKey(std::optional<double> value) {
  if (!value)
    return "";
  // As far as any level goes.
  return formatNumber(std::isinf(*value) ? std::copysign(1e9, *value) : *value,
                      "{0:f6}");
}

static std::optional<double> getLevel(const std::optional<NoisePower> &power) {
  return power ? std::optional(power->getDecibels()) : std::nullopt;
}

static std::string formatLevel(std::optional<double> level) {
  return level ? formatDecibels(*level) : "";
}

static llvm::StringRef getFileName(llvm::StringRef path) {
  llvm::StringRef name = llvm::sys::path::filename(path.rtrim('/'));
  return name.empty() ? path : name;
}

//===----------------------------------------------------------------------===//
// Summary
//===----------------------------------------------------------------------===//

static json::Object makeCard(llvm::StringRef label, std::string value,
                             std::string detail) {
  return json::Object{{"label", label},
                      {"value", std::move(value)},
                      {"detail", std::move(detail)}};
}

static void addSizeCards(const LayerReport &layers, json::Array &cards) {
  double times = layers.bytes ? double(layers.floatBytes) / layers.bytes : 1;
  cards.push_back(makeCard("Parameters", formatBytes(layers.bytes),
                           formatBytes(layers.floatBytes) + " as floats, " +
                               formatNumber(times, "{0:f1}") +
                               " times smaller"));
  int64_t elements = 0, bytes = 0;
  for (const QuantizedLayer &layer : layers.layers) {
    elements += layer.elements;
    bytes += layer.bytes;
  }
  cards.push_back(
      makeCard("Quantized", formatCount(layers.layers.size(), "layer"),
               elements ? formatNumber(8.0 * bytes / elements, "{0:f2}") +
                              " bits for each of their weights, scales included"
                        : std::string("no weights among them")));
}

/// What users look at first: labels, then tokens, then what is always there.
static const Evaluation::Metric *findBest(const OutputLoss &loss) {
  for (llvm::StringRef name :
       {"accuracy", "bits_per_byte", "bits_per_token", "kl"})
    if (const Evaluation::Metric *metric = loss.find(name))
      return metric;
  return loss.find(getHeadline(loss));
}

static void addLossCards(const LayerReport &layers, json::Array &cards) {
  const OutputLoss &loss = layers.quantized;
  cards.push_back(makeCard("Signal to noise of the outputs",
                           formatDecibels(getDecibels(1, loss.ratio)) + " dB",
                           "against the same model in floats, " +
                               formatCount(layers.examples, "example")));
  const Evaluation::Metric *best = findBest(loss);
  if (!best)
    return;
  const Evaluation::Metric *before = layers.reference.find(best->name);
  cards.push_back(makeCard(best->name, formatMetric(best->value),
                           before ? formatMetric(before->value) + " in floats"
                                  : std::string("against floats")));
}

/// The metrics of all models that ran, side by side.
static void addMetrics(const Report &report, json::Object &page) {
  std::vector<std::string> columns;
  llvm::MapVector<llvm::StringRef, std::vector<std::string>> rows;
  auto addColumn = [&](std::string title,
                       llvm::ArrayRef<Evaluation::Metric> metrics) {
    for (const Evaluation::Metric &metric : metrics) {
      std::vector<std::string> &row = rows[metric.name];
      row.resize(columns.size());
      row.push_back(formatMetric(metric.value));
    }
    columns.push_back(std::move(title));
  };
  if (report.outputs)
    addColumn(llvm::formatv("against {0}, {1}",
                            getFileName(report.reference->name),
                            formatCount(report.outputs->examples, "example")),
              report.outputs->metrics);
  if (report.model.layers && report.model.layers->examples) {
    const LayerReport &layers = *report.model.layers;
    std::string examples = formatCount(layers.examples, "example");
    addColumn("in floats, " + examples, layers.reference.metrics);
    addColumn("quantized, against floats, " + examples,
              layers.quantized.metrics);
  }
  json::Array metrics;
  for (auto &[name, values] : rows) {
    values.resize(columns.size());
    metrics.push_back(
        json::Object{{"name", name}, {"values", json::Array(values)}});
  }
  page["hasMetrics"] = !metrics.empty();
  page["metrics"] = std::move(metrics);
  page["metricColumns"] = json::Array(columns);
}

static void addSummary(const Report &report, json::Object &page) {
  std::string model = getFileName(report.model.name).str();
  page["title"] = model;
  std::string subtitle = "Quantization report of " + report.model.name;
  if (report.reference)
    subtitle += ", compared with " + report.reference->name;
  page["subtitle"] = subtitle;
  json::Array cards;
  const std::optional<LayerReport> &layers = report.model.layers;
  if (layers)
    addSizeCards(*layers, cards);
  if (layers && layers->examples)
    addLossCards(*layers, cards);
  page["cards"] = std::move(cards);
  std::string summary;
  if (!layers)
    summary = "Of a compiled model only the outputs are known.";
  else if (layers->layers.empty())
    summary = "Nothing is quantized.";
  else if (report.data.empty())
    summary = "Nothing ran: sizes and weights are known, what they make of "
              "inputs is not. Name examples with --data.";
  else
    summary =
        "Measured on " + report.data + ", entry point " + layers->entry + ".";
  page["summary"] = summary;
  addMetrics(report, page);
}

//===----------------------------------------------------------------------===//
// What to try next
//===----------------------------------------------------------------------===//

static void addNext(const LayerReport &layers, json::Object &page) {
  constexpr size_t most = 6;
  json::Array next;
  std::vector<Suggestion> suggestions = suggestNext(layers);
  for (const Suggestion &suggestion :
       llvm::ArrayRef(suggestions).take_front(most)) {
    std::string effect;
    if (!suggestion.metric.empty())
      effect = llvm::formatv("{0} {1} → {2}", suggestion.metric,
                             formatMetric(suggestion.before),
                             formatMetric(suggestion.after));
    if (suggestion.bytes > 0)
      effect += (effect.empty() ? "" : ", ") +
                ("parameters +" + formatBytes(suggestion.bytes));
    next.push_back(json::Object{
        {"gainLabel", suggestion.isMeasured ? "error" : "error, about"},
        {"gain", formatShare(suggestion.gain)},
        {"action", suggestion.action},
        {"reason", suggestion.reason},
        {"effect", effect},
        {"hasOption", !suggestion.option.empty()},
        {"option", suggestion.option},
        {"badge", suggestion.isMeasured ? "measured" : "estimated"},
        {"badgeClass", suggestion.isMeasured ? "good" : "warn"}});
  }
  page["hasNext"] = !next.empty();
  page["next"] = std::move(next);
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// The formats of weights, or of everything else.
static std::string getFormats(const QuantizedLayer &layer, bool areWeights) {
  std::vector<std::string> formats;
  for (const QuantizedOperand &operand : layer.operands)
    if (operand.isWeight() == areWeights)
      formats.push_back(operand.role + ": " + operand.format);
  return llvm::join(formats, "; ");
}

/// The fewest bits of those.
static std::string getBits(const QuantizedLayer &layer, bool areWeights) {
  std::optional<double> bits;
  for (const QuantizedOperand &operand : layer.operands)
    if (operand.isWeight() == areWeights)
      bits = bits ? std::min<double>(*bits, operand.bits) : operand.bits;
  return getSortKey(bits);
}

/// A cell with a bar, as wide as `share`.
static json::Object makeShare(std::optional<double> share,
                              llvm::StringRef style) {
  double width = share ? std::min(100.0, std::max(0.0, 100 * *share)) : 0;
  return json::Object{{"value", getSortKey(share)},
                      {"text", share ? formatShare(*share) : std::string()},
                      {"width", formatNumber(width, "{0:f1}")},
                      {"class", style}};
}

static json::Object makeLevel(std::optional<double> level) {
  return json::Object{{"value", getSortKey(level)},
                      {"text", formatLevel(level)}};
}

/// `name` in pieces between which a line may end.
static json::Array splitName(llvm::StringRef name) {
  json::Array pieces;
  while (!name.empty()) {
    size_t end = name.find_first_of("._");
    size_t size = end == llvm::StringRef::npos ? name.size() : end + 1;
    pieces.push_back(name.take_front(size));
    name = name.drop_front(size);
  }
  return pieces;
}

static const LayerReport *getReferenceLayers(const Report &report) {
  if (!report.reference || !report.reference->layers ||
      report.reference->layers->layers.empty())
    return nullptr;
  return &*report.reference->layers;
}

static void addColumns(const LayerReport &layers, bool hasReference,
                       json::Object &page) {
  json::Array columns;
  auto add = [&](llvm::StringRef title, llvm::StringRef kind = "number",
                 llvm::StringRef style = "") {
    json::Object column{{"title", title}, {"kind", kind}, {"class", style}};
    if (title == "all but it" && layers.examples)
      column["sorted"] = "ascending";
    columns.push_back(std::move(column));
  };
  add("layer");
  add("weight", "number", "left");
  add("input", "number", "left");
  add("weight dB");
  add("input dB");
  add("layer dB");
  add("output dB");
  if (hasReference)
    add("reference dB");
  add("alone", "most", "left");
  add("all but it", "number", "left");
  add("size", "most");
  page["columns"] = std::move(columns);
}

static void addLayers(const Report &report, json::Object &page) {
  const LayerReport &layers = *report.model.layers;
  const LayerReport *reference = getReferenceLayers(report);
  addColumns(layers, reference, page);
  json::Array rows;
  for (const QuantizedLayer *layer : layers.getRanking()) {
    json::Array levels{makeLevel(getLevel(*layer, /*areWeights=*/true)),
                       makeLevel(getLevel(*layer, /*areWeights=*/false)),
                       makeLevel(getLevel(layer->local)),
                       makeLevel(getLevel(layer->propagated))};
    if (reference) {
      std::optional<double> level;
      for (const QuantizedLayer &other : reference->layers)
        if (other.name == layer->name)
          level = getLevel(other.propagated);
      levels.push_back(makeLevel(level));
    }
    auto getShare = [&](const std::optional<OutputLoss> &loss) {
      return loss ? layers.getShare(*loss) : std::nullopt;
    };
    rows.push_back(json::Object{
        {"name", splitName(layer->name)},
        {"place", std::to_string(layer - layers.layers.data())},
        {"ops", llvm::join(layer->ops, ", ") +
                    (layer->hasTwin ? "" : "; its floats are not known")},
        {"weight", getCodes(*layer, true)},
        {"weightBits", getBits(*layer, true)},
        {"weightFormat", getFormats(*layer, true)},
        {"input", getCodes(*layer, false)},
        {"inputBits", getBits(*layer, false)},
        {"inputFormat", getFormats(*layer, false)},
        {"levels", std::move(levels)},
        {"shares", json::Array{makeShare(getShare(layer->alone), "two"),
                               makeShare(getShare(layer->without), "")}},
        {"bytes", std::to_string(layer->bytes)},
        {"floatSize", layer->elements ? formatBytes(layer->floatBytes) : ""},
        {"size", layer->elements ? formatBytes(layer->bytes) : ""}});
  }
  page["layers"] = std::move(rows);
  page["layersNote"] =
      layers.examples
          ? "Sorted by the error that is left when a layer stays in floats: "
            "the first costs most. The heads of columns sort."
          : "Sorted by the errors of weights. The heads of columns sort.";
}

//===----------------------------------------------------------------------===//
// Chart
//===----------------------------------------------------------------------===//

namespace {
/// Layers below one another, levels from left to right.
class Chart {
public:
  explicit Chart(const LayerReport &report);

  json::Object draw() const;
  /// Whether not all layers are drawn.
  bool isCut() const { return layers.size() < total; }
  size_t getNumLayers() const { return layers.size(); }

private:
  static constexpr size_t mostRows = 120;
  static constexpr int labelWidth = 330, width = 1100, rowHeight = 22, top = 34;

  double getX(double level) const {
    return labelWidth + 14 +
           (level - low) / (high - low) * (width - labelWidth - 34);
  }
  json::Object drawRow(const QuantizedLayer &layer, size_t row) const;

  /// In the order of the program.
  std::vector<const QuantizedLayer *> layers;
  size_t total;
  double low = std::numeric_limits<double>::infinity(), high = -low;
};
} // namespace

/// The levels of `layer` that are known, in dB; none of what has no noise.
static llvm::SmallVector<std::pair<const char *, double>>
getLevels(const QuantizedLayer &layer) {
  llvm::SmallVector<std::pair<const char *, double>> levels;
  auto add = [&](const char *name, std::optional<double> level) {
    if (level && std::isfinite(*level))
      levels.push_back({name, *level});
  };
  add("weight", getLevel(layer, /*areWeights=*/true));
  add("input", getLevel(layer, /*areWeights=*/false));
  add("output", getLevel(layer.propagated));
  add("local", getLevel(layer.local));
  return levels;
}

Chart::Chart(const LayerReport &report)
    : layers(report.getRanking()), total(report.layers.size()) {
  if (layers.size() > mostRows)
    layers.resize(mostRows);
  llvm::sort(layers);
  for (const QuantizedLayer *layer : layers)
    for (auto [name, level] : getLevels(*layer)) {
      low = std::min(low, 10 * std::floor(level / 10));
      high = std::max(high, 10 * std::ceil(level / 10));
    }
  if (!(low < high)) {
    low = std::isfinite(low) ? low : 0;
    high = low + 10;
  }
}

/// The end of `name` that a label has room for.
static std::string shorten(llvm::StringRef name) {
  constexpr size_t room = 46;
  if (name.size() <= room)
    return name.str();
  llvm::StringRef end = name.take_back(room);
  size_t dot = end.find('.');
  return "…" + end.drop_front(dot == llvm::StringRef::npos ? 0 : dot).str();
}

json::Object Chart::drawRow(const QuantizedLayer &layer, size_t row) const {
  double y = top + rowHeight * (row + 0.5);
  json::Object object{{"label", shorten(layer.name)},
                      {"labelX", std::to_string(labelWidth)},
                      {"y", formatNumber(y, "{0:f1}")},
                      {"textY", formatNumber(y + 4, "{0:f1}")}};
  std::string hint = layer.name;
  std::optional<double> from, to;
  for (auto [name, level] : getLevels(layer)) {
    double x = getX(level);
    from = from ? std::min(*from, x) : x;
    to = to ? std::max(*to, x) : x;
    std::string place = formatNumber(x, "{0:f1}");
    object[name] = json::Object{{"x", place}};
    hint += llvm::formatv("; {0} {1} dB",
                          llvm::StringRef(name) == "local" ? "layer" : name,
                          formatDecibels(level));
  }
  object["hint"] = hint;
  object["from"] = formatNumber(from.value_or(getX(low)), "{0:f1}");
  object["to"] = formatNumber(to.value_or(getX(low)), "{0:f1}");
  return object;
}

json::Object Chart::draw() const {
  int height = top + rowHeight * layers.size() + 8;
  json::Array grid, rows;
  double step = high - low > 80 ? 20 : 10;
  for (double level = low; level <= high; level += step)
    grid.push_back(json::Object{{"x", formatNumber(getX(level), "{0:f1}")},
                                {"bottom", std::to_string(height - 4)},
                                {"label", formatNumber(level, "{0:f0}")}});
  for (auto [row, layer] : llvm::enumerate(layers))
    rows.push_back(drawRow(*layer, row));
  return json::Object{{"width", std::to_string(width)},
                      {"height", std::to_string(height)},
                      {"grid", std::move(grid)},
                      {"rows", std::move(rows)}};
}

static void addChart(const LayerReport &layers, json::Object &page) {
  Chart chart(layers);
  page["chart"] = chart.draw();
  page["isMeasured"] = layers.examples > 0;
  page["chartNote"] =
      chart.isCut() ? llvm::formatv("The {0} worst of {1}.",
                                    chart.getNumLayers(), layers.layers.size())
                          .str()
                    : std::string();
}

//===----------------------------------------------------------------------===//
// Layers in floats
//===----------------------------------------------------------------------===//

static void addSteps(const LayerReport &layers, json::Object &page) {
  json::Array steps;
  auto add = [&](std::string name, const OutputLoss &loss, int64_t bytes) {
    std::optional<double> share = layers.getShare(loss);
    double width = share ? std::min(100.0, 100 * *share) : 0;
    steps.push_back(json::Object{
        {"name", std::move(name)},
        {"width", formatNumber(width, "{0:f1}")},
        {"share", share ? formatShare(*share) : std::string()},
        {"level", formatDecibels(getDecibels(1, loss.ratio)) + " dB"},
        {"size", formatBytes(bytes)}});
  };
  page["hasSteps"] = !layers.kept.empty();
  add("none", layers.quantized, layers.bytes);
  for (const LayerReport::Kept &kept : layers.kept)
    add("+ " + kept.layers.back(), kept.loss, kept.bytes);
  page["steps"] = std::move(steps);
}

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

/// The text of `remark` with its place, unless that is in it.
static std::string getText(const CollectedRemark &remark) {
  if (remark.site.empty() || remark.text.find(remark.site) != std::string::npos)
    return remark.text;
  return remark.site + ": " + remark.text;
}

/// What passes did, with certificates where they were checked.
static void addRewrites(const Report &report, json::Object &page) {
  json::Array rewrites;
  llvm::StringSet<> certified;
  for (const EquivalenceCertificate &certificate : report.certificates) {
    using Result = EquivalenceCertificate::Result;
    certified.insert(llvm::StringRef(certificate.pass).split('{').first);
    json::Array sites;
    for (const EquivalenceClaim::Site &site : certificate.sites)
      sites.push_back(site.name + ": " + site.note);
    std::string detail = certificate.report.failure;
    if (certificate.result == Result::Equal)
      detail = llvm::formatv(
          "{0} of the model before and after differ by at most {1:e1}, "
          "relative to their rows; IR {2} → {3}",
          formatCount(certificate.report.outputs.size(), "output"),
          certificate.report.getLargestError(), certificate.hashBefore,
          certificate.hashAfter);
    rewrites.push_back(json::Object{
        {"pass", certificate.pass},
        {"badge", stringify(certificate.result)},
        {"badgeClass", certificate.result == Result::Equal       ? "good"
                       : certificate.result == Result::Unchanged ? "plain"
                                                                 : "warn"},
        {"hasDetail", !detail.empty()},
        {"detail", detail},
        {"sites", std::move(sites)}});
  }
  llvm::MapVector<llvm::StringRef, json::Array> passes;
  for (const CollectedRemark &remark : report.remarks)
    if (remark.kind == CollectedRemark::Kind::Done &&
        !certified.contains(remark.pass))
      passes[remark.pass].push_back(getText(remark));
  for (auto &[pass, sites] : passes)
    rewrites.push_back(
        json::Object{{"pass", pass},
                     {"badge", formatCount(sites.size(), "place")},
                     {"badgeClass", "plain"},
                     {"hasDetail", false},
                     {"sites", std::move(sites)}});
  page["rewritesNote"] =
      rewrites.empty() ? "No pass said that it changed the model."
      : report.certificates.empty()
          ? "What passes did, as they say it. With --verify-equivalence every "
            "pass that claims to keep what the model computes is checked and "
            "gets a certificate."
          : "What passes did. Equal: the model before and after was run in "
            "f64, and all outputs agreed.";
  page["hasRewrites"] = !rewrites.empty();
  page["rewrites"] = std::move(rewrites);
}

static void addRefused(const Report &report, json::Object &page) {
  llvm::MapVector<llvm::StringRef, json::Array> passes;
  for (const CollectedRemark &remark : report.remarks)
    if (remark.kind == CollectedRemark::Kind::Refused)
      passes[remark.pass].push_back(getText(remark));
  json::Array refused;
  for (auto &[pass, items] : passes)
    refused.push_back(json::Object{{"pass", pass},
                                   {"count", std::to_string(items.size())},
                                   {"items", std::move(items)}});
  page["refusedNote"] = refused.empty()
                            ? "No pass declined anything that was asked for."
                            : "What stays as it is, and why.";
  page["hasRefused"] = !refused.empty();
  page["refused"] = std::move(refused);
}

//===----------------------------------------------------------------------===//
// writeHTML
//===----------------------------------------------------------------------===//

void quench::writeHTML(const Report &report, llvm::raw_ostream &os) {
  json::Object page{
      {"version", getVersion()}, {"hasNext", false}, {"hasSteps", false}};
  addSummary(report, page);
  const std::optional<LayerReport> &layers = report.model.layers;
  bool hasLayers = layers && !layers->layers.empty();
  page["hasLayers"] = hasLayers;
  if (hasLayers) {
    addChart(*layers, page);
    addLayers(report, page);
    if (layers->examples) {
      addNext(*layers, page);
      addSteps(*layers, page);
    }
  }
  addRewrites(report, page);
  addRefused(report, page);

  llvm::BumpPtrAllocator allocator;
  llvm::StringSaver saver(allocator);
  llvm::mustache::MustacheContext context(allocator, saver);
  llvm::mustache::Template(pageTemplate, context)
      .render(json::Value(std::move(page)), os);
}
