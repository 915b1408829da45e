//===- QuantScheme.h - Which format which site gets -------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A scheme such as W8A8 is a list of rules in a file of YAML;
// docs/quantizing.md describes them. A rule gives a format to sites
// (Analysis/QuantSites.h) by name and by role. The last rule that is about a
// site decides.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_DIALECT_QUENCH_TRANSFORMS_QUANTSCHEME_H
#define QUENCH_DIALECT_QUENCH_TRANSFORMS_QUANTSCHEME_H

#include "Quench/Analysis/QuantSites.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/YAMLTraits.h"

#include <memory>
#include <string>
#include <vector>

namespace quench {

/// Names of sites or of layers: a glob of `*`, `?`, `[...]` and `{a,b}` that
/// the whole name matches, or `re:` and a regular expression that its
/// beginning matches.
class SitePattern {
public:
  /// Fails where `text` is neither.
  static llvm::Expected<SitePattern> parse(llvm::StringRef text);

  /// Whether the name of `site`, or the path of one of its ops, matches.
  bool matches(const QuantSite &site) const;
  /// Whether the name itself matches.
  bool matches(llvm::StringRef name) const;

  llvm::StringRef getText() const { return text; }
  /// Whether everything matches.
  bool isAll() const { return text == "*"; }

private:
  std::string text;
  /// Refers to its own copy of the text.
  std::shared_ptr<const std::pair<std::string, llvm::GlobPattern>> glob;
  std::shared_ptr<const llvm::Regex> regex;
};

/// Gives one format to sites.
struct QuantRule {
  /// As the user wrote it: a pattern; words for roles, of which one must fit,
  /// see `isRole`; and the format: `float`, codes such as `i8` or `e4m3`, or an
  /// attribute.
  std::string sites = "*";
  std::vector<std::string> roles;
  std::string format;
  /// The number of elements that share parameters, of a format that is codes;
  /// empty: all that share the other dimensions.
  std::string group;
  /// Of activations: how their range, which is then known before the model
  /// runs, follows from statistics, one of `getRangeMethods`; empty: parameters
  /// are computed at run time.
  std::string range;
  /// As the user wrote it: `true` stands for the range `minmax` where none is
  /// named, `false` for nothing.
  std::string staticWord;
  /// Of weights: who chooses the codes; empty is the choice of the user.
  std::string method;
  /// Of probabilities: how they are computed, one of `getSoftmaxWords`; empty
  /// or `float`: by the softmax of the model, in floats.
  std::string softmax;
  /// `NAME=VALUE` of a parameter of the scheme, without which there is no such
  /// rule.
  std::string when;

  /// What the rule came from, for messages: `scheme W8A8, rule 2`.
  std::string origin;
  /// It is about heads too, although its pattern names none.
  bool coversHeads = false;

  /// Parses `SITES=FORMAT [group=N] [static[=WORD]] [range=WORD] [method=WORD]
  /// [softmax=WORD] [roles=A|B]`, where `static` alone is `range=minmax`.
  static llvm::Expected<QuantRule> parse(llvm::StringRef text);
  /// The text that `parse` takes.
  std::string str() const;
  /// Makes of `staticWord` what it stands for. Fails unless it and the pattern,
  /// the group, the range, the softmax and the roles are ones.
  llvm::Error complete();
  /// Whether it names sites, so that it is a mistake when there are none.
  bool namesSites() const { return sites != "*"; }
  /// Whether it is about `site`, whose name its pattern matches. Without roles
  /// it is about weights and inputs of contractions, and about all others when
  /// it names their role or says that they stay in floats. What matches
  /// everything is not about heads, unless `coversHeads` or a role says it.
  bool isAboutRole(const QuantSite &site) const;
};

/// Whether `word`, a word for roles in rules, is right for `site`: one of
/// `weight`, `input`, `activation` (an input that an activation function
/// gives), `normalized` (one that a norm gives), `depthwise` (one of an op that
/// does not mix channels), `query`, `key`, `value`, `cache` (keys and values
/// that are kept), `probabilities`, `embedding`, `head` (sites of ops that give
/// results), `bridge` (sites of bridge layers), `scan` and `state`.
bool isRole(llvm::StringRef word, const QuantSite &site);

/// The words that `isRole` knows.
llvm::ArrayRef<llvm::StringLiteral> getRoleWords();

/// The words for how probabilities are computed: `float`, and `log-int`, which
/// is the integer softmax of C38 in docs/spec.md.
llvm::ArrayRef<llvm::StringLiteral> getSoftmaxWords();

/// Rules under a name.
struct QuantScheme {
  std::string name, description;
  std::vector<QuantRule> rules;

  /// Reads `text`, the name of a scheme of this installation or a file, with
  /// `{NAME=VALUE ...}` after it for parameters. Fails with the place in the
  /// file.
  static llvm::Expected<QuantScheme> find(llvm::StringRef text);

  /// Writes a file that find() reads, without parameters.
  void write(llvm::raw_ostream &os) const;
};

/// The names of the schemes of this installation, sorted.
std::vector<std::string> getSchemeNames();

} // namespace quench

LLVM_YAML_IS_SEQUENCE_VECTOR(quench::QuantRule)

template <>
struct llvm::yaml::MappingTraits<quench::QuantRule> {
  static void mapping(IO &io, quench::QuantRule &rule);
};

#endif // QUENCH_DIALECT_QUENCH_TRANSFORMS_QUANTSCHEME_H
