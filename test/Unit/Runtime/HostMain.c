/*===- HostMain.c - Runs the model of a library with its own runtime ------===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * HOST LIBRARY OPTION...: LIBRARY was linked from an object of `quench build`
 * and nothing else, so that it is this program's runtime that the code calls.
 *
 *===----------------------------------------------------------------------===*/

#include "quench-rt/quench_rt.h"

#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
  void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
  const qrt_model *model = library ? dlsym(library, "quench_model") : NULL;
  if (!model) {
    fprintf(stderr, "error: %s\n", argc > 1 ? dlerror() : "no library given");
    return 2;
  }
  return qrt_main(argc - 1, argv + 1, model);
}
