/*===- FakeMain.c - The program of a model that no compiler made ----------===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*/

#include "FakeModel.h"

#include <string.h>

/* What a compiled model exports, and in a shared library what finds it. */
qrt_model quench_model;
qrt_model *fakeModel(void);

qrt_model *fakeModel(void) {
  quench_model.abi_version = QRT_ABI_VERSION;
  quench_model.num_entries = 4;
  quench_model.manifest = fakeManifest;
  quench_model.manifest_size = strlen(fakeManifest);
  quench_model.entries = fakeEntries;
#ifndef FAKE_PARAMS
  quench_model.params = fakeParams;
  quench_model.params_size = sizeof(fakeParams);
#endif
  return &quench_model;
}

int main(int argc, char **argv) { return qrt_main(argc, argv, fakeModel()); }
