//===- Safetensors.cpp - The safetensors format ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "TensorFile.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cstring>

using namespace quench::rt;
using nlohmann::json;

static constexpr uint64_t kMaxHeader = 100000000;

namespace {
struct FileType {
  absl::string_view name;
  int bits;
};
} // namespace

/// Every type of the format.
static constexpr FileType kTypes[] = {
    {"BOOL", 8},    {"U8", 8},          {"I8", 8},          {"I16", 16},
    {"U16", 16},    {"I32", 32},        {"U32", 32},        {"I64", 64},
    {"U64", 64},    {"F16", 16},        {"BF16", 16},       {"F32", 32},
    {"F64", 64},    {"C64", 64},        {"F8_E4M3", 8},     {"F8_E5M2", 8},
    {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6},
    {"F6_E3M2", 6}, {"F4", 4},
};

static std::optional<int> bitsOf(absl::string_view type) {
  for (const FileType &known : kTypes)
    if (known.name == type)
      return known.bits;
  return std::nullopt;
}

static Status headerError(absl::string_view message) {
  return failure(absl::StrCat("is not a sound safetensors file: ", message));
}

static Status tensorError(absl::string_view name, absl::string_view message) {
  return headerError(absl::StrCat("tensor '", name, "' ", message));
}

/// Reads an array of counts.
static bool readCounts(const json &object, const char *key,
                       std::vector<int64_t> &counts) {
  auto array = object.find(key);
  if (array == object.end() || !array->is_array())
    return false;
  for (const json &element : *array) {
    if (!element.is_number_unsigned() ||
        element.get<uint64_t>() > uint64_t(INT64_MAX))
      return false;
    counts.push_back(element.get<int64_t>());
  }
  return true;
}

static StatusOr<FileTensor> parseTensor(const std::string &name,
                                        const json &value,
                                        absl::string_view data) {
  if (!value.is_object())
    return tensorError(name, "is not an object");
  for (const auto &field : value.items())
    if (field.key() != "dtype" && field.key() != "shape" &&
        field.key() != "data_offsets")
      return tensorError(name,
                         absl::StrCat("has the field '", field.key(),
                                      "', which the format does not know"));
  FileTensor tensor;
  tensor.name = name;
  auto type = value.find("dtype");
  if (type == value.end() || !type->is_string())
    return tensorError(name, "has no dtype");
  tensor.type = type->get_ref<const std::string &>();
  std::optional<int> bits = bitsOf(tensor.type);
  if (!bits)
    return tensorError(
        name, absl::StrCat("has the unknown type '", tensor.type, "'"));
  tensor.dtype = parseDType(tensor.type);
  if (!readCounts(value, "shape", tensor.shape))
    return tensorError(name, "has no shape of extents 0 or more");
  std::optional<int64_t> count = countElements(tensor.shape);
  if (!count)
    return tensorError(name,
                       absl::StrCat("has the shape ", formatShape(tensor.shape),
                                    ", larger than any memory"));
  std::vector<int64_t> offsets;
  if (!readCounts(value, "data_offsets", offsets) || offsets.size() != 2)
    return tensorError(name, "has no two data_offsets of 0 or more");
  int64_t begin = offsets[0], end = offsets[1];
  if (begin > end || static_cast<uint64_t>(end) > data.size())
    return tensorError(name,
                       absl::StrCat("lies at [", begin, ", ", end, ") of ",
                                    data.size(), " bytes of data"));
  // Eight elements are whole bytes; what is left of them may not be.
  int64_t restBits = *count % 8 * *bits;
  int64_t numBytes = *count / 8 * *bits + restBits / 8;
  if (restBits % 8 != 0)
    return tensorError(name, absl::StrCat("is ", tensor.type, " ",
                                          formatShape(tensor.shape),
                                          ", which ends within a byte"));
  if (end - begin != numBytes)
    return tensorError(name,
                       absl::StrCat("has ", end - begin, " bytes, but ",
                                    tensor.type, " ", formatShape(tensor.shape),
                                    " takes ", numBytes));
  tensor.bytes = data.substr(begin, end - begin);
  return tensor;
}

StatusOr<std::vector<FileTensor>>
quench::rt::parseSafetensors(absl::string_view bytes) {
  uint64_t headerSize;
  if (bytes.size() < sizeof(headerSize))
    return headerError(
        absl::StrCat(bytes.size(), " bytes are too few for a header"));
  std::memcpy(&headerSize, bytes.data(), sizeof(headerSize));
  bytes.remove_prefix(sizeof(headerSize));
  if (headerSize > kMaxHeader)
    return headerError(absl::StrCat("a header of ", headerSize,
                                    " bytes is above the limit of ",
                                    kMaxHeader));
  if (headerSize > bytes.size())
    return headerError(absl::StrCat("a header of ", headerSize,
                                    " bytes, but only ", bytes.size(),
                                    " bytes follow"));
  absl::string_view header = bytes.substr(0, headerSize);
  absl::string_view data = bytes.substr(headerSize);
  if (header.empty() || header[0] != '{')
    return headerError("the header does not begin with '{'");
  StatusOr<json> parsed = parseJson(header);
  if (!parsed.ok())
    return headerError(absl::StrCat("header: ", parsed.status().message()));

  std::vector<FileTensor> tensors;
  for (const auto &item : parsed->items()) {
    if (item.key() == "__metadata__") {
      bool isSound = item.value().is_object();
      for (const json &value : item.value())
        isSound &= value.is_string();
      if (!isSound)
        return headerError("__metadata__ is not a map of strings");
      continue;
    }
    StatusOr<FileTensor> tensor = parseTensor(item.key(), item.value(), data);
    if (!tensor.ok())
      return tensor.status();
    tensors.push_back(*std::move(tensor));
  }

  std::sort(tensors.begin(), tensors.end(),
            [](const FileTensor &a, const FileTensor &b) {
              return std::make_pair(a.bytes.data(), a.bytes.size()) <
                     std::make_pair(b.bytes.data(), b.bytes.size());
            });
  const char *end = data.data();
  for (const FileTensor &tensor : tensors) {
    if (tensor.bytes.data() != end)
      return tensorError(tensor.name, tensor.bytes.data() < end
                                          ? "overlaps the one before it"
                                          : "leaves a hole before it");
    end += tensor.bytes.size();
  }
  if (end != data.data() + data.size())
    return headerError(absl::StrCat(data.data() + data.size() - end,
                                    " bytes after the last tensor"));
  return tensors;
}

std::string
quench::rt::safetensorsHeader(absl::Span<const qrt_tensor> tensors) {
  json header = json::object();
  int64_t offset = 0;
  for (const qrt_tensor &tensor : tensors) {
    int64_t end = offset + numBytes(tensor);
    header[tensor.name] = {
        {"dtype", std::string(nameOf(tensor.dtype))},
        {"shape",
         std::vector<int64_t>(tensor.shape, tensor.shape + tensor.rank)},
        {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text =
      header.dump(-1, ' ', false, json::error_handler_t::replace);
  constexpr size_t alignment = 64;
  size_t total =
      (sizeof(uint64_t) + text.size() + alignment - 1) / alignment * alignment;
  text.resize(total - sizeof(uint64_t), ' ');
  uint64_t size = text.size();
  return std::string(reinterpret_cast<const char *>(&size), sizeof(size)) +
         text;
}
