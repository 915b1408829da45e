/*===- FakeModel.c - A model that no compiler made ------------------------===*
 *
 * Part of the Quench project, under the Apache License v2.0 with LLVM
 * Exceptions. See LICENSE for license information.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===----------------------------------------------------------------------===*/

#include "FakeModel.h"

/* The layout of a memref descriptor of a rank. */
typedef struct {
  void *allocated, *aligned;
  int64_t offset, sizes[4];
} Descriptor;

static const Descriptor *argument(void *const *args, int index) {
  return (const Descriptor *)args[index];
}
static void *dataOf(void *const *args, int index) {
  return argument(args, index)->aligned;
}

/*===----------------------------------------------------------------------===*
 * encode: rows of the table times the mask, and their sums
 *===----------------------------------------------------------------------===*/

typedef struct {
  const float *table;
  const int64_t *ids, *mask;
  int64_t sequence;
  float *rows, *sums;
} Encode;

static void gatherRows(qrt_context *ctx, const void *closure, int64_t begin,
                       int64_t end) {
  const Encode *e = (const Encode *)closure;
  (void)ctx;
  for (int64_t t = begin; t < end; ++t)
    for (int64_t c = 0; c < FAKE_WIDTH; ++c)
      e->rows[t * FAKE_WIDTH + c] =
          e->table[e->ids[t] * FAKE_WIDTH + c] * (float)e->mask[t];
}

static void sumRows(qrt_context *ctx, const void *closure, int64_t begin,
                    int64_t end) {
  const Encode *e = (const Encode *)closure;
  for (int64_t b = begin; b < end; ++b) {
    float *sum = (float *)qrt_alloc(ctx, FAKE_WIDTH * sizeof(float));
    for (int64_t c = 0; c < FAKE_WIDTH; ++c)
      sum[c] = 0;
    for (int64_t t = 0; t < e->sequence; ++t)
      for (int64_t c = 0; c < FAKE_WIDTH; ++c)
        sum[c] += e->rows[(b * e->sequence + t) * FAKE_WIDTH + c];
    for (int64_t c = 0; c < FAKE_WIDTH; ++c)
      e->sums[b * FAKE_WIDTH + c] = sum[c];
    qrt_free(ctx, sum);
  }
}

static void encode(qrt_context *ctx, void *const *args) {
  int64_t batch = argument(args, 1)->sizes[0];
  int64_t sequence = argument(args, 1)->sizes[1];
  Encode e = {
      (const float *)dataOf(args, 0),   (const int64_t *)dataOf(args, 1),
      (const int64_t *)dataOf(args, 2), sequence,
      (float *)dataOf(args, 3),         (float *)dataOf(args, 4)};
  qrt_parallel_for(ctx, batch * sequence, gatherRows, &e);
  qrt_parallel_for(ctx, batch, sumRows, &e);
}

/*===----------------------------------------------------------------------===*
 * prefill and decode: writes ids into the state, gives the sum of the state
 *===----------------------------------------------------------------------===*/

static void step(qrt_context *ctx, void *const *args) {
  const int64_t *ids = (const int64_t *)dataOf(args, 1);
  int64_t batch = argument(args, 1)->sizes[0];
  int64_t sequence = argument(args, 1)->sizes[1];
  int64_t position = *(const int64_t *)dataOf(args, 2);
  float *state = (float *)dataOf(args, 3);
  int64_t context = argument(args, 3)->sizes[1];
  float *logits = (float *)dataOf(args, 4);
  (void)ctx;
  for (int64_t b = 0; b < batch; ++b) {
    float sum = 0;
    for (int64_t t = 0; t < position; ++t)
      sum += state[b * context + t];
    for (int64_t t = 0; t < sequence; ++t) {
      state[b * context + position + t] = (float)ids[b * sequence + t];
      sum += (float)ids[b * sequence + t];
      logits[b * sequence + t] = sum;
    }
  }
}

/*===----------------------------------------------------------------------===*
 * grab: every thread asks for so many bytes
 *===----------------------------------------------------------------------===*/

static void grabShare(qrt_context *ctx, const void *closure, int64_t begin,
                      int64_t end) {
  for (int64_t i = begin; i < end; ++i)
    qrt_free(ctx, qrt_alloc(ctx, *(const uint64_t *)closure));
}

static void grabNested(qrt_context *ctx, const void *closure, int64_t begin,
                       int64_t end) {
  for (int64_t i = begin; i < end; ++i)
    qrt_parallel_for(ctx, 2, grabShare, closure);
}

static void grab(qrt_context *ctx, void *const *args) {
  uint64_t bytes = (uint64_t)*(const int64_t *)dataOf(args, 1);
  qrt_alloc(ctx, 100); /* Never freed: the end of the run takes it back. */
  qrt_parallel_for(ctx, 64, grabNested, &bytes);
  *(int64_t *)dataOf(args, 2) = (int64_t)bytes;
}

const qrt_entry_fn fakeEntries[4] = {encode, step, step, grab};

#define ROW(i) i, i + 0.25f, i + 0.5f, i + 0.75f
const float fakeParams[FAKE_VOCAB * FAKE_WIDTH] __attribute__((aligned(64))) = {
    ROW(0), ROW(1), ROW(2),  ROW(3),  ROW(4),  ROW(5),  ROW(6),  ROW(7),
    ROW(8), ROW(9), ROW(10), ROW(11), ROW(12), ROW(13), ROW(14), ROW(15)};

/* Programs that keep the parameters elsewhere, or take no text, say so. */
#ifndef FAKE_PARAMS
#define FAKE_PARAMS "{\"mode\": \"memory\", \"bytes\": 256}"
#endif
#ifndef FAKE_TOKENIZER
#define FAKE_TOKENIZER                                                         \
  "{\"kind\": \"wordpiece\","                                                  \
  " \"vocab\": [\"[PAD]\", \"[UNK]\", \"[CLS]\", \"[SEP]\", \"a\", \"cat\","   \
  "   \"sat\", \"##s\", \"##ting\", \"the\", \"dog\", \"run\", \"##ning\","    \
  "   \".\", \",\", \"##n\"],"                                                 \
  " \"lowercase\": true, \"strip_accents\": null, \"chinese_chars\": true,"    \
  " \"unk\": \"[UNK]\", \"cls\": \"[CLS]\", \"sep\": \"[SEP]\","               \
  " \"pad\": \"[PAD]\", \"max_length\": 8, \"max_chars_per_word\": 100}"
#endif

const char fakeManifest[] =
    "{\"quench\": \"0.1.0\", \"name\": \"fake\", \"model_type\": \"bert\","
    " \"target\": \"x86_64-pc-linux-gnu\", \"cpu\": \"x86-64\","
    " \"features\": [\"sse2\"], \"recipe\": \"float\","
    " \"hash\": \"0123456789abcdef0123456789abcdef\","
    " \"params\": " FAKE_PARAMS ","
    " \"symbols\": {\"batch\": {\"min\": 1, \"max\": null},"
    "               \"sequence\": {\"min\": 1, \"max\": 8},"
    "               \"context\": {\"min\": 1, \"max\": 32}},"
    " \"entries\": ["
    "  {\"name\": \"encode\", \"inputs\": ["
    "    {\"name\": \"input_ids\", \"dtype\": \"I64\","
    "     \"shape\": [\"batch\", \"sequence\"], \"range\": [0, 16]},"
    "    {\"name\": \"attention_mask\", \"dtype\": \"I64\","
    "     \"shape\": [\"batch\", \"sequence\"], \"default\": 1}],"
    "   \"outputs\": ["
    "    {\"name\": \"last_hidden_state\", \"dtype\": \"F32\","
    "     \"shape\": [\"batch\", \"sequence\", 4]},"
    "    {\"name\": \"sentence_embedding\", \"dtype\": \"F32\","
    "     \"shape\": [\"batch\", 4]}]},"
    "  {\"name\": \"prefill\", \"inputs\": ["
    "    {\"name\": \"input_ids\", \"dtype\": \"I64\","
    "     \"shape\": [\"batch\", \"sequence\"], \"range\": [0, 16]},"
    "    {\"name\": \"position\", \"dtype\": \"I64\", \"shape\": [],"
    "     \"role\": \"position\", \"default\": 0},"
    "    {\"name\": \"cache.0.key\", \"dtype\": \"F32\","
    "     \"shape\": [\"batch\", \"context\"], \"role\": \"state\"}],"
    "   \"outputs\": [{\"name\": \"logits\", \"dtype\": \"F32\","
    "     \"shape\": [\"batch\", \"sequence\", 1]}]},"
    "  {\"name\": \"decode\", \"inputs\": ["
    "    {\"name\": \"input_ids\", \"dtype\": \"I64\","
    "     \"shape\": [\"batch\", 1], \"range\": [0, 16]},"
    "    {\"name\": \"position\", \"dtype\": \"I64\", \"shape\": [],"
    "     \"role\": \"position\", \"default\": 0},"
    "    {\"name\": \"cache.0.key\", \"dtype\": \"F32\","
    "     \"shape\": [\"batch\", \"context\"], \"role\": \"state\"}],"
    "   \"outputs\": [{\"name\": \"logits\", \"dtype\": \"F32\","
    "     \"shape\": [\"batch\", 1, 1]}]},"
    "  {\"name\": \"grab\", \"inputs\": ["
    "    {\"name\": \"bytes\", \"dtype\": \"I64\", \"shape\": []}],"
    "   \"outputs\": [{\"name\": \"bytes\", \"dtype\": \"I64\","
    "     \"shape\": []}]}],"
    " \"tokenizer\": " FAKE_TOKENIZER "}";
