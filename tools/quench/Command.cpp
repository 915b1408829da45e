//===- Command.cpp - What the subcommands of quench share -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Command.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Plugin/Passes.h"
#include "Quench/Support/OutputFile.h"
#include "Quench/Support/Spelling.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Support/WithColor.h"

namespace cl = llvm::cl;
using namespace quench;

ExitStatus badCommandLine(const llvm::Twine &message) {
  llvm::errs() << "quench: error: " << message << "\n";
  return ExitBadCommandLine;
}

llvm::Error parseArchives(llvm::ArrayRef<std::string> texts,
                          llvm::StringMap<std::string> &archives) {
  for (llvm::StringRef text : texts) {
    auto [scope, path] = text.split('=');
    if (scope.empty() || path.empty())
      return llvm::createStringError("--param: found '" + text +
                                     "', expected scope=path");
    if (!archives.try_emplace(scope, path.str()).second)
      return llvm::createStringError("--param: scope '" + scope +
                                     "' is given twice");
  }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Progress
//===----------------------------------------------------------------------===//

void clearProgress() {
  if (llvm::sys::Process::StandardErrIsDisplayed())
    llvm::errs() << "\r\033[K";
}

void reportProgress(int64_t done, int64_t all, llvm::StringRef noun) {
  clearProgress();
  if (llvm::sys::Process::StandardErrIsDisplayed())
    llvm::errs() << done << "/" << formatCount(all, noun);
}

llvm::StringMap<std::string>
getUsedArchives(const llvm::StringMap<std::string> &archives,
                mlir::ModuleOp module) {
  llvm::StringMap<std::string> used;
  module.walk([&](ParamOp param) {
    auto it = archives.find(param.getRef().getScope());
    if (it != archives.end())
      used.insert({it->getKey(), it->getValue()});
  });
  return used;
}

/// Lets `write` fill the file `path`, or standard output where that is `-`.
static llvm::Error
writeFile(llvm::StringRef path,
          llvm::function_ref<void(llvm::raw_ostream &)> write) {
  if (path == "-") {
    write(llvm::outs());
    return llvm::Error::success();
  }
  auto file = OutputFile::create(path, /*force=*/true);
  if (!file)
    return file.takeError();
  write((*file)->os());
  return (*file)->commit();
}

llvm::Error writeJSON(const llvm::json::Value &value, llvm::StringRef path) {
  return writeFile(path, [&](llvm::raw_ostream &os) {
    os << llvm::formatv("{0:2}\n", value);
  });
}

llvm::Error writeHTML(const Report &report, llvm::StringRef path) {
  return writeFile(path, [&](llvm::raw_ostream &os) { writeHTML(report, os); });
}

ExitStatus fail(mlir::MLIRContext &context, llvm::Error error) {
  mlir::emitError(mlir::UnknownLoc::get(&context))
      << llvm::toString(std::move(error));
  return ExitFailed;
}

/// A line of timing a phase where `verbose`; otherwise, at a terminal, the name
/// of the phase that runs, wiped out when it ends.
static void reportPhase(bool verbose, Phase phase,
                        std::optional<double> seconds) {
  llvm::raw_ostream &os = llvm::errs();
  if (verbose) {
    if (seconds)
      os << "quench: " << llvm::left_justify(stringifyPhase(phase), 10)
         << llvm::format("%8.3f s\n", *seconds);
    return;
  }
  clearProgress();
  if (!seconds && llvm::sys::Process::StandardErrIsDisplayed())
    os << '[' << static_cast<int>(phase) + 1 << '/' << allPhases().size()
       << "] " << stringifyPhase(phase) << " ...";
}

//===----------------------------------------------------------------------===//
// ModelOptions
//===----------------------------------------------------------------------===//

ModelOptions::ModelOptions(cl::SubCommand &sub, llvm::StringRef name)
    : input(cl::Positional, cl::sub(sub), cl::desc(name)),
      dtype("dtype", cl::sub(sub), cl::init("f32"), cl::value_desc("type"),
            cl::desc("Compute in f32, f64, f16 or bf16 (checkpoints only, "
                     "default f32)")),
      config("config", cl::sub(sub), cl::value_desc("key=value"),
             cl::desc("Read this in place of what config.json says "
                      "(checkpoints only); several are read in order")),
      remarks("remarks", cl::sub(sub), cl::value_desc("file"),
              cl::desc("Write why passes did what they did: YAML, or lines of "
                       "text where the file is -")),
      threads("threads", cl::sub(sub), cl::init(0), cl::value_desc("n"),
              cl::desc("Threads of the compiler (default: one a core)")),
      verbose("verbose", cl::sub(sub),
              cl::desc("Print the time of every phase")) {}

llvm::Error ModelOptions::get(const Environment &environment,
                              PhaseOptions &options) const {
  if (input.empty())
    return llvm::createStringError(
        "no " + input.HelpStr + ": expected a checkpoint folder or an IR file");
  if (!llvm::is_contained({"f32", "f64", "f16", "bf16"}, dtype.getValue()))
    return llvm::createStringError("--dtype: found '" + dtype +
                                   "', expected f32, f64, f16 or bf16");
  options.importers = &environment.importers;
  options.import.dtype = dtype;
  options.import.config.assign(config.begin(), config.end());
  options.calibration.threads = threads;
  options.onPhase = [verbose = verbose.getValue()](
                        Phase phase, std::optional<double> seconds) {
    reportPhase(verbose, phase, seconds);
  };
  environment.plugins.extendPhases(options.extensions);
  return llvm::Error::success();
}

mlir::LogicalResult ModelOptions::configure(mlir::MLIRContext &context,
                                            RemarkCollector *collector) const {
  if (threads == 1)
    context.disableMultithreading();
  if (remarks.empty() && !collector)
    return mlir::success();
  return enableRemarks(context, remarks, collector);
}

//===----------------------------------------------------------------------===//
// RecipeOptions
//===----------------------------------------------------------------------===//

RecipeOptions::RecipeOptions(cl::SubCommand &sub)
    : recipes("recipe", cl::sub(sub), cl::value_desc("name|file"),
              cl::desc("Rewrite the model by a recipe, such as quarot or "
                       "smoothquant{alpha=0.8}; several run in order")),
      params("param", cl::sub(sub), cl::value_desc("scope=path"),
             cl::desc("Read the parameters of a scope from another archive, "
                      "or name what a recipe needs")),
      printPipeline("print-pipeline", cl::sub(sub),
                    cl::desc("Print the passes before codegen, for quench-opt, "
                             "and stop")),
      scheme("scheme", cl::sub(sub), cl::value_desc("name|file"),
             cl::desc("Quantize by a scheme, such as W8A8, W4A16{group=64} or "
                      "FP8")),
      rules("rule", cl::sub(sub), cl::value_desc("sites=format"),
            cl::desc("Give sites another format, such as "
                     "'*.down_proj=i8' or 'lm_head=float'; the last rule that "
                     "is about a site decides")),
      cacheFormat("kv-format", cl::sub(sub), cl::value_desc("format"),
                  cl::desc("Format of cached keys and values, such as i8")),
      quantizeHead("quantize-head", cl::sub(sub),
                   cl::desc("Let schemes quantize ops that give results, such "
                            "as lm_head, too")),
      weightMethod("weight-method", cl::sub(sub), cl::value_desc("name"),
                   cl::desc("Who chooses the codes of weights (default: "
                            "rounding to nearest)")),
      calib("calib", cl::sub(sub), cl::value_desc("file"),
            cl::desc("Data to take statistics from where recipes or formats "
                     "need them: safetensors, npy or text")),
      calibCache("calib-cache", cl::sub(sub), cl::value_desc("folder"),
                 cl::desc("Keep such statistics there, and take what is there "
                          "already")),
      calibRegime(
          "calib-regime", cl::sub(sub), cl::init(CalibrationRegime::Parallel),
          cl::desc("What formats take statistics of:"),
          cl::values(clEnumValN(CalibrationRegime::Parallel, "parallel",
                                "the model before it is quantized (default)"),
                     clEnumValN(CalibrationRegime::Sequential, "sequential",
                                "each layer behind those that are quantized, "
                                "block by block"))),
      calibBlocks("calib-blocks", cl::sub(sub),
                  cl::desc("Run the model block by block for statistics of "
                           "formats, with one block in memory")),
      calibLimit("calib-limit", cl::sub(sub), cl::init(128),
                 cl::value_desc("n"),
                 cl::desc("Use so many examples of it, 0 for all (default "
                          "128)")),
      calibLength("calib-length", cl::sub(sub), cl::init(128),
                  cl::value_desc("n"),
                  cl::desc("Tokens that its bytes are cut into (default "
                           "128)")) {}

TemporaryFolder::~TemporaryFolder() {
  if (!path.empty())
    llvm::sys::fs::remove_directories(path);
}

llvm::Expected<std::string> TemporaryFolder::make() {
  llvm::SmallString<128> made;
  if (path.empty()) {
    if (std::error_code ec =
            llvm::sys::fs::createUniqueDirectory("quench-calib", made))
      return llvm::createStringError(ec, "cannot make a temporary folder: " +
                                             ec.message());
    path = std::string(made);
  }
  return path;
}

llvm::Error
RecipeOptions::getCalibration(PhaseOptions &phases,
                              const llvm::StringMap<std::string> &params) {
  if (calib.empty()) {
    for (const llvm::cl::Option *option :
         std::initializer_list<const llvm::cl::Option *>{
             &calibCache, &calibRegime, &calibBlocks, &calibLimit,
             &calibLength})
      if (option->getNumOccurrences())
        return llvm::createStringError("--" + option->ArgStr +
                                       ": there is no --calib");
    return llvm::Error::success();
  }
  if (calibLimit < 0 || calibLength < 1)
    return llvm::createStringError("expected a positive number after "
                                   "--calib-limit and --calib-length");
  CalibrationOptions &calibration = phases.calibration;
  calibration.data = calib;
  calibration.regime = calibRegime;
  calibration.inBlocks = calibBlocks;
  calibration.limit = calibLimit;
  calibration.length = calibLength;
  calibration.params = params;
  calibration.onProgress = [](int64_t seen, int64_t all) {
    if (seen == all)
      return clearProgress();
    reportProgress(seen, all, "example");
  };
  phases.calibrationFolder = calibCache;
  return llvm::Error::success();
}

llvm::Error RecipeOptions::keepStatistics(PhaseOptions &phases, bool writesIR) {
  if (phases.calibration.data.empty() || !phases.calibrationFolder.empty())
    return llvm::Error::success();
  phases.calibrationFolder = phases.dumpPhasesTo;
  if (!phases.calibrationFolder.empty())
    return llvm::Error::success();
  if (writesIR)
    return llvm::createStringError("--calib: IR names the statistics that it "
                                   "reads; keep them with --calib-cache");
  llvm::Expected<std::string> made = folder.make();
  if (!made)
    return made.takeError();
  phases.calibrationFolder = *made;
  return llvm::Error::success();
}

/// How a user comes by an archive of the scope that a recipe needs.
static llvm::StringRef explainScope(llvm::StringRef scope) {
  return llvm::StringSwitch<llvm::StringRef>(scope)
      .Case("stats", ", statistics of 'quench calibrate'")
      .Case("learned", ", learned rotations and scales")
      .Default("");
}

llvm::Error RecipeOptions::get(PhaseOptions &phases,
                               llvm::StringMap<std::string> &archives,
                               bool writesIR) {
  if (llvm::Error error = getRecipes(phases, archives))
    return error;
  if (llvm::Error error = getCalibration(phases, archives))
    return error;
  if (llvm::Error error = getFormats(phases))
    return error;
  return keepStatistics(phases, writesIR);
}

/// Fails where `phase`, which does what `option` asks for, is not among those
/// that run.
static llvm::Error checkPhase(llvm::StringRef option, Phase phase,
                              const PhaseOptions &phases) {
  if (phases.startFrom <= phase && phases.stopAfter >= phase)
    return llvm::Error::success();
  return llvm::createStringError("--" + option + ": the phase " +
                                 stringifyPhase(phase) +
                                 " is not among those asked for");
}

llvm::Error RecipeOptions::getFormats(PhaseOptions &phases) const {
  FormatOptions &formats = phases.formats;
  for (const RecipeUse &use : phases.recipes) {
    if (!use.scheme.empty())
      formats.scheme = use.scheme;
    if (!use.weightMethod.empty())
      formats.weightMethod = use.weightMethod;
    llvm::append_range(formats.rules, use.rules);
  }
  if (!scheme.empty())
    formats.scheme = scheme;
  if (!cacheFormat.empty())
    formats.rules.push_back("re:.*=" + cacheFormat + " roles=cache");
  llvm::append_range(formats.rules, rules);
  formats.quantizeHead = quantizeHead;
  if (!weightMethod.empty())
    formats.weightMethod = weightMethod;
  llvm::Expected<std::vector<QuantRule>> parsed = getRules(formats);
  if (!parsed)
    return llvm::createStringError("--scheme: " +
                                   llvm::toString(parsed.takeError()));
  if (formats.scheme.empty() && formats.rules.empty())
    return llvm::Error::success();
  return checkPhase("scheme", Phase::Assign, phases);
}

llvm::Error
RecipeOptions::getRecipes(PhaseOptions &phases,
                          llvm::StringMap<std::string> &archives) const {
  if (llvm::Error error = parseArchives(params, archives))
    return error;
  for (const std::string &text : recipes) {
    llvm::Expected<RecipeUse> use = RecipeUse::parse(text);
    if (!use)
      return llvm::createStringError("--recipe: " +
                                     llvm::toString(use.takeError()));
    for (const std::string &scope : use->recipe.needs) {
      if (phases.recipeArchives.contains(scope))
        continue;
      auto archive = archives.find(scope);
      if (archive == archives.end() && scope == "stats" && !calib.empty())
        continue;
      if (archive == archives.end())
        return llvm::createStringError(
            "--recipe: '" + use->recipe.name + "' needs an archive" +
            explainScope(scope) + "; name it with --param " + scope + "=FILE" +
            (scope == "stats" ? ", or data with --calib FILE" : ""));
      phases.recipeArchives[scope] = archive->getValue();
      archives.erase(archive);
    }
    phases.recipes.push_back(std::move(*use));
  }
  // Formats may need statistics, too: which is known when they are assigned.
  if (phases.startFrom <= Phase::Quantize &&
      phases.stopAfter >= Phase::Transform)
    if (auto archive = archives.find("stats"); archive != archives.end()) {
      phases.recipeArchives["stats"] = archive->getValue();
      archives.erase(archive);
    }
  if (phases.recipes.empty())
    return llvm::Error::success();
  return checkPhase("recipe", Phase::Transform, phases);
}

ExitStatus printPipeline(const PhaseOptions &options) {
  llvm::outs() << getPipeline(options) << "\n";
  return ExitDone;
}

//===----------------------------------------------------------------------===//
// CodeOptions
//===----------------------------------------------------------------------===//

CodeOptions::CodeOptions(cl::SubCommand &sub)
    : cpu("cpu", cl::sub(sub), cl::init("native"), cl::value_desc("cpu"),
          cl::desc("native, x86-64, x86-64-v3, x86-64-v3+avxvnni, x86-64-v4, "
                   "x86-64-v4+vnni, x86-64-v4+amx or an LLVM CPU name, then "
                   "[,+feature...] (default native)")),
      quick("quick", cl::sub(sub),
            cl::desc("Do not optimize the code: compiles in less than half of "
                     "the time, runs several times longer, same numbers")),
      recipes(sub), insertBefore("insert-before", cl::sub(sub),
                                 cl::value_desc("phase=pipeline"),
                                 cl::desc("Run passes before a phase")),
      insertAfter("insert-after", cl::sub(sub),
                  cl::value_desc("phase=pipeline"),
                  cl::desc("Run passes after a phase")),
      applyPDL("apply-pdl", cl::sub(sub), cl::value_desc("file"),
               cl::desc("Apply the rewrite patterns of a PDL file after the "
                        "phase canonical")),
      equivalence(sub) {}

llvm::Error CodeOptions::get(PhaseOptions &phases,
                             llvm::StringMap<std::string> &archives,
                             bool writesIR) {
  if (llvm::Error error = recipes.get(phases, archives, writesIR))
    return error;
  phases.calibration.optimize = !quick;
  using Position = PhaseExtensions::Position;
  auto add = [&](llvm::StringRef option, Position position,
                 llvm::ArrayRef<std::string> texts) -> llvm::Error {
    for (llvm::StringRef text : texts)
      if (llvm::Error error = phases.extensions.addTextual(position, text))
        return llvm::createStringError("--" + option + ": " +
                                       llvm::toString(std::move(error)));
    return llvm::Error::success();
  };
  if (llvm::Error error =
          add(insertBefore.ArgStr, Position::Before, insertBefore))
    return error;
  if (llvm::Error error = add(insertAfter.ArgStr, Position::After, insertAfter))
    return error;
  for (const std::string &file : applyPDL)
    llvm::cantFail(phases.extensions.add(
        Position::After, Phase::Canonical, [file](mlir::OpPassManager &pm) {
          pm.addPass(createApplyPDL(ApplyPDLOptions{file}));
        }));
  return llvm::Error::success();
}

llvm::Error CodeOptions::verify(PhaseOptions &phases, llvm::StringRef model,
                                const llvm::StringMap<std::string> &params,
                                RemarkCollector *collector) {
  EquivalenceOptions options;
  options.params = params;
  llvm::Expected<bool> isVerified = equivalence.get(options);
  if (!isVerified)
    return isVerified.takeError();
  if (*isVerified) {
    verifier = std::make_unique<EquivalenceVerifier>(std::move(options),
                                                     modelDirectory(model));
    if (collector)
      verifier->mute(*collector);
    phases.verifier = verifier.get();
  }
  return llvm::Error::success();
}

llvm::ArrayRef<EquivalenceCertificate> CodeOptions::getCertificates() const {
  return verifier ? verifier->getCertificates()
                  : llvm::ArrayRef<EquivalenceCertificate>();
}

mlir::LogicalResult
CodeOptions::writeCertificates(mlir::MLIRContext &context) const {
  if (!verifier)
    return mlir::success();
  if (llvm::Error error = equivalence.write(*verifier))
    return mlir::emitError(mlir::UnknownLoc::get(&context))
           << llvm::toString(std::move(error));
  return mlir::success();
}

//===----------------------------------------------------------------------===//
// DataFlags
//===----------------------------------------------------------------------===//

DataFlags::DataFlags(cl::SubCommand &sub)
    : data("data", cl::sub(sub), cl::value_desc("file"),
           cl::desc("What the model runs on")),
      entry("entry", cl::sub(sub), cl::value_desc("name"),
            cl::desc("Entry point to run (default: the first)")),
      limit("limit", cl::sub(sub), cl::init(0), cl::value_desc("n"),
            cl::desc("Use so many examples (default: all)")),
      batch("batch", cl::sub(sub), cl::init(8), cl::value_desc("n"),
            cl::desc("Examples that run at once (default 8)")),
      length("length", cl::sub(sub), cl::init(128), cl::value_desc("n"),
             cl::desc("Tokens that bytes are cut into (default 128)")) {}

llvm::Error DataFlags::get(DataOptions &options) const {
  if (data.empty())
    return llvm::createStringError("no data: name it with --data");
  if (batch < 1 || length < 1 || limit < 0)
    return llvm::createStringError("expected a positive number after --batch, "
                                   "--length and --limit");
  options.data = data;
  options.entry = entry;
  options.limit = limit;
  options.batch = batch;
  options.length = length;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// MeasureFlags
//===----------------------------------------------------------------------===//

MeasureFlags::MeasureFlags(cl::SubCommand &sub)
    : samples("samples", cl::sub(sub), cl::init(32), cl::value_desc("n"),
              cl::desc("Examples that layers are measured on (default 32)")),
      ablations("ablations", cl::sub(sub), cl::init(64), cl::value_desc("n"),
                cl::desc("Layers that are quantized alone, and left in floats, "
                         "those with the largest error (default 64)")) {}

llvm::Error MeasureFlags::get(MeasureOptions &options) const {
  if (samples < 1)
    return llvm::createStringError("expected a positive number after "
                                   "--samples");
  if (ablations < 0)
    return llvm::createStringError("expected 0 or more after --ablations");
  options.ablations = ablations;
  return llvm::Error::success();
}

MeasureOptions MeasureFlags::getSamples(const MeasureOptions &options) const {
  MeasureOptions result = options;
  result.limit =
      options.limit ? std::min(options.limit, samples.getValue()) : samples;
  return result;
}
