//===- BuildCommand.cpp - quench build ------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Codegen/CPU/CPUTarget.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
The phases are import, canonical, transform, assign, quantize, codegen and link.
A build that stops before codegen writes IR, and such IR is a MODEL again.

EXAMPLES:

  A program for this machine, and one for any CPU with AVX2:
    quench build all-MiniLM-L6-v2 -o minilm
    quench build all-MiniLM-L6-v2 -o minilm --cpu x86-64-v3

  A shared library libminilm.so with the C header libminilm.h:
    quench build all-MiniLM-L6-v2 -o libminilm.so --emit shared

  The weights in minilm.safetensors beside the program:
    quench build all-MiniLM-L6-v2 -o minilm --weights external

  Stop, look, edit, go on:
    quench build all-MiniLM-L6-v2 -o minilm.mlir --stop-after canonical
    quench build minilm.mlir -o minilm --start-from codegen
    quench build all-MiniLM-L6-v2 -o minilm --dump-phases-to phases

  Rewritten by a recipe, and what that runs:
    quench build llama -o rotated --recipe quarot
    quench build llama --recipe quarot --print-pipeline

  Quantized by a scheme, with a layer in another format:
    quench build llama -o small --scheme W4A8 --rule '*.down_proj=i8'

  Own passes:
    quench build all-MiniLM-L6-v2 -o minilm --insert-before codegen=cse
)";

namespace {
class BuildCommand : public Command {
public:
  BuildCommand()
      : Command("build", "Compile a model to a program", helpText), model(sub),
        compile(sub), output("o", cl::sub(sub), cl::value_desc("file"),
                             cl::desc("What to write")),
        target("target", cl::sub(sub), cl::init("cpu"),
               cl::value_desc("target"),
               cl::desc("cpu, or an LLVM triple of a CPU (default cpu)")),
        emit("emit", cl::sub(sub), cl::init(EmitKind::Executable),
             cl::desc("Kind of output (default exe)"),
             cl::values(clEnumValN(EmitKind::Executable, "exe", "program"),
                        clEnumValN(EmitKind::Shared, "shared",
                                   "shared library and C header"),
                        clEnumValN(EmitKind::Object, "object",
                                   "object file and parameter archive"),
                        clEnumValN(EmitKind::MLIR, "mlir", "IR, LLVM dialect"),
                        clEnumValN(EmitKind::LLVMIR, "llvm", "LLVM IR"))),
        weights("weights", cl::sub(sub), cl::init(WeightsMode::Embed),
                cl::desc("Where the parameters are (default embed)"),
                cl::values(clEnumValN(WeightsMode::Embed, "embed",
                                      "at the end of the file"),
                           clEnumValN(WeightsMode::External, "external",
                                      "in FILE.safetensors beside it"))),
        linker("linker", cl::sub(sub), cl::value_desc("program"),
               cl::desc("Compiler driver that links (default: the first of "
                        "clang++-22, clang++, c++, g++)")),
        runtime("runtime", cl::sub(sub), cl::value_desc("file"),
                cl::desc("libquench-rt.a (default: that of this "
                         "installation)")),
        startFrom("start-from", cl::sub(sub), cl::value_desc("phase"),
                  cl::desc("First phase to run on an IR file")),
        stopAfter("stop-after", cl::sub(sub), cl::value_desc("phase"),
                  cl::desc("Last phase to run")),
        dumpPhasesTo("dump-phases-to", cl::sub(sub), cl::value_desc("folder"),
                     cl::desc("Write the IR after every phase")),
        verifyPasses("verify-passes", cl::sub(sub),
                     cl::desc("Verify the IR after each pass of codegen, not "
                              "only at its end")),
        force("force", cl::sub(sub),
              cl::desc("Replace an output that exists")) {}

  ExitStatus run(const Environment &environment) override {
    BuildOptions options;
    if (llvm::Error error = get(environment, options))
      return badCommandLine(llvm::toString(std::move(error)));
    if (compile.recipes.printsPipeline())
      return printPipeline(options.phases);
    if (llvm::Error error =
            compile.verify(options.phases, model.path(), options.params))
      return badCommandLine(llvm::toString(std::move(error)));
    if (failed(model.configure(environment.context)))
      return ExitFailed;
    mlir::LogicalResult built =
        buildModel(environment.context, model.path(), output, options);
    if (failed(compile.writeCertificates(environment.context)))
      return ExitFailed;
    return succeeded(built) ? ExitDone : ExitFailed;
  }

private:
  llvm::Error get(const Environment &environment, BuildOptions &options) const;

  ModelOptions model;
  CodeOptions compile;
  cl::opt<std::string> output;
  cl::opt<std::string> target;
  cl::opt<EmitKind> emit;
  cl::opt<WeightsMode> weights;
  cl::opt<std::string> linker;
  cl::opt<std::string> runtime;
  cl::opt<std::string> startFrom;
  cl::opt<std::string> stopAfter;
  cl::opt<std::string> dumpPhasesTo;
  cl::opt<bool> verifyPasses;
  cl::opt<bool> force;
};
} // namespace

/// Reads the name of a phase into `phase` where `option` was given.
static llvm::Error getPhase(const cl::opt<std::string> &option, Phase &phase) {
  if (option.empty())
    return llvm::Error::success();
  std::optional<Phase> named = symbolizePhase(option);
  if (!named)
    return llvm::createStringError("--" + option.ArgStr + ": found '" + option +
                                   "', expected " +
                                   listPhases(Phase::Import, Phase::Link));
  phase = *named;
  return llvm::Error::success();
}

llvm::Error BuildCommand::get(const Environment &environment,
                              BuildOptions &options) const {
  if (llvm::Error error = model.get(environment, options.phases))
    return error;
  if (llvm::Error error = getPhase(startFrom, options.phases.startFrom))
    return error;
  if (llvm::Error error = getPhase(stopAfter, options.phases.stopAfter))
    return error;
  if (options.phases.startFrom > options.phases.stopAfter)
    return llvm::createStringError("--start-from " + startFrom +
                                   " is after --stop-after " + stopAfter);
  if (options.phases.startFrom == Phase::Link)
    return llvm::createStringError("--start-from link: a build starts from IR, "
                                   "at the latest from codegen");
  if (llvm::Error error = compile.get(options.phases, options.params))
    return error;
  if (output.empty() && !compile.recipes.printsPipeline())
    return llvm::createStringError("no output: name it with -o");
  if (target != "cpu")
    options.triple = target;
  options.cpu = compile.cpu;
  // Known here, so that a wrong name is a mistake of the command line.
  if (auto parsed = CPUTarget::parse(options.cpu, options.triple); !parsed)
    return parsed.takeError();
  options.phases.dumpPhasesTo = dumpPhasesTo;
  options.emit = emit;
  options.weights = weights;
  options.linker = linker;
  options.runtime = runtime;
  options.verifyPasses = verifyPasses;
  options.optimize = !compile.quick;
  options.force = force;
  return llvm::Error::success();
}

std::unique_ptr<Command> makeBuildCommand() {
  return std::make_unique<BuildCommand>();
}
