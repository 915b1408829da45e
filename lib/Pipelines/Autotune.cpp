//===- Autotune.cpp - Schedules by measurement ----------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernel selection writes kernels with all their candidates. Each becomes a
// model of its own, whose entry point calls it alone, and which runs as every
// model does. The candidates of a kernel take turns, so that what else the
// machine does meets all of them, and the shortest time of each one counts:
// others only make it longer.
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Autotune.h"
#include "ExampleData.h"
#include "ModelSession.h"
#include "Quench/Codegen/CPU/Compile.h"
#include "Quench/Codegen/CPU/Pipeline.h"
#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/IR/QuenchKernelOps.h"
#include "Quench/Support/DType.h"
#include "Quench/Support/Error.h"
#include "RandomTensors.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>
#include <cmath>

using namespace mlir;
using namespace quench;

/// Numbers of rows that kernels are measured with: a short text, a part of a
/// batch as the runtime cuts it, and a long one.
static constexpr int64_t rowCounts[] = {32, 128, 512};

/// Turns that each candidate has, and how long one takes at least.
static constexpr int rounds = 7;
static constexpr double roundSeconds = 1e-3;

/// What another schedule must win over the one of the cost model: less is
/// noise.
static constexpr double leastGain = 1.02;

/// The name of the dimension that kernels leave open.
static constexpr llvm::StringLiteral rowsName = "rows";

namespace {
/// A kernel with one schedule, ready to run.
struct Candidate {
  KernelSchedule schedule;
  std::unique_ptr<ModelSession> session;
  double cost = 0; ///< Sum of the logarithms of times.
};

/// Operands of a kernel with random numbers.
class Operands {
public:
  Operands(ArrayRef<RankedTensorType> types, int64_t rows);

  ArrayRef<qrt_tensor> get() const { return tensors; }

private:
  std::vector<std::string> names;
  std::vector<SmallVector<int64_t>> shapes;
  std::vector<std::vector<char>> bytes;
  std::vector<qrt_tensor> tensors;
};
} // namespace

static std::string getOperandName(size_t index) {
  return "x" + std::to_string(index);
}

Operands::Operands(ArrayRef<RankedTensorType> types, int64_t rows) {
  RandomStream random(/*seed=*/1, "operands");
  for (auto [i, type] : llvm::enumerate(types)) {
    names.push_back(getOperandName(i));
    SmallVector<int64_t> &shape = shapes.emplace_back(type.getShape());
    llvm::replace(shape, ShapedType::kDynamic, rows);
    Type element = type.getElementType();
    const int64_t half = int64_t(1) << (element.getIntOrFloatBitWidth() - 1);
    std::vector<double> values(ShapedType::getNumElements(shape));
    for (double &value : values)
      value = isa<FloatType>(element)
                  ? random.uniform(0.5, 1.5)
                  : static_cast<double>(random.integer(-half, half));
    bytes.push_back(encodeTensor(values, element));
  }
  for (auto [i, type] : llvm::enumerate(types))
    tensors.push_back({names[i].c_str(),
                       *getRuntimeType(*getDType(type.getElementType())),
                       static_cast<int32_t>(shapes[i].size()), shapes[i].data(),
                       bytes[i].data()});
}

/// The types of tensors whose buffers `kernel` takes, the output last.
static SmallVector<RankedTensorType> getTensorTypes(func::FuncOp kernel) {
  return llvm::map_to_vector(kernel.getArgumentTypes(), [](Type type) {
    auto buffer = cast<MemRefType>(type);
    return RankedTensorType::get(buffer.getShape(), buffer.getElementType());
  });
}

/// A model whose entry point calls `kernel` on its inputs.
static OwningOpRef<ModuleOp> createModel(func::FuncOp kernel) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc(), "kernel");
  auto b = ImplicitLocOpBuilder::atBlockEnd(kernel.getLoc(), module->getBody());
  (*module)->setAttr(attrs::symbols, b.getDictionaryAttr(b.getNamedAttr(
                                         rowsName, b.getI64ArrayAttr({1}))));
  b.insert(kernel.clone());

  SmallVector<RankedTensorType> types = getTensorTypes(kernel);
  SmallVector<Type> inputs(ArrayRef(types).drop_back());
  RankedTensorType output = types.back();
  auto entry = func::FuncOp::create(
      b, "run", b.getFunctionType(inputs, TypeRange(output)));
  entry->setAttr(attrs::entry, b.getUnitAttr());
  Attribute dims = b.getStrArrayAttr({rowsName});
  for (auto [i, type] : llvm::enumerate(ArrayRef(types).drop_back())) {
    entry.setArgAttr(i, attrs::name, b.getStringAttr(getOperandName(i)));
    if (!type.hasStaticShape())
      entry.setArgAttr(i, attrs::dims, dims);
  }
  entry.setResultAttr(0, attrs::name, b.getStringAttr("y"));
  entry.setResultAttr(0, attrs::dims, dims);

  b.setInsertionPointToStart(entry.addEntryBlock());
  SmallVector<OpFoldResult> shape =
      tensor::getMixedSizes(b, b.getLoc(), entry.getArgument(0));
  shape.back() = b.getIndexAttr(output.getShape().back());
  Value empty = tensor::EmptyOp::create(b, shape, output.getElementType());
  auto call =
      CallKernelOp::create(b, TypeRange(output), kernel.getSymName(),
                           ValueRange(entry.getArguments()), ValueRange(empty));
  func::ReturnOp::create(b, call.getResults());
  return module;
}

/// Runs `session` `count` times and returns the seconds of one run.
static llvm::Expected<double>
timeRuns(ModelSession &session, ArrayRef<qrt_tensor> operands, int64_t count) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  for (int64_t i = 0; i < count; ++i)
    if (auto outputs = session.run(operands); !outputs)
      return outputs.takeError();
  return std::chrono::duration<double>(Clock::now() - begin).count() / count;
}

/// Measures `candidates`, which take operands of `types`.
static llvm::Error measure(MutableArrayRef<Candidate> candidates,
                           ArrayRef<RankedTensorType> types) {
  for (int64_t rows : rowCounts) {
    Operands operands(types, rows);
    // The first run is for the caches, the second says how many make a turn.
    double seconds = 0;
    for (Candidate &candidate : candidates)
      for (int run = 0; run < 2; ++run) {
        auto measured =
            timeRuns(*candidate.session, operands.get(), /*count=*/1);
        if (!measured)
          return measured.takeError();
        seconds = *measured;
      }
    auto count = static_cast<int64_t>(std::ceil(roundSeconds / seconds));
    SmallVector<double> shortest(candidates.size(),
                                 std::numeric_limits<double>::infinity());
    for (int round = 0; round < rounds; ++round)
      for (auto [candidate, time] : llvm::zip_equal(candidates, shortest)) {
        auto measured = timeRuns(*candidate.session, operands.get(), count);
        if (!measured)
          return measured.takeError();
        time = std::min(time, *measured);
      }
    for (auto [candidate, time] : llvm::zip_equal(candidates, shortest))
      candidate.cost += std::log(time);
  }
  return llvm::Error::success();
}

/// Measures `kernels`, one kernel called `name` with its candidates, first that
/// of the cost model, and returns the best schedule.
static FailureOr<KernelSchedule> tune(StringRef name,
                                      ArrayRef<func::FuncOp> kernels,
                                      const CPUTarget &target, int threads) {
  std::vector<Candidate> candidates;
  for (func::FuncOp kernel : kernels) {
    OwningOpRef<ModuleOp> model = createModel(kernel);
    auto session = ModelSession::create(findEntry(*model, ""), /*directory=*/"",
                                        target, /*params=*/{}, threads,
                                        /*optimize=*/true);
    if (failed(session))
      return failure();
    candidates.push_back(
        {KernelSchedule::fromAttr(
             kernel->getAttrOfType<DictionaryAttr>(KernelSchedule::attribute)),
         std::move(*session)});
  }
  func::FuncOp first = kernels.front();
  SmallVector<RankedTensorType> types = getTensorTypes(first);
  types.pop_back();
  if (llvm::Error error = measure(candidates, types))
    return first.emitError(llvm::toString(std::move(error)));
  const Candidate &best = *llvm::min_element(
      candidates,
      [](const Candidate &a, const Candidate &b) { return a.cost < b.cost; });
  double gain =
      std::exp((candidates.front().cost - best.cost) / std::size(rowCounts));
  const Candidate &chosen = gain < leastGain ? candidates.front() : best;
  std::string text;
  llvm::raw_string_ostream os(text);
  os << name << ": " << chosen.schedule;
  if (chosen.schedule == candidates.front().schedule)
    os << ", as the cost model says";
  else
    os << llvm::formatv(", {0:f2} times as fast as with ", gain)
       << candidates.front().schedule;
  remark::analysis(
      first.getLoc(),
      remark::RemarkOpts::name("schedule").category("quench-autotune"))
      << text;
  return chosen.schedule;
}

LogicalResult quench::tuneKernels(ModuleOp module, const CPUTarget &target,
                                  const TuneOptions &options,
                                  ScheduleFile &file) {
  llvm::Expected<CPUTarget> host = CPUTarget::parse("native");
  if (!host)
    return module.emitError() << llvm::toString(host.takeError());
  if (target.cpu != host->cpu || target.features != host->features)
    return module.emitError()
           << "kernels are measured on this machine: found code for '"
           << target.name << "', expected 'native'";

  OwningOpRef<ModuleOp> code = module.clone();
  PassManager passes(module.getContext());
  CPUKernelOptions kernelOptions = getKernelOptions(target, CompileOptions());
  kernelOptions.candidates = true;
  buildCPUSelectionPipeline(passes, kernelOptions);
  if (failed(passes.run(*code)))
    return failure();

  // Kernels by the names that models call them.
  llvm::MapVector<StringRef, SmallVector<func::FuncOp>> kernels;
  StringRef level = target.getLevel();
  for (auto function : code->getOps<func::FuncOp>()) {
    auto [name, candidate] = function.getName().split("_candidate");
    if (function->hasAttr(KernelSchedule::attribute) && !candidate.empty() &&
        !file.find(name, level))
      kernels[name].push_back(function);
  }
  const int64_t all = kernels.size();
  int64_t done = 0;
  auto reportProgress = [&] {
    if (options.onProgress)
      options.onProgress(done++, all);
  };
  for (auto &[name, functions] : kernels) {
    reportProgress();
    FailureOr<KernelSchedule> best =
        tune(name, functions, target, options.threads);
    if (failed(best))
      return failure();
    file.add({name.str(), level.str(), *best});
  }
  reportProgress();
  return success();
}
