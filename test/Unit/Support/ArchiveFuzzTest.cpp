//===- ArchiveFuzzTest.cpp - Damaged safetensors --------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mutator.h"
#include "Quench/Support/Archive.h"
#include "TestArchives.h"

#include "llvm/ADT/StringSet.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace quench;
using namespace quench::test;

/// Pieces that archives and indices are made of, and some that they are not.
static const std::vector<std::string> tokens = {"{",
                                                "}",
                                                "[",
                                                "]",
                                                "\"",
                                                ",",
                                                ":",
                                                "\\",
                                                "\\u0061",
                                                "\\ud800",
                                                "-1",
                                                "1e308",
                                                "1.5",
                                                "true",
                                                "null",
                                                "\"a\"",
                                                "\"F32\"",
                                                "\"F4\"",
                                                "\"dtype\"",
                                                "\"data_offsets\"",
                                                "\"shape\"",
                                                "[0,0]",
                                                "\xff",
                                                "\xc0\x80",
                                                "__metadata__",
                                                "../",
                                                "/",
                                                "m-1.safetensors",
                                                "[[[[[[[[[[[[[[[[",
                                                std::string(1, '\0')};

/// Checks what open() promises and reads every byte.
static unsigned checkTensors(const Archive &archive) {
  StringSet<> names;
  unsigned sum = 0;
  for (const Archive::Tensor &tensor : archive.tensors()) {
    EXPECT_TRUE(names.insert(tensor.name).second);
    EXPECT_EQ(archive.find(tensor.name), &tensor);
    uint64_t bits = getBitWidth(tensor.dtype);
    for (int64_t size : tensor.shape)
      bits *= size;
    EXPECT_EQ(tensor.bytes.size() * 8, bits);
    for (char byte : tensor.bytes)
      sum += static_cast<unsigned char>(byte);
    archive.release(tensor.bytes);
  }
  return sum;
}

/// Opens `path` after each of `rounds` mutations of the file `name` and returns
/// how many were accepted.
static unsigned fuzz(const TempFolder &folder, StringRef name, StringRef bytes,
                     StringRef path, unsigned rounds) {
  Mutator mutator(/*seed=*/rounds, tokens);
  unsigned accepted = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    // Some file systems flush a file that is written over, none a new one.
    sys::fs::remove(folder.path(name));
    folder.write(name, mutator.mutate(bytes.str()));
    Expected<std::unique_ptr<Archive>> archive = Archive::open(path);
    if (!archive) {
      EXPECT_FALSE(toString(archive.takeError()).empty());
      continue;
    }
    ++accepted;
    checkTensors(**archive);
  }
  return accepted;
}

static std::string makeValid(StringRef first) {
  return makeArchive(
      ("{\"__metadata__\":{\"format\":\"pt\"},\"" + first +
       R"(":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
       R"("b":{"dtype":"U8","shape":[],"data_offsets":[16,17]},)"
       R"("c":{"dtype":"F4","shape":[0,4],"data_offsets":[17,17]}})")
          .str(),
      "0123456789abcdefg");
}

TEST(ArchiveFuzz, SurvivesDamagedFiles) {
  TempFolder folder;
  unsigned accepted = fuzz(folder, "a.safetensors", makeValid("a"),
                           folder.path("a.safetensors"), 20'000);
  // Damage to data, names and metadata is none that a reader could see.
  EXPECT_GT(accepted, 100u);
  EXPECT_LT(accepted, 10'000u);
}

TEST(ArchiveFuzz, SurvivesDamagedIndices) {
  TempFolder folder;
  folder.write("m-1.safetensors", makeValid("a"));
  folder.write("m-2.safetensors", makeValid("d"));
  unsigned accepted = fuzz(folder, "m.safetensors.index.json",
                           R"({"metadata":{"total_size":34},"weight_map":)"
                           R"({"a":"m-1.safetensors","b":"m-1.safetensors",)"
                           R"("c":"m-2.safetensors","d":"m-2.safetensors"}})",
                           folder.path(), 5'000);
  EXPECT_GT(accepted, 100u);
  EXPECT_LT(accepted, 4'000u);
}
