//===- Params.cpp - Where the parameters of a model lie -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Params.h"

#include "Error.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include <cstring>
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include "xxhash.h"

using namespace quench::rt;

static constexpr absl::string_view kFooterMagic = "QNCHPAY1";
static constexpr size_t kFooterBytes = 64;

/// The file whose code or data holds `address`.
static absl::StatusOr<std::string> fileOf(const void *address) {
  Dl_info info;
  link_map *map = nullptr;
  if (dladdr1(address, &info, reinterpret_cast<void **>(&map),
              RTLD_DL_LINKMAP) &&
      map && map->l_name[0] != '\0')
    return std::string(map->l_name);
  // The program itself: its name may be relative to a folder that was left.
  std::string path(4096, '\0');
  ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0)
    return systemError("cannot read /proc/self/exe");
  path.resize(size);
  return path;
}

static uint64_t readU64(absl::string_view bytes, size_t offset) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

/// The payload at the end of a file.
static absl::StatusOr<absl::string_view> findPayload(absl::string_view bytes,
                                                     const std::string &path) {
  if (bytes.size() < kFooterBytes)
    return absl::DataLossError(absl::StrCat(
        "'", path, "' carries no parameters; was it stripped or cut?"));
  size_t end = bytes.size() - kFooterBytes;
  absl::string_view footer = bytes.substr(end);
  if (!absl::StartsWith(footer, kFooterMagic))
    return absl::DataLossError(absl::StrCat(
        "'", path, "' carries no parameters; was it stripped or cut?"));
  uint64_t offset = readU64(footer, 8), size = readU64(footer, 16);
  if (offset % 64 != 0 || offset > end || size > end - offset)
    return absl::DataLossError(
        absl::StrCat("'", path, "': parameters at [", offset, ", +", size,
                     ") are not within the ", end, " bytes before the footer"));
  return bytes.substr(offset, size);
}

/// The data buffer of a safetensors archive. Its header does not matter here:
/// the hash vouches for every byte.
static absl::StatusOr<absl::string_view>
findArchiveData(absl::string_view bytes, const std::string &path) {
  uint64_t headerSize = bytes.size() < 8 ? 0 : readU64(bytes, 0);
  if (bytes.size() < 8 || headerSize > bytes.size() - 8)
    return absl::DataLossError(absl::StrCat(
        "'", path, "' is not a safetensors archive, or it was cut short"));
  absl::string_view data = bytes.substr(8 + headerSize);
  if ((8 + headerSize) % 64 != 0)
    return absl::DataLossError(absl::StrCat("'", path, "': data begin at byte ",
                                            8 + headerSize,
                                            ", expected a multiple of 64"));
  return data;
}

static std::string folderOf(const std::string &path) {
  return path.substr(0, path.rfind('/') + 1);
}

absl::StatusOr<Params> Params::open(const qrt_model &model,
                                    const ParamsInfo &info,
                                    const std::string &path, bool verify) {
  Params params;
  std::string place = path;
  absl::StatusOr<absl::string_view> found;
  if (path.empty() && (model.params || info.mode == ParamsInfo::Mode::Memory)) {
    found = absl::string_view(static_cast<const char *>(model.params),
                              model.params_size);
  } else {
    if (path.empty()) {
      absl::StatusOr<std::string> file = fileOf(&model);
      if (!file.ok())
        return file.status();
      bool isBeside = info.mode == ParamsInfo::Mode::External &&
                      !absl::StartsWith(info.file, "/");
      place = info.mode == ParamsInfo::Mode::Embed ? *file
              : isBeside ? absl::StrCat(folderOf(*file), info.file)
                         : info.file;
    }
    absl::StatusOr<MappedFile> file = MappedFile::open(place);
    if (!file.ok())
      return absl::Status(
          file.status().code(),
          absl::StrCat("parameters: ", file.status().message()));
    params.file = *std::move(file);
    found = path.empty() && info.mode == ParamsInfo::Mode::Embed
                ? findPayload(params.file.bytes(), place)
                : findArchiveData(params.file.bytes(), place);
  }
  if (!found.ok())
    return found.status();
  std::string where =
      params.file.bytes().empty() ? "memory" : absl::StrCat("'", place, "'");
  if (found->size() != info.bytes)
    return absl::DataLossError(
        absl::StrCat("parameters in ", where, " are ", found->size(),
                     " bytes, but the model was built for ", info.bytes));
  if (verify && !info.xxh3.empty()) {
    XXH128_hash_t hash = XXH3_128bits(found->data(), found->size());
    std::string hex = absl::StrFormat("%016x%016x", hash.high64, hash.low64);
    if (hex != info.xxh3)
      return absl::DataLossError(
          absl::StrCat("parameters in ", where, " have the hash ", hex,
                       ", but the model was built for ", info.xxh3));
  }
  params.view = *found;
  return params;
}
