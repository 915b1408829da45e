//===- MeasureRelevance.cpp - How much predictions owe to layers ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/MeasureRelevance.h"

#include "DimSymbols.h"
#include "ExampleData.h"
#include "HostNumbers.h"
#include "ModelSession.h"
#include "OutputMetrics.h"

#include "Quench/Analysis/Relevance.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Support/Error.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace quench;

static constexpr llvm::StringLiteral logitsName = "logits";

/// What `function` gives as logits. Fails where there is no such result.
static FailureOr<Value> findLogits(func::FuncOp function) {
  for (unsigned index = 0; index < function.getNumResults(); ++index) {
    auto name = function.getResultAttrOfType<StringAttr>(index, attrs::name);
    if (name && name.getValue() == logitsName)
      return function.getBody().front().getTerminator()->getOperand(index);
  }
  return function.emitOpError("has no result '")
         << logitsName << "', at which relevance begins";
}

/// Lets what reads a cache read what was written last: examples are whole, and
/// there is nothing else in it.
static void bypassCaches(func::FuncOp function) {
  function.walk([](KVCacheOp op) {
    if (op.getView().getType() == op.getInput().getType())
      op.getView().replaceAllUsesWith(op.getInput());
  });
}

namespace {
/// The values of a model on examples.
class Recorder {
public:
  /// Compiles a copy of the module around `function` that gives `values`, of
  /// which parameters are evaluated instead.
  static FailureOr<Recorder>
  create(func::FuncOp function, ArrayRef<Value> values,
         const LocatedModel &model, const CPUTarget &target,
         const EvaluationOptions &options, int64_t examples);

  qrt_session *getSession() const { return session->get(); }

  /// Runs one example.
  llvm::Error run(ArrayRef<qrt_tensor> inputs);

  /// The numbers of the last run. Fails with a diagnostic.
  FailureOr<HostTensor> read(Value value) const;
  HostTensor readLogits() const;

private:
  Recorder(ArchiveSet archives) : archives(std::move(archives)) {}

  std::unique_ptr<ModelSession> session;
  ArchiveSet archives;
  DenseMap<Value, std::string> names;
  ArrayRef<qrt_tensor> outputs;
};
} // namespace

FailureOr<Recorder>
Recorder::create(func::FuncOp function, ArrayRef<Value> values,
                 const LocatedModel &model, const CPUTarget &target,
                 const EvaluationOptions &options, int64_t examples) {
  auto module = function->getParentOfType<ModuleOp>();
  FailureOr<ArchiveSet> archives =
      ArchiveSet::open(module, model.params, model.directory);
  if (failed(archives))
    return failure();
  Recorder result(std::move(*archives));
  IRMapping mapping;
  OwningOpRef<ModuleOp> copy(
      cast<ModuleOp>(module->clone(mapping, Operation::CloneOptions::all())));
  auto entry = copy->lookupSymbol<func::FuncOp>(function.getName());
  Operation *exit = entry.getBody().front().getTerminator();
  OpBuilder builder(exit);
  DenseMap<Value, ArrayAttr> symbols;
  // In the order of the program, so that sizes of earlier values are known.
  for (Value value : llvm::reverse(values)) {
    if (isWeightProgram(value))
      continue;
    Value inCopy = mapping.lookup(value);
    FailureOr<ArrayAttr> dims =
        findSymbols(inCopy, [&](Value known) { return symbols.lookup(known); });
    if (failed(dims))
      return emitError(value.getLoc())
             << "has a size that is none of an input, so that relevance cannot "
                "be passed on";
    symbols[inCopy] = *dims;
    unsigned index = entry.getNumResults();
    std::string &name = result.names[value];
    name = ("quench.value." + Twine(index)).str();
    (void)entry.insertResult(
        index, inCopy.getType(),
        builder.getDictionaryAttr(
            {builder.getNamedAttr(attrs::name, builder.getStringAttr(name)),
             builder.getNamedAttr(attrs::dims, *dims)}));
    exit->insertOperands(index, inCopy);
  }
  auto session = ModelSession::create(
      entry, model.directory, target, model.params, options.threads,
      options.optimize && isWorthOptimizing(entry, examples * options.length));
  if (failed(session))
    return failure();
  result.session = std::move(*session);
  return result;
}

llvm::Error Recorder::run(ArrayRef<qrt_tensor> inputs) {
  auto run = session->run(inputs);
  if (!run)
    return run.takeError();
  outputs = *run;
  return llvm::Error::success();
}

static HostTensor getHostTensor(const qrt_tensor &tensor) {
  return {SmallVector<int64_t>(tensor.shape, tensor.shape + tensor.rank),
          getNumbers(tensor)};
}

FailureOr<HostTensor> Recorder::read(Value value) const {
  auto it = names.find(value);
  if (it != names.end())
    return getHostTensor(*findTensor(outputs, it->second));
  auto numbers = evaluateFloats(value, archives);
  if (failed(numbers))
    return failure();
  return HostTensor{
      llvm::to_vector(cast<RankedTensorType>(value.getType()).getShape()),
      std::move(*numbers)};
}

HostTensor Recorder::readLogits() const {
  return getHostTensor(*findTensor(outputs, logitsName));
}

/// What relevance `logits` have: 1 for the largest of the last row, or of the
/// last that `mask` counts if that has one number for each row.
static HostTensor predict(HostTensor logits, const qrt_tensor *mask) {
  int64_t size = logits.shape.back();
  int64_t row = logits.numbers.size() / size - 1;
  std::optional<std::vector<int64_t>> counts =
      mask ? getIntegers(*mask) : std::nullopt;
  if (counts && static_cast<int64_t>(counts->size()) == row + 1)
    while (row > 0 && (*counts)[row] == 0)
      --row;
  auto begin = logits.numbers.begin() + row * size;
  auto largest = std::max_element(begin, begin + size);
  int64_t place = largest - logits.numbers.begin();
  llvm::fill(logits.numbers, 0.0);
  logits.numbers[place] = 1;
  return logits;
}

FailureOr<llvm::StringMap<double>>
quench::measureRelevance(const LocatedModel &model, const CPUTarget &target,
                         const EvaluationOptions &options) {
  auto fail = [context = model.module->getContext()](
                  llvm::Error error) -> LogicalResult {
    return emitError(UnknownLoc::get(context))
           << llvm::toString(std::move(error));
  };
  OwningOpRef<ModuleOp> module(ModuleOp(model.module).clone());
  func::FuncOp function = findEntry(*module, options.entry);
  if (!function || !function.getBody().hasOneBlock())
    return module->emitError("found no entry point '")
           << options.entry << "' of one block for relevance";
  auto data = ExampleData::open(function, options);
  if (!data)
    return fail(data.takeError());
  bypassCaches(function);
  FailureOr<Value> logits = findLogits(function);
  if (failed(logits))
    return failure();
  auto analysis = RelevanceAnalysis::create(*logits);
  if (failed(analysis))
    return failure();

  int64_t examples = (*data)->size();
  if (options.limit)
    examples = std::min(examples, options.limit);
  auto recorder = Recorder::create(function, analysis->getOperands(), model,
                                   target, options, examples);
  if (failed(recorder))
    return failure();
  if (llvm::Error error = (*data)->prepare(recorder->getSession()))
    return fail(std::move(error));
  std::vector<double> shares(analysis->getBranches().size());
  for (int64_t example = 0; example < examples; ++example) {
    auto inputs = (*data)->get(example, 1);
    if (!inputs)
      return fail(inputs.takeError());
    if (llvm::Error error = recorder->run(*inputs))
      return fail(makeError(llvm::toString(std::move(error)), ", ",
                            describeExamples(example, example + 1)));
    HostTensor relevance =
        predict(recorder->readLogits(), findTensor(*inputs, "attention_mask"));
    if (failed(analysis->addShares(
            std::move(relevance),
            [&](Value value) { return recorder->read(value); }, shares)))
      return failure();
    if (options.onProgress)
      options.onProgress(example + 1, examples);
  }
  for (double &share : shares)
    share /= examples;
  return analysis->getRelevance(shares);
}
