//===- CalibrationRun.cpp - Totals of a model over data -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CalibrationRun.h"

#include "ModelSession.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/Hash.h"
#include "Quench/Support/SafeTensorsWriter.h"
#include "Quench/Support/Spelling.h"
#include "Quench/Transforms/WeightPrograms.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace quench;

LogicalResult quench::fail(ModuleOp module, llvm::Error error) {
  return emitError(UnknownLoc::get(module.getContext()))
         << llvm::toString(std::move(error));
}

int64_t quench::countExamples(const ExampleData &data,
                              const CalibrationOptions &options) {
  return options.limit ? std::min(data.size(), options.limit) : data.size();
}

bool quench::isOptimized(func::FuncOp function, const ExampleData &data,
                         const CalibrationOptions &options) {
  return options.optimize &&
         isWorthOptimizing(function,
                           countExamples(data, options) * options.length);
}

FailureOr<std::unique_ptr<ExampleData>>
quench::openExamples(func::FuncOp function, const CalibrationOptions &options) {
  auto module = function->getParentOfType<ModuleOp>();
  llvm::Expected<std::unique_ptr<ExampleData>> data =
      ExampleData::open(function, options);
  if (!data)
    return fail(module, data.takeError());
  int64_t examples = countExamples(**data, options);
  constexpr int64_t few = 16;
  if (examples < few)
    emitWarning(UnknownLoc::get(module.getContext()))
        << "found " << formatCount(examples, "example") << " in '"
        << options.data
        << "'; ranges that so few show may be too narrow, 32 or more are usual";
  return std::move(*data);
}

func::FuncOp quench::observeEntry(ModuleOp module,
                                  const CalibrationOptions &options,
                                  ArrayRef<std::string> sites) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  pm.addPass(createQuenchObserve({options.entry, options.products,
                                  options.quantizers, options.classes,
                                  options.weighting, options.leastWeight,
                                  options.samples, llvm::to_vector(sites)}));
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

FailureOr<std::map<std::string, std::string>>
quench::describeSource(ModuleOp module, StringRef directory,
                       const CalibrationOptions &options) {
  std::map<std::string, std::string> metadata = {
      {"format", statistics::format.str()},
      {"version", statistics::version.str()}};
  FailureOr<ArchiveSet> archives =
      ArchiveSet::open(module, options.params, directory);
  if (failed(archives))
    return failure();
  if (auto named = module->getAttrOfType<DictionaryAttr>(attrs::archives))
    for (NamedAttribute entry : named)
      if (const Archive *archive = archives->find(entry.getName()))
        metadata["archive." + entry.getName().str()] = archive->hash();
  return metadata;
}

llvm::Expected<std::string>
quench::getCalibrationKey(ModuleOp module,
                          const std::map<std::string, std::string> &metadata,
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
  if (options.inBlocks)
    os << "blocks ";
  if (options.regime == CalibrationRegime::Sequential)
    os << "sequential " << options.quantizePipeline << ' ';
  os << hashBytes({bytes.data(), bytes.size()}) << ' ' << options.batch << ' '
     << options.length << ' ' << options.limit;
  return hashBytes({text.data(), text.size()});
}

llvm::Error
quench::writeStatistics(ArrayRef<std::unique_ptr<Archive>> archives,
                        ArrayRef<Statistic> statistics,
                        const std::map<std::string, std::string> &metadata,
                        StringRef path, bool force) {
  std::vector<SafeTensorsWriter::Entry> entries;
  for (const std::unique_ptr<Archive> &archive : archives)
    for (const Archive::Tensor &tensor : archive->tensors())
      entries.push_back(
          {tensor.name.str(), tensor.dtype, llvm::to_vector(tensor.shape)});
  for (const Statistic &statistic : statistics)
    entries.push_back({statistic.name, DType::F64, statistic.shape});
  auto writer = SafeTensorsWriter::create(path, entries, metadata, force);
  if (!writer)
    return writer.takeError();
  for (const std::unique_ptr<Archive> &archive : archives)
    for (const Archive::Tensor &tensor : archive->tensors()) {
      if (llvm::Error error = (*writer)->append(tensor.bytes))
        return error;
      archive->release(tensor.bytes);
    }
  for (const Statistic &statistic : statistics)
    if (llvm::Error error = (*writer)->append(
            {reinterpret_cast<const char *>(statistic.numbers.data()),
             statistic.numbers.size() * sizeof(double)}))
      return error;
  return (*writer)->finish();
}

CalibrationRun::CalibrationRun(ArrayAttr sites, ExampleData &data,
                               const CalibrationOptions &options,
                               StringRef output, std::string key)
    : sites(sites), data(data), options(options),
      statePath(getPathBeside(output, ".state")), key(std::move(key)) {
  trackSites(sites, accumulator);
}

void CalibrationRun::removeState() const { llvm::sys::fs::remove(statePath); }

llvm::Error CalibrationRun::run(qrt_session *session, int64_t begin,
                                int64_t end) {
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

llvm::Error CalibrationRun::run(const JitModel &model) {
  qrt_options runtime = {};
  runtime.num_threads = options.threads;
  qrt_session *session = nullptr;
  if (qrt_session_create(model.model(), &runtime, &session) != QRT_OK)
    return makeError(qrt_last_error());
  llvm::scope_exit destroy([&] { qrt_session_destroy(session); });
  if (llvm::Error error = data.prepare(session))
    return error;
  int64_t available = countExamples(data, options);
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
