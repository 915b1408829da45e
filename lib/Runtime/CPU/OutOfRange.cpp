//===- OutOfRange.cpp - What Abseil does on a bad index -------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "absl/base/config.h"
#include "absl/base/internal/throw_delegate.h"

#include <cstdio>
#include <cstdlib>

// Abseil's own definition throws, which ties it to the C++ library of an
// executable (see CMakeLists.txt); the runtime is built without exceptions.
// A call is a mistake of the runtime, never of its user.
namespace absl {
ABSL_NAMESPACE_BEGIN
namespace base_internal {

void ThrowStdOutOfRange(const char *what) {
  std::fprintf(stderr, "error: quench-rt: %s\n", what);
  std::abort();
}

} // namespace base_internal
ABSL_NAMESPACE_END
} // namespace absl
