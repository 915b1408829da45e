//===- Status.cpp - Success, or what went wrong ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Status.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstring>

using namespace quench::rt;

static std::string &lastError() {
  static thread_local std::string text;
  return text;
}

qrt_status Status::report() const {
  if (!ok())
    lastError() = text;
  return code;
}

Status quench::rt::invalidArgument(std::string text) {
  return {QRT_INVALID_ARGUMENT, std::move(text)};
}

Status quench::rt::failure(std::string text) {
  return {QRT_FAILED, std::move(text)};
}

Status quench::rt::systemFailure(absl::string_view what) {
  return failure(absl::StrCat(what, ": ", std::strerror(errno)));
}

const char *qrt_last_error(void) { return lastError().c_str(); }
