//===- BlockCalibration.cpp - Statistics block by block -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockCalibration.h"

#include "ModelSession.h"
#include "SplitModel.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Dialect/Quench/Transforms/FormatPlan.h"
#include "Quench/Dialect/Quench/Transforms/Passes.h"
#include "Quench/Dialect/Quench/Transforms/Statistics.h"
#include "Quench/Pipelines/Build.h"
#include "Quench/Pipelines/Model.h"
#include "Quench/Pipelines/Phases.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/SafeTensorsWriter.h"
#include "Quench/Transforms/Passes.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cstring>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// The site that the tensor `key` of statistics is of.
static StringRef getSite(StringRef key) { return key.rsplit('.').first; }

namespace {
/// In which step each site of a function is observed: that many sites lie one
/// behind another before it where `isSequential`, else all in the first.
class SiteSteps {
public:
  SiteSteps(func::FuncOp function, const std::set<std::string> &needed,
            bool isSequential);

  /// The number of steps.
  unsigned size() const { return numSteps; }
  /// The sites that are observed in `step`.
  std::vector<std::string> getSites(unsigned step) const;
  /// Takes the formats from ops that need statistics of `step` or later.
  void dropFormats(unsigned step);

private:
  unsigned getStep(Value value);

  func::FuncOp function;
  /// In which step an op, of the entry block, can be quantized.
  DenseMap<Operation *, unsigned> quantized;
  std::map<std::string, unsigned> observed;
  unsigned numSteps = 0;
};
} // namespace

unsigned SiteSteps::getStep(Value value) {
  Operation *op = value.getDefiningOp();
  return op ? quantized.lookup(
                  function.getBody().front().findAncestorOpInBlock(*op))
            : 0;
}

SiteSteps::SiteSteps(func::FuncOp function, const std::set<std::string> &needed,
                     bool isSequential)
    : function(function) {
  llvm::StringSet<> names;
  for (StringRef key : needed)
    names.insert(getSite(key));
  DenseMap<Operation *, SmallVector<std::string>> sitesOf;
  Block &body = function.getBody().front();
  for (const QuantSite &site :
       collectQuantSites(function->getParentOfType<ModuleOp>()))
    if (names.contains(site.name))
      for (Operation *op : site.ops)
        sitesOf[body.findAncestorOpInBlock(*op)].push_back(site.name);
  for (Operation &op : body) {
    unsigned step = 0;
    op.walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        step = std::max(step, getStep(operand));
    });
    // A site that several ops read is known for the first of them.
    for (const std::string &site : sitesOf.lookup(&op)) {
      unsigned &known = observed.try_emplace(site, step).first->second;
      known = std::min(known, step);
      numSteps = std::max(numSteps, known + 1);
    }
    quantized[&op] = step + (isSequential && sitesOf.contains(&op) ? 1 : 0);
  }
}

std::vector<std::string> SiteSteps::getSites(unsigned step) const {
  std::vector<std::string> sites;
  for (const auto &[site, known] : observed)
    if (known == step)
      sites.push_back(site);
  return sites;
}

void SiteSteps::dropFormats(unsigned step) {
  for (auto [op, known] : quantized)
    if (known > step)
      op->walk([](Operation *nested) { nested->removeAttr(formatsAttrName); });
}

//===----------------------------------------------------------------------===//
// What blocks give one another
//===----------------------------------------------------------------------===//

/// The file of the run that begins with example `begin`.
static std::string getRunPath(StringRef folder, int64_t begin) {
  SmallString<128> path(folder);
  llvm::sys::path::append(path, Twine(begin) + ".safetensors");
  return std::string(path);
}

/// The type that archives have for elements of `type`, or none.
static std::optional<DType> getArchiveType(qrt_dtype type) {
  for (DType dtype :
       {DType::BOOL, DType::U8, DType::I8, DType::I16, DType::I32, DType::I64,
        DType::F16, DType::BF16, DType::F32, DType::F64})
    if (getRuntimeType(dtype) == type)
      return dtype;
  return std::nullopt;
}

static bool isCrossing(StringRef name) {
  return name.starts_with(crossingPrefix);
}

/// Writes those of `tensors` that other blocks read to `path`.
static llvm::Error writeCrossing(ArrayRef<qrt_tensor> tensors, StringRef path) {
  std::vector<SafeTensorsWriter::Entry> entries;
  SmallVector<ArrayRef<char>> bytes;
  for (const qrt_tensor &tensor : tensors) {
    if (!isCrossing(tensor.name))
      continue;
    std::optional<DType> dtype = getArchiveType(tensor.dtype);
    if (!dtype)
      return makeError("what one block gives another is of a type that no "
                       "archive holds");
    entries.push_back(
        {tensor.name, *dtype,
         SmallVector<int64_t>(tensor.shape, tensor.shape + tensor.rank)});
    bytes.emplace_back(static_cast<const char *>(tensor.data),
                       SafeTensorsWriter::countBytes(entries.back()));
  }
  auto writer = SafeTensorsWriter::create(path, entries, {}, /*force=*/true);
  if (!writer)
    return writer.takeError();
  for (ArrayRef<char> part : bytes)
    if (llvm::Error error = (*writer)->append(part))
      return error;
  return (*writer)->finish();
}

namespace {
/// What a block takes: inputs of the model, and what other blocks gave.
class BlockExamples : public ExampleData {
public:
  /// `function` is the entry point of the block. `getFolder` tells where the
  /// runs are that gave a tensor.
  BlockExamples(func::FuncOp function, ExampleData &whole,
                llvm::function_ref<std::string(StringRef)> getFolder);

  llvm::Error prepare(qrt_session *session) override {
    return whole.prepare(session);
  }
  int64_t size() const override { return whole.size(); }
  int64_t getBatch() const override { return whole.getBatch(); }
  bool areBytes() const override { return whole.areBytes(); }
  llvm::Expected<ArrayRef<qrt_tensor>> get(int64_t begin,
                                           int64_t count) override;

private:
  ExampleData &whole;
  llvm::StringSet<> inputs;
  /// Names of tensors by folder.
  std::map<std::string, std::vector<std::string>> crossings;
  std::vector<std::unique_ptr<Archive>> archives;
  /// Aligned copies, since archives promise none.
  std::vector<std::vector<double>> buffers;
  std::vector<qrt_tensor> tensors;
};
} // namespace

/// The name of argument `index` of `function`; empty where it has none.
static StringRef getArgumentName(func::FuncOp function, unsigned index) {
  auto name = function.getArgAttrOfType<StringAttr>(index, attrs::name);
  return name ? name.getValue() : StringRef();
}

BlockExamples::BlockExamples(
    func::FuncOp function, ExampleData &whole,
    llvm::function_ref<std::string(StringRef)> getFolder)
    : whole(whole) {
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    StringRef name = getArgumentName(function, index);
    if (isCrossing(name))
      crossings[getFolder(name)].push_back(name.str());
    else
      inputs.insert(name);
  }
}

llvm::Expected<ArrayRef<qrt_tensor>> BlockExamples::get(int64_t begin,
                                                        int64_t count) {
  llvm::Expected<ArrayRef<qrt_tensor>> given = whole.get(begin, count);
  if (!given)
    return given.takeError();
  tensors.clear();
  archives.clear();
  buffers.clear();
  for (const qrt_tensor &tensor : *given)
    if (inputs.contains(tensor.name))
      tensors.push_back(tensor);
  for (const auto &[folder, names] : crossings) {
    std::string path = getRunPath(folder, begin);
    auto archive = Archive::open(path);
    if (!archive)
      return archive.takeError();
    for (const std::string &name : names) {
      const Archive::Tensor *tensor = (*archive)->find(name);
      std::optional<qrt_dtype> dtype =
          tensor ? getRuntimeType(tensor->dtype) : std::nullopt;
      if (!dtype)
        return makeError("'", path, "' has no tensor '", name, "'");
      size_t size = tensor->bytes.size();
      std::vector<double> &buffer =
          buffers.emplace_back(llvm::divideCeil(size, sizeof(double)));
      std::memcpy(buffer.data(), tensor->bytes.data(), size);
      tensors.push_back({name.c_str(), *dtype,
                         static_cast<int32_t>(tensor->shape.size()),
                         tensor->shape.data(), buffer.data()});
    }
    archives.push_back(std::move(*archive));
  }
  return ArrayRef<qrt_tensor>(tensors);
}

/// Drops the results of `function` that are no states and, unless
/// `keepsCrossings`, those that other blocks read.
static void dropResults(func::FuncOp function, bool keepsCrossings) {
  Operation *exit = function.getBody().front().getTerminator();
  for (int64_t index = function.getNumResults() - 1; index >= 0; --index) {
    auto name = function.getResultAttrOfType<StringAttr>(index, attrs::name);
    if (function.getResultAttr(index, attrs::state) ||
        (keepsCrossings && name && isCrossing(name.getValue())))
      continue;
    exit->eraseOperand(index);
    (void)function.eraseResult(index);
  }
}

//===----------------------------------------------------------------------===//
// BlockCalibration
//===----------------------------------------------------------------------===//

FailureOr<std::unique_ptr<BlockCalibration>>
BlockCalibration::prepare(ModuleOp module, StringRef directory,
                          const CPUTarget &target, CalibrationOptions options) {
  func::FuncOp entry = findEntry(module, options.entry);
  if (!entry || !entry.getBody().hasOneBlock())
    return module.emitError("found no entry point '")
           << options.entry << "' of one block to observe";
  for (auto other : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (other != entry && other->hasAttr(attrs::entry))
      other.erase();
  std::unique_ptr<BlockCalibration> result(new BlockCalibration());
  result->module = module;
  result->directory = directory.str();
  result->target = &target;
  auto data = openExamples(entry, options);
  if (failed(data))
    return failure();
  result->data = std::move(*data);
  auto metadata = describeSource(module, directory, options);
  if (failed(metadata))
    return failure();
  result->metadata = std::move(*metadata);
  llvm::Expected<std::string> key =
      getCalibrationKey(module, result->metadata, options);
  if (!key)
    return fail(module, key.takeError());
  result->key = std::move(*key);
  // Blocks are entry points of the same name.
  options.classes = false;
  // Statistics of blocks are what the module names.
  options.params.erase("stats");
  result->options = std::move(options);
  SplitModel split = splitAtBlocks(module);
  for (OwningOpRef<ModuleOp> &piece : split.pieces)
    if (failed(result->addBlock(std::move(piece))))
      return failure();
  return std::move(result);
}

LogicalResult BlockCalibration::addBlock(OwningOpRef<ModuleOp> piece) {
  Block block;
  block.module = std::move(piece);
  auto needed = findNeededStatistics(*block.module);
  if (failed(needed))
    return failure();
  block.needed = std::move(*needed);
  func::FuncOp function = findEntry(*block.module, options.entry);
  block.numSteps = SiteSteps(function, block.needed, isSequential()).size();
  for (unsigned index = 0; index < function.getNumResults(); ++index) {
    auto name = function.getResultAttrOfType<StringAttr>(index, attrs::name);
    if (name && isCrossing(name.getValue()))
      givers[name.getValue()] = blocks.size();
  }
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    StringRef name = getArgumentName(function, index);
    if (isCrossing(name))
      blocks[givers.at(name)].lastReader = blocks.size();
  }
  blocks.push_back(std::move(block));
  return success();
}

std::string BlockCalibration::getPath(const Twine &name) const {
  SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  return std::string(path);
}

std::string BlockCalibration::getStatisticsPath(unsigned block,
                                                unsigned step) const {
  return getPath(Twine(block) + "." + Twine(step) + ".safetensors");
}

std::string BlockCalibration::getCrossingFolder(unsigned block) const {
  return getPath(Twine(block) + ".runs");
}

LogicalResult BlockCalibration::openFolder(StringRef output) {
  folder = getPathBeside(output, ".blocks");
  std::string path = getPath("key");
  auto known = llvm::MemoryBuffer::getFile(path);
  if (known && (*known)->getBuffer() == key)
    return success();
  llvm::sys::fs::remove_directories(folder);
  if (std::error_code ec = llvm::sys::fs::create_directories(folder))
    return fail(module,
                makeError("cannot make folder '", folder, "': ", describe(ec)));
  auto file = OutputFile::create(path, /*force=*/true);
  if (!file)
    return fail(module, file.takeError());
  (*file)->os() << key;
  if (llvm::Error error = (*file)->commit())
    return fail(module, std::move(error));
  return success();
}

CalibrationOptions BlockCalibration::startPass() {
  CalibrationOptions next = options;
  next.force = true;
  if (options.onProgress)
    next.onProgress = [this, number = pass](int64_t seen, int64_t all) {
      options.onProgress(number * all + seen, numPasses * all);
    };
  ++pass;
  return next;
}

FailureOr<OwningOpRef<ModuleOp>> BlockCalibration::copyBlock(unsigned number,
                                                             unsigned step) {
  Block &block = blocks[number];
  OwningOpRef<ModuleOp> result(block.module->clone());
  auto dropFormats = [&] {
    result->walk([](Operation *op) { op->removeAttr(formatsAttrName); });
  };
  if (!isSequential()) {
    dropFormats();
    return result;
  }
  SiteSteps(findEntry(*result, options.entry), block.needed, isSequential())
      .dropFormats(step);
  if (step > 0) {
    std::string file = getStatisticsPath(number, step - 1);
    if (failed(bindArchive(*result, "stats", file,
                           rebasePath(file, ".", directory))))
      return failure();
  }
  // What stays in floats is said when the whole model is quantized.
  ScopedDiagnosticHandler handler(
      result->getContext(), [](Diagnostic &diagnostic) {
        return success(diagnostic.getSeverity() == DiagnosticSeverity::Warning);
      });
  PassManager pm(result->getContext(), ModuleOp::getOperationName());
  pm.addPass(createQuenchChooseFormats({directory}));
  if (llvm::Error error = parseModulePipeline(options.quantizePipeline, pm))
    return fail(module, std::move(error));
  pm.addPass(createQuenchMaterializeQuantizers());
  if (failed(pm.run(*result)))
    return failure();
  (*result)->removeAttr(boundAttrName);
  dropFormats();
  return result;
}

LogicalResult BlockCalibration::takeStatistics(unsigned number, unsigned step) {
  Block &block = blocks[number];
  CalibrationOptions passOptions = startPass();
  std::string path = getStatisticsPath(number, step);
  if (llvm::sys::fs::exists(path))
    return success();
  std::vector<std::string> sites =
      SiteSteps(findEntry(*block.module, options.entry), block.needed,
                isSequential())
          .getSites(step);
  auto needs = [&](StringRef what) {
    return llvm::any_of(sites, [&](const std::string &site) {
      return block.needed.count(site + "." + what.str());
    });
  };
  passOptions.products = needs("gram") || needs("cross");
  passOptions.weighting =
      needs("gram_rsq") ? TokenWeighting::Linear : TokenWeighting::None;
  passOptions.samples = needs("sample") ? usualSamples : 0;
  FailureOr<OwningOpRef<ModuleOp>> copy = copyBlock(number, step);
  if (failed(copy))
    return failure();
  ModuleOp observed = **copy;
  dropResults(findEntry(observed, options.entry), /*keepsCrossings=*/false);
  func::FuncOp function = observeEntry(observed, passOptions, sites);
  if (!function)
    return failure();
  auto description = function->getAttrOfType<ArrayAttr>(observedAttrName);
  function->removeAttr(observedAttrName);

  std::vector<std::unique_ptr<Archive>> earlier;
  std::map<std::string, std::string> text;
  if (step > 0) {
    auto archive = Archive::open(getStatisticsPath(number, step - 1));
    if (!archive)
      return fail(module, archive.takeError());
    for (const auto &entry : (*archive)->metadata())
      text[entry.getKey().str()] = entry.getValue();
    earlier.push_back(std::move(*archive));
  } else {
    text = metadata;
  }
  addBases(description, text);
  BlockExamples examples(function, *data, [&](StringRef name) {
    return getCrossingFolder(givers.at(name));
  });
  CalibrationRun run(description, examples, passOptions, path, key);
  if (!description.empty()) {
    auto model = compileInProcess(observed, directory, *target, options.params,
                                  isOptimized(function, *data, options));
    if (failed(model))
      return failure();
    if (llvm::Error error = run.run(**model)) {
      // What failed would fail again from there.
      run.removeState();
      return fail(module, std::move(error));
    }
  }
  if (llvm::Error error = writeStatistics(
          earlier, getSiteStatistics(description, run.getTotals()), text, path,
          /*force=*/true))
    return fail(module, std::move(error));
  run.removeState();
  return success();
}

LogicalResult BlockCalibration::runForOthers(unsigned number) {
  CalibrationOptions passOptions = startPass();
  std::string runs = getCrossingFolder(number);
  if (std::error_code ec = llvm::sys::fs::create_directories(runs))
    return fail(module,
                makeError("cannot make folder '", runs, "': ", describe(ec)));
  FailureOr<OwningOpRef<ModuleOp>> copy =
      copyBlock(number, blocks[number].numSteps);
  if (failed(copy))
    return failure();
  func::FuncOp function = findEntry(**copy, options.entry);
  dropResults(function, /*keepsCrossings=*/true);
  BlockExamples examples(function, *data, [&](StringRef name) {
    return getCrossingFolder(givers.at(name));
  });
  int64_t available = countExamples(*data, options);
  auto session = ModelSession::create(function, directory, *target,
                                      options.params, options.threads,
                                      isOptimized(function, *data, options));
  if (failed(session))
    return failure();
  if (llvm::Error error = examples.prepare((*session)->get()))
    return fail(module, std::move(error));
  // Runs take the same examples as those that observe.
  for (int64_t begin = 0, end; begin < available; begin = end) {
    int64_t step = std::min(
        begin / options.batch * options.batch + options.batch, available);
    end = std::min(begin + data->getBatch(), step);
    std::string path = getRunPath(runs, begin);
    if (!llvm::sys::fs::exists(path)) {
      auto inputs = examples.get(begin, end - begin);
      if (!inputs)
        return fail(module, inputs.takeError());
      auto outputs = (*session)->run(*inputs);
      if (!outputs)
        return fail(module, outputs.takeError());
      if (llvm::Error error = writeCrossing(*outputs, path))
        return fail(module, std::move(error));
    }
    if (passOptions.onProgress)
      passOptions.onProgress(end, available);
  }
  return success();
}

LogicalResult BlockCalibration::calibrate(unsigned number) {
  const Block &block = blocks[number];
  bool isLast = number + 1 == blocks.size();
  std::string done = getPath(Twine(number) + ".done");
  if (llvm::sys::fs::exists(done)) {
    pass += block.numSteps + !isLast;
    return success();
  }
  for (unsigned step = 0; step < block.numSteps; ++step)
    if (failed(takeStatistics(number, step)))
      return failure();
  if (!isLast && failed(runForOthers(number)))
    return failure();
  // What was given to this block alone goes after that is known.
  auto file = OutputFile::create(done, /*force=*/true);
  if (!file)
    return fail(module, file.takeError());
  if (llvm::Error error = (*file)->commit())
    return fail(module, std::move(error));
  for (unsigned giver = 0; giver < number; ++giver)
    if (blocks[giver].lastReader <= number)
      llvm::sys::fs::remove_directories(getCrossingFolder(giver));
  return success();
}

LogicalResult BlockCalibration::run(StringRef output) {
  // Nobody asks for what comes after the last statistics.
  while (blocks.size() > 1 && blocks.back().needed.empty())
    blocks.pop_back();
  for (const Block &block : blocks)
    numPasses += block.numSteps + 1;
  --numPasses;
  if (failed(openFolder(output)))
    return failure();
  for (unsigned number = 0; number < blocks.size(); ++number)
    if (failed(calibrate(number)))
      return failure();

  std::vector<std::unique_ptr<Archive>> archives;
  std::map<std::string, std::string> text = metadata;
  for (auto [number, block] : llvm::enumerate(blocks)) {
    if (block.numSteps == 0)
      continue;
    auto archive = Archive::open(getStatisticsPath(number, block.numSteps - 1));
    if (!archive)
      return fail(module, archive.takeError());
    for (const auto &entry : (*archive)->metadata())
      text[entry.getKey().str()] = entry.getValue();
    archives.push_back(std::move(*archive));
  }
  if (llvm::Error error =
          writeStatistics(archives, {}, text, output, options.force))
    return fail(module, std::move(error));
  llvm::sys::fs::remove_directories(folder);
  return success();
}
