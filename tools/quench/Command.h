//===- Command.h - Subcommands of quench ------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TOOLS_QUENCH_COMMAND_H
#define QUENCH_TOOLS_QUENCH_COMMAND_H

#include "../EquivalenceFlags.h"
#include "Quench/Pipelines/Build.h"
#include "Quench/Pipelines/MeasureLayers.h"
#include "Quench/Plugin/PluginLoader.h"
#include "Quench/Report/Report.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/JSON.h"

#include <memory>
#include <string>

/// Exit statuses of the tools, part of their interface.
enum ExitStatus {
  ExitDone = 0,
  ExitFailed = 1, ///< the input or the machine cannot
  ExitBadCommandLine = 2
};

/// What a command works with.
struct Environment {
  mlir::MLIRContext &context;
  const quench::ImporterRegistry &importers;
  const quench::PluginSet &plugins;
  /// The path that this tool was started as.
  llvm::StringRef program;
};

/// A subcommand: its options and what it does.
class Command {
public:
  /// The texts are kept by reference. `summary` is one line, `help` what
  /// `--help` prints after the options: explanations and examples.
  Command(llvm::StringRef name, llvm::StringRef summary, llvm::StringRef help)
      : sub(name, summary), help(help) {}
  virtual ~Command() = default;

  /// Runs with parsed options. Failures are diagnostics on the context.
  virtual ExitStatus run(const Environment &environment) = 0;

  llvm::cl::SubCommand sub;
  llvm::StringRef help;
};

std::unique_ptr<Command> makeAssignBitsCommand();
std::unique_ptr<Command> makeBuildCommand();
std::unique_ptr<Command> makeCalibrateCommand();
std::unique_ptr<Command> makeCheckEquivalenceCommand();
std::unique_ptr<Command> makeCompareCommand();
std::unique_ptr<Command> makeEvalCommand();
std::unique_ptr<Command> makeExplainCommand();
std::unique_ptr<Command> makeImportCommand();
std::unique_ptr<Command> makeInspectCommand();
std::unique_ptr<Command> makeMaterializeCommand();
std::unique_ptr<Command> makeNewCommand();
std::unique_ptr<Command> makeRunCommand();

/// Reports a mistake in the command line.
ExitStatus badCommandLine(const llvm::Twine &message);

/// Reads the values of `--param`, `scope=path` each. Fails with a mistake in
/// the command line.
llvm::Error parseArchives(llvm::ArrayRef<std::string> texts,
                          llvm::StringMap<std::string> &archives);

/// Wipes the line at the terminal that says which phase runs.
void clearProgress();

/// Shows at the terminal how many of how many, a `noun` each, are done.
void reportProgress(int64_t done, int64_t all, llvm::StringRef noun);

/// The archives of scopes that `module` has parameters of.
llvm::StringMap<std::string>
getUsedArchives(const llvm::StringMap<std::string> &archives,
                mlir::ModuleOp module);

/// Writes `value` to the file `path`, or to standard output where that is `-`.
llvm::Error writeJSON(const llvm::json::Value &value, llvm::StringRef path);

/// Writes the page of `report` to the file `path`, or to standard output where
/// that is `-`.
llvm::Error writeHTML(const quench::Report &report, llvm::StringRef path);

/// Emits `error` as a diagnostic of no place.
ExitStatus fail(mlir::MLIRContext &context, llvm::Error error);

/// The options of every command that reads a model.
class ModelOptions {
public:
  /// `name` is what the help calls the model.
  explicit ModelOptions(llvm::cl::SubCommand &sub,
                        llvm::StringRef name = "MODEL");

  /// Fills what `options` says about reading a model. Fails with a mistake in
  /// the command line.
  llvm::Error get(const Environment &environment,
                  quench::PhaseOptions &options) const;

  /// Sets the threads of the compiler and where remarks go, to `collector` too
  /// unless it is null. Fails with a diagnostic.
  mlir::LogicalResult
  configure(mlir::MLIRContext &context,
            quench::RemarkCollector *collector = nullptr) const;

  const std::string &path() const { return input; }
  /// Threads of the compiler; 0: one a core.
  unsigned getThreads() const { return threads; }
  bool isVerbose() const { return verbose; }

private:
  llvm::cl::opt<std::string> input;
  llvm::cl::opt<std::string> dtype;
  llvm::cl::list<std::string> config;
  llvm::cl::opt<std::string> remarks;
  llvm::cl::opt<unsigned> threads;
  llvm::cl::opt<bool> verbose;
};

/// A folder that goes away with its owner.
class TemporaryFolder {
public:
  TemporaryFolder() = default;
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  /// Makes the folder and returns its path.
  llvm::Expected<std::string> make();

private:
  std::string path;
};

/// The options of commands that rewrite and quantize models: recipes, the
/// archives that they take numbers from, and formats.
class RecipeOptions {
public:
  explicit RecipeOptions(llvm::cl::SubCommand &sub);

  /// Fills what `phases` says about recipes, formats and calibration, and
  /// `params` with the archives that none of them reads. IR, which `writesIR`
  /// says is written, names the statistics that are taken on the way. Fails
  /// with a mistake in the command line.
  llvm::Error get(quench::PhaseOptions &phases,
                  llvm::StringMap<std::string> &params, bool writesIR = false);

  /// Whether only the pipeline is asked for.
  bool printsPipeline() const { return printPipeline; }

private:
  llvm::Error getRecipes(quench::PhaseOptions &phases,
                         llvm::StringMap<std::string> &params) const;
  llvm::Error getFormats(quench::PhaseOptions &phases) const;
  llvm::Error getCalibration(quench::PhaseOptions &phases,
                             const llvm::StringMap<std::string> &params);
  /// Chooses where statistics are written that are taken on the way.
  llvm::Error keepStatistics(quench::PhaseOptions &phases, bool writesIR);

  llvm::cl::list<std::string> recipes;
  llvm::cl::list<std::string> params;
  llvm::cl::opt<bool> printPipeline;
  llvm::cl::opt<std::string> scheme;
  llvm::cl::list<std::string> rules;
  llvm::cl::opt<std::string> cacheFormat;
  llvm::cl::opt<bool> quantizeHead;
  llvm::cl::opt<std::string> weightMethod;
  llvm::cl::opt<std::string> calib, calibCache;
  llvm::cl::opt<quench::CalibrationRegime> calibRegime;
  llvm::cl::opt<bool> calibBlocks;
  llvm::cl::opt<int64_t> calibLimit, calibLength;
  /// Where statistics are that nobody keeps.
  TemporaryFolder folder;
};

/// Prints the pipeline of `options` to standard output.
ExitStatus printPipeline(const quench::PhaseOptions &options);

/// The options of commands that turn models into code.
class CodeOptions {
public:
  explicit CodeOptions(llvm::cl::SubCommand &sub);

  /// Fills `params` and what `phases` says about recipes and extensions.
  /// `writesIR` says whether IR is written. Fails with a mistake in the command
  /// line.
  llvm::Error get(quench::PhaseOptions &phases,
                  llvm::StringMap<std::string> &params, bool writesIR = false);

  /// Lets `phases` check passes that claim equivalence where that was asked
  /// for; `model` and `params` are what is compiled. `collector`, unless it is
  /// null, hears nothing of the checks. Fails with a mistake in the command
  /// line.
  llvm::Error verify(quench::PhaseOptions &phases, llvm::StringRef model,
                     const llvm::StringMap<std::string> &params,
                     quench::RemarkCollector *collector = nullptr);

  /// What was checked so far.
  llvm::ArrayRef<quench::EquivalenceCertificate> getCertificates() const;

  /// Writes certificates where they were asked for. Failures are diagnostics.
  mlir::LogicalResult writeCertificates(mlir::MLIRContext &context) const;

  llvm::cl::opt<std::string> cpu;
  llvm::cl::opt<bool> quick;
  RecipeOptions recipes;

private:
  llvm::cl::list<std::string> insertBefore;
  llvm::cl::list<std::string> insertAfter;
  llvm::cl::list<std::string> applyPDL;
  EquivalenceFlags equivalence;
  std::unique_ptr<quench::EquivalenceVerifier> verifier;
};

/// The options of every command that runs a model on data.
class DataFlags {
public:
  explicit DataFlags(llvm::cl::SubCommand &sub);

  /// Whether there are data at all.
  bool isGiven() const { return !data.empty(); }

  /// Fills `options`. Fails with a mistake in the command line.
  llvm::Error get(quench::DataOptions &options) const;

private:
  llvm::cl::opt<std::string> data, entry;
  llvm::cl::opt<int64_t> limit, batch, length;
};

/// The options of commands that measure layers.
class MeasureFlags {
public:
  explicit MeasureFlags(llvm::cl::SubCommand &sub);

  /// Fills `options`. Fails with a mistake in the command line.
  llvm::Error get(quench::MeasureOptions &options) const;

  /// `options` with as many examples as layers are measured on.
  quench::MeasureOptions
  getSamples(const quench::MeasureOptions &options) const;

private:
  llvm::cl::opt<int64_t> samples, ablations;
};

#endif // QUENCH_TOOLS_QUENCH_COMMAND_H
