//===- AssignBits.cpp - Schemes of mixed precision ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/AssignBits.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Pipelines/MeasureRelevance.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Support/Error.h"

#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Regex.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

/// Where the width of the integer codes of `format`, `i4` or
/// `#quench.uniform<i4, ...>`, stands; npos where its codes are none.
static size_t findWidth(StringRef format) {
  llvm::Regex regex("^((#quench\\.uniform<[ \t]*)?[iu])([2-8])([ \t,>].*)?$");
  SmallVector<StringRef, 5> groups;
  return regex.match(format, &groups) ? groups[1].size() : StringRef::npos;
}

/// The width of the codes of `format`; none where they are no integers.
static std::optional<unsigned> getWidth(StringRef format) {
  size_t place = findWidth(format);
  if (place == StringRef::npos)
    return std::nullopt;
  return format[place] - '0';
}

/// `rule` with codes of `bits` bits.
static QuantRule withWidth(QuantRule rule, unsigned bits) {
  rule.format[findWidth(rule.format)] = '0' + bits;
  return rule;
}

/// A pattern that matches `name` and nothing else.
static std::string getPattern(StringRef name) {
  // Names of IR may have anything in them.
  bool isPlain = llvm::all_of(
      name, [](char c) { return llvm::isAlnum(c) || c == '.' || c == '_'; });
  return isPlain ? name.str() : "re:" + llvm::Regex::escape(name) + "$";
}

//===----------------------------------------------------------------------===//
// VariableScheme
//===----------------------------------------------------------------------===//

/// The sites of `plan` that vary, as places in it: those that a rule decided
/// among which `getRule` finds one. Inputs vary with weights of their width.
static llvm::DenseMap<size_t, size_t> findVariableSites(
    const FormatPlan &plan,
    llvm::function_ref<std::optional<size_t>(const QuantRule *)> getRule) {
  llvm::DenseMap<size_t, size_t> rules;
  unsigned widths = 0;
  for (SiteRole role : {SiteRole::Weight, SiteRole::Input})
    for (auto [index, site] : llvm::enumerate(plan.sites)) {
      const SiteDecision &decision = plan.decisions[index];
      if (site.role != role || !decision.format)
        continue;
      std::optional<size_t> rule = getRule(decision.winner);
      if (!rule)
        continue;
      unsigned mask = 1 << *getWidth(decision.winner->format);
      if (role == SiteRole::Weight)
        widths |= mask;
      if (widths & mask)
        rules[index] = *rule;
    }
  return rules;
}

FailureOr<VariableScheme> VariableScheme::create(ModuleOp module,
                                                 const FormatOptions &formats) {
  VariableScheme result;
  result.formats = formats;
  auto fail = [&](llvm::Error error) -> LogicalResult {
    return emitError(UnknownLoc::get(module.getContext()))
           << llvm::toString(std::move(error));
  };
  llvm::Expected<QuantScheme> scheme = QuantScheme::find(formats.scheme);
  if (!scheme)
    return fail(scheme.takeError());
  result.scheme = std::move(*scheme);
  llvm::Expected<std::vector<QuantRule>> rules = getRules(formats);
  if (!rules)
    return fail(rules.takeError());
  size_t numRules = result.scheme.rules.size();
  for (StringRef text : formats.rules)
    result.userRules.push_back(llvm::cantFail(QuantRule::parse(text)));
  FailureOr<FormatPlan> plan = planFormats(module, std::move(*rules));
  if (failed(plan))
    return failure();

  llvm::DenseMap<size_t, size_t> variable = findVariableSites(
      *plan, [&](const QuantRule *rule) -> std::optional<size_t> {
        size_t place = rule - plan->rules.data();
        if (place >= numRules || rule->namesSites() || !getWidth(rule->format))
          return std::nullopt;
        return place;
      });
  result.varies.assign(numRules, false);
  for (auto [site, rule] : variable)
    result.varies[rule] = true;

  // A layer has codes of one width, and a value has one format.
  llvm::IntEqClasses classes(plan->sites.size());
  llvm::StringMap<size_t> siteOf;
  for (const FormatUse &use : plan->uses)
    if (variable.contains(use.site))
      classes.join(
          siteOf.try_emplace(getSiteName(use.op), use.site).first->second,
          use.site);
  llvm::MapVector<unsigned, WidthGroup> groups;
  for (auto [index, site] : llvm::enumerate(plan->sites)) {
    auto it = variable.find(index);
    if (it == variable.end())
      continue;
    WidthGroup &group = groups[classes.findLeader(index)];
    group.sites.push_back({site.name, it->second});
    if (site.role == SiteRole::Weight)
      group.elements += site.getType().getNumElements();
  }
  for (const FormatUse &use : plan->uses) {
    if (!variable.contains(use.site))
      continue;
    std::vector<std::string> &layers =
        groups[classes.findLeader(use.site)].layers;
    std::string layer = getSiteName(use.op);
    if (!llvm::is_contained(layers, layer))
      layers.push_back(std::move(layer));
  }
  // Products of two activations, and the like, keep the width of the scheme.
  for (auto &[leader, group] : groups)
    if (group.elements)
      result.groups.push_back(std::move(group));
  if (result.groups.empty())
    return fail(makeError("scheme ", result.scheme.name,
                          " gives no weight integer codes that could have "
                          "another width"));
  return std::move(result);
}

FormatOptions VariableScheme::getFormats(unsigned bits) const {
  FormatOptions result = formats;
  result.scheme.clear();
  result.rules.clear();
  for (auto [rule, isVariable] : llvm::zip_equal(scheme.rules, varies))
    result.rules.push_back((isVariable ? withWidth(rule, bits) : rule).str());
  llvm::append_range(result.rules, formats.rules);
  return result;
}

QuantScheme VariableScheme::getScheme(ArrayRef<unsigned> bits) const {
  QuantScheme result{scheme.name, scheme.description, {}};
  for (auto [place, rule] : llvm::enumerate(scheme.rules)) {
    result.rules.push_back(rule);
    // Chosen widths stand where the rule did, so that later ones decide as
    // they did.
    for (auto [group, width] : llvm::zip_equal(groups, bits))
      for (const WidthGroup::Site &site : group.sites) {
        if (site.rule != place)
          continue;
        QuantRule chosen = withWidth(rule, width);
        chosen.sites = getPattern(site.name);
        chosen.roles.clear();
        result.rules.push_back(std::move(chosen));
      }
  }
  llvm::append_range(result.rules, userRules);
  return result;
}

//===----------------------------------------------------------------------===//
// measureWidths
//===----------------------------------------------------------------------===//

/// Fills `errors` with what the outputs of `model` lose with each of `groups`
/// quantized alone, and returns what is quantized.
static FailureOr<LayerReport> measureLosses(const LocatedModel &model,
                                            const CPUTarget &target,
                                            const WidthOptions &options,
                                            ArrayRef<WidthGroup> groups,
                                            std::vector<double> &errors) {
  std::vector<std::vector<std::string>> layers;
  for (const WidthGroup &group : groups)
    layers.push_back(group.layers);
  std::vector<OutputLoss> losses;
  FailureOr<LayerReport> report =
      measureGroups(model, target, options.data, layers, losses);
  if (failed(report))
    return failure();
  for (const OutputLoss &loss : losses) {
    if (options.metric == "error") {
      errors.push_back(loss.ratio);
      continue;
    }
    const Evaluation::Metric *metric = loss.find(options.metric);
    if (!metric)
      return emitError(UnknownLoc::get(ModuleOp(model.module).getContext()))
             << "the metric " << options.metric
             << " is none of this model; the error of the outputs always is";
    errors.push_back(metric->value);
  }
  return report;
}

/// Fills `errors` with the errors of what the layers of each of `groups` give,
/// and returns what is quantized.
static FailureOr<LayerReport> measureLayerErrors(const LocatedModel &model,
                                                 const CPUTarget &target,
                                                 const WidthOptions &options,
                                                 ArrayRef<WidthGroup> groups,
                                                 std::vector<double> &errors) {
  MeasureOptions measure;
  static_cast<EvaluationOptions &>(measure) = options.data;
  measure.ablations = measure.sets = 0;
  FailureOr<LayerReport> report = measureLayers(model, target, measure);
  if (failed(report))
    return failure();
  llvm::StringMap<NoisePower> local;
  for (const QuantizedLayer &layer : report->layers)
    if (layer.local)
      local[layer.name] = *layer.local;
  for (const WidthGroup &group : groups) {
    double &sum = errors.emplace_back(0);
    for (const std::string &layer : group.layers) {
      auto it = local.find(layer);
      if (it == local.end())
        return emitError(UnknownLoc::get(ModuleOp(model.module).getContext()))
               << "the error of what '" << layer << "' gives is not known";
      if (it->second.noise > 0)
        sum += it->second.noise / it->second.signal;
    }
  }
  return report;
}

/// Adds to each group what it is with `bits` bits. `model` is quantized so.
static FailureOr<int64_t> measureWidth(const LocatedModel &model,
                                       const CPUTarget &target,
                                       const WidthOptions &options,
                                       unsigned bits,
                                       MutableArrayRef<WidthGroup> groups) {
  auto *measure =
      options.metric == "layer" ? measureLayerErrors : measureLosses;
  std::vector<double> errors;
  FailureOr<LayerReport> report =
      measure(model, target, options, groups, errors);
  if (failed(report))
    return failure();
  llvm::StringMap<int64_t> bytes;
  for (const QuantizedLayer &layer : report->layers)
    bytes[layer.name] = layer.bytes;
  for (auto [group, error] : llvm::zip_equal(groups, errors)) {
    MeasuredWidth width{bits, 0, error};
    for (const std::string &layer : group.layers)
      width.bytes += bytes.lookup(layer);
    group.widths.push_back(width);
  }
  return report->examples;
}

FailureOr<int64_t> quench::measureWidths(MLIRContext &context, StringRef input,
                                         const CPUTarget &target,
                                         const WidthOptions &options,
                                         VariableScheme &scheme) {
  int64_t examples = 0;
  PhaseOptions phases = options.phases;
  for (unsigned bits : options.bits) {
    phases.formats = scheme.getFormats(bits);
    OwningOpRef<ModuleOp> module = prepareModel(context, input, phases);
    if (!module)
      return failure();
    FailureOr<int64_t> count =
        measureWidth({*module, modelDirectory(input), options.params}, target,
                     options, bits, scheme.getGroups());
    if (failed(count))
      return failure();
    examples = *count;
  }
  return examples;
}

LogicalResult quench::weighByRelevance(ModuleOp module, StringRef directory,
                                       const CPUTarget &target,
                                       const WidthOptions &options,
                                       VariableScheme &scheme) {
  FailureOr<llvm::StringMap<double>> relevance = measureRelevance(
      {module, directory.str(), options.params}, target, options.data);
  if (failed(relevance))
    return failure();
  for (WidthGroup &group : scheme.getGroups()) {
    double sum = 0;
    // Of layers that the entry point does not have measureWidths() says so.
    for (const std::string &layer : group.layers)
      sum += relevance->try_emplace(layer, 1).first->second;
    group.relevance = sum / group.layers.size();
  }
  return success();
}
