//===- Recipe.h - Named sequences of rewrites -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A published method is an order of passes and a choice of policies. A recipe
// holds both in a file of YAML; docs/recipes.md describes it.
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_RECIPE_H
#define QUENCH_PIPELINES_RECIPE_H

#include "Quench/Dialect/Quench/Transforms/QuantScheme.h"
#include "Quench/Support/SharedFile.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <utility>
#include <vector>

namespace quench {

/// What a recipe file says.
struct Recipe {
  struct Step {
    std::string pass;
    /// In the order of the file.
    std::vector<std::pair<std::string, std::string>> options;
    /// In place of a pass: where a compilation takes statistics by itself, it
    /// takes those of the model here. Among `passes` these are `ranges` or,
    /// with products of channels, `gram`; without such a step they are ranges,
    /// taken before all passes. Among `quantize` they are `formats`: what the
    /// quantizers need that are yet to be made, of the model with those that
    /// there are.
    std::string calibrate;
  };

  std::string name, description;
  /// Scopes of archives that the passes take numbers from: `stats` of a
  /// statistics archive, `learned` of learned rotations and scales.
  std::vector<std::string> needs;
  /// `${NAME}` in options of passes stands for their values.
  std::vector<FileParameter> parameters;
  std::vector<Step> passes;
  /// The scheme that belongs to the method, and rules after it; empty: those of
  /// the user alone. See docs/quantizing.md.
  std::string scheme;
  std::vector<QuantRule> rules;
  /// Who chooses the codes of weights for which no rule names one.
  std::string weightMethod;
  /// Passes that run before the last quantizers are made.
  std::vector<Step> quantize;

  /// Reads a file. Fails with its place in the file where it is not what
  /// docs/recipes.md says. Passes and their options are looked at by
  /// getPipeline().
  static llvm::Expected<Recipe> load(llvm::StringRef path);

  /// Reads `nameOrFile`, the path of a file where it has a slash or ends in
  /// `.yaml`, else the name of a recipe of this installation. Fails with the
  /// names that are most like it.
  static llvm::Expected<Recipe> find(llvm::StringRef nameOrFile);

  /// The parameters with the values that `arguments`, `NAME=VALUE` separated by
  /// spaces, say. Fails where a parameter is none.
  llvm::Expected<std::vector<FileParameter>>
  getParameters(llvm::StringRef arguments) const;

  /// `steps` as the text of a pipeline on modules. Fails where a pass or an
  /// option is none.
  llvm::Expected<std::string>
  getPipeline(llvm::ArrayRef<Step> steps,
              llvm::ArrayRef<FileParameter> chosen) const;
};

/// A recipe and the values of its parameters, as users write it:
/// `NAME-OR-FILE` or `NAME-OR-FILE{ARGUMENTS}`.
struct RecipeUse {
  Recipe recipe;
  /// The text of its pipelines: of the phase transform, before and after
  /// statistics would be taken.
  std::string beforeStatistics, pipeline;
  /// Whether these are products of channels too.
  bool takesProducts = false;
  /// The same of the phase quantize, and whether it takes statistics.
  std::string beforeFormatStatistics, quantizePipeline;
  bool takesFormatStatistics = false;
  /// Its scheme and rules, with their parameters.
  std::string scheme, weightMethod;
  std::vector<std::string> rules;

  static llvm::Expected<RecipeUse> parse(llvm::StringRef text);
};

/// The names of the recipes of this installation, sorted.
std::vector<std::string> getRecipeNames();

/// Makes each recipe of this installation a pipeline `quench-recipe-NAME` of
/// this process, with the parameters of the recipe as options.
void registerRecipePipelines();

} // namespace quench

#endif // QUENCH_PIPELINES_RECIPE_H
