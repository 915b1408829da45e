//===- Params.cpp - Where the parameters of a model lie -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Params.h"

#include "Status.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

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
static StatusOr<std::string> fileOf(const void *address) {
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
    return systemFailure("cannot read /proc/self/exe");
  path.resize(size);
  return path;
}

static uint64_t readU64(absl::string_view bytes, size_t offset) {
  uint64_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

/// The payload at the end of a file.
static StatusOr<absl::string_view> findPayload(absl::string_view bytes,
                                               const std::string &path) {
  if (bytes.size() < kFooterBytes)
    return failure(absl::StrCat(
        "'", path, "' carries no parameters; was it stripped or cut?"));
  size_t end = bytes.size() - kFooterBytes;
  absl::string_view footer = bytes.substr(end);
  if (!absl::StartsWith(footer, kFooterMagic))
    return failure(absl::StrCat(
        "'", path, "' carries no parameters; was it stripped or cut?"));
  uint64_t offset = readU64(footer, 8), size = readU64(footer, 16);
  if (offset % 64 != 0 || offset > end || size > end - offset)
    return failure(absl::StrCat("'", path, "': parameters at [", offset, ", +",
                                size, ") are not within the ", end,
                                " bytes before the footer"));
  return bytes.substr(offset, size);
}

/// The data buffer of a safetensors archive. Its header does not matter here:
/// the hash vouches for every byte.
static StatusOr<absl::string_view> findArchiveData(absl::string_view bytes,
                                                   const std::string &path) {
  uint64_t headerSize = bytes.size() < 8 ? 0 : readU64(bytes, 0);
  if (bytes.size() < 8 || headerSize > bytes.size() - 8)
    return failure(absl::StrCat(
        "'", path, "' is not a safetensors archive, or it was cut short"));
  absl::string_view data = bytes.substr(8 + headerSize);
  if ((8 + headerSize) % 64 != 0)
    return failure(absl::StrCat("'", path, "': data begin at byte ",
                                8 + headerSize, ", expected a multiple of 64"));
  return data;
}

/// The file that the parameters are read from.
static StatusOr<std::string> findFile(const qrt_model &model,
                                      const ParamsInfo &info,
                                      const std::string &path) {
  if (!path.empty())
    return path;
  StatusOr<std::string> own = fileOf(&model);
  if (!own.ok() || info.mode == ParamsInfo::Mode::Embed)
    return own;
  if (absl::StartsWith(info.file, "/"))
    return info.file;
  return absl::StrCat(own->substr(0, own->rfind('/') + 1), info.file);
}

StatusOr<Params> Params::open(const qrt_model &model, const ParamsInfo &info,
                              const std::string &path, bool verify) {
  Params params;
  std::string where = "memory";
  if (path.empty() && (model.params || info.mode == ParamsInfo::Mode::Memory)) {
    params.view = {static_cast<const char *>(model.params), model.params_size};
  } else {
    StatusOr<std::string> place = findFile(model, info, path);
    if (!place.ok())
      return place.status();
    StatusOr<MappedFile> file = MappedFile::open(*place);
    if (!file.ok())
      return failure(absl::StrCat("parameters: ", file.status().message()));
    params.file = *std::move(file);
    bool isPayload = path.empty() && info.mode == ParamsInfo::Mode::Embed;
    StatusOr<absl::string_view> found =
        isPayload ? findPayload(params.file.bytes(), *place)
                  : findArchiveData(params.file.bytes(), *place);
    if (!found.ok())
      return found.status();
    params.view = *found;
    where = absl::StrCat("'", *place, "'");
  }

  if (params.view.size() != info.bytes)
    return failure(
        absl::StrCat("parameters in ", where, " are ", params.view.size(),
                     " bytes, but the model was built for ", info.bytes));
  if (verify && !info.xxh3.empty()) {
    XXH128_hash_t hash = XXH3_128bits(params.view.data(), params.view.size());
    std::string hex = absl::StrCat(absl::Hex(hash.high64, absl::kZeroPad16),
                                   absl::Hex(hash.low64, absl::kZeroPad16));
    if (hex != info.xxh3)
      return failure(absl::StrCat("parameters in ", where, " have the hash ",
                                  hex, ", but the model was built for ",
                                  info.xxh3));
  }
  return params;
}
