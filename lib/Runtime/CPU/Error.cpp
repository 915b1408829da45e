//===- Error.cpp - Errors across the C ABI --------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Error.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstring>
#include <string>

using namespace quench::rt;

static std::string &lastError() {
  static thread_local std::string text;
  return text;
}

qrt_status quench::rt::report(const absl::Status &status) {
  if (status.ok())
    return QRT_OK;
  lastError() = std::string(status.message());
  return absl::IsInvalidArgument(status) ? QRT_INVALID_ARGUMENT : QRT_FAILED;
}

absl::Status quench::rt::systemError(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", std::strerror(errno)));
}

const char *qrt_last_error(void) { return lastError().c_str(); }
