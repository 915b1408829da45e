//===- SplitModel.cpp - Models in pieces that run one after another -------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SplitModel.h"

#include "DimSymbols.h"

#include "Quench/Analysis/ChannelClasses.h"
#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Interfaces/ChannelScalableOpInterface.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace quench;

namespace {
/// One entry point and where it is cut.
class EntrySplitter {
public:
  explicit EntrySplitter(func::FuncOp func) : func(func) {}

  func::FuncOp getFunc() const { return func; }

  /// Looks at the ops. Fails where this entry point cannot be cut.
  LogicalResult analyze();

  /// The ops after which it may be cut: residual joins, and, where
  /// `isWithinBlocks`, all that read parameters.
  SmallVector<Operation *> getPlaces(bool isWithinBlocks);

  /// What residual joins compute.
  ArrayRef<Value> getJoins() const { return joins; }

  /// Says after which ops it is cut, and finds what crosses the cuts. Fails
  /// where the size of such a value does not follow from arguments. With
  /// `givesJoins` the joins are results.
  LogicalResult cut(ArrayRef<Operation *> last, bool givesJoins);

  /// Adds the piece number `index` to `module`.
  void addPiece(ModuleOp module, unsigned index);

private:
  /// Whether `value` is computed from parameters alone, or from arguments that
  /// are no states alone.
  bool isRepeated(Value value) { return repeated.contains(value); }
  unsigned pieceOf(Value value);
  /// The tensors of other pieces that `value` is computed from.
  void findCrossing(Value value, unsigned piece);

  func::FuncOp func;
  SmallVector<Value> joins;
  llvm::DenseSet<Value> repeated;
  llvm::DenseMap<Operation *, unsigned> pieces;
  unsigned numPieces = 1;
  /// What crosses a cut, its dimensions, and the last piece that reads it.
  struct Crossing {
    ArrayAttr symbols;
    std::string name;
    llvm::SmallDenseSet<unsigned, 2> readers;
  };
  llvm::MapVector<Value, Crossing> crossings;
};
} // namespace

/// Whether `op`, no weight program, reads what one computes.
static bool readsWeights(Operation &op) {
  return llvm::any_of(op.getOperands(), [](Value operand) {
    Operation *source = operand.getDefiningOp();
    return source && isa<WeightProgramOpInterface>(source);
  });
}

LogicalResult EntrySplitter::analyze() {
  if (!func.getBody().hasOneBlock())
    return failure();
  for (auto [i, argument] : llvm::enumerate(func.getArguments())) {
    auto role = func.getArgAttrOfType<StringAttr>(i, attrs::role);
    if (!role || role.getValue() != "state")
      repeated.insert(argument);
  }
  for (Operation &op : func.getBody().front().without_terminator()) {
    if (op.getNumRegions() || isa<func::CallOp>(op))
      return failure();
    bool isProgram = isa<WeightProgramOpInterface>(op);
    if (llvm::all_of(op.getOperands(),
                     [&](Value value) { return isRepeated(value); }) &&
        (isProgram || !readsWeights(op)))
      for (Value result : op.getResults())
        repeated.insert(result);
    if (auto add = dyn_cast<AddOp>(op); add && add.getResidual())
      joins.push_back(add);
  }
  return success();
}

static int64_t countBytes(Value value) {
  return 8 * cast<ShapedType>(value.getType()).getNumElements();
}

SmallVector<Operation *> EntrySplitter::getPlaces(bool isWithinBlocks) {
  llvm::DenseMap<Operation *, unsigned> order;
  for (Operation &op : func.getBody().front())
    order[&op] = order.size();
  // What is made of a state is read in the piece that updates it.
  SmallVector<std::pair<unsigned, unsigned>> updates;
  for (BlockArgument state : func.getArguments()) {
    if (isRepeated(state) || state.use_empty())
      continue;
    updates.emplace_back(order.size(), 0);
    auto add = [&](Operation *op) {
      if (op->hasTrait<OpTrait::IsTerminator>())
        return;
      updates.back().first = std::min(updates.back().first, order[op]);
      updates.back().second = std::max(updates.back().second, order[op]);
    };
    for (Operation *user : state.getUsers()) {
      add(user);
      for (Operation *reader : user->getUsers())
        add(reader);
    }
  }
  SmallVector<Operation *> places;
  llvm::DenseSet<Value> ends(joins.begin(), joins.end());
  for (Operation &op : func.getBody().front().without_terminator()) {
    if (op.getNumResults() != 1)
      continue;
    bool isWithin =
        isWithinBlocks && !isa<WeightProgramOpInterface>(op) &&
        readsWeights(op) && llvm::none_of(updates, [&](auto update) {
          return update.first <= order[&op] && order[&op] < update.second;
        });
    if (isWithin || ends.contains(op.getResult(0)))
      places.push_back(&op);
  }
  return places;
}

unsigned EntrySplitter::pieceOf(Value value) {
  Operation *op = value.getDefiningOp();
  return op ? pieces.lookup(op) : 0;
}

void EntrySplitter::findCrossing(Value value, unsigned piece) {
  if (isa<BlockArgument>(value) || isRepeated(value) || pieceOf(value) == piece)
    return;
  if (isa<RankedTensorType>(value.getType())) {
    crossings[value].readers.insert(piece);
    return;
  }
  // Sizes and the like are computed again.
  for (Value operand : value.getDefiningOp()->getOperands())
    findCrossing(operand, piece);
}

LogicalResult EntrySplitter::cut(ArrayRef<Operation *> last, bool givesJoins) {
  unsigned piece = 0;
  pieces.clear();
  crossings.clear();
  for (Operation &op : func.getBody().front()) {
    pieces[&op] = piece;
    if (llvm::is_contained(last, &op))
      ++piece;
  }
  numPieces = piece + 1;
  // A state belongs to one piece.
  for (auto [i, argument] : llvm::enumerate(func.getArguments()))
    if (!isRepeated(argument))
      for (Operation *user : argument.getUsers())
        if (pieces[user] != pieces[*argument.user_begin()])
          return failure();
  Operation *exit = func.getBody().front().getTerminator();
  for (Operation &op : func.getBody().front())
    if (&op != exit && !llvm::all_of(op.getResults(), [&](Value value) {
          return isRepeated(value);
        }))
      for (Value operand : op.getOperands())
        findCrossing(operand, pieces[&op]);
  if (givesJoins)
    for (Value join : joins)
      crossings.insert({join, {}});
  for (auto [index, entry] : llvm::enumerate(crossings)) {
    auto &[value, crossing] = entry;
    FailureOr<ArrayAttr> symbols = findSymbols(value, [&](Value known) {
      auto it = crossings.find(known);
      return it == crossings.end() ? ArrayAttr() : it->second.symbols;
    });
    if (failed(symbols))
      return failure();
    crossing.symbols = *symbols;
    crossing.name = (crossingPrefix + Twine(index)).str();
    const auto *join = llvm::find(joins, value);
    if (givesJoins && join != joins.end())
      crossing.name = (joinPrefix + Twine(join - joins.begin())).str();
  }
  return success();
}

void EntrySplitter::addPiece(ModuleOp module, unsigned index) {
  OpBuilder builder(func.getContext());
  auto describe = [&](const Crossing &crossing) {
    return builder.getDictionaryAttr(
        {builder.getNamedAttr(attrs::name,
                              builder.getStringAttr(crossing.name)),
         builder.getNamedAttr(attrs::dims, crossing.symbols)});
  };
  auto piece = func::FuncOp::create(builder, func.getLoc(), func.getSymName(),
                                    builder.getFunctionType({}, {}));
  module.push_back(piece);
  piece->setAttr(attrs::entry, builder.getUnitAttr());
  Block *body = piece.addEntryBlock();

  IRMapping mapping;
  SmallVector<DictionaryAttr> argumentAttrs, resultAttrs;
  auto addArgument = [&](Value value, DictionaryAttr attributes) {
    mapping.map(value, body->addArgument(value.getType(), value.getLoc()));
    argumentAttrs.push_back(attributes ? attributes
                                       : builder.getDictionaryAttr({}));
  };
  for (auto &[value, crossing] : crossings)
    if (crossing.readers.contains(index))
      addArgument(value, describe(crossing));

  // What results of this piece need, each op after its operands.
  SmallVector<Value> results;
  for (auto &[value, crossing] : crossings)
    if (pieceOf(value) == index) {
      results.push_back(value);
      resultAttrs.push_back(describe(crossing));
    }
  Operation *exit = func.getBody().front().getTerminator();
  for (auto [i, value] : llvm::enumerate(exit->getOperands())) {
    unsigned home = isRepeated(value) ? numPieces - 1 : pieceOf(value);
    // A state that is handed on stays with who reads it last: nobody.
    if (isa<BlockArgument>(value))
      home = numPieces - 1;
    if (home != index)
      continue;
    results.push_back(value);
    DictionaryAttr attributes = func.getResultAttrDict(i);
    resultAttrs.push_back(attributes ? attributes
                                     : builder.getDictionaryAttr({}));
  }
  llvm::SetVector<Operation *> needed;
  SmallVector<Value> pending(results);
  llvm::SmallDenseSet<Value> usedArguments;
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    if (mapping.contains(value))
      continue;
    if (isa<BlockArgument>(value))
      usedArguments.insert(value);
    else if (needed.insert(value.getDefiningOp()))
      llvm::append_range(pending, value.getDefiningOp()->getOperands());
  }
  for (auto [i, argument] : llvm::enumerate(func.getArguments()))
    if (usedArguments.contains(argument))
      addArgument(argument, func.getArgAttrDict(i));
  builder.setInsertionPointToStart(body);
  for (Operation &op : func.getBody().front())
    if (needed.contains(&op))
      builder.clone(op, mapping);
  auto mapped = llvm::map_to_vector(
      results, [&](Value value) { return mapping.lookup(value); });
  func::ReturnOp::create(builder, func.getLoc(), mapped);
  piece.setFunctionType(builder.getFunctionType(body->getArgumentTypes(),
                                                ValueRange(mapped).getTypes()));
  piece.setAllArgAttrs(argumentAttrs);
  piece.setAllResultAttrs(resultAttrs);
}

/// Does `op` part by part where its weights have more than `maxBytes`: its
/// result is put together of ranges of the axis that it writes from weights.
static void splitOp(Operation *op, int64_t maxBytes) {
  auto scalable = dyn_cast<ChannelScalableOpInterface>(op);
  if (!scalable || op->getNumResults() != 1)
    return;
  SmallVector<ChannelPort> ports;
  scalable.getScalePorts(ports);
  const auto *port = llvm::find_if(ports, [&](const ChannelPort &port) {
    return port.value == op->getResult(0) && port.role == PortRole::Producer;
  });
  if (port == ports.end())
    return;
  int64_t bytes = 0;
  for (WeightAxis weight : port->weights) {
    Value value = op->getOperand(weight.operand);
    if (!isa_and_nonnull<WeightProgramOpInterface>(value.getDefiningOp()))
      return;
    bytes += countBytes(value);
  }
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  int64_t size = type.getDimSize(port->axis);
  if (bytes <= maxBytes || ShapedType::isDynamic(size))
    return;
  int64_t numParts = std::min<int64_t>(
      size, llvm::divideCeil(bytes, std::max<int64_t>(maxBytes, 1)));
  int64_t step = llvm::divideCeil(size, numParts);
  OpBuilder builder(op);
  SmallVector<Value> parts;
  SmallVector<Operation *> made;
  for (int64_t begin = 0; begin < size; begin += step) {
    int64_t end = std::min(begin + step, size);
    IRMapping mapping;
    for (WeightAxis weight : port->weights) {
      Value whole = op->getOperand(weight.operand);
      made.push_back(SliceOp::create(builder, whole.getLoc(), whole,
                                     weight.axis, begin, end));
      mapping.map(whole, made.back()->getResult(0));
    }
    SmallVector<int64_t> shape(type.getShape());
    shape[port->axis] = end - begin;
    made.push_back(builder.clone(*op, mapping));
    parts.push_back(made.back()->getResult(0));
    parts.back().setType(type.clone(shape));
    // A port speaks of scales; whether the op can do with fewer channels, too,
    // its verifier says.
    ScopedDiagnosticHandler silence(op->getContext(),
                                    [](Diagnostic &) { return success(); });
    if (failed(verify(made.back()))) {
      for (Operation *part : llvm::reverse(made))
        part->erase();
      return;
    }
  }
  auto whole =
      tensor::ConcatOp::create(builder, op->getLoc(), type, port->axis, parts);
  FailureOr<SmallVector<Value>> inserted = whole.decomposeOperation(builder);
  if (failed(inserted))
    return;
  op->getResult(0).replaceAllUsesWith(inserted->front());
  whole->erase();
  op->erase();
}

/// For each of `places` the bytes of the parameters that are used up to it, and
/// not up to the one before; the last is the rest.
static SmallVector<int64_t> countBytes(func::FuncOp func,
                                       ArrayRef<Operation *> places) {
  SmallVector<int64_t> bytes(1);
  llvm::DenseSet<Value> counted;
  for (Operation &op : func.getBody().front()) {
    if (isa<WeightProgramOpInterface>(op))
      continue;
    for (Value operand : op.getOperands()) {
      Operation *source = operand.getDefiningOp();
      if (source && isa<WeightProgramOpInterface>(source) &&
          counted.insert(operand).second)
        bytes.back() += countBytes(operand);
    }
    if (bytes.size() <= places.size() && &op == places[bytes.size() - 1])
      bytes.push_back(0);
  }
  return bytes;
}

/// The numbers of the places after which a model is cut, so that no more than
/// `maxBytes` stand between two where that can be.
static SmallVector<unsigned> chooseCuts(ArrayRef<int64_t> bytes,
                                        int64_t maxBytes) {
  SmallVector<unsigned> cuts;
  int64_t sum = bytes.front();
  for (unsigned i = 1; i < bytes.size(); ++i) {
    if (sum + bytes[i] > maxBytes && sum != 0) {
      cuts.push_back(i - 1);
      sum = 0;
    }
    sum += bytes[i];
  }
  return cuts;
}

/// Cuts all of `entries` after the same places, residual joins or, where
/// `isWithinBlocks`, ops within blocks, too. Gives the number of pieces, none
/// where that cannot be.
static std::optional<unsigned>
cutEntries(MutableArrayRef<EntrySplitter> entries, int64_t maxBytes,
           bool isWithinBlocks, bool givesJoins) {
  SmallVector<SmallVector<Operation *>> places;
  for (EntrySplitter &entry : entries)
    places.push_back(entry.getPlaces(isWithinBlocks));
  SmallVector<unsigned> cuts = chooseCuts(
      countBytes(entries.front().getFunc(), places.front()), maxBytes);
  for (auto [entry, ops] : llvm::zip_equal(entries, places)) {
    if (ops.size() != places.front().size())
      return std::nullopt;
    auto last =
        llvm::map_to_vector(cuts, [&ops = ops](unsigned i) { return ops[i]; });
    if (failed(entry.cut(last, givesJoins)))
      return std::nullopt;
  }
  return cuts.size() + 1;
}

/// Looks at the entry points of `module`. Gives none where one cannot be cut.
static std::vector<EntrySplitter> analyzeEntries(ModuleOp module) {
  std::vector<EntrySplitter> entries;
  for (auto func : module.getOps<func::FuncOp>())
    if (!func->hasAttr(attrs::entry) ||
        failed(entries.emplace_back(func).analyze()))
      return {};
  return entries;
}

/// Adds what the cut `entries` of `module` are as `numPieces` modules.
static void addPieces(ModuleOp module, MutableArrayRef<EntrySplitter> entries,
                      unsigned numPieces, SplitModel &model) {
  for (unsigned i = 0; i < numPieces; ++i) {
    model.pieces.emplace_back(ModuleOp::create(module.getLoc()));
    (*model.pieces.back())->setAttrs(module->getAttrDictionary());
    for (EntrySplitter &entry : entries)
      entry.addPiece(*model.pieces.back(), i);
  }
}

SplitModel quench::splitModel(ModuleOp module, int64_t maxBytes,
                              bool givesJoins) {
  SplitModel model;
  // Reified sizes are ops.
  OwningOpRef<ModuleOp> scratch(module.clone());
  SmallVector<Operation *> ops;
  for (auto func : scratch->getOps<func::FuncOp>())
    if (func->hasAttr(attrs::entry))
      llvm::append_range(ops, llvm::make_pointer_range(func.getOps()));
  for (Operation *op : ops)
    splitOp(op, maxBytes);
  std::vector<EntrySplitter> entries = analyzeEntries(*scratch);
  std::optional<unsigned> numPieces;
  if (!entries.empty()) {
    numPieces =
        cutEntries(entries, maxBytes, /*isWithinBlocks=*/true, givesJoins);
    if (!numPieces)
      numPieces =
          cutEntries(entries, maxBytes, /*isWithinBlocks=*/false, givesJoins);
  }
  if (!numPieces || (numPieces == 1 && !givesJoins)) {
    model.pieces.emplace_back(module.clone());
    return model;
  }
  addPieces(module, entries, *numPieces, model);
  if (givesJoins)
    for (Value join : entries.front().getJoins())
      model.blocks.push_back(getSiteName(join.getDefiningOp()));
  return model;
}

/// `path` up to its first part that is a number; empty where it has none.
static StringRef getBlock(StringRef path) {
  size_t begin = 0;
  while (begin < path.size()) {
    StringRef part = path.substr(begin).split('.').first;
    begin += part.size();
    if (!part.empty() && llvm::all_of(part, llvm::isDigit))
      return path.take_front(begin);
    ++begin;
  }
  return "";
}

/// The joins of `entry` that end blocks.
static SmallVector<Operation *> getBlockEnds(const EntrySplitter &entry) {
  SmallVector<Operation *> ends;
  std::string block;
  for (Value join : llvm::reverse(entry.getJoins())) {
    std::string name = getSiteName(join.getDefiningOp());
    std::string own = getBlock(name).str();
    if (!own.empty() && own != block)
      ends.push_back(join.getDefiningOp());
    block = own;
  }
  std::reverse(ends.begin(), ends.end());
  return ends;
}

SplitModel quench::splitAtBlocks(ModuleOp module) {
  SplitModel model;
  OwningOpRef<ModuleOp> scratch(module.clone());
  std::vector<EntrySplitter> entries = analyzeEntries(*scratch);
  size_t numCuts = entries.empty() ? 0 : getBlockEnds(entries.front()).size();
  bool canCut = numCuts > 0;
  for (EntrySplitter &entry : entries) {
    SmallVector<Operation *> ends = getBlockEnds(entry);
    canCut = canCut && ends.size() == numCuts &&
             succeeded(entry.cut(ends, /*givesJoins=*/false));
  }
  if (canCut)
    addPieces(module, entries, numCuts + 1, model);
  else
    model.pieces.emplace_back(module.clone());
  return model;
}
