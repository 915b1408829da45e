//===- InspectCommand.cpp - quench inspect --------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Pipelines/Inspect.h"

#include "llvm/Support/FormatVariadic.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
Shows the entry points with their inputs and outputs, then every layer: which
op uses it and the name, type, shape and bytes of its parameters.

EXAMPLES:

  quench inspect all-MiniLM-L6-v2
  quench inspect minilm.mlir --json
)";

namespace {
class InspectCommand : public Command {
public:
  InspectCommand()
      : Command("inspect", "Show what a model is made of", helpText),
        model(sub),
        json("json", cl::sub(sub), cl::desc("Print one JSON object")) {}

  ExitStatus run(const Environment &environment) override {
    PhaseOptions options;
    if (llvm::Error error = model.get(environment, options))
      return badCommandLine(llvm::toString(std::move(error)));
    options.stopAfter = Phase::Import;
    if (failed(model.configure(environment.context)))
      return ExitFailed;
    mlir::OwningOpRef<mlir::ModuleOp> module =
        prepareModel(environment.context, model.path(), options);
    if (!module)
      return ExitFailed;
    ModelSummary summary = summarizeModel(*module);
    if (json)
      llvm::outs() << llvm::formatv("{0:2}\n", summaryToJSON(summary));
    else
      printSummary(summary, llvm::outs());
    return ExitDone;
  }

private:
  ModelOptions model;
  cl::opt<bool> json;
};
} // namespace

std::unique_ptr<Command> makeInspectCommand() {
  return std::make_unique<InspectCommand>();
}
