//===- MaterializeCommand.cpp - quench materialize ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Pipelines/Materialize.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/Process.h"

#include <chrono>

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
Evaluates what recipes made of the weights into a new safetensors archive and
writes IR that reads it, FILE.mlir and FILE.safetensors, or model.mlir and
model.safetensors in a folder. Both are a MODEL again.

Interrupted in any way, the same command goes on where it was. The bytes do not
depend on that, on the threads or on the memory.

EXAMPLES:

  quench materialize llama --dtype bf16 --recipe quarot -o rotated
  quench materialize rotated.mlir -o packed.mlir --max-memory 1
)";

namespace {
/// Says on the standard error how packing goes: at a terminal in one line, or
/// in lines where that is asked for.
class Progress {
public:
  explicit Progress(bool verbose) : verbose(verbose) {}

  void start(const PackEstimate &estimate) {
    left = estimate.left;
    begin = std::chrono::steady_clock::now();
    if (!isShown())
      return;
    clearProgress();
    llvm::errs() << "quench: " << estimate.total.tensors << " tensors, "
                 << mega(estimate.total.bytes) << " MB";
    if (estimate.left.tensors != estimate.total.tensors)
      llvm::errs() << "; " << estimate.left.tensors << " tensors, "
                   << mega(estimate.left.bytes) << " MB are left";
    llvm::errs() << "; peak memory " << mega(estimate.peakBytes)
                 << " MB; about " << llvm::format("%.0f s\n", estimate.seconds);
  }

  void report(const PackProgress &done) {
    std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - begin;
    if (!isShown() || (verbose && seconds.count() < nextLine))
      return;
    nextLine = seconds.count() + 1;
    double rate = done.bytes / std::max(seconds.count(), 1e-3);
    clearProgress();
    llvm::errs() << (verbose ? "quench: " : "") << done.tensors << "/"
                 << left.tensors << " tensors, " << mega(done.bytes) << "/"
                 << mega(left.bytes) << " MB, "
                 << llvm::format("%.0f MB/s, %.0f s left", rate / 1e6,
                                 (left.bytes - done.bytes) /
                                     std::max(rate, 1.0))
                 << (verbose ? "\n" : "");
  }

private:
  bool isShown() const {
    return verbose || llvm::sys::Process::StandardErrIsDisplayed();
  }
  static llvm::format_object<double> mega(int64_t bytes) {
    return llvm::format("%.1f", bytes / 1e6);
  }

  bool verbose;
  PackProgress left;
  std::chrono::steady_clock::time_point begin;
  double nextLine = 0;
};

class MaterializeCommand : public Command {
public:
  MaterializeCommand()
      : Command("materialize", "Write a model with parameters of its own",
                helpText),
        model(sub), recipes(sub),
        output("o", cl::sub(sub), cl::value_desc("file|folder"),
               cl::desc("What to write")),
        accumulate("accumulate", cl::sub(sub), cl::init("f64"),
                   cl::value_desc("type"),
                   cl::desc("Evaluate in f64 or f32 (default f64)")),
        maxMemory("max-memory", cl::sub(sub), cl::init("2"),
                  cl::value_desc("GiB"),
                  cl::desc("Memory to stay within, GiB or with the suffix MiB "
                           "(default 2)")),
        force("force", cl::sub(sub),
              cl::desc("Replace an output that exists")) {}

  ExitStatus run(const Environment &environment) override {
    PhaseOptions phases;
    llvm::StringMap<std::string> params;
    PackOptions pack;
    phases.stopAfter = Phase::Quantize;
    if (llvm::Error error = model.get(environment, phases))
      return badCommandLine(llvm::toString(std::move(error)));
    if (llvm::Error error = recipes.get(phases, params))
      return badCommandLine(llvm::toString(std::move(error)));
    if (recipes.printsPipeline())
      return printPipeline(phases);
    if (output.empty())
      return badCommandLine("no output: name it with -o");
    if (llvm::Error error = parseAccumulate(accumulate, pack.computeInF32))
      return badCommandLine("--" + llvm::toString(std::move(error)));
    if (llvm::Error error = parseMemory(maxMemory, pack.maxMemory))
      return badCommandLine("--" + llvm::toString(std::move(error)));
    pack.force = force;
    pack.threads = model.getThreads();
    Progress progress(model.isVerbose());
    pack.onStart = [&](const PackEstimate &e) { progress.start(e); };
    pack.onProgress = [&](const PackProgress &p) { progress.report(p); };
    if (failed(model.configure(environment.context)))
      return ExitFailed;
    mlir::LogicalResult done =
        materializeModel(environment.context, model.path(), output, phases,
                         params, std::move(pack));
    clearProgress();
    return failed(done) ? ExitFailed : ExitDone;
  }

private:
  ModelOptions model;
  RecipeOptions recipes;
  cl::opt<std::string> output;
  cl::opt<std::string> accumulate;
  cl::opt<std::string> maxMemory;
  cl::opt<bool> force;
};
} // namespace

std::unique_ptr<Command> makeMaterializeCommand() {
  return std::make_unique<MaterializeCommand>();
}
