//===- MeasureLayers.cpp - Which layers lose what -------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/MeasureLayers.h"

#include "ExampleData.h"
#include "HostNumbers.h"
#include "ModelSession.h"
#include "OutputMetrics.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Analysis/QuantSites.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Dialect/Quench/IR/QuenchQuantOps.h"
#include "Quench/Dialect/Quench/Transforms/WeightMath.h"
#include "Quench/Pipelines/Unquantize.h"
#include "Quench/Support/Error.h"
#include "Quench/Transforms/WeightPrograms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

#include <cmath>

using namespace mlir;
using namespace quench;
using utils::IteratorType;

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

const Evaluation::Metric *OutputLoss::find(StringRef name) const {
  auto it = llvm::find_if(
      metrics, [&](const Evaluation::Metric &m) { return m.name == name; });
  return it == metrics.end() ? nullptr : &*it;
}

const QuantizedOperand *QuantizedLayer::find(StringRef role) const {
  auto it = llvm::find_if(
      operands, [&](const QuantizedOperand &o) { return o.role == role; });
  return it == operands.end() ? nullptr : &*it;
}

std::optional<double> LayerReport::getShare(const OutputLoss &loss) const {
  if (!(quantized.ratio > 0))
    return std::nullopt;
  return loss.ratio / quantized.ratio;
}

std::vector<const QuantizedLayer *> LayerReport::getRanking() const {
  std::vector<const QuantizedLayer *> ranking;
  for (const QuantizedLayer &layer : layers)
    ranking.push_back(&layer);
  // Without runs, the error of the layer, or of its weight, is what is known.
  auto getKey = [](const QuantizedLayer *layer) {
    auto getRatio = [](const std::optional<NoisePower> &power) {
      return power && power->noise > 0 ? power->noise / power->signal : 0.0;
    };
    const QuantizedOperand *weight = layer->find("weight");
    return std::make_tuple(layer->without
                               ? layer->without->ratio
                               : std::numeric_limits<double>::infinity(),
                           -getRatio(layer->local),
                           weight ? -getRatio(weight->power) : 0.0, layer);
  };
  llvm::sort(ranking, [&](const auto *a, const auto *b) {
    return getKey(a) < getKey(b);
  });
  return ranking;
}

//===----------------------------------------------------------------------===//
// What is quantized
//===----------------------------------------------------------------------===//

namespace {
/// An operand of a model op that reads something quantized.
struct QuantizedUse {
  OpOperand *operand;
  /// Null where it is not known.
  Value unquantized;
  /// The place of the operand in its layer.
  size_t place;
};

/// A layer and its ops.
struct LayerOps {
  QuantizedLayer layer;
  llvm::MapVector<Operation *, SmallVector<QuantizedUse>> uses;
};

/// What is quantized in one function.
class LayerCollector {
public:
  explicit LayerCollector(func::FuncOp function);

  /// The format of what `value` is, null where it has none.
  static QuantizerAttrInterface getQuantizer(Value value);

  llvm::MapVector<StringRef, LayerOps> layers;

private:
  void add(OpOperand &use, StringRef role);

  llvm::StringMap<int> names;
};
} // namespace

QuantizerAttrInterface LayerCollector::getQuantizer(Value value) {
  while (auto cast = value.getDefiningOp<CastOp>())
    value = cast.getInput();
  if (auto op = value.getDefiningOp<FakeQuantOp>())
    return op.getQuantizer();
  if (auto op = value.getDefiningOp<DequantizeOp>())
    return op.getQuantizer();
  return {};
}

/// The word for what `use` is where no site is there: caches take what
/// attention reads later.
static StringRef getRole(OpOperand &use) {
  return isa<KVCacheOp>(use.getOwner()) ? "cache" : "input";
}

LayerCollector::LayerCollector(func::FuncOp function) {
  llvm::DenseMap<OpOperand *, StringRef> roles;
  for (const QuantSite &site :
       collectQuantSites(function->getParentOfType<ModuleOp>()))
    for (OpOperand *use : site.uses)
      roles[use] = stringifySiteRole(site.role);
  function.walk([&](Operation *op) {
    if (isa<WeightProgramOpInterface, FakeQuantOp, DynamicScaleOp>(op))
      return;
    for (OpOperand &use : op->getOpOperands())
      if (getQuantizer(use.get())) {
        StringRef role = roles.lookup(&use);
        add(use, role.empty() ? getRole(use) : role);
      }
  });
}

/// The text of `quantizer` without the name of the dialect, and the kind of its
/// codes, which is the first word of that.
static std::pair<std::string, std::string>
describeFormat(QuantizerAttrInterface quantizer) {
  std::string text;
  llvm::raw_string_ostream(text) << quantizer;
  StringRef format = text;
  format.consume_front("#");
  format.consume_front("quench.");
  auto [name, words] = format.split('<');
  StringRef first =
      words.take_until([](char c) { return c == ',' || c == '>'; });
  return {format.str(), (first.empty() ? name : first).str()};
}

void LayerCollector::add(OpOperand &use, StringRef role) {
  Operation *op = use.getOwner();
  StringRef name = names.try_emplace(getSiteName(op)).first->getKey();
  LayerOps &entry = layers[name];
  QuantizedLayer &layer = entry.layer;
  layer.name = name.str();
  if (!entry.uses.contains(op)) {
    std::string kind = op->getName().stripDialect().str();
    if (!llvm::is_contained(layer.ops, kind))
      layer.ops.push_back(std::move(kind));
  }
  QuantizerAttrInterface quantizer = getQuantizer(use.get());
  std::string format, codes;
  std::tie(format, codes) = describeFormat(quantizer);
  auto it = llvm::find_if(layer.operands, [&](const QuantizedOperand &known) {
    return known.role == role && known.format == format;
  });
  size_t place = it - layer.operands.begin();
  if (it == layer.operands.end())
    layer.operands.push_back({role.str(), format, codes,
                              quantizer.getStorageType().getWidth(),
                              std::nullopt});
  OpBuilder builder(op);
  Value unquantized = getUnquantized(builder, use.get());
  layer.hasTwin &= static_cast<bool>(unquantized);
  entry.uses[op].push_back({&use, unquantized, place});
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// The bytes of a tensor of `type` whose elements have `bits` bits.
static int64_t getBytes(Type type, int64_t bits) {
  return llvm::divideCeil(cast<RankedTensorType>(type).getNumElements() * bits,
                          8);
}
static int64_t getBytes(Value value) {
  return getBytes(value.getType(),
                  getElementTypeOrSelf(value).getIntOrFloatBitWidth());
}

/// What a weight that was dequantized is made of.
static DequantizeOp getDequantize(Value value) {
  while (auto cast = value.getDefiningOp<CastOp>())
    value = cast.getInput();
  return value.getDefiningOp<DequantizeOp>();
}

namespace {
/// The parameters of a model, each once.
class Sizes {
public:
  explicit Sizes(MLIRContext *context) : programs(context, &block) {}

  /// Counts `value`, whose elements have `bits` bits.
  int64_t add(Value value, std::optional<int64_t> bits = std::nullopt) {
    int64_t bytes = bits ? getBytes(value.getType(), *bits) : getBytes(value);
    int64_t known = programs.getRoots().size();
    if (programs.addRoot(value) == known)
      total += bytes;
    return bytes;
  }
  /// Counts the codes, scales, zero points and table of `weight`. Scales are
  /// kept in f32 where the model computes in that, whatever they are computed
  /// in.
  int64_t add(DequantizeOp weight, bool isWide) {
    int64_t bits = weight.getQuantizer().getStorageType().getWidth();
    int64_t bytes = add(weight.getInput(), bits);
    Type scale = getElementTypeOrSelf(weight.getScale());
    bytes += add(weight.getScale(),
                 scale.isF64() && !isWide ? 32 : scale.getIntOrFloatBitWidth());
    if (weight.getZero())
      bytes += add(weight.getZero(), bits);
    if (weight.getTable())
      bytes += add(weight.getTable());
    return bytes;
  }
  int64_t getTotal() const { return total; }

private:
  Block block;
  WeightProgramSet programs;
  int64_t total = 0;
};
} // namespace

/// Fills the sizes of layers and of the whole.
static void measureSizes(func::FuncOp function, LayerCollector &collector,
                         LayerReport &report) {
  Sizes before(function.getContext()), after(function.getContext());
  OpBuilder builder(function.getContext());
  function.walk([&](Operation *op) {
    if (isa<WeightProgramOpInterface>(op))
      return;
    for (Value value : op->getOperands()) {
      if (!isa<RankedTensorType>(value.getType()) || !isWeightProgram(value))
        continue;
      builder.setInsertionPoint(op);
      DequantizeOp codes = getDequantize(value);
      Value source = codes ? getUnquantized(builder, value) : value;
      bool isWide = getElementTypeOrSelf(value).isF64();
      source ? before.add(source) : before.add(codes, isWide);
      codes ? after.add(codes, isWide) : after.add(value);
    }
  });
  report.floatBytes = before.getTotal();
  report.bytes = after.getTotal();
  for (auto &[name, entry] : collector.layers) {
    Sizes floats(function.getContext()), codes(function.getContext());
    llvm::SmallPtrSet<Operation *, 4> seen;
    for (auto &[op, uses] : entry.uses)
      for (const QuantizedUse &use : uses) {
        DequantizeOp weight = getDequantize(use.operand->get());
        if (!weight || !seen.insert(weight).second)
          continue;
        entry.layer.elements += weight.getType().getNumElements();
        codes.add(weight, getElementTypeOrSelf(use.operand->get()).isF64());
        if (use.unquantized)
          floats.add(use.unquantized);
      }
    entry.layer.floatBytes = floats.getTotal();
    entry.layer.bytes = codes.getTotal();
  }
}

/// Fills the errors of weights.
static LogicalResult measureWeights(LayerCollector &collector,
                                    const ArchiveSet &archives) {
  for (auto &[name, entry] : collector.layers)
    for (auto &[op, uses] : entry.uses)
      for (const QuantizedUse &use : uses) {
        if (!use.unquantized || !isWeightProgram(use.operand->get()))
          continue;
        auto floats = evaluateFloats(use.unquantized, archives);
        auto numbers = evaluateFloats(use.operand->get(), archives);
        if (failed(floats) || failed(numbers))
          return failure();
        std::optional<NoisePower> &power =
            entry.layer.operands[use.place].power;
        if (!power)
          power.emplace();
        for (auto [x, y] : llvm::zip_equal(*floats, *numbers)) {
          power->signal += x * x;
          power->noise += (x - y) * (x - y);
        }
      }
  return success();
}

/// Fails where there is no such entry point.
static func::FuncOp getEntry(ModuleOp module, StringRef entry) {
  func::FuncOp function = findEntry(module, entry);
  if (!function)
    module.emitError() << "found no entry point '" << entry << "'";
  return function;
}

/// Drops all entry points but `function`: sites and sizes are of one.
static void dropOthers(func::FuncOp function) {
  auto module = function->getParentOfType<ModuleOp>();
  for (auto other : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (other != function && other->hasAttr(attrs::entry))
      other.erase();
}

/// What describeLayers() finds in `function`, with `collector` on it.
static FailureOr<LayerReport> describeFunction(func::FuncOp function,
                                               LayerCollector &collector,
                                               const LocatedModel &model) {
  LayerReport report;
  report.entry = function.getName().str();
  measureSizes(function, collector, report);
  FailureOr<ArchiveSet> archives = ArchiveSet::open(
      function->getParentOfType<ModuleOp>(), model.params, model.directory);
  if (failed(archives) || failed(measureWeights(collector, *archives)))
    return failure();
  return report;
}

FailureOr<LayerReport> quench::describeLayers(const LocatedModel &model,
                                              StringRef entry) {
  OwningOpRef<ModuleOp> module(ModuleOp(model.module).clone());
  func::FuncOp function = getEntry(*module, entry);
  if (!function)
    return failure();
  dropOthers(function);
  LayerCollector collector(function);
  FailureOr<LayerReport> report = describeFunction(function, collector, model);
  if (failed(report))
    return failure();
  for (auto &[name, layer] : collector.layers)
    report->layers.push_back(std::move(layer.layer));
  return report;
}

//===----------------------------------------------------------------------===//
// The program with switches
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral switchesName = "quench.switches";
/// What names of results that are sums begin with.
static constexpr llvm::StringLiteral sumPrefix = "quench.sum.";

namespace {
/// Makes a function compute both what a model gives, with a switch for each
/// layer, and what its float twin gives, and return sums of squares.
class Instrumenter {
public:
  /// A pair of results: the squares of a value and of what differs from it.
  struct Sums {
    std::string signal, noise;
  };
  /// The results that are about a layer.
  struct LayerSums {
    /// One for each op that is chosen as a whole.
    SmallVector<Sums> local, propagated;
    /// The operand and what is about it.
    SmallVector<std::pair<size_t, Sums>> operands;
  };

  Instrumenter(func::FuncOp function, LayerCollector &collector);

  /// Does it; nothing that the collector says about the ops is true any more.
  void run();

  /// One for each layer.
  ArrayRef<LayerSums> getSums() const { return sums; }

private:
  /// Adds to `op`, which belongs to layer `index`, the choice between codes and
  /// floats.
  void choose(Operation *op, SmallVector<QuantizedUse> uses, int64_t index);
  void chooseResult(Operation *op, ArrayRef<QuantizedUse> uses, int64_t index);
  void chooseOperands(Operation *op, ArrayRef<QuantizedUse> uses,
                      int64_t index);
  /// Copies `op` for the twin.
  void cloneFloat(Operation *op);
  /// `quantized` where the switch `index` is on, else `floats`.
  Value select(Value quantized, Value floats, int64_t index);
  /// Computes the squares of `floats` and of its difference from `quantized`
  /// and returns them.
  Sums compare(Value floats, Value quantized);
  std::string addResult(Value value);

  func::FuncOp function;
  LayerCollector &collector;
  OpBuilder builder;
  BlockArgument switches;
  /// From values of the model to those of the twin.
  IRMapping twin;
  std::vector<LayerSums> sums;
  /// By the quantizer of an activation.
  DenseMap<Value, Sums> operandSums;
};
} // namespace

Instrumenter::Instrumenter(func::FuncOp function, LayerCollector &collector)
    : function(function), collector(collector), builder(function.getContext()) {
}

std::string Instrumenter::addResult(Value value) {
  unsigned index = function.getNumResults();
  std::string name = (sumPrefix + Twine(index)).str();
  OpBuilder attributes(function);
  (void)function.insertResult(
      index, value.getType(),
      attributes.getDictionaryAttr(attributes.getNamedAttr(
          attrs::name, attributes.getStringAttr(name))));
  function.getBody().front().getTerminator()->insertOperands(index, value);
  return name;
}

Value Instrumenter::select(Value quantized, Value floats, int64_t index) {
  Location loc = quantized.getLoc();
  auto type = cast<RankedTensorType>(quantized.getType());
  int64_t rank = type.getRank();
  Value place = arith::ConstantIndexOp::create(builder, loc, index);
  Value number = tensor::ExtractOp::create(builder, loc, switches, place);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(0));
  Value isOn = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                                     number, zero);
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, quantized),
      type.getElementType());
  SmallVector<AffineMap> maps(3, builder.getMultiDimIdentityMap(rank));
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  // Loops that differ in nothing but what they read are compiled once, so the
  // number of the switch is not in them.
  return linalg::GenericOp::create(
             builder, loc, init.getType(), ValueRange{quantized, floats}, init,
             maps, iterators,
             [&](OpBuilder &builder, Location loc, ValueRange arguments) {
               Value result = arith::SelectOp::create(
                   builder, loc, isOn, arguments[0], arguments[1]);
               linalg::YieldOp::create(builder, loc, result);
             })
      .getResult(0);
}

Instrumenter::Sums Instrumenter::compare(Value floats, Value quantized) {
  Location loc = floats.getLoc();
  int64_t rank = cast<RankedTensorType>(floats.getType()).getRank();
  Type f64 = builder.getF64Type();
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(0));
  SmallVector<Value> inits;
  for (int i = 0; i < 2; ++i) {
    Value empty =
        tensor::EmptyOp::create(builder, loc, ArrayRef<int64_t>(), f64);
    inits.push_back(
        linalg::FillOp::create(builder, loc, zero, empty).getResult(0));
  }
  AffineMap each = builder.getMultiDimIdentityMap(rank);
  AffineMap none = AffineMap::get(rank, 0, builder.getContext());
  SmallVector<IteratorType> iterators(rank, IteratorType::reduction);
  auto op = linalg::GenericOp::create(
      builder, loc, ValueRange(inits).getTypes(), ValueRange{floats, quantized},
      inits, ArrayRef<AffineMap>{each, each, none, none}, iterators,
      [&](OpBuilder &builder, Location loc, ValueRange arguments) {
        auto widen = [&](Value value) -> Value {
          if (value.getType() == f64)
            return value;
          return arith::ExtFOp::create(builder, loc, f64, value);
        };
        auto addSquare = [&](Value value, Value sum) -> Value {
          Value square = arith::MulFOp::create(builder, loc, value, value);
          return arith::AddFOp::create(builder, loc, sum, square);
        };
        Value x = widen(arguments[0]), y = widen(arguments[1]);
        Value difference = arith::SubFOp::create(builder, loc, x, y);
        linalg::YieldOp::create(
            builder, loc,
            ValueRange{addSquare(x, arguments[2]),
                       addSquare(difference, arguments[3])});
      });
  return {addResult(op.getResult(0)), addResult(op.getResult(1))};
}

void Instrumenter::chooseResult(Operation *op, ArrayRef<QuantizedUse> uses,
                                int64_t index) {
  Value quantized = op->getResult(0), reference = twin.lookup(quantized);
  builder.setInsertionPointAfterValue(reference);
  Operation *floats = builder.clone(*op);
  for (const QuantizedUse &use : uses)
    floats->setOperand(use.operand->getOperandNumber(), use.unquantized);
  SmallVector<OpOperand *> readers =
      llvm::to_vector(llvm::make_pointer_range(quantized.getUses()));
  Value chosen = select(quantized, floats->getResult(0), index);
  for (OpOperand *reader : readers)
    reader->set(chosen);
  // What is cloned from now on reads what was chosen.
  twin.map(chosen, reference);
  sums[index].local.push_back(compare(floats->getResult(0), quantized));
  sums[index].propagated.push_back(compare(reference, chosen));
}

void Instrumenter::chooseOperands(Operation *op, ArrayRef<QuantizedUse> uses,
                                  int64_t index) {
  builder.setInsertionPoint(op);
  for (const QuantizedUse &use : uses)
    use.operand->set(select(use.operand->get(), use.unquantized, index));
}

/// Whether `op` updates a state: its results are not all values of the model.
static bool hasState(Operation *op) {
  return op->getNumResults() != 1 ||
         llvm::any_of(op->getOperands(), [](Value value) {
           auto argument = dyn_cast<BlockArgument>(value);
           auto function =
               argument
                   ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
                   : func::FuncOp();
           auto role = function ? function.getArgAttrOfType<StringAttr>(
                                      argument.getArgNumber(), attrs::role)
                                : StringAttr();
           return role && role.getValue() == "state";
         });
}

void Instrumenter::choose(Operation *op, SmallVector<QuantizedUse> uses,
                          int64_t index) {
  builder.setInsertionPoint(op);
  for (QuantizedUse &use : uses) {
    // What was chosen before stands in the place of what was collected.
    use.unquantized = getUnquantized(builder, use.operand->get());
    auto quantizer = use.operand->get().getDefiningOp<FakeQuantOp>();
    if (!quantizer || isWeightProgram(quantizer.getInput()))
      continue;
    auto [it, isNew] = operandSums.try_emplace(quantizer);
    if (isNew) {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointAfter(quantizer);
      it->second = compare(quantizer.getInput(), quantizer);
    }
    sums[index].operands.push_back({use.place, it->second});
  }
  hasState(op) ? chooseOperands(op, uses, index)
               : chooseResult(op, uses, index);
}

void Instrumenter::cloneFloat(Operation *op) {
  // Weights are the same in both.
  if (op->getNumResults() == 1 && isWeightProgram(op->getResult(0)))
    return;
  if (auto quantizer = dyn_cast<FakeQuantOp>(op)) {
    twin.map(quantizer.getResult(), twin.lookupOrDefault(quantizer.getInput()));
    return;
  }
  builder.setInsertionPointAfter(op);
  Operation *copy = builder.clone(*op, twin);
  for (OpOperand &operand : copy->getOpOperands()) {
    builder.setInsertionPoint(copy);
    if (getDequantize(operand.get()))
      if (Value floats = getUnquantized(builder, operand.get()))
        operand.set(floats);
  }
}

void Instrumenter::run() {
  unsigned position = function.getNumArguments();
  auto type = RankedTensorType::get(
      {static_cast<int64_t>(collector.layers.size())}, builder.getI64Type());
  (void)function.insertArgument(
      position, type,
      builder.getDictionaryAttr(builder.getNamedAttr(
          attrs::name, builder.getStringAttr(switchesName))),
      function.getLoc());
  switches = function.getArgument(position);
  sums.resize(collector.layers.size());
  DenseMap<Operation *, int64_t> layerOf;
  for (auto [index, entry] : llvm::enumerate(collector.layers))
    if (entry.second.layer.hasTwin)
      for (auto &[op, uses] : entry.second.uses)
        layerOf[op] = index;
  // Both models side by side, so that values live no longer than in one.
  for (Operation &op : llvm::make_early_inc_range(
           function.getBody().front().without_terminator())) {
    cloneFloat(&op);
    auto layer = layerOf.find(&op);
    if (layer != layerOf.end()) {
      LayerOps &entry = collector.layers.begin()[layer->second].second;
      choose(&op, entry.uses[&op], layer->second);
    }
  }
  // Scales of the twin, of which nothing is quantized, and the like.
  SmallVector<Operation *> ops = llvm::to_vector(llvm::make_pointer_range(
      function.getBody().front().without_terminator()));
  for (Operation *op : llvm::reverse(ops))
    if (isOpTriviallyDead(op))
      op->erase();
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

namespace {
/// Runs the program with switches over examples.
class Measurement {
public:
  Measurement(func::FuncOp function, ModelSession &session, ExampleData &data,
              ExampleData *labels, const EvaluationOptions &options,
              int64_t numLayers, int64_t available)
      : session(session), data(data), labels(labels), options(options),
        numLayers(numLayers), available(available),
        empty(function, data.areBytes()) {}

  using Switches = std::vector<int64_t>;
  Switches getAll(bool isOn) const { return Switches(numLayers, isOn); }
  Switches getAllBut(int64_t layer) const {
    Switches switches = getAll(true);
    switches[layer] = false;
    return switches;
  }
  Switches getAlone(ArrayRef<int64_t> layers) const {
    Switches switches = getAll(false);
    for (int64_t layer : layers)
      switches[layer] = true;
    return switches;
  }

  /// Runs all `configurations` on all examples, after the twin, which is the
  /// reference of their outputs. The numbers of the results that were added
  /// are summed up into `sums`, one map for each configuration.
  llvm::Error run(ArrayRef<Switches> configurations,
                  std::vector<OutputLoss> &losses,
                  std::vector<llvm::StringMap<double>> &sums);

  int64_t getNumExamples() const { return available; }

private:
  llvm::Error runBatch(int64_t begin, int64_t count,
                       ArrayRef<Switches> configurations,
                       std::vector<OutputMetrics> &metrics,
                       std::vector<llvm::StringMap<double>> &sums);
  llvm::Expected<ArrayRef<qrt_tensor>> runOnce(ArrayRef<qrt_tensor> inputs,
                                               ArrayRef<int64_t> switches);

  ModelSession &session;
  ExampleData &data;
  ExampleData *labels;
  const EvaluationOptions &options;
  int64_t numLayers, available;
  OutputMetrics empty;
};
} // namespace

llvm::Expected<ArrayRef<qrt_tensor>>
Measurement::runOnce(ArrayRef<qrt_tensor> inputs, ArrayRef<int64_t> switches) {
  SmallVector<qrt_tensor> all(inputs);
  if (numLayers)
    all.push_back({switchesName.data(), QRT_I64, 1, &numLayers,
                   const_cast<int64_t *>(switches.data())});
  return session.run(all);
}

llvm::Error Measurement::runBatch(int64_t begin, int64_t count,
                                  ArrayRef<Switches> configurations,
                                  std::vector<OutputMetrics> &metrics,
                                  std::vector<llvm::StringMap<double>> &sums) {
  auto inputs = data.get(begin, count);
  if (!inputs)
    return inputs.takeError();
  const qrt_tensor *given = nullptr;
  if (labels) {
    auto read = labels->get(begin, count);
    if (!read)
      return read.takeError();
    given = &read->front();
  }
  auto floats = runOnce(*inputs, getAll(false));
  if (!floats)
    return floats.takeError();
  OwnedTensors reference = session.take();
  for (auto [index, switches] : llvm::enumerate(configurations)) {
    bool isReference = llvm::all_of(switches, [](int64_t s) { return s == 0; });
    ArrayRef<qrt_tensor> outputs = reference.get();
    if (!isReference) {
      auto run = runOnce(*inputs, switches);
      if (!run)
        return run.takeError();
      outputs = *run;
    }
    auto isSum = [](const qrt_tensor &tensor) {
      return StringRef(tensor.name).starts_with(sumPrefix);
    };
    auto end = llvm::find_if(outputs, isSum) - outputs.begin();
    if (llvm::Error error =
            metrics[index].add(*inputs, given, outputs.take_front(end),
                               isReference ? ArrayRef<qrt_tensor>()
                                           : reference.get().take_front(end)))
      return error;
    for (const qrt_tensor &sum : outputs.drop_front(end))
      sums[index][sum.name] += *static_cast<const double *>(sum.data);
  }
  return llvm::Error::success();
}

llvm::Error Measurement::run(ArrayRef<Switches> configurations,
                             std::vector<OutputLoss> &losses,
                             std::vector<llvm::StringMap<double>> &sums) {
  std::vector<OutputMetrics> metrics(configurations.size(), empty);
  sums.assign(configurations.size(), {});
  for (int64_t begin = 0; begin < available;) {
    int64_t count = std::min(data.getBatch(), available - begin);
    if (llvm::Error error =
            runBatch(begin, count, configurations, metrics, sums))
      return makeError(llvm::toString(std::move(error)), ", ",
                       describeExamples(begin, begin + count));
    begin += count;
    if (options.onProgress)
      options.onProgress(begin, available);
  }
  losses.clear();
  for (const OutputMetrics &each : metrics)
    losses.push_back({each.getErrorRatio(), each.get()});
  return llvm::Error::success();
}

/// What the results `names` add up to.
static NoisePower getPower(ArrayRef<Instrumenter::Sums> names,
                           const llvm::StringMap<double> &sums) {
  NoisePower power;
  for (const Instrumenter::Sums &name : names) {
    power.signal += sums.lookup(name.signal);
    power.noise += sums.lookup(name.noise);
  }
  return power;
}

/// Fills what runs on examples tell into `report`.
static llvm::Error measure(Measurement &measurement,
                           ArrayRef<Instrumenter::LayerSums> names,
                           const MeasureOptions &options, LayerReport &report) {
  using Switches = Measurement::Switches;
  std::vector<OutputLoss> losses;
  std::vector<llvm::StringMap<double>> sums;
  std::vector<QuantizedLayer> &layers = report.layers;
  if (llvm::Error error = measurement.run(
          {measurement.getAll(false), measurement.getAll(true)}, losses, sums))
    return error;
  report.examples = measurement.getNumExamples();
  report.reference = losses[0];
  report.quantized = losses[1];
  SmallVector<int64_t> candidates;
  for (auto [index, layer] : llvm::enumerate(layers)) {
    if (!layer.hasTwin)
      continue;
    candidates.push_back(index);
    if (!names[index].local.empty()) {
      layer.local = getPower(names[index].local, sums[0]);
      layer.propagated = getPower(names[index].propagated, sums[1]);
    }
    for (auto [place, name] : names[index].operands)
      layer.operands[place].power = getPower(name, sums[0]);
  }

  // Where there are too many, those that lose most.
  auto getLocal = [&](int64_t index) {
    const std::optional<NoisePower> &local = layers[index].local;
    return local && local->noise > 0 ? local->noise / local->signal : 0.0;
  };
  llvm::sort(candidates, [&](int64_t a, int64_t b) {
    return std::make_pair(-getLocal(a), a) < std::make_pair(-getLocal(b), b);
  });
  if (static_cast<int64_t>(candidates.size()) > options.ablations)
    candidates.resize(options.ablations);
  if (candidates.empty())
    return llvm::Error::success();
  std::vector<Switches> configurations;
  for (int64_t index : candidates) {
    configurations.push_back(measurement.getAlone(index));
    configurations.push_back(measurement.getAllBut(index));
  }
  if (llvm::Error error = measurement.run(configurations, losses, sums))
    return error;
  for (auto [place, index] : llvm::enumerate(candidates)) {
    layers[index].alone = losses[2 * place];
    layers[index].without = losses[2 * place + 1];
  }

  llvm::sort(candidates, [&](int64_t a, int64_t b) {
    return std::make_pair(layers[a].without->ratio, a) <
           std::make_pair(layers[b].without->ratio, b);
  });
  configurations.clear();
  Switches switches = measurement.getAll(true);
  LayerReport::Kept kept;
  kept.bytes = report.bytes;
  for (int64_t index : candidates) {
    if (static_cast<int64_t>(configurations.size()) == options.sets)
      break;
    switches[index] = false;
    configurations.push_back(switches);
    kept.layers.push_back(layers[index].name);
    kept.bytes += layers[index].floatBytes - layers[index].bytes;
    report.kept.push_back(kept);
  }
  if (configurations.empty())
    return llvm::Error::success();
  if (llvm::Error error = measurement.run(configurations, losses, sums))
    return error;
  for (auto [set, loss] : llvm::zip_equal(report.kept, losses))
    set.loss = loss;
  return llvm::Error::success();
}

/// Lets `measure` run the program with switches of `model`, at most `runsEach`
/// times an example for each of `maxLayers` layers, and returns the report,
/// which has all that needs no run.
static FailureOr<LayerReport> runWithSwitches(
    const LocatedModel &model, const CPUTarget &target,
    const EvaluationOptions &options, int64_t runsEach, int64_t maxLayers,
    llvm::function_ref<llvm::Error(
        Measurement &, ArrayRef<Instrumenter::LayerSums>, LayerReport &)>
        measure) {
  auto fail = [context = model.module->getContext()](
                  llvm::Error error) -> LogicalResult {
    return emitError(UnknownLoc::get(context))
           << llvm::toString(std::move(error));
  };
  OwningOpRef<ModuleOp> module(ModuleOp(model.module).clone());
  func::FuncOp function = getEntry(*module, options.entry);
  if (!function)
    return failure();
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("is an entry point of more than one block");
  dropOthers(function);
  auto data = ExampleData::open(function, options);
  if (!data)
    return fail(data.takeError());
  auto labels = ExampleData::openLabels(options.labels, options.data, **data);
  if (!labels)
    return fail(labels.takeError());

  LayerCollector collector(function);
  FailureOr<LayerReport> report = describeFunction(function, collector, model);
  if (failed(report))
    return failure();
  Instrumenter instrumenter(function, collector);
  if (!collector.layers.empty())
    instrumenter.run();
  for (auto &[name, layer] : collector.layers)
    report->layers.push_back(std::move(layer.layer));
  int64_t examples = (*data)->size();
  if (options.limit)
    examples = std::min(examples, options.limit);
  int64_t runs = runsEach * std::min<int64_t>(maxLayers, report->layers.size());
  auto session = ModelSession::create(
      function, model.directory, target, model.params, options.threads,
      options.optimize &&
          isWorthOptimizing(function, examples * options.length * (runs + 2)));
  if (failed(session))
    return failure();
  if (llvm::Error error = (*data)->prepare((*session)->get()))
    return fail(std::move(error));
  Measurement measurement(function, **session, **data, labels->get(), options,
                          report->layers.size(), examples);
  if (llvm::Error error = measure(measurement, instrumenter.getSums(), *report))
    return fail(std::move(error));
  return report;
}

FailureOr<LayerReport> quench::measureLayers(const LocatedModel &model,
                                             const CPUTarget &target,
                                             const MeasureOptions &options) {
  return runWithSwitches(
      model, target, options, /*runsEach=*/2, options.ablations,
      [&](Measurement &measurement, ArrayRef<Instrumenter::LayerSums> names,
          LayerReport &report) {
        return measure(measurement, names, options, report);
      });
}

FailureOr<LayerReport>
quench::measureGroups(const LocatedModel &model, const CPUTarget &target,
                      const EvaluationOptions &options,
                      ArrayRef<std::vector<std::string>> groups,
                      std::vector<OutputLoss> &losses) {
  return runWithSwitches(
      model, target, options, /*runsEach=*/1, groups.size(),
      [&](Measurement &measurement, ArrayRef<Instrumenter::LayerSums>,
          LayerReport &report) -> llvm::Error {
        llvm::StringMap<int64_t> places;
        for (auto [place, layer] : llvm::enumerate(report.layers))
          places[layer.name] = place;
        std::vector<Measurement::Switches> configurations;
        for (const std::vector<std::string> &group : groups) {
          SmallVector<int64_t> layers;
          for (const std::string &name : group) {
            auto it = places.find(name);
            if (it == places.end())
              return makeError("'", name,
                               "' is no layer that is quantized in '",
                               report.entry, "'");
            if (!report.layers[it->second].hasTwin)
              return makeError("'", name,
                               "' was read as codes, expected floats");
            layers.push_back(it->second);
          }
          configurations.push_back(measurement.getAlone(layers));
        }
        std::vector<llvm::StringMap<double>> sums;
        report.examples = measurement.getNumExamples();
        return measurement.run(configurations, losses, sums);
      });
}
