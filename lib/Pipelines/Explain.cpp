//===- Explain.cpp - Why a layer is quantized as it is --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Explain.h"

#include "Quench/Analysis/BridgeLayers.h"
#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Support/Error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace quench;

template <typename T>
static std::string print(T value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << value;
  return text;
}

static std::vector<std::string> getTransforms(const QuantSite &site) {
  std::vector<std::string> transforms;
  if (site.values.empty())
    return transforms;
  Operation *op = site.values.front().getDefiningOp();
  auto carried = op ? op->getAttrOfType<ArrayAttr>(basisAttrName) : ArrayAttr();
  if (carried)
    for (auto transform : carried.getAsRange<StringAttr>())
      transforms.push_back(transform.str());
  return transforms;
}

static SiteExplanation explain(const QuantSite &site,
                               const SiteDecision &decision) {
  SiteExplanation result;
  result.name = site.name;
  result.role = stringifySiteRole(site.role);
  if (RankedTensorType type = site.getType())
    result.type = print(type);
  result.format = "float";
  if (decision.format) {
    result.format = print(decision.format.quantizer);
    result.range = decision.format.range;
    result.method = decision.format.method;
    result.softmax = decision.format.softmax;
    if (site.isWeight() && result.method.empty())
      result.method = "rtn";
  }
  if (decision.winner)
    result.rule = decision.winner->origin;
  for (const QuantRule *rule : llvm::reverse(decision.overruled))
    result.overruled.push_back(rule->origin);
  result.change = decision.change;
  result.refusal = decision.refusal;
  result.transforms = getTransforms(site);
  return result;
}

static StringRef stringifyKind(TransformKind kind) {
  switch (kind) {
  case TransformKind::Basis:
    return "rotation";
  case TransformKind::Scale:
    return "scale";
  case TransformKind::Shift:
    return "shift";
  }
  llvm_unreachable("unknown kind of transform");
}

namespace {
/// Layers in the order in which they were first asked for.
class LayerList {
public:
  /// The layer of that name, which may be new.
  LayerExplanation &get(StringRef name) {
    auto [place, isNew] = places.try_emplace(name, layers.size());
    if (isNew)
      layers.push_back({name.str(), {}, {}, {}});
    return layers[place->getValue()];
  }
  /// The layer of that name, or null.
  LayerExplanation *find(StringRef name) {
    auto place = places.find(name);
    return place == places.end() ? nullptr : &layers[place->getValue()];
  }

  std::vector<LayerExplanation> layers;

private:
  llvm::StringMap<size_t> places;
};
} // namespace

static std::string describePlace(const BridgePlace &place) {
  auto boundary = place.boundary;
  bool makesTokens = boundary.getTokens().getDefiningOp() == boundary;
  return (place.isBefore ? "before '" : "behind '") + getSiteName(boundary) +
         (makesTokens ? "', where a feature map becomes tokens"
                      : "', where tokens become a feature map");
}

/// Adds the classes of `kind` to the layers that their weights belong to.
static void addClasses(ModuleOp module, TransformKind kind, LayerList &layers) {
  ChannelClasses classes(module, kind);
  for (const ChannelClass &site : classes.getClasses())
    for (const ClassWeight &weight : site.weights) {
      LayerExplanation *layer = layers.find(getSiteName(weight.op));
      if (!layer)
        continue;
      ClassExplanation found{site.name, stringifyKind(kind).str(),
                             !weight.consumer, ""};
      if (!site.isFree())
        found.blocker = getSiteName(site.blockers.front().op) + " " +
                        site.blockers.front().reason;
      // Entry points that share a class have it once each.
      auto isSame = [&](const ClassExplanation &other) {
        return other.name == found.name && other.kind == found.kind &&
               other.isWriter == found.isWriter;
      };
      if (llvm::none_of(layer->classes, isSame))
        layer->classes.push_back(std::move(found));
    }
}

llvm::Expected<std::vector<LayerExplanation>>
quench::explainLayers(ModuleOp module, const FormatPlan &plan,
                      const SitePattern &pattern) {
  LayerList list;
  for (auto [site, decision] : llvm::zip_equal(plan.sites, plan.decisions)) {
    if (!pattern.matches(site))
      continue;
    SiteExplanation explanation = explain(site, decision);
    // Layers that read one value share its site; entry points have it once
    // each.
    llvm::StringSet<> seen;
    for (Operation *op : site.ops) {
      std::string name = getSiteName(op);
      if ((pattern.matches(name) || name == site.getPath()) &&
          seen.insert(name).second)
        list.get(name).sites.push_back(explanation);
    }
  }
  if (list.layers.empty())
    return makeError("'", pattern.getText(), "' is about no layer",
                     suggestSites(pattern.getText(), plan.sites));
  for (const auto &[op, place] : findBridgeLayers(module))
    if (LayerExplanation *layer = list.find(getSiteName(op)))
      layer->bridge = describePlace(place);
  for (TransformKind kind :
       {TransformKind::Basis, TransformKind::Scale, TransformKind::Shift})
    addClasses(module, kind, list);
  return std::move(list.layers);
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

llvm::json::Array quench::toJSON(ArrayRef<LayerExplanation> layers) {
  llvm::json::Array array;
  for (const LayerExplanation &layer : layers) {
    llvm::json::Array sites, classes;
    for (const SiteExplanation &site : layer.sites)
      sites.push_back(llvm::json::Object{
          {"name", site.name},
          {"role", site.role},
          {"type", site.type},
          {"format", site.format},
          {"method", site.method},
          {"range", site.range},
          {"softmax", site.softmax},
          {"rule", site.rule},
          {"overruled", llvm::json::Array(site.overruled)},
          {"change", site.change},
          {"refusal", site.refusal},
          {"transforms", llvm::json::Array(site.transforms)}});
    for (const ClassExplanation &found : layer.classes)
      classes.push_back(llvm::json::Object{{"name", found.name},
                                           {"kind", found.kind},
                                           {"writes", found.isWriter},
                                           {"blocker", found.blocker}});
    array.push_back(llvm::json::Object{{"name", layer.name},
                                       {"bridge", layer.bridge},
                                       {"sites", std::move(sites)},
                                       {"classes", std::move(classes)}});
  }
  return array;
}

static void printLine(llvm::raw_ostream &os, StringRef word,
                      const llvm::Twine &text) {
  os << "    " << llvm::left_justify(word, 11) << text << '\n';
}

static void print(const SiteExplanation &site, llvm::raw_ostream &os) {
  os << "  " << site.name;
  if (!site.type.empty())
    os << "  " << site.type;
  os << '\n';
  std::string details;
  if (!site.method.empty())
    details = ", method " + site.method;
  else if (!site.softmax.empty())
    details = ", softmax " + site.softmax;
  else if (site.format != "float")
    details = site.range.empty() ? ", scales at run time"
                                 : ", range " + site.range + " of statistics";
  printLine(os, "format", site.format + details);
  printLine(os, "by", site.rule.empty() ? "no rule is about it" : site.rule);
  if (!site.overruled.empty())
    printLine(os, "instead of", llvm::join(site.overruled, "; "));
  if (!site.change.empty())
    printLine(os, "changed", site.change);
  if (!site.refusal.empty())
    printLine(os, "refused", site.refusal);
  for (const std::string &transform : site.transforms)
    printLine(os, "carries", transform);
}

void quench::printExplanations(ArrayRef<LayerExplanation> layers,
                               llvm::raw_ostream &os) {
  for (const LayerExplanation &layer : layers) {
    os << layer.name << '\n';
    if (!layer.bridge.empty())
      os << "  is a bridge " << layer.bridge << '\n';
    for (const SiteExplanation &site : layer.sites)
      print(site, os);
    for (const ClassExplanation &found : layer.classes) {
      os << "  " << (found.isWriter ? "writes" : "reads") << " the channels '"
         << found.name << "' that a " << found.kind << " may change";
      if (!found.blocker.empty())
        os << ", but not here: " << found.blocker;
      os << '\n';
    }
  }
}
