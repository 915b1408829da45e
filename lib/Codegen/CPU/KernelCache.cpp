//===- KernelCache.cpp - Objects kept from earlier compilations -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/KernelCache.h"

#include "Quench/Support/Error.h"
#include "Quench/Support/Hash.h"
#include "Quench/Support/OutputFile.h"
#include "Quench/Support/Version.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"

#include <dlfcn.h>

using namespace quench;

static constexpr uint64_t maxBytes = uint64_t(512) << 20;

/// The hash behind an object, in hex digits.
static constexpr size_t hashBytesCount = 32;

/// Tells this build of the compiler, and the LLVM that it runs with, from
/// others.
static std::string getCompilerIdentity() {
  std::string identity = getVersion().str() + " " LLVM_VERSION_STRING;
  for (const void *address :
       {reinterpret_cast<const void *>(&getCompilerIdentity),
        reinterpret_cast<const void *>(&llvm::pruneCache)}) {
    Dl_info info;
    llvm::sys::fs::file_status status;
    if (!dladdr(address, &info) ||
        llvm::sys::fs::status(info.dli_fname, status))
      continue;
    auto modified = status.getLastModificationTime().time_since_epoch();
    identity += " " + llvm::utostr(status.getSize()) + " " +
                llvm::itostr(modified.count());
  }
  return identity;
}

KernelCache::KernelCache(llvm::StringRef folder)
    : folder(folder), compiler(getCompilerIdentity()) {}

llvm::Expected<std::unique_ptr<KernelCache>>
KernelCache::open(llvm::StringRef folder) {
  if (std::error_code code = llvm::sys::fs::create_directories(folder))
    return makeError("cannot make folder '", folder, "': ", describe(code));
  if (std::error_code code =
          llvm::sys::fs::access(folder, llvm::sys::fs::AccessMode::Write))
    return makeError("cannot write to folder '", folder, "': ", describe(code));
  return std::unique_ptr<KernelCache>(new KernelCache(folder));
}

KernelCache::~KernelCache() {
  llvm::CachePruningPolicy policy;
  policy.MaxSizeBytes = maxBytes;
  llvm::pruneCache(folder, policy);
}

std::string KernelCache::getKey(llvm::ArrayRef<char> bitcode,
                                const CPUTarget &target) const {
  llvm::SHA256 hash;
  for (llvm::StringRef text :
       {llvm::StringRef(compiler), llvm::StringRef(target.triple),
        llvm::StringRef(target.cpu), llvm::StringRef(target.features)}) {
    hash.update(text);
    hash.update(llvm::StringRef("\0", 1));
  }
  hash.update(llvm::StringRef(bitcode.data(), bitcode.size()));
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

std::string KernelCache::getPath(llvm::StringRef key) const {
  // The prefix is that of files which pruning may remove.
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "llvmcache-" + key);
  return std::string(path);
}

std::optional<llvm::SmallString<0>>
KernelCache::find(llvm::StringRef key) const {
  std::string path = getPath(key);
  llvm::Expected<llvm::sys::fs::file_t> file =
      llvm::sys::fs::openNativeFileForRead(path, llvm::sys::fs::OF_UpdateAtime);
  if (!file) {
    llvm::consumeError(file.takeError());
    return std::nullopt;
  }
  // Not mapped: others may remove the file.
  auto buffer = llvm::MemoryBuffer::getOpenFile(
      *file, path, /*FileSize=*/-1, /*RequiresNullTerminator=*/false,
      /*IsVolatile=*/true);
  llvm::sys::fs::closeFile(*file);
  if (!buffer)
    return std::nullopt;
  llvm::StringRef bytes = (*buffer)->getBuffer();
  llvm::StringRef object =
      bytes.drop_back(std::min(bytes.size(), hashBytesCount));
  if (object.empty() || bytes.take_back(hashBytesCount) !=
                            hashBytes({object.data(), object.size()})) {
    llvm::sys::fs::remove(path);
    return std::nullopt;
  }
  return llvm::SmallString<0>(object);
}

void KernelCache::add(llvm::StringRef key, llvm::StringRef object) {
  auto write = [&]() -> llvm::Error {
    auto file = OutputFile::create(getPath(key), /*force=*/true);
    if (!file)
      return file.takeError();
    (*file)->os() << object << hashBytes({object.data(), object.size()});
    return (*file)->commit();
  };
  llvm::Error error = write();
  if (!error)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  if (failure.empty())
    failure = llvm::toString(std::move(error));
  else
    llvm::consumeError(std::move(error));
}

std::string KernelCache::getFailure() const {
  std::lock_guard<std::mutex> lock(mutex);
  return failure;
}
