//===- ModelSession.cpp - A model that runs in this process ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelSession.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Pipelines/Build.h"
#include "Quench/Support/Error.h"

using namespace mlir;
using namespace quench;

func::FuncOp quench::findEntry(ModuleOp module, StringRef name) {
  for (auto function : module.getOps<func::FuncOp>())
    if (function->hasAttr(attrs::entry) &&
        (name.empty() || function.getName() == name))
      return function;
  return {};
}

bool quench::isWorthOptimizing(Operation *model, int64_t tokens) {
  int64_t parameters = 0;
  model->walk([&](ParamOp param) {
    parameters += cast<RankedTensorType>(param.getType()).getNumElements();
  });
  // Products that code which is not optimized computes in a second or two.
  constexpr double affordable = 2e9;
  return static_cast<double>(parameters) * tokens > affordable;
}

FailureOr<std::unique_ptr<ModelSession>> ModelSession::create(
    func::FuncOp function, StringRef directory, const CPUTarget &target,
    const llvm::StringMap<std::string> &params, int threads, bool optimize) {
  MLIRContext *context = function.getContext();
  auto module = function->getParentOfType<ModuleOp>();
  for (auto other : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (other != function && other->hasAttr(attrs::entry))
      other.erase();
  auto compiled = compileInProcess(module, directory, target, params, optimize);
  if (failed(compiled))
    return failure();
  std::unique_ptr<ModelSession> result(new ModelSession());
  result->model = std::move(*compiled);
  qrt_options options = {};
  options.num_threads = threads;
  if (qrt_session_create(result->model->model(), &options, &result->session) !=
      QRT_OK)
    return emitError(UnknownLoc::get(context)) << qrt_last_error();
  return result;
}

ModelSession::~ModelSession() { qrt_session_destroy(session); }

llvm::Expected<llvm::ArrayRef<qrt_tensor>>
ModelSession::run(llvm::ArrayRef<qrt_tensor> inputs) {
  outputs = {};
  qrt_tensor *tensors = nullptr;
  size_t count = 0;
  if (qrt_run(session, nullptr, inputs.data(), inputs.size(), &tensors,
              &count) != QRT_OK)
    return makeError(qrt_last_error());
  outputs = OwnedTensors(tensors, count);
  return outputs.get();
}
