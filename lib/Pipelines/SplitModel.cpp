//===- SplitModel.cpp - Models in pieces that run one after another -------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SplitModel.h"

#include "Quench/Dialect/Quench/IR/QuenchModelOps.h"
#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Support/DType.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace quench;

namespace {
/// One entry point and where it is cut.
class EntrySplitter {
public:
  explicit EntrySplitter(func::FuncOp func) : func(func) {}

  /// Looks at the ops. Fails where this entry point cannot be cut.
  LogicalResult analyze();

  /// The ops after which it may be cut.
  ArrayRef<Operation *> getJoins() const { return joins; }

  /// Bytes of the parameters that are used up to the join number `index`, and
  /// not up to the one before; the last is the rest.
  SmallVector<int64_t> countBytes();

  /// Says after which joins it is cut, and finds what crosses the cuts. Fails
  /// where the size of such a value does not follow from arguments.
  LogicalResult cut(ArrayRef<unsigned> cuts);

  /// Adds the piece number `index` to `module`.
  void addPiece(ModuleOp module, unsigned index);

private:
  /// Whether `value` is computed from parameters alone, or from arguments that
  /// are no states alone.
  bool isRepeated(Value value) { return repeated.contains(value); }
  unsigned pieceOf(Value value);
  /// The tensors of other pieces that `value` is computed from.
  void findCrossing(Value value, unsigned piece);
  /// The names of the dynamic dimensions of `value`.
  FailureOr<ArrayAttr> findSymbols(Value value);
  FailureOr<StringAttr> findSymbol(Value value, int64_t dim);

  func::FuncOp func;
  SmallVector<Operation *> joins;
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
    bool readsWeights = llvm::any_of(op.getOperands(), [](Value operand) {
      Operation *source = operand.getDefiningOp();
      return source && isa<WeightProgramOpInterface>(source);
    });
    if (llvm::all_of(op.getOperands(),
                     [&](Value value) { return isRepeated(value); }) &&
        (isProgram || !readsWeights))
      for (Value result : op.getResults())
        repeated.insert(result);
    if (auto add = dyn_cast<AddOp>(op); add && add.getResidual())
      joins.push_back(&op);
  }
  return success();
}

SmallVector<int64_t> EntrySplitter::countBytes() {
  SmallVector<int64_t> bytes(1);
  llvm::DenseSet<Attribute> counted;
  auto *nextJoin = joins.begin();
  for (Operation &op : func.getBody().front()) {
    if (isa<WeightProgramOpInterface>(op))
      continue;
    llvm::SetVector<Value> values(op.operand_begin(), op.operand_end());
    for (unsigned i = 0; i < values.size(); ++i) {
      Operation *source = values[i].getDefiningOp();
      if (!source || !isa<WeightProgramOpInterface>(source))
        continue;
      if (auto param = dyn_cast<ParamOp>(source);
          param && counted.insert(param.getRef()).second)
        bytes.back() += 8 * cast<ShapedType>(param.getType()).getNumElements();
      values.insert(source->operand_begin(), source->operand_end());
    }
    if (nextJoin != joins.end() && &op == *nextJoin) {
      ++nextJoin;
      bytes.push_back(0);
    }
  }
  return bytes;
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

FailureOr<StringAttr> EntrySplitter::findSymbol(Value value, int64_t dim) {
  while (true) {
    if (auto known = crossings.find(value);
        known != crossings.end() && known->second.symbols) {
      auto type = cast<RankedTensorType>(value.getType());
      return cast<StringAttr>(
          known->second.symbols[type.getDynamicDimIndex(dim)]);
    }
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto type = cast<RankedTensorType>(value.getType());
      auto dims = func.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                   attrs::dims);
      if (!dims)
        return failure();
      return cast<StringAttr>(dims[type.getDynamicDimIndex(dim)]);
    }
    auto result = cast<OpResult>(value);
    auto op = dyn_cast<ReifyRankedShapedTypeOpInterface>(result.getOwner());
    if (!op)
      return failure();
    OpBuilder builder(op);
    ReifiedRankedShapedTypeDims shapes;
    if (failed(op.reifyResultShapes(builder, shapes)))
      return failure();
    auto size = dyn_cast<Value>(shapes[result.getResultNumber()][dim]);
    auto source = size ? size.getDefiningOp<tensor::DimOp>() : tensor::DimOp();
    std::optional<int64_t> index =
        source ? source.getConstantIndex() : std::nullopt;
    if (!index)
      return failure();
    value = source.getSource();
    dim = *index;
  }
}

FailureOr<ArrayAttr> EntrySplitter::findSymbols(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<Attribute> symbols;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim))
      continue;
    FailureOr<StringAttr> symbol = findSymbol(value, dim);
    if (failed(symbol))
      return failure();
    symbols.push_back(*symbol);
  }
  return ArrayAttr::get(func.getContext(), symbols);
}

LogicalResult EntrySplitter::cut(ArrayRef<unsigned> cuts) {
  llvm::DenseSet<Operation *> last;
  for (unsigned index : cuts)
    last.insert(joins[index]);
  unsigned piece = 0;
  for (Operation &op : func.getBody().front()) {
    pieces[&op] = piece;
    if (last.contains(&op))
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
  for (auto [index, entry] : llvm::enumerate(crossings)) {
    auto &[value, crossing] = entry;
    FailureOr<ArrayAttr> symbols = findSymbols(value);
    if (failed(symbols))
      return failure();
    crossing.symbols = *symbols;
    crossing.name = (crossingPrefix + Twine(index)).str();
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

std::vector<OwningOpRef<ModuleOp>> quench::splitModel(ModuleOp module,
                                                      int64_t maxBytes) {
  std::vector<OwningOpRef<ModuleOp>> pieces;
  auto giveWhole = [&] {
    pieces.clear();
    pieces.emplace_back(module.clone());
    return std::move(pieces);
  };
  // Reified sizes are ops.
  OwningOpRef<ModuleOp> scratch(module.clone());
  std::vector<EntrySplitter> entries;
  for (auto func : scratch->getOps<func::FuncOp>()) {
    if (!func->hasAttr(attrs::entry))
      return giveWhole();
    if (failed(entries.emplace_back(func).analyze()))
      return giveWhole();
  }
  if (entries.empty())
    return giveWhole();
  SmallVector<int64_t> bytes = entries.front().countBytes();
  SmallVector<unsigned> cuts;
  int64_t sum = bytes.front();
  for (unsigned i = 1; i < bytes.size(); ++i) {
    if (sum + bytes[i] > maxBytes) {
      cuts.push_back(i - 1);
      sum = 0;
    }
    sum += bytes[i];
  }
  if (cuts.empty())
    return giveWhole();
  for (EntrySplitter &entry : entries)
    if (entry.getJoins().size() != entries.front().getJoins().size() ||
        failed(entry.cut(cuts)))
      return giveWhole();
  for (unsigned i = 0; i <= cuts.size(); ++i) {
    pieces.emplace_back(ModuleOp::create(module.getLoc()));
    (*pieces.back())->setAttrs(module->getAttrDictionary());
    for (EntrySplitter &entry : entries)
      entry.addPiece(*pieces.back(), i);
  }
  return pieces;
}
