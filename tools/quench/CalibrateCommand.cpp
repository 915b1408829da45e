//===- CalibrateCommand.cpp - quench calibrate ----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Pipelines/Calibrate.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Support/Spelling.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
Runs the model on FILE and writes statistics of its activations: ranges and
means of channels wherever recipes may ask for them, and with --gram products of
channels. FILE is safetensors with inputs by name or an npy file, the first
dimension counting examples; or text: lines where the model has a tokenizer,
else its bytes are the tokens.

Statistics are of the model as the command sees it. Those of a model that a
recipe changed are taken with that recipe, or from its IR.

Interrupted in any way, the same command goes on where it was.

EXAMPLES:

  quench calibrate llama --data text.bin -o stats.safetensors --limit 64
  quench build llama -o smooth --recipe smoothquant --param stats=stats.safetensors
  quench calibrate vit --data images.safetensors -o stats.safetensors --gram
)";

namespace {
class CalibrateCommand : public Command {
public:
  CalibrateCommand()
      : Command("calibrate", "Take statistics of activations", helpText),
        model(sub), compile(sub),
        data("data", cl::sub(sub), cl::value_desc("file"),
             cl::desc("What the model runs on")),
        output("o", cl::sub(sub), cl::value_desc("file"),
               cl::desc("Statistics archive to write")),
        entry("entry", cl::sub(sub), cl::value_desc("name"),
              cl::desc("Entry point to run (default: the first)")),
        gram("gram", cl::sub(sub), cl::desc("Take products of channels too")),
        weighting(
            "gram-weights", cl::sub(sub), cl::init(TokenWeighting::None),
            cl::desc("Take products of weighted tokens too (RSQ): each weighs "
                     "the attention that it receives"),
            cl::values(clEnumValN(TokenWeighting::Linear, "linear",
                                  "over its mean, as RSQ's code does"),
                       clEnumValN(TokenWeighting::Squared, "squared",
                                  "squared, as RSQ's paper has it"))),
        leastWeight("least-weight", cl::sub(sub), cl::init(0.005),
                    cl::value_desc("w"),
                    cl::desc("Weight of the token that receives least "
                             "(default 0.005)")),
        samples("samples", cl::sub(sub), cl::init(0), cl::value_desc("n"),
                cl::desc("Keep so many tokens of what quantizers are for")),
        limit("limit", cl::sub(sub), cl::init(0), cl::value_desc("n"),
              cl::desc("Use so many examples (default: all)")),
        batch("batch", cl::sub(sub), cl::init(8), cl::value_desc("n"),
              cl::desc("Examples that are one step (default 8)")),
        length("length", cl::sub(sub), cl::init(128), cl::value_desc("n"),
               cl::desc("Tokens that bytes are cut into (default 128)")),
        force("force", cl::sub(sub),
              cl::desc("Replace an output that exists")) {}

  ExitStatus run(const Environment &environment) override {
    PhaseOptions phases;
    CalibrationOptions options;
    if (llvm::Error error = model.get(environment, phases))
      return badCommandLine(llvm::toString(std::move(error)));
    if (llvm::Error error = compile.get(phases, options.params))
      return badCommandLine(llvm::toString(std::move(error)));
    if (compile.recipes.printsPipeline())
      return printPipeline(phases);
    if (data.empty())
      return badCommandLine("no data: name it with --data");
    if (output.empty())
      return badCommandLine("no output: name it with -o");
    if (batch < 1 || length < 1 || limit < 0 || samples < 0)
      return badCommandLine("expected a positive number after --batch, "
                            "--length, --limit and --samples");
    if (!(leastWeight >= 0 && leastWeight <= 1))
      return badCommandLine("expected a weight from 0 to 1 after "
                            "--least-weight");
    llvm::Expected<CPUTarget> target = CPUTarget::parse(compile.cpu);
    if (!target)
      return badCommandLine(llvm::toString(target.takeError()));
    if (failed(model.configure(environment.context)))
      return ExitFailed;
    mlir::OwningOpRef<mlir::ModuleOp> module =
        prepareModel(environment.context, model.path(), phases);
    if (!module)
      return ExitFailed;
    options.data = data;
    options.entry = entry;
    options.batch = batch;
    options.length = length;
    options.limit = limit;
    options.products = gram;
    options.weighting = weighting;
    options.leastWeight = leastWeight;
    options.samples = samples;
    options.threads = model.getThreads();
    options.optimize = !compile.quick;
    options.force = force;
    options.onProgress = [first = true](int64_t seen, int64_t all) mutable {
      if (first && seen > 0)
        llvm::errs() << "quench: going on after " << seen << " of "
                     << formatCount(all, "example") << "\n";
      first = false;
    };
    return failed(calibrate(*module, modelDirectory(model.path()), *target,
                            output, options))
               ? ExitFailed
               : ExitDone;
  }

private:
  ModelOptions model;
  CodeOptions compile;
  cl::opt<std::string> data, output, entry;
  cl::opt<bool> gram;
  cl::opt<TokenWeighting> weighting;
  cl::opt<double> leastWeight;
  cl::opt<int64_t> samples, limit, batch, length;
  cl::opt<bool> force;
};
} // namespace

std::unique_ptr<Command> makeCalibrateCommand() {
  return std::make_unique<CalibrateCommand>();
}
