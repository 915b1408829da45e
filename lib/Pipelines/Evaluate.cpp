//===- Evaluate.cpp - How good a model is on data -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Evaluate.h"

#include "ExampleData.h"
#include "ModelSession.h"
#include "OutputMetrics.h"

#include "Quench/Support/Error.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace quench;
namespace json = llvm::json;

double quench::getDecibels(double signal, double noise) {
  return noise == 0 ? std::numeric_limits<double>::infinity()
                    : 10 * std::log10(signal / noise);
}

json::Value quench::getJSONNumber(double value) {
  return std::isfinite(value) ? json::Value(value) : json::Value(nullptr);
}

json::Object Evaluation::toJSON() const {
  json::Object values, counts;
  for (const Metric &metric : metrics) {
    values[metric.name] = getJSONNumber(metric.value);
    counts[metric.name] = metric.count;
  }
  return json::Object{{"entry", entry},
                      {"examples", examples},
                      {"metrics", std::move(values)},
                      {"counts", std::move(counts)}};
}

FailureOr<Evaluation> quench::evaluateModel(const LocatedModel &model,
                                            const LocatedModel &reference,
                                            const CPUTarget &target,
                                            const EvaluationOptions &options) {
  ModuleOp module = model.module;
  auto fail = [context =
                   module.getContext()](llvm::Error error) -> LogicalResult {
    return emitError(UnknownLoc::get(context))
           << llvm::toString(std::move(error));
  };
  func::FuncOp function = findEntry(module, options.entry);
  if (!function)
    return fail(makeError("found no entry point '", options.entry, "'"));
  llvm::Expected<std::unique_ptr<ExampleData>> data =
      ExampleData::open(function, options);
  if (!data)
    return fail(data.takeError());
  int64_t available = (*data)->size(), batch = (*data)->getBatch();
  if (options.limit)
    available = std::min(available, options.limit);

  auto labels = ExampleData::openLabels(options.labels, options.data, **data);
  if (!labels)
    return fail(labels.takeError());

  bool optimize = options.optimize &&
                  isWorthOptimizing(function, available * options.length);
  OutputMetrics metrics(function, (*data)->areBytes());
  Evaluation result;
  result.entry = function.getName().str();
  std::unique_ptr<ModelSession> other;
  if (reference.module) {
    func::FuncOp entry = findEntry(reference.module, result.entry);
    if (!entry)
      return fail(
          makeError("the reference has no entry point '", result.entry, "'"));
    auto created =
        ModelSession::create(entry, reference.directory, target,
                             reference.params, options.threads, optimize);
    if (failed(created))
      return failure();
    other = std::move(*created);
  }
  auto session = ModelSession::create(function, model.directory, target,
                                      model.params, options.threads, optimize);
  if (failed(session))
    return failure();
  if (llvm::Error error = (*data)->prepare((*session)->get()))
    return fail(std::move(error));

  while (result.examples < available) {
    int64_t count = std::min(batch, available - result.examples);
    auto inputs = (*data)->get(result.examples, count);
    if (!inputs)
      return fail(inputs.takeError());
    ArrayRef<qrt_tensor> expected, given;
    if (*labels) {
      auto read = (*labels)->get(result.examples, count);
      if (!read)
        return fail(read.takeError());
      given = *read;
    }
    if (other) {
      auto outputs = other->run(*inputs);
      if (!outputs)
        return fail(outputs.takeError());
      expected = *outputs;
    }
    auto outputs = (*session)->run(*inputs);
    if (!outputs)
      return fail(outputs.takeError());
    if (llvm::Error error =
            metrics.add(*inputs, given.empty() ? nullptr : &given.front(),
                        *outputs, expected))
      return fail(makeError(
          llvm::toString(std::move(error)), ", ",
          describeExamples(result.examples, result.examples + count)));
    result.examples += count;
    if (options.onProgress)
      options.onProgress(result.examples, available);
  }
  result.metrics = metrics.get();
  if (result.metrics.empty())
    return fail(makeError("found nothing to measure: no labels, no token that "
                          "follows, and no reference"));
  return result;
}
