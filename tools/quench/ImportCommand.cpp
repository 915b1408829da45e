//===- ImportCommand.cpp - quench import ----------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Pipelines/Model.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
MODEL is a folder with config.json and safetensors, as Hugging Face publishes
them. The IR names the parameters; their bytes stay in the folder. A file name
that ends in .mlirbc holds bytecode, any other text. With --recipe the IR is
what the recipe makes of the model.

EXAMPLES:

  quench import all-MiniLM-L6-v2 -o minilm.mlir
  quench import all-MiniLM-L6-v2 -o - | grep quench.linear
  quench import llama --dtype f64 -o llama.mlirbc
  quench import llama --recipe quarot -o rotated.mlir
)";

namespace {
class ImportCommand : public Command {
public:
  ImportCommand()
      : Command("import", "Write the IR of a checkpoint", helpText), model(sub),
        recipes(sub),
        output("o", cl::sub(sub), cl::init("-"), cl::value_desc("file"),
               cl::desc("IR file, - for standard output (default)")),
        force("force", cl::sub(sub),
              cl::desc("Replace an output that exists")) {}

  ExitStatus run(const Environment &environment) override {
    PhaseOptions options;
    if (llvm::Error error = model.get(environment, options))
      return badCommandLine(llvm::toString(std::move(error)));
    llvm::StringMap<std::string> params;
    if (llvm::Error error = recipes.get(options, params, /*writesIR=*/true))
      return badCommandLine(llvm::toString(std::move(error)));
    if (!options.formats.scheme.empty() || !options.formats.rules.empty())
      options.stopAfter = Phase::Quantize;
    else
      options.stopAfter =
          options.recipes.empty() ? Phase::Import : Phase::Transform;
    if (options.stopAfter == Phase::Import)
      for (const auto &entry : options.recipeArchives)
        params.try_emplace(entry.getKey(), entry.getValue());
    if (!params.empty())
      return badCommandLine("--param: no recipe needs an archive of scope '" +
                            params.begin()->getKey() + "'");
    if (recipes.printsPipeline())
      return printPipeline(options);
    if (failed(model.configure(environment.context)))
      return ExitFailed;
    BuildOptions build;
    build.phases = std::move(options);
    build.force = force;
    return failed(buildModel(environment.context, model.path(), output, build))
               ? ExitFailed
               : ExitDone;
  }

private:
  ModelOptions model;
  RecipeOptions recipes;
  cl::opt<std::string> output;
  cl::opt<bool> force;
};
} // namespace

std::unique_ptr<Command> makeImportCommand() {
  return std::make_unique<ImportCommand>();
}
