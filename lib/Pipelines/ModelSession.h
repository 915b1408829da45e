//===- ModelSession.h - A model that runs in this process -------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_LIB_PIPELINES_MODELSESSION_H
#define QUENCH_LIB_PIPELINES_MODELSESSION_H

#include "Quench/Codegen/CPU/Jit.h"
#include "quench-rt/quench_rt.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <utility>

namespace quench {

/// The entry point of `module` with the name `name`, or the first where that is
/// empty; null where there is none.
mlir::func::FuncOp findEntry(mlir::ModuleOp module, llvm::StringRef name);

/// Whether running `model`, an entry point or a module, on that many tokens
/// takes longer than optimizing its code.
bool isWorthOptimizing(mlir::Operation *model, int64_t tokens);

/// Tensors that the runtime gave.
class OwnedTensors {
public:
  OwnedTensors() = default;
  OwnedTensors(qrt_tensor *tensors, size_t count)
      : tensors(tensors), count(count) {}
  OwnedTensors(OwnedTensors &&other) { *this = std::move(other); }
  OwnedTensors &operator=(OwnedTensors &&other) {
    std::swap(tensors, other.tensors);
    std::swap(count, other.count);
    return *this;
  }
  ~OwnedTensors() { qrt_tensors_free(tensors, count); }

  llvm::ArrayRef<qrt_tensor> get() const { return {tensors, count}; }

private:
  qrt_tensor *tensors = nullptr;
  size_t count = 0;
};

/// One entry point of a model, compiled and ready to run.
class ModelSession {
public:
  /// Compiles `function`, which is an entry point, and consumes the module
  /// around it: the other entry points are dropped. Relative paths start from
  /// `directory`. `threads` run it, one a core where that is 0. `optimize` is
  /// as in CompileOptions. Fails with a diagnostic.
  static mlir::FailureOr<std::unique_ptr<ModelSession>>
  create(mlir::func::FuncOp function, llvm::StringRef directory,
         const CPUTarget &target, const llvm::StringMap<std::string> &params,
         int threads, bool optimize);
  ~ModelSession();

  /// The outputs of a run; they live until the next one.
  llvm::Expected<llvm::ArrayRef<qrt_tensor>>
  run(llvm::ArrayRef<qrt_tensor> inputs);

  /// The outputs of the last run, which live on.
  OwnedTensors take() { return std::move(outputs); }

  qrt_session *get() const { return session; }

private:
  ModelSession() = default;

  std::unique_ptr<JitModel> model;
  qrt_session *session = nullptr;
  OwnedTensors outputs;
};

} // namespace quench

#endif // QUENCH_LIB_PIPELINES_MODELSESSION_H
