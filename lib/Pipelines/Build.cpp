//===- Build.cpp - From a model to a program ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Build.h"

#include "Quench/Codegen/CPU/Compile.h"
#include "Quench/Codegen/CPU/KernelCache.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Interfaces/QuantizerAttrInterface.h"
#include "Quench/Pipelines/Header.h"
#include "Quench/Pipelines/Link.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Pipelines/VerifyEquivalence.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/OutputFile.h"
#include "Quench/Support/SafeTensorsWriter.h"
#include "Quench/Transforms/Passes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

using namespace mlir;
using namespace quench;

PhaseOptions PhaseOptions::forReading() const {
  PhaseOptions options;
  options.importers = importers;
  options.import = import;
  options.onPhase = onPhase;
  return options;
}

/// Runs `body` as `phase`, with the listener of `options` told.
static LogicalResult runPhase(Phase phase, const PhaseOptions &options,
                              llvm::function_ref<LogicalResult()> body) {
  if (!options.onPhase)
    return body();
  options.onPhase(phase, std::nullopt);
  auto begin = std::chrono::steady_clock::now();
  LogicalResult result = body();
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - begin;
  options.onPhase(phase, seconds.count());
  return result;
}

/// Runs the passes that `build` puts into a manager on modules.
static LogicalResult
runPasses(ModuleOp module, const PhaseOptions &options,
          llvm::function_ref<void(OpPassManager &)> build) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  if (options.verifier)
    options.verifier->attach(pm);
  build(pm);
  return pm.empty() ? success() : pm.run(module);
}

/// Writes the IR after `phase` where `options` asks for it.
static LogicalResult dumpPhase(Phase phase, ModuleOp module,
                               StringRef directory,
                               const PhaseOptions &options) {
  if (options.dumpPhasesTo.empty())
    return success();
  if (std::error_code ec =
          llvm::sys::fs::create_directories(options.dumpPhasesTo))
    return emitError(UnknownLoc::get(module.getContext()))
           << "cannot make folder '" << options.dumpPhasesTo
           << "': " << ec.message();
  SmallString<128> path(options.dumpPhasesTo);
  llvm::sys::path::append(path, llvm::Twine(static_cast<int>(phase) + 1) + "-" +
                                    stringifyPhase(phase) + ".mlir");
  OwningOpRef<ModuleOp> copy(module.clone());
  rebasePaths(*copy, directory, options.dumpPhasesTo);
  return writeModel(*copy, path, /*force=*/true);
}

/// What was done to `module` for the sake of fewer bits, for its manifest.
static std::string describeRecipe(ModuleOp module,
                                  const PhaseOptions &options) {
  SmallVector<std::string> parts;
  for (const RecipeUse &use : options.recipes)
    parts.push_back(use.recipe.name);
  const FormatOptions &formats = options.formats;
  if (!formats.scheme.empty())
    parts.push_back(formats.scheme);
  llvm::append_range(parts, formats.rules);
  if (!formats.weightMethod.empty())
    parts.push_back("method=" + formats.weightMethod);
  if (!parts.empty())
    return llvm::join(parts, " ");
  // The IR may have been quantized before.
  bool isQuantized = false;
  module->walk([&](Operation *op) {
    isQuantized |= llvm::any_of(op->getAttrs(), [](NamedAttribute attr) {
      return isa<QuantizerAttrInterface>(attr.getValue());
    });
  });
  return isQuantized ? "quantized IR" : "float";
}

namespace {
/// Passes of a phase that run at once.
struct PassRun {
  SmallVector<std::function<void(OpPassManager &)>> passes;
  /// The recipe that statistics are taken for after them.
  const RecipeUse *takesStatistics = nullptr;
};

/// The passes of a phase that recipes have a part in, run by run.
class PassRuns {
public:
  PassRuns(Phase phase, const PhaseOptions &options)
      : runs(1), phase(phase), options(options) {}

  void addExtensions(PhaseExtensions::Position position) {
    add([&options = options, phase = phase, position](OpPassManager &pm) {
      options.extensions.populate(position, phase, pm);
    });
  }
  void add(std::function<void(OpPassManager &)> build) {
    runs.back().passes.push_back(std::move(build));
  }
  void addPipeline(StringRef pipeline) {
    add([pipeline](OpPassManager &pm) {
      llvm::cantFail(parseModulePipeline(pipeline, pm));
    });
  }
  /// Lets `use` have statistics of what the passes make of the model so far.
  void takeStatistics(const RecipeUse &use) {
    runs.back().takesStatistics = &use;
    runs.emplace_back();
  }

  SmallVector<PassRun> runs;

private:
  Phase phase;
  const PhaseOptions &options;
};
} // namespace

/// Whether a compilation takes the statistics that `use` needs by itself.
static bool takesStatistics(const RecipeUse &use, const PhaseOptions &options) {
  return !options.calibration.data.empty() &&
         llvm::is_contained(use.recipe.needs, "stats") &&
         !options.recipeArchives.contains("stats");
}

static bool hasRules(const PhaseOptions &options) {
  return !options.formats.scheme.empty() || !options.formats.rules.empty();
}

/// The passes of `phase`, transform or quantize.
static SmallVector<PassRun> getPassRuns(Phase phase,
                                        const PhaseOptions &options) {
  using Position = PhaseExtensions::Position;
  PassRuns runs(phase, options);
  runs.addExtensions(Position::Before);
  if (phase == Phase::Transform)
    for (const RecipeUse &use : options.recipes) {
      runs.addPipeline(use.beforeStatistics);
      if (takesStatistics(use, options))
        runs.takeStatistics(use);
      runs.addPipeline(use.pipeline);
    }
  // IR that was written after the phase assign has formats, too.
  else if (hasRules(options) || options.startFrom > Phase::Assign) {
    for (const RecipeUse &use : options.recipes) {
      runs.addPipeline(use.beforeFormatStatistics);
      if (use.takesFormatStatistics)
        runs.takeStatistics(use);
      runs.addPipeline(use.quantizePipeline);
    }
    runs.add([](OpPassManager &pm) {
      pm.addPass(createQuenchMaterializeQuantizers());
    });
  }
  runs.addExtensions(Position::After);
  return std::move(runs.runs);
}

/// Adds the passes of `phase` that run on the IR. Import and codegen have those
/// of users only, after and before what they are.
static void addPasses(Phase phase, const PhaseOptions &options,
                      OpPassManager &pm) {
  using Position = PhaseExtensions::Position;
  if (phase == Phase::Transform || phase == Phase::Quantize) {
    for (const PassRun &run : getPassRuns(phase, options))
      for (const auto &build : run.passes)
        build(pm);
    return;
  }
  options.extensions.populate(Position::Before, phase, pm);
  if (phase == Phase::Canonical)
    buildCanonicalPipeline(pm);
  const FormatOptions &formats = options.formats;
  if (phase == Phase::Assign && hasRules(options))
    pm.addPass(createQuenchAssignFormats(
        {formats.scheme, llvm::join(formats.rules, ";"), formats.quantizeHead,
         formats.weightMethod}));
  options.extensions.populate(Position::After, phase, pm);
}

/// Checks that statistics, if `file` holds any, are of the parameters that
/// `module` names. What cannot be read is not compared.
static LogicalResult checkStatistics(ModuleOp module, StringRef file,
                                     StringRef directory) {
  auto named = module->getAttrOfType<DictionaryAttr>(attrs::archives);
  llvm::Expected<std::unique_ptr<Archive>> statistics = Archive::open(file);
  if (!statistics || !named) {
    llvm::consumeError(statistics.takeError());
    return success();
  }
  for (NamedAttribute entry : named) {
    StringRef scope = entry.getName();
    std::string collected =
        (*statistics)->metadata().lookup(("archive." + scope).str());
    if (collected.empty())
      continue;
    StringRef path = cast<StringAttr>(entry.getValue()).getValue();
    auto archive = Archive::open(rebasePath(path, directory, "."));
    if (!archive) {
      llvm::consumeError(archive.takeError());
      continue;
    }
    if (std::string found = (*archive)->hash(); found != collected)
      return module.emitError()
             << "the statistics in '" << file << "' were taken with other "
             << "parameters of scope '" << scope << "': their archive had the "
             << "hash " << collected << ", '" << (*archive)->path() << "' has "
             << found;
  }
  return success();
}

/// Whether `phase` is among those that `options` asks for.
static bool isAsked(Phase phase, const PhaseOptions &options) {
  return options.startFrom <= phase && options.stopAfter >= phase;
}

/// Whether a parameter of `module` has the scope `scope`.
static bool readsScope(ModuleOp module, StringRef scope) {
  return module
      .walk([&](ParamOp param) {
        return param.getRef().getScope() == scope ? WalkResult::interrupt()
                                                  : WalkResult::advance();
      })
      .wasInterrupted();
}

namespace {
/// A model on its way through the phases before codegen.
class Preparation {
public:
  Preparation(MLIRContext &context, StringRef input,
              const PhaseOptions &options)
      : context(context), input(input), directory(modelDirectory(input)),
        options(options), archives(options.recipeArchives) {}

  LogicalResult run();
  OwningOpRef<ModuleOp> takeModule() { return std::move(module); }

private:
  LogicalResult runImport();
  LogicalResult runOnIR(Phase phase);
  LogicalResult runPasses(Phase phase) {
    return ::runPasses(*module, options, [&](OpPassManager &pm) {
      addPasses(phase, options, pm);
    });
  }
  /// Runs `phase`, transform or quantize, in which recipes take statistics.
  LogicalResult runWithStatistics(Phase phase);
  LogicalResult runCalibrate();
  /// Takes the statistics that formats need; `asker` is the recipe that does so
  /// in the phase quantize.
  LogicalResult takeNeededStatistics(const RecipeUse *asker = nullptr);
  /// Chooses what formats leave open, by these statistics.
  LogicalResult chooseFormats();
  /// The archive that the module names for `scope`; empty where it names none.
  std::string getNamedArchive(StringRef scope);
  /// Takes statistics of the module as it is now, which bind() binds from then
  /// on.
  LogicalResult takeStatistics(CalibrationOptions calibration);
  /// Binds the archive of `scope` to the module: statistics that were taken, or
  /// what users gave.
  LogicalResult bind(StringRef scope);
  /// Binds those that the passes of `phase` read.
  LogicalResult bindArchives(Phase phase);
  /// Tells the module of archives that no pass reads.
  void nameUnreadArchives();

  MLIRContext &context;
  StringRef input;
  std::string directory;
  const PhaseOptions &options;
  OwningOpRef<ModuleOp> module;
  /// Archives by scope.
  llvm::StringMap<std::string> archives;
  llvm::StringSet<> bound;
  bool tookStatistics = false;
};
} // namespace

/// Gives parameters of the scope `scope` another one, so that a new archive can
/// have its name.
static void retireScope(ModuleOp module, StringRef scope) {
  NamedAttrList named(module->getAttrOfType<DictionaryAttr>(attrs::archives));
  Attribute path = named.get(scope);
  if (!path || !readsScope(module, scope))
    return;
  std::string retired;
  for (unsigned number = 1; retired.empty() || named.get(retired); ++number)
    retired = (scope + "." + llvm::Twine(number)).str();
  module.walk([&](ParamOp param) {
    if (param.getRef().getScope() == scope)
      param.setRefAttr(
          RefAttr::get(module.getContext(), retired, param.getRef().getKey()));
  });
  named.erase(scope);
  named.set(retired, path);
  module->setAttr(attrs::archives, named.getDictionary(module.getContext()));
}

std::string Preparation::getNamedArchive(StringRef scope) {
  auto named = (*module)->getAttrOfType<DictionaryAttr>(attrs::archives);
  auto path = named ? named.getAs<StringAttr>(scope) : StringAttr();
  return path ? rebasePath(path.getValue(), directory, ".") : "";
}

LogicalResult Preparation::takeStatistics(CalibrationOptions calibration) {
  llvm::Expected<CPUTarget> target = CPUTarget::parse("native");
  if (!target)
    return emitError(UnknownLoc::get(&context))
           << llvm::toString(target.takeError());
  retireScope(*module, "stats");
  OwningOpRef<ModuleOp> observed(module->clone());
  (*observed)->removeAttr(boundAttrName);
  if (!calibration.runsBlocks())
    observed->walk([](Operation *op) { op->removeAttr(formatsAttrName); });
  FailureOr<std::string> file = calibrateInto(
      *observed, directory, *target, options.calibrationFolder, calibration);
  if (failed(file))
    return failure();
  archives["stats"] = *file;
  bound.insert("stats");
  tookStatistics = true;
  return success();
}

LogicalResult Preparation::runWithStatistics(Phase phase) {
  for (const PassRun &run : getPassRuns(phase, options)) {
    auto build = [&](OpPassManager &pm) {
      for (const auto &add : run.passes)
        add(pm);
    };
    if (failed(::runPasses(*module, options, build)))
      return failure();
    if (!run.takesStatistics)
      continue;
    if (phase == Phase::Quantize) {
      if (failed(takeNeededStatistics(run.takesStatistics)))
        return failure();
      continue;
    }
    CalibrationOptions calibration = options.calibration;
    calibration.products = run.takesStatistics->takesProducts;
    calibration.quantizers = false;
    // Nothing has a format yet, and classes of channels go through blocks.
    calibration.regime = CalibrationRegime::Parallel;
    calibration.inBlocks = false;
    if (failed(takeStatistics(calibration)) || failed(bind("stats")))
      return failure();
  }
  return success();
}

LogicalResult Preparation::runCalibrate() {
  auto extend = [&](PhaseExtensions::Position position) {
    return ::runPasses(*module, options, [&](OpPassManager &pm) {
      options.extensions.populate(position, Phase::Calibrate, pm);
    });
  };
  return failure(failed(extend(PhaseExtensions::Position::Before)) ||
                 failed(takeNeededStatistics()) || failed(chooseFormats()) ||
                 failed(extend(PhaseExtensions::Position::After)));
}

LogicalResult Preparation::chooseFormats() {
  auto isOpen = [](Operation *op) {
    auto formats = op->getAttrOfType<DictionaryAttr>(formatsAttrName);
    bool isOpen =
        formats && llvm::any_of(formats, [&](NamedAttribute entry) {
          return getAnnotatedFormat(op, entry.getName()).range == "adaptive";
        });
    return isOpen ? WalkResult::interrupt() : WalkResult::advance();
  };
  if (!(*module)->walk(isOpen).wasInterrupted())
    return success();
  if (archives.contains("stats") && failed(bind("stats")))
    return failure();
  return ::runPasses(*module, options, [&](OpPassManager &pm) {
    pm.addPass(createQuenchChooseFormats({directory}));
  });
}

LogicalResult Preparation::takeNeededStatistics(const RecipeUse *asker) {
  auto statistics = findNeededStatistics(*module);
  if (failed(statistics))
    return failure();
  if (statistics->empty())
    return success();
  if (options.calibration.data.empty()) {
    if (archives.contains("stats"))
      return success();
    return emitError(UnknownLoc::get(&context))
           << "formats need statistics such as '" << *statistics->begin()
           << "': expected an archive of 'quench calibrate' (--param "
              "stats=FILE) or data (--calib FILE)";
  }
  auto needs = [&](StringRef what) {
    return llvm::any_of(*statistics, [&](StringRef key) {
      return key.rsplit('.').second == what;
    });
  };
  CalibrationOptions calibration = options.calibration;
  calibration.products = needs("gram") || needs("cross");
  if (needs("gram_rsq"))
    calibration.weighting = TokenWeighting::Linear;
  if (needs("sample"))
    calibration.samples = usualSamples;
  calibration.classes = false;
  // What becomes of the formats in the phase quantize.
  SmallVector<std::string> pipelines;
  auto add = [&](const std::string &pipeline) {
    if (!pipeline.empty())
      pipelines.push_back(pipeline);
  };
  bool isToCome = !asker;
  for (const RecipeUse &use : options.recipes) {
    if (isToCome)
      add(use.beforeFormatStatistics);
    isToCome |= &use == asker;
    if (isToCome)
      add(use.quantizePipeline);
  }
  calibration.quantizePipeline = llvm::join(pipelines, ",");
  return failure(failed(takeStatistics(calibration)) || failed(bind("stats")));
}

LogicalResult Preparation::bind(StringRef scope) {
  StringRef file = archives.find(scope)->getValue();
  if (bound.insert(scope).second) {
    if (failed(checkStatistics(*module, file, directory)))
      return failure();
    // Programs of a model that was read as IR keep their archive.
    if (getNamedArchive(scope) != file)
      retireScope(*module, scope);
  }
  return bindArchive(*module, scope, file, rebasePath(file, ".", directory));
}

LogicalResult Preparation::bindArchives(Phase phase) {
  llvm::StringSet<> needed;
  if (phase == Phase::Transform)
    for (const RecipeUse &use : options.recipes)
      needed.insert_range(use.recipe.needs);
  if (phase == Phase::Quantize && archives.contains("stats")) {
    auto statistics = findNeededStatistics(*module);
    if (failed(statistics))
      return failure();
    if (!statistics->empty())
      needed.insert("stats");
  }
  for (const auto &entry : archives)
    if (needed.contains(entry.getKey()) && failed(bind(entry.getKey())))
      return failure();
  return success();
}

void Preparation::nameUnreadArchives() {
  if (!options.calibration.data.empty() && !tookStatistics)
    emitWarning(UnknownLoc::get(&context))
        << "nothing needs statistics: the model did not run on '"
        << options.calibration.data << "'";
  NamedAttrList named(
      module->getOperation()->getAttrOfType<DictionaryAttr>(attrs::archives));
  bool hasFormats = (*module)
                        ->walk([](Operation *op) {
                          return op->hasAttr(formatsAttrName)
                                     ? WalkResult::interrupt()
                                     : WalkResult::advance();
                        })
                        .wasInterrupted();
  for (const auto &entry : options.recipeArchives) {
    StringRef scope = entry.getKey();
    if (bound.contains(scope))
      continue;
    // A model that was read as IR may have programs of its own, and formats
    // that are not quantizers yet may need statistics.
    if (readsScope(*module, scope) || hasFormats)
      named.set(scope, StringAttr::get(&context, rebasePath(entry.getValue(),
                                                            ".", directory)));
    else
      emitWarning(UnknownLoc::get(&context))
          << "nothing reads the archive '" << entry.getValue() << "' of scope '"
          << scope << "'";
  }
  if (!named.empty())
    (*module)->setAttr(attrs::archives, named.getDictionary(&context));
}

LogicalResult Preparation::runImport() {
  module = loadModel(context, input, options.import, *options.importers);
  if (!module)
    return failure();
  if (options.startFrom > Phase::Import)
    return success();
  if (failed(runPasses(Phase::Import)))
    return failure();
  return dumpPhase(Phase::Import, *module, directory, options);
}

LogicalResult Preparation::runOnIR(Phase phase) {
  if (failed(bindArchives(phase)))
    return failure();
  LogicalResult result = phase == Phase::Transform || phase == Phase::Quantize
                             ? runWithStatistics(phase)
                         : phase == Phase::Calibrate ? runCalibrate()
                                                     : runPasses(phase);
  if (failed(result))
    return failure();
  (*module)->removeAttr(boundAttrName);
  return dumpPhase(phase, *module, directory, options);
}

LogicalResult Preparation::run() {
  if (isAsked(Phase::Quantize, options) && options.calibration.data.empty())
    for (const RecipeUse &use : options.recipes)
      if (use.takesFormatStatistics)
        return emitError(UnknownLoc::get(&context))
               << "recipe '" << use.recipe.name
               << "' takes statistics of the model with its first quantizers, "
                  "which no archive has: expected data (--calib FILE)";
  if (failed(runPhase(Phase::Import, options, [&] { return runImport(); })))
    return failure();
  // A model that was read as IR may name statistics.
  if (std::string file = getNamedArchive("stats"); !file.empty())
    archives.try_emplace("stats", file);
  for (Phase phase : {Phase::Canonical, Phase::Transform, Phase::Assign,
                      Phase::Calibrate, Phase::Quantize})
    if (isAsked(phase, options) &&
        failed(runPhase(phase, options, [&] { return runOnIR(phase); })))
      return failure();
  if (options.stopAfter >= Phase::Transform)
    nameUnreadArchives();
  if (isAsked(Phase::Codegen, options))
    return runPasses(Phase::Codegen);
  return success();
}

OwningOpRef<ModuleOp> quench::prepareModel(MLIRContext &context,
                                           StringRef input,
                                           const PhaseOptions &options) {
  Preparation preparation(context, input, options);
  if (failed(preparation.run()))
    return nullptr;
  return preparation.takeModule();
}

std::string quench::getPipeline(const PhaseOptions &options) {
  OpPassManager pm(ModuleOp::getOperationName());
  for (Phase phase : allPhases())
    if (phase <= Phase::Codegen && isAsked(phase, options))
      addPasses(phase, options, pm);
  std::string text;
  llvm::raw_string_ostream os(text);
  pm.printAsTextualPipeline(os);
  return text;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

/// Letters, digits and underscores of `name`, as C takes it.
static std::string makeIdentifier(StringRef name) {
  std::string identifier;
  for (char c : name)
    identifier += llvm::isAlnum(c) ? c : '_';
  return identifier;
}

namespace {
/// What a build writes, known by name before any work and there only when all
/// of it is whole.
class Outputs {
public:
  /// `path` is the output that users name.
  Outputs(StringRef path, const BuildOptions &options, bool isObject)
      : path(path), options(options) {
    external = options.weights == WeightsMode::External || isObject;
    archivePath = (path + ".safetensors").str();
    SmallString<128> header(path);
    llvm::sys::path::replace_extension(header, ".h");
    headerPath = std::string(header);
  }

  /// Fails when an output cannot be made. `writes*` say which there will be.
  llvm::Error check(bool writesArchive, bool writesHeader) const {
    if (llvm::Error error = checkOutput(path, options.force))
      return error;
    if (writesArchive)
      if (llvm::Error error = checkOutput(archivePath, options.force))
        return error;
    if (writesHeader && headerPath == path)
      return makeError("'", path, "' is the name of the library's header");
    if (writesHeader)
      return checkOutput(headerPath, options.force);
    return llvm::Error::success();
  }

  bool isExternal() const { return external; }
  /// Name of the parameter archive, for the manifest.
  StringRef archiveName() const {
    return llvm::sys::path::filename(archivePath);
  }

  /// Room for the parameter bytes in the file that will hold them.
  llvm::Expected<llvm::MutableArrayRef<char>> allocatePayload(uint64_t bytes) {
    if (external) {
      SafeTensorsWriter::Entry entry{
          "parameters", DType::U8, {static_cast<int64_t>(bytes)}};
      auto writer = SafeTensorsWriter::create(
          archivePath, entry, {{"format", "quench"}}, options.force);
      if (!writer)
        return writer.takeError();
      archive = std::move(*writer);
      return archive->map(bytes);
    }
    // The program is linked later; the bytes wait in a file that goes away, so
    // that models larger than the memory can be built.
    auto file = OutputFile::create(path, /*force=*/true);
    if (!file)
      return file.takeError();
    payloadFile = std::move(*file);
    return payloadFile->mapAppended(bytes);
  }

  /// Writes one file and keeps it back until commit().
  llvm::Error write(StringRef name, StringRef contents,
                    llvm::ArrayRef<char> payload = {},
                    bool executable = false) {
    auto file = OutputFile::create(name, options.force, executable);
    if (!file)
      return file.takeError();
    llvm::raw_fd_ostream &os = (*file)->os();
    os << contents;
    if (executable && !external) {
      uint64_t offset = llvm::alignTo(contents.size(), 4096);
      os.write_zeros(offset - contents.size());
      os.write(payload.data(), payload.size());
      char footer[64] = {'Q', 'N', 'C', 'H', 'P', 'A', 'Y', '1'};
      llvm::support::endian::write64le(footer + 8, offset);
      llvm::support::endian::write64le(footer + 16, payload.size());
      os.write(footer, sizeof(footer));
    }
    if (llvm::Error error = (*file)->close())
      return error;
    files.push_back(std::move(*file));
    return llvm::Error::success();
  }

  /// Gives everything its name.
  llvm::Error commit() {
    if (archive)
      if (llvm::Error error = archive->finish())
        return error;
    for (std::unique_ptr<OutputFile> &file : files)
      if (llvm::Error error = file->commit())
        return error;
    return llvm::Error::success();
  }

  std::string path, archivePath, headerPath;

private:
  const BuildOptions &options;
  bool external;
  std::unique_ptr<SafeTensorsWriter> archive;
  std::unique_ptr<OutputFile> payloadFile;
  std::vector<std::unique_ptr<OutputFile>> files;
};
} // namespace

/// Links `model` and returns the bytes of what the linker made, which will be a
/// file called `name`.
static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
linkObjects(const LinkTools &tools, LinkKind kind, const CompiledModel &model,
            StringRef name) {
  SmallString<128> folder;
  if (std::error_code ec =
          llvm::sys::fs::createUniqueDirectory("quench", folder))
    return makeError("cannot make a temporary folder: ", describe(ec));
  llvm::scope_exit removeFolder(
      [&] { llvm::sys::fs::remove_directories(folder); });
  std::vector<std::string> paths;
  auto write = [&](StringRef object) -> llvm::Error {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, llvm::Twine(paths.size()) + ".o");
    paths.push_back(std::string(path));
    auto file = OutputFile::create(path, /*force=*/false);
    if (!file)
      return file.takeError();
    (*file)->os() << object;
    return (*file)->commit();
  };
  if (llvm::Error error = write(model.output))
    return error;
  for (StringRef kernel : model.kernels)
    if (llvm::Error error = write(kernel))
      return error;
  SmallString<128> linkedPath(folder);
  llvm::sys::path::append(linkedPath, "model");
  if (llvm::Error error = linkModel(tools, kind, paths, linkedPath, name))
    return error;
  auto linked = llvm::MemoryBuffer::getFile(linkedPath);
  if (!linked)
    return makeError("cannot read '", linkedPath,
                     "': ", describe(linked.getError()));
  return std::move(*linked);
}

//===----------------------------------------------------------------------===//
// buildModel
//===----------------------------------------------------------------------===//

/// What the code generator is asked for.
static CPUOutput codegenOutput(EmitKind emit) {
  switch (emit) {
  case EmitKind::MLIR:
    return CPUOutput::MLIR;
  case EmitKind::LLVMIR:
    return CPUOutput::LLVM;
  case EmitKind::Executable:
  case EmitKind::Shared:
  case EmitKind::Object:
    return CPUOutput::Object;
  }
  llvm_unreachable("unknown kind of output");
}

/// The cache of kernels that `options` ask for. A build goes on without it.
static std::unique_ptr<KernelCache> openCache(MLIRContext &context,
                                              const BuildOptions &options) {
  if (options.kernelCache.empty())
    return nullptr;
  auto cache = KernelCache::open(options.kernelCache);
  if (cache)
    return std::move(*cache);
  emitWarning(UnknownLoc::get(&context)) << "kernels are not kept for later: "
                                         << llvm::toString(cache.takeError());
  return nullptr;
}

LogicalResult quench::buildModel(MLIRContext &context, StringRef input,
                                 StringRef output,
                                 const BuildOptions &options) {
  auto fail = [&](llvm::Error error) -> LogicalResult {
    return emitError(UnknownLoc::get(&context))
           << llvm::toString(std::move(error));
  };
  Phase stopAfter = options.phases.stopAfter;
  EmitKind emit = options.emit;
  bool isText = emit == EmitKind::MLIR || emit == EmitKind::LLVMIR;
  if (stopAfter == Phase::Codegen && !isText)
    emit = EmitKind::Object;
  bool links = emit == EmitKind::Executable || emit == EmitKind::Shared;

  // What is known to fail fails before the work.
  bool toStandardOutput = output == "-";
  if (toStandardOutput && stopAfter >= Phase::Codegen && !isText)
    return fail(makeError("machine code does not go to standard output"));
  if (stopAfter < Phase::Codegen) {
    if (!toStandardOutput)
      if (llvm::Error error = checkOutput(output, options.force))
        return fail(std::move(error));
    OwningOpRef<ModuleOp> module = prepareModel(context, input, options.phases);
    if (!module)
      return failure();
    if (options.onPrepared)
      options.onPrepared(*module);
    rebasePaths(*module, modelDirectory(input), modelDirectory(output));
    return writeModel(*module, output, options.force);
  }
  Outputs outputs(output, options, emit == EmitKind::Object);
  if (!toStandardOutput)
    if (llvm::Error error = outputs.check(outputs.isExternal() && !isText,
                                          emit == EmitKind::Shared))
      return fail(std::move(error));
  llvm::Expected<CPUTarget> target =
      CPUTarget::parse(options.cpu, options.triple);
  if (!target)
    return fail(target.takeError());
  ScheduleFile schedules;
  if (options.tuning)
    if (llvm::Error error = checkOutput(options.schedules, /*force=*/true))
      return fail(std::move(error));
  if (!options.schedules.empty() &&
      (!options.tuning || llvm::sys::fs::exists(options.schedules))) {
    llvm::Expected<ScheduleFile> loaded = ScheduleFile::load(options.schedules);
    if (!loaded)
      return fail(loaded.takeError());
    schedules = std::move(*loaded);
  }
  LinkTools tools;
  if (links) {
    llvm::Expected<LinkTools> found =
        LinkTools::find(options.linker, options.runtime);
    if (!found)
      return fail(found.takeError());
    tools = *found;
  }

  OwningOpRef<ModuleOp> module = prepareModel(context, input, options.phases);
  if (!module)
    return failure();
  if (options.onPrepared)
    options.onPrepared(*module);
  CompileOptions compile;
  compile.output = codegenOutput(emit);
  compile.name = module->getSymName().value_or("").str();
  if (compile.name.empty())
    compile.name = llvm::sys::path::stem(output).str();
  if (emit == EmitKind::Shared)
    compile.symbol += "_" + makeIdentifier(compile.name);
  compile.recipe = describeRecipe(*module, options.phases);
  compile.baseDir = modelDirectory(input);
  compile.optimize = options.optimize;
  compile.verifyPasses = options.verifyPasses;
  compile.schedules = options.schedules;
  compile.split = links;
  std::unique_ptr<KernelCache> cache;
  if (compile.split && compile.optimize)
    cache = openCache(context, options);
  compile.cache = cache.get();
  compile.paramsMode =
      outputs.isExternal() ? ParamsMode::External : ParamsMode::Embed;
  if (outputs.isExternal())
    compile.paramsFile = outputs.archiveName().str();
  if (!isText)
    compile.allocatePayload = [&](uint64_t bytes) {
      return outputs.allocatePayload(bytes);
    };
  FailureOr<CompiledModel> compiled = failure();
  auto codegen = [&]() -> LogicalResult {
    if (options.tuning) {
      const size_t known = schedules.size();
      if (failed(tuneKernels(*module, *target, *options.tuning, schedules)))
        return failure();
      // A file that has all stays as somebody wrote it.
      if (schedules.size() != known ||
          !llvm::sys::fs::exists(options.schedules))
        if (llvm::Error error = schedules.write(options.schedules))
          return fail(std::move(error));
    }
    FailureOr<ArchiveSet> archives =
        ArchiveSet::open(*module, options.params, compile.baseDir);
    if (failed(archives))
      return failure();
    compiled = compileForCPU(*module, *target, *archives, compile);
    return compiled;
  };
  if (failed(runPhase(Phase::Codegen, options.phases, codegen)))
    return failure();
  if (cache && !cache->getFailure().empty())
    emitWarning(UnknownLoc::get(&context))
        << "kernels are not kept for later: " << cache->getFailure();
  StringRef code = compiled->output.str();
  if (toStandardOutput) {
    llvm::outs() << code;
    return success();
  }
  if (!links) {
    if (llvm::Error error = outputs.write(output, code))
      return fail(std::move(error));
    if (llvm::Error error = outputs.commit())
      return fail(std::move(error));
    return success();
  }

  auto link = [&]() -> LogicalResult {
    LinkKind kind =
        emit == EmitKind::Shared ? LinkKind::Shared : LinkKind::Executable;
    auto linked =
        linkObjects(tools, kind, *compiled, llvm::sys::path::filename(output));
    if (!linked)
      return fail(linked.takeError());
    if (llvm::Error error =
            outputs.write(output, (*linked)->getBuffer(), compiled->payload,
                          /*executable=*/true))
      return fail(std::move(error));
    if (emit == EmitKind::Shared) {
      std::string header;
      llvm::raw_string_ostream os(header);
      if (llvm::Error error =
              writeHeader(compiled->manifest, compile.symbol, os))
        return fail(std::move(error));
      if (llvm::Error error = outputs.write(outputs.headerPath, header))
        return fail(std::move(error));
    }
    if (llvm::Error error = outputs.commit())
      return fail(std::move(error));
    return success();
  };
  return runPhase(Phase::Link, options.phases, link);
}

FailureOr<std::unique_ptr<JitModel>> quench::compileInProcess(
    ModuleOp module, StringRef directory, const CPUTarget &target,
    const llvm::StringMap<std::string> &params, bool optimize) {
  FailureOr<ArchiveSet> archives = ArchiveSet::open(module, params, directory);
  if (failed(archives))
    return failure();
  CompileOptions options;
  options.baseDir = directory.str();
  options.optimize = optimize;
  return JitModel::create(module, target, *archives, std::move(options));
}
