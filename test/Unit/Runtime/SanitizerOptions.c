/*===- SanitizerOptions.c - What tests ask of sanitizers ------------------===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*/

/* Tests ask for more memory than there is, and expect none. */
#define OPTIONS "allocator_may_return_null=1"

const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void) { return OPTIONS; }
const char *__tsan_default_options(void) { return OPTIONS; }
