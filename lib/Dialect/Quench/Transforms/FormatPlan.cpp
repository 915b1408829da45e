//===- FormatPlan.cpp - The formats that rules give to a model ------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/FormatPlan.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/IR/QuenchLogIntOps.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/Transforms/StaticRange.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/Spelling.h"

#include "mlir/AsmParser/AsmParser.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

#include <set>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

/// The attribute that the format of `rule`, which may be codes alone, stands
/// for at `site`.
static std::string spellFormat(const QuantRule &rule, const QuantSite &site) {
  StringRef text = rule.format;
  if (text.starts_with("#"))
    return text.str();
  bool isDynamic = rule.range.empty();
  std::string sharing;
  if (site.isWeight())
    sharing = ", axis = " + std::to_string(site.operand.channelAxis);
  else if (isDynamic)
    // Values are summed over tokens, but what a cache keeps is kept by token.
    sharing = site.role == SiteRole::Value && !site.isCached ? ", sequence"
                                                             : ", token";
  if (!rule.group.empty())
    sharing += ", group = " + rule.group;
  // What is never negative has no use for a sign, nor for a zero point.
  bool isPositive = site.role == SiteRole::Probabilities;
  std::string codes = text.str();
  if (isPositive && text.starts_with("i"))
    codes.front() = 'u';
  if (isPositive && !rule.softmax.empty())
    return "#quench.log<" + codes + ", zero = extra>";
  if (text == "nf4")
    return ("#quench.code_book<nf4" + sharing + ">");
  if (StringRef bits = text; bits.consume_front("kmeans"))
    return ("#quench.code_book<learned " + bits + sharing + ">").str();
  if (text.starts_with("e"))
    return ("#quench.small_float<" + text + sharing + ">").str();
  bool isAsymmetric = text.starts_with("u") && !isPositive;
  return "#quench.uniform<" + codes + (isAsymmetric ? ", asymmetric" : "") +
         sharing + ">";
}

/// The quantizer that `text` is; null where it is none.
static QuantizerAttrInterface parseQuantizer(StringRef text,
                                             MLIRContext *context) {
  // The parser's own errors show a text that nobody wrote.
  ScopedDiagnosticHandler silence(context,
                                  [](Diagnostic &) { return success(); });
  return dyn_cast_if_present<QuantizerAttrInterface>(
      parseAttribute(text, context));
}

static std::string print(QuantizerAttrInterface quantizer) {
  std::string text;
  llvm::raw_string_ostream(text) << quantizer;
  return text;
}

/// Whether `quantizer` can quantize a tensor of that type: it names dimensions
/// that there are, and cuts them into whole blocks.
static bool fits(QuantizerAttrInterface quantizer, RankedTensorType type) {
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(type.getRank(), axes);
  return llvm::all_of(axes, [&](QuantAxis axis) {
    return axis.dim >= 0 && axis.dim < type.getRank() &&
           (axis.block == 1 || (!type.isDynamicDim(axis.dim) &&
                                type.getDimSize(axis.dim) % axis.block == 0));
  });
}

/// Whether the scale is the same within each sum over the `reduced` axes, but
/// for blocks of them.
static bool isConstantInSums(QuantizerAttrInterface quantizer, int64_t rank,
                             ArrayRef<int64_t> reduced) {
  SmallVector<QuantAxis> axes;
  quantizer.getQuantAxes(rank, axes);
  return llvm::none_of(axes, [&](QuantAxis axis) {
    return axis.block == 1 && llvm::is_contained(reduced, axis.dim);
  });
}

/// `quantizer`, whose groups do not divide the rows of `type`, with the largest
/// smaller groups that do, at least 16 wide, or none. Null where blocks belong
/// to the format.
static QuantizerAttrInterface shrinkGroups(QuantizerAttrInterface quantizer,
                                           RankedTensorType type) {
  QuantScaling scaling = quantizer.getScaling();
  int64_t size =
      type.getShape().empty() ? ShapedType::kDynamic : type.getShape().back();
  if (!scaling.group || ShapedType::isDynamic(size) ||
      scaling.form != numerics::ScaleForm::Any)
    return {};
  int64_t group = *scaling.group;
  while (group >= 16 && size % group != 0)
    --group;
  std::string text = print(quantizer);
  std::string word = ", group = " + std::to_string(*scaling.group);
  size_t place = text.find(word);
  if (place == std::string::npos)
    return {};
  text.replace(place, word.size(),
               group >= 16 ? ", group = " + std::to_string(group) : "");
  return parseQuantizer(text, quantizer.getContext());
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

llvm::Expected<std::vector<QuantRule>>
quench::getRules(const FormatOptions &options) {
  std::vector<QuantRule> rules;
  if (!options.scheme.empty()) {
    llvm::Expected<QuantScheme> scheme = QuantScheme::find(options.scheme);
    if (!scheme)
      return scheme.takeError();
    rules = std::move(scheme->rules);
  }
  for (const std::string &text : options.rules) {
    llvm::Expected<QuantRule> rule = QuantRule::parse(text);
    if (!rule)
      return rule.takeError();
    rule->origin = "rule '" + text + "'";
    rules.push_back(std::move(*rule));
  }
  for (QuantRule &rule : rules) {
    if (rule.method.empty())
      rule.method = options.weightMethod;
    rule.coversHeads = options.quantizeHead;
  }
  return rules;
}

std::string quench::suggestSites(StringRef pattern, ArrayRef<QuantSite> sites) {
  // The ends of names that have as many parts.
  StringRef text = pattern;
  text.consume_front("re:");
  text = text.trim("*.^$?");
  size_t parts = text.count('.') + 1;
  std::set<std::string> ends;
  auto add = [&](StringRef name) {
    SmallVector<StringRef> words;
    name.split(words, '.');
    if (words.size() >= parts)
      ends.insert(llvm::join(ArrayRef(words).take_back(parts), "."));
  };
  for (const QuantSite &site : sites) {
    add(site.name);
    for (Operation *op : site.ops)
      add(getSiteName(op));
  }
  std::vector<std::string> names(ends.begin(), ends.end());
  if (!llvm::any_of(names, [&](StringRef name) {
        return name.edit_distance(text, true, text.size() / 3) <=
               text.size() / 3;
      }))
    return "; sites are called like '" +
           (sites.empty() ? "" : sites[sites.size() / 2].name) + "'";
  return suggest(text, names);
}

//===----------------------------------------------------------------------===//
// planFormats
//===----------------------------------------------------------------------===//

std::vector<FormatUse> quench::getFormatUses(ArrayRef<QuantSite> sites) {
  llvm::MapVector<Operation *, std::vector<FormatUse>> uses;
  for (auto [index, site] : llvm::enumerate(sites)) {
    if (site.uses.empty())
      for (Operation *op : site.ops)
        uses[op].push_back({op, nullptr, index, ""});
    for (OpOperand *use : site.uses)
      uses[use->getOwner()].push_back({use->getOwner(), use, index, ""});
  }
  std::vector<FormatUse> all;
  for (auto &[op, list] : uses) {
    llvm::stable_sort(list, [](const FormatUse &a, const FormatUse &b) {
      return a.operand && b.operand &&
             a.operand->getOperandNumber() < b.operand->getOperandNumber();
    });
    llvm::StringMap<unsigned> counts;
    for (FormatUse &use : list) {
      use.key = stringifySiteRole(sites[use.site].role);
      if (unsigned count = counts[use.key]++)
        use.key += "." + std::to_string(count);
      all.push_back(use);
    }
  }
  return all;
}

RankedTensorType quench::getProbabilitiesType(AttentionOp attention) {
  RankedTensorType query = attention.getQuery().getType();
  RankedTensorType key = attention.getKey().getType();
  return query.clone({query.getDimSize(0), query.getDimSize(2),
                      query.getDimSize(1), key.getDimSize(1)});
}

namespace {
/// Decides about one module.
class Planner {
public:
  Planner(ModuleOp module, FormatPlan &plan) : module(module), plan(plan) {}

  LogicalResult run();

private:
  /// Lets rules decide about the site of number `index`.
  LogicalResult decide(size_t index, ArrayRef<SitePattern> patterns);
  /// Why the operand cannot have the format of its site; empty if it can.
  std::string check(const FormatUse &use) const;
  /// Fails where a rule of a user came to nothing.
  LogicalResult checkRules() const;

  ModuleOp module;
  FormatPlan &plan;
};
} // namespace

LogicalResult Planner::decide(size_t index, ArrayRef<SitePattern> patterns) {
  const QuantSite &site = plan.sites[index];
  SiteDecision &decision = plan.decisions[index];
  for (auto [rule, pattern] : llvm::zip_equal(plan.rules, patterns)) {
    if (!pattern.matches(site) || !rule.isAboutRole(site))
      continue;
    if (decision.winner)
      decision.overruled.push_back(decision.winner);
    decision.winner = &rule;
  }
  const QuantRule *rule = decision.winner;
  if (!rule || rule->format == "float")
    return success();
  SiteFormat &format = decision.format;
  format.range = site.isWeight() ? "" : rule->range;
  format.method = site.isWeight() ? rule->method : "";
  if (site.role == SiteRole::Probabilities)
    format.softmax = rule->softmax;
  format.quantizer =
      parseQuantizer(spellFormat(*rule, site), module.getContext());
  if (!format.quantizer)
    return module.emitError()
           << rule->origin << ": found format '" << rule->format
           << "', expected "
           << (format.softmax.empty()
                   ? "float, codes such as i8, u4, e4m3, nf4 or kmeans4, or "
                     "the attribute of a quantizer"
                   : "codes such as u4 for an integer softmax");
  RankedTensorType type = site.getType();
  if (!type || fits(format.quantizer, type))
    return success();
  if (QuantizerAttrInterface smaller = shrinkGroups(format.quantizer, type)) {
    decision.change = print(smaller) + ", since groups of " +
                      std::to_string(*format.quantizer.getScaling().group) +
                      " do not divide rows of " +
                      std::to_string(type.getShape().back());
    format.quantizer = smaller;
  }
  return success();
}

std::string Planner::check(const FormatUse &use) const {
  const QuantSite &site = plan.sites[use.site];
  QuantizerAttrInterface quantizer = plan.decisions[use.site].format.quantizer;
  std::string format = print(quantizer);
  if (!use.operand && quantizer.hasZeroPoint())
    return format + " has zero points, which probabilities do not need";
  if (!site.isWeight() && quantizer.hasLearnedTable())
    return format + " is for weights alone: its numbers are learned from one";
  if (site.isWeight() && !isWeightProgram(use.operand->get()))
    return use.key + " is not known when the model is compiled";
  auto type = use.operand ? cast<RankedTensorType>(use.operand->get().getType())
                          : getProbabilitiesType(cast<AttentionOp>(use.op));
  if (!fits(quantizer, type)) {
    std::string text = format + " does not fit its " + use.key + " of type ";
    llvm::raw_string_ostream(text) << type;
    return text;
  }
  // Where attention as a whole shall have codes, those of all that a cache
  // keeps would be made anew for every token, and those of clipped
  // probabilities would be multiplied in loops, not in a kernel.
  const QuantRule &rule = *plan.decisions[use.site].winner;
  auto attention = dyn_cast<AttentionOp>(use.op);
  if (attention && !rule.namesSites() &&
      llvm::is_contained(rule.roles, "probabilities")) {
    if (attention.getKey().getDefiningOp<KVCacheOp>())
      return "what it reads from a cache is multiplied as floats";
    if (attention.getZeta())
      return "its clipped softmax has a kernel of floats alone";
  }
  if (!plan.decisions[use.site].format.softmax.empty()) {
    if (attention.getZeta())
      return "its clipped softmax is not made of integers";
    return getLogIntObstacle(quantizer);
  }
  const std::string &range = plan.decisions[use.site].format.range;
  if (range.empty() && quantizer.hasZeroPoint() && !site.isWeight() &&
      quantizer.getScaling().form == numerics::ScaleForm::E4M3)
    return "no scales of " + format + " are computed at run time";
  if (!range.empty())
    if (std::string reason = getRangeObstacle(site, type, quantizer, range);
        !reason.empty())
      return reason;
  // What a cache holds becomes numbers again when it is read, and scales of
  // channels that are known may go into weights.
  if (site.isCached || !range.empty())
    return "";
  SmallVector<int64_t, 2> reduced = {3};
  if (use.operand) {
    SmallVector<QuantOperand> operands;
    cast<QuantizableOpInterface>(use.op).getQuantOperands(operands);
    reduced = operands[use.operand->getOperandNumber()].reducedAxes;
  }
  if (!isConstantInSums(quantizer, type.getRank(), reduced))
    return "no scale of " + format + " is the same within a sum over its " +
           use.key;
  return "";
}

LogicalResult Planner::run() {
  plan.sites = collectQuantSites(module);
  plan.decisions.resize(plan.sites.size());
  std::vector<SitePattern> patterns;
  for (const QuantRule &rule : plan.rules)
    patterns.push_back(llvm::cantFail(SitePattern::parse(rule.sites)));
  for (size_t index = 0; index < plan.sites.size(); ++index)
    if (failed(decide(index, patterns)))
      return failure();
  for (auto [rule, pattern] : llvm::zip_equal(plan.rules, patterns)) {
    auto isAbout = [&rule = rule, &pattern = pattern](const QuantSite &site) {
      return pattern.matches(site) && rule.isAboutRole(site);
    };
    if (!rule.namesSites() || llvm::any_of(plan.sites, isAbout))
      continue;
    InFlightDiagnostic error = module.emitError()
                               << rule.origin << " is about no site";
    if (llvm::none_of(plan.sites, [&pattern = pattern](const QuantSite &site) {
          return pattern.matches(site);
        }))
      error << suggestSites(rule.sites, plan.sites);
    else
      error << ": what its pattern matches has none of the roles "
            << (rule.roles.empty() ? "weight, input"
                                   : llvm::join(rule.roles, ", "));
    return error;
  }

  // A contraction is of codes or of floats: its operands go together.
  std::vector<FormatUse> uses = getFormatUses(plan.sites);
  llvm::erase_if(uses, [&](const FormatUse &use) {
    return !plan.decisions[use.site].format;
  });
  llvm::DenseMap<Operation *, std::string> refused;
  auto isContraction = [](Operation *op) {
    return cast<QuantizableOpInterface>(op).getQuantRelation() ==
           QuantRelation::Product;
  };
  for (const FormatUse &use : uses)
    if (std::string reason = check(use);
        !reason.empty() && isContraction(use.op))
      refused.try_emplace(use.op, std::move(reason));
  std::vector<bool> isUsed(plan.sites.size());
  for (const FormatUse &use : uses) {
    auto known = refused.find(use.op);
    std::string reason = known == refused.end() ? check(use) : known->second;
    if (reason.empty()) {
      isUsed[use.site] = true;
      plan.uses.push_back(use);
    } else if (plan.decisions[use.site].refusal.empty()) {
      plan.decisions[use.site].refusal =
          (use.op->getName().getStringRef() + " stays as it is: " + reason)
              .str();
    }
  }
  for (auto [decision, used] : llvm::zip_equal(plan.decisions, isUsed))
    if (!used)
      decision.format = {};
  return checkRules();
}

LogicalResult Planner::checkRules() const {
  for (const QuantRule &rule : plan.rules) {
    const QuantSite *refused = nullptr;
    StringRef reason;
    bool isUsed = false;
    for (auto [site, decision] : llvm::zip_equal(plan.sites, plan.decisions)) {
      if (decision.winner != &rule)
        continue;
      isUsed |= static_cast<bool>(decision.format);
      if (!refused && !decision.refusal.empty()) {
        refused = &site;
        reason = decision.refusal;
      }
    }
    if (rule.namesSites() && refused && !isUsed)
      return refused->ops.front()->emitError()
             << rule.origin << " is impossible at '" << refused->name
             << "': " << reason;
  }
  return success();
}

FailureOr<FormatPlan> quench::planFormats(ModuleOp module,
                                          std::vector<QuantRule> rules) {
  FormatPlan plan;
  plan.rules = std::move(rules);
  if (failed(Planner(module, plan).run()))
    return failure();
  return plan;
}

//===----------------------------------------------------------------------===//
// Annotations
//===----------------------------------------------------------------------===//

void quench::annotateFormats(const FormatPlan &plan) {
  llvm::MapVector<Operation *, SmallVector<NamedAttribute>> formats;
  for (const FormatUse &use : plan.uses) {
    Builder builder(use.op->getContext());
    const SiteFormat &format = plan.decisions[use.site].format;
    SmallVector<NamedAttribute> entries = {
        builder.getNamedAttr("format", format.quantizer),
        builder.getNamedAttr("site",
                             builder.getStringAttr(plan.sites[use.site].name))};
    if (!format.range.empty())
      entries.push_back(
          builder.getNamedAttr("range", builder.getStringAttr(format.range)));
    if (!format.method.empty())
      entries.push_back(
          builder.getNamedAttr("method", builder.getStringAttr(format.method)));
    if (!format.softmax.empty())
      entries.push_back(builder.getNamedAttr(
          "softmax", builder.getStringAttr(format.softmax)));
    formats[use.op].push_back(
        builder.getNamedAttr(use.key, builder.getDictionaryAttr(entries)));
  }
  for (auto &[op, entries] : formats)
    op->setAttr(formatsAttrName,
                DictionaryAttr::get(op->getContext(), entries));
}

SiteFormat quench::getAnnotatedFormat(Operation *op, StringRef key) {
  SiteFormat format;
  auto formats = op->getAttrOfType<DictionaryAttr>(formatsAttrName);
  auto entry = formats ? formats.getAs<DictionaryAttr>(key) : DictionaryAttr();
  if (!entry)
    return format;
  format.quantizer = entry.getAs<QuantizerAttrInterface>("format");
  if (auto range = entry.getAs<StringAttr>("range"))
    format.range = range.str();
  if (auto method = entry.getAs<StringAttr>("method"))
    format.method = method.str();
  if (auto softmax = entry.getAs<StringAttr>("softmax"))
    format.softmax = softmax.str();
  return format;
}

void quench::setAnnotatedFormat(Operation *op, StringRef key,
                                QuantizerAttrInterface quantizer,
                                StringRef range) {
  Builder builder(op->getContext());
  NamedAttrList formats(op->getAttrOfType<DictionaryAttr>(formatsAttrName));
  NamedAttrList entry(cast<DictionaryAttr>(formats.get(key)));
  entry.set("format", quantizer);
  entry.set("range", builder.getStringAttr(range));
  formats.set(key, entry.getDictionary(op->getContext()));
  op->setAttr(formatsAttrName, formats.getDictionary(op->getContext()));
}

void quench::removeAnnotatedFormat(Operation *op, StringRef key) {
  auto formats = op->getAttrOfType<DictionaryAttr>(formatsAttrName);
  SmallVector<NamedAttribute> left = llvm::filter_to_vector(
      formats, [&](NamedAttribute entry) { return entry.getName() != key; });
  if (left.empty())
    op->removeAttr(formatsAttrName);
  else
    op->setAttr(formatsAttrName, DictionaryAttr::get(op->getContext(), left));
}
