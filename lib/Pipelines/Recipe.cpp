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
#include "Quench/Support/Installation.h"
#include "Quench/Support/Spelling.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLTraits.h"

using namespace llvm;
using namespace quench;

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

namespace {
/// Options of a pass, in the order of the file.
using Options = std::vector<std::pair<std::string, std::string>>;
} // namespace

LLVM_YAML_IS_SEQUENCE_VECTOR(Recipe::Parameter)
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
struct yaml::MappingTraits<Recipe::Parameter> {
  static void mapping(IO &io, Recipe::Parameter &parameter) {
    io.mapRequired("name", parameter.name);
    io.mapRequired("description", parameter.description);
    io.mapRequired("value", parameter.value);
  }
};

template <>
struct yaml::MappingTraits<Recipe::Step> {
  static void mapping(IO &io, Recipe::Step &step) {
    io.mapRequired("pass", step.pass);
    io.mapOptional("options", step.options);
  }
};

template <>
struct yaml::MappingTraits<Recipe> {
  static void mapping(IO &io, Recipe &recipe) {
    io.mapRequired("name", recipe.name);
    io.mapRequired("description", recipe.description);
    io.mapOptional("needs", recipe.needs);
    io.mapOptional("parameters", recipe.parameters);
    io.mapRequired("passes", recipe.passes);
  }
};

/// Writes what the YAML parser found as `FILE:LINE:COLUMN: text` to the string
/// `context`.
static void collectMessage(const SMDiagnostic &diagnostic, void *context) {
  auto &message = *static_cast<std::string *>(context);
  if (!message.empty())
    return;
  StringRef text = diagnostic.getMessage();
  message = formatv("{0}:{1}:{2}: ", diagnostic.getFilename(),
                    diagnostic.getLineNo(), diagnostic.getColumnNo() + 1);
  message += text.take_front().lower() + text.drop_front().rtrim('.').str();
}

Expected<Recipe> Recipe::load(StringRef path) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> file = MemoryBuffer::getFile(path);
  if (!file)
    return makeError("cannot read recipe '", path,
                     "': ", describe(file.getError()));
  std::string message;
  yaml::Input input((*file)->getMemBufferRef(), nullptr, collectMessage,
                    &message);
  Recipe recipe;
  input >> recipe;
  if (input.error())
    return createStringError(
        message.empty() ? (path + ": expected a mapping").str() : message);
  return recipe;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static std::string getRecipeFolder() { return findSharedFolder("recipes"); }

std::vector<std::string> quench::getRecipeNames() {
  std::vector<std::string> names;
  std::error_code ec;
  for (sys::fs::directory_iterator file(getRecipeFolder(), ec), end;
       !ec && file != end; file.increment(ec))
    if (sys::path::extension(file->path()) == ".yaml")
      names.push_back(sys::path::stem(file->path()).str());
  llvm::sort(names);
  return names;
}

/// The file of the recipe `name` of this installation.
static std::string getRecipePath(StringRef name) {
  SmallString<128> path(getRecipeFolder());
  sys::path::append(path, name + ".yaml");
  return std::string(path);
}

Expected<Recipe> Recipe::find(StringRef nameOrFile) {
  if (nameOrFile.contains('/') || nameOrFile.ends_with(".yaml"))
    return load(nameOrFile);
  std::vector<std::string> names = getRecipeNames();
  if (llvm::is_contained(names, nameOrFile))
    return load(getRecipePath(nameOrFile));
  return makeError("no recipe '", nameOrFile, "'", suggest(nameOrFile, names));
}

//===----------------------------------------------------------------------===//
// Pipelines
//===----------------------------------------------------------------------===//

/// `text` with the values of `parameters` in place of `${NAME}`.
static Expected<std::string>
substitute(StringRef text, ArrayRef<Recipe::Parameter> parameters) {
  std::string result;
  while (true) {
    auto [before, rest] = text.split("${");
    result += before;
    if (before.size() == text.size())
      return result;
    auto [name, after] = rest.split('}');
    const auto *parameter = llvm::find_if(
        parameters, [name = name](const auto &p) { return p.name == name; });
    if (parameter == parameters.end())
      return makeError("no parameter '", name, "'");
    result += parameter->value;
    text = after;
  }
}

Expected<std::string> Recipe::getPipeline(StringRef arguments) const {
  auto fail = [&](Error error) -> Error {
    return makeError("recipe '", name, "': ", toString(std::move(error)));
  };
  std::vector<Parameter> chosen = parameters;
  SmallVector<StringRef> words;
  arguments.split(words, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef word : words) {
    auto [key, value] = word.split('=');
    auto parameter = llvm::find_if(
        chosen, [key = key](const Parameter &p) { return p.name == key; });
    if (parameter == chosen.end())
      return fail(makeError(
          "no parameter '", key, "'",
          suggest(key, llvm::map_to_vector(parameters, [](const Parameter &p) {
                    return p.name;
                  }))));
    if (value.empty())
      return fail(makeError("found '", word, "', expected NAME=VALUE"));
    parameter->value = value.str();
  }

  SmallVector<std::string> texts;
  for (const Step &step : passes) {
    if (!mlir::PassInfo::lookup(step.pass) &&
        !mlir::PassPipelineInfo::lookup(step.pass))
      return fail(makeError("no pass '", step.pass, "'"));
    SmallVector<std::string> options;
    for (auto &[key, value] : step.options) {
      Expected<std::string> text = substitute(value, chosen);
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
  auto [name, arguments] = text.split('{');
  if (name.size() != text.size() && !arguments.consume_back("}"))
    return makeError("found '", text, "', expected NAME{PARAMETER=VALUE ...}");
  Expected<Recipe> recipe = Recipe::find(name);
  if (!recipe)
    return recipe.takeError();
  Expected<std::string> pipeline = recipe->getPipeline(arguments);
  if (!pipeline)
    return pipeline.takeError();
  return RecipeUse{std::move(*recipe), std::move(*pipeline)};
}

void quench::registerRecipePipelines() {
  for (const std::string &name : getRecipeNames()) {
    std::string path = getRecipePath(name);
    Expected<Recipe> recipe = Recipe::load(path);
    // A file that is none is reported where it is asked for.
    if (!recipe) {
      consumeError(recipe.takeError());
      continue;
    }
    auto build = [recipe = *recipe](
                     mlir::OpPassManager &pm, StringRef arguments,
                     function_ref<mlir::LogicalResult(const Twine &)> fail)
        -> mlir::LogicalResult {
      Expected<std::string> pipeline = recipe.getPipeline(arguments);
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
