//===- Calibrate.cpp - Statistics of the activations of a model -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Calibrate.h"

#include "BlockCalibration.h"
#include "CalibrationRun.h"

#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Pipelines/Build.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/OutputFile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace quench;

namespace {
/// A module that is made ready to be observed, and what its statistics follow
/// from.
struct ObservedModel {
  ArrayAttr sites;
  std::unique_ptr<ExampleData> data;
  std::map<std::string, std::string> metadata;
  std::string key;
  bool isOptimized = false;
};
} // namespace

static FailureOr<ObservedModel>
prepareToObserve(ModuleOp module, StringRef directory,
                 const CalibrationOptions &options) {
  func::FuncOp function = observeEntry(module, options);
  if (!function)
    return failure();
  ObservedModel model;
  model.sites = function->getAttrOfType<ArrayAttr>(observedAttrName);
  if (model.sites.empty())
    return fail(module,
                makeError("the model has no site to take statistics of"));
  auto data = openExamples(function, options);
  if (failed(data))
    return failure();
  model.data = std::move(*data);
  auto metadata = describeSource(module, directory, options);
  if (failed(metadata))
    return failure();
  model.metadata = std::move(*metadata);
  addBases(model.sites, model.metadata);
  llvm::Expected<std::string> key =
      getCalibrationKey(module, model.metadata, options);
  if (!key)
    return fail(module, key.takeError());
  model.key = std::move(*key);
  function->removeAttr(observedAttrName);
  model.isOptimized = isOptimized(function, *model.data, options);
  return model;
}

/// Runs `observed`, which `module` was made ready as, and writes `output`.
static LogicalResult run(ObservedModel &observed, ModuleOp module,
                         StringRef directory, const CPUTarget &target,
                         StringRef output, const CalibrationOptions &options) {
  auto model = compileInProcess(module, directory, target, options.params,
                                observed.isOptimized);
  if (failed(model))
    return failure();
  CalibrationRun calibration(observed.sites, *observed.data, options, output,
                             observed.key);
  if (llvm::Error error = calibration.run(**model)) {
    // What failed would fail again from there.
    calibration.removeState();
    return fail(module, std::move(error));
  }
  if (llvm::Error error = writeStatistics(
          {}, getSiteStatistics(observed.sites, calibration.getTotals()),
          observed.metadata, output, options.force))
    return fail(module, std::move(error));
  calibration.removeState();
  return success();
}

LogicalResult quench::calibrate(ModuleOp module, StringRef directory,
                                const CPUTarget &target, StringRef output,
                                const CalibrationOptions &options) {
  if (llvm::Error error = checkOutput(output, options.force))
    return fail(module, std::move(error));
  FailureOr<ObservedModel> model = prepareToObserve(module, directory, options);
  if (failed(model))
    return failure();
  return run(*model, module, directory, target, output, options);
}

FailureOr<std::string>
quench::calibrateInto(ModuleOp module, StringRef directory,
                      const CPUTarget &target, StringRef folder,
                      const CalibrationOptions &options) {
  if (std::error_code ec = llvm::sys::fs::create_directories(folder))
    return fail(module,
                makeError("cannot make folder '", folder, "': ", describe(ec)));
  CalibrationOptions overwriting = options;
  overwriting.force = true;
  auto getPath = [&](StringRef key) {
    SmallString<128> path(folder);
    llvm::sys::path::append(path, key + ".safetensors");
    return std::string(path);
  };
  if (options.runsBlocks()) {
    auto calibration =
        BlockCalibration::prepare(module, directory, target, overwriting);
    if (failed(calibration))
      return failure();
    std::string path = getPath((*calibration)->getKey());
    if (!llvm::sys::fs::exists(path) && failed((*calibration)->run(path)))
      return failure();
    return path;
  }
  FailureOr<ObservedModel> model = prepareToObserve(module, directory, options);
  if (failed(model))
    return failure();
  std::string path = getPath(model->key);
  if (!llvm::sys::fs::exists(path) &&
      failed(run(*model, module, directory, target, path, overwriting)))
    return failure();
  return path;
}
