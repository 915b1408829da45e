/*===- quench-rt/quench_rt.h - C ABI of the Quench runtime -------*- C -*-===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*
 *
 * The runtime is what a compiled model needs at run time and nothing more:
 * buffers, threads, parameter archives, tensor files, tokenizers. It knows
 * nothing of MLIR or LLVM. The header has two parts:
 *
 *   1. what generated code calls and exports (the "code side");
 *   2. what programs call to load and run a model (the "caller side").
 *
 * Every function that can fail returns a qrt_status; the text of the last
 * failure on the calling thread is qrt_last_error(). Errors are lower case and
 * say what was found and what was expected.
 *
 *===----------------------------------------------------------------------===*/

#ifndef QUENCH_RT_QUENCH_RT_H
#define QUENCH_RT_QUENCH_RT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QRT_ABI_VERSION 1
#define QRT_EXPORT __attribute__((visibility("default")))

/*===----------------------------------------------------------------------===*
 * Code side: called by, or exported from, generated code
 *===----------------------------------------------------------------------===*/

/** One execution of one session: its buffers and its threads. Opaque. */
typedef struct qrt_context qrt_context;

/** Returns `bytes` bytes aligned to 64, or aborts the run with an error when
 * the machine has none left. Later runs of the same context use the memory
 * again, so a second run allocates nothing from the system. */
QRT_EXPORT void *qrt_alloc(qrt_context *ctx, uint64_t bytes);

/** Gives a buffer of qrt_alloc back to its context, from where it was taken:
 * the same call of a loop body, or outside of loops. */
QRT_EXPORT void qrt_free(qrt_context *ctx, void *buffer);

/** The body of a parallel loop: runs iterations [begin, end). */
typedef void (*qrt_loop_body)(qrt_context *ctx, const void *closure,
                              int64_t begin, int64_t end);

/** Runs iterations [0, count) of `body`, split statically over the threads of
 * the context; returns when all are done. Loops do not nest: a call from
 * within a body runs on the calling thread. */
QRT_EXPORT void qrt_parallel_for(qrt_context *ctx, int64_t count,
                                 qrt_loop_body body, const void *closure);

/** Ends the run with an error: what the entry point computed as its result
 * number `result` is not as large as the sizes of its inputs say. Does not
 * return. */
QRT_EXPORT void qrt_wrong_shape(qrt_context *ctx, int64_t result);

/** An entry point. `args[i]` points to a memref descriptor
 * {allocated, aligned, offset, sizes[rank], strides[rank]}: first the
 * parameter bytes (rank 1), then inputs and states, then outputs, in the
 * order of the manifest. States are updated in place. */
typedef void (*qrt_entry_fn)(qrt_context *ctx, void *const *args);

/** What a compiled model exports, under the symbol `quench_model` in an
 * executable or object and `quench_model_<name>` in a shared library. */
typedef struct qrt_model {
  uint32_t abi_version; /**< QRT_ABI_VERSION of the compiler. */
  uint32_t num_entries;
  const char *manifest; /**< JSON text; docs/dev/manifest.md has its fields. */
  uint64_t manifest_size;
  const qrt_entry_fn *entries; /**< In the order of the manifest. */
  const void *params;          /**< Parameter bytes in memory (JIT), or null:
                                    payload of the file or archive beside it. */
  uint64_t params_size;
} qrt_model;

/*===----------------------------------------------------------------------===*
 * Caller side
 *===----------------------------------------------------------------------===*/

typedef enum qrt_status {
  QRT_OK = 0,
  QRT_INVALID_ARGUMENT = 1, /**< The caller's tensors or options are wrong. */
  QRT_FAILED = 2            /**< The machine or a file cannot. */
} qrt_status;

/** Element types; the values are part of the ABI. */
typedef enum qrt_dtype {
  QRT_BOOL = 0,
  QRT_U8 = 1,
  QRT_I8 = 2,
  QRT_I16 = 3,
  QRT_U16 = 4,
  QRT_I32 = 5,
  QRT_U32 = 6,
  QRT_I64 = 7,
  QRT_U64 = 8,
  QRT_F16 = 9,
  QRT_BF16 = 10,
  QRT_F32 = 11,
  QRT_F64 = 12
} qrt_dtype;

/** A dense row-major tensor. The callee never keeps or frees what a caller
 * passes; tensors that the runtime returns are freed by
 * qrt_tensors_free(). */
typedef struct qrt_tensor {
  const char *name;
  qrt_dtype dtype;
  int32_t rank;
  const int64_t *shape;
  void *data;
} qrt_tensor;

typedef struct qrt_session qrt_session;

typedef struct qrt_options {
  int32_t num_threads;     /**< 0: one per core that this process may use. */
  const char *params_path; /**< Parameter archive; null: where the model was
                                built to look for it. */
  int32_t skip_params_check; /**< Nonzero: do not verify the hash. */
} qrt_options;

/** Text of the last failure on this thread; never null. */
QRT_EXPORT const char *qrt_last_error(void);

/** Opens a model: checks the ABI and the CPU, maps and verifies the
 * parameters, starts the threads. `options` may be null. */
QRT_EXPORT qrt_status qrt_session_create(const qrt_model *model,
                                         const qrt_options *options,
                                         qrt_session **session);
QRT_EXPORT void qrt_session_destroy(qrt_session *session);

/** The manifest of the model, JSON. */
QRT_EXPORT const char *qrt_session_manifest(const qrt_session *session);

/** Runs entry point `entry` (null: the first). Inputs are found by name; an
 * optional input that is left out takes the default of its declaration; a
 * state that is left out starts as zeros. States that are given are updated in
 * place. On success `*outputs` holds `*num_outputs` tensors in the order of
 * the manifest (the states that were left out are not among them), to be freed
 * with qrt_tensors_free(), whose memory then serves later runs. Any number of
 * threads may call one session: with one thread of its own, it computes what
 * they ask for at once, each on the thread of its caller; otherwise one call
 * after another. Several sessions of one model may run at once. */
QRT_EXPORT qrt_status qrt_run(qrt_session *session, const char *entry,
                              const qrt_tensor *inputs, size_t num_inputs,
                              qrt_tensor **outputs, size_t *num_outputs);
QRT_EXPORT void qrt_tensors_free(qrt_tensor *tensors, size_t count);

/** Turns UTF-8 texts into the inputs of the model with its tokenizer, padded
 * to the longest: `input_ids`, `attention_mask`, `token_type_ids`, each i64
 * [count, longest]. Fails when the model has no tokenizer, or when a text is
 * longer than the model's limit and `truncate` is zero. */
QRT_EXPORT qrt_status qrt_tokenize(qrt_session *session,
                                   const char *const *texts,
                                   const size_t *sizes, size_t count,
                                   int truncate, qrt_tensor **tensors,
                                   size_t *num_tensors);

/** The main function of every executable that Quench builds: parses the
 * command line, runs `model`, returns the exit status. */
QRT_EXPORT int qrt_main(int argc, char **argv, const qrt_model *model);

#ifdef __cplusplus
}
#endif

#endif /* QUENCH_RT_QUENCH_RT_H */
