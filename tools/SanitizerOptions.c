/*===- SanitizerOptions.c - What a build asks of AddressSanitizer ---------===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*/

const char *__asan_default_options(void);

/* LLVM's allocators mark what is free where their headers are compiled with the
 * sanitizer; what LLVM's packages, which are not, take from them stays marked.
 * Tests ask for more memory than there is, and expect none. And where they
 * expect an error, a finding must not look like one: it ends by a signal. */
const char *__asan_default_options(void) {
  return "allow_user_poisoning=0:allocator_may_return_null=1:abort_on_error=1";
}
