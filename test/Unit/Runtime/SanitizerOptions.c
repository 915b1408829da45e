/*===- SanitizerOptions.c - What tests ask of sanitizers ------------------===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*/

/* Tests ask for more memory than there is, and expect none. And where they
 * expect an error, a finding must not look like one: it ends by a signal. */
#define OPTIONS "allocator_may_return_null=1:abort_on_error=1"

const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void) { return OPTIONS; }
const char *__tsan_default_options(void) { return OPTIONS; }
