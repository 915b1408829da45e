//===- Equivalence.cpp - Whether two models compute the same --------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Equivalence.h"

#include "ModelSession.h"
#include "Promote.h"
#include "Quench/Codegen/CPU/Pipeline.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Pipelines/Build.h"
#include "Quench/Support/SafeTensorsWriter.h"
#include "RandomTensors.h"
#include "SplitModel.h"

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
    auto append = [&](llvm::ArrayRef<double> values) {
      return (*writer)->append(encodeTensor(values, type.getElementType()));
    };
    if (llvm::Error error = makeRandomParameter(seed, ref.getScope(),
                                                ref.getKey(), type, append))
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

/// A dense tensor with an alignment that every element type has.
struct Buffer {
  qrt_dtype dtype = QRT_F64;
  SmallVector<int64_t> shape;
  std::vector<uint64_t> words;

  /// Element `index` as a number.
  double get(int64_t index) const;
  int64_t size() const { return llvm::product_of(shape); }
};

/// One call of an entry point, and what it gave.
struct Call {
  unsigned entry;
  /// The sequence of calls that it belongs to, and its number in that.
  unsigned sequence, index;
  int64_t length, position;
  std::map<std::string, Buffer> outputs;
  /// Sizes of the inputs, for people.
  std::string text;
};
} // namespace

/// Tensors by the number of the call that gave them, and name.
using CallTensors = std::map<std::pair<unsigned, std::string>, Buffer>;

struct EquivalenceModel::Impl {
  std::vector<Entry> entries;
  std::map<std::string, Bounds> symbols;
  std::map<std::string, std::string> archives;
  std::vector<Call> calls;
  unsigned numPieces = 1;
  /// Where they are kept, the paths of the blocks that end in residual joins,
  /// and what those computed.
  std::vector<std::string> blocks;
  CallTensors joins;
  /// Why it cannot run; empty: it can.
  std::string failure;
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

/// What the entry points of `module`, which has a manifest, take and give.
static std::vector<Entry> describeEntries(ModuleOp module) {
  std::vector<Entry> entries;
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func->hasAttr(attrs::entry))
      continue;
    Entry &entry = entries.emplace_back();
    entry.name = func.getSymName().str();
    for (auto [i, type] : llvm::enumerate(func.getArgumentTypes()))
      entry.inputs.push_back(describePort(type, func.getArgAttrDict(i)));
    for (auto [i, type] : llvm::enumerate(func.getResultTypes()))
      if (!func.getResultAttr(i, attrs::state))
        entry.outputs.push_back(describePort(type, func.getResultAttrDict(i)));
  }
  return entries;
}

static std::map<std::string, Bounds> describeSymbols(ModuleOp module) {
  std::map<std::string, Bounds> described;
  auto symbols = module->getAttrOfType<DictionaryAttr>(attrs::symbols);
  if (!symbols)
    return described;
  for (NamedAttribute symbol : symbols) {
    SmallVector<int64_t> bounds;
    if (auto dense = dyn_cast<DenseI64ArrayAttr>(symbol.getValue()))
      llvm::append_range(bounds, dense.asArrayRef());
    else
      for (auto bound : cast<ArrayAttr>(symbol.getValue()))
        bounds.push_back(cast<IntegerAttr>(bound).getInt());
    Bounds &limits = described[symbol.getName().str()];
    limits.low = std::max<int64_t>(bounds[0], 1);
    if (bounds.size() == 2)
      limits.high = bounds[1];
  }
  return described;
}

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

/// Sizes of the dynamic dimensions that all calls of a sequence share.
using Sizes = std::map<std::string, int64_t>;

static int64_t clampToBounds(int64_t size,
                             const std::map<std::string, Bounds> &symbols,
                             const std::string &symbol) {
  auto it = symbols.find(symbol);
  if (it == symbols.end())
    return size;
  return std::clamp(size, it->second.low, it->second.high);
}

static SmallVector<int64_t> getShape(const Port &port, const Sizes &sizes) {
  SmallVector<int64_t> shape(port.type.getShape());
  auto symbol = port.symbols.begin();
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size))
      size = sizes.at(*symbol++);
  return shape;
}

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

static Buffer makeBuffer(Type elementType, ArrayRef<int64_t> shape,
                         ArrayRef<double> values) {
  std::vector<char> bytes = encodeTensor(values, elementType);
  Buffer buffer;
  buffer.dtype = getRuntimeType(elementType);
  buffer.shape.assign(shape.begin(), shape.end());
  buffer.words.resize((bytes.size() + 7) / 8);
  llvm::copy(bytes, reinterpret_cast<char *>(buffer.words.data()));
  return buffer;
}

/// Random values of the data input `port`; which ones depends on `stream`.
static Buffer makeInput(const Port &port, const Sizes &sizes,
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
  return makeBuffer(port.type.getElementType(), shape, values);
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

/// The batch and the length of each sequence of calls.
static constexpr std::pair<int64_t, int64_t> sequences[] = {
    {1, 1}, {3, 7}, {2, 33}};

static std::string describe(const Sizes &sizes, const Call &call) {
  auto batch = sizes.find("batch");
  return llvm::formatv("batch {0}, length {1}, position {2}",
                       batch == sizes.end() ? 1 : batch->second, call.length,
                       call.position);
}

/// Adds to `model` the calls of sequence number `sequence`; returns the sizes
/// that they share.
static Sizes planCalls(EquivalenceModel::Impl &model, unsigned sequence) {
  auto [batch, scale] = sequences[sequence];
  Sizes sizes;
  for (auto &[symbol, bounds] : model.symbols)
    sizes[symbol] =
        std::clamp(symbol == "batch" ? batch : scale, bounds.low, bounds.high);
  int64_t position = 0;
  int64_t context = clampToBounds(std::numeric_limits<int64_t>::max(),
                                  model.symbols, contextSymbol.str());
  unsigned index = 0;
  auto add = [&](unsigned number, int64_t length) {
    const Entry &entry = model.entries[number];
    length = entry.uses(sequenceSymbol)
                 ? clampToBounds(length, model.symbols, sequenceSymbol.str())
                 : 1;
    Call call{number, sequence, index, length, 0, {}, ""};
    if (entry.hasStates()) {
      if (position > context - length)
        return;
      call.position = position;
      position += length;
    }
    ++index;
    call.text = describe(sizes, call);
    model.calls.push_back(std::move(call));
  };
  for (unsigned i = 0, e = model.entries.size(); i < e; ++i) {
    bool hasStates = model.entries[i].hasStates();
    add(i, i == 0 || !hasStates ? scale : 2);
    // One token at a time, some more of them.
    if (i > 0 && hasStates) {
      add(i, 1);
      add(i, 1);
    }
  }
  // States go on after they were decoded.
  if (model.entries.front().hasStates())
    add(0, 3);
  sizes[contextSymbol.str()] =
      clampToBounds(position, model.symbols, contextSymbol.str());
  return sizes;
}

namespace {
/// A compiled piece of a model.
struct Program {
  std::vector<Entry> entries;
  std::unique_ptr<JitModel> jit;
  qrt_session *session = nullptr;

  Program() = default;
  Program(const Program &) = delete;
  ~Program() {
    if (session)
      qrt_session_destroy(session);
  }

  /// Compiles `module`, with its parameters bound, and adds their archives to
  /// `archives`. Fails with a diagnostic.
  LogicalResult compile(ModuleOp module, StringRef directory,
                        const EquivalenceOptions &options,
                        std::map<std::string, std::string> &archives);

  /// Runs `entry` on `inputs`, one for each of its inputs. States are updated
  /// in place. Returns false where the runtime refuses.
  bool run(const Entry &entry, ArrayRef<Buffer *> inputs,
           std::map<std::string, Buffer> &outputs);
};
} // namespace

/// Tokens that all calls have, about.
static constexpr int64_t numTokens = 128;

LogicalResult Program::compile(ModuleOp module, StringRef directory,
                               const EquivalenceOptions &options,
                               std::map<std::string, std::string> &archives) {
  SmallString<128> folder;
  if (llvm::sys::fs::createUniqueDirectory("quench", folder))
    return module.emitError() << "cannot make a temporary folder";
  llvm::scope_exit removeFolder(
      [&] { llvm::sys::fs::remove_directories(folder); });
  llvm::Expected<llvm::StringMap<std::string>> params =
      bindParameters(module, directory, folder, options);
  if (!params)
    return module.emitError() << llvm::toString(params.takeError());
  for (const auto &archive : *params) {
    bool isRandom = StringRef(archive.getValue()).starts_with(folder);
    archives[archive.getKey().str()] =
        isRandom ? std::string() : archive.getValue();
  }
  llvm::Expected<CPUTarget> target = CPUTarget::parse("native");
  if (!target)
    return module.emitError() << llvm::toString(target.takeError());
  auto compiled = compileInProcess(module, directory, *target, *params,
                                   isWorthOptimizing(module, numTokens));
  if (failed(compiled))
    return failure();
  jit = std::move(*compiled);
  entries = describeEntries(module);
  qrt_options runtime = {};
  runtime.skip_params_check = 1;
  if (qrt_session_create(jit->model(), &runtime, &session))
    return module.emitError() << qrt_last_error();
  return success();
}

bool Program::run(const Entry &entry, ArrayRef<Buffer *> inputs,
                  std::map<std::string, Buffer> &outputs) {
  std::vector<qrt_tensor> tensors;
  for (auto [port, buffer] : llvm::zip(entry.inputs, inputs))
    tensors.push_back({port.name.c_str(), buffer->dtype,
                       static_cast<int32_t>(buffer->shape.size()),
                       buffer->shape.data(), buffer->words.data()});
  qrt_tensor *results = nullptr;
  size_t count = 0;
  if (qrt_run(session, entry.name.c_str(), tensors.data(), tensors.size(),
              &results, &count))
    return false;
  for (auto [port, result] :
       llvm::zip(entry.outputs, ArrayRef(results, count))) {
    Buffer &output = outputs[port.name];
    output.dtype = result.dtype;
    output.shape.assign(result.shape, result.shape + result.rank);
    size_t width = port.type.getElementType().isInteger(1)
                       ? 1
                       : port.type.getElementTypeBitWidth() / 8;
    size_t size = output.size() * width;
    output.words.resize((size + 7) / 8);
    if (size)
      std::memcpy(output.words.data(), result.data, size);
  }
  qrt_tensors_free(results, count);
  return true;
}

/// Whether a tensor of that name is one that pieces give to one another.
static bool isOfPieces(StringRef name) {
  return name.starts_with(crossingPrefix) || name.starts_with(joinPrefix);
}

/// Makes the calls of `model` on one of its pieces. What other pieces gave is
/// in `crossing`, by call and name. Fails with the reason in `model`.
static LogicalResult runPiece(EquivalenceModel::Impl &model, Program &program,
                              ArrayRef<Sizes> allSizes, uint64_t seed,
                              CallTensors &crossing) {
  // By sequence and name.
  std::map<std::pair<unsigned, std::string>, Buffer> states;
  for (auto [number, call] : llvm::enumerate(model.calls)) {
    const Entry &entry = program.entries[call.entry];
    Sizes sizes = allSizes[call.sequence];
    sizes[sequenceSymbol.str()] = call.length;
    auto [batch, scale] = sequences[call.sequence];
    std::vector<Buffer> made;
    made.reserve(entry.inputs.size());
    SmallVector<Buffer *> inputs;
    for (const Port &port : entry.inputs) {
      Type type = port.type.getElementType();
      if (isOfPieces(port.name)) {
        inputs.push_back(&crossing[{number, port.name}]);
      } else if (port.role == "state") {
        Buffer &state = states[{call.sequence, port.name}];
        if (state.shape.empty()) {
          SmallVector<int64_t> shape = getShape(port, sizes);
          std::vector<double> zeros(llvm::product_of(shape));
          state = makeBuffer(type, shape, zeros);
        }
        inputs.push_back(&state);
      } else if (port.role == "position") {
        made.push_back(
            makeBuffer(type, {}, {static_cast<double>(call.position)}));
        inputs.push_back(&made.back());
      } else {
        std::string key = llvm::formatv("{0}/{1}/{2}/{3}", batch, scale,
                                        call.index, port.name);
        made.push_back(makeInput(port, sizes, RandomStream(seed, key)));
        inputs.push_back(&made.back());
      }
    }
    std::map<std::string, Buffer> outputs;
    if (!program.run(entry, inputs, outputs)) {
      model.failure = "entry '" + entry.name + "' cannot run on " + call.text +
                      ": " + qrt_last_error();
      return failure();
    }
    for (auto &[name, output] : outputs) {
      if (isOfPieces(name))
        crossing[{number, name}] = std::move(output);
      else
        call.outputs[name] = std::move(output);
    }
  }
  return success();
}

EquivalenceModel::EquivalenceModel(std::unique_ptr<Impl> impl)
    : impl(std::move(impl)) {}
EquivalenceModel::~EquivalenceModel() = default;

const std::map<std::string, std::string> &
EquivalenceModel::getArchives() const {
  return impl->archives;
}

unsigned EquivalenceModel::getNumPieces() const { return impl->numPieces; }

FailureOr<std::unique_ptr<EquivalenceModel>>
EquivalenceModel::create(ModuleOp module, llvm::StringRef directory,
                         const EquivalenceOptions &options) {
  OwningOpRef<ModuleOp> promoted(module.clone());
  (*promoted)->removeAttr(attrs::tokenizer);
  if (failed(promoteToF64(*promoted, options.dropQuantizers)) ||
      failed(buildManifest(*promoted, ManifestInfo())))
    return failure();
  auto impl = std::make_unique<Impl>();
  impl->entries = describeEntries(*promoted);
  impl->symbols = describeSymbols(*promoted);
  std::vector<Sizes> sizes;
  for (unsigned i = 0; i < std::size(sequences); ++i)
    sizes.push_back(planCalls(*impl, i));

  SplitModel split =
      splitModel(*promoted, options.maxBytes, options.keepsBlocks);
  impl->blocks = std::move(split.blocks);
  impl->numPieces = split.pieces.size();
  promoted = {};
  // The last piece that reads what crosses a cut.
  std::map<std::string, unsigned> lastReader;
  for (auto [i, piece] : llvm::enumerate(split.pieces))
    for (const Entry &entry : describeEntries(*piece))
      for (const Port &port : entry.inputs)
        lastReader[port.name] = i;
  CallTensors crossing;
  for (auto [i, piece] : llvm::enumerate(split.pieces)) {
    Program program;
    if (failed(program.compile(*piece, directory, options, impl->archives)))
      return failure();
    if (failed(runPiece(*impl, program, sizes, options.seed, crossing)))
      break;
    piece = {};
    for (auto it = crossing.begin(); it != crossing.end();) {
      const std::string &name = it->first.second;
      bool isKept = StringRef(name).starts_with(joinPrefix) ||
                    (lastReader.count(name) && lastReader[name] > i);
      it = isKept ? std::next(it) : crossing.erase(it);
    }
  }
  if (options.keepsBlocks)
    impl->joins = std::move(crossing);
  return std::unique_ptr<EquivalenceModel>(
      new EquivalenceModel(std::move(impl)));
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

double Buffer::get(int64_t index) const {
  const void *data = words.data();
  switch (dtype) {
  case QRT_F64:
    return static_cast<const double *>(data)[index];
  case QRT_I64:
    return static_cast<const int64_t *>(data)[index];
  case QRT_I32:
    return static_cast<const int32_t *>(data)[index];
  case QRT_I16:
    return static_cast<const int16_t *>(data)[index];
  default:
    return static_cast<const int8_t *>(data)[index];
  }
}

namespace {
/// What all runs have shown of one output.
struct OutputState {
  OutputComparison comparison;
  int64_t elements = 0;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool isFiniteBefore = true, isFiniteAfter = true;

  void add(const Buffer &before, const Buffer &after, llvm::StringRef inputs);
};
} // namespace

void OutputState::add(const Buffer &before, const Buffer &after,
                      llvm::StringRef inputs) {
  int64_t count = before.size();
  int64_t width = before.shape.empty() ? 1 : before.shape.back();
  elements += count;
  double largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    double value = before.get(i);
    isFiniteBefore &= std::isfinite(value);
    isFiniteAfter &= std::isfinite(after.get(i));
    low = std::min(low, value);
    high = std::max(high, value);
    largest = std::max(largest, std::fabs(value));
  }
  for (int64_t begin = 0; begin < count; begin += width) {
    double size = largest / 1000, difference = 0;
    for (int64_t i = begin; i < begin + width; ++i) {
      double value = before.get(i);
      size = std::max(size, std::fabs(value));
      difference = std::max(difference, std::fabs(after.get(i) - value));
    }
    double error = difference == 0 ? 0 : difference / size;
    if (error > comparison.error) {
      comparison.error = error;
      comparison.inputs = inputs.str();
    }
  }
}

namespace {
/// Rows of what a residual join computed, before and after.
struct JoinRows {
  /// More rows than that say nothing more.
  static constexpr int64_t most = 128;

  int64_t width = 0;
  std::vector<double> before, after;

  int64_t size() const { return width ? before.size() / width : 0; }
  void add(const Buffer &first, const Buffer &second);

  /// Whether what is after may be what is before in another basis: with
  /// channels that are scaled and shifted, rotated, or rotated without their
  /// mean.
  bool isSame(double tolerance) const;

private:
  bool isScaled(double tolerance) const;
  bool isRotated(ArrayRef<double> rows, double tolerance) const;
};
} // namespace

void JoinRows::add(const Buffer &first, const Buffer &second) {
  width = first.shape.empty() ? 1 : first.shape.back();
  int64_t count = std::min(first.size(), (most - size()) * width);
  for (int64_t i = 0; i < count; ++i) {
    before.push_back(first.get(i));
    after.push_back(second.get(i));
  }
}

/// Every channel by two rows, the others must follow.
bool JoinRows::isScaled(double tolerance) const {
  double largest = 0;
  for (double value : after)
    largest = std::max(largest, std::fabs(value));
  for (int64_t channel = 0; channel < width; ++channel) {
    auto get = [&](ArrayRef<double> rows, int64_t row) {
      return rows[row * width + channel];
    };
    int64_t low = 0, high = 0;
    double size = largest / 1000;
    for (int64_t row = 0; row < this->size(); ++row) {
      low = get(before, row) < get(before, low) ? row : low;
      high = get(before, row) > get(before, high) ? row : high;
      size = std::max(size, std::fabs(get(after, row)));
    }
    double range = get(before, high) - get(before, low);
    double scale = range > 0 ? (get(after, high) - get(after, low)) / range : 0;
    for (int64_t row = 0; row < this->size(); ++row) {
      double expected =
          get(after, low) + scale * (get(before, row) - get(before, low));
      if (!(std::fabs(get(after, row) - expected) <= tolerance * size))
        return false;
    }
  }
  return true;
}

/// A rotation keeps the products of rows.
bool JoinRows::isRotated(ArrayRef<double> rows, double tolerance) const {
  auto multiply = [&](ArrayRef<double> of, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t k = 0; k < width; ++k)
      sum += of[i * width + k] * of[j * width + k];
    return sum;
  };
  double largest = 0;
  std::vector<double> lengths;
  for (int64_t i = 0; i < size(); ++i) {
    lengths.push_back(std::sqrt(multiply(rows, i, i)));
    largest = std::max(largest, lengths.back());
  }
  for (int64_t i = 0; i < size(); ++i)
    for (int64_t j = 0; j <= i; ++j) {
      double unit = std::max(lengths[i], largest / 1000) *
                    std::max(lengths[j], largest / 1000);
      double difference = multiply(rows, i, j) - multiply(after, i, j);
      if (!(std::fabs(difference) <= tolerance * unit))
        return false;
    }
  return true;
}

bool JoinRows::isSame(double tolerance) const {
  if (isScaled(tolerance) || isRotated(before, tolerance))
    return true;
  std::vector<double> centred = before;
  for (int64_t begin = 0; begin < size() * width; begin += width) {
    double mean = 0;
    for (int64_t i = begin; i < begin + width; ++i)
      mean += centred[i] / width;
    for (int64_t i = begin; i < begin + width; ++i)
      centred[i] -= mean;
  }
  return isRotated(centred, tolerance);
}

/// The path of the first block at whose end the models differ, whatever the
/// basis; empty where that is not known.
static std::string findBlock(const EquivalenceModel::Impl &before,
                             const EquivalenceModel::Impl &after,
                             const EquivalenceOptions &options) {
  if (before.blocks.size() != after.blocks.size())
    return {};
  for (auto [number, block] : llvm::enumerate(before.blocks)) {
    std::string name = (joinPrefix + llvm::Twine(number)).str();
    std::map<unsigned, JoinRows> rows;
    for (auto [index, call] : llvm::enumerate(before.calls)) {
      auto first = before.joins.find({index, name});
      auto second = after.joins.find({index, name});
      if (first == before.joins.end() || second == after.joins.end() ||
          first->second.shape != second->second.shape)
        return {};
      rows[call.entry].add(first->second, second->second);
    }
    // Errors of products are twice those of numbers, and outputs are compared
    // after the last norm, which forgives some.
    for (auto &[entry, join] : rows)
      if (!join.isSame(16 * options.tolerance))
        return block;
  }
  return {};
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

EquivalenceReport quench::compareModels(const EquivalenceModel &before,
                                        const EquivalenceModel &after,
                                        const EquivalenceOptions &options) {
  EquivalenceReport report;
  const EquivalenceModel::Impl &a = before.getImpl(), &b = after.getImpl();
  report.failure = compareInterfaces(a, b);
  if (!report.isEqual())
    return report;

  for (const EquivalenceModel::Impl *model : {&a, &b})
    if (!model->failure.empty()) {
      report.failure = model->failure;
      return report;
    }

  llvm::MapVector<std::pair<const Entry *, StringRef>, OutputState> outputs;
  for (auto [first, second] : llvm::zip_equal(a.calls, b.calls)) {
    const Entry &entry = a.entries[first.entry];
    for (const Port &port : entry.outputs)
      outputs[{&entry, port.name}].add(first.outputs.at(port.name),
                                       second.outputs.at(port.name),
                                       first.text);
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
                             output.low + 0.0);
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
  if (report.isEqual() || a.blocks.empty() || b.blocks.empty())
    return report;
  report.block = findBlock(a, b, options);
  if (!report.block.empty())
    report.failure +=
        "; the first block that differs is '" + report.block + "'";
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
