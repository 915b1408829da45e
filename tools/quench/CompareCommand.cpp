//===- CompareCommand.cpp - quench compare --------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Pipelines/MeasureLayers.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Report/Report.h"
#include "Quench/Support/OutputFile.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
Runs A and B on FILE and compares what they give, A being the reference: see
'quench eval --help' for the numbers and for what FILE can be. Then says which
quantized layers of B lose most:

  weight dB   quantized weight against float weight
  input dB    quantized input against float input
  layer dB    what the layer makes of the inputs that the float model has
  output dB   what it gives in the quantized model
  alone       error of the outputs with this layer quantized and no other,
              in percent of that of B
  without     error with all layers quantized but this one

Floats are those of B without its quantizers, in the same basis. Options about
schemes, rules, recipes and passes apply to B.

EXAMPLES:

  quench compare vit vit --scheme W4A4 --data images.safetensors
  quench compare llama llama-w4.mlir --data text.bin --json losses.json
  quench compare llama llama --recipe quarot --scheme W4A4 --data text.bin \
    --report losses.html
  quench compare w8.mlir w4.mlir --data text.bin --limit 64 --samples 16
)";

namespace {
class CompareCommand : public Command {
public:
  CompareCommand()
      : Command("compare", "Compare two models, layer by layer", helpText),
        first(cl::Positional, cl::sub(sub), cl::desc("A")), second(sub, "B"),
        compile(sub), data(sub),
        labels("labels", cl::sub(sub), cl::value_desc("file"),
               cl::desc("Classes of the examples: npy, or safetensors with "
                        "'labels' (default: those in the data)")),
        measuring(sub),
        rows("rows", cl::sub(sub), cl::init(10), cl::value_desc("n"),
             cl::desc("Layers to print (default 10)")),
        json("json", cl::sub(sub), cl::value_desc("file"),
             cl::desc("Write everything as JSON; - prints nothing else")),
        html("report", cl::sub(sub), cl::value_desc("file"),
             cl::desc("Write everything as a page for browsers")) {}

  ExitStatus run(const Environment &environment) override;

private:
  /// Fails with a mistake in the command line.
  llvm::Error get(const Environment &environment, PhaseOptions &phases,
                  MeasureOptions &options);

  /// Runs both models.
  mlir::LogicalResult measure(const LocatedModel &model,
                              const LocatedModel &reference,
                              const CPUTarget &target, MeasureOptions options,
                              Report &report) const;

  cl::opt<std::string> first;
  ModelOptions second;
  CodeOptions compile;
  DataFlags data;
  cl::opt<std::string> labels;
  MeasureFlags measuring;
  cl::opt<unsigned> rows;
  cl::opt<std::string> json;
  cl::opt<std::string> html;
  llvm::StringMap<std::string> params;
};
} // namespace

llvm::Error CompareCommand::get(const Environment &environment,
                                PhaseOptions &phases, MeasureOptions &options) {
  if (first.empty())
    return llvm::createStringError("expected two models, A and B");
  if (llvm::Error error = second.get(environment, phases))
    return error;
  if (llvm::Error error = compile.get(phases, params))
    return error;
  if (compile.recipes.printsPipeline())
    return llvm::Error::success();
  if (llvm::Error error = data.get(options))
    return error;
  options.labels = labels;
  options.threads = second.getThreads();
  options.optimize = !compile.quick;
  return measuring.get(options);
}

ExitStatus CompareCommand::run(const Environment &environment) {
  PhaseOptions phases;
  MeasureOptions options;
  if (llvm::Error error = get(environment, phases, options))
    return badCommandLine(llvm::toString(std::move(error)));
  if (compile.recipes.printsPipeline())
    return printPipeline(phases);
  llvm::Expected<CPUTarget> target = CPUTarget::parse(compile.cpu);
  if (!target)
    return badCommandLine(llvm::toString(target.takeError()));
  mlir::MLIRContext &context = environment.context;
  RemarkCollector remarks;
  if (failed(second.configure(context, &remarks)))
    return ExitFailed;
  for (const std::string &path : {json.getValue(), html.getValue()})
    if (!path.empty() && path != "-")
      if (llvm::Error error = checkOutput(path, /*force=*/true))
        return fail(context, std::move(error));

  mlir::OwningOpRef<mlir::ModuleOp> a =
      prepareModel(context, first, phases.forReading());
  if (!a)
    return ExitFailed;
  if (llvm::Error error =
          compile.verify(phases, second.path(), params, &remarks))
    return badCommandLine(llvm::toString(std::move(error)));
  mlir::OwningOpRef<mlir::ModuleOp> b =
      prepareModel(context, second.path(), phases);
  if (failed(compile.writeCertificates(context)) || !b)
    return ExitFailed;
  LocatedModel reference{*a, modelDirectory(first),
                         getUsedArchives(params, *a)};
  LocatedModel model{*b, modelDirectory(second.path()), params};
  Report report;
  report.data = options.data;
  report.model.name = second.path();
  report.reference = ReportedModel{first, std::nullopt};
  report.certificates = compile.getCertificates();
  // What measuring compiles says nothing about the model.
  report.remarks = remarks.get();
  if (failed(measure(model, reference, *target, options, report)))
    return ExitFailed;

  if (json != "-")
    printReport(report, rows, llvm::outs());
  if (!json.empty())
    if (llvm::Error error = writeJSON(toJSON(report), json))
      return fail(context, std::move(error));
  if (!html.empty())
    if (llvm::Error error = writeHTML(report, html))
      return fail(context, std::move(error));
  return ExitDone;
}

mlir::LogicalResult CompareCommand::measure(const LocatedModel &model,
                                            const LocatedModel &reference,
                                            const CPUTarget &target,
                                            MeasureOptions options,
                                            Report &report) const {
  // Running consumes modules.
  mlir::ModuleOp a = reference.module, b = model.module;
  mlir::OwningOpRef<mlir::ModuleOp> copyOfA(a.clone()), copyOfB(b.clone());
  options.onProgress = [](int64_t done, int64_t all) {
    reportProgress(done, all, "example");
  };
  auto outputs = evaluateModel(
      {*copyOfB, model.directory, model.params},
      {*copyOfA, reference.directory, reference.params}, target, options);
  clearProgress();
  if (failed(outputs))
    return mlir::failure();
  report.outputs = std::move(*outputs);
  auto addLayers = [&](const LocatedModel &located, ReportedModel &reported) {
    auto layers = measureLayers(located, target, measuring.getSamples(options));
    clearProgress();
    if (failed(layers))
      return mlir::failure();
    reported.layers = std::move(*layers);
    return mlir::success();
  };
  if (failed(addLayers(model, report.model)))
    return mlir::failure();
  return addLayers(reference, *report.reference);
}

std::unique_ptr<Command> makeCompareCommand() {
  return std::make_unique<CompareCommand>();
}
