//===- ChannelClasses.cpp - Where transforms of channels may go ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A line is an axis of an activation together with the axes of its heads, or
// an axis of a weight that an op reads where others read activations. Ports and
// ops on views tie ranges of lines to each other. Ends of tied ranges cut the
// lines; cuts travel along ties until the ranges between them, the atoms, are
// tied as wholes. Classes are then found by union of atoms, those of the heads
// of one line together.
//
//===----------------------------------------------------------------------===//

#include "Quench/Analysis/ChannelClasses.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Interfaces/BasisOpInterface.h"
#include "Quench/Interfaces/ChannelScalableOpInterface.h"
#include "Quench/Interfaces/ShiftableOpInterface.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/ADT/StringMap.h"

#include <map>
#include <set>

using namespace mlir;
using namespace quench;

using Axes = SmallVector<int64_t, 2>;

//===----------------------------------------------------------------------===//
// Relations that views have
//===----------------------------------------------------------------------===//

namespace {
/// `collapsed` has the elements of `expanded` with groups of axes as one.
struct ReshapeTie {
  Operation *op;
  Value expanded, collapsed;
  SmallVector<ReassociationIndices> groups;
};

/// `part` is a box of `whole`.
struct PartTie {
  /// The op that reads one of the two and gives the other; null when the two
  /// are one state.
  Operation *op;
  Value whole, part;
  /// The operand of `op` that is one of the two.
  OpOperand *source;
  /// The axis of `whole` that each axis of `part` is.
  SmallVector<int64_t> axisOf;
  /// Where the box begins on each axis of `whole`; dynamic where it is not
  /// known, or where the box skips elements.
  SmallVector<int64_t> offsets;
};
} // namespace

/// The axes of the heads of each channel axis that has any, slowest first.
using HeadAxes = DenseMap<std::pair<Value, int64_t>, Axes>;

static RankedTensorType getTensorType(Value value) {
  return dyn_cast<RankedTensorType>(value.getType());
}

static bool isWeight(Value value) {
  return value.getDefiningOp<WeightProgramOpInterface>() != nullptr;
}

/// Axis `axis` of `value` behind those of its heads.
static Axes getAxes(const HeadAxes &heads, Value value, int64_t axis) {
  Axes axes = heads.lookup({value, axis});
  axes.push_back(axis);
  return axes;
}

/// Notes `axes` as an axis of channels behind those of its heads; whether that
/// is news.
static bool setAxes(HeadAxes &heads, Value value, ArrayRef<int64_t> axes) {
  Axes &known = heads[{value, axes.back()}];
  if (axes.size() <= known.size() + 1)
    return false;
  known.assign(axes.begin(), axes.end() - 1);
  return true;
}

/// The axes of the collapsed value that `axes` of the expanded one are in.
static Axes getCollapsed(const ReshapeTie &tie, ArrayRef<int64_t> axes) {
  Axes collapsed;
  for (int64_t axis : axes)
    for (auto [index, group] : llvm::enumerate(tie.groups))
      if (llvm::is_contained(group, axis) &&
          !llvm::is_contained(collapsed, static_cast<int64_t>(index)))
        collapsed.push_back(index);
  return collapsed;
}

/// The axes of the expanded value that `axes` of the collapsed one become.
static Axes getExpanded(const ReshapeTie &tie, ArrayRef<int64_t> axes) {
  Axes expanded;
  for (int64_t axis : axes)
    expanded.append(tie.groups[axis].begin(), tie.groups[axis].end());
  return expanded;
}

/// The axes of the part that `axes` of the whole are, without those that the
/// part dropped.
static Axes getPartAxes(const PartTie &tie, ArrayRef<int64_t> axes) {
  Axes partAxes;
  for (int64_t axis : axes)
    if (const auto *it = llvm::find(tie.axisOf, axis); it != tie.axisOf.end())
      partAxes.push_back(it - tie.axisOf.begin());
  return partAxes;
}

/// The axes of the whole that `axes` of the part are.
static Axes getWholeAxes(const PartTie &tie, ArrayRef<int64_t> axes) {
  Axes wholeAxes;
  for (int64_t axis : axes)
    wholeAxes.push_back(tie.axisOf[axis]);
  return wholeAxes;
}

/// All of `whole` is `part`.
static PartTie getIdentity(Operation *op, Value whole, Value part) {
  PartTie tie = {op, whole, part, nullptr, {}, {}};
  for (int64_t axis : llvm::seq(getTensorType(whole).getRank())) {
    tie.axisOf.push_back(axis);
    tie.offsets.push_back(0);
  }
  return tie;
}

//===----------------------------------------------------------------------===//
// The finder
//===----------------------------------------------------------------------===//

namespace {
struct Line {
  Value value;
  /// Set for a line of a weight.
  OpOperand *weight = nullptr;
  Axes axes;
  /// Channels of one head, and of all.
  int64_t width = 0, size = 0;
  /// Where atoms begin.
  std::set<int64_t> cuts = {0};
  unsigned firstAtom = 0;

  int64_t countHeads() const { return size / width; }
};

/// Channels of a line from `begin` on.
struct Cell {
  unsigned line;
  int64_t begin;
};

/// `size` channels from `a` carry what those from `b` do, or the inverse of it.
struct Tie {
  Cell a, b;
  int64_t size;
  bool inverse = false;
};

/// The weight is transformed with channels of a line; its channels are counted
/// from `begin`, and `weight.blocks` is empty.
struct Attachment {
  Cell cell;
  int64_t size, begin;
  ClassWeight weight;
};

/// Nothing may happen to channels of a line.
struct Pin {
  Cell cell;
  int64_t size;
  ClassBlocker blocker;
};

/// The channels of one transform of a port.
struct PortCell {
  int64_t transform;
  Cell cell;
  int64_t size;
  bool inverse;
};

/// A value carries the transforms of several groups of ports, which is to say
/// that of one group while the others have none.
struct Choice {
  Operation *op;
  struct Side {
    SmallVector<Tie> ties;
    SmallVector<PortCell> cells;
  };
  SmallVector<Side> sides;
};

class Finder {
public:
  Finder(ModuleOp module, TransformKind kind) : module(module), kind(kind) {}

  void run(std::vector<ChannelClass> &classes,
           DenseMap<std::pair<Value, int64_t>, size_t> &classOf);

private:
  using Covered = std::tuple<Operation *, Value, int64_t>;

  // Facts of the module.
  void collect(Operation *op);
  void collectStates(func::FuncOp function);
  void findHeads();

  // Lines and what ties them.
  std::optional<unsigned> getLine(Value value, int64_t axis);
  std::optional<unsigned> getOperandLine(OpOperand &operand, int64_t axis);
  std::optional<unsigned> getPortLine(Operation *op, const ChannelPort &port);
  void tiePorts(Operation *op, ArrayRef<ChannelPort> ports);
  void attach(Operation *op, const ChannelPort &port, ArrayRef<PortCell> cells);
  void tieReshape(const ReshapeTie &tie);
  void tiePart(const PartTie &tie);
  void tieLines(std::optional<unsigned> a, std::optional<unsigned> b,
                Operation *op, function_ref<bool()> tieRanges);
  void tieSharedWeights();
  void pin(unsigned line, Operation *op, const Twine &reason);
  void pinUncovered(unsigned line);
  std::string getReason(Operation *op, bool isResult) const;

  // Atoms.
  void cut();
  int64_t getSize(unsigned atom) const;
  llvm::iota_range<unsigned> getAtoms(Cell cell, int64_t size) const;
  unsigned find(unsigned atom);
  void unite(const Tie &tie);
  void block(unsigned atom, const ClassBlocker &blocker);
  bool isBlocked(const Choice::Side &side);
  void take(const Choice &choice, const Choice::Side *taken);
  void choose();

  // Classes.
  void numberTransforms();
  void addPartners(ChannelClass &site, const PortCell &cell,
                   ArrayRef<int64_t> partners);
  void build(std::vector<ChannelClass> &classes,
             DenseMap<std::pair<Value, int64_t>, size_t> &classOf);

  ModuleOp module;
  TransformKind kind;

  DenseMap<Operation *, unsigned> order;
  std::vector<std::pair<Operation *, SmallVector<ChannelPort>>> opPorts;
  std::vector<ReshapeTie> reshapes;
  std::vector<PartTie> parts;
  llvm::MapVector<StringRef, SmallVector<Value>> states;
  DenseSet<Value> stateArguments;
  DenseSet<OpOperand *> stateUses;
  HeadAxes heads;
  /// How often an op passes an axis of a value.
  DenseMap<Covered, unsigned> covered;

  std::vector<Line> lines;
  DenseMap<std::pair<Value, int64_t>, unsigned> lineOf;
  std::vector<Tie> ties;
  std::vector<Attachment> attachments;
  std::vector<Pin> pins;
  std::vector<Choice> choices;
  std::vector<std::pair<PortCell, SmallVector<int64_t>>> rotaryCells;
  /// Lines whose heads have transforms of their own.
  llvm::SetVector<unsigned> headLines;

  std::vector<Cell> atoms;
  SmallVector<unsigned> parents;
  /// Whether an atom carries the inverse of what its parent carries; after
  /// `find`, its parent is its root.
  std::vector<bool> inverses;
  /// By root.
  llvm::MapVector<unsigned, std::vector<ClassBlocker>> blockers;
  /// The class and the transform of a root, the transforms of a class. A class
  /// is named by one of its roots.
  DenseMap<unsigned, std::pair<unsigned, int64_t>> transforms;
  DenseMap<unsigned, int64_t> numTransforms;
};
} // namespace

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

static SmallVector<ChannelPort> getPorts(Operation *op, TransformKind kind) {
  SmallVector<ChannelPort> ports;
  switch (kind) {
  case TransformKind::Basis:
    if (auto basis = dyn_cast<BasisOpInterface>(op))
      basis.getBasisPorts(ports);
    break;
  case TransformKind::Scale:
    if (auto scalable = dyn_cast<ChannelScalableOpInterface>(op))
      scalable.getScalePorts(ports);
    break;
  case TransformKind::Shift:
    if (auto shiftable = dyn_cast<ShiftableOpInterface>(op))
      shiftable.getShiftPorts(ports);
    break;
  }
  return ports;
}

/// The box that a slice takes of its source.
static PartTie getPart(tensor::ExtractSliceOp slice) {
  PartTie tie = {slice,
                 slice.getSource(),
                 slice.getResult(),
                 &slice.getSourceMutable(),
                 {},
                 {}};
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (int64_t axis : llvm::seq(slice.getSourceType().getRank())) {
    if (!dropped.test(axis))
      tie.axisOf.push_back(axis);
    bool dense = slice.getStaticStrides()[axis] == 1 ||
                 slice.getStaticSizes()[axis] == 1;
    tie.offsets.push_back(dense ? slice.getStaticOffsets()[axis]
                                : ShapedType::kDynamic);
  }
  return tie;
}

/// Values that hold one state, in all entry points. A transformed state begins
/// as zeros like any other, which a shift does not leave as they are.
void Finder::collectStates(func::FuncOp function) {
  if (kind == TransformKind::Shift || !function->hasAttr(attrs::entry) ||
      function.isExternal())
    return;
  for (BlockArgument argument : function.getArguments()) {
    unsigned index = argument.getArgNumber();
    auto role = function.getArgAttrOfType<StringAttr>(index, attrs::role);
    auto name = function.getArgAttrOfType<StringAttr>(index, attrs::name);
    if (!role || role.getValue() != "state" || !name ||
        !getTensorType(argument))
      continue;
    stateArguments.insert(argument);
    states[name.getValue()].push_back(argument);
  }
  function.walk([&](func::ReturnOp result) {
    for (OpOperand &operand : result->getOpOperands()) {
      auto name = function.getResultAttrOfType<StringAttr>(
          operand.getOperandNumber(), attrs::state);
      if (!name || !getTensorType(operand.get()))
        continue;
      stateUses.insert(&operand);
      states[name.getValue()].push_back(operand.get());
    }
  });
}

void Finder::collect(Operation *op) {
  order.try_emplace(op, order.size());
  if (auto function = dyn_cast<func::FuncOp>(op))
    return collectStates(function);
  if (SmallVector<ChannelPort> ports = getPorts(op, kind); !ports.empty()) {
    opPorts.emplace_back(op, std::move(ports));
    return;
  }
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    reshapes.push_back({op, expand.getResult(), expand.getSrc(),
                        expand.getReassociationIndices()});
  } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    reshapes.push_back({op, collapse.getSrc(), collapse.getResult(),
                        collapse.getReassociationIndices()});
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    parts.push_back(getPart(slice));
  } else if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    if (getTensorType(cast.getSource()) && getTensorType(cast.getResult())) {
      parts.push_back(getIdentity(op, cast.getSource(), cast.getResult()));
      parts.back().source = &cast.getSourceMutable();
    }
  } else if (auto concat = dyn_cast<tensor::ConcatOp>(op)) {
    int64_t offset = 0;
    for (OpOperand &input : op->getOpOperands()) {
      parts.push_back(getIdentity(op, concat.getResult(), input.get()));
      parts.back().source = &input;
      parts.back().offsets[concat.getDim()] = offset;
      int64_t size = getTensorType(input.get()).getDimSize(concat.getDim());
      offset = ShapedType::isDynamic(offset) || ShapedType::isDynamic(size)
                   ? ShapedType::kDynamic
                   : offset + size;
    }
  } else if (auto transpose = dyn_cast<linalg::TransposeOp>(op)) {
    if (transpose->getNumResults() == 1) {
      parts.push_back(
          getIdentity(op, transpose.getInput(), transpose->getResult(0)));
      parts.back().source = &transpose.getInputMutable();
      parts.back().axisOf = llvm::to_vector(transpose.getPermutation());
    }
  }
}

/// Finds which axes are heads of a channel axis: those that ports name, and
/// what views make of them.
void Finder::findHeads() {
  for (auto &[op, ports] : opPorts)
    for (const ChannelPort &port : ports)
      if (port.headAxis >= 0)
        setAxes(heads, port.value, {port.headAxis, port.axis});
  bool changed = true;
  while (changed) {
    changed = false;
    for (const ReshapeTie &tie : reshapes) {
      for (auto [index, group] : llvm::enumerate(tie.groups)) {
        Axes expanded = getAxes(heads, tie.expanded, group.back());
        Axes collapsed = getAxes(heads, tie.collapsed, index);
        Axes both = getCollapsed(tie, expanded);
        if (collapsed.size() > both.size())
          both = collapsed;
        changed |= setAxes(heads, tie.collapsed, both);
        changed |= setAxes(heads, tie.expanded, getExpanded(tie, both));
      }
    }
    for (const PartTie &tie : parts) {
      for (auto [axis, wholeAxis] : llvm::enumerate(tie.axisOf)) {
        Axes part = getAxes(heads, tie.part, axis);
        Axes whole = getAxes(heads, tie.whole, wholeAxis);
        changed |= setAxes(heads, tie.whole, getWholeAxes(tie, part));
        changed |= setAxes(heads, tie.part, getPartAxes(tie, whole));
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Lines
//===----------------------------------------------------------------------===//

/// The line of an activation; none where a size is dynamic.
std::optional<unsigned> Finder::getLine(Value value, int64_t axis) {
  auto [it, isNew] = lineOf.try_emplace({value, axis}, lines.size());
  if (!isNew)
    return it->second;
  RankedTensorType type = getTensorType(value);
  Line line;
  line.value = value;
  line.axes = getAxes(heads, value, axis);
  line.size = 1;
  for (int64_t lineAxis : line.axes) {
    line.width = type.getDimSize(lineAxis);
    if (ShapedType::isDynamic(line.width) || line.width == 0) {
      lineOf.erase(it);
      return std::nullopt;
    }
    line.size *= line.width;
  }
  lines.push_back(std::move(line));
  return lines.size() - 1;
}

/// The line of an operand. A weight that is read like an activation takes the
/// transform itself, at this place only.
std::optional<unsigned> Finder::getOperandLine(OpOperand &operand,
                                               int64_t axis) {
  if (!isWeight(operand.get()))
    return getLine(operand.get(), axis);
  int64_t size = getTensorType(operand.get()).getDimSize(axis);
  if (size == 0)
    return std::nullopt;
  Line line = {operand.get(), &operand, {axis}, size, size};
  unsigned number = lines.size();
  lines.push_back(std::move(line));
  ClassWeight weight;
  weight.op = operand.getOwner();
  weight.operand = &operand;
  weight.axis = axis;
  attachments.push_back({{number, 0}, size, 0, std::move(weight)});
  return number;
}

void Finder::pin(unsigned line, Operation *op, const Twine &reason) {
  pins.push_back({{line, 0}, lines[line].size, {op, reason.str()}});
}

/// Ties two lines by `tieRanges`. Where that fails, or one is missing, the
/// other is pinned.
void Finder::tieLines(std::optional<unsigned> a, std::optional<unsigned> b,
                      Operation *op, function_ref<bool()> tieRanges) {
  if (a && b && tieRanges())
    return;
  for (std::optional<unsigned> line : {a, b})
    if (line)
      pin(*line, op, "changes how channels are laid out");
}

void Finder::tieReshape(const ReshapeTie &tie) {
  for (auto [index, group] : llvm::enumerate(tie.groups)) {
    std::optional<unsigned> collapsed = getLine(tie.collapsed, index);
    std::optional<unsigned> expanded = getLine(tie.expanded, group.back());
    ++covered[{tie.op, tie.collapsed, index}];
    ++covered[{tie.op, tie.expanded, group.back()}];
    tieLines(collapsed, expanded, tie.op, [&] {
      if (getExpanded(tie, lines[*collapsed].axes) !=
          ArrayRef<int64_t>(lines[*expanded].axes))
        return false;
      ties.push_back({{*collapsed, 0}, {*expanded, 0}, lines[*expanded].size});
      return true;
    });
  }
}

/// For each head of a line of a part, where its channels begin in the line of
/// the whole; none where that is not known.
static std::optional<SmallVector<int64_t>>
getHeadOffsets(const PartTie &tie, const Line &whole, const Line &part) {
  ArrayRef<int64_t> wholeShape = getTensorType(whole.value).getShape();
  ArrayRef<int64_t> partShape = getTensorType(part.value).getShape();
  SmallVector<int64_t> begins;
  for (int64_t head : llvm::seq(part.countHeads())) {
    // Indices of the head, the fastest axis of heads last.
    DenseMap<int64_t, int64_t> indices;
    for (int64_t axis : llvm::reverse(ArrayRef(part.axes).drop_back())) {
      indices[tie.axisOf[axis]] = head % partShape[axis];
      head /= partShape[axis];
    }
    int64_t begin = 0;
    for (int64_t axis : whole.axes) {
      if (ShapedType::isDynamic(tie.offsets[axis]))
        return std::nullopt;
      begin =
          begin * wholeShape[axis] + tie.offsets[axis] + indices.lookup(axis);
    }
    begins.push_back(begin);
  }
  return begins;
}

void Finder::tiePart(const PartTie &tie) {
  auto getTieLine = [&](Value value, int64_t axis) {
    return tie.source && tie.source->get() == value
               ? getOperandLine(*tie.source, axis)
               : getLine(value, axis);
  };
  for (auto [axis, wholeAxis] : llvm::enumerate(tie.axisOf)) {
    std::optional<unsigned> whole = getTieLine(tie.whole, wholeAxis);
    std::optional<unsigned> part = getTieLine(tie.part, axis);
    if (tie.op) {
      ++covered[{tie.op, tie.source->get(),
                 tie.source->get() == tie.part ? axis : wholeAxis}];
      // Every part of a concatenation tells of the whole.
      Value result = tie.source->get() == tie.part ? tie.whole : tie.part;
      covered[{tie.op, result, result == tie.part ? axis : wholeAxis}] = 1;
    }
    tieLines(whole, part, tie.op, [&] {
      const Line &wholeLine = lines[*whole], &partLine = lines[*part];
      if (getPartAxes(tie, wholeLine.axes) != ArrayRef<int64_t>(partLine.axes))
        return false;
      auto begins = getHeadOffsets(tie, wholeLine, partLine);
      if (!begins)
        return false;
      std::optional<Tie> last;
      for (auto [head, begin] : llvm::enumerate(*begins)) {
        int64_t partBegin = head * partLine.width;
        if (last && last->a.begin + last->size == begin) {
          last->size += partLine.width;
          continue;
        }
        if (last)
          ties.push_back(*last);
        last = {{*whole, begin}, {*part, partBegin}, partLine.width};
      }
      if (last)
        ties.push_back(*last);
      return true;
    });
  }
}

/// The line of the operand or result that a port is about.
std::optional<unsigned> Finder::getPortLine(Operation *op,
                                            const ChannelPort &port) {
  if (!getTensorType(port.value))
    return std::nullopt;
  if (auto result = dyn_cast<OpResult>(port.value);
      !result || result.getOwner() != op)
    for (OpOperand &operand : op->getOpOperands())
      if (operand.get() == port.value)
        return getOperandLine(operand, port.axis);
  return getLine(port.value, port.axis);
}

/// Whether the heads that a port speaks of are those of its line.
static bool hasHeads(const Line &line, const ChannelPort &port) {
  if (port.headAxis < 0)
    return true;
  RankedTensorType type = getTensorType(line.value);
  return llvm::is_contained(ArrayRef(line.axes).drop_back(), port.headAxis) &&
         type.getDimSize(port.headAxis) ==
             static_cast<int64_t>(port.heads.size());
}

/// The cells of a port: for each head of its line, the transform it has.
static SmallVector<PortCell> getCells(const ChannelPort &port, const Line &line,
                                      unsigned number, bool inverse) {
  SmallVector<PortCell> cells;
  ArrayRef<int64_t> shape = getTensorType(line.value).getShape();
  for (int64_t head : llvm::seq(line.countHeads())) {
    int64_t transform = 0, rest = head;
    for (int64_t axis : llvm::reverse(ArrayRef(line.axes).drop_back())) {
      if (axis == port.headAxis)
        transform = port.heads[rest % shape[axis]];
      rest /= shape[axis];
    }
    cells.push_back(
        {transform, {number, head * line.width}, line.width, inverse});
  }
  return cells;
}

/// Notes the weights of `port`. A weight holds the channels of the transforms
/// one after the other.
void Finder::attach(Operation *op, const ChannelPort &port,
                    ArrayRef<PortCell> cells) {
  bool consumer = port.role != PortRole::Producer;
  unsigned line = cells.front().cell.line;
  std::map<int64_t, PortCell> first;
  for (const PortCell &cell : cells)
    first.try_emplace(cell.transform, cell);
  auto attachOne = [&](ClassWeight weight) {
    for (auto &[transform, cell] : first)
      attachments.push_back(
          {cell.cell, cell.size, transform * cell.size, weight});
  };
  ClassWeight weight;
  weight.op = op;
  weight.consumer = consumer;
  OpOperand *map = port.map ? &op->getOpOperand(port.map->operand) : nullptr;
  weight.map = map;
  bool isEnd =
      port.role == PortRole::Producer || port.role == PortRole::Consumer;
  if (kind == TransformKind::Shift && isEnd && port.weights.empty()) {
    weight.axis = port.map ? port.map->axis : 0;
    return attachOne(weight);
  }
  for (const WeightAxis &axis : port.weights) {
    OpOperand &operand = op->getOpOperand(axis.operand);
    weight.operand = &operand;
    weight.axis = port.map ? port.map->axis : axis.axis;
    OpOperand &held = map ? *map : operand;
    int64_t size = first.size() * cells.front().size;
    if (!isWeight(operand.get()) || !isWeight(held.get()))
      pin(line, op, "reads a weight that is no parameter");
    else if (getTensorType(held.get()).getDimSize(weight.axis) != size)
      pin(line, op, "has a weight of another size");
    else
      attachOne(weight);
  }
}

/// Ties what the ports of `op` say.
void Finder::tiePorts(Operation *op, ArrayRef<ChannelPort> ports) {
  using Place = std::pair<Value, int64_t>;
  llvm::MapVector<unsigned, SmallVector<const ChannelPort *>> groups;
  llvm::DenseMap<Place, llvm::SmallSet<unsigned, 2>> groupsOf;
  for (const ChannelPort &port : ports) {
    groups[port.group].push_back(&port);
    ++covered[{op, port.value, port.axis}];
    if (port.value.getDefiningOp() == op)
      groupsOf[{port.value, port.axis}].insert(port.group);
  }

  llvm::MapVector<Place, Choice> shared;
  for (auto &[number, group] : groups) {
    SmallVector<PortCell> own;
    SmallVector<std::pair<Place, SmallVector<PortCell>>> others;
    bool complete = true;
    for (const ChannelPort *port : group) {
      std::optional<unsigned> line = getPortLine(op, *port);
      if (!line || !hasHeads(lines[*line], *port)) {
        complete = false;
        if (line)
          pin(*line, op, "changes how channels are laid out");
        continue;
      }
      bool inverse =
          kind != TransformKind::Basis && port->role == PortRole::Inverse;
      SmallVector<PortCell> cells =
          getCells(*port, lines[*line], *line, inverse);
      if (port->headAxis >= 0)
        headLines.insert(*line);
      if (!port->partners.empty())
        for (const PortCell &cell : cells)
          rotaryCells.emplace_back(cell, port->partners);
      attach(op, *port, cells);
      Place place = {port->value, port->axis};
      if (groupsOf.lookup(place).size() > 1)
        others.emplace_back(place, std::move(cells));
      else
        llvm::append_range(own, cells);
    }

    llvm::SmallDenseMap<int64_t, PortCell> first;
    auto tieToFirst = [&](const PortCell &cell, SmallVectorImpl<Tie> &to) {
      const PortCell &other =
          first.try_emplace(cell.transform, cell).first->second;
      if (other.size == cell.size)
        to.push_back(
            {other.cell, cell.cell, cell.size, other.inverse != cell.inverse});
      else
        complete = false;
    };
    SmallVector<Tie> ownTies;
    for (const PortCell &cell : own)
      tieToFirst(cell, ownTies);
    llvm::append_range(ties, ownTies);
    for (auto &[place, cells] : others) {
      Choice &choice = shared[place];
      choice.op = op;
      choice.sides.push_back({{}, own});
      for (const PortCell &cell : cells)
        tieToFirst(cell, choice.sides.back().ties);
    }
    if (!complete)
      for (const PortCell &cell : own)
        pin(cell.cell.line, op, "ties axes of different sizes");
  }
  for (auto &[place, choice] : shared)
    choices.push_back(std::move(choice));
}

/// A hash of the program of a weight that does not depend on where it stands.
static llvm::hash_code hashProgram(Value weight,
                                   DenseMap<Value, llvm::hash_code> &known) {
  if (auto it = known.find(weight); it != known.end())
    return it->second;
  llvm::hash_code hash(0);
  if (isWeight(weight))
    hash = OperationEquivalence::computeHash(
        weight.getDefiningOp(),
        [&](Value operand) { return hashProgram(operand, known); },
        OperationEquivalence::ignoreHashValue,
        OperationEquivalence::IgnoreLocations);
  return known[weight] = hash;
}

/// Ties what reads one weight in several entry points, so that they still share
/// it afterwards.
void Finder::tieSharedWeights() {
  DenseMap<Value, llvm::hash_code> hashes;
  using Key = std::tuple<size_t, StringRef, unsigned, int64_t, int64_t, bool>;
  std::map<Key, SmallVector<std::pair<Operation *, Attachment *>>> readers;
  for (Attachment &attachment : attachments) {
    const ClassWeight &weight = attachment.weight;
    auto function = weight.op->getParentOfType<FunctionOpInterface>();
    if (!weight.operand || !function || !function->hasAttr(attrs::entry))
      continue;
    readers[{hashProgram(weight.operand->get(), hashes),
             weight.op->getName().getStringRef(),
             weight.operand->getOperandNumber(), weight.axis, attachment.begin,
             weight.consumer}]
        .emplace_back(function, &attachment);
  }
  // The first reader in one function is the first in another.
  for (auto &[key, found] : readers) {
    SmallVector<Attachment *> first;
    Operation *function = nullptr;
    size_t index = 0;
    for (auto [owner, attachment] : found) {
      index = owner == function ? index + 1 : 0;
      function = owner;
      if (index == first.size())
        first.push_back(attachment);
      else if (first[index]->size == attachment->size)
        ties.push_back(
            {first[index]->cell, attachment->cell, attachment->size});
    }
  }
}

/// What to say of `op` where it does not pass a transform of its result or of
/// its operand.
std::string Finder::getReason(Operation *op, bool isResult) const {
  StringRef end = isResult ? "result" : "operand";
  switch (kind) {
  case TransformKind::Basis:
    if (auto basis = dyn_cast<BasisOpInterface>(op))
      if (StringRef blocker = basis.getBasisBlocker(); !blocker.empty())
        return blocker.str();
    return ("keeps the basis of its " + end).str();
  case TransformKind::Scale:
    return ("passes no scale of its " + end).str();
  case TransformKind::Shift:
    if (auto shiftable = dyn_cast<ShiftableOpInterface>(op))
      if (StringRef blocker = shiftable.getShiftBlocker(); !blocker.empty())
        return blocker.str();
    return ("passes no shift of its " + end).str();
  }
  llvm_unreachable("all kinds are covered");
}

/// Pins a line where its value comes from or goes to an op that does not pass
/// the transform.
void Finder::pinUncovered(unsigned number) {
  if (lines[number].weight)
    return;
  Value value = lines[number].value;
  int64_t axis = lines[number].axes.back();
  if (Operation *op = value.getDefiningOp()) {
    if (!covered.contains({op, value, axis}))
      pin(number, op, getReason(op, /*isResult=*/true));
  } else if (!stateArguments.contains(value)) {
    pin(number, value.getParentBlock()->getParentOp(), "has it as an argument");
  }
  llvm::MapVector<Operation *, unsigned> uses;
  for (OpOperand &use : value.getUses())
    if (!stateUses.contains(&use) && !isa<tensor::DimOp>(use.getOwner()))
      ++uses[use.getOwner()];
  for (auto [op, count] : uses) {
    if (covered.lookup({op, value, axis}) >= count)
      continue;
    pin(number, op,
        op->hasTrait<OpTrait::ReturnLike>()
            ? "returns it"
            : getReason(op, /*isResult=*/false));
  }
}

//===----------------------------------------------------------------------===//
// Atoms
//===----------------------------------------------------------------------===//

/// Cuts all lines to atoms.
void Finder::cut() {
  std::vector<Tie> all = ties;
  for (const Choice &choice : choices)
    for (const Choice::Side &side : choice.sides)
      llvm::append_range(all, side.ties);
  std::vector<SmallVector<unsigned, 4>> tiesOf(lines.size());
  SmallVector<Cell> pending;
  auto add = [&](Cell at) {
    Line &line = lines[at.line];
    if (at.begin < line.size && line.cuts.insert(at.begin).second)
      pending.push_back(at);
  };
  for (auto [number, tie] : llvm::enumerate(all)) {
    for (Cell end : {tie.a, tie.b}) {
      tiesOf[end.line].push_back(number);
      add(end);
      add({end.line, end.begin + tie.size});
    }
  }
  for (const Attachment &attachment : attachments) {
    add(attachment.cell);
    add({attachment.cell.line, attachment.cell.begin + attachment.size});
  }
  while (!pending.empty()) {
    Cell at = pending.pop_back_val();
    for (unsigned number : tiesOf[at.line]) {
      const Tie &tie = all[number];
      for (auto [from, to] : {std::pair(tie.a, tie.b), {tie.b, tie.a}})
        if (from.line == at.line && at.begin > from.begin &&
            at.begin < from.begin + tie.size)
          add({to.line, to.begin + at.begin - from.begin});
    }
  }
  for (auto [number, line] : llvm::enumerate(lines)) {
    line.firstAtom = atoms.size();
    for (int64_t begin : line.cuts)
      atoms.push_back({static_cast<unsigned>(number), begin});
  }
  parents = llvm::to_vector(llvm::seq<unsigned>(0, atoms.size()));
  inverses.resize(atoms.size());
}

int64_t Finder::getSize(unsigned atom) const {
  unsigned line = atoms[atom].line;
  bool isLast = atom + 1 == atoms.size() || atoms[atom + 1].line != line;
  return (isLast ? lines[line].size : atoms[atom + 1].begin) -
         atoms[atom].begin;
}

/// The atoms of `size` channels from `cell`.
llvm::iota_range<unsigned> Finder::getAtoms(Cell cell, int64_t size) const {
  const Line &line = lines[cell.line];
  auto count = [&](int64_t begin) {
    auto from = atoms.begin() + line.firstAtom;
    auto to = from + line.cuts.size();
    return static_cast<unsigned>(
        std::lower_bound(from, to, begin,
                         [](const Cell &atom, int64_t begin) {
                           return atom.begin < begin;
                         }) -
        atoms.begin());
  };
  return llvm::seq(count(cell.begin), count(cell.begin + size));
}

unsigned Finder::find(unsigned atom) {
  unsigned root = atom;
  bool inverse = false;
  while (parents[root] != root) {
    inverse = inverse != inverses[root];
    root = parents[root];
  }
  // Halving would need the inverses of the way; the whole way is short.
  while (parents[atom] != root && atom != root) {
    unsigned next = parents[atom];
    bool nextInverse = inverse != inverses[atom];
    parents[atom] = root;
    inverses[atom] = inverse;
    atom = next;
    inverse = nextInverse;
  }
  return root;
}

void Finder::unite(const Tie &tie) {
  for (auto [a, b] :
       llvm::zip_equal(getAtoms(tie.a, tie.size), getAtoms(tie.b, tie.size))) {
    unsigned aRoot = find(a), bRoot = find(b);
    bool inverse = (inverses[a] != inverses[b]) != tie.inverse;
    if (aRoot != bRoot) {
      parents[bRoot] = aRoot;
      inverses[bRoot] = inverse;
      if (auto it = blockers.find(bRoot); it != blockers.end()) {
        std::vector<ClassBlocker> moved = std::move(it->second);
        blockers.erase(it);
        llvm::append_range(blockers[aRoot], moved);
      }
    } else if (inverse) {
      Value value = lines[tie.b.line].value;
      Operation *op = value.getDefiningOp();
      block(b, {op ? op : value.getParentBlock()->getParentOp(),
                "would carry a scale and its inverse"});
    }
  }
}

void Finder::block(unsigned atom, const ClassBlocker &blocker) {
  blockers[find(atom)].push_back(blocker);
}

bool Finder::isBlocked(const Choice::Side &side) {
  for (const PortCell &cell : side.cells)
    for (unsigned atom : getAtoms(cell.cell, cell.size))
      if (blockers.contains(find(atom)))
        return true;
  return false;
}

/// Gives the transform of a value to one side.
void Finder::take(const Choice &choice, const Choice::Side *taken) {
  for (const Choice::Side &side : choice.sides) {
    if (&side == taken) {
      for (const Tie &tie : side.ties)
        unite(tie);
      continue;
    }
    for (const PortCell &cell : side.cells)
      for (unsigned atom : getAtoms(cell.cell, cell.size))
        block(atom, {choice.op, "takes the transform on its other operand"});
  }
}

/// Decides all choices: first those where one side is free at most.
void Finder::choose() {
  SmallVector<const Choice *> pending;
  for (const Choice &choice : choices)
    pending.push_back(&choice);
  while (!pending.empty()) {
    size_t before = pending.size();
    auto getFree = [&](const Choice *choice) {
      SmallVector<const Choice::Side *> free;
      for (const Choice::Side &side : choice->sides)
        if (!isBlocked(side))
          free.push_back(&side);
      return free;
    };
    llvm::erase_if(pending, [&](const Choice *choice) {
      SmallVector<const Choice::Side *> free = getFree(choice);
      if (free.size() > 1)
        return false;
      take(*choice, free.empty() ? &choice->sides.front() : free.front());
      return true;
    });
    if (pending.size() < before)
      continue;
    take(*pending.front(), getFree(pending.front()).front());
    pending.erase(pending.begin());
  }
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

/// Numbers the transforms of each class: those of the heads of a line are of
/// one class.
void Finder::numberTransforms() {
  // The first atom of each family, by place within a head.
  llvm::EquivalenceClasses<unsigned> families;
  for (unsigned atom : llvm::seq<unsigned>(0, atoms.size()))
    families.insert(find(atom));
  auto getHeadRoots = [&](unsigned line) {
    std::map<int64_t, llvm::SetVector<unsigned>> roots;
    for (unsigned atom : getAtoms({line, 0}, lines[line].size))
      roots[atoms[atom].begin % lines[line].width].insert(find(atom));
    return roots;
  };
  for (unsigned line : headLines)
    for (auto &[place, roots] : getHeadRoots(line))
      for (unsigned root : roots)
        if (getSize(root) == getSize(roots.front()))
          families.unionSets(roots.front(), root);
  auto number = [&](unsigned root) {
    unsigned family = families.getLeaderValue(root);
    auto [it, isNew] = transforms.try_emplace(root);
    if (isNew)
      it->second = {family, numTransforms[family]++};
  };
  // In the order of the heads of keys and values, which all differ.
  for (unsigned line : headLines)
    for (auto &[place, roots] : getHeadRoots(line))
      if (static_cast<int64_t>(roots.size()) == lines[line].countHeads())
        llvm::for_each(roots, number);
  for (unsigned atom : llvm::seq<unsigned>(0, atoms.size()))
    number(find(atom));
}

/// Adds to `site` what the rotary pairs of a cell of it allow.
void Finder::addPartners(ChannelClass &site, const PortCell &cell,
                         ArrayRef<int64_t> partners) {
  Value value = lines[cell.cell.line].value;
  Operation *op = value.getDefiningOp();
  if (!op)
    op = value.getParentBlock()->getParentOp();
  if (site.size != static_cast<int64_t>(partners.size()))
    site.blockers.push_back({op, "pairs channels of different parts"});
  else if (site.partners.empty())
    site.partners.assign(partners.begin(), partners.end());
  else if (ArrayRef<int64_t>(site.partners) != partners)
    site.blockers.push_back({op, "pairs channels in two ways"});
}

/// The weight whose op gives a class its name: the first that produces it.
static const ClassWeight &getSource(const ChannelClass &site) {
  auto producer = llvm::find_if(
      site.weights, [](const ClassWeight &weight) { return !weight.consumer; });
  return producer == site.weights.end() ? site.weights.front() : *producer;
}

/// Calls the transform of `site` inverse and the inverse one the transform.
static void invert(ChannelClass &site) {
  for (ClassMember &member : site.members)
    member.inverse = !member.inverse;
  for (ClassWeight &weight : site.weights)
    weight.inverse = !weight.inverse;
}

void Finder::build(std::vector<ChannelClass> &classes,
                   DenseMap<std::pair<Value, int64_t>, size_t> &classOf) {
  numberTransforms();
  llvm::MapVector<unsigned, ChannelClass> sites;
  for (unsigned atom : llvm::seq<unsigned>(0, atoms.size())) {
    auto [family, transform] = transforms.lookup(find(atom));
    auto [it, isNew] = sites.try_emplace(family);
    ChannelClass &site = it->second;
    if (isNew) {
      site.kind = kind;
      site.size = getSize(atom);
      site.numTransforms = numTransforms.lookup(family);
    }
    const Line &line = lines[atoms[atom].line];
    if (line.weight)
      continue;
    bool inverse = inverses[atom];
    auto isSame = [&](const ClassMember &member) {
      return member.value == line.value && member.axes == line.axes &&
             member.inverse == inverse;
    };
    // Atoms of a line follow each other.
    auto recent = llvm::drop_begin(
        site.members,
        site.members.size() - std::min<size_t>(2, site.members.size()));
    auto member = llvm::find_if(recent, isSame);
    if (member == recent.end()) {
      site.members.push_back({line.value, line.axes, {}, inverse});
      member = std::prev(site.members.end());
    }
    member->blocks.push_back({atoms[atom].begin, transform});
  }

  for (const Attachment &attachment : attachments) {
    for (unsigned atom : getAtoms(attachment.cell, attachment.size)) {
      auto [family, transform] = transforms.lookup(find(atom));
      ClassWeight weight = attachment.weight;
      weight.inverse = inverses[atom];
      ChannelClass &site = sites[family];
      auto known = llvm::find_if(site.weights, [&](const ClassWeight &other) {
        return other.op == weight.op && other.operand == weight.operand &&
               other.axis == weight.axis && other.map == weight.map &&
               other.consumer == weight.consumer &&
               other.inverse == weight.inverse;
      });
      if (known == site.weights.end()) {
        site.weights.push_back(std::move(weight));
        known = std::prev(site.weights.end());
      }
      known->blocks.push_back(
          {attachment.begin + atoms[atom].begin - attachment.cell.begin,
           transform});
    }
  }
  for (auto &[cell, partners] : rotaryCells) {
    unsigned atom = *getAtoms(cell.cell, cell.size).begin();
    addPartners(sites[transforms.lookup(find(atom)).first], cell, partners);
  }
  for (auto &[root, found] : blockers)
    llvm::append_range(sites[transforms.lookup(root).first].blockers, found);

  // By the place of the op that gives the name, and by that of the first line.
  std::map<std::pair<unsigned, size_t>, ChannelClass *> sorted;
  auto isEarlier = [&](const auto &a, const auto &b) {
    return std::pair(order.lookup(a.op), StringRef(a.reason)) <
           std::pair(order.lookup(b.op), StringRef(b.reason));
  };
  for (auto &[family, site] : sites) {
    if (site.weights.empty() || site.members.empty())
      continue;
    llvm::sort(site.blockers, isEarlier);
    site.blockers.erase(
        std::unique(site.blockers.begin(), site.blockers.end(),
                    [](const ClassBlocker &a, const ClassBlocker &b) {
                      return a.op == b.op && a.reason == b.reason;
                    }),
        site.blockers.end());
    for (ClassWeight &weight : site.weights)
      llvm::sort(weight.blocks,
                 [](const ChannelBlock &a, const ChannelBlock &b) {
                   return a.offset < b.offset;
                 });
    // What has the name has the transform.
    if (getSource(site).inverse)
      invert(site);
    sorted[{order.lookup(getSource(site).op), sorted.size()}] = &site;
  }
  for (auto &[place, site] : sorted)
    classes.push_back(std::move(*site));
  std::map<std::pair<Operation *, std::string>, unsigned> named;
  for (auto [number, site] : llvm::enumerate(classes)) {
    const ClassWeight &source = getSource(site);
    std::string path = getSiteName(source.op);
    // Numbered apart: a rewrite may join what is only read to what writes it.
    site.name = path + (source.consumer ? "#input" : "");
    // Each entry point counts for itself, so that all find the same names.
    llvm::SmallSetVector<unsigned *, 2> counters;
    for (const ClassWeight &weight : site.weights)
      if (getSiteName(weight.op) == path)
        counters.insert(
            &named[{weight.op->getParentOfType<func::FuncOp>(), site.name}]);
    unsigned before = 0;
    for (unsigned *counter : counters)
      before = std::max(before, *counter);
    for (unsigned *counter : counters)
      *counter = before + 1;
    if (before)
      site.name += (source.consumer ? "" : "#") + std::to_string(before);
    for (const ClassMember &member : site.members)
      if (member.blocks.front().offset == 0)
        classOf[{member.value, member.axes.back()}] = number;
  }
}

void Finder::run(std::vector<ChannelClass> &classes,
                 DenseMap<std::pair<Value, int64_t>, size_t> &classOf) {
  module.walk<WalkOrder::PreOrder>([&](Operation *op) { collect(op); });
  for (auto &[name, values] : states)
    for (Value value : llvm::drop_begin(values))
      if (value != values.front() &&
          getTensorType(value).getRank() ==
              getTensorType(values.front()).getRank())
        parts.push_back(getIdentity(nullptr, values.front(), value));
  findHeads();
  for (auto &[op, ports] : opPorts)
    tiePorts(op, ports);
  for (const ReshapeTie &tie : reshapes)
    tieReshape(tie);
  for (const PartTie &tie : parts)
    tiePart(tie);
  tieSharedWeights();
  for (unsigned line : llvm::seq<unsigned>(0, lines.size()))
    pinUncovered(line);
  cut();
  for (const Tie &tie : ties)
    unite(tie);
  for (const Pin &pin : pins)
    for (unsigned atom : getAtoms(pin.cell, pin.size))
      block(atom, pin.blocker);
  choose();
  build(classes, classOf);
}

//===----------------------------------------------------------------------===//
// ChannelClasses
//===----------------------------------------------------------------------===//

ChannelClasses::ChannelClasses(ModuleOp module, TransformKind kind) {
  Finder(module, kind).run(classes, classOf);
}

const ChannelClass *ChannelClasses::find(Value value, int64_t axis) const {
  auto it = classOf.find({value, axis});
  return it == classOf.end() ? nullptr : &classes[it->second];
}

void quench::applyTransform(const ChannelClass &site, TransformWeightFn forward,
                            TransformWeightFn inverse) {
  for (const ClassWeight &weight : site.weights) {
    OpBuilder builder(weight.op);
    Value value = weight.operand->get();
    weight.operand->set(weight.takesInverse()
                            ? inverse(builder, value, weight)
                            : forward(builder, value, weight));
  }
}

/// The first path of the checkpoint in a location.
static StringRef findName(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return name.getName();
  if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      if (StringRef name = findName(part); !name.empty())
        return name;
  if (auto call = dyn_cast<CallSiteLoc>(loc))
    return findName(call.getCallee());
  return {};
}

std::string quench::getSiteName(Operation *op) {
  StringRef name = findName(op->getLoc());
  return (name.empty() ? op->getName().getStringRef() : name).str();
}
