//===- SiteStatistics.cpp - From what is observed to statistics -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Calibration/SiteStatistics.h"

#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Support/Distribution.h"
#include "Quench/Support/Qsur.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace quench;

static constexpr double infinity = std::numeric_limits<double>::infinity();

/// The number that `entry` has for `key`.
static int64_t getInteger(DictionaryAttr entry, StringRef key) {
  return entry.getAs<IntegerAttr>(key).getInt();
}

static ArrayRef<int64_t> getIntegers(DictionaryAttr entry, StringRef key) {
  return entry.getAs<DenseI64ArrayAttr>(key).asArrayRef();
}

static auto getValues(DictionaryAttr site) {
  return site.getAs<ArrayAttr>("values").getAsRange<DictionaryAttr>();
}

namespace {
/// A result, and how those of several runs are combined.
struct Observed {
  int64_t result;
  Combine how;
  /// The result that has the exponents of histograms, or the numbers of parts
  /// of samples.
  int64_t other = -1;
  /// Of samples: how many parts.
  int64_t parts = 0;
};

/// Reads the results of one value.
class ValueTotals {
public:
  ValueTotals(DictionaryAttr value, const Accumulator &accumulator)
      : value(value), accumulator(accumulator) {}

  /// What is kept of the sample, of which each part has `size` numbers.
  std::vector<double> getSample(int64_t size) const {
    return accumulator.getSample(
        getObservedName(getIntegers(value, "sample").front()), size);
  }
  ArrayRef<double> get(Observed observed) const {
    return accumulator.get(getObservedName(observed.result), observed.how);
  }
  double getCount() const {
    return get({getInteger(value, "count"), Combine::Sum}).front();
  }
  ArrayRef<double> getRange(unsigned index) const {
    static constexpr Combine how[] = {Combine::Min, Combine::Max, Combine::Sum,
                                      Combine::Sum};
    return get({getIntegers(value, "ranges")[index], how[index]});
  }
  /// Sums of what is read, which a quantizer may have changed.
  ArrayRef<double> getReadSums() const {
    auto read = value.getAs<DenseI64ArrayAttr>("read");
    return read ? get({read[2], Combine::Sum}) : getRange(2);
  }
  /// Sums of products, `key` says which; empty where there are none.
  ArrayRef<double> getProducts(StringRef key = "products") const {
    auto products = value.getAs<IntegerAttr>(key);
    return products ? get({products.getInt(), Combine::Sum})
                    : ArrayRef<double>();
  }

private:
  DictionaryAttr value;
  const Accumulator &accumulator;
};

/// Sums over the values of a site that all carry its transform, or all its
/// inverse.
struct SiteSums {
  SiteSums(int64_t transforms, int64_t size)
      : min(transforms * size, infinity), max(transforms * size, -infinity),
        sum(transforms * size), magnitudes(transforms * size),
        counts(transforms), size(size) {}

  /// Adds what was observed of `value`.
  void add(DictionaryAttr value, const ValueTotals &totals);

  bool isEmpty() const { return counts.front() == 0; }
  double getMagnitude(int64_t channel) const {
    return std::max(std::abs(min[channel]), std::abs(max[channel]));
  }

  std::vector<double> min, max, sum, magnitudes, products, counts;
  int64_t size;
};

/// Adds the statistics of one site after another.
class Statistics {
public:
  explicit Statistics(const Accumulator &accumulator)
      : accumulator(accumulator) {}

  /// Adds a class of channels.
  void addClass(DictionaryAttr site);
  /// Adds a value that quantizers are for.
  void addValue(DictionaryAttr site);

  std::vector<Statistic> list;

private:
  /// Adds what is called `what`, of the shape `shape`, with element `i` as
  /// `getNumber(i)`.
  template <typename Function>
  void add(StringRef what, ArrayRef<int64_t> shape, Function getNumber);
  void addCovariance(const SiteSums &sums);

  const Accumulator &accumulator;
  std::string prefix;
};
} // namespace

void SiteSums::add(DictionaryAttr value, const ValueTotals &totals) {
  double count = totals.getCount();
  ArrayRef<int64_t> transforms = getIntegers(value, "transforms");
  ArrayRef<double> least = totals.getRange(0), greatest = totals.getRange(1);
  ArrayRef<double> total = totals.getRange(2), all = totals.getRange(3);
  for (auto [offset, transform] :
       llvm::zip_equal(getIntegers(value, "offsets"), transforms)) {
    counts[transform] += count;
    for (int64_t channel = 0; channel < size; ++channel) {
      int64_t to = transform * size + channel, from = offset + channel;
      min[to] = std::min(min[to], least[from]);
      max[to] = std::max(max[to], greatest[from]);
      sum[to] += total[from];
      magnitudes[to] += all[from];
    }
  }
  ArrayRef<double> matrices = totals.getProducts();
  if (matrices.empty())
    return;
  // Either a matrix for each block, or one for all channels.
  int64_t square = size * size;
  bool isWhole = static_cast<int64_t>(matrices.size()) >
                 square * static_cast<int64_t>(transforms.size());
  int64_t step = isWhole ? matrices.size() : square;
  products.resize(isWhole ? matrices.size() : square * counts.size());
  for (int64_t block = 0, e = matrices.size() / step; block < e; ++block) {
    int64_t to = isWhole ? 0 : transforms[block] * square;
    for (int64_t index = 0; index < step; ++index)
      products[to + index] += matrices[block * step + index];
  }
}

template <typename Function>
void Statistics::add(StringRef what, ArrayRef<int64_t> shape,
                     Function getNumber) {
  Statistic statistic{prefix + what.str(), llvm::to_vector(shape), {}};
  int64_t volume = 1;
  for (int64_t dim : shape)
    volume *= dim;
  for (int64_t index = 0; index < volume; ++index)
    statistic.numbers.push_back(getNumber(index));
  list.push_back(std::move(statistic));
}

void Statistics::addCovariance(const SiteSums &sums) {
  int64_t size = sums.size, transforms = sums.counts.size();
  SmallVector<int64_t> shape = {transforms, size, size};
  add("covariance", ArrayRef(shape).drop_front(transforms == 1),
      [&](int64_t index) {
        int64_t transform = index / (size * size);
        double count = sums.counts[transform];
        double a = sums.sum[transform * size + index / size % size];
        double b = sums.sum[transform * size + index % size];
        return sums.products[index] / count - (a / count) * (b / count);
      });
  std::vector<double> covariances = list.back().numbers;
  add("qsur", {transforms}, [&](int64_t transform) {
    ArrayRef<double> matrix =
        ArrayRef(covariances).slice(transform * size * size, size * size);
    return getQsur(matrix, size).perDimension;
  });
}

void Statistics::addClass(DictionaryAttr site) {
  prefix = getClassStatistic(site.getAs<StringAttr>("site").getValue(), "");
  int64_t size = getInteger(site, "size");
  int64_t transforms = getInteger(site, "count"), n = size * transforms;
  SiteSums direct(transforms, size), inverse(transforms, size);
  for (DictionaryAttr value : getValues(site)) {
    bool isInverse = value.getAs<BoolAttr>("inverse").getValue();
    (isInverse ? inverse : direct).add(value, {value, accumulator});
  }
  if (site.getAs<StringAttr>("kind").getValue() == "basis") {
    if (!direct.products.empty())
      addCovariance(direct);
    return;
  }
  if (!inverse.isEmpty())
    add("inverse_absmax", {n},
        [&](int64_t c) { return inverse.getMagnitude(c); });
  if (direct.isEmpty())
    return;
  auto getCount = [&](int64_t channel) {
    return direct.counts[channel / size];
  };
  add("min", {n}, [&](int64_t c) { return direct.min[c]; });
  add("max", {n}, [&](int64_t c) { return direct.max[c]; });
  add("absmax", {n}, [&](int64_t c) { return direct.getMagnitude(c); });
  add("mean", {n}, [&](int64_t c) { return direct.sum[c] / getCount(c); });
  add("mean_abs", {n},
      [&](int64_t c) { return direct.magnitudes[c] / getCount(c); });
  add("count", {transforms}, [&](int64_t t) { return direct.counts[t]; });
  if (static_cast<int64_t>(direct.products.size()) == n * n)
    add("gram", {n, n}, [&](int64_t index) {
      return direct.products[index] / direct.counts.front();
    });
}

void Statistics::addValue(DictionaryAttr site) {
  prefix = site.getAs<StringAttr>("site").str() + ".";
  DictionaryAttr value = *getValues(site).begin();
  ValueTotals totals(value, accumulator);
  double count = totals.getCount();
  if (count == 0)
    return;
  ArrayRef<double> min = totals.getRange(0), max = totals.getRange(1);
  ArrayRef<double> magnitudes = totals.getRange(3);
  auto addNumbers = [&](StringRef what, ArrayRef<double> numbers,
                        double divisor = 1) {
    add(what, {static_cast<int64_t>(numbers.size())},
        [&](int64_t i) { return numbers[i] / divisor; });
  };
  int64_t n = min.size();
  addNumbers("min", min);
  addNumbers("max", max);
  add("absmax", {n},
      [&](int64_t c) { return std::max(std::abs(min[c]), std::abs(max[c])); });
  addNumbers("mean", totals.getReadSums(), count);
  addNumbers("mean_abs", magnitudes, count);
  addNumbers("count", count);
  ArrayRef<int64_t> ranges = getIntegers(value, "ranges");
  addNumbers("moving_min", totals.get({ranges[0], Combine::Moving}));
  addNumbers("moving_max", totals.get({ranges[1], Combine::Moving}));
  ArrayRef<int64_t> tokens = getIntegers(value, "tokens");
  addNumbers("token_absmax",
             {totals.get({tokens[0], Combine::Min}).front(),
              totals.get({tokens[1], Combine::Sum}).front() / count,
              totals.get({tokens[2], Combine::Max}).front()});
  Range extent = {*llvm::min_element(min), *llvm::max_element(max)};
  addNumbers("extent", {extent.low, extent.high});
  ArrayRef<int64_t> distribution = getIntegers(value, "distribution");
  addNumbers("quantiles", totals.get({distribution[0], Combine::Sum}));
  addNumbers("histogram", totals.get({distribution[1], Combine::Histogram}));
  if (auto parts = value.getAs<DenseI64ArrayAttr>("concentration"))
    addNumbers("concentration", totals.get({parts[0], Combine::Sum}),
               totals.get({parts[1], Combine::Sum}).front());
  if (auto shape = value.getAs<DenseI64ArrayAttr>("sample_shape")) {
    SmallVector<int64_t> dims(shape.asArrayRef());
    int64_t size = llvm::product_of(ArrayRef(dims).drop_front());
    std::vector<double> sample = totals.getSample(size);
    dims.front() = sample.size() / size;
    add("sample", dims, [&](int64_t i) { return sample[i]; });
  }
  for (auto [key, what] : {std::pair<StringRef, StringRef>{"products", "gram"},
                           {"cross", "cross"},
                           {"weighted", "gram_rsq"}}) {
    ArrayRef<double> products = totals.getProducts(key);
    if (!products.empty())
      add(what, {n, n}, [&](int64_t i) { return products[i] / count; });
  }
}

//===----------------------------------------------------------------------===//
// All sites
//===----------------------------------------------------------------------===//

static bool isValue(DictionaryAttr site) {
  return site.getAs<StringAttr>("kind").getValue() == "value";
}

/// Calls `body` with every result of `value`.
static void forEachObserved(DictionaryAttr value,
                            llvm::function_ref<void(Observed)> body) {
  body({getInteger(value, "count"), Combine::Sum});
  ArrayRef<int64_t> ranges = getIntegers(value, "ranges");
  body({ranges[0], Combine::Min});
  body({ranges[1], Combine::Max});
  body({ranges[2], Combine::Sum});
  body({ranges[3], Combine::Sum});
  if (auto read = value.getAs<DenseI64ArrayAttr>("read"))
    body({read[2], Combine::Sum});
  for (StringRef key : {"products", "cross", "weighted"})
    if (auto products = value.getAs<IntegerAttr>(key))
      body({products.getInt(), Combine::Sum});
  auto tokens = value.getAs<DenseI64ArrayAttr>("tokens");
  if (!tokens)
    return;
  body({ranges[0], Combine::Moving});
  body({ranges[1], Combine::Moving});
  body({tokens[0], Combine::Min});
  body({tokens[1], Combine::Sum});
  body({tokens[2], Combine::Max});
  ArrayRef<int64_t> distribution = getIntegers(value, "distribution");
  body({distribution[0], Combine::Sum});
  body({distribution[1], Combine::Histogram, distribution[2]});
  if (auto sample = value.getAs<DenseI64ArrayAttr>("sample"))
    body({sample[0], Combine::Sample, sample[1],
          getIntegers(value, "sample_shape").front()});
  if (auto parts = value.getAs<DenseI64ArrayAttr>("concentration"))
    for (int64_t part : parts.asArrayRef())
      body({part, Combine::Sum});
}

void quench::trackSites(ArrayAttr sites, Accumulator &accumulator) {
  for (auto site : sites.getAsRange<DictionaryAttr>())
    for (DictionaryAttr value : getValues(site))
      forEachObserved(value, [&](Observed observed) {
        accumulator.track(getObservedName(observed.result), observed.how,
                          observed.other < 0 ? std::string()
                                             : getObservedName(observed.other),
                          observed.parts);
      });
}

std::vector<Statistic>
quench::getSiteStatistics(ArrayAttr sites, const Accumulator &accumulator) {
  Statistics statistics(accumulator);
  for (auto site : sites.getAsRange<DictionaryAttr>())
    isValue(site) ? statistics.addValue(site) : statistics.addClass(site);
  return std::move(statistics.list);
}

StringRef quench::findObservedSite(ArrayAttr sites, StringRef name) {
  StringRef found;
  for (auto site : sites.getAsRange<DictionaryAttr>())
    for (DictionaryAttr value : getValues(site))
      forEachObserved(value, [&](Observed observed) {
        if (found.empty() && getObservedName(observed.result) == name)
          found = site.getAs<StringAttr>("site").getValue();
      });
  return found;
}

void quench::addBases(ArrayAttr sites,
                      std::map<std::string, std::string> &metadata) {
  for (auto site : sites.getAsRange<DictionaryAttr>()) {
    StringRef name = site.getAs<StringAttr>("site").getValue();
    bool isBasis = site.getAs<StringAttr>("kind").getValue() == "basis";
    metadata[isValue(site) ? getQuantBasisKey(name)
                           : getBasisKey(isBasis, name)] =
        site.getAs<StringAttr>("basis").str();
  }
}
