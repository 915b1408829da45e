//===- KernelCache.h - Objects kept from earlier compilations --*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_CODEGEN_CPU_KERNELCACHE_H
#define QUENCH_CODEGEN_CPU_KERNELCACHE_H

#include "Quench/Codegen/CPU/CPUTarget.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace quench {

/// Objects in a folder, by what they were compiled from. Safe to use from
/// several threads; several processes may use one folder.
class KernelCache {
public:
  /// The cache in `folder`, which is made where it does not exist. Fails where
  /// nothing can be written there.
  static llvm::Expected<std::unique_ptr<KernelCache>>
  open(llvm::StringRef folder);

  /// Removes what was not used for a week, or is too much.
  ~KernelCache();

  /// The name of what this compiler makes of the LLVM module `bitcode` for
  /// `target`. Another build of the compiler gives other names.
  std::string getKey(llvm::ArrayRef<char> bitcode,
                     const CPUTarget &target) const;

  /// The object of that key. A damaged one is removed and counts as none.
  std::optional<llvm::SmallString<0>> find(llvm::StringRef key) const;

  /// Keeps `object` for later, unless it cannot be written.
  void add(llvm::StringRef key, llvm::StringRef object);

  /// The first failure to write; empty where there was none.
  std::string getFailure() const;

private:
  explicit KernelCache(llvm::StringRef folder);

  std::string getPath(llvm::StringRef key) const;

  std::string folder;
  std::string compiler; ///< Tells this build of it from others.
  mutable std::mutex mutex;
  std::string failure;
};

} // namespace quench

#endif // QUENCH_CODEGEN_CPU_KERNELCACHE_H
