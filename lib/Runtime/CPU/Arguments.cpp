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

// The symbols that the runtime gives a meaning.
static constexpr char kSequence[] = "sequence";
static constexpr char kContext[] = "context";

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

Status Arguments::prepare(absl::string_view params) {
  if (Status status = matchInputs())
    return status;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i])
      if (Status status = bindShape(entry.inputs[i], *inputs[i]))
        return status;
  if (Status status = checkPosition())
    return status;

  // Generated code reads the parameters and never writes them.
  addDescriptor(const_cast<char *>(params.data()),
                {static_cast<int64_t>(params.size())});
  for (size_t i = 0; i < inputs.size(); ++i)
    if (Status status = addInput(entry.inputs[i], inputs[i]))
      return status;
  for (const Port &port : entry.outputs)
    if (Status status = addOutput(port))
      return status;
  return Status();
}

Arguments::Call::Call(std::vector<std::vector<int64_t>> given)
    : descriptors(std::move(given)) {
  for (std::vector<int64_t> &descriptor : descriptors)
    descriptorPointers.push_back(descriptor.data());
}

int64_t Arguments::partSize(int64_t whole) const {
  // Rows of the largest input for one index: as many as rows of the products
  // where inputs are tokens or, with their channels behind, floats.
  int64_t rows = 1;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const Port &port = entry.inputs[i];
    if (port.role != Role::Data || !entry.isDivisible(port))
      continue;
    int64_t count = 1;
    for (size_t d = 1; d + isFloat(port.dtype) < port.shape.size(); ++d)
      count *= descriptors[1 + i][3 + d];
    rows = std::max(rows, count);
  }
  int64_t enough = (kPartRows + rows - 1) / rows;
  return std::min(enough, whole);
}

std::vector<Arguments::Call> Arguments::calls() const {
  std::vector<Call> result;
  auto bound = symbols.find(entry.independent);
  int64_t whole = bound == symbols.end() ? 1 : bound->second.value;
  int64_t part = partSize(whole);
  if (part == whole) {
    result.emplace_back(descriptors);
    return result;
  }
  for (int64_t begin = 0; begin < whole; begin += part) {
    std::vector<std::vector<int64_t>> parts = descriptors;
    auto take = [&](const Port &port, std::vector<int64_t> &words) {
      if (!entry.isDivisible(port))
        return;
      int64_t stride = words[3 + port.shape.size()];
      words[0] += begin * stride * byteSize(port.dtype);
      words[1] = words[0];
      words[3] = std::min(part, whole - begin);
    };
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      take(entry.inputs[i], parts[1 + i]);
    for (size_t i = 0; i < entry.outputs.size(); ++i)
      take(entry.outputs[i], parts[1 + entry.inputs.size() + i]);
    result.emplace_back(std::move(parts));
  }
  return result;
}

Status Arguments::matchInputs() {
  inputs.assign(entry.inputs.size(), nullptr);
  for (const qrt_tensor &tensor : given) {
    StatusOr<const Port *> found =
        entry.findInput(tensor.name ? tensor.name : "");
    if (!found.ok())
      return found.status();
    const Port &port = **found;
    size_t i = &port - entry.inputs.data();
    if (inputs[i])
      return inputError(port, "was given twice");
    if (Status status = checkType(port, tensor))
      return status;
    inputs[i] = &tensor;
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Port &port = entry.inputs[i];
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
      if (Status status =
              bind(dim.symbol, extent, absl::StrCat("input '", port.name, "'")))
        return status;
    } else if (extent != dim.size) {
      return inputError(port, absl::StrCat("has the shape ",
                                           formatShape(shapeOf(tensor)),
                                           ", expected ", port.typeStr()));
    }
  }
  return Status();
}

Status Arguments::bind(const std::string &symbol, int64_t value,
                       std::string source) {
  auto limits = manifest.symbols.find(symbol);
  if (limits != manifest.symbols.end()) {
    if (value < limits->second.min)
      return invalidArgument(absl::StrCat(source, ": ", symbol, " is ", value,
                                          ", the smallest is ",
                                          limits->second.min));
    if (limits->second.max && value > *limits->second.max)
      return invalidArgument(absl::StrCat(source, ": ", symbol, " is ", value,
                                          ", the limit is ",
                                          *limits->second.max));
  }
  auto [bound, isNew] = symbols.try_emplace(symbol, Binding{value, source});
  if (!isNew && bound->second.value != value)
    return invalidArgument(absl::StrCat(source, ": ", symbol, " is ", value,
                                        ", but it is ", bound->second.value,
                                        " in ", bound->second.source));
  return Status();
}

Status Arguments::checkPosition() {
  int64_t position = 0;
  bool hasPosition = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Port &port = entry.inputs[i];
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
  auto sequence = symbols.find(kSequence);
  int64_t numTokens = sequence == symbols.end() ? 1 : sequence->second.value;
  int64_t needed;
  if (__builtin_add_overflow(position, numTokens, &needed))
    needed = INT64_MAX;
  auto context = symbols.find(kContext);
  if (context == symbols.end())
    return bind(kContext, needed, "position + sequence");
  if (needed > context->second.value)
    return invalidArgument(absl::StrCat(
        "position ", position, " and ", numTokens, " new tokens exceed the ",
        context->second.value, " that ", context->second.source, " holds"));
  return Status();
}

StatusOr<std::vector<int64_t>> Arguments::resolve(const Port &port) const {
  std::vector<int64_t> shape;
  for (const Dim &dim : port.shape) {
    if (dim.symbol.empty()) {
      shape.push_back(dim.size);
      continue;
    }
    auto bound = symbols.find(dim.symbol);
    if (bound == symbols.end())
      return invalidArgument(absl::StrCat("no input gives ", dim.symbol,
                                          ", which the shape of '", port.name,
                                          "' needs"));
    shape.push_back(bound->second.value);
  }
  return shape;
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
  StatusOr<std::vector<int64_t>> shape = resolve(port);
  if (!shape.ok())
    return shape.status();
  void *data = tensor ? tensor->data : nullptr;
  bool isInPlace = tensor && (port.role == Role::State ||
                              (tensor->dtype == port.dtype &&
                               reinterpret_cast<uintptr_t>(data) % 64 == 0));
  if (!isInPlace) {
    StatusOr<Tensor> copy = makeTensor(port.name, port.dtype, *shape);
    if (!copy.ok())
      return copy.status();
    data = copy->data.get();
    int64_t count = copy->numElements();
    if (tensor)
      convert(tensor->dtype, tensor->data, port.dtype, data, count);
    else if (port.defaultValue)
      fill(port.dtype, data, count, *port.defaultValue);
    else
      std::memset(data, 0, copy->numBytes());
    temporaries.push_back(*std::move(copy));
  }
  if (tensor && port.range)
    if (Status status = checkRange(port, data, *shape))
      return status;
  addDescriptor(data, *shape);
  return Status();
}

Status Arguments::addOutput(const Port &port) {
  StatusOr<std::vector<int64_t>> shape = resolve(port);
  if (!shape.ok())
    return shape.status();
  StatusOr<Tensor> output =
      makeTensor(port.name, port.dtype, *std::move(shape));
  if (!output.ok())
    return output.status();
  addDescriptor(output->data.get(), output->shape);
  outputs.push_back(*std::move(output));
  return Status();
}

void Arguments::addDescriptor(void *data, absl::Span<const int64_t> shape) {
  size_t rank = shape.size();
  auto address = static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
  std::vector<int64_t> words(3 + 2 * rank);
  words[0] = words[1] = address;
  int64_t stride = 1;
  for (size_t i = rank; i-- > 0; stride *= shape[i]) {
    words[3 + i] = shape[i];
    words[3 + rank + i] = stride;
  }
  descriptors.push_back(std::move(words));
}
