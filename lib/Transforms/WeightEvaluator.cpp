//===- WeightEvaluator.cpp - Bytes of weight programs ---------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three layers. A Program is evaluated by one thread as a whole, chains of ops
// on rows piece by piece. A Plan cuts a value into slabs, each of which is a
// Program. The evaluator runs the slabs of a plan on its threads.
//
// docs/dev/materializing.md derives how much memory that takes.
//
//===----------------------------------------------------------------------===//

#include "Quench/Transforms/WeightEvaluator.h"

#include "Quench/Dialect/Quench/IR/QuenchParamOps.h"
#include "Quench/Interfaces/ReadsInPlace.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Threading.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Memory.h"

#include <atomic>
#include <cstring>
#include <sys/mman.h>

using namespace mlir;
using namespace quench;

/// Bytes of the largest piece of a value when a chain of ops is evaluated piece
/// by piece: what the caches of a core hold.
static constexpr int64_t pieceBytes = 128 << 10;

/// Pages of an archive are given back when so many bytes were read.
static constexpr int64_t pageBytes = 4 << 20;

/// As many bytes around what is read of a file may get pages, too.
static constexpr int64_t mappedBytes = 64 << 10;

/// Rows of a slab have about as many bytes: they are still in the cache of a
/// core when they are handed on.
static constexpr int64_t slabBytes = 512 << 10;

/// They have up to so many where they need a large operand as a whole, which is
/// then read less often.
static constexpr int64_t largeSlabBytes = 64 << 20;

/// Panels have about as many bytes with all that they need. They may be larger
/// where their rows are handed on: rows of wide panels are written faster.
static constexpr int64_t panelBytes = 16 << 20;
static constexpr int64_t widePanelBytes = 64 << 20;

/// Memory of so many bytes is worth large pages where the system has them:
/// strips of rows that are far apart each need a page of their own.
static constexpr int64_t largePageBytes = 16 << 20;

/// Of held values, those up to this size are kept for other programs, as many
/// as fit in keptBytes.
static constexpr int64_t smallBytes = 1 << 20;
static constexpr int64_t keptBytes = 16 << 20;

/// What evaluation may hold where nobody says.
static constexpr int64_t defaultMaxBytes = int64_t(1) << 30;

/// Ops that are evaluated within a piece of another's result nest at most so
/// deep, since the evaluation recurses.
static constexpr unsigned maxStreamDepth = 32;

static int64_t getBytes(Value value) { return *getByteSize(value.getType()); }

static int64_t getRowBytes(Value value) {
  int64_t rows = getAllRows(value).size();
  return rows == 0 ? 0 : getBytes(value) / rows;
}

/// The bytes of `value` in f64.
static int64_t getWideBytes(Value value) {
  return 8 * cast<RankedTensorType>(value.getType()).getNumElements();
}

namespace quench {
/// Bytes from the system, which takes them back at once, unlike the heap.
class PageBuffer {
public:
  /// Makes sure that there are `size` bytes; what they held may be lost. Fails
  /// with a diagnostic when there is no memory.
  LogicalResult reserve(Location loc, int64_t size) {
    if (size <= this->size())
      return success();
    block = {};
    std::error_code code;
    block =
        llvm::sys::OwningMemoryBlock(llvm::sys::Memory::allocateMappedMemory(
            size, nullptr,
            llvm::sys::Memory::MF_READ | llvm::sys::Memory::MF_WRITE, code));
    if (code)
      return emitError(loc, "no memory left for ") << size << " bytes";
    // Only advice: that it may fail changes nothing.
    if (size >= largePageBytes)
      ::madvise(block.base(), block.allocatedSize(), MADV_HUGEPAGE);
    return success();
  }

  /// How many bytes there are.
  int64_t size() const { return block.allocatedSize(); }

  /// The first `size` bytes, which were reserved.
  llvm::MutableArrayRef<char> take(int64_t size) const {
    return {static_cast<char *>(block.base()), static_cast<size_t>(size)};
  }

private:
  llvm::sys::OwningMemoryBlock block;
};
} // namespace quench

namespace {
/// What a thread keeps: memory that is new costs the system as much as
/// computing what is in it.
struct Scratch {
  /// For the pieces of a chain of ops, by depth.
  SmallVector<PageBuffer> pieces;
  /// For whole values, as long as nothing needs more at once.
  SmallVector<PageBuffer> wholes;

  /// Memory for a whole value of `size` bytes, to be reserved.
  PageBuffer takeWhole(int64_t size) {
    auto fits = llvm::find_if(
        wholes, [&](const PageBuffer &whole) { return whole.size() >= size; });
    if (fits == wholes.end()) {
      wholes.clear();
      return {};
    }
    PageBuffer whole = std::move(*fits);
    wholes.erase(fits);
    return whole;
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Program
//===----------------------------------------------------------------------===//

/// The ops of the program of `root`, each after its operands, without those
/// that compute what is given. Not recursive: programs may be long.
static LogicalResult collectProgram(Value root,
                                    llvm::function_ref<bool(Value)> isGiven,
                                    llvm::SetVector<Operation *> &program) {
  struct Frame {
    Operation *op;
    unsigned nextOperand;
  };
  SmallVector<Frame> stack;
  llvm::DenseSet<Operation *> open;
  auto enter = [&](Value value) -> LogicalResult {
    Operation *op = value.getDefiningOp();
    if (!op)
      return emitError(value.getLoc(), "expected a parameter or an op that "
                                       "computes one, found a block argument");
    if (!isa<WeightProgramOpInterface>(op) || op->getNumResults() != 1)
      return op->emitOpError("expected a parameter or an op that computes one");
    if (!getByteSize(value.getType()))
      return op->emitOpError("expected a static shape of whole bytes, found ")
             << value.getType();
    if (program.contains(op) || isGiven(value))
      return success();
    if (!open.insert(op).second)
      return op->emitOpError("uses its own result");
    stack.push_back({op, 0});
    return success();
  };
  if (failed(enter(root)))
    return failure();
  while (!stack.empty()) {
    Frame &frame = stack.back();
    if (frame.nextOperand < frame.op->getNumOperands()) {
      if (failed(enter(frame.op->getOperand(frame.nextOperand++))))
        return failure();
      continue;
    }
    program.insert(frame.op);
    stack.pop_back();
  }
  return success();
}

static RowRange getOperandRows(Operation *op, unsigned operand, RowRange rows) {
  return *cast<WeightProgramOpInterface>(op).getOperandRows(operand, rows);
}

/// Whether rows of the result of `op` are made of rows of its operands.
static bool worksOnRows(Operation *op) {
  auto computation = cast<WeightProgramOpInterface>(op);
  RowRange rows = getAllRows(op->getResult(0));
  auto hasRows = [&](unsigned operand) {
    return computation.getOperandRows(operand, rows).has_value();
  };
  return op->getNumOperands() != 0 &&
         llvm::all_of(llvm::seq(op->getNumOperands()), hasRows);
}

/// Whether one row of the result of `op`, which works on rows, needs all rows
/// of an operand although the result has more.
static bool needsAllRows(Operation *op, unsigned operand) {
  int64_t all = getAllRows(op->getOperand(operand)).size();
  return getAllRows(op->getResult(0)).size() > 1 &&
         getOperandRows(op, operand, {0, 1}).size() >= all;
}

/// Whether rows of the result of `op` are made of rows of parameters: to
/// compute them again for another use costs no more than to hold them.
static bool readsParamsAlone(Operation *op) {
  return llvm::all_of(llvm::enumerate(op->getOperands()), [&](auto operand) {
    return operand.value().template getDefiningOp<ParamOp>() &&
           !needsAllRows(op, operand.index());
  });
}

namespace {
/// A program: which of its values are held as a whole, and which are computed
/// by rows whenever a piece of their only user needs them.
class Program {
public:
  using IsGiven = llvm::function_ref<bool(Value)>;

  /// The program of `root`, which ends at values that are given.
  static FailureOr<Program>
  create(Value root, IsGiven isGiven = [](Value) { return false; });

  llvm::ArrayRef<Operation *> getOps() const { return ops.getArrayRef(); }
  bool isStreamed(Value value) const { return streamed.contains(value); }

  /// How often ops of the program use `value`.
  unsigned countUses(Value value) const { return uses.lookup(value); }

  /// Rows of the result of `op` that are computed at once where its operands
  /// are streamed.
  int64_t getStep(Operation *op) const;

  /// Upper bound of the bytes that evaluating the root takes, without those of
  /// the result: whole values and pieces, and pages of archives.
  int64_t countBytes() const;

  /// The same when `rows` of the root are evaluated only.
  int64_t countBytes(RowRange rows) const;

private:
  int64_t countPieces(Operation *op, RowRange rows) const;
  int64_t countPages() const;

  llvm::SetVector<Operation *> ops;
  llvm::DenseMap<Value, unsigned> uses;
  /// The streamed values and their depth.
  llvm::DenseMap<Value, unsigned> streamed;
};
} // namespace

FailureOr<Program> Program::create(Value root, IsGiven isGiven) {
  Program program;
  if (failed(collectProgram(root, isGiven, program.ops)))
    return failure();
  for (Operation *op : program.ops)
    for (Value operand : op->getOperands())
      ++program.uses[operand];
  // Users come after what they use.
  llvm::DenseMap<Value, std::pair<unsigned, unsigned>> rowUses;
  for (Operation *op : llvm::reverse(program.ops)) {
    unsigned depth = program.streamed.lookup(op->getResult(0)) + 1;
    if (depth > maxStreamDepth || !worksOnRows(op))
      continue;
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      if (isGiven(operand) || !worksOnRows(operand.getDefiningOp()) ||
          needsAllRows(op, index))
        continue;
      auto &[count, deepest] = rowUses[operand];
      deepest = std::max(deepest, depth);
      if (++count == program.uses[operand] &&
          (count == 1 || readsParamsAlone(operand.getDefiningOp())))
        program.streamed[operand] = deepest;
    }
  }
  return program;
}

int64_t Program::getStep(Operation *op) const {
  int64_t rows = getAllRows(op->getResult(0)).size();
  if (!worksOnRows(op))
    return rows;
  // The widest row that a row of the result needs decides.
  int64_t widest = std::max<int64_t>(getRowBytes(op->getResult(0)), 1);
  // An op prepares what it needs as a whole, such as a matrix, once a piece.
  int64_t bytes = pieceBytes;
  SmallVector<std::pair<Operation *, RowRange>> stack = {
      {op, {0, std::min<int64_t>(rows, 1)}}};
  while (!stack.empty()) {
    auto [current, range] = stack.pop_back_val();
    for (auto [index, operand] : llvm::enumerate(current->getOperands())) {
      if (needsAllRows(current, index))
        bytes = std::max(bytes, getWideBytes(operand));
      if (!isStreamed(operand))
        continue;
      RowRange needed = getOperandRows(current, index, range);
      widest = std::max(widest, needed.size() * getRowBytes(operand));
      stack.push_back({operand.getDefiningOp(), needed});
    }
  }
  return std::max<int64_t>(bytes / widest, 1);
}

/// The bytes of all streamed values that `rows` of the result of `op` need.
int64_t Program::countPieces(Operation *op, RowRange rows) const {
  int64_t bytes = 0;
  for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
    if (!isStreamed(operand))
      continue;
    RowRange needed = getOperandRows(op, index, rows);
    bytes += needed.size() * getRowBytes(operand) +
             countPieces(operand.getDefiningOp(), needed);
  }
  return bytes;
}

/// Pages of archives that are resident at once, and what ops make of operands
/// that they need as a whole.
int64_t Program::countPages() const {
  llvm::DenseMap<Value, int64_t> pages;
  int64_t bytes = 0;
  for (Operation *op : ops) {
    bool isWhole = !worksOnRows(op);
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      int64_t size = getBytes(operand);
      bool isInPieces = !isWhole && !needsAllRows(op, index);
      if (!isWhole && !isInPieces && !op->hasTrait<ReadsInPlace>())
        bytes += getWideBytes(operand);
      Operation *source = operand.getDefiningOp();
      if (!isa<ParamOp>(source) || !ops.contains(source))
        continue;
      if (isInPieces)
        size = std::min(size, pageBytes + pieceBytes + getRowBytes(operand));
      pages[operand] = std::max(pages[operand], size);
    }
  }
  for (auto [param, size] : pages)
    bytes += size;
  return bytes;
}

int64_t Program::countBytes(RowRange rows) const {
  Operation *op = ops.back();
  int64_t step = std::min(getStep(op), rows.size());
  return countPages() + countPieces(op, {rows.begin, rows.begin + step});
}

int64_t Program::countBytes() const {
  llvm::DenseMap<Value, unsigned> used;
  int64_t live = 0, peak = 0;
  // Mirrors Evaluator::evaluate.
  auto release = [&](Operation *op, auto &self) -> void {
    for (Value operand : op->getOperands()) {
      if (isStreamed(operand))
        self(operand.getDefiningOp(), self);
      else if (++used[operand] == countUses(operand) &&
               ops.contains(operand.getDefiningOp()) &&
               !operand.getDefiningOp<ParamOp>())
        live -= getBytes(operand);
    }
  };
  for (Operation *op : ops) {
    Value value = op->getResult(0);
    if (isStreamed(value) || isa<ParamOp>(op))
      continue;
    if (op != ops.back())
      live += getBytes(value);
    int64_t rows = std::min(getStep(op), getAllRows(value).size());
    peak = std::max(peak, live + countPieces(op, {0, rows}));
    release(op, release);
  }
  return countPages() + peak;
}

//===----------------------------------------------------------------------===//
// Evaluator
//===----------------------------------------------------------------------===//

namespace {
/// The parameters that were read into memory as a whole.
using LoadedParams = llvm::SmallDenseMap<RefAttr, llvm::ArrayRef<char>, 1>;

/// Evaluates one program on one thread.
class Evaluator {
public:
  Evaluator(const Program &program, const ArchiveSet &archives,
            Scratch &scratch, const LoadedParams &loaded)
      : program(program), archives(archives), scratch(scratch), loaded(loaded) {
  }
  ~Evaluator();

  /// Says what a value is that is given.
  void give(Value value, llvm::ArrayRef<char> bytes) { values[value] = bytes; }

  /// Evaluates the root of the program.
  LogicalResult evaluate(llvm::MutableArrayRef<char> result);

  /// Evaluates rows of the root, all operands of which are streamed, given or
  /// parameters.
  LogicalResult evaluate(RowRange rows, llvm::MutableArrayRef<char> result);

private:
  LogicalResult load(ParamOp param);
  LogicalResult evaluatePieces(Operation *op, RowRange rows,
                               llvm::MutableArrayRef<char> result);
  LogicalResult evaluateWhole(Operation *op,
                              llvm::MutableArrayRef<char> result);
  LogicalResult evaluateRows(Operation *op, RowRange rows,
                             llvm::MutableArrayRef<char> result);
  /// Drops the values that only `op`, and what is streamed into it, used last.
  void release(Operation *op);
  /// Notes that the bytes of an archive were read.
  void touch(Value param, llvm::ArrayRef<char> bytes);

  /// Bytes for a piece, used until `usedPieces` is what it was.
  FailureOr<llvm::MutableArrayRef<char>> allocatePiece(Operation *op,
                                                       int64_t size);

  const Program &program;
  const ArchiveSet &archives;
  llvm::DenseMap<Value, llvm::ArrayRef<char>> values;
  llvm::DenseMap<Value, PageBuffer> buffers;
  llvm::DenseMap<Value, unsigned> used;
  /// The pages of archives that were read and not given back.
  struct Pages {
    const Archive *archive;
    llvm::ArrayRef<char> bytes;
  };
  llvm::DenseMap<Value, Pages> touched;
  Scratch &scratch;
  const LoadedParams &loaded;
  unsigned usedPieces = 0;
};
} // namespace

static const Archive *getArchive(Value param, const ArchiveSet &archives) {
  return archives.find(param.getDefiningOp<ParamOp>().getRef().getScope());
}

Evaluator::~Evaluator() {
  for (auto [param, pages] : touched)
    pages.archive->release(pages.bytes);
}

void Evaluator::touch(Value param, llvm::ArrayRef<char> bytes) {
  auto it = touched.find(param);
  if (bytes.empty() || it == touched.end())
    return;
  llvm::ArrayRef<char> &range = it->second.bytes;
  const char *begin = bytes.begin(), *end = bytes.end();
  if (!range.empty()) {
    begin = std::min(begin, range.begin());
    end = std::max(end, range.end());
  }
  range = {begin, end};
  if (static_cast<int64_t>(range.size()) < pageBytes)
    return;
  it->second.archive->release(range);
  range = {};
}

FailureOr<llvm::MutableArrayRef<char>> Evaluator::allocatePiece(Operation *op,
                                                                int64_t size) {
  if (usedPieces == scratch.pieces.size())
    scratch.pieces.emplace_back();
  PageBuffer &piece = scratch.pieces[usedPieces++];
  if (failed(piece.reserve(op->getLoc(), size)))
    return failure();
  return piece.take(size);
}

LogicalResult Evaluator::evaluateRows(Operation *op, RowRange rows,
                                      llvm::MutableArrayRef<char> result) {
  if (result.empty())
    return success();
  auto computation = cast<WeightProgramOpInterface>(op);
  SmallVector<llvm::ArrayRef<char>> operands;
  unsigned firstPiece = usedPieces;
  for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
    RowRange needed = getOperandRows(op, index, rows);
    int64_t rowBytes = getRowBytes(operand);
    int64_t size = needed.size() * rowBytes;
    if (!program.isStreamed(operand)) {
      operands.push_back(
          values.lookup(operand).slice(needed.begin * rowBytes, size));
      continue;
    }
    Operation *source = operand.getDefiningOp();
    FailureOr<llvm::MutableArrayRef<char>> piece = allocatePiece(source, size);
    if (failed(piece) || failed(evaluateRows(source, needed, *piece)))
      return failure();
    operands.push_back(*piece);
  }
  LogicalResult done = computation.evaluateRows(operands, rows, result);
  for (auto [index, operand] : llvm::enumerate(op->getOperands()))
    if (!program.isStreamed(operand) && !needsAllRows(op, index))
      touch(operand, operands[index]);
  usedPieces = firstPiece;
  return done;
}

LogicalResult Evaluator::evaluatePieces(Operation *op, RowRange rows,
                                        llvm::MutableArrayRef<char> result) {
  int64_t rowBytes = getRowBytes(op->getResult(0));
  int64_t step = program.getStep(op);
  for (int64_t begin = rows.begin; begin < rows.end; begin += step) {
    RowRange range{begin, std::min(begin + step, rows.end)};
    if (failed(evaluateRows(op, range,
                            result.slice((range.begin - rows.begin) * rowBytes,
                                         range.size() * rowBytes))))
      return failure();
  }
  return success();
}

LogicalResult Evaluator::evaluateWhole(Operation *op,
                                       llvm::MutableArrayRef<char> result) {
  if (result.empty())
    return success();
  if (worksOnRows(op))
    return evaluatePieces(op, getAllRows(op->getResult(0)), result);
  auto operands = llvm::map_to_vector(
      op->getOperands(), [&](Value value) { return values.lookup(value); });
  return cast<WeightProgramOpInterface>(op).evaluateWeights(operands, result);
}

void Evaluator::release(Operation *op) {
  for (Value operand : op->getOperands()) {
    if (program.isStreamed(operand))
      release(operand.getDefiningOp());
    else if (++used[operand] == program.countUses(operand))
      if (auto it = buffers.find(operand); it != buffers.end()) {
        scratch.wholes.push_back(std::move(it->second));
        buffers.erase(it);
      }
  }
}

LogicalResult Evaluator::load(ParamOp param) {
  if (auto known = loaded.find(param.getRef()); known != loaded.end()) {
    values[param.getResult()] = known->second;
    return success();
  }
  FailureOr<const Archive::Tensor *> tensor = resolveParam(param, archives);
  if (failed(tensor))
    return failure();
  values[param.getResult()] = (*tensor)->bytes;
  touched[param.getResult()] = {getArchive(param, archives), {}};
  return success();
}

LogicalResult Evaluator::evaluate(llvm::MutableArrayRef<char> result) {
  Operation *root = program.getOps().back();
  for (Operation *op : program.getOps()) {
    Value value = op->getResult(0);
    if (program.isStreamed(value))
      continue;
    if (auto param = dyn_cast<ParamOp>(op)) {
      if (failed(load(param)))
        return failure();
      if (op == root)
        llvm::copy(values.lookup(value), result.begin());
      continue;
    }
    llvm::MutableArrayRef<char> bytes = result;
    if (op != root) {
      PageBuffer &buffer = buffers[value];
      buffer = scratch.takeWhole(getBytes(value));
      if (failed(buffer.reserve(op->getLoc(), getBytes(value))))
        return failure();
      bytes = buffer.take(getBytes(value));
    }
    if (failed(evaluateWhole(op, bytes)))
      return failure();
    values[value] = bytes;
    release(op);
  }
  return success();
}

LogicalResult Evaluator::evaluate(RowRange rows,
                                  llvm::MutableArrayRef<char> result) {
  for (Operation *op : program.getOps())
    if (auto param = dyn_cast<ParamOp>(op); param && !values.contains(param))
      if (failed(load(param)))
        return failure();
  return evaluatePieces(program.getOps().back(), rows, result);
}

//===----------------------------------------------------------------------===//
// Plan
//===----------------------------------------------------------------------===//

namespace {
/// The program of a panel of a value, in IR of its own.
struct Panel {
  Block block;
  Value root;
  /// What stands for the held values, in their order.
  SmallVector<Value> given;
};
} // namespace

/// How a value is cut into slabs.
class WeightEvaluator::Plan {
public:
  enum class Kind {
    Param, ///< the value is a parameter
    Whole, ///< one slab, the value
    Rows,
    Panels
  };

  /// The better plan for `root`, where plans of the values that it may hold
  /// are in `plans`.
  static FailureOr<std::unique_ptr<Plan>>
  create(Value root, const llvm::DenseMap<Value, std::unique_ptr<Plan>> &plans);

  Value getRoot() const { return root; }
  Kind getKind() const { return kind; }
  int64_t getAxis() const { return axis; }
  llvm::ArrayRef<Value> getHeld() const { return held.getArrayRef(); }

  /// The least bytes that suffice.
  int64_t getLeastBytes() const { return leastBytes; }

  /// Size of the dimension that is cut.
  int64_t getSize() const {
    return kind == Kind::Panels ? getShape()[axis] : getAllRows(root).size();
  }
  llvm::ArrayRef<int64_t> getShape() const {
    return cast<RankedTensorType>(root.getType()).getShape();
  }

  /// Bytes of the operands that each slab of rows needs as a whole.
  int64_t countShared() const;

  /// The parameters that panels are cut from.
  SmallVector<Value> getParams() const;

  /// Bytes that one thread needs for a slab of that size.
  int64_t countSlabBytes(int64_t size) const;

  /// The program of rows and of the whole value.
  const Program &getProgram() const { return *program; }

  /// The program of the panel of the indices [begin, end).
  std::unique_ptr<Panel> makePanel(int64_t begin, int64_t end) const;

private:
  Plan(Value root) : root(root) {}
  LogicalResult tryRows();
  bool tryPanels(int64_t axis);
  void countLeast(const llvm::DenseMap<Value, std::unique_ptr<Plan>> &plans);

  Value root;
  Kind kind = Kind::Whole;
  int64_t axis = 0;
  llvm::SetVector<Value> held;
  int64_t leastBytes = 0;
  /// The same besides the memory of the value, where it is held.
  int64_t leastHeldBytes = 0;
  std::optional<Program> program;
  /// Of panels: the ops, each after its operands, and the axis of each value.
  SmallVector<Operation *> ops;
  llvm::DenseMap<Value, int64_t> axes;
};

/// Cuts rows where the op of the root works on rows, else nothing.
LogicalResult WeightEvaluator::Plan::tryRows() {
  FailureOr<Program> whole = Program::create(root);
  if (failed(whole))
    return failure();
  Operation *op = root.getDefiningOp();
  if (isa<ParamOp>(op)) {
    kind = Kind::Param;
    return success();
  }
  kind = worksOnRows(op) ? Kind::Rows : Kind::Whole;
  SmallVector<Operation *> inside = {op};
  while (!inside.empty())
    for (Value operand : inside.pop_back_val()->getOperands()) {
      if (whole->isStreamed(operand))
        inside.push_back(operand.getDefiningOp());
      else if (!operand.getDefiningOp<ParamOp>())
        held.insert(operand);
    }
  FailureOr<Program> rows =
      Program::create(root, [&](Value value) { return held.contains(value); });
  if (failed(rows))
    return failure();
  program = std::move(*rows);
  return success();
}

/// Cuts `cutAxis` as far down the program as its ops allow; false when the op
/// of the root does not.
bool WeightEvaluator::Plan::tryPanels(int64_t cutAxis) {
  kind = Kind::Panels;
  axis = cutAxis;
  // A value that is needed along two axes, as a whole too, or whose op cannot
  // be cut is held. That is found on the way, so begin anew with each.
  llvm::DenseSet<Value> uncut;
  bool isDone = false;
  while (!isDone) {
    isDone = true;
    held.clear();
    axes.clear();
    axes[root] = axis;
    SmallVector<Value> stack = {root};
    while (!stack.empty() && isDone) {
      Value value = stack.pop_back_val();
      auto op = cast<WeightProgramOpInterface>(value.getDefiningOp());
      SmallVector<int64_t> operandAxes;
      for (unsigned index : llvm::seq(op->getNumOperands()))
        if (std::optional<int64_t> operandAxis =
                op.getOperandAxis(index, axes.lookup(value)))
          operandAxes.push_back(*operandAxis);
      if (operandAxes.size() != op->getNumOperands() || operandAxes.empty()) {
        uncut.insert(value);
        isDone = false;
        continue;
      }
      for (auto [operand, operandAxis] :
           llvm::zip_equal(op->getOperands(), operandAxes)) {
        if (operand.getDefiningOp<ParamOp>())
          continue;
        if (operandAxis == wholeOperand)
          uncut.insert(operand);
        auto [it, isNew] = axes.try_emplace(operand, operandAxis);
        if (uncut.contains(operand)) {
          held.insert(operand);
          // It may have been cut for another user.
          isDone &= isNew || it->second == wholeOperand;
          it->second = wholeOperand;
        } else if (isNew) {
          stack.push_back(operand);
        } else if (it->second != operandAxis) {
          uncut.insert(operand);
          isDone = false;
        }
      }
    }
    if (uncut.contains(root))
      return false;
  }
  return true;
}

std::unique_ptr<Panel> WeightEvaluator::Plan::makePanel(int64_t begin,
                                                        int64_t end) const {
  auto panel = std::make_unique<Panel>();
  OpBuilder builder(root.getContext());
  builder.setInsertionPointToEnd(&panel->block);
  llvm::DenseMap<Value, Value> wholes;
  for (Value value : held) {
    auto ref = RefAttr::get(builder.getContext(), "held",
                            llvm::Twine(panel->given.size()).str());
    panel->given.push_back(
        ParamOp::create(builder, value.getLoc(), value.getType(), ref));
    wholes[value] = panel->given.back();
  }
  // What is not cut by its op is sliced.
  IRMapping cut;
  llvm::DenseMap<std::pair<Value, int64_t>, Value> slices;
  auto getPanel = [&](Value value, int64_t valueAxis) -> Value {
    if (Value known = cut.lookupOrNull(value))
      return known;
    Value &whole = wholes[value];
    if (!whole)
      whole = builder.clone(*value.getDefiningOp())->getResult(0);
    if (valueAxis == wholeOperand)
      return whole;
    Value &slice = slices[{value, valueAxis}];
    if (!slice)
      slice = SliceOp::create(builder, value.getLoc(), whole, valueAxis, begin,
                              end);
    return slice;
  };
  for (Operation *op : ops) {
    Value result = op->getResult(0);
    int64_t resultAxis = axes.lookup(result);
    IRMapping operands;
    for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
      int64_t operandAxis =
          *cast<WeightProgramOpInterface>(op).getOperandAxis(index, resultAxis);
      operands.map(operand, getPanel(operand, operandAxis));
    }
    Value copy = builder.clone(*op, operands)->getResult(0);
    auto type = cast<RankedTensorType>(result.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[resultAxis] = end - begin;
    copy.setType(type.clone(shape));
    cut.map(result, copy);
  }
  panel->root = cut.lookup(root);
  return panel;
}

/// The bytes of the panel of that size of `value`.
static int64_t getPanelBytes(Value value, int64_t axis, int64_t size) {
  int64_t all = cast<RankedTensorType>(value.getType()).getDimSize(axis);
  return all == 0 ? 0 : getBytes(value) / all * size;
}

/// The program of `panel`.
static FailureOr<Program> makeProgram(const Panel &panel) {
  return Program::create(panel.root, [&](Value value) {
    return llvm::is_contained(panel.given, value);
  });
}

int64_t WeightEvaluator::Plan::countShared() const {
  int64_t bytes = 0;
  if (kind != Kind::Rows)
    return bytes;
  for (Operation *op : program->getOps())
    for (auto [index, operand] : llvm::enumerate(op->getOperands()))
      if (worksOnRows(op) && needsAllRows(op, index))
        bytes += getBytes(operand);
  return bytes;
}

int64_t WeightEvaluator::Plan::countSlabBytes(int64_t size) const {
  switch (kind) {
  case Kind::Param:
    return 2 * size * getRowBytes(root);
  case Kind::Whole:
    return getBytes(root) + program->countBytes();
  case Kind::Rows:
    return size * getRowBytes(root) + program->countBytes({0, size});
  case Kind::Panels: {
    std::unique_ptr<Panel> panel = makePanel(0, size);
    return getPanelBytes(root, axis, size) + makeProgram(*panel)->countBytes();
  }
  }
  llvm_unreachable("unknown kind of plan");
}

SmallVector<Value> WeightEvaluator::Plan::getParams() const {
  llvm::SetVector<Value> params;
  for (Operation *op : ops)
    for (Value operand : op->getOperands())
      if (operand.getDefiningOp<ParamOp>())
        params.insert(operand);
  return params.takeVector();
}

void WeightEvaluator::Plan::countLeast(
    const llvm::DenseMap<Value, std::unique_ptr<Plan>> &plans) {
  // What needs most beside its result comes first.
  SmallVector<std::pair<int64_t, Value>> order;
  for (Value value : held)
    order.emplace_back(-plans.at(value)->leastHeldBytes, value);
  llvm::sort(order,
             [](const auto &a, const auto &b) { return a.first < b.first; });
  held.clear();
  for (auto [bytes, value] : order)
    held.insert(value);
  int64_t live = 0;
  for (Value value : held) {
    live += getBytes(value);
    leastBytes = std::max(leastBytes, live + plans.at(value)->leastHeldBytes);
  }
  leastHeldBytes = leastBytes;
  int64_t slab = live + countSlabBytes(std::min<int64_t>(getSize(), 1));
  leastBytes = std::max(leastBytes, slab);
  leastHeldBytes = std::max(leastHeldBytes,
                            slab - (kind == Kind::Whole ? getBytes(root) : 0));
}

FailureOr<std::unique_ptr<WeightEvaluator::Plan>> WeightEvaluator::Plan::create(
    Value root, const llvm::DenseMap<Value, std::unique_ptr<Plan>> &plans) {
  std::unique_ptr<Plan> best(new Plan(root));
  if (failed(best->tryRows()))
    return failure();
  best->countLeast(plans);
  // Rows are the simplest; only much memory speaks against them.
  if (best->kind == Kind::Param || best->leastBytes <= 4 * pageBytes)
    return best;
  llvm::SetVector<Operation *> all;
  if (failed(collectProgram(root, [](Value) { return false; }, all)))
    return failure();
  for (int64_t axis : llvm::seq<int64_t>(best->getShape().size())) {
    std::unique_ptr<Plan> plan(new Plan(root));
    if (!plan->tryPanels(axis))
      continue;
    for (Operation *op : all)
      if (Value value = op->getResult(0);
          plan->axes.contains(value) && !plan->held.contains(value))
        plan->ops.push_back(op);
    plan->countLeast(plans);
    if (plan->leastBytes < best->leastBytes)
      best = std::move(plan);
  }
  return best;
}

//===----------------------------------------------------------------------===//
// WeightEvaluator
//===----------------------------------------------------------------------===//

/// How a dimension is cut: indices a slab, and threads that compute slabs.
struct WeightEvaluator::Cut {
  unsigned threads;
  int64_t step;
};

/// What a thread keeps from slab to slab.
struct WeightEvaluator::Worker {
  PageBuffer slab;
  Scratch scratch;
  /// Of rows.
  std::optional<Evaluator> evaluator;
};

/// Where a result goes: into memory, or to a sink.
struct WeightEvaluator::Target {
  llvm::MutableArrayRef<char> memory;
  const Sink *sink = nullptr;
  LoadedParams loaded = LoadedParams();

  /// Hands on the bytes at `offset`, which may be there already.
  LogicalResult put(int64_t offset, llvm::ArrayRef<char> bytes) const {
    if (sink)
      return (*sink)(offset, bytes);
    if (memory.data() + offset != bytes.data())
      std::memcpy(memory.data() + offset, bytes.data(), bytes.size());
    return success();
  }
};

WeightEvaluator::WeightEvaluator(MLIRContext *context,
                                 const ArchiveSet &archives, Options options)
    : archives(archives), options(options) {
  if (context->isMultithreadingEnabled())
    threads = context->getThreadPool().getMaxConcurrency();
  if (options.threads != 0)
    threads = std::min(threads, options.threads);
}

WeightEvaluator::~WeightEvaluator() = default;

LogicalResult WeightEvaluator::plan(Value root) {
  llvm::SetVector<Operation *> program;
  if (failed(collectProgram(
          root, [&](Value value) { return plans.contains(value); }, program)))
    return failure();
  for (Operation *op : program) {
    FailureOr<std::unique_ptr<Plan>> made =
        Plan::create(op->getResult(0), plans);
    if (failed(made))
      return failure();
    plans[op->getResult(0)] = std::move(*made);
  }
  return success();
}

FailureOr<int64_t> WeightEvaluator::getLeastBytes(Value root) {
  if (failed(plan(root)))
    return failure();
  return plans.at(root)->getLeastBytes() + keptBytes;
}

LogicalResult WeightEvaluator::evaluate(Value root, Sink sink) {
  return evaluateRoot(root, Target{{}, &sink});
}

LogicalResult WeightEvaluator::evaluate(Value root,
                                        llvm::MutableArrayRef<char> result) {
  return evaluateRoot(root, Target{result});
}

/// What is left for plans of `root`.
int64_t WeightEvaluator::getRoom(Value root) const {
  int64_t room = options.maxBytes;
  if (room == 0)
    room =
        std::max(plans.at(root)->getLeastBytes() + keptBytes, defaultMaxBytes);
  return room - keptBytes;
}

int64_t WeightEvaluator::countBytes(Value root) const {
  return countBytes(*plans.at(root), getRoom(root), /*isHandedOn=*/true) +
         keptBytes;
}

int64_t WeightEvaluator::countBytes(const Plan &plan, int64_t room,
                                    bool isHandedOn) const {
  int64_t live = 0, peak = 0;
  for (Value value : plan.getHeld()) {
    live += getBytes(value);
    peak = std::max(peak, live + countBytes(*plans.at(value), room - live,
                                            /*isHandedOn=*/false));
  }
  int64_t assembled = countAssembled(plan, room - live, isHandedOn);
  live += assembled;
  Cut cut = chooseCut(plan, room - live, isHandedOn && assembled == 0);
  return std::max(peak, live + cut.threads * plan.countSlabBytes(cut.step));
}

LogicalResult WeightEvaluator::evaluateRoot(Value root, const Target &target) {
  FailureOr<int64_t> least = getLeastBytes(root);
  if (failed(least))
    return failure();
  int64_t room = getRoom(root);
  // It is kept from one root that needs it, and not much else, to the next.
  const Plan &plan = *plans.at(root);
  if (!plan.getHeld().empty() || countAssembled(plan, room, true) == 0)
    assembled.reset();
  if (*least > room + keptBytes)
    return root.getDefiningOp()->emitOpError("needs ")
           << *least << " bytes of memory to be evaluated, expected at most "
           << options.maxBytes;
  if (failed(evaluate(root, target, room)))
    return failure();
  // Where a page is read the system maps some around it, too, which may have
  // been given back before.
  llvm::SetVector<Operation *> program;
  if (failed(collectProgram(root, [](Value) { return false; }, program)))
    return failure();
  for (Operation *op : program)
    if (auto param = dyn_cast<ParamOp>(op))
      if (auto tensor = resolveParam(param, archives); succeeded(tensor))
        getArchive(param, archives)->release((*tensor)->bytes);
  return success();
}

LogicalResult WeightEvaluator::evaluate(Value root, const Target &target,
                                        int64_t room) {
  const Plan &plan = *plans.at(root);
  Held held;
  if (failed(evaluateHeld(plan, room, held)))
    return failure();
  int64_t taken = countAssembled(plan, room, target.sink);
  if (taken == 0)
    return evaluateSlabs(plan, held, target, room);

  int64_t bytes = getBytes(root);
  Target memory = target;
  std::list<PageBuffer> params;
  for (Value param : plan.getParams())
    if (failed(loadParam(param, params, memory)))
      return failure();
  if (target.sink) {
    if (!assembled)
      assembled = std::make_unique<PageBuffer>();
    if (failed(assembled->reserve(root.getLoc(), bytes)))
      return failure();
    memory.memory = assembled->take(bytes);
    memory.sink = nullptr;
  }
  if (failed(evaluateSlabs(plan, held, memory, room - taken)))
    return failure();
  if (!target.sink)
    return success();
  return failableParallelForEachN(
      root.getContext(), 0, llvm::divideCeil(bytes, slabBytes),
      [&](size_t index) {
        int64_t offset = index * slabBytes;
        return (*target.sink)(offset,
                              assembled->take(bytes).slice(
                                  offset, std::min(slabBytes, bytes - offset)));
      });
}

/// Reads `param` into one of `buffers`, for `target`: its strips are far apart
/// in the small pages of a file.
LogicalResult WeightEvaluator::loadParam(Value param,
                                         std::list<PageBuffer> &buffers,
                                         Target &target) const {
  auto op = param.getDefiningOp<ParamOp>();
  FailureOr<const Archive::Tensor *> tensor = resolveParam(op, archives);
  if (failed(tensor))
    return failure();
  llvm::ArrayRef<char> bytes = (*tensor)->bytes;
  if (failed(buffers.emplace_back().reserve(param.getLoc(), bytes.size())))
    return failure();
  llvm::MutableArrayRef<char> copy = buffers.back().take(bytes.size());
  for (int64_t begin = 0; begin < getBytes(param); begin += pageBytes) {
    llvm::ArrayRef<char> some =
        bytes.slice(begin, std::min(pageBytes, getBytes(param) - begin));
    llvm::copy(some, copy.data() + begin);
    getArchive(param, archives)->release(some);
  }
  target.loaded[op.getRef()] = copy;
  return success();
}

/// The bytes of what panels of `plan` are cut from, and of the result that they
/// are put together in before it is handed on, where `room` is enough for that:
/// short rows are read and written slowly. Zero where it is not.
int64_t WeightEvaluator::countAssembled(const Plan &plan, int64_t room,
                                        bool isHandedOn) const {
  if (plan.getKind() != Plan::Kind::Panels)
    return 0;
  int64_t bytes = isHandedOn ? getBytes(plan.getRoot()) : 0;
  for (Value param : plan.getParams())
    bytes += getBytes(param);
  int64_t few = std::min<int64_t>(plan.getSize(), 64);
  return bytes + threads * plan.countSlabBytes(few) <= room ? bytes : 0;
}

/// Slabs on as many threads as `room` is enough for.
WeightEvaluator::Cut WeightEvaluator::chooseCut(const Plan &plan, int64_t room,
                                                bool isHandedOn) const {
  int64_t size = plan.getSize();
  if (plan.getKind() == Plan::Kind::Whole || size == 0)
    return {1, size};
  int64_t smallest = std::max<int64_t>(plan.countSlabBytes(1), 1);
  int64_t workers = std::clamp<int64_t>(room / smallest, 1, threads);
  int64_t wanted =
      smallest + std::clamp(plan.countShared(), slabBytes, largeSlabBytes);
  if (plan.getKind() == Plan::Kind::Panels)
    wanted = isHandedOn ? widePanelBytes : smallest + panelBytes;
  int64_t limit = std::min(wanted, room / workers);
  int64_t step = size;
  while (step > 1 && plan.countSlabBytes(step) > limit)
    step = llvm::divideCeil(step, 2);
  // As many slabs as end together, of whole registers and lines.
  int64_t slabs = llvm::alignTo(llvm::divideCeil(size, step), workers);
  int64_t even = llvm::alignTo(llvm::divideCeil(size, slabs), 64);
  return {static_cast<unsigned>(workers), std::min(step, even)};
}

LogicalResult WeightEvaluator::evaluateHeld(const Plan &plan, int64_t &room,
                                            Held &held) {
  for (Value value : plan.getHeld()) {
    auto known = llvm::find_if(
        kept, [&](const auto &entry) { return entry.first == value; });
    if (known != kept.end()) {
      held.push_back(known->second);
      continue;
    }
    int64_t size = getBytes(value);
    room -= size;
    held.push_back(std::make_shared<PageBuffer>());
    if (failed(held.back()->reserve(value.getLoc(), size)) ||
        failed(evaluate(value, Target{held.back()->take(size)}, room)))
      return failure();
    if (size > smallBytes)
      continue;
    kept.emplace_back(value, held.back());
    for (bytesKept += size; bytesKept > keptBytes; kept.pop_front())
      bytesKept -= getBytes(kept.front().first);
  }
  return success();
}

LogicalResult WeightEvaluator::evaluateSlab(const Plan &plan, const Held &held,
                                            const Target &target,
                                            RowRange range, Worker &worker) {
  Value root = plan.getRoot();
  Location loc = root.getLoc();
  bool isPanel = plan.getKind() == Plan::Kind::Panels;
  // The slab is `outer` strips in the result.
  int64_t outer = 1;
  if (isPanel)
    for (int64_t dim : plan.getShape().take_front(plan.getAxis()))
      outer *= dim;
  int64_t stride = getBytes(root) / outer;
  int64_t unit = stride / plan.getSize();
  int64_t offset = range.begin * unit, strip = range.size() * unit;

  if (plan.getKind() == Plan::Kind::Param) {
    FailureOr<const Archive::Tensor *> tensor =
        resolveParam(root.getDefiningOp<ParamOp>(), archives);
    if (failed(tensor))
      return failure();
    // The system writes slowly what it has to map first.
    llvm::ArrayRef<char> pages = (*tensor)->bytes.slice(offset, strip);
    if (failed(worker.slab.reserve(loc, strip)))
      return failure();
    llvm::MutableArrayRef<char> slab = worker.slab.take(strip);
    llvm::copy(pages, slab.begin());
    // The system maps some pages before those that are read, too.
    int64_t before = std::min<int64_t>(offset, mappedBytes);
    getArchive(root, archives)
        ->release({pages.data() - before, pages.size() + before});
    return target.put(offset, slab);
  }

  llvm::MutableArrayRef<char> slab;
  if (outer == 1 && !target.sink) {
    slab = target.memory.slice(offset, strip);
  } else {
    if (failed(worker.slab.reserve(loc, outer * strip)))
      return failure();
    slab = worker.slab.take(outer * strip);
  }
  auto start = [&](const Program &program, ValueRange given) {
    worker.evaluator.emplace(program, archives, worker.scratch, target.loaded);
    for (auto [value, buffer] : llvm::zip_equal(given, held))
      worker.evaluator->give(value, buffer->take(getBytes(value)));
  };
  if (isPanel) {
    std::unique_ptr<Panel> panel = plan.makePanel(range.begin, range.end);
    FailureOr<Program> program = makeProgram(*panel);
    if (failed(program))
      return failure();
    start(*program, panel->given);
    LogicalResult done = worker.evaluator->evaluate(slab);
    worker.evaluator.reset();
    if (failed(done))
      return failure();
  } else {
    if (!worker.evaluator)
      start(plan.getProgram(), plan.getHeld());
    if (failed(plan.getKind() == Plan::Kind::Rows
                   ? worker.evaluator->evaluate(range, slab)
                   : worker.evaluator->evaluate(slab)))
      return failure();
  }
  for (int64_t index = 0; index < outer; ++index)
    if (failed(target.put(index * stride + offset,
                          slab.slice(index * strip, strip))))
      return failure();
  return success();
}

LogicalResult WeightEvaluator::evaluateSlabs(const Plan &plan, const Held &held,
                                             const Target &target,
                                             int64_t room) {
  int64_t size = plan.getSize(), bytes = getBytes(plan.getRoot());
  if (bytes == 0)
    return success();
  Cut cut = chooseCut(plan, room, target.sink);
  std::atomic<int64_t> next = 0;
  std::atomic<bool> isFailed = false;
  return failableParallelForEachN(
      plan.getRoot().getContext(), 0, cut.threads,
      [&](size_t) -> LogicalResult {
        Worker worker;
        while (!isFailed) {
          int64_t begin = next.fetch_add(cut.step);
          if (begin >= size)
            break;
          RowRange range{begin, std::min(begin + cut.step, size)};
          if (succeeded(evaluateSlab(plan, held, target, range, worker)))
            continue;
          isFailed = true;
          return failure();
        }
        return success();
      });
}
