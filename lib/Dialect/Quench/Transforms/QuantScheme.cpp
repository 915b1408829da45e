//===- QuantScheme.cpp - Which format which site gets ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Dialect/Quench/Transforms/QuantScheme.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/Transforms/StaticRange.h"
#include "Quench/Support/SharedFile.h"
#include "Quench/Support/Spelling.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

llvm::Expected<SitePattern> SitePattern::parse(StringRef text) {
  SitePattern pattern;
  pattern.text = text.str();
  if (StringRef expression = text; expression.consume_front("re:")) {
    auto regex = std::make_shared<llvm::Regex>(("^(" + expression + ")").str());
    std::string error;
    if (!regex->isValid(error))
      return makeError("'", text, "' is no regular expression: ", error);
    pattern.regex = std::move(regex);
    return pattern;
  }
  // The pattern refers to the text that it was made of.
  auto glob = std::make_shared<std::pair<std::string, llvm::GlobPattern>>();
  glob->first = pattern.text;
  auto parsed = llvm::GlobPattern::create(glob->first, /*MaxSubPatterns=*/1024);
  if (!parsed)
    return makeError("'", text,
                     "' is no pattern: ", llvm::toString(parsed.takeError()));
  glob->second = std::move(*parsed);
  pattern.glob = std::move(glob);
  return pattern;
}

/// Whether names of sites end in `word`.
static bool isSiteWord(StringRef word) {
  static constexpr SiteRole roles[] = {
      SiteRole::Weight, SiteRole::Input, SiteRole::Query,
      SiteRole::Key,    SiteRole::Value, SiteRole::Probabilities,
      SiteRole::Scan,   SiteRole::State};
  return llvm::any_of(
      roles, [&](SiteRole role) { return stringifySiteRole(role) == word; });
}

bool SitePattern::matches(StringRef name) const {
  return regex ? regex->match(name) : glob->second.match(name);
}

bool SitePattern::matches(const QuantSite &site) const {
  if (matches(site.name))
    return true;
  // `*.query` are operands of attention, not the layers that make queries.
  StringRef last = StringRef(text).rsplit('.').second;
  return !isSiteWord(last) && llvm::any_of(site.ops, [&](Operation *op) {
    return matches(getSiteName(op));
  });
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

ArrayRef<llvm::StringLiteral> quench::getRoleWords() {
  static constexpr llvm::StringLiteral words[] = {
      "weight", "input",  "activation",    "normalized", "depthwise",
      "query",  "key",    "value",         "cache",      "embedding",
      "head",   "bridge", "probabilities", "scan",       "state"};
  return words;
}

bool quench::isRole(StringRef word, const QuantSite &site) {
  if (word == "embedding")
    return site.role == SiteRole::Embedding;
  if (word == "activation")
    return site.role == SiteRole::Input && site.isActivated;
  if (word == "normalized")
    return site.role == SiteRole::Input && site.isNormalized;
  if (word == "depthwise")
    return site.role == SiteRole::Input && site.isDepthwise;
  if (word == "bridge")
    return site.isBridge;
  if (word == "cache")
    return site.isCached &&
           (site.role == SiteRole::Key || site.role == SiteRole::Value);
  if (word == "head")
    return site.isHead;
  return site.role != SiteRole::Embedding &&
         word == stringifySiteRole(site.role);
}

ArrayRef<llvm::StringLiteral> quench::getSoftmaxWords() {
  static constexpr llvm::StringLiteral words[] = {"float", "log-int"};
  return words;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

llvm::Expected<QuantRule> QuantRule::parse(StringRef text) {
  QuantRule rule;
  auto [sites, rest] = text.split('=');
  rule.sites = sites.trim().str();
  rest = rest.trim();
  // An attribute has spaces and angles of its own.
  size_t end = 0;
  for (int depth = 0; end < rest.size() && (depth > 0 || rest[end] != ' ');
       ++end)
    depth += rest[end] == '<' ? 1 : rest[end] == '>' ? -1 : 0;
  rule.format = rest.take_front(end).str();
  if (rule.sites.empty() || rule.format.empty())
    return makeError("found '", text, "', expected SITES=FORMAT");
  SmallVector<StringRef> words;
  rest.drop_front(end).split(words, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef word : words) {
    auto [key, value] = word.split('=');
    if (word == "static" || (key == "static" && !value.empty()))
      rule.staticWord = value.empty() ? "true" : value.str();
    else if (key == "group" && !value.empty())
      rule.group = value.str();
    else if (key == "range" && !value.empty())
      rule.range = value.str();
    else if (key == "method" && !value.empty())
      rule.method = value.str();
    else if (key == "softmax" && !value.empty())
      rule.softmax = value.str();
    else if (key == "roles" && !value.empty())
      for (StringRef role : llvm::split(value, '|'))
        rule.roles.push_back(role.str());
    else
      return makeError("found '", word, "' behind the format of '", sites,
                       "', expected group=, static, range=, method=, "
                       "softmax= or roles=");
  }
  if (llvm::Error error = rule.complete())
    return error;
  return rule;
}

std::string QuantRule::str() const {
  std::string text = sites + "=" + format;
  if (!group.empty())
    text += " group=" + group;
  if (!staticWord.empty())
    text += " static=" + staticWord;
  if (!range.empty())
    text += " range=" + range;
  if (!method.empty())
    text += " method=" + method;
  if (!softmax.empty())
    text += " softmax=" + softmax;
  if (!roles.empty())
    text += " roles=" + llvm::join(roles, "|");
  return text;
}

llvm::Error QuantRule::complete() {
  if (!llvm::is_contained({"", "true", "false"}, staticWord))
    return makeError("found static '", staticWord, "', expected true or false");
  if (staticWord == "true" && range.empty())
    range = getRangeMethods().front().str();
  staticWord.clear();
  if (!group.empty()) {
    if (StringRef(format).starts_with("#"))
      return makeError("found group '", group, "' beside '", format,
                       "', which says groups itself");
    unsigned size;
    if (StringRef(group).getAsInteger(10, size) || size == 0)
      return makeError("found group '", group,
                       "', expected a number from 1 on");
  }
  if (llvm::Expected<SitePattern> pattern = SitePattern::parse(sites); !pattern)
    return pattern.takeError();
  auto check = [](StringRef kind, StringRef word, auto known) -> llvm::Error {
    if (llvm::is_contained(known, word))
      return llvm::Error::success();
    return makeError("no ", kind, " '", word, "'",
                     suggest(word, llvm::map_to_vector(known, [](StringRef it) {
                               return it.str();
                             })));
  };
  for (const std::string &role : roles)
    if (llvm::Error error = check("role", role, getRoleWords()))
      return error;
  if (!softmax.empty())
    if (llvm::Error error = check("softmax", softmax, getSoftmaxWords()))
      return error;
  if (softmax == "float")
    softmax.clear();
  if (range.empty())
    return llvm::Error::success();
  if (llvm::Error error = check("range", range, getRangeMethods()))
    return error;
  if (!softmax.empty() && range != "unit")
    return makeError("found range '", range, "' beside softmax '", softmax,
                     "', expected unit or none");
  return llvm::Error::success();
}

bool QuantRule::isAboutRole(const QuantSite &site) const {
  if (site.isHead && !namesSites() && !coversHeads &&
      !llvm::is_contained(roles, "head"))
    return false;
  if (!roles.empty())
    return llvm::any_of(
        roles, [&](const std::string &role) { return isRole(role, site); });
  return site.role == SiteRole::Weight || site.role == SiteRole::Input ||
         format == "float" ||
         StringRef(sites).contains(stringifySiteRole(site.role));
}

//===----------------------------------------------------------------------===//
// Schemes
//===----------------------------------------------------------------------===//

namespace {
/// A file as it is written.
struct SchemeFile {
  std::string name, description;
  std::vector<FileParameter> parameters;
  std::vector<QuantRule> rules;
};
} // namespace

void llvm::yaml::MappingTraits<QuantRule>::mapping(IO &io, QuantRule &rule) {
  io.mapOptional("sites", rule.sites, std::string("*"));
  io.mapOptional("roles", rule.roles);
  io.mapRequired("format", rule.format);
  io.mapOptional("group", rule.group, std::string());
  io.mapOptional("static", rule.staticWord, std::string());
  io.mapOptional("range", rule.range, std::string());
  io.mapOptional("method", rule.method, std::string());
  io.mapOptional("softmax", rule.softmax, std::string());
  io.mapOptional("when", rule.when, std::string());
}

template <>
struct llvm::yaml::MappingTraits<SchemeFile> {
  static void mapping(IO &io, SchemeFile &file) {
    io.mapRequired("name", file.name);
    io.mapRequired("description", file.description);
    io.mapOptional("parameters", file.parameters);
    io.mapRequired("rules", file.rules);
  }
};

static constexpr llvm::StringLiteral schemeFolder = "schemes";

std::vector<std::string> quench::getSchemeNames() {
  return getSharedFileNames(schemeFolder);
}

/// Whether the rule exists with these parameters.
static llvm::Expected<bool> isChosen(const QuantRule &rule,
                                     ArrayRef<FileParameter> parameters) {
  if (rule.when.empty())
    return true;
  auto [name, value] = StringRef(rule.when).split('=');
  llvm::Expected<std::string> chosen =
      substituteParameters(("${" + name + "}").str(), parameters);
  if (!chosen)
    return chosen.takeError();
  return *chosen == value;
}

llvm::Expected<QuantScheme> QuantScheme::find(StringRef text) {
  auto split = splitArguments(text);
  if (!split)
    return split.takeError();
  llvm::Expected<std::string> path =
      findSharedFile(schemeFolder, "scheme", split->first);
  if (!path)
    return path.takeError();
  SchemeFile file;
  if (llvm::Error error = readYaml(*path, "scheme", file))
    return error;
  auto fail = [&](llvm::Error error) {
    return makeError("scheme '", file.name,
                     "': ", llvm::toString(std::move(error)));
  };
  if (llvm::Error error = setParameters(file.parameters, split->second))
    return fail(std::move(error));

  QuantScheme scheme{file.name, file.description, {}};
  for (auto [index, rule] : llvm::enumerate(file.rules)) {
    rule.origin = "scheme " + file.name + ", rule " + std::to_string(index + 1);
    llvm::Expected<bool> chosen = isChosen(rule, file.parameters);
    if (!chosen)
      return fail(chosen.takeError());
    if (!*chosen)
      continue;
    for (std::string *word :
         {&rule.sites, &rule.format, &rule.group, &rule.range, &rule.staticWord,
          &rule.method, &rule.softmax}) {
      llvm::Expected<std::string> value =
          substituteParameters(*word, file.parameters);
      if (!value)
        return fail(value.takeError());
      *word = std::move(*value);
    }
    if (llvm::Error error = rule.complete())
      return fail(makeError("rule ", index + 1, ": ",
                            llvm::toString(std::move(error))));
    scheme.rules.push_back(std::move(rule));
  }
  return scheme;
}

void QuantScheme::write(llvm::raw_ostream &os) const {
  SchemeFile file{name, description, /*parameters=*/{}, rules};
  // Parameters have their values in the rules that are there.
  for (QuantRule &rule : file.rules)
    rule.when.clear();
  llvm::yaml::Output output(os, /*Ctxt=*/nullptr, /*WrapColumn=*/0);
  output << file;
}
