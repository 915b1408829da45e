//===- Status.h - Success, or what went wrong -------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_STATUS_H
#define QUENCH_RUNTIME_CPU_STATUS_H

#include "absl/strings/string_view.h"
#include "quench-rt/quench_rt.h"

#include <optional>
#include <string>
#include <utility>

namespace quench::rt {

/// Success, or an error with its text. It stands in for absl::Status, which
/// Debian's Abseil ships in a form that no shared library can take in (see
/// CMakeLists.txt).
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(qrt_status code, std::string text)
      : code(code), text(std::move(text)) {}

  bool ok() const { return code == QRT_OK; }
  explicit operator bool() const {
    return !ok();
  } ///< Whether this is an error.
  const std::string &message() const { return text; }

  /// Keeps the text for qrt_last_error() and gives the code.
  qrt_status report() const;

private:
  qrt_status code = QRT_OK;
  std::string text;
};

/// The caller's tensors or options are wrong.
Status invalidArgument(std::string text);

/// The machine or a file cannot.
Status failure(std::string text);

/// The error of the system call that failed last: "`what`: text of errno".
Status systemFailure(absl::string_view what);

/// A value, or why there is none.
template <typename T>
class [[nodiscard]] StatusOr {
public:
  StatusOr(T value) : result(std::move(value)) {}
  StatusOr(Status status) : error(std::move(status)) {}

  bool ok() const { return result.has_value(); }
  const Status &status() const { return error; }

  T &operator*() & { return *result; }
  const T &operator*() const & { return *result; }
  T &&operator*() && { return *std::move(result); }
  T *operator->() { return &*result; }
  const T *operator->() const { return &*result; }

private:
  Status error;
  std::optional<T> result;
};

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_STATUS_H
