/*===- CountAllocations.h - Counts what a program takes --------------------===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * The program's own malloc and its like, which come before those of the C
 * library; operator new is one of their callers.
 *
 *===----------------------------------------------------------------------===*/

#ifndef QUENCH_TEST_UNIT_RUNTIME_COUNTALLOCATIONS_H
#define QUENCH_TEST_UNIT_RUNTIME_COUNTALLOCATIONS_H

#ifdef __cplusplus
extern "C" {
#endif

/** How often this process asked for memory so far, in all threads. */
long countAllocations(void);

#ifdef __cplusplus
}
#endif

#endif /* QUENCH_TEST_UNIT_RUNTIME_COUNTALLOCATIONS_H */
