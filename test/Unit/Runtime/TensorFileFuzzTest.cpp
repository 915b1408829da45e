//===- TensorFileFuzzTest.cpp - Damaged tensor files ----------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support/Mutator.h"
#include "Manifest.h"
#include "TensorFile.h"

#include "gtest/gtest.h"

using namespace quench::rt;
using namespace quench::test;

/// Parses `seed` after each of many mutations and returns how many of them were
/// accepted.
template <typename Parse>
static int fuzz(const std::string &seed, std::vector<std::string> tokens,
                Parse parse) {
  Mutator mutator(/*seed=*/1, std::move(tokens));
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = mutator.mutate(seed);
    // A buffer of its own, so that sanitizers see a read past the end.
    std::vector<char> exact(bytes.begin(), bytes.end());
    auto result = parse(absl::string_view(exact.data(), exact.size()));
    if (result.ok())
      ++accepted;
    else
      EXPECT_FALSE(result.status().message().empty());
  }
  return accepted;
}

static unsigned sum(absl::string_view bytes) {
  unsigned sum = 0;
  for (char byte : bytes)
    sum += static_cast<unsigned char>(byte);
  return sum;
}

TEST(TensorFileFuzz, SurvivesDamagedSafetensors) {
  std::string header =
      R"({"__metadata__":{"format":"pt"},)"
      R"("a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("b":{"dtype":"U8","shape":[],"data_offsets":[16,17]},)"
      R"("c":{"dtype":"F4","shape":[0,4],"data_offsets":[17,17]}})";
  std::string seed(8, '\0');
  seed[0] = static_cast<char>(header.size());
  int accepted =
      fuzz(seed + header + "0123456789abcdefg",
           {"{", "}", "[", "]", "\"", ",", "\\u0061", "-1", "1e308", "1.5",
            "null", "\"a\"", "\"F4\"", "[0,0]", "\xff", "[[[[[[[[[[[[[[[["},
           [](absl::string_view bytes) {
             auto tensors = parseSafetensors(bytes);
             if (tensors.ok())
               for (const FileTensor &tensor : *tensors) {
                 EXPECT_GE(tensor.bytes.data(), bytes.data());
                 EXPECT_LE(tensor.bytes.data() + tensor.bytes.size(),
                           bytes.data() + bytes.size());
                 sum(tensor.bytes);
               }
             return tensors;
           });
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 10'000);
}

TEST(TensorFileFuzz, SurvivesDamagedNpy) {
  std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
  header.resize(53 + 64, ' ');
  header += '\n';
  int accepted = fuzz(
      std::string("\x01\x00\x76\x00", 4) + header + "0123456789abcdef",
      {"'", "(", ")", ",", "{", "}", "True", "'<f8'", "'|b1'", "'>f4'", "-1",
       "(2, 2)", "()", "(4,)", "'shape'", "\n", "\\", "((((((((((((((((("},
      [](absl::string_view bytes) {
        // The magic is what told the file from others.
        std::string whole = "\x93NUMPY" + std::string(bytes);
        std::vector<char> exact(whole.begin(), whole.end());
        auto tensor = parseNpy({exact.data(), exact.size()});
        if (tensor.ok()) {
          EXPECT_LE(tensor->bytes.end(), exact.data() + exact.size());
          sum(tensor->bytes);
          tensor->bytes = {};
        }
        return tensor;
      });
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 15'000);
}

TEST(TensorFileFuzz, SurvivesDamagedManifests) {
  std::string seed = R"({"quench":"0.1.0","name":"m","model_type":"bert",)"
                     R"("target":"x86_64","cpu":"x86-64","features":["avx2"],)"
                     R"("recipe":"float","hash":"0","params":{"mode":"memory",)"
                     R"("bytes":64,"xxh3":"00"},"symbols":{"batch":{"min":1,)"
                     R"("max":null}},"entries":[{"name":"encode","inputs":[)"
                     R"({"name":"x","dtype":"I64","shape":["batch",3],)"
                     R"("default":1,"range":[0,9]}],"outputs":[{"name":"y",)"
                     R"("dtype":"F32","shape":["batch"]}]}],"tokenizer":null})";
  ASSERT_TRUE(Manifest::parse(seed).ok());
  int accepted =
      fuzz(seed,
           {"{", "}", "[", "]", "\"", ",", ":", "-1", "1e308", "null", "true",
            "\"batch\"", "\"role\":\"state\",", "\xff", "[[[[[[[[[[[[[[[["},
           [](absl::string_view bytes) { return Manifest::parse(bytes); });
  EXPECT_GT(accepted, 100);
  EXPECT_LT(accepted, 15'000);
}
