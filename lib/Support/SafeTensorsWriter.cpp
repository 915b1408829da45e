//===- SafeTensorsWriter.cpp - Writing safetensors ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/SafeTensorsWriter.h"

#include "Quench/Support/Error.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/EndianStream.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;
using namespace quench;

static constexpr uint64_t alignment = 64;
static constexpr uint64_t maxHeaderBytes = 100'000'000;

/// Bytes of a tensor, or none where they overflow or are no whole number.
static std::optional<uint64_t> getSize(const SafeTensorsWriter::Entry &entry) {
  uint64_t bits = getBitWidth(entry.dtype);
  for (int64_t size : entry.shape) {
    if (size < 0)
      return std::nullopt;
    std::optional<uint64_t> product = checkedMulUnsigned<uint64_t>(bits, size);
    if (!product)
      return std::nullopt;
    bits = *product;
  }
  if (bits % 8 != 0)
    return std::nullopt;
  return bits / 8;
}

void SafeTensorsWriter::sortForAlignment(MutableArrayRef<Entry> entries) {
  SmallVector<Entry> sorted;
  for (uint64_t multiple = alignment; multiple != 0; multiple /= 2)
    for (const Entry &entry : entries)
      if (MinAlign(getSize(entry).value_or(1), alignment) == multiple)
        sorted.push_back(entry);
  llvm::move(sorted, entries.begin());
}

Expected<std::string> SafeTensorsWriter::makeHeader(
    ArrayRef<Entry> entries,
    const std::map<std::string, std::string> &metadata) {
  for (const auto &[key, text] : metadata)
    if (!json::isUTF8(key) || !json::isUTF8(text))
      return makeError("metadata '", json::fixUTF8(key), "' is no UTF-8");

  std::string header;
  raw_string_ostream os(header);
  json::OStream json(os);
  StringSet<> names;
  json.objectBegin();
  if (!metadata.empty())
    json.attributeObject("__metadata__", [&] {
      for (const auto &[key, text] : metadata)
        json.attribute(key, text);
    });
  uint64_t end = 0;
  for (const Entry &entry : entries) {
    if (!json::isUTF8(entry.name))
      return makeError("tensor name '", json::fixUTF8(entry.name),
                       "' is no UTF-8");
    if (entry.name == "__metadata__" || !names.insert(entry.name).second)
      return makeError("tensor name '", entry.name, "' is taken");
    std::optional<uint64_t> bytes = getSize(entry);
    std::optional<uint64_t> next =
        bytes ? checkedAddUnsigned(end, *bytes) : std::nullopt;
    if (!next)
      return makeError("tensor '", entry.name,
                       "' has no size that a file can hold");
    json.attributeObject(entry.name, [&] {
      json.attribute("dtype", getName(entry.dtype));
      json.attributeArray("shape", [&] {
        for (int64_t size : entry.shape)
          json.value(size);
      });
      json.attributeArray("data_offsets", [&] {
        json.value(end);
        json.value(*next);
      });
    });
    end = *next;
  }
  json.objectEnd();
  json.flush();
  header.resize(alignTo(header.size() + 8, alignment) - 8, ' ');
  if (header.size() > maxHeaderBytes)
    return makeError("the header needs ", header.size(),
                     " bytes, safetensors allows ", maxHeaderBytes);
  char length[8];
  support::endian::write64le(length, header.size());
  return std::string(length, sizeof(length)) + header;
}

uint64_t SafeTensorsWriter::countBytes(const Entry &entry) {
  return *getSize(entry);
}

Expected<std::unique_ptr<SafeTensorsWriter>>
SafeTensorsWriter::create(StringRef path, ArrayRef<Entry> entries,
                          const std::map<std::string, std::string> &metadata,
                          bool force) {
  Expected<std::string> header = makeHeader(entries, metadata);
  if (!header)
    return makeError("'", path, "': ", toString(header.takeError()));
  Expected<std::unique_ptr<OutputFile>> output =
      OutputFile::create(path, force);
  if (!output)
    return output.takeError();
  std::unique_ptr<SafeTensorsWriter> writer(new SafeTensorsWriter());
  writer->output = std::move(*output);
  for (const Entry &entry : entries)
    writer->missing += countBytes(entry);
  writer->output->os() << *header;
  return writer;
}

Error SafeTensorsWriter::take(uint64_t size) {
  if (size > missing)
    return makeError("'", output->path(), "': ", size,
                     " bytes of data were given, but only ", missing,
                     " are left to fill");
  missing -= size;
  return Error::success();
}

Error SafeTensorsWriter::append(ArrayRef<char> bytes) {
  if (Error error = take(bytes.size()))
    return error;
  // In pieces, so that a full disk ends the work early.
  constexpr size_t piece = 16 << 20;
  for (; !bytes.empty();
       bytes = bytes.drop_front(std::min(piece, bytes.size()))) {
    output->os().write(bytes.data(), std::min(piece, bytes.size()));
    if (Error error = output->check())
      return error;
  }
  return Error::success();
}

Expected<MutableArrayRef<char>> SafeTensorsWriter::map(uint64_t size) {
  if (Error error = take(size))
    return error;
  return output->mapAppended(size);
}

Error SafeTensorsWriter::finish() {
  if (missing != 0)
    return makeError("'", output->path(), "': ", missing,
                     " bytes of data are missing");
  return output->commit();
}
