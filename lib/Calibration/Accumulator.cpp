//===- Accumulator.cpp - What is observed, over many runs -----------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Calibration/Accumulator.h"

#include "Quench/Support/Archive.h"
#include "Quench/Support/Distribution.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/Random.h"
#include "Quench/Support/SafeTensorsWriter.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <cassert>
#include <cmath>
#include <cstring>

using namespace llvm;
using namespace quench;

void Accumulator::track(StringRef name, Combine how, StringRef other,
                        int64_t parts) {
  assert((how == Combine::Histogram || how == Combine::Sample) ==
             !other.empty() &&
         "histograms and samples have another result, and nothing else");
  totals[{name.str(), how}] = {how, other.str(), parts, {}};
}

Error Accumulator::add(const RunNumbers &run) {
  for (auto &[key, total] : totals)
    if (Error error = add(key.first, total, run))
      return error;
  return Error::success();
}

Error Accumulator::add(StringRef name, Total &total, const RunNumbers &run) {
  auto it = run.find(name);
  if (it == run.end())
    return makeError("a run gave no '", name, "'");
  ArrayRef<double> numbers = it->getValue();
  if (!llvm::all_of(numbers, [](double x) { return std::isfinite(x); })) {
    culprit = name.str();
    return makeError("found a number in '", name, "' that is not finite");
  }
  auto getOther = [&] { return run.find(total.other)->getValue().front(); };
  if (total.how == Combine::Sample) {
    addSample(total, numbers, getOther());
    return Error::success();
  }
  if (total.numbers.empty()) {
    total.numbers.assign(numbers.begin(), numbers.end());
    if (total.how == Combine::Histogram)
      total.limit = std::exp2(getOther());
    return Error::success();
  }
  if (total.numbers.size() != numbers.size())
    return makeError("expected ", total.numbers.size(), " numbers in '", name,
                     "', found ", numbers.size());
  std::vector<double> widened;
  if (total.how == Combine::Histogram) {
    double limit = std::exp2(getOther());
    double greater = std::max(limit, total.limit);
    histogram::widen(total.numbers, total.limit, greater);
    total.limit = greater;
    widened.assign(numbers.begin(), numbers.end());
    histogram::widen(widened, limit, greater);
    numbers = widened;
  }
  for (auto [sum, number] : llvm::zip_equal(total.numbers, numbers))
    switch (total.how) {
    case Combine::Min:
      sum = std::min(sum, number);
      break;
    case Combine::Max:
      sum = std::max(sum, number);
      break;
    case Combine::Sum:
    case Combine::Histogram:
      sum += number;
      break;
    case Combine::Moving:
      sum += (number - sum) / 100;
      break;
    case Combine::Sample:
      llvm_unreachable("samples are not combined number by number");
    }
  return Error::success();
}

void Accumulator::addSample(Total &total, ArrayRef<double> numbers,
                            int64_t available) {
  if (total.numbers.empty())
    total.numbers = {0};
  int64_t parts = total.parts, size = numbers.size() / parts;
  // Those of the least numbers, which are drawn by the count of parts alone,
  // are as good a choice as any, whatever the runs.
  constexpr uint64_t seed = 0x5a3b1e;
  for (int64_t part = 0; part < parts && available > 0; ++part) {
    // Where there are few, several of a run are the same.
    if (part > 0 && part * available / parts == (part - 1) * available / parts)
      continue;
    auto drawn = static_cast<double>(
        splitMix64(seed, static_cast<uint64_t>(total.numbers[0]++)) >> 11);
    int64_t kept = (total.numbers.size() - 1) / (size + 1), place = kept;
    while (place > 0 && total.numbers[1 + (place - 1) * (size + 1)] > drawn)
      --place;
    if (place == parts)
      continue;
    std::vector<double> entry = {drawn};
    llvm::append_range(entry, numbers.slice(part * size, size));
    total.numbers.insert(total.numbers.begin() + 1 + place * (size + 1),
                         entry.begin(), entry.end());
    total.numbers.resize(1 + std::min(kept + 1, parts) * (size + 1));
  }
}

ArrayRef<double> Accumulator::get(StringRef name, Combine how) const {
  auto it = totals.find({name.str(), how});
  if (it == totals.end())
    return {};
  return it->second.numbers;
}

std::vector<double> Accumulator::getSample(StringRef name, int64_t size) const {
  ArrayRef<double> numbers = get(name, Combine::Sample);
  std::vector<double> parts;
  for (size_t begin = 1; begin < numbers.size(); begin += size + 1)
    llvm::append_range(parts, numbers.slice(begin + 1, size));
  return parts;
}

double Accumulator::getLimit(StringRef name) const {
  return totals.find({name.str(), Combine::Histogram})->second.limit;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// The name of a total in a file.
static std::string getFileName(StringRef name, Combine how) {
  return (name + "/" + Twine(static_cast<int>(how))).str();
}

Error Accumulator::save(StringRef path, StringRef key, int64_t runs) const {
  std::map<std::string, std::string> metadata = {
      {"format", "quench-calibration-state"},
      {"key", key.str()},
      {"runs", std::to_string(runs)}};
  std::vector<SafeTensorsWriter::Entry> entries;
  for (const auto &[name, total] : totals) {
    std::string file = getFileName(name.first, total.how);
    entries.push_back(
        {file, DType::F64, {static_cast<int64_t>(total.numbers.size())}});
    if (total.how == Combine::Histogram)
      metadata["limit." + file] = std::to_string(std::ilogb(total.limit));
  }
  auto writer =
      SafeTensorsWriter::create(path, entries, metadata, /*force=*/true);
  if (!writer)
    return writer.takeError();
  for (const auto &[name, total] : totals)
    if (Error error = (*writer)->append(
            {reinterpret_cast<const char *>(total.numbers.data()),
             total.numbers.size() * sizeof(double)}))
      return error;
  return (*writer)->finish();
}

int64_t Accumulator::load(StringRef path, StringRef key) {
  auto archive = Archive::open(path);
  if (!archive) {
    consumeError(archive.takeError());
    return 0;
  }
  const StringMap<std::string> &metadata = (*archive)->metadata();
  int64_t runs = 0;
  if (metadata.lookup("format") != "quench-calibration-state" ||
      metadata.lookup("key") != key ||
      !to_integer(metadata.lookup("runs"), runs) || runs < 0)
    return 0;
  auto loaded = totals;
  for (auto &[name, total] : loaded) {
    std::string file = getFileName(name.first, total.how);
    const Archive::Tensor *tensor = (*archive)->find(file);
    int exponent = 0;
    if (!tensor || tensor->dtype != DType::F64 ||
        (total.how == Combine::Histogram &&
         !to_integer(metadata.lookup("limit." + file), exponent)))
      return 0;
    total.numbers.resize(tensor->bytes.size() / sizeof(double));
    std::memcpy(total.numbers.data(), tensor->bytes.data(),
                tensor->bytes.size());
    total.limit = std::ldexp(1, exponent);
  }
  totals = std::move(loaded);
  return runs;
}
