//===- Calibrate.cpp - Statistics of the activations of a model -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Calibrate.h"

#include "ExampleData.h"
#include "ModelSession.h"

#include "Quench/Calibration/SiteStatistics.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Pipelines/Build.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/Hash.h"
#include "Quench/Support/SafeTensorsWriter.h"
#include "Quench/Support/Spelling.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace quench;

/// Adds results to the entry point that `options` names, drops the others, and
/// returns it; null after a diagnostic.
static func::FuncOp observe(ModuleOp module,
                            const CalibrationOptions &options) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  pm.addPass(createQuenchObserve(
      {options.entry, options.products, options.quantizers, options.classes,
       options.weighting, options.leastWeight, options.samples}));
  if (failed(pm.run(module)))
    return {};
  func::FuncOp observed;
  for (auto function :
       llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (function->hasAttr(observedAttrName))
      observed = function;
    else if (function->hasAttr(attrs::entry))
      function.erase();
  }
  return observed;
}

namespace {
/// Runs a model over data, from where a run of the same that was interrupted
/// had come.
class Calibration {
public:
  Calibration(ArrayAttr sites, ExampleData &data,
              const CalibrationOptions &options, StringRef output,
              std::string key)
      : sites(sites), data(data), options(options),
        statePath(getPathBeside(output, ".state")), key(std::move(key)) {
    trackSites(sites, accumulator);
  }

  llvm::Error run(const JitModel &model);
  const Accumulator &getTotals() const { return accumulator; }
  /// Removes what a run that is interrupted would leave.
  void removeState() const { llvm::sys::fs::remove(statePath); }

private:
  /// Runs the examples [begin, end), which are as many as the data gives at
  /// once.
  llvm::Error run(qrt_session *session, int64_t begin, int64_t end);

  ArrayAttr sites;
  ExampleData &data;
  const CalibrationOptions &options;
  std::string statePath, key;
  Accumulator accumulator;
};
} // namespace

llvm::Error Calibration::run(qrt_session *session, int64_t begin, int64_t end) {
  llvm::Expected<llvm::ArrayRef<qrt_tensor>> inputs =
      data.get(begin, end - begin);
  if (!inputs)
    return inputs.takeError();
  qrt_tensor *outputs = nullptr;
  size_t numOutputs = 0;
  if (qrt_run(session, nullptr, inputs->data(), inputs->size(), &outputs,
              &numOutputs) != QRT_OK)
    return makeError(qrt_last_error());
  llvm::scope_exit release([&] { qrt_tensors_free(outputs, numOutputs); });
  RunNumbers numbers;
  for (const qrt_tensor &output : llvm::ArrayRef(outputs, numOutputs)) {
    size_t size = 1;
    for (int32_t dim = 0; dim < output.rank; ++dim)
      size *= output.shape[dim];
    std::vector<double> &entry = numbers[output.name];
    if (output.dtype == QRT_F64)
      entry.assign(static_cast<const double *>(output.data),
                   static_cast<const double *>(output.data) + size);
    else if (output.dtype == QRT_I64)
      entry.assign(static_cast<const int64_t *>(output.data),
                   static_cast<const int64_t *>(output.data) + size);
  }
  llvm::Error error = accumulator.add(numbers);
  StringRef site = findObservedSite(sites, accumulator.getCulprit());
  if (!error || site.empty())
    return error;
  llvm::consumeError(std::move(error));
  return makeError("found a number at '", site,
                   "' that is not finite, when the model ran on ",
                   describeExamples(begin, end));
}

llvm::Error Calibration::run(const JitModel &model) {
  qrt_options runtime = {};
  runtime.num_threads = options.threads;
  qrt_session *session = nullptr;
  if (qrt_session_create(model.model(), &runtime, &session) != QRT_OK)
    return makeError(qrt_last_error());
  llvm::scope_exit destroy([&] { qrt_session_destroy(session); });
  if (llvm::Error error = data.prepare(session))
    return error;
  int64_t available = data.size();
  if (options.limit)
    available = std::min(available, options.limit);
  int64_t used = std::min(accumulator.load(statePath, key), available);
  if (options.onProgress)
    options.onProgress(used, available);
  while (used < available) {
    int64_t batchEnd = std::min(used + options.batch, available);
    while (used < batchEnd) {
      int64_t end = std::min(used + data.getBatch(), batchEnd);
      if (llvm::Error error = run(session, used, end))
        return error;
      used = end;
    }
    if (llvm::Error error = accumulator.save(statePath, key, used))
      return error;
    if (options.onProgress)
      options.onProgress(used, available);
  }
  return llvm::Error::success();
}

/// A hash of everything that the numbers depend on.
static llvm::Expected<std::string>
getKey(ModuleOp module, const std::map<std::string, std::string> &metadata,
       const CalibrationOptions &options) {
  auto data = llvm::MemoryBuffer::getFile(options.data, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!data)
    return makeError("cannot read '", options.data,
                     "': ", describe(data.getError()));
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os);
  for (const auto &[name, value] : metadata)
    os << name << '=' << value << '\n';
  StringRef bytes = (*data)->getBuffer();
  os << hashBytes({bytes.data(), bytes.size()}) << ' ' << options.batch << ' '
     << options.length << ' ' << options.limit;
  return hashBytes({text.data(), text.size()});
}

/// Writes `statistics` to the archive `path`.
static llvm::Error
writeStatistics(ArrayRef<Statistic> statistics,
                const std::map<std::string, std::string> &metadata,
                StringRef path, bool force) {
  std::vector<SafeTensorsWriter::Entry> entries;
  for (const Statistic &statistic : statistics)
    entries.push_back({statistic.name, DType::F64, statistic.shape});
  auto writer = SafeTensorsWriter::create(path, entries, metadata, force);
  if (!writer)
    return writer.takeError();
  for (const Statistic &statistic : statistics)
    if (llvm::Error error = (*writer)->append(
            {reinterpret_cast<const char *>(statistic.numbers.data()),
             statistic.numbers.size() * sizeof(double)}))
      return error;
  return (*writer)->finish();
}

namespace {
/// A module that is made ready to be observed, and what its statistics follow
/// from.
struct ObservedModel {
  ArrayAttr sites;
  std::unique_ptr<ExampleData> data;
  std::map<std::string, std::string> metadata;
  std::string key;
  bool isWorthOptimizing = false;
};
} // namespace

static LogicalResult fail(ModuleOp module, llvm::Error error) {
  return emitError(UnknownLoc::get(module.getContext()))
         << llvm::toString(std::move(error));
}

static FailureOr<ObservedModel>
prepareToObserve(ModuleOp module, StringRef directory,
                 const CalibrationOptions &options) {
  func::FuncOp function = observe(module, options);
  if (!function)
    return failure();
  ObservedModel model;
  model.sites = function->getAttrOfType<ArrayAttr>(observedAttrName);
  if (model.sites.empty())
    return fail(module,
                makeError("the model has no site to take statistics of"));
  llvm::Expected<std::unique_ptr<ExampleData>> data =
      ExampleData::open(function, options);
  if (!data)
    return fail(module, data.takeError());
  model.data = std::move(*data);
  int64_t examples = model.data->size();
  if (options.limit)
    examples = std::min(examples, options.limit);
  if (examples == 0)
    return fail(module, makeError("'", options.data, "' has no example"));
  constexpr int64_t few = 16;
  if (examples < few)
    emitWarning(UnknownLoc::get(module.getContext()))
        << "found " << formatCount(examples, "example") << " in '"
        << options.data
        << "'; ranges that so few show may be too narrow, 32 or more are usual";

  model.metadata = {{"format", statistics::format.str()},
                    {"version", statistics::version.str()}};
  addBases(model.sites, model.metadata);
  FailureOr<ArchiveSet> archives =
      ArchiveSet::open(module, options.params, directory);
  if (failed(archives))
    return failure();
  if (auto named = module->getAttrOfType<DictionaryAttr>(attrs::archives))
    for (NamedAttribute entry : named)
      if (const Archive *archive = archives->find(entry.getName()))
        model.metadata["archive." + entry.getName().str()] = archive->hash();
  llvm::Expected<std::string> key = getKey(module, model.metadata, options);
  if (!key)
    return fail(module, key.takeError());
  model.key = std::move(*key);
  function->removeAttr(observedAttrName);
  model.isWorthOptimizing =
      isWorthOptimizing(function, examples * options.length);
  return model;
}

/// Runs `observed`, which `module` was made ready as, and writes `output`.
static LogicalResult run(ObservedModel &observed, ModuleOp module,
                         StringRef directory, const CPUTarget &target,
                         StringRef output, const CalibrationOptions &options) {
  auto model = compileInProcess(module, directory, target, options.params,
                                options.optimize && observed.isWorthOptimizing);
  if (failed(model))
    return failure();
  Calibration calibration(observed.sites, *observed.data, options, output,
                          observed.key);
  if (llvm::Error error = calibration.run(**model)) {
    // What failed would fail again from there.
    calibration.removeState();
    return fail(module, std::move(error));
  }
  if (llvm::Error error = writeStatistics(
          getSiteStatistics(observed.sites, calibration.getTotals()),
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
  FailureOr<ObservedModel> model = prepareToObserve(module, directory, options);
  if (failed(model))
    return failure();
  SmallString<128> path(folder);
  llvm::sys::path::append(path, model->key + ".safetensors");
  if (llvm::sys::fs::exists(path))
    return std::string(path);
  CalibrationOptions overwriting = options;
  overwriting.force = true;
  if (failed(run(*model, module, directory, target, path, overwriting)))
    return failure();
  return std::string(path);
}
