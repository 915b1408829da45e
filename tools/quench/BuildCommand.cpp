//===- BuildCommand.cpp - quench build ------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Codegen/CPU/CPUTarget.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Support/OutputFile.h"

#include "llvm/Support/Path.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
The phases are import, canonical, transform, assign, calibrate, quantize, codegen
and link.
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

  Quantized by a scheme, with a layer in another format; with statistics of data:
    quench build llama -o small --scheme W4A8 --rule '*.down_proj=i8'
    quench build llama -o small --scheme 'W8A8{static=true}' --calib text.txt
    quench build llama -o small --scheme W4A16 --weight-method gptq --calib text.txt

  With the schedules of kernels that are fastest here, measured once:
    quench build all-MiniLM-L6-v2 -o minilm --schedules here.yaml --autotune

  With a report on what that costs:
    quench build llama -o small --scheme W4A8 --data text.bin --report small.html

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
        kernelCache("kernel-cache", cl::sub(sub), cl::value_desc("folder|off"),
                    cl::desc("Where compiled kernels are kept for later builds "
                             "(default: quench/kernels in the user's caches)")),
        schedules("schedules", cl::sub(sub), cl::value_desc("file"),
                  cl::desc("Schedules of kernels, in place of those of the "
                           "cost model")),
        autotune("autotune", cl::sub(sub),
                 cl::desc("Measure kernels that --schedules has nothing for, "
                          "and write the best there")),
        force("force", cl::sub(sub), cl::desc("Replace an output that exists")),
        report("report", cl::sub(sub), cl::value_desc("file"),
               cl::desc("Write a page for browsers on what quantizing costs, "
                        "layer by layer; what outputs lose is measured on "
                        "--data")),
        json("report-json", cl::sub(sub), cl::value_desc("file"),
             cl::desc("The same as JSON")),
        data(sub), measuring(sub) {}

  ExitStatus run(const Environment &environment) override {
    BuildOptions options;
    if (llvm::Error error = get(environment, options))
      return badCommandLine(llvm::toString(std::move(error)));
    if (compile.recipes.printsPipeline())
      return printPipeline(options.phases);
    RemarkCollector remarks;
    if (llvm::Error error = compile.verify(options.phases, model.path(),
                                           options.params, &remarks))
      return badCommandLine(llvm::toString(std::move(error)));
    bool isReported = !report.empty() || !json.empty();
    MeasureOptions measured;
    if (data.isGiven()) {
      if (!isReported)
        return badCommandLine(
            "--data is what --report is measured on, expected "
            "that too");
      if (llvm::Error error = data.get(measured))
        return badCommandLine(llvm::toString(std::move(error)));
      if (llvm::Error error = measuring.get(measured))
        return badCommandLine(llvm::toString(std::move(error)));
      measured.threads = model.getThreads();
      measured.optimize = !compile.quick;
    }
    mlir::MLIRContext &context = environment.context;
    if (failed(model.configure(context, isReported ? &remarks : nullptr)))
      return ExitFailed;
    for (const std::string &path : {report.getValue(), json.getValue()})
      if (!path.empty() && path != "-")
        if (llvm::Error error = checkOutput(path, /*force=*/true))
          return fail(context, std::move(error));
    mlir::OwningOpRef<mlir::ModuleOp> prepared;
    if (isReported)
      options.onPrepared = [&](mlir::ModuleOp module) {
        prepared = module.clone();
      };
    mlir::LogicalResult built =
        buildModel(context, model.path(), output, options);
    if (failed(compile.writeCertificates(context)) || failed(built))
      return ExitFailed;
    if (!isReported)
      return ExitDone;
    Report result;
    result.remarks = remarks.get();
    result.certificates = compile.getCertificates();
    return writeReport(context, *prepared, options, measured,
                       std::move(result));
  }

private:
  llvm::Error get(const Environment &environment, BuildOptions &options);
  /// Measures `module`, which was built, and writes what was asked for.
  ExitStatus writeReport(mlir::MLIRContext &context, mlir::ModuleOp module,
                         const BuildOptions &options, MeasureOptions measured,
                         Report report) const;

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
  cl::opt<std::string> kernelCache;
  cl::opt<std::string> schedules;
  cl::opt<bool> autotune;
  cl::opt<bool> force;
  cl::opt<std::string> report;
  cl::opt<std::string> json;
  DataFlags data;
  MeasureFlags measuring;
};
} // namespace

ExitStatus BuildCommand::writeReport(mlir::MLIRContext &context,
                                     mlir::ModuleOp module,
                                     const BuildOptions &options,
                                     MeasureOptions measured,
                                     Report result) const {
  LocatedModel located{module, modelDirectory(model.path()), options.params};
  mlir::FailureOr<LayerReport> layers = mlir::failure();
  if (data.isGiven()) {
    // Another machine's code does not run here.
    llvm::Expected<CPUTarget> host = CPUTarget::parse("native");
    if (!host)
      return fail(context, host.takeError());
    measured.onProgress = [](int64_t done, int64_t all) {
      reportProgress(done, all, "example");
    };
    layers = measureLayers(located, *host, measuring.getSamples(measured));
    clearProgress();
  } else {
    layers = describeLayers(located, measured.entry);
  }
  if (failed(layers))
    return ExitFailed;
  result.model = {model.path(), std::move(*layers)};
  result.data = measured.data;
  if (output != "-" && report != "-" && json != "-")
    printReport(result, /*limit=*/10, llvm::outs());
  if (!json.empty())
    if (llvm::Error error = writeJSON(toJSON(result), json))
      return fail(context, std::move(error));
  if (!report.empty())
    if (llvm::Error error = writeHTML(result, report))
      return fail(context, std::move(error));
  return ExitDone;
}

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

/// The folder that `--kernel-cache` names; empty where there is to be none.
static std::string getKernelCache(llvm::StringRef option) {
  if (option == "off")
    return "";
  if (!option.empty())
    return option.str();
  llvm::SmallString<128> folder;
  if (!llvm::sys::path::cache_directory(folder))
    return "";
  llvm::sys::path::append(folder, "quench", "kernels");
  return std::string(folder);
}

llvm::Error BuildCommand::get(const Environment &environment,
                              BuildOptions &options) {
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
  options.phases.dumpPhasesTo = dumpPhasesTo;
  if (llvm::Error error =
          compile.get(options.phases, options.params,
                      options.phases.stopAfter < Phase::Codegen))
    return error;
  if (output.empty() && !compile.recipes.printsPipeline())
    return llvm::createStringError("no output: name it with -o");
  if (target != "cpu")
    options.triple = target;
  options.cpu = compile.cpu;
  // Known here, so that a wrong name is a mistake of the command line.
  if (auto parsed = CPUTarget::parse(options.cpu, options.triple); !parsed)
    return parsed.takeError();
  options.emit = emit;
  options.weights = weights;
  options.linker = linker;
  options.runtime = runtime;
  options.verifyPasses = verifyPasses;
  options.optimize = !compile.quick;
  options.kernelCache = getKernelCache(kernelCache);
  options.schedules = schedules;
  if (compile.quick && (autotune || !schedules.empty()))
    return llvm::createStringError("--quick: short kernels have no schedules, "
                                   "found --schedules or --autotune too");
  if (autotune) {
    if (schedules.empty())
      return llvm::createStringError(
          "--autotune writes what it finds to --schedules, expected that too");
    if (options.phases.stopAfter < Phase::Codegen)
      return llvm::createStringError("--autotune measures code, found "
                                     "--stop-after " +
                                     stopAfter + ", which makes none");
    options.tuning.emplace();
    options.tuning->threads = model.getThreads();
    options.tuning->onProgress = [](int64_t done, int64_t all) {
      if (done == all)
        return clearProgress();
      reportProgress(done, all, "kernel");
    };
  }
  options.force = force;
  return llvm::Error::success();
}

std::unique_ptr<Command> makeBuildCommand() {
  return std::make_unique<BuildCommand>();
}
