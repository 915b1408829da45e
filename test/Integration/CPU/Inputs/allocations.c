/*===- allocations.c - Counts what runs of a model take from the system ---===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * allocations ENTRY TOKENS THREADS: runs an entry point of the model that it is
 * linked with, which takes input_ids, on rows of so many tokens, then on the
 * same again, then on fewer; prints which asked for memory, and whether equal
 * inputs gave equal bytes.
 *
 *===----------------------------------------------------------------------===*/

#include "CountAllocations.h"
#include "quench-rt/quench_rt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IDS 4096

extern const qrt_model quench_model;

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  qrt_options options = {atoi(argv[3]), NULL, 0};
  qrt_session *session;
  if (qrt_session_create(&quench_model, &options, &session) != QRT_OK) {
    fprintf(stderr, "error: %s\n", qrt_last_error());
    return 1;
  }
  static int64_t ids[MAX_IDS];
  for (int i = 0; i < MAX_IDS; ++i)
    ids[i] = (i * 7 + 3) % 16;
  const int64_t tokens = atoi(argv[2]);
  const int64_t shapes[][2] = {
      {3, tokens}, {3, tokens}, {1, tokens}, {2, tokens > 2 ? tokens / 2 : 1}};
  void *first = NULL;
  for (int i = 0; i < 4; ++i) {
    /* Not aligned, so that the runtime copies it. */
    qrt_tensor input = {"input_ids", QRT_I64, 2, shapes[i], ids + 1};
    qrt_tensor *outputs;
    size_t count;
    long before = countAllocations();
    qrt_status status = qrt_run(session, argv[1], &input, 1, &outputs, &count);
    long after = countAllocations();
    if (status != QRT_OK) {
      fprintf(stderr, "error: %s\n", qrt_last_error());
      return 1;
    }
    printf("%d x %d: %s\n", (int)shapes[i][0], (int)shapes[i][1],
           after == before ? "no allocation" : "allocations");
    size_t bytes = sizeof(float);
    for (int32_t d = 0; d < outputs[0].rank; ++d)
      bytes *= outputs[0].shape[d];
    if (i == 0) {
      first = malloc(bytes);
      memcpy(first, outputs[0].data, bytes);
    } else if (i == 1) {
      printf("%s bytes\n",
             memcmp(first, outputs[0].data, bytes) == 0 ? "equal" : "other");
    }
    qrt_tensors_free(outputs, count);
  }
  free(first);
  qrt_session_destroy(session);
  return 0;
}
