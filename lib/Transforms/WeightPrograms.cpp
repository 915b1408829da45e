//===- WeightPrograms.cpp - From archives to parameters -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Transforms/WeightPrograms.h"

#include "Quench/Dialect/Quench/IR/Quench.h"

#include "mlir/IR/Threading.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Path.h"

#include <cstring>
#include <new>

using namespace mlir;
using namespace quench;

//===----------------------------------------------------------------------===//
// ArchiveSet
//===----------------------------------------------------------------------===//

FailureOr<ArchiveSet>
ArchiveSet::open(ModuleOp module, const llvm::StringMap<std::string> &overrides,
                 llvm::StringRef baseDir) {
  llvm::MapVector<llvm::StringRef, ParamOp> scopes;
  module.walk([&](ParamOp param) {
    scopes.try_emplace(param.getRef().getScope(), param);
  });
  bool failed = false;
  for (const auto &entry : overrides) {
    if (scopes.contains(entry.getKey()))
      continue;
    failed = true;
    InFlightDiagnostic diagnostic =
        module.emitError() << "no parameter has the scope '" << entry.getKey()
                           << "' that is bound to '" << entry.getValue() << "'";
    for (auto &[scope, param] : scopes)
      diagnostic << (scope == scopes.front().first ? "; found '" : ", '")
                 << scope << "'";
  }

  ArchiveSet set;
  auto declared = module->getAttrOfType<DictionaryAttr>(attrs::archives);
  for (auto &[scope, param] : scopes) {
    llvm::SmallString<128> path;
    if (auto it = overrides.find(scope); it != overrides.end()) {
      path = it->getValue();
    } else if (auto file = declared ? declared.getAs<StringAttr>(scope)
                                    : StringAttr()) {
      path = file.getValue();
      if (llvm::sys::path::is_relative(path)) {
        path = baseDir;
        llvm::sys::path::append(path, file.getValue());
      }
    } else {
      failed = true;
      param.emitOpError("no archive is bound to the scope '") << scope << "'";
      continue;
    }
    llvm::Expected<std::unique_ptr<Archive>> archive = Archive::open(path);
    if (archive) {
      set.archives[scope] = std::move(*archive);
      continue;
    }
    failed = true;
    module.emitError() << "archive of scope '" << scope
                       << "': " << llvm::toString(archive.takeError());
  }
  if (failed)
    return failure();
  return set;
}

const Archive *ArchiveSet::find(llvm::StringRef scope) const {
  auto it = archives.find(scope);
  return it == archives.end() ? nullptr : it->getValue().get();
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// The tensor of the archive that `param` names, checked against its type.
static FailureOr<const Archive::Tensor *> resolve(ParamOp param,
                                                  const ArchiveSet &archives) {
  llvm::StringRef scope = param.getRef().getScope();
  llvm::StringRef key = param.getRef().getKey();
  const Archive *archive = archives.find(scope);
  if (!archive)
    return param.emitOpError("no archive is bound to the scope '")
           << scope << "'";
  const Archive::Tensor *tensor = archive->find(key);
  if (!tensor) {
    InFlightDiagnostic diagnostic = param.emitOpError("archive '")
                                    << archive->path() << "' has no tensor '"
                                    << key << "'";
    SmallVector<llvm::StringRef> similar = archive->findSimilar(key);
    for (llvm::StringRef name : similar)
      diagnostic << (name == similar.front() ? "; did you mean '" : "', '")
                 << name;
    if (!similar.empty())
      diagnostic << "'?";
    return diagnostic;
  }
  auto found = RankedTensorType::get(
      tensor->shape, getElementType(tensor->dtype, param.getContext()));
  if (found != param.getResult().getType())
    return param.emitOpError("archive '")
           << archive->path() << "' holds '" << key << "' as " << found
           << ", expected " << param.getResult().getType();
  return tensor;
}

LogicalResult quench::verifyParams(Operation *op, const ArchiveSet &archives) {
  bool failed = false;
  op->walk(
      [&](ParamOp param) { failed |= mlir::failed(resolve(param, archives)); });
  return failure(failed);
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// The ops of the program of `root`, each after its operands. Not recursive:
/// programs may be long.
static LogicalResult collectProgram(Value root,
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
    if (program.contains(op))
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

/// Bytes of a piece of a result when a program is evaluated piece by piece.
static constexpr int64_t pieceBytes = 1 << 20;

/// Ops that are evaluated within a piece of another's result nest at most so
/// deep, since the evaluation recurses.
static constexpr unsigned maxStreamDepth = 32;

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

static int64_t getRowBytes(Value value) {
  int64_t rows = getAllRows(value).size();
  return rows == 0 ? 0 : *getByteSize(value.getType()) / rows;
}

namespace {
/// A program: which of its values are held as a whole, and which are computed
/// by rows whenever a piece of their only user needs them.
class Program {
public:
  static FailureOr<Program> create(Value root);

  llvm::ArrayRef<Operation *> getOps() const { return ops.getArrayRef(); }
  bool isStreamed(Value value) const { return streamed.contains(value); }

  /// How often ops of the program use `value`.
  unsigned countUses(Value value) const { return uses.lookup(value); }

private:
  llvm::SetVector<Operation *> ops;
  llvm::DenseMap<Value, unsigned> uses;
  /// The streamed values and their depth.
  llvm::DenseMap<Value, unsigned> streamed;
};
} // namespace

FailureOr<Program> Program::create(Value root) {
  Program program;
  if (failed(collectProgram(root, program.ops)))
    return failure();
  for (Operation *op : program.ops)
    for (Value operand : op->getOperands())
      ++program.uses[operand];
  // Users come after what they use.
  for (Operation *op : llvm::reverse(program.ops)) {
    unsigned depth = program.streamed.lookup(op->getResult(0)) + 1;
    if (depth > maxStreamDepth || !worksOnRows(op))
      continue;
    for (Value operand : op->getOperands())
      if (program.uses[operand] == 1 && worksOnRows(operand.getDefiningOp()))
        program.streamed[operand] = depth;
  }
  return program;
}

namespace {
/// Evaluates one program.
class Evaluator {
public:
  Evaluator(const Program &program, const ArchiveSet &archives)
      : program(program), archives(archives) {}

  LogicalResult evaluate(Value root, llvm::MutableArrayRef<char> result);

private:
  LogicalResult evaluateWhole(Operation *op,
                              llvm::MutableArrayRef<char> result);
  LogicalResult evaluateRows(Operation *op, RowRange rows,
                             llvm::MutableArrayRef<char> result);
  /// Drops the values that only `op`, and what is streamed into it, used last.
  void release(Operation *op);

  const Program &program;
  const ArchiveSet &archives;
  llvm::DenseMap<Value, llvm::ArrayRef<char>> values;
  llvm::DenseMap<Value, std::unique_ptr<char[]>> buffers;
  llvm::DenseMap<Value, unsigned> used;
};
} // namespace

/// A buffer from the heap; fails with a diagnostic when there is no memory.
static FailureOr<std::unique_ptr<char[]>> allocate(Operation *op, size_t size) {
  std::unique_ptr<char[]> buffer(new (std::nothrow) char[size]);
  if (!buffer)
    return op->emitOpError("no memory left for ") << size << " bytes";
  return buffer;
}

LogicalResult Evaluator::evaluateRows(Operation *op, RowRange rows,
                                      llvm::MutableArrayRef<char> result) {
  if (result.empty())
    return success();
  auto computation = cast<WeightProgramOpInterface>(op);
  SmallVector<llvm::ArrayRef<char>> operands;
  SmallVector<std::unique_ptr<char[]>> pieces;
  for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
    RowRange needed = *computation.getOperandRows(index, rows);
    int64_t rowBytes = getRowBytes(operand);
    int64_t size = needed.size() * rowBytes;
    if (!program.isStreamed(operand)) {
      operands.push_back(
          values.lookup(operand).slice(needed.begin * rowBytes, size));
      continue;
    }
    Operation *source = operand.getDefiningOp();
    FailureOr<std::unique_ptr<char[]>> piece = allocate(source, size);
    if (failed(piece) ||
        failed(evaluateRows(source, needed, {piece->get(), size_t(size)})))
      return failure();
    operands.emplace_back(piece->get(), size);
    pieces.push_back(std::move(*piece));
  }
  return computation.evaluateRows(operands, rows, result);
}

LogicalResult Evaluator::evaluateWhole(Operation *op,
                                       llvm::MutableArrayRef<char> result) {
  if (result.empty())
    return success();
  auto isStreamed = [&](Value value) { return program.isStreamed(value); };
  if (llvm::none_of(op->getOperands(), isStreamed)) {
    auto operands = llvm::map_to_vector(
        op->getOperands(), [&](Value value) { return values.lookup(value); });
    return cast<WeightProgramOpInterface>(op).evaluateWeights(operands, result);
  }
  int64_t rows = getAllRows(op->getResult(0)).size();
  int64_t rowBytes = std::max<int64_t>(getRowBytes(op->getResult(0)), 1);
  int64_t step = std::max<int64_t>(pieceBytes / rowBytes, 1);
  for (int64_t begin = 0; begin < rows; begin += step) {
    RowRange range{begin, std::min(begin + step, rows)};
    if (failed(evaluateRows(
            op, range,
            result.slice(range.begin * rowBytes, range.size() * rowBytes))))
      return failure();
  }
  return success();
}

void Evaluator::release(Operation *op) {
  for (Value operand : op->getOperands()) {
    if (program.isStreamed(operand))
      release(operand.getDefiningOp());
    else if (++used[operand] == program.countUses(operand))
      buffers.erase(operand);
  }
}

LogicalResult Evaluator::evaluate(Value root,
                                  llvm::MutableArrayRef<char> result) {
  SmallVector<std::pair<const Archive *, const Archive::Tensor *>> touched;
  for (Operation *op : program.getOps()) {
    Value value = op->getResult(0);
    if (program.isStreamed(value))
      continue;
    if (auto param = dyn_cast<ParamOp>(op)) {
      FailureOr<const Archive::Tensor *> tensor = resolve(param, archives);
      if (failed(tensor))
        return failure();
      values[value] = (*tensor)->bytes;
      touched.emplace_back(archives.find(param.getRef().getScope()), *tensor);
      if (value == root)
        llvm::copy((*tensor)->bytes, result.begin());
      continue;
    }
    llvm::MutableArrayRef<char> bytes = result;
    if (value != root) {
      size_t size = *getByteSize(value.getType());
      FailureOr<std::unique_ptr<char[]>> buffer = allocate(op, size);
      if (failed(buffer))
        return failure();
      bytes = {buffer->get(), size};
      buffers[value] = std::move(*buffer);
    }
    if (failed(evaluateWhole(op, bytes)))
      return failure();
    values[value] = bytes;
    release(op);
  }
  for (auto [archive, tensor] : touched)
    archive->release(*tensor);
  return success();
}

LogicalResult quench::evaluateWeights(Value root, const ArchiveSet &archives,
                                      llvm::MutableArrayRef<char> result) {
  FailureOr<Program> program = Program::create(root);
  if (failed(program))
    return failure();
  int64_t size = *getByteSize(root.getType());
  if (static_cast<int64_t>(result.size()) != size)
    return root.getDefiningOp()->emitOpError("has a result of ")
           << size << " bytes, but room for " << result.size();
  return Evaluator(*program, archives).evaluate(root, result);
}

//===----------------------------------------------------------------------===//
// Payload
//===----------------------------------------------------------------------===//

/// Bytes of intermediate tensors that are held together at most, unless one
/// root alone needs more.
static constexpr int64_t maxIntermediateBytes = int64_t(512) << 20;

namespace {
/// A parameter and its place in the payload.
struct Root {
  Value value;
  llvm::MutableArrayRef<char> bytes;
  int64_t intermediateBytes = 0;
};
} // namespace

/// Upper bound of the bytes of whole tensors that are held while `root` is
/// evaluated, at most maxIntermediateBytes.
static FailureOr<int64_t> countIntermediateBytes(Value root) {
  FailureOr<Program> program = Program::create(root);
  if (failed(program))
    return failure();
  int64_t bytes = 0;
  for (Operation *op : program->getOps()) {
    Value value = op->getResult(0);
    if (!isa<ParamOp>(op) && value != root && !program->isStreamed(value))
      bytes +=
          std::min(*getByteSize(value.getType()), maxIntermediateBytes - bytes);
  }
  return bytes;
}

LogicalResult quench::evaluatePayload(func::FuncOp params,
                                      const ArchiveSet &archives,
                                      llvm::MutableArrayRef<char> payload) {
  if (params.isExternal() || !params.getBody().hasOneBlock())
    return params.emitOpError("expected a body of one block");
  auto offsets = params->getAttrOfType<DenseI64ArrayAttr>("quench.offsets");
  Operation *terminator = params.getBody().front().getTerminator();
  if (!offsets || offsets.size() != terminator->getNumOperands())
    return params.emitOpError("expected 'quench.offsets' with ")
           << terminator->getNumOperands() << " numbers";
  if (failed(verifyParams(params, archives)))
    return failure();

  SmallVector<Root> roots;
  int64_t reached = 0, room = payload.size();
  for (auto [value, offset] :
       llvm::zip_equal(terminator->getOperands(), offsets.asArrayRef())) {
    FailureOr<int64_t> intermediateBytes = countIntermediateBytes(value);
    if (failed(intermediateBytes))
      return failure();
    int64_t size = *getByteSize(value.getType());
    if (offset < reached || offset > room || size > room - offset)
      return params.emitOpError("parameter ")
             << roots.size() << " of " << size << " bytes at offset " << offset
             << ", expected it within [" << reached << ", " << room << ")";
    std::fill(payload.begin() + reached, payload.begin() + offset, 0);
    roots.push_back({value, payload.slice(offset, size), *intermediateBytes});
    reached = offset + size;
  }
  std::fill(payload.begin() + reached, payload.end(), 0);

  llvm::ArrayRef<Root> rest = roots;
  while (!rest.empty()) {
    size_t count = 0;
    int64_t bytes = 0;
    do
      bytes += rest[count++].intermediateBytes;
    while (count < rest.size() &&
           rest[count].intermediateBytes <= maxIntermediateBytes - bytes);
    if (failed(failableParallelForEach(
            params.getContext(), rest.take_front(count), [&](const Root &root) {
              return evaluateWeights(root.value, archives, root.bytes);
            })))
      return failure();
    rest = rest.drop_front(count);
  }
  return success();
}
