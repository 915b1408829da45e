//===- Json.h - Strict JSON -------------------------------------*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_RUNTIME_CPU_JSON_H
#define QUENCH_RUNTIME_CPU_JSON_H

#include "Status.h"

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace quench::rt {

/// Parses one JSON value. Refuses duplicate keys and nesting deeper than 32.
StatusOr<nlohmann::json> parseJson(absl::string_view text);

} // namespace quench::rt

#endif // QUENCH_RUNTIME_CPU_JSON_H
