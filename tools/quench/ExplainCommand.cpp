//===- ExplainCommand.cpp - quench explain --------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Pipelines/Explain.h"

#include "llvm/Support/FormatVariadic.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
Shows, for the layers that LAYER names, which rule decided which format their
weights and inputs get, which rules it overruled, why a format was changed or
refused, what recipes did to the values, and which rewrites may touch them.
LAYER is a pattern as in rules: a glob, or re: and a regular expression.

Nothing is calibrated or quantized for it.

EXAMPLES:

  quench explain llama model.layers.3.mlp.down_proj --scheme W4A8 --rule '*.down_proj=i8'
  quench explain llama '*.3.*' --recipe quarot --scheme W4A4 --json
)";

namespace {
class ExplainCommand : public Command {
public:
  ExplainCommand()
      : Command("explain", "Show why a layer is quantized as it is", helpText),
        model(sub), recipes(sub),
        layer(cl::Positional, cl::sub(sub), cl::desc("LAYER")),
        json("json", cl::sub(sub), cl::desc("Print one JSON array")) {}

  ExitStatus run(const Environment &environment) override;

private:
  ModelOptions model;
  RecipeOptions recipes;
  cl::opt<std::string> layer;
  cl::opt<bool> json;
};
} // namespace

ExitStatus ExplainCommand::run(const Environment &environment) {
  PhaseOptions options;
  llvm::StringMap<std::string> params;
  if (llvm::Error error = model.get(environment, options))
    return badCommandLine(llvm::toString(std::move(error)));
  if (llvm::Error error = recipes.get(options, params))
    return badCommandLine(llvm::toString(std::move(error)));
  if (layer.empty())
    return badCommandLine("no LAYER: expected the name of one, or a pattern");
  llvm::Expected<SitePattern> pattern = SitePattern::parse(layer);
  if (!pattern)
    return badCommandLine("LAYER: " + llvm::toString(pattern.takeError()));
  llvm::Expected<std::vector<QuantRule>> rules = getRules(options.formats);
  if (!rules)
    return badCommandLine("--scheme: " + llvm::toString(rules.takeError()));
  if (recipes.printsPipeline())
    return printPipeline(options);
  // The plan needs the model before it is quantized.
  options.stopAfter = Phase::Transform;
  if (failed(model.configure(environment.context)))
    return ExitFailed;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      prepareModel(environment.context, model.path(), options);
  if (!module)
    return ExitFailed;
  mlir::FailureOr<FormatPlan> plan = planFormats(*module, std::move(*rules));
  if (failed(plan))
    return ExitFailed;
  auto layers = explainLayers(*module, *plan, *pattern);
  if (!layers)
    return fail(environment.context, layers.takeError());
  if (json)
    llvm::outs() << llvm::formatv("{0:2}\n",
                                  llvm::json::Value(toJSON(*layers)));
  else
    printExplanations(*layers, llvm::outs());
  return ExitDone;
}

std::unique_ptr<Command> makeExplainCommand() {
  return std::make_unique<ExplainCommand>();
}
