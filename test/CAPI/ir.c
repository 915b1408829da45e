/* RUN: %cc -std=c11 -Wall -Wextra -Werror -pedantic -I%quench_src/include %s \
 * RUN:   -L%quench_libs -lQuenchCompiler -Wl,-rpath,%quench_libs \
 * RUN:   -Wl,-rpath,%mlir_libs -Wl,-rpath-link,%mlir_libs -o %t
 * RUN: rm -rf %t.out && mkdir %t.out && %t %models/bert %t.out | FileCheck %s
 * RUN: quench-opt %t.out/bert.mlirbc | FileCheck %s --check-prefix=WRITTEN
 *
 * Contexts, IR and errors through the C API.
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

static void hear(void *user, quench_severity severity, const char *text) {
  ++*(int *)user;
  printf("heard %d: %s\n", severity, text);
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  CHECK(quench_abi_version() == QUENCH_C_ABI_VERSION);
  printf("version %s\n", quench_version());
  // CHECK: version {{[0-9]+\.[0-9]+\.[0-9]+}}

  quench_context *context = quench_context_create();
  CHECK(strcmp(quench_last_error(context), "") == 0);

  quench_module *model = quench_load(context, argv[1], NULL);
  CHECK(model);
  char *text = quench_print(model);
  printf("%s", text);
  quench_string_free(text);
  // CHECK: module @bert
  // CHECK: quench.layer_norm

  char path[4096];
  snprintf(path, sizeof(path), "%s/bert.mlirbc", argv[2]);
  CHECK(quench_write(model, path, 0) == QUENCH_OK);
  CHECK(quench_write(model, path, 0) == QUENCH_FAILED);
  printf("%s\n", quench_last_error(context));
  // CHECK: quench: error: '{{.*}}bert.mlirbc' exists
  CHECK(quench_write(model, path, 1) == QUENCH_OK);
  // WRITTEN: module @bert

  char *summary = quench_inspect(model);
  CHECK(strstr(summary, "\"model_type\": \"bert\""));
  quench_string_free(summary);
  quench_module_destroy(model);

  static const char source[] = "func.func @f(%x: i32) -> i32 {\n"
                               "  %0 = arith.constant 1 : i32\n"
                               "  %1 = arith.muli %x, %0 : i32\n"
                               "  return %1 : i32\n"
                               "}\n";
  quench_module *module = quench_parse(context, source, strlen(source));
  CHECK(module);
  CHECK(quench_run_pipeline(module, "canonicalize") == QUENCH_OK);
  CHECK(quench_run_pipeline(module, "builtin.module(cse)") == QUENCH_OK);
  text = quench_print(module);
  printf("%s", text);
  quench_string_free(text);
  // CHECK: func.func @f(%[[X:.*]]: i32) -> i32
  // CHECK-NEXT: return %[[X]] : i32

  int messages = 0;
  quench_set_message_callback(context, hear, &messages);
  CHECK(quench_run_pipeline(module, "no-such-pass") == QUENCH_INVALID_ARGUMENT);
  // CHECK: heard 3: quench: error: pipeline 'no-such-pass': 'no-such-pass' does not refer to a registered pass
  CHECK(!quench_parse(context, "func.func", 9));
  CHECK(strstr(quench_last_error(context), "error: "));
  CHECK(!quench_load(context, "/no/such/model", NULL));
  // CHECK: heard 3: quench: error: no model at '/no/such/model'
  CHECK(messages == 3);
  quench_set_message_callback(context, NULL, NULL);
  CHECK(!quench_load(context, argv[1], "q8"));
  CHECK(messages == 3);

  quench_module_destroy(module);
  quench_context_destroy(context);
  printf("done\n");
  // CHECK: done
  return 0;
}
