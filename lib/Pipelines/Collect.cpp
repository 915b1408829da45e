//===- Collect.cpp - Statistics of the activations of a model -------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Collect.h"

#include "ExampleData.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Pipelines/Build.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/Qsur.h"
#include "Quench/Support/SafeTensorsWriter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace quench;

static constexpr double infinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Sums over all examples
//===----------------------------------------------------------------------===//

namespace {
/// What becomes of the results of one run and those of the next.
enum class Combine { Min, Max, Sum };

/// The results that observe the model, combined over all runs so far.
class Totals {
public:
  void track(int64_t result, Combine how) {
    totals["observed." + std::to_string(result)].how = how;
  }
  /// Adds an output of a run, if it is tracked.
  void add(const qrt_tensor &output);

  ArrayRef<double> get(int64_t result) const {
    return totals.find("observed." + std::to_string(result))
        ->getValue()
        .numbers;
  }

private:
  struct Total {
    Combine how;
    std::vector<double> numbers;
  };
  llvm::StringMap<Total> totals;
};
} // namespace

void Totals::add(const qrt_tensor &output) {
  auto it = totals.find(output.name);
  if (it == totals.end())
    return;
  auto &[how, numbers] = it->getValue();
  size_t size = 1;
  for (int32_t dim = 0; dim < output.rank; ++dim)
    size *= output.shape[dim];
  if (numbers.empty())
    numbers.assign(size, how == Combine::Min   ? infinity
                         : how == Combine::Max ? -infinity
                                               : 0);
  for (size_t index = 0; index < size; ++index) {
    double number = output.dtype == QRT_I64
                        ? static_cast<double>(
                              static_cast<const int64_t *>(output.data)[index])
                        : static_cast<const double *>(output.data)[index];
    double &total = numbers[index];
    // NaN stays.
    if (how == Combine::Sum || std::isnan(number))
      total += number;
    else if (how == Combine::Min ? number < total : number > total)
      total = number;
  }
}

//===----------------------------------------------------------------------===//
// Statistics of sites
//===----------------------------------------------------------------------===//

namespace {
/// A tensor of the archive.
struct Statistic {
  std::string name;
  SmallVector<int64_t> shape;
  std::vector<double> numbers;
};

/// Sums over the values of a site that all carry its transform, or all its
/// inverse.
struct SiteSums {
  SiteSums(int64_t transforms, int64_t size)
      : min(transforms * size, infinity), max(transforms * size, -infinity),
        sum(transforms * size), magnitudes(transforms * size),
        counts(transforms) {}

  std::vector<double> min, max, sum, magnitudes, products, counts;
};
} // namespace

/// Adds what was observed of `value`, a site with transforms of `size`
/// channels, to `sums`.
static void addValue(DictionaryAttr value, const Totals &totals, int64_t size,
                     SiteSums &sums) {
  auto getNumbers = [&](StringRef key) {
    return value.getAs<DenseI64ArrayAttr>(key).asArrayRef();
  };
  double count = totals.get(value.getAs<IntegerAttr>("count").getInt()).front();
  ArrayRef<int64_t> ranges = getNumbers("ranges");
  ArrayRef<double> min = totals.get(ranges[0]), max = totals.get(ranges[1]);
  ArrayRef<double> sum = totals.get(ranges[2]), all = totals.get(ranges[3]);
  ArrayRef<int64_t> transforms = getNumbers("transforms");
  for (auto [offset, transform] :
       llvm::zip_equal(getNumbers("offsets"), transforms)) {
    sums.counts[transform] += count;
    for (int64_t channel = 0; channel < size; ++channel) {
      int64_t to = transform * size + channel, from = offset + channel;
      sums.min[to] = std::min(sums.min[to], min[from]);
      sums.max[to] = std::max(sums.max[to], max[from]);
      sums.sum[to] += sum[from];
      sums.magnitudes[to] += all[from];
    }
  }
  auto products = value.getAs<IntegerAttr>("products");
  if (!products)
    return;
  ArrayRef<double> matrices = totals.get(products.getInt());
  // Either a matrix for each block, or one for all channels.
  int64_t square = size * size;
  bool isWhole = static_cast<int64_t>(matrices.size()) >
                 square * static_cast<int64_t>(transforms.size());
  int64_t step = isWhole ? matrices.size() : square;
  sums.products.resize(isWhole ? matrices.size() : square * sums.counts.size());
  for (int64_t block = 0, e = matrices.size() / step; block < e; ++block) {
    int64_t to = isWhole ? 0 : transforms[block] * square;
    for (int64_t index = 0; index < step; ++index)
      sums.products[to + index] += matrices[block * step + index];
  }
}

/// Adds the statistics of the site that `site` describes; fails with its name
/// where numbers are not finite.
static llvm::Error addSite(DictionaryAttr site, const Totals &totals,
                           std::vector<Statistic> &statistics) {
  std::string name = site.getAs<StringAttr>("site").str();
  int64_t size = site.getAs<IntegerAttr>("size").getInt();
  int64_t transforms = site.getAs<IntegerAttr>("count").getInt();
  bool isRotation = site.getAs<StringAttr>("kind").getValue() == "basis";
  int64_t n = size * transforms;
  SiteSums direct(transforms, size), inverse(transforms, size);
  for (Attribute entry : site.getAs<ArrayAttr>("values")) {
    auto value = cast<DictionaryAttr>(entry);
    addValue(value, totals, size,
             value.getAs<BoolAttr>("inverse").getValue() ? inverse : direct);
  }
  auto add = [&](StringRef what, ArrayRef<int64_t> shape, auto getNumber) {
    Statistic statistic{name + "." + what.str(), llvm::to_vector(shape), {}};
    int64_t volume = 1;
    for (int64_t dim : shape)
      volume *= dim;
    for (int64_t index = 0; index < volume; ++index)
      statistic.numbers.push_back(getNumber(index));
    statistics.push_back(std::move(statistic));
  };
  auto getCount = [&](int64_t channel) {
    return direct.counts[channel / size];
  };
  auto getMagnitude = [](const SiteSums &sums) {
    return [&](int64_t c) {
      return std::max(std::abs(sums.min[c]), std::abs(sums.max[c]));
    };
  };
  for (const SiteSums *sums : {&direct, &inverse})
    if (sums->counts.front() > 0)
      for (double magnitude : sums->magnitudes)
        if (!std::isfinite(magnitude))
          return makeError("found a number at '", name, "' that is not finite");
  if (isRotation) {
    if (direct.products.empty())
      return llvm::Error::success();
    SmallVector<int64_t> shape = {transforms, size, size};
    add("covariance", ArrayRef(shape).drop_front(transforms == 1),
        [&](int64_t index) {
          int64_t transform = index / (size * size);
          double count = direct.counts[transform];
          double a = direct.sum[transform * size + index / size % size];
          double b = direct.sum[transform * size + index % size];
          return direct.products[index] / count - (a / count) * (b / count);
        });
    std::vector<double> covariances = statistics.back().numbers;
    add("qsur", {transforms}, [&](int64_t transform) {
      ArrayRef<double> matrix =
          ArrayRef(covariances).slice(transform * size * size, size * size);
      return getQsur(matrix, size).perDimension;
    });
    return llvm::Error::success();
  }
  if (inverse.counts.front() > 0)
    add("inverse_absmax", {n}, getMagnitude(inverse));
  if (direct.counts.front() == 0)
    return llvm::Error::success();
  add("min", {n}, [&](int64_t c) { return direct.min[c]; });
  add("max", {n}, [&](int64_t c) { return direct.max[c]; });
  add("absmax", {n}, getMagnitude(direct));
  add("mean", {n}, [&](int64_t c) { return direct.sum[c] / getCount(c); });
  add("mean_abs", {n},
      [&](int64_t c) { return direct.magnitudes[c] / getCount(c); });
  add("count", {transforms}, [&](int64_t t) { return direct.counts[t]; });
  if (static_cast<int64_t>(direct.products.size()) == n * n)
    add("gram", {n, n}, [&](int64_t index) {
      return direct.products[index] / direct.counts.front();
    });
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// collectStatistics
//===----------------------------------------------------------------------===//

/// Adds results to the entry point that `options` names, drops the others, and
/// returns it; null after a diagnostic.
static func::FuncOp observe(ModuleOp module, const CollectOptions &options) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  pm.addPass(createQuenchObserve({options.entry, options.products}));
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

/// Runs the model over the data.
static llvm::Error run(const JitModel &model, ExampleData &data,
                       const CollectOptions &options, Totals &totals) {
  qrt_options runtime = {};
  runtime.num_threads = options.threads;
  qrt_session *session = nullptr;
  if (qrt_session_create(model.model(), &runtime, &session) != QRT_OK)
    return makeError(qrt_last_error());
  llvm::scope_exit destroy([&] { qrt_session_destroy(session); });
  if (llvm::Error error = data.prepare(session))
    return error;
  int64_t used = 0, available = data.size();
  if (options.limit)
    available = std::min(available, options.limit);
  if (available == 0)
    return makeError("'", options.data, "' has no example");
  while (used < available) {
    int64_t count = std::min(data.getBatch(), available - used);
    llvm::Expected<llvm::ArrayRef<qrt_tensor>> inputs = data.get(used, count);
    if (!inputs)
      return inputs.takeError();
    qrt_tensor *outputs = nullptr;
    size_t numOutputs = 0;
    if (qrt_run(session, nullptr, inputs->data(), inputs->size(), &outputs,
                &numOutputs) != QRT_OK)
      return makeError(qrt_last_error());
    for (const qrt_tensor &output : llvm::ArrayRef(outputs, numOutputs))
      totals.add(output);
    qrt_tensors_free(outputs, numOutputs);
    used += count;
  }
  return llvm::Error::success();
}

LogicalResult quench::collectStatistics(ModuleOp module, StringRef directory,
                                        const CPUTarget &target,
                                        StringRef output,
                                        const CollectOptions &options) {
  auto fail = [&](llvm::Error error) -> LogicalResult {
    return emitError(UnknownLoc::get(module.getContext()))
           << llvm::toString(std::move(error));
  };
  if (llvm::Error error = checkOutput(output, options.force))
    return fail(std::move(error));
  func::FuncOp function = observe(module, options);
  if (!function)
    return failure();
  auto sites = function->getAttrOfType<ArrayAttr>(observedAttrName);
  function->removeAttr(observedAttrName);
  if (sites.empty())
    return fail(makeError("the model has no site to collect statistics of"));
  llvm::Expected<std::unique_ptr<ExampleData>> data =
      ExampleData::open(function, options);
  if (!data)
    return fail(data.takeError());

  std::map<std::string, std::string> metadata = {
      {"format", statistics::format.str()},
      {"version", statistics::version.str()}};
  Totals totals;
  for (auto site : sites.getAsRange<DictionaryAttr>()) {
    metadata[getBasisKey(site.getAs<StringAttr>("kind").getValue() == "basis",
                         site.getAs<StringAttr>("site").getValue())] =
        site.getAs<StringAttr>("basis").str();
    for (auto value :
         site.getAs<ArrayAttr>("values").getAsRange<DictionaryAttr>()) {
      totals.track(value.getAs<IntegerAttr>("count").getInt(), Combine::Sum);
      auto ranges = value.getAs<DenseI64ArrayAttr>("ranges").asArrayRef();
      totals.track(ranges[0], Combine::Min);
      totals.track(ranges[1], Combine::Max);
      totals.track(ranges[2], Combine::Sum);
      totals.track(ranges[3], Combine::Sum);
      if (auto products = value.getAs<IntegerAttr>("products"))
        totals.track(products.getInt(), Combine::Sum);
    }
  }
  FailureOr<ArchiveSet> archives =
      ArchiveSet::open(module, options.params, directory);
  if (failed(archives))
    return failure();
  auto named = module->getAttrOfType<DictionaryAttr>(attrs::archives);
  for (NamedAttribute entry : named ? named : DictionaryAttr())
    if (const Archive *archive = archives->find(entry.getName()))
      metadata["archive." + entry.getName().str()] = archive->hash();
  auto model = compileInProcess(module, directory, target, options.params);
  if (failed(model))
    return failure();
  if (llvm::Error error = run(**model, **data, options, totals))
    return fail(std::move(error));

  std::vector<Statistic> statistics;
  for (auto site : sites.getAsRange<DictionaryAttr>())
    if (llvm::Error error = addSite(site, totals, statistics))
      return fail(std::move(error));
  std::vector<SafeTensorsWriter::Entry> entries;
  for (const Statistic &statistic : statistics)
    entries.push_back({statistic.name, DType::F64, statistic.shape});
  auto writer =
      SafeTensorsWriter::create(output, entries, metadata, options.force);
  if (!writer)
    return fail(writer.takeError());
  for (const Statistic &statistic : statistics)
    if (llvm::Error error = (*writer)->append(
            {reinterpret_cast<const char *>(statistic.numbers.data()),
             statistic.numbers.size() * sizeof(double)}))
      return fail(std::move(error));
  if (llvm::Error error = (*writer)->finish())
    return fail(std::move(error));
  return success();
}
