//===- ParamPacker.cpp - A new archive from weight programs ---------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Transforms/ParamPacker.h"

#include "Quench/Dialect/Quench/Transforms/BoundArchives.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/Hash.h"
#include "Quench/Support/Version.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <chrono>
#include <fcntl.h>
#include <mutex>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace quench;

/// What the process takes beside the evaluator while it works: stacks, IR of
/// panels, the heap's own rounding.
static constexpr int64_t reserveBytes = int64_t(32) << 20;

/// How much more memory another run may need than this one.
static constexpr int64_t differenceBytes = int64_t(1) << 20;

static std::error_code lastError() {
  return std::error_code(errno, std::generic_category());
}

/// Bytes of memory that this process has to itself. Pages of files, such as its
/// own code, are not among them: the system takes those back when it needs
/// them, and how many there are depends on what it has read before.
static int64_t getOwnBytes() {
  auto text = llvm::MemoryBuffer::getFileAsStream("/proc/self/statm");
  if (!text)
    return 0;
  // Size, resident, and of that shared, in pages.
  llvm::SmallVector<llvm::StringRef> fields;
  (*text)->getBuffer().split(fields, ' ');
  int64_t resident = 0, shared = 0;
  if (fields.size() > 2) {
    fields[1].getAsInteger(10, resident);
    fields[2].getAsInteger(10, shared);
  }
  return (resident - shared) * ::sysconf(_SC_PAGESIZE);
}

/// A text that changes when the system starts: before that, what was written
/// may not have reached the disk.
static std::string getBootId() {
  auto text =
      llvm::MemoryBuffer::getFileAsStream("/proc/sys/kernel/random/boot_id");
  return text ? (*text)->getBuffer().trim().str() : "";
}

/// Writes all of `bytes`; errno says why not.
static bool writeAt(int file, int64_t offset, llvm::StringRef bytes) {
  // Larger pieces take the system longer by the byte.
  constexpr size_t piece = 128 << 10;
  while (!bytes.empty()) {
    ssize_t written =
        ::pwrite(file, bytes.data(), std::min(piece, bytes.size()), offset);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    bytes = bytes.drop_front(written);
    offset += written;
  }
  return true;
}

static std::string toMiB(int64_t bytes) {
  return llvm::utostr(llvm::divideCeil(bytes, int64_t(1) << 20)) + "MiB";
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// Makes the programs of `roots` in `block` compute in f32 where they compute
/// in f64. Parameters and roots keep their types.
static void computeInF32(Block &block, llvm::MutableArrayRef<Value> roots) {
  auto setF32 = [](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return type.clone(Float32Type::get(value.getContext()));
  };
  auto isF64 = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getElementType().isF64();
  };
  if (block.empty())
    return;
  OpBuilder builder(block.front().getContext());
  for (Operation &op : llvm::make_early_inc_range(block)) {
    Value result = op.getResult(0);
    if (!isF64(result))
      continue;
    builder.setInsertionPointAfter(&op);
    auto isRoot = llvm::find(roots, result);
    if (isa<ParamOp>(op)) {
      if (result.use_empty())
        continue;
      Value narrow =
          CastOp::create(builder, op.getLoc(), setF32(result), result);
      result.replaceAllUsesExcept(narrow, narrow.getDefiningOp());
      continue;
    }
    Type wide = result.getType();
    result.setType(setF32(result));
    if (isRoot != roots.end())
      *isRoot = CastOp::create(builder, op.getLoc(), wide, result);
  }
}

/// A text of the program of `root`: equal texts compute equal bytes.
static std::string describeProgram(Value root, const ArchiveSet &archives) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::DenseMap<Operation *, unsigned> numbers;
  SmallVector<Operation *> stack = {root.getDefiningOp()};
  while (!stack.empty()) {
    Operation *op = stack.back();
    size_t size = stack.size();
    for (Value operand : op->getOperands())
      if (!numbers.contains(operand.getDefiningOp()))
        stack.push_back(operand.getDefiningOp());
    if (stack.size() != size)
      continue;
    stack.pop_back();
    if (!numbers.try_emplace(op, numbers.size()).second)
      continue;
    os << op->getName() << op->getAttrDictionary() << '(';
    llvm::interleaveComma(op->getOperands(), os, [&](Value operand) {
      os << numbers.lookup(operand.getDefiningOp());
    });
    os << ") " << op->getResult(0).getType() << '\n';
    if (auto param = dyn_cast<ParamOp>(op))
      os << archives.find(param.getRef().getScope())->identity() << '\n';
  }
  return text;
}

/// The parameter that the program of `root` changes in place: all ops along
/// the first operands keep the shape.
static ParamOp getChangedParam(Value root) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(root.getType()).getShape();
  Value value = root;
  while (cast<RankedTensorType>(value.getType()).getShape() == shape) {
    Operation *op = value.getDefiningOp();
    if (auto param = dyn_cast<ParamOp>(op))
      return param;
    if (op->getNumOperands() == 0)
      break;
    value = op->getOperand(0);
  }
  return {};
}

/// The path in the checkpoint of `loc`, or nothing.
static llvm::StringRef getPath(Location loc) {
  llvm::StringRef path;
  loc->walk([&](Location part) {
    auto name = dyn_cast<NameLoc>(part);
    if (!name)
      return WalkResult::advance();
    path = name.getName().getValue();
    return WalkResult::interrupt();
  });
  return path;
}

/// A name for what `use` reads: the path of its op and which operand it is.
static std::string getSiteName(OpOperand *use) {
  llvm::StringRef path = getPath(use->getOwner()->getLoc());
  if (path.empty())
    path = use->getOwner()->getName().stripDialect();
  switch (use->getOperandNumber()) {
  case 1:
    return (path + ".weight").str();
  case 2:
    return (path + ".bias").str();
  default:
    return (path + ".operand" + llvm::Twine(use->getOperandNumber())).str();
  }
}

/// Names for `roots`, in their order: the key of the tensor that a program
/// changes in place, for the first of those that change it; else by the first
/// use, with a number where such a name is taken.
static SmallVector<std::string> makeNames(llvm::ArrayRef<Value> roots,
                                          llvm::ArrayRef<ParamUse> uses) {
  SmallVector<std::string> names(roots.size());
  llvm::StringSet<> taken;
  for (auto [root, name] : llvm::zip_equal(roots, names))
    if (ParamOp param = getChangedParam(root))
      if (llvm::StringRef key = param.getRef().getKey();
          taken.insert(key).second)
        name = key;
  for (auto [use, index] : uses) {
    std::string &name = names[index];
    if (!name.empty())
      continue;
    std::string stem = getSiteName(use);
    name = stem;
    for (unsigned number = 1; !taken.insert(name).second; ++number)
      name = stem + "." + llvm::utostr(number);
  }
  return names;
}

//===----------------------------------------------------------------------===//
// ParamPacker
//===----------------------------------------------------------------------===//

ParamPacker::ParamPacker(Operation *op, const ArchiveSet &archives,
                         PackOptions options)
    : op(op), archives(archives), options(std::move(options)) {}

ParamPacker::~ParamPacker() {
  for (int file : {partial, journal})
    if (file != -1)
      ::close(file);
}

InFlightDiagnostic ParamPacker::fail() const {
  return emitError(UnknownLoc::get(op->getContext()))
         << "'" << options.path << "': ";
}

FailureOr<std::unique_ptr<ParamPacker>>
ParamPacker::create(Operation *op, const ArchiveSet &archives,
                    PackOptions options) {
  std::unique_ptr<ParamPacker> packer(
      new ParamPacker(op, archives, std::move(options)));
  if (failed(verifyParams(op, archives)) || failed(packer->collect()) ||
      failed(packer->checkMemory()) || failed(packer->openFiles()))
    return failure();
  return packer;
}

LogicalResult ParamPacker::collect() {
  WeightProgramSet programs(op->getContext(), &block);
  FailureOr<SmallVector<ParamUse>> found = collectPrograms(op, programs);
  if (failed(found))
    return failure();
  uses = std::move(*found);
  SmallVector<Value> roots(programs.getRoots());
  names = makeNames(roots, uses);
  if (options.computeInF32)
    computeInF32(block, roots);

  SmallVector<SafeTensorsWriter::Entry> entries;
  llvm::StringMap<Value> rootOf;
  for (auto [root, name] : llvm::zip_equal(roots, names)) {
    auto type = cast<RankedTensorType>(root.getType());
    std::optional<DType> dtype = getDType(type.getElementType());
    if (!dtype || !getByteSize(type))
      return root.getDefiningOp()->emitOpError("has the type ")
             << type << ", which no archive can hold";
    entries.push_back({name, *dtype, SmallVector<int64_t>(type.getShape())});
    rootOf[name] = root;
  }
  SafeTensorsWriter::sortForAlignment(entries);
  llvm::Expected<std::string> text =
      SafeTensorsWriter::makeHeader(entries, {{"format", "quench"}});
  if (!text)
    return fail() << llvm::toString(text.takeError());
  header = std::move(*text);
  int64_t offset = header.size();
  for (const SafeTensorsWriter::Entry &entry : entries) {
    Tensor tensor;
    tensor.root = rootOf.lookup(entry.name);
    std::string program = describeProgram(tensor.root, archives);
    tensor.hash = hashBytes(program);
    tensor.offset = offset;
    tensor.bytes = SafeTensorsWriter::countBytes(entry);
    offset += tensor.bytes;
    tensors.push_back(std::move(tensor));
  }
  return success();
}

LogicalResult ParamPacker::checkMemory() {
  int64_t others = getOwnBytes() + reserveBytes;
  WeightEvaluator::Options limits;
  limits.threads = options.threads;
  limits.maxBytes = std::max<int64_t>(options.maxMemory - others, 1);
  evaluator =
      std::make_unique<WeightEvaluator>(op->getContext(), archives, limits);
  int64_t most = 0;
  Value largest;
  for (const Tensor &tensor : tensors) {
    FailureOr<int64_t> least = evaluator->getLeastBytes(tensor.root);
    if (failed(least))
      return failure();
    if (*least > most) {
      most = *least;
      largest = tensor.root;
    }
  }
  if (most <= limits.maxBytes)
    return success();
  return largest.getDefiningOp()->emitOpError("cannot be evaluated in ")
         << toMiB(options.maxMemory) << " of memory, expected at least "
         << toMiB(others + most + differenceBytes);
}

bool ParamPacker::isInterrupted(llvm::StringRef path) {
  return llvm::sys::fs::exists(getPathBeside(path, ".journal"));
}

LogicalResult ParamPacker::openFiles() {
  partialPath = getPathBeside(options.path, ".partial");
  journalPath = getPathBeside(options.path, ".journal");
  llvm::SmallString<128> target;
  if (!llvm::sys::fs::real_path(options.path, target))
    options.path = std::string(target);
  auto failOn = [&](llvm::StringRef path) {
    std::error_code code = lastError();
    return emitError(UnknownLoc::get(op->getContext()))
           << "cannot write '" << path << "': " << describe(code);
  };
  if (llvm::sys::fs::exists(options.path) &&
      !llvm::sys::fs::is_regular_file(options.path))
    return fail() << "expected a regular file";
  auto checkName = [&](bool force) -> LogicalResult {
    if (llvm::Error error = checkOutput(options.path, force))
      return emitError(UnknownLoc::get(op->getContext()))
             << llvm::toString(std::move(error));
    return success();
  };
  // With a journal an archive of that name may be the one it speaks of.
  bool mayExist = options.force || llvm::sys::fs::exists(journalPath);
  if (!mayExist && isPacked())
    return emitError(UnknownLoc::get(op->getContext()))
           << "'" << options.path
           << "' exists already, complete, with the names, types and shapes "
              "that are to be packed; replace it with --force";
  if (failed(checkName(mayExist)))
    return failure();

  journal = ::open(journalPath.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (journal == -1)
    return failOn(journalPath);
  if (::flock(journal, LOCK_EX | LOCK_NB) != 0)
    return fail() << "another process is writing it";
  // The first line says what all others are about.
  std::string key = "quench-journal " +
                    hashBytes(header + getVersion().str() + getBootId()) + "\n";
  uint64_t size = countBytes();
  readJournal(key);
  uint64_t found = 0;
  bool hasPartial = !llvm::sys::fs::file_size(partialPath, found);
  if (!hasPartial && isAllDone() &&
      !llvm::sys::fs::file_size(options.path, found) && found == size) {
    // Stopped after the archive had got its name.
    isNamed = true;
    return success();
  }
  if (failed(checkName(options.force)))
    return failure();
  partial = ::open(partialPath.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (partial == -1)
    return failOn(partialPath);
  if (journalEnd != 0 && hasPartial && found == size)
    return success();

  for (Tensor &tensor : tensors)
    tensor.isDone = false;
  journalEnd = 0;
  // The journal speaks of a file of the right size only: reserve it first.
  bool isReserved = ::ftruncate(journal, 0) == 0 &&
                    ::ftruncate(partial, 0) == 0 &&
                    (::fallocate(partial, 0, 0, size) == 0 ||
                     (errno == EOPNOTSUPP && ::ftruncate(partial, size) == 0));
  if (!isReserved || !writeAt(partial, 0, header) || !addLine(key)) {
    InFlightDiagnostic diagnostic = failOn(partialPath);
    ::unlink(partialPath.c_str());
    ::unlink(journalPath.c_str());
    return diagnostic;
  }
  return success();
}

void ParamPacker::readJournal(llvm::StringRef key) {
  auto text = llvm::MemoryBuffer::getFile(journalPath, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!text)
    return;
  llvm::StringRef lines = (*text)->getBuffer();
  if (!lines.consume_front(key))
    return;
  // The last line may be a part of one.
  while (lines.contains('\n')) {
    auto [line, rest] = lines.split('\n');
    auto [index, hash] = line.split(' ');
    size_t number;
    if (!index.getAsInteger(10, number) && number < tensors.size())
      tensors[number].isDone = tensors[number].hash == hash;
    lines = rest;
  }
  journalEnd = (*text)->getBufferSize() - lines.size();
}

uint64_t ParamPacker::countBytes() const {
  uint64_t bytes = header.size();
  for (const Tensor &tensor : tensors)
    bytes += tensor.bytes;
  return bytes;
}

bool ParamPacker::isPacked() const {
  uint64_t size;
  if (llvm::sys::fs::file_size(options.path, size) || size != countBytes())
    return false;
  auto begin = llvm::MemoryBuffer::getFileSlice(options.path, header.size(), 0);
  return begin && (*begin)->getBuffer() == header;
}

bool ParamPacker::isAllDone() const {
  return llvm::all_of(tensors,
                      [](const Tensor &tensor) { return tensor.isDone; });
}

bool ParamPacker::addLine(llvm::StringRef line) {
  if (!writeAt(journal, journalEnd, line))
    return false;
  journalEnd += line.size();
  return true;
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

/// A rough guess of what one thread needs for a byte that is copied, and for an
/// element that an op computes.
static constexpr double secondsPerByte = 0.5e-9;
static constexpr double secondsPerElement = 1.5e-9;

PackEstimate ParamPacker::estimate() const {
  PackEstimate result;
  int64_t most = 0;
  double elements = 0;
  for (const Tensor &tensor : tensors) {
    ++result.total.tensors;
    result.total.bytes += tensor.bytes;
    if (tensor.isDone)
      continue;
    ++result.left.tensors;
    result.left.bytes += tensor.bytes;
    most = std::max(most, evaluator->countBytes(tensor.root));
    llvm::SetVector<Operation *> program;
    program.insert(tensor.root.getDefiningOp());
    for (unsigned index = 0; index < program.size(); ++index)
      for (Value operand : program[index]->getOperands())
        program.insert(operand.getDefiningOp());
    for (Operation *op : program)
      if (!isa<ParamOp>(op))
        elements +=
            cast<RankedTensorType>(op->getResult(0).getType()).getNumElements();
  }
  result.peakBytes = getOwnBytes() + most;
  result.seconds = result.left.bytes * secondsPerByte +
                   elements * secondsPerElement / evaluator->getThreads();
  return result;
}

LogicalResult ParamPacker::pack() {
  if (isNamed)
    return success();
  if (options.onStart)
    options.onStart(estimate());
  std::mutex mutex;
  PackProgress done;
  auto told = std::chrono::steady_clock::now();
  auto report = [&](int64_t bytes) {
    std::lock_guard<std::mutex> lock(mutex);
    done.bytes += bytes;
    auto now = std::chrono::steady_clock::now();
    if (!options.onProgress || now - told < std::chrono::milliseconds(200))
      return;
    told = now;
    options.onProgress(done);
  };
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    if (tensor.isDone)
      continue;
    auto write = [&, offset = tensor.offset](int64_t begin,
                                             llvm::ArrayRef<char> bytes) {
      if (!writeAt(partial, offset + begin,
                   llvm::StringRef(bytes.data(), bytes.size())))
        return LogicalResult(fail() << describe(lastError()));
      report(bytes.size());
      return success();
    };
    if (failed(evaluator->evaluate(tensor.root, write)))
      return failure();
    tensor.isDone = true;
    ++done.tensors;
    if (!addLine((llvm::Twine(index) + " " + tensor.hash + "\n").str()))
      return fail() << describe(lastError());
  }
  ::close(partial);
  partial = -1;
  if (std::error_code code = llvm::sys::fs::rename(partialPath, options.path))
    return fail() << describe(code);
  isNamed = true;
  return success();
}

void ParamPacker::replacePrograms(llvm::StringRef scope) {
  llvm::DenseMap<Value, Value> params;
  for (auto [use, index] : uses) {
    Value value = use->get();
    Value &param = params[value];
    if (!param) {
      OpBuilder builder(value.getDefiningOp());
      auto ref = RefAttr::get(builder.getContext(), scope, names[index]);
      param = ParamOp::create(builder, value.getLoc(), value.getType(), ref);
    }
    use->set(param);
  }
  eraseDeadPrograms(op);
}

LogicalResult ParamPacker::finish() {
  if (::unlink(journalPath.c_str()) != 0)
    return fail() << "cannot remove '" << journalPath
                  << "': " << describe(lastError());
  return success();
}

LogicalResult quench::materializeParams(
    ModuleOp module, const ArchiveSet &archives, PackOptions options,
    llvm::function_ref<LogicalResult(bool isRepeated)> write) {
  constexpr llvm::StringLiteral scope = "model";
  Builder builder(module.getContext());
  NamedAttribute entry(scope, builder.getStringAttr(options.reference.empty()
                                                        ? options.path
                                                        : options.reference));
  FailureOr<std::unique_ptr<ParamPacker>> packer =
      ParamPacker::create(module, archives, std::move(options));
  if (failed(packer))
    return failure();
  bool isRepeated = (*packer)->isComplete();
  if (failed((*packer)->pack()))
    return failure();
  (*packer)->replacePrograms(scope);
  module->setAttr(attrs::archives, builder.getDictionaryAttr(entry));
  module->removeAttr(boundAttrName);
  if (failed(write(isRepeated)))
    return failure();
  return (*packer)->finish();
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

llvm::Error quench::parseMemory(llvm::StringRef text, int64_t &bytes) {
  llvm::StringRef digits = text;
  double unit = 1 << 30;
  if (digits.consume_back("MiB"))
    unit = 1 << 20;
  else
    digits.consume_back("GiB");
  double number;
  if (digits.trim().getAsDouble(number) || !(number > 0) ||
      !(number * unit < 0x1p62))
    return makeError("max-memory: found '", text,
                     "', expected GiB such as 1 or 0.5, or MiB such as 512MiB");
  bytes = static_cast<int64_t>(number * unit);
  return llvm::Error::success();
}

llvm::Error quench::parseAccumulate(llvm::StringRef text, bool &isF32) {
  if (text != "f32" && text != "f64")
    return makeError("accumulate: found '", text, "', expected f64 or f32");
  isF32 = text == "f32";
  return llvm::Error::success();
}
