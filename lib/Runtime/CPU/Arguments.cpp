//===- Arguments.cpp - The arguments of one call of an entry point --------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cstring>

using namespace quench::rt;

/// A part of an independent dimension has at least this many rows in its
/// largest input, if there are so many: fewer do not keep the products busy.
static constexpr int64_t kPartRows = 128;

/// More than any model has; guards against reading a shape that is none.
static constexpr int32_t kMaxRank = 64;

static Status inputError(const Port &port, absl::string_view message) {
  return invalidArgument(absl::StrCat("input '", port.name, "' ", message));
}

static absl::Span<const int64_t> shapeOf(const qrt_tensor &tensor) {
  return {tensor.shape, static_cast<size_t>(tensor.rank)};
}

/// What gave a symbol its value.
static std::string describeSource(const Port *source) {
  return source ? absl::StrCat("input '", source->name, "'")
                : "position + sequence";
}

Status Arguments::prepare(const Entry &newEntry,
                          absl::Span<const qrt_tensor> given,
                          absl::string_view params,
                          absl::Span<Tensor> outputs) {
  entry = &newEntry;
  temporaries.releaseAll();
  symbols.clear();
  words.clear();
  offsets.clear();
  if (Status status = matchInputs(given))
    return status;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i])
      if (Status status = bindShape(entry->inputs[i], *inputs[i]))
        return status;
  if (Status status = checkPosition())
    return status;

  // Generated code reads the parameters and never writes them.
  shape.assign(1, static_cast<int64_t>(params.size()));
  addDescriptor(const_cast<char *>(params.data()));
  for (size_t i = 0; i < inputs.size(); ++i)
    if (Status status = addInput(entry->inputs[i], inputs[i]))
      return status;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Status status = addOutput(entry->outputs[i], outputs[i]))
      return status;
  divide();
  return Status();
}

int64_t Arguments::partSize(int64_t whole) const {
  // Rows of the largest input for one index: as many as rows of the products
  // where inputs are tokens or, with their channels behind, floats.
  int64_t rows = 1;
  for (size_t i = 0; i < entry->inputs.size(); ++i) {
    const Port &port = entry->inputs[i];
    if (port.role != Role::Data || !entry->isDivisible(port))
      continue;
    int64_t count = 1;
    for (size_t d = 1; d + isFloat(port.dtype) < port.shape.size(); ++d)
      count *= words[offsets[1 + i] + 3 + d];
    rows = std::max(rows, count);
  }
  int64_t enough = (kPartRows + rows - 1) / rows;
  return std::min(enough, whole);
}

void Arguments::divide() {
  const Binding *bound = findBinding(entry->independent);
  int64_t whole = bound ? bound->value : 1;
  int64_t part = std::max<int64_t>(partSize(whole), 1);
  size_t numParts = std::max<int64_t>((whole + part - 1) / part, 1);
  size_t numWords = words.size(), numPointers = offsets.size();
  words.resize(numParts * numWords);
  for (size_t p = numParts; p-- > 0;) {
    int64_t *descriptors = &words[p * numWords];
    std::copy_n(words.data(), numWords, descriptors);
    int64_t begin = static_cast<int64_t>(p) * part;
    auto take = [&](const Port &port, int64_t *descriptor) {
      if (numParts == 1 || !entry->isDivisible(port))
        return;
      int64_t stride = descriptor[3 + port.shape.size()];
      descriptor[0] += begin * stride * byteSize(port.dtype);
      descriptor[1] = descriptor[0];
      descriptor[3] = std::min(part, whole - begin);
    };
    const size_t *offset = offsets.data() + 1;
    for (const Port &port : entry->inputs)
      take(port, descriptors + *offset++);
    for (const Port &port : entry->outputs)
      take(port, descriptors + *offset++);
  }

  pointers.clear();
  for (size_t p = 0; p < numParts; ++p)
    for (size_t offset : offsets)
      pointers.push_back(&words[p * numWords + offset]);
  parts.clear();
  for (size_t p = 0; p < numParts; ++p)
    parts.push_back(&pointers[p * numPointers]);
}

Status Arguments::matchInputs(absl::Span<const qrt_tensor> given) {
  inputs.assign(entry->inputs.size(), nullptr);
  for (const qrt_tensor &tensor : given) {
    StatusOr<const Port *> found =
        entry->findInput(tensor.name ? tensor.name : "");
    if (!found.ok())
      return found.status();
    const Port &port = **found;
    size_t i = &port - entry->inputs.data();
    if (inputs[i])
      return inputError(port, "was given twice");
    if (Status status = checkType(port, tensor))
      return status;
    inputs[i] = &tensor;
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Port &port = entry->inputs[i];
    if (!inputs[i] && port.role == Role::Data && !port.defaultValue)
      return inputError(port,
                        absl::StrCat("is missing; expected ", port.typeStr()));
  }
  return Status();
}

Status Arguments::checkType(const Port &port, const qrt_tensor &tensor) const {
  // As bytes: a caller in C may have put any number there.
  static_assert(sizeof(qrt_dtype) == sizeof(int32_t));
  int32_t dtype;
  std::memcpy(&dtype, &tensor.dtype, sizeof(dtype));
  if (dtype < QRT_BOOL || dtype > QRT_F64)
    return inputError(port,
                      absl::StrCat("has the unknown element type ", dtype));
  if (tensor.rank < 0 || tensor.rank > kMaxRank ||
      (tensor.rank > 0 && !tensor.shape) || !countElements(shapeOf(tensor)))
    return inputError(port, "has a shape that no tensor can have");
  bool fits = port.role == Role::State ? tensor.dtype == port.dtype
                                       : isLossless(tensor.dtype, port.dtype);
  if (!fits || static_cast<size_t>(tensor.rank) != port.shape.size())
    return inputError(port, absl::StrCat("is ", nameOf(tensor.dtype), " ",
                                         formatShape(shapeOf(tensor)),
                                         ", expected ", port.typeStr()));
  if (!tensor.data && *countElements(shapeOf(tensor)) != 0)
    return inputError(port, "has no data");
  if (port.role == Role::State &&
      reinterpret_cast<uintptr_t>(tensor.data) % byteSize(port.dtype) != 0)
    return inputError(port, absl::StrCat("is updated in place and must be "
                                         "aligned to ",
                                         byteSize(port.dtype), " bytes"));
  return Status();
}

Status Arguments::bindShape(const Port &port, const qrt_tensor &tensor) {
  for (size_t i = 0; i < port.shape.size(); ++i) {
    const Dim &dim = port.shape[i];
    int64_t extent = tensor.shape[i];
    if (!dim.symbol.empty()) {
      if (Status status = bind(dim.symbol, extent, &port))
        return status;
    } else if (extent != dim.size) {
      return inputError(port, absl::StrCat("has the shape ",
                                           formatShape(shapeOf(tensor)),
                                           ", expected ", port.typeStr()));
    }
  }
  return Status();
}

const Arguments::Binding *
Arguments::findBinding(absl::string_view symbol) const {
  auto bound =
      std::find_if(symbols.begin(), symbols.end(), [&](const Binding &binding) {
        return binding.symbol == symbol;
      });
  return bound == symbols.end() ? nullptr : &*bound;
}

Status Arguments::bind(absl::string_view symbol, int64_t value,
                       const Port *source) {
  auto limits = manifest.symbols.find(symbol);
  if (limits != manifest.symbols.end()) {
    if (value < limits->second.min)
      return invalidArgument(absl::StrCat(describeSource(source), ": ", symbol,
                                          " is ", value, ", the smallest is ",
                                          limits->second.min));
    if (limits->second.max && value > *limits->second.max)
      return invalidArgument(absl::StrCat(describeSource(source), ": ", symbol,
                                          " is ", value, ", the limit is ",
                                          *limits->second.max));
  }
  const Binding *bound = findBinding(symbol);
  if (!bound)
    symbols.push_back({symbol, value, source});
  else if (bound->value != value)
    return invalidArgument(absl::StrCat(
        describeSource(source), ": ", symbol, " is ", value, ", but it is ",
        bound->value, " in ", describeSource(bound->source)));
  return Status();
}

Status Arguments::checkPosition() {
  int64_t position = 0;
  bool hasPosition = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Port &port = entry->inputs[i];
    if (port.role != Role::Position)
      continue;
    hasPosition = true;
    if (inputs[i])
      convert(inputs[i]->dtype, inputs[i]->data, QRT_I64, &position, 1);
    else
      position = static_cast<int64_t>(port.defaultValue.value_or(0));
    if (position < 0)
      return inputError(port,
                        absl::StrCat("is ", position, ", expected 0 or more"));
  }
  if (!hasPosition)
    return Status();

  // An entry point without the symbol takes one token at a time.
  const Binding *sequence = findBinding(kSequence);
  int64_t numTokens = sequence ? sequence->value : 1;
  int64_t needed;
  if (__builtin_add_overflow(position, numTokens, &needed))
    needed = INT64_MAX;
  const Binding *context = findBinding(kContext);
  if (!context)
    return bind(kContext, needed, nullptr);
  if (needed > context->value)
    return invalidArgument(absl::StrCat(
        "position ", position, " and ", numTokens, " new tokens exceed the ",
        context->value, " that ", describeSource(context->source), " holds"));
  return Status();
}

Status Arguments::resolve(const Port &port) {
  shape.clear();
  for (const Dim &dim : port.shape) {
    const Binding *bound =
        dim.symbol.empty() ? nullptr : findBinding(dim.symbol);
    if (!bound && !dim.symbol.empty())
      return invalidArgument(absl::StrCat("no input gives ", dim.symbol,
                                          ", which the shape of '", port.name,
                                          "' needs"));
    shape.push_back(bound ? bound->value : dim.size);
  }
  return Status();
}

/// Fails when an element lies outside of the range of the port.
static Status checkRange(const Port &port, const void *data,
                         absl::Span<const int64_t> shape) {
  auto [low, high] = *port.range;
  int64_t count = *countElements(shape);
  for (int64_t i = 0; i < count; ++i) {
    double value = elementAt(port.dtype, data, i);
    if (value >= low && value < high)
      continue;
    std::vector<int64_t> index(shape.size());
    int64_t rest = i;
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d])
      index[d] = rest % shape[d];
    return inputError(port,
                      absl::StrCat("is ", value, " at ", formatShape(index),
                                   ", expected [", low, ", ", high, ")"));
  }
  return Status();
}

Status Arguments::addInput(const Port &port, const qrt_tensor *tensor) {
  if (Status status = resolve(port))
    return status;
  void *data = tensor ? tensor->data : nullptr;
  bool isInPlace = tensor && (port.role == Role::State ||
                              (tensor->dtype == port.dtype &&
                               reinterpret_cast<uintptr_t>(data) % 64 == 0));
  if (!isInPlace) {
    std::optional<int64_t> count = countElements(shape);
    if (!count)
      return failure(absl::StrCat("'", port.name, "' of shape ",
                                  formatShape(shape),
                                  " is larger than any memory"));
    int64_t bytes = *count * byteSize(port.dtype);
    data = temporaries.allocate(bytes);
    if (!data)
      return failure(absl::StrCat("'", port.name,
                                  "': the machine has no memory left for ",
                                  bytes, " bytes"));
    if (tensor)
      convert(tensor->dtype, tensor->data, port.dtype, data, *count);
    else if (port.defaultValue)
      fill(port.dtype, data, *count, *port.defaultValue);
    else
      std::memset(data, 0, bytes);
  }
  if (tensor && port.range)
    if (Status status = checkRange(port, data, shape))
      return status;
  addDescriptor(data);
  return Status();
}

Status Arguments::addOutput(const Port &port, Tensor &output) {
  if (Status status = resolve(port))
    return status;
  if (Status status = reshape(output, shape))
    return status;
  addDescriptor(output.data.get());
  return Status();
}

void Arguments::addDescriptor(void *data) {
  size_t rank = shape.size();
  auto address = static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
  offsets.push_back(words.size());
  words.insert(words.end(), {address, address, 0});
  words.insert(words.end(), shape.begin(), shape.end());
  words.resize(words.size() + rank);
  int64_t stride = 1;
  for (size_t i = rank; i-- > 0; stride *= shape[i])
    words[words.size() - rank + i] = stride;
}
