/*===- quench-c/quench.h - C API of the compiler ------------------*- C -*-===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * The compiler as a library, libQuenchCompiler.so: load a model, run passes on
 * its IR, build programs of it, or run it in this process.
 *
 * Destroy modules and programs before the context in which they were made. A
 * context, with what was made in it, is used by one thread at a time; different
 * contexts by different threads.
 *
 * Functions that can fail return null or a status other than QUENCH_OK.
 * quench_last_error() then says why; the callback of the context, where there
 * is one, also hears warnings and remarks, one message at a time.
 *
 * Structures are extended at their end only; `struct_size` says which version
 * the caller was compiled with.
 *
 *===----------------------------------------------------------------------===*/

#ifndef QUENCH_C_QUENCH_H
#define QUENCH_C_QUENCH_H

#include "quench-rt/quench_rt.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Raised when a function or type changes in a way that callers must follow. */
#define QUENCH_C_ABI_VERSION 1

typedef struct quench_context quench_context; /**< Dialects, passes, errors. */
typedef struct quench_module quench_module;   /**< The IR of a model. */
typedef struct quench_program quench_program; /**< A model that can run. */

typedef enum quench_status {
  QUENCH_OK = 0,
  QUENCH_INVALID_ARGUMENT = 1, /**< An argument is wrong by itself. */
  QUENCH_FAILED = 2            /**< The input or the machine cannot. */
} quench_status;

typedef enum quench_severity {
  QUENCH_NOTE = 0,
  QUENCH_REMARK = 1,
  QUENCH_WARNING = 2,
  QUENCH_ERROR = 3
} quench_severity;

/** Hears one message: `text` is one line without its line feed, and is gone
 * when the callback returns. */
typedef void (*quench_message_fn)(void *user, quench_severity severity,
                                  const char *text);

/*===----------------------------------------------------------------------===*
 * Library and context
 *===----------------------------------------------------------------------===*/

/** QUENCH_C_ABI_VERSION of the library. */
QRT_EXPORT uint32_t quench_abi_version(void);

/** Version of the compiler, `MAJOR.MINOR.PATCH`. */
QRT_EXPORT const char *quench_version(void);

QRT_EXPORT quench_context *quench_context_create(void);
QRT_EXPORT void quench_context_destroy(quench_context *context);

/** Text of the last failure in this context, one message a line; empty when
 * there was none. It stays until the next call with the context. */
QRT_EXPORT const char *quench_last_error(const quench_context *context);

/** Sends messages to `callback` from now on; null: to nobody. */
QRT_EXPORT void quench_set_message_callback(quench_context *context,
                                            quench_message_fn callback,
                                            void *user);

/*===----------------------------------------------------------------------===*
 * IR
 *===----------------------------------------------------------------------===*/

/** Loads a checkpoint folder, to be computed in `dtype` (`f32`, `f64`, `f16`,
 * `bf16`; null: f32), or an IR file. */
QRT_EXPORT quench_module *quench_load(quench_context *context, const char *path,
                                      const char *dtype);

/** Parses `size` bytes of IR, text or bytecode. Relative paths of archives
 * start from the working directory. */
QRT_EXPORT quench_module *quench_parse(quench_context *context,
                                       const char *text, size_t size);

QRT_EXPORT void quench_module_destroy(quench_module *module);

/** Runs a textual pipeline, `canonicalize,cse` or
 * `builtin.module(canonicalize,cse)`, on the module. */
QRT_EXPORT quench_status quench_run_pipeline(quench_module *module,
                                             const char *pipeline);

/** The IR as text, to be freed with quench_string_free(). */
QRT_EXPORT char *quench_print(quench_module *module);
QRT_EXPORT void quench_string_free(char *string);

/** What the model is made of, the JSON of `quench inspect --json`; to be freed
 * with quench_string_free(). */
QRT_EXPORT char *quench_inspect(quench_module *module);

/** Writes the IR: bytecode where `path` ends in `.mlirbc`, text otherwise. */
QRT_EXPORT quench_status quench_write(quench_module *module, const char *path,
                                      int force);

/*===----------------------------------------------------------------------===*
 * Programs in files
 *===----------------------------------------------------------------------===*/

/** How to build; what is null or zero takes the default of `quench build`,
 * whose `--help` explains the values. */
typedef struct quench_build_options {
  size_t struct_size; /**< sizeof(quench_build_options) of the caller. */
  const char *dtype;
  const char *target;
  const char *cpu;
  const char *emit;    /**< exe, shared, object, mlir or llvm. */
  const char *weights; /**< embed or external. */
  const char *linker;
  const char *runtime;
  const char *const *params; /**< `scope=path` each. */
  size_t num_params;
  int force; /**< Nonzero: replace an output that exists. */
} quench_build_options;

/** Builds `output` from `input`, a checkpoint folder or an IR file. `options`
 * may be null. */
QRT_EXPORT quench_status quench_build(quench_context *context,
                                      const char *input, const char *output,
                                      const quench_build_options *options);

/*===----------------------------------------------------------------------===*
 * Programs in this process
 *===----------------------------------------------------------------------===*/

/** Compiles the module, which it leaves as it is, to run in this process.
 * `cpu` is what `--cpu` takes; null: native. `options` may be null. */
QRT_EXPORT quench_program *quench_compile(quench_module *module,
                                          const char *cpu,
                                          const qrt_options *options);

/** Opens a shared library that was built with `emit` shared. */
QRT_EXPORT quench_program *quench_open(quench_context *context,
                                       const char *path,
                                       const qrt_options *options);

QRT_EXPORT void quench_program_destroy(quench_program *program);

/** The manifest of the model, JSON. */
QRT_EXPORT const char *quench_program_manifest(const quench_program *program);

/** qrt_run() of the program: see there. A program runs one call at a time. The
 * outputs are freed with quench_program_free(). */
QRT_EXPORT quench_status quench_program_run(quench_program *program,
                                            const char *entry,
                                            const qrt_tensor *inputs,
                                            size_t num_inputs,
                                            qrt_tensor **outputs,
                                            size_t *num_outputs);
QRT_EXPORT void quench_program_free(quench_program *program,
                                    qrt_tensor *tensors, size_t count);

/** Turns UTF-8 texts into inputs with the tokenizer of the model: see
 * qrt_tokenize(). Freed with quench_program_free(). */
QRT_EXPORT quench_status quench_program_tokenize(
    quench_program *program, const char *const *texts, const size_t *sizes,
    size_t count, int truncate, qrt_tensor **tensors, size_t *num_tensors);

#ifdef __cplusplus
}
#endif

#endif /* QUENCH_C_QUENCH_H */
