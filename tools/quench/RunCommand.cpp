//===- RunCommand.cpp - quench run ----------------------------------------===//
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
Compiles the model into memory and runs it as the program that 'quench build'
would make of it. What stands after MODEL is the command line of that program;
its --help explains it.

EXAMPLES:

  quench run vit --help
  quench run vit --input pixel_values=images.safetensors --output out.safetensors
  quench run --cpu x86-64-v3 minilm.mlir --text sentences.txt --output out.npy
)";

namespace {
class RunCommand : public Command {
public:
  RunCommand()
      : Command("run", "Compile a model into memory and run it", helpText),
        model(sub), compile(sub),
        arguments(cl::ConsumeAfter, cl::sub(sub),
                  cl::desc("[options of the program]")) {}

  ExitStatus run(const Environment &environment) override {
    PhaseOptions options;
    llvm::StringMap<std::string> params;
    if (llvm::Error error = model.get(environment, options))
      return badCommandLine(llvm::toString(std::move(error)));
    if (llvm::Error error = compile.get(options, params))
      return badCommandLine(llvm::toString(std::move(error)));
    if (compile.recipes.printsPipeline())
      return printPipeline(options);
    if (llvm::Error error = compile.verify(options, model.path(), params))
      return badCommandLine(llvm::toString(std::move(error)));
    llvm::Expected<CPUTarget> target = CPUTarget::parse(compile.cpu);
    if (!target)
      return badCommandLine(llvm::toString(target.takeError()));
    if (failed(model.configure(environment.context)))
      return ExitFailed;

    mlir::OwningOpRef<mlir::ModuleOp> module =
        prepareModel(environment.context, model.path(), options);
    if (failed(compile.writeCertificates(environment.context)) || !module)
      return ExitFailed;
    auto jit = compileInProcess(*module, modelDirectory(model.path()), *target,
                                params, /*optimize=*/!compile.quick);
    if (failed(jit))
      return ExitFailed;
    std::string name = (environment.program + " run " + model.path()).str();
    llvm::SmallVector<char *> argv = {name.data()};
    for (std::string &argument : arguments)
      argv.push_back(argument.data());
    int argc = argv.size();
    argv.push_back(nullptr);
    return static_cast<ExitStatus>(
        qrt_main(argc, argv.data(), (*jit)->model()));
  }

private:
  ModelOptions model;
  CodeOptions compile;
  cl::list<std::string> arguments;
};
} // namespace

std::unique_ptr<Command> makeRunCommand() {
  return std::make_unique<RunCommand>();
}
