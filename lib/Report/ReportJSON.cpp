//===- ReportJSON.cpp - Reports for programs ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Report/Report.h"

#include "Quench/Support/Version.h"

using namespace quench;
namespace json = llvm::json;

/// A level in dB; null where nothing was measured or there is no noise.
static json::Value toJSON(const std::optional<NoisePower> &power) {
  return power ? getJSONNumber(power->getDecibels()) : json::Value(nullptr);
}

static json::Object toJSON(const OutputLoss &loss) {
  json::Object metrics;
  for (const Evaluation::Metric &metric : loss.metrics)
    metrics[metric.name] = getJSONNumber(metric.value);
  return json::Object{{"error", getJSONNumber(loss.ratio)},
                      {"metrics", std::move(metrics)}};
}

static json::Object toJSON(const QuantizedLayer &layer,
                           const LayerReport &report) {
  json::Array operands;
  for (const QuantizedOperand &operand : layer.operands)
    operands.push_back(json::Object{{"role", operand.role},
                                    {"format", operand.format},
                                    {"bits", operand.bits},
                                    {"sqnr", toJSON(operand.power)}});
  json::Object object{{"name", layer.name},
                      {"ops", json::Array(layer.ops)},
                      {"operands", std::move(operands)},
                      {"elements", layer.elements},
                      {"float_bytes", layer.floatBytes},
                      {"bytes", layer.bytes},
                      {"local_sqnr", toJSON(layer.local)},
                      {"output_sqnr", toJSON(layer.propagated)}};
  auto add = [&](llvm::StringRef key, const std::optional<OutputLoss> &loss) {
    if (!loss)
      return;
    json::Object value = toJSON(*loss);
    if (std::optional<double> share = report.getShare(*loss))
      value["share"] = getJSONNumber(*share);
    object[key] = std::move(value);
  };
  add("alone", layer.alone);
  add("without", layer.without);
  if (!layer.hasTwin)
    object["float_is_unknown"] = true;
  return object;
}

static json::Object toJSON(const LayerReport &report) {
  json::Array layers, kept;
  for (const QuantizedLayer *layer : report.getRanking())
    layers.push_back(toJSON(*layer, report));
  json::Object object{{"entry", report.entry},
                      {"float_bytes", report.floatBytes},
                      {"bytes", report.bytes},
                      {"layers", std::move(layers)}};
  if (!report.examples)
    return object;
  for (const LayerReport::Kept &set : report.kept) {
    json::Object value = toJSON(set.loss);
    value["layers"] = json::Array(set.layers);
    value["bytes"] = set.bytes;
    kept.push_back(std::move(value));
  }
  json::Array next;
  for (const Suggestion &suggestion : suggestNext(report)) {
    json::Object value{
        {"action", suggestion.action},          {"reason", suggestion.reason},
        {"option", suggestion.option},          {"gain", suggestion.gain},
        {"is_measured", suggestion.isMeasured}, {"bytes", suggestion.bytes}};
    if (!suggestion.metric.empty()) {
      value["metric"] = suggestion.metric;
      value["before"] = getJSONNumber(suggestion.before);
      value["after"] = getJSONNumber(suggestion.after);
    }
    next.push_back(std::move(value));
  }
  object["examples"] = report.examples;
  object["float"] = toJSON(report.reference);
  object["quantized"] = toJSON(report.quantized);
  object["kept"] = std::move(kept);
  object["next"] = std::move(next);
  return object;
}

static json::Object toJSON(const ReportedModel &model) {
  json::Object object{{"name", model.name}};
  if (model.layers)
    object["quantization"] = toJSON(*model.layers);
  return object;
}

static llvm::StringRef describeKind(CollectedRemark::Kind kind) {
  switch (kind) {
  case CollectedRemark::Kind::Done:
    return "done";
  case CollectedRemark::Kind::Refused:
    return "refused";
  case CollectedRemark::Kind::Noted:
    return "noted";
  }
  llvm_unreachable("unknown kind");
}

json::Value quench::toJSON(const Report &report) {
  json::Object object{{"format", "quench-report"},
                      {"version", 1},
                      {"quench", getVersion()},
                      {"model", ::toJSON(report.model)}};
  if (!report.data.empty())
    object["data"] = report.data;
  if (report.reference)
    object["reference"] = ::toJSON(*report.reference);
  if (report.outputs)
    object["outputs"] = report.outputs->toJSON();
  json::Array certificates, remarks;
  for (const EquivalenceCertificate &certificate : report.certificates)
    certificates.push_back(certificate.toJSON());
  for (const CollectedRemark &remark : report.remarks)
    remarks.push_back(json::Object{{"kind", describeKind(remark.kind)},
                                   {"pass", remark.pass},
                                   {"name", remark.name},
                                   {"site", remark.site},
                                   {"text", remark.text}});
  object["certificates"] = std::move(certificates);
  object["remarks"] = std::move(remarks);
  return object;
}
