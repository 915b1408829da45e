//===- ExampleData.cpp - Inputs of a model from a file --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExampleData.h"

#include "Quench/Dialect/Quench/IR/QuenchDialect.h"
#include "Quench/Support/Archive.h"
#include "Quench/Support/Error.h"
#include "Quench/Support/FloatBytes.h"
#include "Quench/Support/Spelling.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>

using namespace mlir;
using namespace quench;

ExampleData::~ExampleData() = default;

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

std::optional<qrt_dtype> quench::getRuntimeType(DType dtype) {
  switch (dtype) {
  case DType::BOOL:
    return QRT_BOOL;
  case DType::U8:
    return QRT_U8;
  case DType::I8:
    return QRT_I8;
  case DType::I16:
    return QRT_I16;
  case DType::I32:
    return QRT_I32;
  case DType::I64:
    return QRT_I64;
  case DType::F16:
    return QRT_F16;
  case DType::BF16:
    return QRT_BF16;
  case DType::F32:
    return QRT_F32;
  case DType::F64:
    return QRT_F64;
  default:
    return std::nullopt;
  }
}

namespace {
/// An input for all examples.
struct Input {
  std::string name;
  qrt_dtype dtype;
  SmallVector<int64_t> shape;
  ArrayRef<char> bytes;
};

/// Examples in tensors, the first dimension of which counts them.
class TensorExamples : public ExampleData {
public:
  TensorExamples(int64_t batch) : batch(batch) {}

  /// Adds an input; fails where the others have more or fewer examples.
  llvm::Error add(Input input);

  int64_t size() const override { return count; }
  int64_t getBatch() const override { return batch; }
  llvm::Expected<ArrayRef<qrt_tensor>> get(int64_t begin,
                                           int64_t count) override;

  /// What the bytes of inputs are in.
  std::unique_ptr<Archive> archive;
  std::unique_ptr<llvm::MemoryBuffer> file;

private:
  int64_t batch, count = 0;
  std::vector<Input> inputs;
  std::vector<SmallVector<int64_t>> shapes;
  /// Aligned copies, since archives promise none.
  std::vector<std::vector<double>> buffers;
  std::vector<qrt_tensor> tensors;
};
} // namespace

llvm::Error TensorExamples::add(Input input) {
  if (input.shape.empty())
    return makeError("expected a first dimension that counts examples in '",
                     input.name, "', found none");
  if (!inputs.empty() && input.shape.front() != count)
    return makeError("expected ", formatCount(count, "example"), " in '",
                     input.name, "', as in '", inputs.front().name, "', found ",
                     input.shape.front());
  count = input.shape.front();
  inputs.push_back(std::move(input));
  return llvm::Error::success();
}

std::string quench::describeExamples(int64_t begin, int64_t end) {
  if (end - begin == 1)
    return "example " + std::to_string(end);
  return "examples " + std::to_string(begin + 1) + " to " + std::to_string(end);
}

/// Whether elements of `type` are all finite numbers.
static bool areFinite(qrt_dtype type, ArrayRef<char> bytes) {
  static constexpr std::pair<qrt_dtype, DType> floats[] = {
      {QRT_F16, DType::F16},
      {QRT_BF16, DType::BF16},
      {QRT_F32, DType::F32},
      {QRT_F64, DType::F64}};
  const auto *found =
      llvm::find_if(floats, [&](const auto &f) { return f.first == type; });
  if (found == std::end(floats))
    return true;
  std::vector<double> numbers(bytes.size() * 8 / getBitWidth(found->second));
  decodeFloats(found->second, bytes.data(), numbers);
  return llvm::all_of(numbers, [](double x) { return std::isfinite(x); });
}

llvm::Expected<ArrayRef<qrt_tensor>> TensorExamples::get(int64_t begin,
                                                         int64_t examples) {
  tensors.clear();
  shapes.resize(inputs.size());
  buffers.resize(inputs.size());
  for (auto [index, input] : llvm::enumerate(inputs)) {
    size_t bytes = input.bytes.size() / count;
    for (int64_t example = begin; example < begin + examples; ++example)
      if (!areFinite(input.dtype, input.bytes.slice(example * bytes, bytes)))
        return makeError("found a number that is not finite in '", input.name,
                         "' of ", describeExamples(example, example + 1));
    buffers[index].resize(llvm::divideCeil(examples * bytes, sizeof(double)));
    std::memcpy(buffers[index].data(), input.bytes.data() + begin * bytes,
                examples * bytes);
    shapes[index] = input.shape;
    shapes[index].front() = examples;
    tensors.push_back({input.name.c_str(), input.dtype,
                       static_cast<int32_t>(shapes[index].size()),
                       shapes[index].data(), buffers[index].data()});
  }
  return ArrayRef<qrt_tensor>(tensors);
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// The number that stands behind `key` in the header of an npy file, up to
/// `end`.
static StringRef getField(StringRef header, StringRef key, char end) {
  return header.split(("'" + key + "':").str()).second.ltrim().split(end).first;
}

/// Reads the npy file `contents` as the input `name`.
static llvm::Expected<Input> readNpy(StringRef contents, StringRef name) {
  auto fail = [] {
    return makeError("expected an npy file of version 1 to 3 in row-major "
                     "order, with elements of 1 to 8 bytes");
  };
  StringRef rest = contents;
  if (!rest.consume_front("\x93NUMPY") || rest.size() < 6)
    return fail();
  size_t width = rest[0] == 1 ? 2 : 4;
  size_t size = width == 2 ? llvm::support::endian::read16le(rest.data() + 2)
                           : llvm::support::endian::read32le(rest.data() + 2);
  StringRef header = rest.substr(2 + width, size);
  rest = rest.drop_front(std::min(rest.size(), 2 + width + size));
  StringRef descr = getField(header, "descr", ',').trim("' ");
  static constexpr std::pair<StringLiteral, qrt_dtype> types[] = {
      {"<f8", QRT_F64}, {"<f4", QRT_F32}, {"<f2", QRT_F16},
      {"<i8", QRT_I64}, {"<i4", QRT_I32}, {"<i2", QRT_I16},
      {"|i1", QRT_I8},  {"|u1", QRT_U8},  {"|b1", QRT_BOOL}};
  const auto *type =
      llvm::find_if(types, [&](const auto &t) { return t.first == descr; });
  if (type == std::end(types) ||
      !getField(header, "fortran_order", ',').starts_with("False"))
    return fail();
  Input input{name.str(), type->second, {}, {}};
  SmallVector<StringRef> words;
  getField(header, "shape", ')').drop_front().split(words, ',', -1, false);
  uint64_t bytes = descr.back() - '0';
  for (StringRef word : words) {
    int64_t dim;
    if (word.trim().empty())
      continue;
    if (word.trim().getAsInteger(10, dim) || dim < 0 || dim > INT32_MAX)
      return fail();
    input.shape.push_back(dim);
    bytes *= dim;
    if (bytes > contents.size())
      return fail();
  }
  if (bytes != rest.size())
    return fail();
  input.bytes = {rest.data(), rest.size()};
  return input;
}

/// The first argument of `function` that every caller gives.
static std::optional<unsigned> findDataArgument(func::FuncOp function) {
  for (unsigned index = 0; index < function.getNumArguments(); ++index) {
    auto role = function.getArgAttrOfType<StringAttr>(index, attrs::role);
    if ((!role || role.getValue() == "data") &&
        !function.getArgAttr(index, attrs::defaultValue))
      return index;
  }
  return std::nullopt;
}

static std::string getName(func::FuncOp function, unsigned argument) {
  return function.getArgAttrOfType<StringAttr>(argument, attrs::name).str();
}

/// Opens the tensors `names` of safetensors, as far as there are such.
static llvm::Expected<std::unique_ptr<TensorExamples>>
openArchive(StringRef path, ArrayRef<std::string> names, int64_t batch) {
  auto archive = Archive::open(path);
  if (!archive)
    return archive.takeError();
  auto examples = std::make_unique<TensorExamples>(batch);
  for (const std::string &name : names) {
    const Archive::Tensor *tensor = (*archive)->find(name);
    if (!tensor)
      continue;
    std::optional<qrt_dtype> dtype = getRuntimeType(tensor->dtype);
    if (!dtype)
      return makeError("'", path, "' holds '", name, "' as ",
                       getName(tensor->dtype), ", which no model takes");
    if (llvm::Error error = examples->add(
            {name, *dtype, llvm::to_vector(tensor->shape), tensor->bytes}))
      return makeError("'", path, "': ", llvm::toString(std::move(error)));
  }
  examples->archive = std::move(*archive);
  return examples;
}

static llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
openFile(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return makeError("cannot read '", path, "': ", describe(file.getError()));
  return std::move(*file);
}

/// Opens an npy file as the tensor `name`.
static llvm::Expected<std::unique_ptr<TensorExamples>>
openNpy(StringRef path, StringRef name, int64_t batch) {
  auto file = openFile(path);
  if (!file)
    return file.takeError();
  auto examples = std::make_unique<TensorExamples>(batch);
  llvm::Expected<Input> input = readNpy((*file)->getBuffer(), name);
  if (!input)
    return makeError("'", path, "': ", llvm::toString(input.takeError()));
  if (llvm::Error error = examples->add(std::move(*input)))
    return std::move(error);
  examples->file = std::move(*file);
  return examples;
}

llvm::Expected<std::unique_ptr<ExampleData>>
ExampleData::openLabels(StringRef path, StringRef data,
                        const ExampleData &examples) {
  bool isAsked = !path.empty();
  if (!isAsked && !data.ends_with(".safetensors"))
    return nullptr;
  StringRef file = isAsked ? path : data;
  int64_t batch = examples.getBatch();
  auto labels = file.ends_with(".safetensors")
                    ? openArchive(file, std::string("labels"), batch)
                    : openNpy(file, "labels", batch);
  if (!labels)
    return labels.takeError();
  int64_t count = (*labels)->size();
  if (count == 0 && !isAsked)
    return nullptr;
  if (count == 0)
    return makeError("'", file, "' has no tensor 'labels'");
  if (count != examples.size())
    return makeError("expected ", examples.size(), " labels in '", file,
                     "', as there are examples, found ", count);
  return std::move(*labels);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {
/// Windows of the bytes of a file, each byte a token.
class ByteExamples : public ExampleData {
public:
  ByteExamples(std::unique_ptr<llvm::MemoryBuffer> file, std::string name,
               int64_t batch, int64_t length)
      : file(std::move(file)), name(std::move(name)), batch(batch),
        length(length) {}

  int64_t size() const override { return file->getBufferSize() / length; }
  int64_t getBatch() const override { return batch; }
  bool areBytes() const override { return true; }
  llvm::Expected<ArrayRef<qrt_tensor>> get(int64_t begin,
                                           int64_t count) override {
    StringRef bytes = file->getBuffer().substr(begin * length, count * length);
    tokens.assign(bytes.bytes_begin(), bytes.bytes_end());
    shape[0] = count;
    shape[1] = length;
    tensor = {name.c_str(), QRT_I64, 2, shape, tokens.data()};
    return ArrayRef<qrt_tensor>(tensor);
  }

private:
  std::unique_ptr<llvm::MemoryBuffer> file;
  std::string name;
  int64_t batch, length;
  std::vector<int64_t> tokens;
  int64_t shape[2];
  qrt_tensor tensor;
};

/// Lines of a text, through the tokenizer of the model. One at a time: padding
/// is no data.
class TextExamples : public ExampleData {
public:
  explicit TextExamples(std::unique_ptr<llvm::MemoryBuffer> file)
      : file(std::move(file)) {
    this->file->getBuffer().split(lines, '\n', -1, /*KeepEmpty=*/false);
  }
  ~TextExamples() override { qrt_tensors_free(tensors, numTensors); }

  llvm::Error prepare(qrt_session *session) override {
    this->session = session;
    return llvm::Error::success();
  }
  int64_t size() const override { return lines.size(); }
  int64_t getBatch() const override { return 1; }
  llvm::Expected<ArrayRef<qrt_tensor>> get(int64_t begin, int64_t) override {
    qrt_tensors_free(tensors, numTensors);
    tensors = nullptr;
    numTensors = 0;
    const char *text = lines[begin].data();
    size_t size = lines[begin].size();
    if (qrt_tokenize(session, &text, &size, 1, /*truncate=*/1, &tensors,
                     &numTensors) != QRT_OK)
      return makeError(qrt_last_error());
    return ArrayRef<qrt_tensor>(tensors, numTensors);
  }

private:
  std::unique_ptr<llvm::MemoryBuffer> file;
  SmallVector<StringRef> lines;
  qrt_session *session = nullptr;
  qrt_tensor *tensors = nullptr;
  size_t numTensors = 0;
};
} // namespace

/// The largest size of the dynamic dimension `dim` of argument `argument`.
static int64_t getLimit(func::FuncOp function, unsigned argument,
                        unsigned dim) {
  auto module = function->getParentOfType<ModuleOp>();
  auto symbols = module->getAttrOfType<DictionaryAttr>(attrs::symbols);
  auto dims = function.getArgAttrOfType<ArrayAttr>(argument, attrs::dims);
  if (!symbols || !dims || dim >= dims.size())
    return INT64_MAX;
  Attribute bounds = symbols.get(cast<StringAttr>(dims[dim]).getValue());
  if (auto array = dyn_cast_or_null<ArrayAttr>(bounds);
      array && array.size() > 1)
    return cast<IntegerAttr>(array[1]).getInt();
  if (auto dense = dyn_cast_or_null<DenseI64ArrayAttr>(bounds);
      dense && dense.size() > 1)
    return dense[1];
  return INT64_MAX;
}

/// ExampleData::open(), of files that have no example, too.
static llvm::Expected<std::unique_ptr<ExampleData>>
openData(func::FuncOp function, const DataOptions &options) {
  StringRef path = options.data;
  if (path.ends_with(".safetensors")) {
    std::vector<std::string> names;
    for (unsigned index = 0; index < function.getNumArguments(); ++index)
      names.push_back(::getName(function, index));
    auto examples = openArchive(path, names, options.batch);
    if (examples && (*examples)->size() == 0)
      return makeError("'", path, "' has no example of an input of '",
                       function.getName(), "'");
    return examples;
  }
  std::optional<unsigned> argument = findDataArgument(function);
  if (!argument)
    return makeError("entry point '", function.getName(),
                     "' has no input that data could be");
  std::string name = ::getName(function, *argument);
  if (path.ends_with(".npy"))
    return openNpy(path, name, options.batch);
  auto file = openFile(path);
  if (!file)
    return file.takeError();
  if (function->getParentOfType<ModuleOp>()->hasAttr(attrs::tokenizer))
    return std::make_unique<TextExamples>(std::move(*file));
  auto type =
      dyn_cast<RankedTensorType>(function.getArgumentTypes()[*argument]);
  if (!type || !type.getElementType().isInteger(64) || type.getRank() != 2 ||
      !type.isDynamicDim(1))
    return makeError("'", path, "' is no safetensors or npy file, and '", name,
                     "' takes no tokens that its bytes could be");
  int64_t length = std::min(options.length, getLimit(function, *argument, 1));
  return std::make_unique<ByteExamples>(std::move(*file), name, options.batch,
                                        length);
}

llvm::Expected<std::unique_ptr<ExampleData>>
ExampleData::open(func::FuncOp function, const DataOptions &options) {
  auto examples = openData(function, options);
  if (examples && (*examples)->size() == 0)
    return makeError("'", options.data, "' has no example");
  return examples;
}
