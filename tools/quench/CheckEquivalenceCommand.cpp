//===- CheckEquivalenceCommand.cpp - quench check-equivalence -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Pipelines/Equivalence.h"
#include "Quench/Pipelines/Model.h"

#include "llvm/Support/Format.h"

namespace cl = llvm::cl;
using namespace quench;

static constexpr llvm::StringRef helpText = R"(
BEFORE and AFTER are checkpoint folders or IR files with the same entry points.
Both are computed in f64 on the same random inputs, weights as they are before
they are rounded to storage, and all data results are compared. The exit status
is 0 when every output agrees within the tolerance, 1 when one does not. Several
models AFTER are compared with BEFORE one after the other.

Random weights, the default, have no zero biases and no gains of one, so that a
rewrite which forgets a bias is found even where the checkpoint has none. They
are the same in both models for parameters of the same name.

EXAMPLES:

  quench check-equivalence llama llama-folded.mlir
  quench check-equivalence llama llama-folded.mlir --weights archive
  quench check-equivalence llama rotated.mlir scaled.mlir
  quench check-equivalence a.mlir b.mlir --tolerance 1e-6 --seed 7
)";

namespace {
class CheckEquivalenceCommand : public Command {
public:
  CheckEquivalenceCommand()
      : Command("check-equivalence", "Compare what two models compute",
                helpText),
        before(cl::Positional, cl::sub(sub), cl::desc("BEFORE")),
        after(cl::Positional, cl::sub(sub), cl::desc("AFTER...")),
        tolerance("tolerance", cl::sub(sub), cl::init(1e-10),
                  cl::value_desc("error"),
                  cl::desc("Largest relative error that counts as equal "
                           "(default 1e-10)")),
        seed("seed", cl::sub(sub), cl::init(0), cl::value_desc("n"),
             cl::desc("Seed of inputs and random weights (default 0)")),
        weights("weights", cl::sub(sub), cl::init(EquivalenceWeights::Random),
                cl::desc("Values of the parameters (default random)"),
                cl::values(clEnumValN(EquivalenceWeights::Random, "random",
                                      "seeded random numbers"),
                           clEnumValN(EquivalenceWeights::Archive, "archive",
                                      "those of the archives, random where "
                                      "there is none"))),
        dropQuantizers("drop-quantizers", cl::sub(sub),
                       cl::desc("Compare the functions of real numbers: "
                                "quantizers give their input")),
        memory("memory", cl::sub(sub), cl::init(1.0), cl::value_desc("GiB"),
               cl::desc("Parameters, as f64, that are held at once; larger "
                        "models run in pieces (default 1)")),
        params("param", cl::sub(sub), cl::value_desc("scope=path"),
               cl::desc("Read the parameters of a scope from another "
                        "archive")) {}

  ExitStatus run(const Environment &environment) override;

private:
  cl::opt<std::string> before;
  cl::list<std::string> after;
  cl::opt<double> tolerance;
  cl::opt<uint64_t> seed;
  cl::opt<EquivalenceWeights> weights;
  cl::opt<bool> dropQuantizers;
  cl::opt<double> memory;
  cl::list<std::string> params;
};
} // namespace

/// Prints what comparing two models, in that many pieces, found.
static void print(const EquivalenceReport &report, unsigned pieces) {
  size_t width = 6;
  for (const OutputComparison &output : report.outputs)
    width = std::max(width, output.entry.size() + 1 + output.output.size());
  for (const OutputComparison &output : report.outputs)
    llvm::outs() << llvm::left_justify(output.entry + "." + output.output,
                                       width)
                 << llvm::format("  %8.1e\n", output.error);
  llvm::outs() << (report.isEqual() ? "equal" : "not equal: ")
               << report.failure;
  if (pieces > 1)
    llvm::outs() << " (in " << pieces << " pieces)";
  llvm::outs() << "\n";
}

ExitStatus CheckEquivalenceCommand::run(const Environment &environment) {
  if (before.empty() || after.empty())
    return badCommandLine("expected two models, BEFORE and AFTER");
  if (!(tolerance >= 0))
    return badCommandLine("--tolerance: expected 0 or more");
  EquivalenceOptions options;
  options.tolerance = tolerance;
  options.seed = seed;
  options.weights = weights;
  options.dropQuantizers = dropQuantizers;
  if (!(memory > 0 && memory < 1e6))
    return badCommandLine("--memory: expected more than 0");
  options.maxBytes = memory * (1 << 30);
  if (llvm::Error error = parseArchives(params, options.params))
    return badCommandLine(llvm::toString(std::move(error)));

  auto load = [&](const std::string &path) {
    std::unique_ptr<EquivalenceModel> model;
    mlir::OwningOpRef<mlir::ModuleOp> module = loadModel(
        environment.context, path, ImportOptions(), environment.importers);
    if (module)
      if (auto created =
              EquivalenceModel::create(*module, modelDirectory(path), options);
          succeeded(created))
        model = std::move(*created);
    return model;
  };
  std::unique_ptr<EquivalenceModel> first = load(before);
  if (!first)
    return ExitFailed;
  ExitStatus status = ExitDone;
  for (const std::string &path : after) {
    std::unique_ptr<EquivalenceModel> second = load(path);
    if (!second)
      return ExitFailed;
    if (after.size() > 1)
      llvm::outs() << path << "\n";
    EquivalenceReport report = compareModels(*first, *second, options);
    if (!report.isEqual() && !options.keepsBlocks) {
      // Once more, to name the block.
      options.keepsBlocks = true;
      first = load(before);
      second = load(path);
      if (!first || !second)
        return ExitFailed;
      report = compareModels(*first, *second, options);
    }
    print(report, std::max(first->getNumPieces(), second->getNumPieces()));
    if (!report.isEqual())
      status = ExitFailed;
  }
  return status;
}

std::unique_ptr<Command> makeCheckEquivalenceCommand() {
  return std::make_unique<CheckEquivalenceCommand>();
}
