//===- Recipe.cpp - Named sequences of rewrites ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Recipe.h"

#include "Quench/Pipelines/Phases.h"
#include "Quench/Support/Error.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace quench;

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

namespace {
/// Options of a pass, in the order of the file.
using Options = std::vector<std::pair<std::string, std::string>>;
} // namespace

LLVM_YAML_IS_SEQUENCE_VECTOR(Recipe::Step)

template <>
struct yaml::CustomMappingTraits<Options> {
  static void inputOne(IO &io, StringRef key, Options &options) {
    std::string value;
    io.mapRequired(key, value);
    options.emplace_back(key.str(), value);
  }
  static void output(IO &io, Options &options) {
    for (auto &[key, value] : options)
      io.mapRequired(key, value);
  }
};

template <>
struct yaml::MappingTraits<Recipe::Step> {
  static std::string validate(IO &, Recipe::Step &step) {
    if (step.pass.empty() == step.calibrate.empty())
      return "expected a step with either pass or calibrate";
    if (!is_contained({"", "ranges", "gram", "formats"}, step.calibrate))
      return "found calibrate '" + step.calibrate +
             "', expected ranges, gram or formats";
    return "";
  }
  static void mapping(IO &io, Recipe::Step &step) {
    io.mapOptional("pass", step.pass);
    io.mapOptional("options", step.options);
    io.mapOptional("calibrate", step.calibrate);
  }
};

template <>
struct yaml::MappingTraits<Recipe> {
  static void mapping(IO &io, Recipe &recipe) {
    io.mapRequired("name", recipe.name);
    io.mapRequired("description", recipe.description);
    io.mapOptional("needs", recipe.needs);
    io.mapOptional("parameters", recipe.parameters);
    io.mapOptional("passes", recipe.passes);
    io.mapOptional("scheme", recipe.scheme);
    io.mapOptional("rules", recipe.rules);
    io.mapOptional("weight-method", recipe.weightMethod);
    io.mapOptional("quantize", recipe.quantize);
  }
};

static bool takesStatistics(const Recipe::Step &step) {
  return !step.calibrate.empty();
}

Expected<Recipe> Recipe::load(StringRef path) {
  Recipe recipe;
  if (Error error = readYaml(path, "recipe", recipe))
    return error;
  for (auto [steps, name] : {std::pair(&recipe.passes, "passes"),
                             std::pair(&recipe.quantize, "quantize")}) {
    bool isOfFormats = steps == &recipe.quantize;
    int64_t count = 0;
    for (const Step &step : *steps) {
      if (step.calibrate.empty())
        continue;
      ++count;
      if (isOfFormats != (step.calibrate == "formats"))
        return makeError(path, ": found calibrate '", step.calibrate,
                         "' under ", name, ", expected ",
                         isOfFormats ? "formats" : "ranges or gram");
    }
    if (count > 1)
      return makeError(path, ": found ", count,
                       " steps that take statistics under ", name,
                       ", expected one");
  }
  if (llvm::any_of(recipe.passes, takesStatistics) &&
      !is_contained(recipe.needs, "stats"))
    return makeError(path, ": expected 'stats' among its needs, since it takes "
                           "statistics");
  return recipe;
}

static constexpr StringLiteral recipeFolder = "recipes";

std::vector<std::string> quench::getRecipeNames() {
  return getSharedFileNames(recipeFolder);
}

Expected<Recipe> Recipe::find(StringRef nameOrFile) {
  Expected<std::string> path =
      findSharedFile(recipeFolder, "recipe", nameOrFile);
  if (!path)
    return path.takeError();
  return load(*path);
}

//===----------------------------------------------------------------------===//
// Pipelines
//===----------------------------------------------------------------------===//

/// `error` with the name of the recipe that it is in.
static Error inRecipe(StringRef name, Error error) {
  return makeError("recipe '", name, "': ", toString(std::move(error)));
}

Expected<std::vector<FileParameter>>
Recipe::getParameters(StringRef arguments) const {
  std::vector<FileParameter> chosen = parameters;
  if (Error error = setParameters(chosen, arguments))
    return inRecipe(name, std::move(error));
  return chosen;
}

Expected<std::string>
Recipe::getPipeline(ArrayRef<Step> steps,
                    ArrayRef<FileParameter> chosen) const {
  auto fail = [&](Error error) { return inRecipe(name, std::move(error)); };
  SmallVector<std::string> texts;
  for (const Step &step : steps) {
    if (!step.calibrate.empty())
      continue;
    if (!mlir::PassInfo::lookup(step.pass) &&
        !mlir::PassPipelineInfo::lookup(step.pass))
      return fail(makeError("no pass '", step.pass, "'"));
    SmallVector<std::string> options;
    for (auto &[key, value] : step.options) {
      Expected<std::string> text = substituteParameters(value, chosen);
      if (!text)
        return fail(text.takeError());
      bool isOneWord = text->find_first_of(" \t{}\"'") == std::string::npos;
      options.push_back(key + "=" + (isOneWord ? *text : "{" + *text + "}"));
    }
    texts.push_back(step.pass);
    if (!options.empty())
      texts.back() += "{" + llvm::join(options, " ") + "}";
  }
  std::string pipeline = llvm::join(texts, ",");
  // Options are known by the passes alone.
  mlir::OpPassManager parsed(mlir::ModuleOp::getOperationName());
  if (Error error = parseModulePipeline(pipeline, parsed))
    return fail(std::move(error));
  return pipeline;
}

Expected<RecipeUse> RecipeUse::parse(StringRef text) {
  auto split = splitArguments(text);
  if (!split)
    return split.takeError();
  Expected<Recipe> recipe = Recipe::find(split->first);
  if (!recipe)
    return recipe.takeError();
  auto chosen = recipe->getParameters(split->second);
  if (!chosen)
    return chosen.takeError();
  RecipeUse use;
  auto substitute = [&](StringRef word, std::string &result) -> Error {
    Expected<std::string> value = substituteParameters(word, *chosen);
    if (!value)
      return inRecipe(recipe->name, value.takeError());
    result = std::move(*value);
    return Error::success();
  };
  if (Error error = substitute(recipe->scheme, use.scheme))
    return error;
  if (Error error = substitute(recipe->weightMethod, use.weightMethod))
    return error;
  for (const QuantRule &rule : recipe->rules)
    if (Error error = substitute(rule.str(), use.rules.emplace_back()))
      return error;
  // Up to the step that takes statistics; where there is none all come after.
  auto getFirst = [](ArrayRef<Recipe::Step> steps) {
    ArrayRef<Recipe::Step> before = steps.take_until(takesStatistics);
    return before.size() == steps.size() ? ArrayRef<Recipe::Step>() : before;
  };
  ArrayRef<Recipe::Step> passes = recipe->passes, quantize = recipe->quantize;
  ArrayRef<Recipe::Step> before = getFirst(passes);
  ArrayRef<Recipe::Step> beforeFormats = getFirst(quantize);
  use.takesProducts = llvm::any_of(passes, [](const Recipe::Step &step) {
    return step.calibrate == "gram";
  });
  use.takesFormatStatistics = llvm::any_of(quantize, takesStatistics);
  for (auto [steps, text] :
       {std::pair(before, &use.beforeStatistics),
        std::pair(passes.drop_front(before.size()), &use.pipeline),
        std::pair(beforeFormats, &use.beforeFormatStatistics),
        std::pair(quantize.drop_front(beforeFormats.size()),
                  &use.quantizePipeline)}) {
    Expected<std::string> pipeline = recipe->getPipeline(steps, *chosen);
    if (!pipeline)
      return pipeline.takeError();
    *text = std::move(*pipeline);
  }
  use.recipe = std::move(*recipe);
  return use;
}

void quench::registerRecipePipelines() {
  for (const std::string &name : getRecipeNames()) {
    Expected<Recipe> recipe = Recipe::find(name);
    // A file that is none is reported where it is asked for.
    if (!recipe) {
      consumeError(recipe.takeError());
      continue;
    }
    auto build = [recipe = *recipe](
                     mlir::OpPassManager &pm, StringRef arguments,
                     function_ref<mlir::LogicalResult(const Twine &)> fail)
        -> mlir::LogicalResult {
      auto chosen = recipe.getParameters(arguments);
      if (!chosen)
        return fail(toString(chosen.takeError()));
      Expected<std::string> pipeline =
          recipe.getPipeline(recipe.passes, *chosen);
      if (!pipeline)
        return fail(toString(pipeline.takeError()));
      if (Error error = parseModulePipeline(*pipeline, pm))
        return fail(toString(std::move(error)));
      return mlir::success();
    };
    mlir::registerPassPipeline(
        "quench-recipe-" + name, recipe->description, build,
        [](function_ref<void(const mlir::detail::PassOptions &)>) {});
  }
}
