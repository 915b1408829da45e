/* RUN: %cc -std=c11 -Wall -Wextra -Werror -pedantic -I%quench_src/include %s \
 * RUN:   -L%quench_libs -lQuenchCompiler -Wl,-rpath,%quench_libs \
 * RUN:   -Wl,-rpath,%mlir_libs -Wl,-rpath-link,%mlir_libs -o %t
 * RUN: rm -rf %t.out && mkdir %t.out && %t %models/bert %t.out | FileCheck %s
 *
 * Building and running models through the C API.
 */

#include "quench-c/quench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                       \
  do {                                                                         \
    if (!(condition)) {                                                        \
      fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);  \
      exit(1);                                                                 \
    }                                                                          \
  } while (0)

static int64_t ids[] = {1, 2, 3, 4}, shape[] = {2, 2};
static const qrt_tensor input = {"input_ids", QRT_I64, 2, shape, ids};

/* Runs a program on two rows of two tokens; returns its first number. */
static float run(quench_program *program) {
  CHECK(strstr(quench_program_manifest(program), "\"model_type\":\"bert\""));
  qrt_tensor *outputs;
  size_t count;
  CHECK(quench_program_run(program, "encode", &input, 1, &outputs, &count) ==
        QUENCH_OK);
  CHECK(count == 2);
  for (size_t i = 0; i < count; ++i)
    printf("%s of rank %d\n", outputs[i].name, (int)outputs[i].rank);
  CHECK(outputs[0].dtype == QRT_F32);
  float first = *(const float *)outputs[0].data;
  quench_program_free(program, outputs, count);
  return first;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  quench_context *context = quench_context_create();

  /* In memory. */
  quench_module *module = quench_load(context, argv[1], NULL);
  CHECK(module);
  qrt_options threads = {1, NULL, 0};
  quench_program *inMemory = quench_compile(module, NULL, &threads);
  CHECK(inMemory);
  CHECK(!quench_compile(module, "no-such-cpu", NULL));
  printf("%s\n", quench_last_error(context));
  // CHECK: quench: error: {{.*}}no-such-cpu
  quench_module_destroy(module);
  float expected = run(inMemory);
  // CHECK: last_hidden_state of rank 3
  // CHECK: pooler_output of rank 2

  /* As a shared library. */
  char path[4096];
  snprintf(path, sizeof(path), "%s/libbert.so", argv[2]);
  quench_build_options options = {sizeof(options), .emit = "shared"};
  CHECK(quench_build(context, argv[1], path, &options) == QUENCH_OK);
  quench_program *library = quench_open(context, path, NULL);
  CHECK(library);
  CHECK(run(library) == expected);
  // CHECK: last_hidden_state of rank 3
  CHECK(run(inMemory) == expected);

  /* What is refused, and why. */
  CHECK(quench_build(context, argv[1], path, &options) == QUENCH_FAILED);
  printf("%s\n", quench_last_error(context));
  // CHECK: quench: error: '{{.*}}libbert.so' exists
  options.weights = "inside";
  CHECK(quench_build(context, argv[1], path, &options) ==
        QUENCH_INVALID_ARGUMENT);
  printf("%s\n", quench_last_error(context));
  // CHECK: quench: error: weights: found 'inside', expected embed or external
  options.struct_size = 1;
  CHECK(quench_build(context, argv[1], path, &options) ==
        QUENCH_INVALID_ARGUMENT);
  CHECK(!quench_open(context, "/no/such.so", NULL));
  printf("%s\n", quench_last_error(context));
  // CHECK: quench: error: '/no/such.so' is no shared library of a model
  qrt_tensor *outputs;
  size_t count;
  CHECK(quench_program_run(library, "decode", &input, 1, &outputs, &count) ==
        QUENCH_INVALID_ARGUMENT);
  printf("%s\n", quench_last_error(context));
  // CHECK: quench: error: {{.*}}decode
  const char *text = "a sentence";
  size_t size = strlen(text);
  CHECK(quench_program_tokenize(library, &text, &size, 1, 0, &outputs,
                                &count) != QUENCH_OK);
  printf("%s\n", quench_last_error(context));
  // CHECK: quench: error: {{.*}}tokenizer

  quench_program_destroy(library);
  quench_program_destroy(inMemory);
  quench_context_destroy(context);
  printf("done\n");
  // CHECK: done
  return 0;
}
