//===- SessionTest.cpp - Sessions through the C ABI -----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {
/// A qrt_tensor with its memory.
template <typename T>
struct Input {
  Input(const char *name, qrt_dtype dtype, std::vector<int64_t> shape,
        std::vector<T> values)
      : name(name), dtype(dtype), shape(std::move(shape)),
        values(std::move(values)) {}

  operator qrt_tensor() {
    return {name, dtype, static_cast<int32_t>(shape.size()), shape.data(),
            values.data()};
  }

  const char *name;
  qrt_dtype dtype;
  std::vector<int64_t> shape;
  std::vector<T> values;
};

/// What a run gave.
struct Outputs {
  ~Outputs() { qrt_tensors_free(tensors, count); }

  template <typename T>
  std::vector<T> values(size_t i) const {
    int64_t n = 1;
    for (int d = 0; d < tensors[i].rank; ++d)
      n *= tensors[i].shape[d];
    const T *data = static_cast<const T *>(tensors[i].data);
    return {data, data + n};
  }

  qrt_tensor *tensors = nullptr;
  size_t count = 0;
};

class Session : public testing::Test {
protected:
  ~Session() override { qrt_session_destroy(session); }

  /// The manifest of the fake model with one text replaced by another.
  qrt_status open(const std::string &from = "", const std::string &to = "",
                  const qrt_options *options = nullptr) {
    manifest = fakeManifest;
    if (!from.empty()) {
      size_t at = manifest.find(from);
      EXPECT_NE(at, std::string::npos) << from;
      manifest.replace(at, from.size(), to);
    }
    model.manifest = manifest.data();
    model.manifest_size = manifest.size();
    qrt_session_destroy(session);
    return qrt_session_create(&model, options, &session);
  }

  qrt_status run(const char *entry, std::vector<qrt_tensor> inputs) {
    outputs.emplace();
    return qrt_run(session, entry, inputs.data(), inputs.size(),
                   &outputs->tensors, &outputs->count);
  }

  void expectError(const char *entry, std::vector<qrt_tensor> inputs,
                   const std::string &message) {
    EXPECT_EQ(run(entry, std::move(inputs)), QRT_INVALID_ARGUMENT);
    EXPECT_EQ(qrt_last_error(), message);
    EXPECT_EQ(outputs->tensors, nullptr);
  }

  std::string manifest;
  qrt_model model = {QRT_ABI_VERSION, 4,          nullptr,           0,
                     fakeEntries,     fakeParams, sizeof(fakeParams)};
  qrt_session *session = nullptr;
  std::optional<Outputs> outputs;
};

using I64 = Input<int64_t>;
using I32 = Input<int32_t>;
using F32 = Input<float>;
using F64 = Input<double>;
} // namespace

TEST_F(Session, RunsAndFillsDefaults) {
  ASSERT_EQ(open(), QRT_OK) << qrt_last_error();
  EXPECT_EQ(std::string(qrt_session_manifest(session)), fakeManifest);
  I64 ids("input_ids", QRT_I64, {2, 3}, {1, 2, 3, 4, 5, 15});
  for (int repeat = 0; repeat < 20; ++repeat) {
    ASSERT_EQ(run(nullptr, {ids}), QRT_OK) << qrt_last_error();
    ASSERT_EQ(outputs->count, 2u);
    EXPECT_STREQ(outputs->tensors[0].name, "last_hidden_state");
    EXPECT_EQ(outputs->tensors[0].rank, 3);
    EXPECT_EQ(outputs->tensors[0].shape[1], 3);
    EXPECT_EQ(outputs->values<float>(0)[20], 15.f);
    EXPECT_EQ(outputs->values<float>(1),
              (std::vector<float>{6, 6.75, 7.5, 8.25, 24, 24.75, 25.5, 26.25}));
  }

  I64 mask("attention_mask", QRT_I64, {2, 3}, {1, 1, 0, 0, 0, 1});
  ASSERT_EQ(run("encode", {mask, ids}), QRT_OK) << qrt_last_error();
  EXPECT_EQ(outputs->values<float>(1),
            (std::vector<float>{3, 3.5, 4, 4.5, 15, 15.25, 15.5, 15.75}));
}

TEST_F(Session, ConvertsWhatLosesNothing) {
  ASSERT_EQ(open(), QRT_OK);
  I32 ids("input_ids", QRT_I32, {1, 2}, {1, 2});
  Input<uint8_t> mask("attention_mask", QRT_BOOL, {1, 2}, {1, 1});
  ASSERT_EQ(run("encode", {ids, mask}), QRT_OK) << qrt_last_error();
  EXPECT_EQ(outputs->values<float>(1)[0], 3.f);

  F32 floats("input_ids", QRT_F32, {1, 2}, {1, 2});
  expectError(
      "encode", {floats},
      "input 'input_ids' is F32 [1, 2], expected I64 [batch, sequence]");
  Input<uint64_t> wide("input_ids", QRT_U64, {1, 2}, {1, 2});
  expectError(
      "encode", {wide},
      "input 'input_ids' is U64 [1, 2], expected I64 [batch, sequence]");
}

TEST_F(Session, RefusesWrongInputs) {
  ASSERT_EQ(open(), QRT_OK);
  I64 ids("input_ids", QRT_I64, {1, 2}, {1, 2});
  expectError("encode", {},
              "input 'input_ids' is missing; expected I64 [batch, sequence]");
  expectError("encode", {ids, ids}, "input 'input_ids' was given twice");
  I64 other("ids", QRT_I64, {1, 2}, {1, 2});
  expectError("encode", {other},
              "the model has no input 'ids'; 'encode' takes input_ids, "
              "attention_mask");
  expectError("encoder", {ids},
              "the model has no entry point 'encoder'; it has encode, prefill, "
              "decode, grab");
  I64 flat("input_ids", QRT_I64, {2}, {1, 2});
  expectError("encode", {flat},
              "input 'input_ids' is I64 [2], expected I64 [batch, sequence]");
  I64 mask("attention_mask", QRT_I64, {1, 3}, {1, 1, 1});
  expectError("encode", {ids, mask},
              "input 'attention_mask': sequence is 3, but it is 2 in input "
              "'input_ids'");
  I64 longIds("input_ids", QRT_I64, {1, 9}, std::vector<int64_t>(9));
  expectError("encode", {longIds},
              "input 'input_ids': sequence is 9, the limit is 8");
  I64 none("input_ids", QRT_I64, {1, 0}, {});
  expectError("encode", {none},
              "input 'input_ids': sequence is 0, the smallest is 1");
  I64 outside("input_ids", QRT_I64, {2, 2}, {1, 2, 16, 3});
  expectError("encode", {outside},
              "input 'input_ids' is 16 at [1, 0], expected [0, 16)");
  I64 negative("input_ids", QRT_I64, {1, 1}, {-1});
  expectError("encode", {negative},
              "input 'input_ids' is -1 at [0, 0], expected [0, 16)");
  I64 two("input_ids", QRT_I64, {1, 2}, {1, 2});
  expectError(
      "decode", {two},
      "input 'input_ids' has the shape [1, 2], expected I64 [batch, 1]");
  I64 huge("input_ids", QRT_I64, {INT64_MAX, INT64_MAX}, {});
  expectError("encode", {huge},
              "input 'input_ids' has a shape that no tensor can have");
  I64 minus("input_ids", QRT_I64, {1, -2}, {});
  expectError("encode", {minus},
              "input 'input_ids' has a shape that no tensor can have");
  qrt_tensor shapeless = ids;
  shapeless.shape = nullptr;
  expectError("encode", {shapeless},
              "input 'input_ids' has a shape that no tensor can have");
  qrt_tensor deep = ids;
  deep.rank = INT32_MAX;
  expectError("encode", {deep},
              "input 'input_ids' has a shape that no tensor can have");
  qrt_tensor strange = ids;
  int32_t unknown = 77;
  std::memcpy(&strange.dtype, &unknown, sizeof(unknown));
  expectError("encode", {strange},
              "input 'input_ids' has the unknown element type 77");
  qrt_tensor empty = ids;
  empty.data = nullptr;
  expectError("encode", {empty}, "input 'input_ids' has no data");
}

TEST_F(Session, UpdatesStatesInPlace) {
  ASSERT_EQ(open(), QRT_OK);
  F32 state("cache.0.key", QRT_F32, {1, 4}, {0, 0, 0, 0});
  I64 prompt("input_ids", QRT_I64, {1, 2}, {3, 4});
  ASSERT_EQ(run("prefill", {prompt, state}), QRT_OK) << qrt_last_error();
  EXPECT_EQ(outputs->values<float>(0), (std::vector<float>{3, 7}));
  I64 next("input_ids", QRT_I64, {1, 1}, {5});
  I64 position("position", QRT_I64, {}, {2});
  ASSERT_EQ(run("decode", {next, position, state}), QRT_OK) << qrt_last_error();
  EXPECT_EQ(outputs->count, 1u);
  EXPECT_EQ(outputs->values<float>(0), (std::vector<float>{12}));
  EXPECT_EQ(state.values, (std::vector<float>{3, 4, 5, 0}));

  position.values = {4};
  expectError("decode", {next, position, state},
              "position 4 and 1 new tokens exceed the 4 that input "
              "'cache.0.key' holds");
  position.values = {-1};
  expectError("decode", {next, position, state},
              "input 'position' is -1, expected 0 or more");
  position.values = {INT64_MAX};
  expectError("decode", {next, position, state},
              "position 9223372036854775807 and 1 new tokens exceed the 4 that "
              "input 'cache.0.key' holds");
  expectError("decode", {next, position},
              "position + sequence: context is 9223372036854775807, the limit "
              "is 32");
  Input<double> wide("cache.0.key", QRT_F64, {1, 4}, {0, 0, 0, 0});
  expectError(
      "prefill", {prompt, wide},
      "input 'cache.0.key' is F64 [1, 4], expected F32 [batch, context]");
  qrt_tensor crooked = state;
  crooked.data = static_cast<char *>(crooked.data) + 1;
  expectError(
      "prefill", {prompt, crooked},
      "input 'cache.0.key' is updated in place and must be aligned to 4 "
      "bytes");
}

TEST_F(Session, StartsStatesThatAreLeftOutAsZeros) {
  ASSERT_EQ(open(), QRT_OK);
  I64 prompt("input_ids", QRT_I64, {2, 3}, {1, 2, 3, 4, 5, 6});
  for (int repeat = 0; repeat < 2; ++repeat) {
    ASSERT_EQ(run("prefill", {prompt}), QRT_OK) << qrt_last_error();
    EXPECT_EQ(outputs->count, 1u);
    EXPECT_EQ(outputs->values<float>(0),
              (std::vector<float>{1, 3, 6, 4, 9, 15}));
  }
}

TEST_F(Session, SurvivesALackOfMemory) {
  for (int threads : {1, 3}) {
    qrt_options options = {threads, nullptr, 0};
    ASSERT_EQ(open("", "", &options), QRT_OK);
    I64 bytes("bytes", QRT_I64, {}, {int64_t(1) << 50});
    for (int repeat = 0; repeat < 3; ++repeat) {
      EXPECT_EQ(run("grab", {bytes}), QRT_FAILED);
      EXPECT_STREQ(qrt_last_error(),
                   "the machine has no memory left for a buffer of "
                   "1125899906842624 bytes");
    }
    bytes.values = {100};
    EXPECT_EQ(run("grab", {bytes}), QRT_OK) << qrt_last_error();
    EXPECT_EQ(outputs->values<int64_t>(0), (std::vector<int64_t>{100}));
  }
}

TEST_F(Session, TokenizesTexts) {
  ASSERT_EQ(open(), QRT_OK);
  const char *texts[] = {"The cats", "a"};
  size_t sizes[] = {8, 1};
  outputs.emplace();
  ASSERT_EQ(qrt_tokenize(session, texts, sizes, 2, 0, &outputs->tensors,
                         &outputs->count),
            QRT_OK)
      << qrt_last_error();
  ASSERT_EQ(outputs->count, 3u);
  EXPECT_STREQ(outputs->tensors[0].name, "input_ids");
  EXPECT_STREQ(outputs->tensors[1].name, "attention_mask");
  EXPECT_STREQ(outputs->tensors[2].name, "token_type_ids");
  EXPECT_EQ(outputs->values<int64_t>(0),
            (std::vector<int64_t>{2, 9, 5, 7, 3, 2, 4, 3, 0, 0}));
  EXPECT_EQ(outputs->values<int64_t>(1),
            (std::vector<int64_t>{1, 1, 1, 1, 1, 1, 1, 1, 0, 0}));

  outputs.emplace();
  EXPECT_EQ(qrt_tokenize(session, texts, sizes, 0, 0, &outputs->tensors,
                         &outputs->count),
            QRT_INVALID_ARGUMENT);
  EXPECT_STREQ(qrt_last_error(), "no text was given");
  size_t at = std::string(fakeManifest).find("\"tokenizer\": ");
  ASSERT_EQ(open(fakeManifest + at, "\"tokenizer\": null}"), QRT_OK)
      << qrt_last_error();
  EXPECT_EQ(qrt_tokenize(session, texts, sizes, 2, 0, &outputs->tensors,
                         &outputs->count),
            QRT_INVALID_ARGUMENT);
  EXPECT_STREQ(qrt_last_error(),
               "the model has no tokenizer: it takes ids, not text");
}

// Sessions of one thread, of several and of more than there are cores, and a
// session of its own for every other caller.
TEST_F(Session, ServesManyCallers) {
  for (int numThreads : {1, 2, 5}) {
    qrt_options options = {};
    options.num_threads = numThreads;
    ASSERT_EQ(open("", "", &options), QRT_OK);
    std::vector<std::thread> callers;
    for (int t = 0; t < 6; ++t)
      callers.emplace_back([this, t] {
        qrt_session *own = nullptr;
        if (t % 2)
          ASSERT_EQ(qrt_session_create(&model, nullptr, &own), QRT_OK);
        I64 ids("input_ids", QRT_I64, {2, 2}, {t, 1, 2, 3});
        I64 prompt("input_ids", QRT_I64, {1, 2}, {t, 4});
        for (int repeat = 0; repeat < 100; ++repeat) {
          Outputs result, logits;
          qrt_tensor input = ids;
          ASSERT_EQ(qrt_run(own ? own : session, nullptr, &input, 1,
                            &result.tensors, &result.count),
                    QRT_OK)
              << qrt_last_error();
          input = prompt;
          ASSERT_EQ(qrt_run(own ? own : session, "prefill", &input, 1,
                            &logits.tensors, &logits.count),
                    QRT_OK)
              << qrt_last_error();
          ASSERT_EQ(result.values<float>(1)[0], t + 1.f);
          ASSERT_EQ(result.values<float>(1)[4], 5.f);
          ASSERT_EQ(logits.values<float>(0)[1], t + 4.f);
        }
        qrt_session_destroy(own);
      });
    for (std::thread &caller : callers)
      caller.join();
  }
}

namespace {
std::mutex meetingMutex;
std::condition_variable met;
int numMet;

/// Returns when two of it run at once.
void meet(qrt_context *ctx, void *const *args) {
  std::unique_lock<std::mutex> lock(meetingMutex);
  ++numMet;
  met.notify_all();
  EXPECT_TRUE(
      met.wait_for(lock, std::chrono::seconds(60), [] { return numMet >= 2; }));
  lock.unlock();
  fakeEntries[0](ctx, args);
}
} // namespace

// With one thread a session computes for several callers at once.
TEST_F(Session, ComputesWithTheThreadsOfItsCallers) {
  const qrt_entry_fn entries[] = {meet, fakeEntries[1], fakeEntries[2],
                                  fakeEntries[3]};
  model.entries = entries;
  qrt_options options = {};
  options.num_threads = 1;
  ASSERT_EQ(open("", "", &options), QRT_OK);
  numMet = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 2; ++t)
    callers.emplace_back([this, t] {
      I64 ids("input_ids", QRT_I64, {1, 1}, {t});
      Outputs result;
      qrt_tensor input = ids;
      ASSERT_EQ(
          qrt_run(session, nullptr, &input, 1, &result.tensors, &result.count),
          QRT_OK)
          << qrt_last_error();
      EXPECT_EQ(result.values<float>(1)[0], static_cast<float>(t));
    });
  for (std::thread &caller : callers)
    caller.join();
}

TEST_F(Session, LeavesOutputsToTheirHolder) {
  ASSERT_EQ(open(), QRT_OK);
  I64 ids("input_ids", QRT_I64, {1, 2}, {1, 2});
  ASSERT_EQ(run(nullptr, {ids}), QRT_OK);
  qrt_session_destroy(session);
  session = nullptr;
  EXPECT_STREQ(outputs->tensors[1].name, "sentence_embedding");
  EXPECT_EQ(outputs->values<float>(1)[0], 3.f);
}

namespace {
std::mutex partsMutex;
std::vector<int64_t> parts;

/// encode, which also notes how large its batch is.
void encodePart(qrt_context *ctx, void *const *args) {
  {
    std::lock_guard<std::mutex> lock(partsMutex);
    parts.push_back(static_cast<const int64_t *>(args[1])[3]);
  }
  fakeEntries[0](ctx, args);
}

void giveUp(qrt_context *ctx, void *const *) { qrt_wrong_shape(ctx, 1); }
} // namespace

// In parts of 128 rows of the largest input, by one thread, by several, and by
// more than there are parts.
TEST_F(Session, TakesBatchesApart) {
  const qrt_entry_fn entries[] = {encodePart, fakeEntries[1], fakeEntries[2],
                                  fakeEntries[3]};
  model.entries = entries;
  for (int threads : {1, 2, 4}) {
    SCOPED_TRACE(threads);
    qrt_options options = {};
    options.num_threads = threads;
    auto expect = [&](int64_t batch, int64_t sequence,
                      std::vector<int64_t> sizes) {
      std::vector<int64_t> values(batch * sequence), ones(batch * sequence, 1);
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = i % FAKE_VOCAB;
      I64 ids("input_ids", QRT_I64, {batch, sequence}, values);
      I64 mask("attention_mask", QRT_I64, {batch, sequence}, ones);
      ASSERT_EQ(open("", "", &options), QRT_OK) << qrt_last_error();
      parts.clear();
      ASSERT_EQ(run("encode", {ids, mask}), QRT_OK) << qrt_last_error();
      EXPECT_EQ(parts, std::vector<int64_t>{batch});
      std::vector<float> rows = outputs->values<float>(0),
                         sums = outputs->values<float>(1);
      ASSERT_EQ(open("\"name\": \"encode\"",
                     "\"name\": \"encode\", \"independent\": \"batch\"",
                     &options),
                QRT_OK)
          << qrt_last_error();
      parts.clear();
      ASSERT_EQ(run("encode", {ids, mask}), QRT_OK) << qrt_last_error();
      std::sort(parts.rbegin(), parts.rend());
      EXPECT_EQ(parts, sizes);
      EXPECT_EQ(outputs->values<float>(0), rows);
      EXPECT_EQ(outputs->values<float>(1), sums);
    };
    expect(40, 8, {16, 16, 8});
    expect(33, 5, {26, 7});
    expect(16, 8, {16});
    expect(1, 8, {1});
  }
}

// The last dimension of floats is no rows. The code takes their bits for ids.
TEST_F(Session, CountsRowsOfFloats) {
  const qrt_entry_fn entries[] = {encodePart, fakeEntries[1], fakeEntries[2],
                                  fakeEntries[3]};
  model.entries = entries;
  qrt_options options = {};
  options.num_threads = 1;
  std::string inputs = "\"encode\", \"inputs\": ["
                       "    {\"name\": \"input_ids\", \"dtype\": \"I64\","
                       "     \"shape\": [\"batch\", \"sequence\"], \"range\": "
                       "[0, 16]},"
                       "    {\"name\": \"attention_mask\", \"dtype\": \"I64\",";
  std::string floats = inputs;
  for (size_t at; (at = floats.find("I64")) != std::string::npos;)
    floats.replace(at, 3, "F64");
  floats.insert(floats.find(','), ", \"independent\": \"batch\"");
  ASSERT_EQ(open(inputs, floats, &options), QRT_OK) << qrt_last_error();
  parts.clear();
  F64 ids("input_ids", QRT_F64, {300, 8}, std::vector<double>(2400, 0));
  ASSERT_EQ(run("encode", {ids}), QRT_OK) << qrt_last_error();
  EXPECT_EQ(parts, (std::vector<int64_t>{128, 128, 44}));
}

TEST_F(Session, GivesUpPartsToo) {
  const qrt_entry_fn entries[] = {giveUp, fakeEntries[1], fakeEntries[2],
                                  fakeEntries[3]};
  model.entries = entries;
  for (int threads : {1, 2}) {
    qrt_options options = {};
    options.num_threads = threads;
    ASSERT_EQ(open("\"name\": \"encode\"",
                   "\"name\": \"encode\", \"independent\": \"batch\"",
                   &options),
              QRT_OK);
    I64 ids("input_ids", QRT_I64, {32, 8}, std::vector<int64_t>(256, 1));
    EXPECT_EQ(run("encode", {ids}), QRT_FAILED);
    EXPECT_STREQ(qrt_last_error(),
                 "result 1 is not as large as the model declares it");
  }
}

TEST_F(Session, RefusesWrongModels) {
  auto expectFailure = [&](const char *from, const char *to,
                           const std::string &message) {
    EXPECT_EQ(open(from, to), QRT_FAILED);
    EXPECT_EQ(session, nullptr);
    EXPECT_EQ(qrt_last_error(), message);
  };
  expectFailure("[\"sse2\"]", "[\"sse2\", \"warp\"]",
                "this CPU lacks warp, which the model was built for (x86-64)");
  expectFailure("\"bytes\": 256", "\"bytes\": 255",
                "parameters in memory are 256 bytes, but the model was built "
                "for 255");
  expectFailure("{\"quench\"", "{\"quench",
                "manifest: not valid JSON at byte 14");
  expectFailure("\"name\": \"fake\"", "\"name\": 3",
                "manifest: name is of type number, expected a string");
  expectFailure("\"name\": \"fake\",", "", "manifest: name is missing");
  expectFailure("\"role\": \"state\"", "\"role\": \"stat\"",
                "manifest: entries[1].inputs[2].role is 'stat', expected data, "
                "state or position");
  expectFailure(
      "\"dtype\": \"I64\"", "\"dtype\": \"I63\"",
      "manifest: entries[0].inputs[0].dtype is 'I63', expected a type");
  expectFailure("\"name\": \"encode\"",
                "\"name\": \"encode\", \"independent\": \"sequence\"",
                "manifest: entries[0].independent is 'sequence', expected the "
                "first dimension of all outputs; 'input_ids' is I64 [batch, "
                "sequence]");
  model.num_entries = 3;
  expectFailure("", "",
                "manifest: entries has 4 elements, but the model has 3 entry "
                "points");
  model.num_entries = 4;
  model.abi_version = 99;
  expectFailure("", "",
                "the model was built for version 99 of the runtime ABI, but "
                "this runtime has version 1");
}

TEST_F(Session, RefusesWrongOptions) {
  qrt_options options = {-1, nullptr, 0};
  EXPECT_EQ(open("", "", &options), QRT_INVALID_ARGUMENT);
  EXPECT_STREQ(qrt_last_error(), "number of threads is -1, expected 0 to 1024");
}
