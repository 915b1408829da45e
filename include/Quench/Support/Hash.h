//===- Hash.h - Hashes of bytes ---------------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_SUPPORT_HASH_H
#define QUENCH_SUPPORT_HASH_H

#include "llvm/ADT/ArrayRef.h"
#include <string>

namespace quench {

/// XXH3-128 of `bytes` as 32 lower-case hex digits, most significant first.
/// Not meant against forgery: it tells files apart that were mixed up or
/// damaged.
std::string hashBytes(llvm::ArrayRef<char> bytes);

} // namespace quench

#endif // QUENCH_SUPPORT_HASH_H
