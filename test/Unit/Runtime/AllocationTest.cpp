//===- AllocationTest.cpp - Runs take no memory after the first -----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CountAllocations.h"
#include "FakeModel.h"

#include "gtest/gtest.h"

#include <cstring>
#include <vector>

namespace {
class Allocations : public testing::TestWithParam<int> {
protected:
  void SetUp() override {
    // As a batch is taken apart.
    manifest = fakeManifest;
    const std::string name = "\"name\": \"encode\"";
    manifest.insert(manifest.find(name) + name.size(),
                    ", \"independent\": \"batch\"");
    model = {QRT_ABI_VERSION, 4,          manifest.data(),   manifest.size(),
             fakeEntries,     fakeParams, sizeof(fakeParams)};
    qrt_options options = {};
    options.num_threads = GetParam();
    ASSERT_EQ(qrt_session_create(&model, &options, &session), QRT_OK)
        << qrt_last_error();
  }
  ~Allocations() override { qrt_session_destroy(session); }

  /// Runs `entry` on ids of that shape, which are not aligned and of another
  /// type, so that they are copied; returns how much memory was asked for.
  int64_t run(const char *entry, int64_t batch, int64_t sequence) {
    std::vector<int32_t> ids(batch * sequence, 3);
    const int64_t shape[] = {batch, sequence};
    qrt_tensor input = {"input_ids", QRT_I32, 2, shape, ids.data()};
    qrt_tensor *outputs;
    size_t count;
    long before = countAllocations();
    qrt_status status = qrt_run(session, entry, &input, 1, &outputs, &count);
    long after = countAllocations();
    EXPECT_EQ(status, QRT_OK) << qrt_last_error();
    qrt_tensors_free(outputs, count);
    return after - before;
  }

  std::string manifest;
  qrt_model model;
  qrt_session *session = nullptr;
};
} // namespace

TEST_P(Allocations, ComeWithTheFirstRunOnly) {
  for (const char *entry : {"encode", "prefill"}) {
    SCOPED_TRACE(entry);
    EXPECT_GT(run(entry, 64, 8), 0);
    for (int repeat = 0; repeat < 5; ++repeat)
      EXPECT_EQ(run(entry, 64, 8), 0);
    // Nor do smaller inputs need any.
    for (int64_t batch : {63, 17, 2, 1})
      for (int64_t sequence : {8, 5, 1})
        EXPECT_EQ(run(entry, batch, sequence), 0) << batch << " " << sequence;
  }
}

// Callers that hold two results need two.
TEST_P(Allocations, AreForAsManyResultsAsAreHeld) {
  const int64_t ids[] = {1, 2}, shape[] = {1, 2};
  qrt_tensor input = {"input_ids", QRT_I64, 2, shape,
                      const_cast<int64_t *>(ids)};
  qrt_tensor *results[2];
  size_t count;
  auto runTwice = [&] {
    long before = countAllocations();
    for (qrt_tensor *&outputs : results)
      EXPECT_EQ(qrt_run(session, nullptr, &input, 1, &outputs, &count), QRT_OK);
    long after = countAllocations();
    EXPECT_NE(results[0][1].data, results[1][1].data);
    EXPECT_EQ(static_cast<float *>(results[0][1].data)[0], 3.f);
    for (qrt_tensor *outputs : results)
      qrt_tensors_free(outputs, count);
    return after - before;
  };
  EXPECT_GT(runTwice(), 0);
  EXPECT_EQ(runTwice(), 0);
}

INSTANTIATE_TEST_SUITE_P(Threads, Allocations, testing::Values(1, 2, 3));
