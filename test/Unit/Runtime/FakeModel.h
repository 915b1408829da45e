/*===- FakeModel.h - A model that no compiler made ----------------*- C -*-===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*/

#ifndef QUENCH_TEST_UNIT_RUNTIME_FAKEMODEL_H
#define QUENCH_TEST_UNIT_RUNTIME_FAKEMODEL_H

#include "quench-rt/quench_rt.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FAKE_VOCAB 16
#define FAKE_WIDTH 4

/** Entry points `encode`, `prefill`, `decode` and `grab`, written as generated
 * code would be; the manifest text says what they take. */
extern const qrt_entry_fn fakeEntries[4];
extern const char fakeManifest[];

/** The parameters: row i of an embedding table holds i, i+1/4, i+2/4, i+3/4. */
extern const float fakeParams[FAKE_VOCAB * FAKE_WIDTH];

#ifdef __cplusplus
}
#endif

#endif /* QUENCH_TEST_UNIT_RUNTIME_FAKEMODEL_H */
