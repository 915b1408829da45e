//===- Compile.h - From IR to machine code ---------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_CPU_COMPILE_H
#define QUENCH_CODEGEN_CPU_COMPILE_H

#include "Quench/Codegen/CPU/CPUTarget.h"
#include "Quench/Codegen/CPU/Kernels.h"
#include "Quench/Codegen/Manifest.h"
#include "Quench/Transforms/WeightPrograms.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Memory.h"
#include <functional>
#include <string>
#include <vector>

namespace quench {

class KernelCache;

/// What compilation ends with.
enum class CPUOutput {
  MLIR,     ///< LLVM dialect, text
  LLVM,     ///< optimized LLVM IR, text
  Assembly, ///< text
  Object    ///< ELF
};

struct CompileOptions {
  CPUOutput output = CPUOutput::Object;
  /// Name of the model; empty: that of the module.
  std::string name;
  /// The symbol of the qrt_model that the object exports.
  std::string symbol = "quench_model";
  /// Text of the recipe, for the manifest.
  std::string recipe = "float";
  ParamsMode paramsMode = ParamsMode::Embed;
  /// Name of the archive, for `ParamsMode::External`.
  std::string paramsFile;
  /// Folder that relative paths in the IR start at.
  std::string baseDir;
  /// Whether code is optimized. Without, a small model compiles in a third of
  /// the time and runs several times longer, with the same numbers.
  bool optimize = true;
  /// A ScheduleFile for kernels of optimized code; empty: none.
  std::string schedules;
  /// Verify the IR after each pass, not only when all of them have run: a
  /// quarter of the time, of use to who writes passes.
  bool verifyPasses = false;
  /// Compile kernels apart, at the same time, to objects of their own. Nothing
  /// else is known of them outside of the program. Only for optimized objects.
  bool split = false;
  /// Where objects of kernels are kept, and taken from; null: nowhere. Outlives
  /// the compilation.
  KernelCache *cache = nullptr;
  /// Gives the memory for the parameter bytes, for example a mapped file. They
  /// are written there once. Without it CompiledModel owns them.
  std::function<llvm::Expected<llvm::MutableArrayRef<char>>(uint64_t bytes)>
      allocatePayload;
};

/// What kernels can use of `target`, and how `options` want them.
CPUKernelOptions getKernelOptions(const CPUTarget &target,
                                  const CompileOptions &options);

/// A model as machine code or on the way to it.
struct CompiledModel {
  /// The text or the object.
  llvm::SmallString<0> output;
  /// The objects of kernels, which are linked with it, where it was split.
  std::vector<llvm::SmallString<0>> kernels;
  /// JSON; the object holds it too. Empty for `CPUOutput::MLIR`.
  std::string manifest;
  /// The parameter bytes; none for `CPUOutput::MLIR`.
  llvm::ArrayRef<char> payload;

  /// Memory of `payload`, unless the caller gave it.
  llvm::sys::OwningMemoryBlock ownedPayload;
};

/// Compiles the entry points of `module`, which stays as it is, for `target`,
/// and evaluates their parameters from `archives`. Equal inputs give equal
/// bytes. Emits diagnostics.
mlir::FailureOr<CompiledModel> compileForCPU(mlir::ModuleOp module,
                                             const CPUTarget &target,
                                             const ArchiveSet &archives,
                                             const CompileOptions &options);

} // namespace quench

#endif // QUENCH_CODEGEN_CPU_COMPILE_H
