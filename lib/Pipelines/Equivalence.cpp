//===- Equivalence.cpp - Whether two models compute the same --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Equivalence.h"

#include "Promote.h"
#include "Quench/Codegen/CPU/Pipeline.h"
#include "Quench/Dialect/Quench/IR/Quench.h"
#include "Quench/Pipelines/Build.h"
#include "Quench/Support/SafeTensorsWriter.h"
#include "RandomTensors.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <map>

using namespace mlir;
using namespace quench;

// The symbols that the runtime gives a meaning.
static constexpr llvm::StringLiteral sequenceSymbol = "sequence";
static constexpr llvm::StringLiteral contextSymbol = "context";

double EquivalenceReport::getLargestError() const {
  double error = 0;
  for (const OutputComparison &output : outputs)
    // Not a number is the largest.
    error =
        std::isnan(output.error) ? output.error : std::max(error, output.error);
  return error;
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// The path of the archive that the user or the IR binds to `scope`; empty:
/// none.
static std::string findArchive(ModuleOp module, llvm::StringRef scope,
                               llvm::StringRef directory,
                               const EquivalenceOptions &options) {
  if (auto it = options.params.find(scope); it != options.params.end())
    return it->getValue();
  auto declared = module->getAttrOfType<DictionaryAttr>(attrs::archives);
  auto file = declared ? declared.getAs<StringAttr>(scope) : StringAttr();
  if (!file)
    return {};
  SmallString<128> path(file.getValue());
  if (llvm::sys::path::is_relative(path)) {
    path = directory;
    llvm::sys::path::append(path, file.getValue());
  }
  return llvm::sys::fs::exists(path) ? std::string(path) : std::string();
}

/// Writes random values of `params`, the parameters of one scope, to `path`.
static llvm::Error writeRandomArchive(llvm::StringRef path,
                                      llvm::ArrayRef<ParamOp> params,
                                      uint64_t seed) {
  std::vector<SafeTensorsWriter::Entry> entries;
  for (ParamOp param : params) {
    auto type = cast<RankedTensorType>(param.getType());
    std::optional<DType> dtype = getDType(type.getElementType());
    if (!dtype || !type.hasStaticShape())
      return llvm::createStringError("parameter '" + param.getRef().getKey() +
                                     "' is of a type that no archive holds");
    entries.push_back({param.getRef().getKey().str(), *dtype,
                       llvm::to_vector(type.getShape())});
  }
  auto writer = SafeTensorsWriter::create(path, entries, {}, /*force=*/true);
  if (!writer)
    return writer.takeError();
  for (ParamOp param : params) {
    auto type = cast<RankedTensorType>(param.getType());
    RefAttr ref = param.getRef();
    std::vector<char> bytes = encodeTensor(
        makeRandomParameter(seed, ref.getScope(), ref.getKey(), type),
        type.getElementType());
    if (llvm::Error error = (*writer)->append(bytes))
      return error;
  }
  return (*writer)->finish();
}

/// Binds every scope of `module` to an archive; those of random numbers are
/// written into `folder`.
static llvm::Expected<llvm::StringMap<std::string>>
bindParameters(ModuleOp module, llvm::StringRef directory,
               llvm::StringRef folder, const EquivalenceOptions &options) {
  llvm::MapVector<RefAttr, ParamOp> params;
  module.walk([&](ParamOp param) { params.insert({param.getRef(), param}); });
  llvm::MapVector<llvm::StringRef, SmallVector<ParamOp>> scopes;
  for (auto &[ref, param] : params)
    scopes[ref.getScope()].push_back(param);

  llvm::StringMap<std::string> bound;
  for (auto &[scope, members] : scopes) {
    bool usesArchive = options.weights == EquivalenceWeights::Archive ||
                       scope == "stats" || scope == "learned";
    std::string archive =
        usesArchive ? findArchive(module, scope, directory, options) : "";
    if (!archive.empty()) {
      bound[scope] = std::move(archive);
      continue;
    }
    SmallString<128> path(folder);
    llvm::sys::path::append(path, llvm::Twine(bound.size()) + ".safetensors");
    if (llvm::Error error = writeRandomArchive(path, members, options.seed))
      return std::move(error);
    bound[scope] = std::string(path);
  }
  return bound;
}

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

namespace {
/// An argument or a data result of an entry point.
struct Port {
  std::string name;
  RankedTensorType type;
  /// Of its dynamic dimensions.
  SmallVector<std::string> symbols;
  std::string role = "data";
  std::optional<std::pair<int64_t, int64_t>> range;
  /// Integers that are 1 where they are left out: they say what is there.
  bool isMask = false;

  bool uses(StringRef symbol) const {
    return llvm::is_contained(symbols, symbol);
  }
};

struct Entry {
  std::string name;
  std::vector<Port> inputs, outputs;

  bool uses(StringRef symbol) const {
    return llvm::any_of(inputs,
                        [&](const Port &port) { return port.uses(symbol); });
  }
  bool hasStates() const {
    return llvm::any_of(inputs,
                        [](const Port &port) { return port.role == "state"; });
  }
};

/// Lowest and highest size of a dynamic dimension.
struct Bounds {
  int64_t low = 1, high = std::numeric_limits<int64_t>::max();
};
} // namespace

struct EquivalenceModel::Impl {
  ~Impl() {
    if (session)
      qrt_session_destroy(session);
  }

  std::vector<Entry> entries;
  std::map<std::string, Bounds> symbols;
  std::map<std::string, std::string> archives;
  std::unique_ptr<JitModel> jit;
  qrt_session *session = nullptr;
};

static Port describePort(Type type, DictionaryAttr attributes) {
  Port port;
  port.type = cast<RankedTensorType>(type);
  if (!attributes)
    return port;
  if (auto name = attributes.getAs<StringAttr>(attrs::name))
    port.name = name.str();
  if (auto dims = attributes.getAs<ArrayAttr>(attrs::dims))
    for (auto dim : dims.getAsRange<StringAttr>())
      port.symbols.push_back(dim.str());
  if (auto role = attributes.getAs<StringAttr>(attrs::role))
    port.role = role.str();
  if (auto range = attributes.getAs<DenseI64ArrayAttr>(attrs::range))
    port.range = {range[0], range[1]};
  if (auto value = attributes.getAs<IntegerAttr>(attrs::defaultValue))
    port.isMask = !port.range && value.getValue().isOne();
  return port;
}

/// Reads what the entry points of a module that compiled take and give.
static void describeEntries(ModuleOp module, EquivalenceModel::Impl &model) {
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func->hasAttr(attrs::entry))
      continue;
    Entry &entry = model.entries.emplace_back();
    entry.name = func.getSymName().str();
    for (auto [i, type] : llvm::enumerate(func.getArgumentTypes()))
      entry.inputs.push_back(describePort(type, func.getArgAttrDict(i)));
    for (auto [i, type] : llvm::enumerate(func.getResultTypes()))
      if (!func.getResultAttr(i, attrs::state))
        entry.outputs.push_back(describePort(type, func.getResultAttrDict(i)));
  }
  auto symbols = module->getAttrOfType<DictionaryAttr>(attrs::symbols);
  if (!symbols)
    return;
  for (NamedAttribute symbol : symbols) {
    SmallVector<int64_t> bounds;
    if (auto dense = dyn_cast<DenseI64ArrayAttr>(symbol.getValue()))
      llvm::append_range(bounds, dense.asArrayRef());
    else
      for (auto bound : cast<ArrayAttr>(symbol.getValue()))
        bounds.push_back(cast<IntegerAttr>(bound).getInt());
    Bounds &limits = model.symbols[symbol.getName().str()];
    limits.low = std::max<int64_t>(bounds[0], 1);
    if (bounds.size() == 2)
      limits.high = bounds[1];
  }
}

EquivalenceModel::EquivalenceModel(std::unique_ptr<Impl> impl)
    : impl(std::move(impl)) {}
EquivalenceModel::~EquivalenceModel() = default;

const std::map<std::string, std::string> &
EquivalenceModel::getArchives() const {
  return impl->archives;
}

FailureOr<std::unique_ptr<EquivalenceModel>>
EquivalenceModel::create(ModuleOp module, llvm::StringRef directory,
                         const EquivalenceOptions &options) {
  OwningOpRef<ModuleOp> promoted(module.clone());
  if (failed(promoteToF64(*promoted, options.dropQuantizers)))
    return failure();
  SmallString<128> folder;
  if (llvm::sys::fs::createUniqueDirectory("quench", folder))
    return module.emitError() << "cannot make a temporary folder";
  llvm::scope_exit removeFolder(
      [&] { llvm::sys::fs::remove_directories(folder); });
  llvm::Expected<llvm::StringMap<std::string>> params =
      bindParameters(*promoted, directory, folder, options);
  if (!params)
    return module.emitError() << llvm::toString(params.takeError());
  llvm::Expected<CPUTarget> target = CPUTarget::parse("native");
  if (!target)
    return module.emitError() << llvm::toString(target.takeError());

  auto impl = std::make_unique<Impl>();
  auto jit = compileInProcess(*promoted, directory, *target, *params);
  if (failed(jit))
    return failure();
  impl->jit = std::move(*jit);
  for (const auto &archive : *params) {
    bool isRandom = llvm::StringRef(archive.getValue()).starts_with(folder);
    impl->archives[archive.getKey().str()] =
        isRandom ? std::string() : archive.getValue();
  }
  describeEntries(*promoted, *impl);
  qrt_options runtime = {};
  runtime.skip_params_check = 1;
  if (qrt_session_create(impl->jit->model(), &runtime, &impl->session))
    return module.emitError() << qrt_last_error();
  return std::unique_ptr<EquivalenceModel>(
      new EquivalenceModel(std::move(impl)));
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

namespace {
/// Dense numbers with an alignment that every element type has.
struct Buffer {
  SmallVector<int64_t> shape;
  std::vector<uint64_t> words;

  Buffer() = default;
  Buffer(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<char> bytes)
      : shape(shape), words((bytes.size() + 7) / 8) {
    if (!bytes.empty())
      std::memcpy(words.data(), bytes.data(), bytes.size());
  }
};

/// One call of an entry point.
struct Step {
  const Entry *before, *after;
  int64_t sequence, position;
};

/// What all calls of one sequence share.
struct Case {
  std::map<std::string, int64_t> sizes;
  std::string text;
};
} // namespace

static int64_t clampToBounds(int64_t size,
                             const std::map<std::string, Bounds> &symbols,
                             const std::string &symbol) {
  auto it = symbols.find(symbol);
  if (it == symbols.end())
    return size;
  return std::clamp(size, it->second.low, it->second.high);
}

static SmallVector<int64_t> getShape(const Port &port, const Case &sizes) {
  SmallVector<int64_t> shape(port.type.getShape());
  auto symbol = port.symbols.begin();
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size))
      size = sizes.sizes.at(*symbol++);
  return shape;
}

/// Random values of the data input `port`; which ones depends on `stream`.
static Buffer makeInput(const Port &port, const Case &sizes,
                        RandomStream stream) {
  SmallVector<int64_t> shape = getShape(port, sizes);
  int64_t count = llvm::product_of(shape);
  int64_t width = shape.empty() ? 1 : shape.back();
  int64_t rows = width ? count / width : 0;
  std::vector<double> values(count);
  if (isa<FloatType>(port.type.getElementType())) {
    std::generate(values.begin(), values.end(),
                  [&] { return stream.normal(); });
    int64_t outlier = stream.integer(0, std::max<int64_t>(width, 1));
    int64_t large = stream.integer(0, std::max<int64_t>(rows, 1));
    for (int64_t row = 0; row < rows; ++row) {
      double *begin = &values[row * width];
      if (width >= 4)
        begin[outlier] *= 20;
      for (int64_t i = 0; i < width && rows >= 3; ++i)
        begin[i] *= row == large ? 30 : row == (large + 1) % rows ? 0 : 1;
    }
  } else if (port.isMask) {
    for (int64_t row = 0; row < rows; ++row) {
      int64_t present = row == 0 ? width : stream.integer(1, width + 1);
      std::fill_n(&values[row * width], present, 1);
    }
  } else {
    auto [low, high] = port.range.value_or(std::pair<int64_t, int64_t>(0, 2));
    for (double &value : values)
      value = stream.integer(low, high);
  }
  return Buffer(shape, encodeTensor(values, port.type.getElementType()));
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

static qrt_dtype getRuntimeType(Type type) {
  if (type.isF64())
    return QRT_F64;
  switch (type.getIntOrFloatBitWidth()) {
  case 1:
    return QRT_BOOL;
  case 8:
    return QRT_I8;
  case 16:
    return QRT_I16;
  case 32:
    return QRT_I32;
  default:
    return QRT_I64;
  }
}

namespace {
/// Frees what a run returned.
struct Outputs {
  qrt_tensor *tensors = nullptr;
  size_t count = 0;

  Outputs() = default;
  Outputs(const Outputs &) = delete;
  ~Outputs() { qrt_tensors_free(tensors, count); }

  const qrt_tensor *find(StringRef name) const {
    for (const qrt_tensor &tensor : llvm::ArrayRef(tensors, count))
      if (name == tensor.name)
        return &tensor;
    return nullptr;
  }
};

/// One model in the middle of a sequence of calls.
class Runner {
public:
  Runner(const EquivalenceModel &model) : session(model.getImpl().session) {}

  /// Calls `entry`; `inputs` are those of its data ports, in their order.
  /// Returns false where the runtime refuses.
  bool run(const Entry &entry, const Case &sizes, int64_t position,
           llvm::ArrayRef<Buffer> inputs, Outputs &outputs);

private:
  qrt_session *session;
  llvm::StringMap<Buffer> states;
};
} // namespace

bool Runner::run(const Entry &entry, const Case &sizes, int64_t position,
                 llvm::ArrayRef<Buffer> inputs, Outputs &outputs) {
  std::vector<qrt_tensor> tensors;
  auto add = [&](const Port &port, const Buffer &buffer) {
    tensors.push_back(
        {port.name.c_str(), getRuntimeType(port.type.getElementType()),
         static_cast<int32_t>(buffer.shape.size()), buffer.shape.data(),
         const_cast<uint64_t *>(buffer.words.data())});
  };
  auto nextInput = inputs.begin();
  std::vector<Buffer> positions;
  positions.reserve(entry.inputs.size());
  for (const Port &port : entry.inputs) {
    if (port.role == "position") {
      double value = position;
      positions.emplace_back(llvm::ArrayRef<int64_t>(),
                             encodeTensor(value, port.type.getElementType()));
      add(port, positions.back());
    } else if (port.role == "state") {
      Buffer &state = states[port.name];
      if (state.shape.empty()) {
        state.shape = getShape(port, sizes);
        state.words.resize(llvm::product_of(state.shape));
      }
      add(port, state);
    } else {
      add(port, *nextInput++);
    }
  }
  return qrt_run(session, entry.name.c_str(), tensors.data(), tensors.size(),
                 &outputs.tensors, &outputs.count) == QRT_OK;
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// Element `index` as a number.
static double getElement(const qrt_tensor &tensor, int64_t index) {
  switch (tensor.dtype) {
  case QRT_F64:
    return static_cast<const double *>(tensor.data)[index];
  case QRT_I64:
    return static_cast<const int64_t *>(tensor.data)[index];
  case QRT_I32:
    return static_cast<const int32_t *>(tensor.data)[index];
  case QRT_I16:
    return static_cast<const int16_t *>(tensor.data)[index];
  default:
    return static_cast<const int8_t *>(tensor.data)[index];
  }
}

namespace {
/// What all runs have shown of one output.
struct OutputState {
  OutputComparison comparison;
  int64_t elements = 0;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool isFiniteBefore = true, isFiniteAfter = true;

  void add(const qrt_tensor &before, const qrt_tensor &after,
           llvm::StringRef inputs);
};
} // namespace

void OutputState::add(const qrt_tensor &before, const qrt_tensor &after,
                      llvm::StringRef inputs) {
  llvm::ArrayRef<int64_t> shape(before.shape, before.rank);
  int64_t count = llvm::product_of(shape);
  int64_t width = shape.empty() ? 1 : shape.back();
  elements += count;
  double largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    double value = getElement(before, i);
    isFiniteBefore &= std::isfinite(value);
    isFiniteAfter &= std::isfinite(getElement(after, i));
    low = std::min(low, value);
    high = std::max(high, value);
    largest = std::max(largest, std::fabs(value));
  }
  for (int64_t begin = 0; begin < count; begin += width) {
    double size = largest / 1000, difference = 0;
    for (int64_t i = begin; i < begin + width; ++i) {
      double value = getElement(before, i);
      size = std::max(size, std::fabs(value));
      difference =
          std::max(difference, std::fabs(getElement(after, i) - value));
    }
    double error = difference == 0 ? 0 : difference / size;
    if (error > comparison.error) {
      comparison.error = error;
      comparison.inputs = inputs.str();
    }
  }
}

/// Describes how the interfaces differ; empty: they do not.
static std::string compareInterfaces(const EquivalenceModel::Impl &before,
                                     const EquivalenceModel::Impl &after) {
  auto describe = [](const EquivalenceModel::Impl &model) {
    std::string text;
    llvm::raw_string_ostream os(text);
    for (const Entry &entry : model.entries) {
      auto print = [&](const Port &port) {
        os << port.name << ": " << port.type << '['
           << llvm::join(port.symbols, ", ") << ']';
      };
      os << entry.name << '(';
      llvm::interleaveComma(llvm::make_filter_range(entry.inputs,
                                                    [](const Port &port) {
                                                      return port.role !=
                                                             "state";
                                                    }),
                            os, print);
      os << ") -> (";
      llvm::interleaveComma(entry.outputs, os, print);
      os << ") ";
    }
    return text;
  };
  std::string first = describe(before), second = describe(after);
  if (first == second)
    return {};
  return "the entry points differ: " + first + "before, " + second + "after";
}

/// The calls that one sequence is made of, and in `sizes` their dimensions.
/// `scale` says how long it is.
static std::vector<Step> planCalls(const EquivalenceModel::Impl &before,
                                   const EquivalenceModel::Impl &after,
                                   int64_t batch, int64_t scale, Case &sizes) {
  const auto &symbols = before.symbols;
  for (auto &[symbol, bounds] : symbols)
    sizes.sizes[symbol] =
        std::clamp(symbol == "batch" ? batch : scale, bounds.low, bounds.high);
  std::vector<Step> steps;
  int64_t position = 0;
  int64_t context = clampToBounds(std::numeric_limits<int64_t>::max(), symbols,
                                  contextSymbol.str());
  auto add = [&](unsigned index, int64_t sequence) {
    const Entry &entry = before.entries[index];
    sequence = entry.uses(sequenceSymbol)
                   ? clampToBounds(sequence, symbols, sequenceSymbol.str())
                   : 1;
    if (!entry.hasStates()) {
      steps.push_back({&entry, &after.entries[index], sequence, 0});
      return;
    }
    if (position > context - sequence)
      return;
    steps.push_back({&entry, &after.entries[index], sequence, position});
    position += sequence;
  };
  for (unsigned i = 0, e = before.entries.size(); i < e; ++i) {
    add(i, i == 0 || !before.entries[i].hasStates() ? scale : 2);
    // One token at a time, some more of them.
    if (i > 0 && before.entries[i].hasStates()) {
      add(i, 1);
      add(i, 1);
    }
  }
  // States go on after they were decoded.
  if (before.entries.front().hasStates())
    add(0, 3);
  sizes.sizes[contextSymbol.str()] =
      clampToBounds(position, symbols, contextSymbol.str());
  return steps;
}

EquivalenceReport quench::compareModels(const EquivalenceModel &before,
                                        const EquivalenceModel &after,
                                        const EquivalenceOptions &options) {
  EquivalenceReport report;
  const EquivalenceModel::Impl &a = before.getImpl(), &b = after.getImpl();
  report.failure = compareInterfaces(a, b);
  if (!report.isEqual())
    return report;

  llvm::MapVector<std::pair<const Entry *, StringRef>, OutputState> outputs;
  std::pair<int64_t, int64_t> scales[] = {{1, 1}, {3, 7}, {2, 33}};
  for (auto [batch, scale] : scales) {
    Case sizes;
    std::vector<Step> steps = planCalls(a, b, batch, scale, sizes);
    Runner first(before), second(after);
    for (auto [index, step] : llvm::enumerate(steps)) {
      sizes.sizes[sequenceSymbol.str()] = step.sequence;
      std::string text =
          llvm::formatv("batch {0}, length {1}, position {2}",
                        sizes.sizes.count("batch") ? sizes.sizes["batch"] : 1,
                        step.sequence, step.position);
      std::vector<Buffer> inputs;
      for (const Port &port : step.before->inputs)
        if (port.role == "data")
          inputs.push_back(makeInput(
              port, sizes,
              RandomStream(options.seed, llvm::formatv("{0}/{1}/{2}/{3}", batch,
                                                       scale, index, port.name)
                                             .str())));
      Outputs firstOutputs, secondOutputs;
      if (!first.run(*step.before, sizes, step.position, inputs,
                     firstOutputs) ||
          !second.run(*step.after, sizes, step.position, inputs,
                      secondOutputs)) {
        report.failure = "entry '" + step.before->name + "' cannot run on " +
                         text + ": " + qrt_last_error();
        return report;
      }
      for (const Port &port : step.before->outputs)
        outputs[{step.before, port.name}].add(*firstOutputs.find(port.name),
                                              *secondOutputs.find(port.name),
                                              text);
    }
  }

  for (auto &[key, output] : outputs) {
    output.comparison.entry = key.first->name;
    output.comparison.output = key.second.str();
    report.outputs.push_back(output.comparison);
    std::string reason;
    if (!output.isFiniteBefore)
      reason = "is not finite before: a comparison says nothing";
    else if (!output.isFiniteAfter)
      reason = "is not finite after";
    else if (output.low == output.high && output.elements > 1)
      reason = llvm::formatv("is {0} everywhere: a comparison says nothing",
                             output.low);
    else if (output.comparison.error > options.tolerance)
      reason = llvm::formatv(
          "differs by {0:e2}, more than {1:e2}, relative to its rows; "
          "inputs: seed {2}, {3}",
          output.comparison.error, options.tolerance, options.seed,
          output.comparison.inputs);
    if (!reason.empty() && report.isEqual())
      report.failure = "output '" + output.comparison.output + "' of entry '" +
                       output.comparison.entry + "' " + reason;
  }
  return report;
}

void quench::loadCodegenDialects(MLIRContext &context) {
  DialectRegistry registry;
  PassManager pm(&context);
  buildCPUCodegenPipeline(pm, {});
  buildCPULoweringPipeline(pm);
  pm.getDependentDialects(registry);
  for (StringRef name : registry.getDialectNames())
    context.getOrLoadDialect(name);
}
