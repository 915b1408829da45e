//===- Build.h - From a model to a program ----------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_PIPELINES_BUILD_H
#define QUENCH_PIPELINES_BUILD_H

#include "Quench/Codegen/CPU/Jit.h"
#include "Quench/Dialect/Quench/Transforms/FormatPlan.h"
#include "Quench/Import/Importer.h"
#include "Quench/Pipelines/Autotune.h"
#include "Quench/Pipelines/Calibrate.h"
#include "Quench/Pipelines/Phases.h"
#include "Quench/Pipelines/Recipe.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"

#include <functional>
#include <optional>
#include <string>

namespace quench {

class EquivalenceVerifier;

/// The phases of a compilation that every use of a model shares.
struct PhaseOptions {
  /// The families that checkpoint folders may be of; must be set.
  const ImporterRegistry *importers = nullptr;
  ImportOptions import;
  /// The first phase that runs on the IR; what comes before it has been done
  /// to the input already.
  Phase startFrom = Phase::Import;
  /// The last phase that runs.
  Phase stopAfter = Phase::Link;
  /// Folder that the IR after each phase is written to, `2-canonical.mlir`;
  /// empty: none. It is made where it does not exist.
  std::string dumpPhasesTo;
  PhaseExtensions extensions;
  /// What the phase transform runs, one after another.
  std::vector<RecipeUse> recipes;
  /// Archives that recipes and formats take numbers from, by scope: `stats` and
  /// `learned`.
  llvm::StringMap<std::string> recipeArchives;
  /// Where recipes or formats need statistics, and no archive has them: what
  /// the model runs on to get them, where `data` is not empty, and the folder
  /// that they are written to. Programs name the files until codegen.
  CalibrationOptions calibration;
  std::string calibrationFolder;
  /// What the phase assign does; nothing where there is no rule.
  FormatOptions formats;
  /// Checks passes that claim equivalence; null: they are believed. Outlives
  /// the compilation.
  EquivalenceVerifier *verifier = nullptr;
  /// Told when a phase begins, without a value, and when it has ended, with
  /// the seconds that it took.
  std::function<void(Phase, std::optional<double>)> onPhase;

  /// What reads a model and changes nothing in it.
  PhaseOptions forReading() const;
};

/// Reads `input` and runs on it the phases before codegen that `options` asks
/// for, with the extensions around them and before codegen. Returns null after
/// a diagnostic.
mlir::OwningOpRef<mlir::ModuleOp> prepareModel(mlir::MLIRContext &context,
                                               llvm::StringRef input,
                                               const PhaseOptions &options);

/// The passes that prepareModel() runs with these options, as text for
/// `quench-opt --pass-pipeline`.
std::string getPipeline(const PhaseOptions &options);

/// What a build writes.
enum class EmitKind {
  Executable, ///< a program
  Shared,     ///< a shared library and a C header beside it
  Object,     ///< an object file and its parameter archive
  MLIR,       ///< the IR that machine code was made from, LLVM dialect
  LLVMIR      ///< the same as LLVM IR
};

/// Where the parameters of a program are.
enum class WeightsMode {
  Embed,   ///< at the end of the file
  External ///< in an archive beside it, OUTPUT.safetensors
};

struct BuildOptions {
  PhaseOptions phases;
  /// LLVM triple; empty: that of this machine.
  std::string triple;
  /// What CPUTarget::parse() takes.
  std::string cpu = "native";
  EmitKind emit = EmitKind::Executable;
  WeightsMode weights = WeightsMode::Embed;
  /// Archives by scope, in place of those that the IR names.
  llvm::StringMap<std::string> params;
  /// See LinkTools::find().
  std::string linker, runtime;
  /// As in CompileOptions.
  bool optimize = true, verifyPasses = false;
  /// Folder of a KernelCache, which is made where it does not exist; empty:
  /// none is used. Where it cannot be, that is a warning.
  std::string kernelCache;
  /// As in CompileOptions.
  std::string schedules;
  /// Measures kernels that `schedules` has no entry for, and adds theirs; the
  /// file may be missing.
  std::optional<TuneOptions> tuning;
  /// Replace an output that exists.
  bool force = false;
  /// Told the model that code is going to be made of, whose relative paths
  /// start from the folder of the input.
  std::function<void(mlir::ModuleOp)> onPrepared;
};

/// Builds `output` from `input`, a checkpoint folder or an IR file. Stopping
/// before codegen writes IR; stopping after codegen an object file. Fails with
/// a diagnostic, before any work is done where that can be known, and leaves
/// nothing half written.
mlir::LogicalResult buildModel(mlir::MLIRContext &context,
                               llvm::StringRef input, llvm::StringRef output,
                               const BuildOptions &options);

/// Compiles `module`, which stays as it is and whose relative paths start from
/// `directory`, into this process. `params` is as in BuildOptions, `optimize`
/// as in CompileOptions. Returns failure after a diagnostic.
mlir::FailureOr<std::unique_ptr<JitModel>> compileInProcess(
    mlir::ModuleOp module, llvm::StringRef directory, const CPUTarget &target,
    const llvm::StringMap<std::string> &params, bool optimize = true);

} // namespace quench

#endif // QUENCH_PIPELINES_BUILD_H
