//===- Npy.cpp - The npy format -------------------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorFile.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

#include <cstring>

using namespace quench::rt;

namespace {
struct NpyType {
  absl::string_view descr;
  qrt_dtype dtype;
};
} // namespace

static constexpr NpyType kTypes[] = {
    {"|b1", QRT_BOOL}, {"|u1", QRT_U8},  {"|i1", QRT_I8},  {"<i2", QRT_I16},
    {"<u2", QRT_U16},  {"<i4", QRT_I32}, {"<u4", QRT_U32}, {"<i8", QRT_I64},
    {"<u8", QRT_U64},  {"<f2", QRT_F16}, {"<f4", QRT_F32}, {"<f8", QRT_F64},
};

static constexpr absl::string_view kMagic("\x93NUMPY", 6);
/// The data of files that NumPy writes are aligned to this.
static constexpr size_t kAlignment = 64;

static Status npyError(absl::string_view message) {
  return failure(absl::StrCat("is not a sound npy file: ", message));
}

namespace {
/// Reads the header: a Python dictionary of three known keys.
class HeaderParser {
public:
  explicit HeaderParser(absl::string_view text) : rest(text) {}

  Status parse() {
    if (!consume("{"))
      return npyError("the header is not a dictionary");
    while (!consume("}")) {
      std::string key;
      if (!parseString(key) || !consume(":"))
        return npyError("the header is not a dictionary");
      if (!parseValue(key))
        return npyError(absl::StrCat("cannot read '", key, "' in the header"));
      if (!consume(",") && !absl::StartsWith(rest, "}"))
        return npyError("the header is not a dictionary");
    }
    if (!absl::StripAsciiWhitespace(rest).empty())
      return npyError("text after the header's dictionary");
    if (!descr || !isFortranOrder || !shape)
      return npyError("the header lacks descr, fortran_order or shape");
    return Status();
  }

  std::optional<std::string> descr;
  std::optional<bool> isFortranOrder;
  std::optional<std::vector<int64_t>> shape;

private:
  bool consume(absl::string_view token) {
    rest = absl::StripLeadingAsciiWhitespace(rest);
    bool found = absl::ConsumePrefix(&rest, token);
    rest = absl::StripLeadingAsciiWhitespace(rest);
    return found;
  }

  bool parseString(std::string &text) {
    absl::string_view quote = absl::StartsWith(rest, "\"") ? "\"" : "'";
    if (!consume(quote))
      return false;
    size_t end = rest.find(quote);
    if (end == absl::string_view::npos)
      return false;
    text = std::string(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    return true;
  }

  bool parseValue(absl::string_view key) {
    if (key == "descr" && !descr)
      return parseString(descr.emplace());
    if (key == "fortran_order" && !isFortranOrder) {
      isFortranOrder = consume("True");
      return *isFortranOrder || consume("False");
    }
    if (key == "shape" && !shape)
      return parseShape(shape.emplace());
    return false;
  }

  bool parseShape(std::vector<int64_t> &extents) {
    if (!consume("("))
      return false;
    while (!consume(")")) {
      size_t size = 0;
      while (size < rest.size() && absl::ascii_isdigit(rest[size]))
        ++size;
      if (!absl::SimpleAtoi(rest.substr(0, size), &extents.emplace_back()))
        return false;
      rest.remove_prefix(size);
      if (!consume(",") && !absl::StartsWith(rest, ")"))
        return false;
    }
    return true;
  }

  absl::string_view rest;
};
} // namespace

StatusOr<FileTensor> quench::rt::parseNpy(absl::string_view bytes) {
  bytes.remove_prefix(kMagic.size());
  if (bytes.size() < 6)
    return npyError("it ends in the header");
  int major = static_cast<unsigned char>(bytes[0]);
  if (major < 1 || major > 3)
    return npyError(absl::StrCat("version ", major, ", expected 1 to 3"));
  // The size of the header has two bytes in version 1 and four since.
  uint32_t headerSize = 0;
  size_t sizeBytes = major == 1 ? 2 : 4;
  std::memcpy(&headerSize, bytes.data() + 2, sizeBytes);
  bytes.remove_prefix(2 + sizeBytes);
  if (headerSize > bytes.size())
    return npyError(absl::StrCat("a header of ", headerSize,
                                 " bytes, but only ", bytes.size(),
                                 " bytes follow"));

  HeaderParser header(bytes.substr(0, headerSize));
  if (Status status = header.parse())
    return status;
  FileTensor tensor;
  tensor.type = *header.descr;
  tensor.shape = *header.shape;
  tensor.bytes = bytes.substr(headerSize);
  for (const NpyType &type : kTypes)
    if (type.descr == tensor.type)
      tensor.dtype = type.dtype;
  if (!tensor.dtype)
    return failure(absl::StrCat("holds elements of NumPy's type '", tensor.type,
                                "', which no model takes"));
  if (*header.isFortranOrder && tensor.shape.size() > 1)
    return failure("is in Fortran order; save numpy.ascontiguousarray() of it");
  std::optional<int64_t> count = countElements(tensor.shape);
  if (!count)
    return npyError(absl::StrCat("a shape of ", formatShape(tensor.shape),
                                 ", larger than any memory"));
  uint64_t expected = *count * byteSize(*tensor.dtype);
  if (tensor.bytes.size() != expected)
    return npyError(absl::StrCat(tensor.bytes.size(), " bytes of data, but '",
                                 tensor.type, "' ", formatShape(tensor.shape),
                                 " takes ", expected));
  return tensor;
}

StatusOr<std::string> quench::rt::npyHeader(const qrt_tensor &tensor) {
  absl::string_view descr;
  for (const NpyType &type : kTypes)
    if (type.dtype == tensor.dtype)
      descr = type.descr;
  if (descr.empty())
    return failure(absl::StrCat("'", tensor.name, "' is ", nameOf(tensor.dtype),
                                ", which npy files do not have; write a "
                                ".safetensors file"));
  absl::Span<const int64_t> shape(tensor.shape, tensor.rank);
  std::string text = absl::StrCat(
      "{'descr': '", descr, "', 'fortran_order': False, 'shape': (",
      absl::StrJoin(shape, ", "), shape.size() == 1 ? "," : "", "), }");
  // Magic, version and a size of two bytes precede the text, a newline ends it.
  size_t prefix = kMagic.size() + 4;
  size_t total = (prefix + text.size() + kAlignment) / kAlignment * kAlignment;
  text.resize(total - prefix - 1, ' ');
  text += '\n';
  uint16_t size = static_cast<uint16_t>(text.size());
  return absl::StrCat(kMagic, absl::string_view("\1\0", 2),
                      absl::string_view(reinterpret_cast<char *>(&size), 2),
                      text);
}
