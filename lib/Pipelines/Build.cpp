//===- Build.cpp - From a model to a program ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Build.h"

#include "Quench/Pipelines/Model.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <chrono>

using namespace mlir;
using namespace quench;

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
runPasses(ModuleOp module, llvm::function_ref<void(OpPassManager &)> build) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
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

OwningOpRef<ModuleOp> quench::prepareModel(MLIRContext &context,
                                           StringRef input,
                                           const PhaseOptions &options) {
  using Position = PhaseExtensions::Position;
  const PhaseExtensions &extensions = options.extensions;
  std::string directory = modelDirectory(input);

  OwningOpRef<ModuleOp> module;
  auto import = [&]() -> LogicalResult {
    module = loadModel(context, input, options.import, *options.importers);
    if (!module)
      return failure();
    if (options.startFrom > Phase::Import)
      return success();
    if (failed(runPasses(*module, [&](OpPassManager &pm) {
          extensions.populate(Position::After, Phase::Import, pm);
        })))
      return failure();
    return dumpPhase(Phase::Import, *module, directory, options);
  };
  if (failed(runPhase(Phase::Import, options, import)))
    return nullptr;

  auto canonical = [&]() -> LogicalResult {
    if (failed(runPasses(*module, [&](OpPassManager &pm) {
          extensions.populate(Position::Before, Phase::Canonical, pm);
          buildCanonicalPipeline(pm);
          extensions.populate(Position::After, Phase::Canonical, pm);
        })))
      return failure();
    return dumpPhase(Phase::Canonical, *module, directory, options);
  };
  if (options.startFrom <= Phase::Canonical &&
      options.stopAfter >= Phase::Canonical &&
      failed(runPhase(Phase::Canonical, options, canonical)))
    return nullptr;

  if (options.stopAfter >= Phase::Codegen &&
      failed(runPasses(*module, [&](OpPassManager &pm) {
        extensions.populate(Position::Before, Phase::Codegen, pm);
      })))
    return nullptr;
  return module;
}

LogicalResult quench::buildModel(MLIRContext &context, StringRef input,
                                 StringRef output,
                                 const BuildOptions &options) {
  OwningOpRef<ModuleOp> module = prepareModel(context, input, options.phases);
  if (!module)
    return failure();
  rebasePaths(*module, modelDirectory(input), modelDirectory(output));
  return writeModel(*module, output, options.force);
}
