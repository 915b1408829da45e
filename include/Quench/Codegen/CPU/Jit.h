//===- Jit.h - Models compiled into this process ---------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_CPU_JIT_H
#define QUENCH_CODEGEN_CPU_JIT_H

#include "Quench/Codegen/CPU/Compile.h"
#include "quench-rt/quench_rt.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace quench {

/// A model compiled into this process, to be run by the runtime that is linked
/// into this library.
class JitModel {
public:
  /// Compiles `module`. Of `options` only those count that do not say where the
  /// output goes. Emits diagnostics.
  static mlir::FailureOr<std::unique_ptr<JitModel>>
  create(mlir::ModuleOp module, const CPUTarget &target,
         const ArchiveSet &archives, CompileOptions options = {});

  JitModel(const JitModel &) = delete;
  JitModel &operator=(const JitModel &) = delete;
  ~JitModel();

  /// What qrt_session_create() takes; lives as long as this object.
  const qrt_model *model() const { return &compiledModel; }

private:
  JitModel();

  /// Holds the parameter bytes that `compiledModel` points at.
  CompiledModel compiled;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  qrt_model compiledModel;
};

} // namespace quench

#endif // QUENCH_CODEGEN_CPU_JIT_H
