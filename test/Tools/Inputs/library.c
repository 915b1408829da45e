//===- library.c - Runs a model in a shared library on three tokens -------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "libbert.h"

#include <stdio.h>

int main(void) {
  qrt_session *session;
  if (qrt_session_create(&quench_model_bert, NULL, &session) != QRT_OK) {
    fprintf(stderr, "%s\n", qrt_last_error());
    return 1;
  }
  int64_t ids[] = {1, 2, 3}, shape[] = {1, 3};
  qrt_tensor input = {"input_ids", QRT_I64, 2, shape, ids};
  qrt_tensor *outputs;
  size_t count;
  if (qrt_run(session, NULL, &input, 1, &outputs, &count) != QRT_OK) {
    fprintf(stderr, "%s\n", qrt_last_error());
    return 1;
  }
  for (size_t i = 0; i < count; ++i) {
    printf("%s [", outputs[i].name);
    for (int32_t d = 0; d < outputs[i].rank; ++d)
      printf("%s%lld", d ? ", " : "", (long long)outputs[i].shape[d]);
    printf("]\n");
  }
  qrt_tensors_free(outputs, count);
  qrt_session_destroy(session);
  return 0;
}
