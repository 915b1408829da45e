//===- Archive.cpp - Mapped safetensors -----------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Archive.h"

#include "Quench/Support/Error.h"
#include "Quench/Support/Hash.h"
#include "Quench/Support/Json.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"

#include <chrono>
#include <map>
#include <sys/mman.h>

using namespace llvm;
using namespace quench;

/// Bytes of the header's length, and the limit that the format sets to it.
static constexpr uint64_t prefixBytes = 8;
static constexpr uint64_t maxHeaderBytes = 100'000'000;

/// What a file is whose begin is no header of safetensors.
static std::string describeForeign(StringRef bytes) {
  constexpr StringLiteral pickle =
      "a pickle file, which is never read because it can run code; convert it "
      "once: python3 -c \"import sys, torch, safetensors.torch as s; "
      "s.save_file({k: v.clone() for k, v in torch.load(sys.argv[1], "
      "weights_only=True).items()}, sys.argv[2])\" pytorch_model.bin "
      "model.safetensors";
  if (bytes.starts_with("PK\x03\x04"))
    return "a zip archive or " + pickle.str();
  if (bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5)
    return pickle.str();
  if (bytes.starts_with("GGUF"))
    return "a GGUF file";
  if (bytes.starts_with("version https://git-lfs"))
    return "a Git LFS pointer instead of the file; fetch it with 'git lfs "
           "pull'";
  return {};
}

namespace {
/// Reads the JSON of one header.
class HeaderReader {
public:
  HeaderReader(ArrayRef<char> data, BumpPtrAllocator &allocator,
               StringSaver &names)
      : data(data), allocator(allocator), names(names) {}

  Error read(StringRef header, SmallVectorImpl<Archive::Tensor> &tensors,
             StringMap<std::string> &metadata);

private:
  Expected<Archive::Tensor> readTensor(StringRef name,
                                       const json::Value &value);
  Error readMetadata(const json::Value &value,
                     StringMap<std::string> &metadata);
  Error checkLayout(ArrayRef<Archive::Tensor> tensors);

  uint64_t begin(const Archive::Tensor &tensor) const {
    return tensor.bytes.data() - data.data();
  }
  uint64_t end(const Archive::Tensor &tensor) const {
    return begin(tensor) + tensor.bytes.size();
  }

  ArrayRef<char> data;
  BumpPtrAllocator &allocator;
  StringSaver &names;
};
} // namespace

static std::string formatShape(ArrayRef<int64_t> shape) {
  std::string text;
  raw_string_ostream os(text);
  os << '[';
  interleaveComma(shape, os);
  os << ']';
  return text;
}

Expected<Archive::Tensor> HeaderReader::readTensor(StringRef name,
                                                   const json::Value &value) {
  auto fail = [&](const auto &...args) {
    return makeError("tensor '", name, "': ", args...);
  };
  const json::Object *object = value.getAsObject();
  if (!object)
    return fail("expected an object with 'dtype', 'shape' and 'data_offsets'");

  std::optional<StringRef> dtypeName = object->getString("dtype");
  if (!dtypeName)
    return fail("expected a string as 'dtype'");
  std::optional<DType> dtype = parseDType(*dtypeName);
  if (!dtype)
    return fail("unknown dtype '", *dtypeName, "'");

  const json::Array *sizes = object->getArray("shape");
  if (!sizes)
    return fail("expected an array as 'shape'");
  auto *shape = allocator.Allocate<int64_t>(sizes->size());
  uint64_t bits = getBitWidth(*dtype);
  for (auto [size, element] :
       zip_equal(MutableArrayRef<int64_t>(shape, sizes->size()), *sizes)) {
    std::optional<int64_t> number = element.getAsInteger();
    if (!number || *number < 0)
      return fail("expected sizes from 0 to 2^63-1 in 'shape', found ",
                  json::Value(element));
    size = *number;
    std::optional<uint64_t> product = checkedMulUnsigned<uint64_t>(bits, size);
    if (!product)
      return fail("the size of 'shape' overflows 64 bits");
    bits = *product;
  }
  if (bits % 8 != 0)
    return fail(bits, " bits of ", *dtypeName, " do not fill whole bytes");

  const json::Array *offsets = object->getArray("data_offsets");
  if (!offsets || offsets->size() != 2)
    return fail("expected two numbers as 'data_offsets'");
  std::optional<uint64_t> from = (*offsets)[0].getAsUINT64();
  std::optional<uint64_t> to = (*offsets)[1].getAsUINT64();
  if (!from || !to)
    return fail("expected two numbers from 0 to 2^64-1 as 'data_offsets'");
  if (*from > *to)
    return fail("data offsets [", *from, ", ", *to, ") end before they begin");
  if (*to > data.size())
    return fail("data offsets [", *from, ", ", *to, ") exceed the ",
                data.size(), " bytes of data in the file");
  ArrayRef<int64_t> dims(shape, sizes->size());
  if (*to - *from != bits / 8)
    return fail("data offsets hold ", *to - *from, " bytes, but ", *dtypeName,
                " of shape ", formatShape(dims), " needs ", bits / 8);
  return Archive::Tensor{names.save(name), *dtype, dims,
                         data.slice(*from, *to - *from)};
}

Error HeaderReader::readMetadata(const json::Value &value,
                                 StringMap<std::string> &metadata) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return makeError("expected an object as '__metadata__'");
  for (const auto &[key, text] : *object) {
    std::optional<StringRef> string = text.getAsString();
    if (!string)
      return makeError("expected strings in '__metadata__', found another "
                       "value under '",
                       StringRef(key), "'");
    metadata.try_emplace(key, *string);
  }
  return Error::success();
}

/// The format wants every byte of the data in exactly one tensor.
Error HeaderReader::checkLayout(ArrayRef<Archive::Tensor> tensors) {
  uint64_t reached = 0;
  StringRef previous;
  for (const Archive::Tensor &tensor : tensors) {
    if (begin(tensor) < reached)
      return makeError("tensors '", previous, "' and '", tensor.name,
                       "' overlap: the first ends at offset ", reached,
                       ", the second begins at ", begin(tensor));
    if (begin(tensor) > reached)
      return makeError("hole in the data: bytes [", reached, ", ",
                       begin(tensor), ") before tensor '", tensor.name,
                       "' belong to no tensor");
    reached = end(tensor);
    previous = tensor.name;
  }
  if (reached != data.size())
    return makeError("the tensors end at offset ", reached,
                     ", but the file "
                     "holds ",
                     data.size(), " bytes of data");
  return Error::success();
}

Error HeaderReader::read(StringRef header,
                         SmallVectorImpl<Archive::Tensor> &tensors,
                         StringMap<std::string> &metadata) {
  if (!header.starts_with("{"))
    return makeError("expected the header to begin with '{'");
  Expected<json::Value> value = parseJson(header);
  if (!value)
    return makeError("malformed header: ", toString(value.takeError()));
  for (const auto &[key, entry] : *value->getAsObject()) {
    if (StringRef(key) == "__metadata__") {
      if (Error error = readMetadata(entry, metadata))
        return error;
      continue;
    }
    Expected<Archive::Tensor> tensor = readTensor(key, entry);
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(*tensor);
  }
  llvm::sort(tensors, [&](const auto &a, const auto &b) {
    return std::make_tuple(begin(a), end(a), a.name) <
           std::make_tuple(begin(b), end(b), b.name);
  });
  return checkLayout(tensors);
}

Expected<SmallVector<Archive::Tensor>> Archive::map(StringRef path) {
  auto fail = [&](const auto &...args) {
    return makeError("'", path, "': ", args...);
  };
  Expected<sys::fs::file_t> file = sys::fs::openNativeFileForRead(path);
  if (!file)
    return fail(describe(errorToErrorCode(file.takeError())));
  scope_exit close([&] { sys::fs::closeFile(*file); });
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(*file, status))
    return fail(describe(code));
  if (!sys::fs::is_regular_file(status))
    return fail("expected a regular file");
  if (status.getSize() < prefixBytes)
    return fail("found ", status.getSize(),
                " bytes, expected a safetensors file of at least ",
                prefixBytes);
  std::error_code code;
  sys::fs::mapped_file_region region(
      *file, sys::fs::mapped_file_region::readonly, status.getSize(), 0, code);
  if (code)
    return fail("cannot map ", status.getSize(), " bytes: ", describe(code));

  ArrayRef<char> bytes(region.const_data(), region.size());
  uint64_t length = support::endian::read64le(bytes.data());
  uint64_t limit = std::min(maxHeaderBytes, bytes.size() - prefixBytes);
  if (length > limit) {
    std::string kind = describeForeign(StringRef(bytes.data(), bytes.size()));
    if (!kind.empty())
      return fail("found ", kind, "; expected a safetensors file");
    if (length > maxHeaderBytes)
      return fail("header length ", length, " exceeds the ", maxHeaderBytes,
                  " bytes that safetensors allows");
    return fail("header length ", length, " exceeds the ", limit,
                " bytes that follow it: the file is truncated or no "
                "safetensors file");
  }
  StringRef header(bytes.data() + prefixBytes, length);
  SmallVector<Tensor> tensors;
  HeaderReader reader(bytes.drop_front(prefixBytes + length), allocator, names);
  if (Error error = reader.read(header, tensors, texts))
    return fail(toString(std::move(error)));
  auto changed = status.getLastModificationTime().time_since_epoch();
  stamps += (Twine(bytes.size()) + " " +
             Twine(int64_t(
                 std::chrono::duration_cast<std::chrono::nanoseconds>(changed)
                     .count())) +
             " " + hashBytes(bytes.take_front(prefixBytes + length)) + "\n")
                .str();
  files.push_back(std::move(region));
  return tensors;
}

void Archive::add(const Tensor &tensor) {
  index.try_emplace(tensor.name, table.size());
  table.push_back(tensor);
}

Error Archive::openFile() {
  Expected<SmallVector<Tensor>> tensors = map(location);
  if (!tensors)
    return tensors.takeError();
  for (const Tensor &tensor : *tensors)
    add(tensor);
  return Error::success();
}

/// A shard is named by a path below the folder of its index.
static bool leavesFolder(StringRef shard) {
  return shard.empty() || sys::path::is_absolute(shard) ||
         is_contained(
             make_range(sys::path::begin(shard), sys::path::end(shard)), "..");
}

Error Archive::openIndex() {
  auto fail = [&](const auto &...args) {
    return makeError("'", location, "': ", args...);
  };
  Expected<json::Value> value = readJsonFile(location);
  if (!value)
    return value.takeError();
  const json::Object *object = value->getAsObject();
  const json::Object *weights =
      object ? object->getObject("weight_map") : nullptr;
  if (!weights)
    return fail("expected an object 'weight_map' from tensor to shard");

  std::map<StringRef, SmallVector<StringRef>> shards;
  for (const auto &[name, file] : *weights) {
    std::optional<StringRef> shard = file.getAsString();
    if (!shard)
      return fail("expected the file name of a shard for tensor '",
                  StringRef(name), "'");
    if (leavesFolder(*shard))
      return fail("tensor '", StringRef(name), "' is in shard '", *shard,
                  "', expected a file below the folder of the index");
    shards[*shard].push_back(name);
  }
  for (auto &[shard, wanted] : shards) {
    SmallString<128> path(sys::path::parent_path(location));
    sys::path::append(path, shard);
    if (!sys::fs::exists(path))
      return fail("shard '", shard, "' is missing");
    Expected<SmallVector<Tensor>> tensors = map(path);
    if (!tensors)
      return tensors.takeError();
    DenseSet<StringRef> missing(wanted.begin(), wanted.end());
    for (const Tensor &tensor : *tensors)
      if (missing.erase(tensor.name))
        add(tensor);
    if (!missing.empty())
      return fail("shard '", shard, "' lacks tensor '",
                  *std::min_element(missing.begin(), missing.end()),
                  "', which the index places in it");
  }
  return Error::success();
}

/// The file to open for a folder: what transformers would load, else the only
/// candidate.
static Expected<std::string> chooseFile(StringRef folder) {
  SmallVector<std::string> indices, singles, pickles;
  std::error_code code;
  for (sys::fs::directory_iterator it(folder, code), end; !code && it != end;
       it.increment(code)) {
    StringRef name = sys::path::filename(it->path());
    if (name.ends_with(".safetensors.index.json"))
      indices.push_back(it->path());
    else if (name.ends_with(".safetensors"))
      singles.push_back(it->path());
    else if (name.ends_with(".bin") || name.ends_with(".pt") ||
             name.ends_with(".pth"))
      pickles.push_back(name.str());
  }
  if (code)
    return makeError("'", folder, "': ", describe(code));
  for (StringRef usual : {"model.safetensors", "model.safetensors.index.json"})
    for (const std::string &path : concat<std::string>(singles, indices))
      if (sys::path::filename(path) == usual)
        return path;
  for (ArrayRef<std::string> paths : {ArrayRef(indices), ArrayRef(singles)}) {
    if (paths.size() == 1)
      return paths.front();
    if (paths.size() > 1)
      return makeError("'", folder, "': found ", paths.size(),
                       " safetensors archives, expected one or "
                       "'model.safetensors'; name the file");
  }
  if (!pickles.empty()) {
    llvm::sort(pickles);
    return makeError("'", folder, "': expected safetensors, found only '",
                     pickles.front(), "', ",
                     describeForeign(StringRef("\x80\x02}", 3)));
  }
  return makeError("'", folder,
                   "': found no '*.safetensors' and no "
                   "'*.safetensors.index.json'");
}

Expected<std::unique_ptr<Archive>> Archive::open(StringRef path) {
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status))
    return makeError("'", path, "': ", describe(code));
  std::unique_ptr<Archive> archive(new Archive());
  archive->location = path.str();
  if (sys::fs::is_directory(status)) {
    Expected<std::string> file = chooseFile(path);
    if (!file)
      return file.takeError();
    archive->location = *file;
  }
  bool isIndex = StringRef(archive->location).ends_with(".json");
  if (Error error = isIndex ? archive->openIndex() : archive->openFile())
    return error;
  return archive;
}

const Archive::Tensor *Archive::find(StringRef name) const {
  auto it = index.find(name);
  return it == index.end() ? nullptr : &table[it->second];
}

SmallVector<StringRef> Archive::findSimilar(StringRef name) const {
  SmallVector<std::pair<unsigned, StringRef>> ranked;
  unsigned limit = name.size() / 3;
  for (const Tensor &tensor : table) {
    // A prefix such as `model.` that one side lacks is the usual mistake.
    bool isTail = tensor.name.ends_with(("." + name).str()) ||
                  name.ends_with(("." + tensor.name).str());
    unsigned distance =
        isTail ? 0 : name.edit_distance(tensor.name, true, limit);
    if (distance <= limit)
      ranked.emplace_back(distance, tensor.name);
  }
  llvm::sort(ranked);
  SmallVector<StringRef> best;
  for (auto [distance, candidate] : ArrayRef(ranked).take_front(3))
    best.push_back(candidate);
  return best;
}

uint64_t Archive::size() const {
  uint64_t bytes = 0;
  for (const sys::fs::mapped_file_region &file : files)
    bytes += file.size();
  return bytes;
}

std::string Archive::hash() const {
  std::string joined;
  for (const sys::fs::mapped_file_region &file : files)
    joined += hashBytes(ArrayRef(file.const_data(), file.size()));
  return files.size() == 1 ? joined : hashBytes(joined);
}

std::string Archive::identity() const { return hashBytes(stamps); }

void Archive::release(ArrayRef<char> bytes) const {
  uint64_t page = sys::Process::getPageSizeEstimate();
  uint64_t begin = alignDown(reinterpret_cast<uintptr_t>(bytes.data()), page);
  uint64_t end = reinterpret_cast<uintptr_t>(bytes.end());
  // Only advice: that it may fail changes nothing.
  if (begin != end)
    ::madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}
