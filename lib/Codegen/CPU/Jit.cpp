//===- Jit.cpp - Models compiled into this process ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/Jit.h"

#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace quench;

JitModel::JitModel() = default;
JitModel::~JitModel() = default;

/// Puts the objects of `model` into this process, with the runtime that this
/// library has.
static llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>>
load(const CompiledModel &model) {
  llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> jit =
      llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  llvm::orc::JITDylib &library = (*jit)->getMainJITDylib();
  llvm::orc::SymbolMap runtime;
  auto bind = [&](llvm::StringRef name, auto *function) {
    runtime[(*jit)->mangleAndIntern(name)] = {
        llvm::orc::ExecutorAddr::fromPtr(function),
        llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
  };
  bind("qrt_alloc", qrt_alloc);
  bind("qrt_free", qrt_free);
  bind("qrt_parallel_for", qrt_parallel_for);
  bind("qrt_wrong_shape", qrt_wrong_shape);
  if (llvm::Error error =
          library.define(llvm::orc::absoluteSymbols(std::move(runtime))))
    return error;
  auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      (*jit)->getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  auto add = [&](llvm::StringRef object, const llvm::Twine &name) {
    return (*jit)->addObjectFile(
        llvm::MemoryBuffer::getMemBufferCopy(object, name));
  };
  if (llvm::Error error = add(model.output, "model"))
    return error;
  for (auto [i, kernel] : llvm::enumerate(model.kernels))
    if (llvm::Error error = add(kernel, "kernel " + llvm::Twine(i)))
      return error;
  return jit;
}

FailureOr<std::unique_ptr<JitModel>>
JitModel::create(ModuleOp module, const CPUTarget &target,
                 const ArchiveSet &archives, CompileOptions options) {
  options.output = CPUOutput::Object;
  options.paramsMode = ParamsMode::Memory;
  options.split = true;
  FailureOr<CompiledModel> compiled =
      compileForCPU(module, target, archives, options);
  if (failed(compiled))
    return failure();

  std::unique_ptr<JitModel> result(new JitModel());
  result->compiled = std::move(*compiled);
  llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> jit =
      load(result->compiled);
  if (!jit)
    return module.emitError() << llvm::toString(jit.takeError());
  result->jit = std::move(*jit);
  llvm::Expected<llvm::orc::ExecutorAddr> symbol =
      result->jit->lookup(options.symbol);
  if (!symbol)
    return module.emitError() << llvm::toString(symbol.takeError());
  result->compiledModel = *symbol->toPtr<const qrt_model *>();
  result->compiledModel.params = result->compiled.payload.data();
  result->compiledModel.params_size = result->compiled.payload.size();
  result->compiled.output.clear();
  result->compiled.kernels.clear();
  return result;
}
