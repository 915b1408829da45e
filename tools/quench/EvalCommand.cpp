//===- EvalCommand.cpp - quench eval --------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Pipelines/Evaluate.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Pipelines/Unquantize.h"
#include "Quench/Support/OutputFile.h"

#include "llvm/Support/Format.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
Runs the model on FILE and measures what comes out, as far as it applies:

  accuracy        examples whose label has the largest logit
  bits_per_byte   -log2 of the probability of the byte that follows;
                  bits_per_token where tokens are no bytes
  perplexity      2 to that
  kl              divergence of the probabilities from those of the reference,
                  in nats, mean over rows of the logits
  agreement       rows with the largest logit where the reference has it
  cosine.OUTPUT   cosine to what the reference gives, mean over rows
  sqnr.OUTPUT     signal to noise of all rows, the reference being the signal,
                  in dB

FILE is safetensors with inputs by name, and labels as 'labels', or an npy file,
the first dimension counting examples; or text: lines where the model has a
tokenizer, else its bytes are the tokens.

The reference is a model with the same entry point, or 'float': MODEL without
recipes, other changes and quantizers.

EXAMPLES:

  quench eval vit --data images.safetensors
  quench eval llama --data text.bin --recipe quarot --reference float
  quench eval minilm-w4.mlir --data sentences.txt --reference minilm --json r.json
)";

namespace {
class EvalCommand : public Command {
public:
  EvalCommand()
      : Command("eval", "Measure a model on data", helpText), model(sub),
        compile(sub), data(sub),
        labels("labels", cl::sub(sub), cl::value_desc("file"),
               cl::desc("Classes of the examples: npy, or safetensors with "
                        "'labels' (default: those in the data)")),
        reference("reference", cl::sub(sub), cl::value_desc("model|float"),
                  cl::desc("Compare with a model")),
        json("json", cl::sub(sub), cl::value_desc("file"),
             cl::desc("Write the numbers as JSON too; - prints nothing else")) {
  }

  ExitStatus run(const Environment &environment) override;

private:
  ModelOptions model;
  CodeOptions compile;
  DataFlags data;
  cl::opt<std::string> labels;
  cl::opt<std::string> reference;
  cl::opt<std::string> json;
};
} // namespace

/// One line for each number.
static void print(const Evaluation &evaluation) {
  for (const Evaluation::Metric &metric : evaluation.metrics) {
    llvm::outs() << llvm::left_justify(metric.name, 28)
                 << llvm::format("%12.6g", metric.value);
    if (metric.name == "accuracy" || metric.name == "agreement")
      llvm::outs() << llvm::format("  %.0f of %lld",
                                   metric.value * metric.count,
                                   static_cast<long long>(metric.count));
    else
      llvm::outs() << "  over " << metric.count;
    llvm::outs() << "\n";
  }
}

ExitStatus EvalCommand::run(const Environment &environment) {
  PhaseOptions phases;
  EvaluationOptions options;
  LocatedModel first, second;
  if (llvm::Error error = model.get(environment, phases))
    return badCommandLine(llvm::toString(std::move(error)));
  if (llvm::Error error = compile.get(phases, first.params))
    return badCommandLine(llvm::toString(std::move(error)));
  if (compile.recipes.printsPipeline())
    return printPipeline(phases);
  if (llvm::Error error = data.get(options))
    return badCommandLine(llvm::toString(std::move(error)));
  llvm::Expected<CPUTarget> target = CPUTarget::parse(compile.cpu);
  if (!target)
    return badCommandLine(llvm::toString(target.takeError()));
  options.labels = labels;
  options.threads = model.getThreads();
  options.optimize = !compile.quick;
  if (failed(model.configure(environment.context)))
    return ExitFailed;
  if (!json.empty() && json != "-")
    if (llvm::Error error = checkOutput(json, /*force=*/true))
      return fail(environment.context, std::move(error));

  mlir::OwningOpRef<mlir::ModuleOp> module =
      prepareModel(environment.context, model.path(), phases);
  if (!module)
    return ExitFailed;
  first.module = *module;
  first.directory = modelDirectory(model.path());
  mlir::OwningOpRef<mlir::ModuleOp> other;
  if (!reference.empty()) {
    bool isFloat = reference == "float";
    const std::string &path = isFloat ? model.path() : reference.getValue();
    other = prepareModel(environment.context, path, phases.forReading());
    if (!other)
      return ExitFailed;
    second = {*other, modelDirectory(path), {}};
    if (isFloat) {
      dropQuantizers(*other);
      second.params = getUsedArchives(first.params, *other);
    }
  }
  options.onProgress = [](int64_t done, int64_t all) {
    reportProgress(done, all, "example");
  };
  auto evaluation = evaluateModel(first, second, *target, options);
  clearProgress();
  if (failed(evaluation))
    return ExitFailed;
  if (json != "-")
    print(*evaluation);
  if (json.empty())
    return ExitDone;
  if (llvm::Error error = writeJSON(evaluation->toJSON(), json))
    return fail(environment.context, std::move(error));
  return ExitDone;
}

std::unique_ptr<Command> makeEvalCommand() {
  return std::make_unique<EvalCommand>();
}
