//===- ArchiveTest.cpp - Reading safetensors ------------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/Archive.h"
#include "TestArchives.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"
#include <chrono>

using namespace llvm;
using namespace quench;
using namespace quench::test;

/// Opens an archive that is expected to be refused; returns the error without
/// the path.
static std::string refuse(StringRef path) {
  Expected<std::unique_ptr<Archive>> archive = Archive::open(path);
  if (archive)
    return "was accepted";
  std::string text = toString(archive.takeError());
  EXPECT_EQ(StringRef(text).find('\n'), StringRef::npos) << text;
  EXPECT_TRUE(StringRef(text).starts_with("'")) << text;
  return StringRef(text).split("': ").second.str();
}

static std::string refuseBytes(StringRef bytes) {
  TempFolder folder;
  return refuse(folder.write("a.safetensors", bytes));
}

static std::string refuseHeader(StringRef header, StringRef data = "") {
  return refuseBytes(makeArchive(header, data));
}

/// A header with one F32 tensor `w` of that shape and those offsets.
static std::string headerOf(StringRef shape, StringRef offsets,
                            StringRef dtype = "F32") {
  return (R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape +
          R"(,"data_offsets":)" + offsets + "}}")
      .str();
}

TEST(Archive, ReadsTensors) {
  TempFolder folder;
  std::string path = folder.write(
      "a.safetensors",
      makeArchive(
          R"({"b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]},)"
          R"("__metadata__":{"format":"pt"},)"
          R"("a\u002ex":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
          R"("empty":{"dtype":"I64","shape":[0,7],"data_offsets":[11,11]},)"
          R"("scalar":{"dtype":"BF16","shape":[],"data_offsets":[11,13]}}   )",
          "01234567abcXY"));
  Expected<std::unique_ptr<Archive>> archive = Archive::open(path);
  ASSERT_TRUE(static_cast<bool>(archive)) << toString(archive.takeError());
  ASSERT_EQ((*archive)->tensors().size(), 4u);
  EXPECT_EQ((*archive)->tensors()[0].name, "a.x");
  const Archive::Tensor *b = (*archive)->find("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->dtype, DType::U8);
  EXPECT_EQ(b->shape, ArrayRef<int64_t>({3}));
  EXPECT_EQ(StringRef(b->bytes.data(), b->bytes.size()), "abc");
  EXPECT_TRUE((*archive)->find("empty")->bytes.empty());
  EXPECT_TRUE((*archive)->find("scalar")->shape.empty());
  EXPECT_FALSE((*archive)->find("c"));
  EXPECT_EQ((*archive)->metadata().lookup("format"), "pt");
  EXPECT_EQ((*archive)->path(), path);
  EXPECT_EQ((*archive)->hash().size(), 32u);
  (*archive)->release(b->bytes);
  EXPECT_EQ(b->bytes[0], 'a');
}

TEST(Archive, SuggestsSimilarNames) {
  TempFolder folder;
  std::string path = folder.write(
      "a.safetensors",
      makeArchive(
          R"({"model.norm.weight":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
          R"("model.head":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
          ""));
  Expected<std::unique_ptr<Archive>> archive = Archive::open(path);
  ASSERT_TRUE(static_cast<bool>(archive)) << toString(archive.takeError());
  EXPECT_EQ((*archive)->findSimilar("norm.weight"),
            SmallVector<StringRef>{"model.norm.weight"});
  EXPECT_EQ((*archive)->findSimilar("model.norm.weigth"),
            SmallVector<StringRef>{"model.norm.weight"});
  EXPECT_TRUE((*archive)->findSimilar("x").empty());
}

TEST(Archive, RefusesFilesThatAreNoSafetensors) {
  TempFolder folder;
  EXPECT_EQ(refuse(folder.path("missing.safetensors")),
            "no such file or directory");
  EXPECT_EQ(refuse("/dev/null"), "expected a regular file");
  EXPECT_EQ(refuseBytes(""),
            "found 0 bytes, expected a safetensors file of at least 8");
  EXPECT_EQ(refuseBytes("abc"),
            "found 3 bytes, expected a safetensors file of at least 8");
  EXPECT_TRUE(StringRef(refuseBytes("PK\x03\x04 and the rest of a zip"))
                  .starts_with("found a zip archive or a pickle file, which is "
                               "never read because it can run code"));
  EXPECT_TRUE(
      StringRef(refuseBytes("\x80\x02}q\x01X and so on"))
          .starts_with("found a pickle file, which is never read because"));
  EXPECT_EQ(refuseBytes(StringRef("GGUF\3\0\0\0\0\0\0\0", 12)),
            "found a GGUF file; expected a safetensors file");
  EXPECT_EQ(refuseBytes("version https://git-lfs.github.com/spec/v1\n"),
            "found a Git LFS pointer instead of the file; fetch it with 'git "
            "lfs pull'; expected a safetensors file");
}

TEST(Archive, RefusesWrongHeaderLengths) {
  EXPECT_EQ(refuseBytes(StringRef("\0\0\0\0\1\0\0\0{}", 10)),
            "header length 4294967296 exceeds the 100000000 bytes that "
            "safetensors allows");
  EXPECT_EQ(refuseBytes("\xff\xff\xff\xff\xff\xff\xff\xff{}"),
            "header length 18446744073709551615 exceeds the 100000000 bytes "
            "that safetensors allows");
  EXPECT_EQ(refuseBytes(StringRef("\3\0\0\0\0\0\0\0{}", 10)),
            "header length 3 exceeds the 2 bytes that follow it: the file is "
            "truncated or no safetensors file");
  EXPECT_EQ(refuseHeader(""), "expected the header to begin with '{'");
  EXPECT_EQ(refuseHeader(" {}"), "expected the header to begin with '{'");
}

TEST(Archive, RefusesMalformedJson) {
  for (StringRef text : {"{", "{\"", "{\"a", "{\"a\":", "{]", "{}{}", "{\"\\",
                         "{\"\xff\":1}", "{\"\\q\":1}", "{a:1}", "{}\\"}) {
    std::string error = refuseHeader(text);
    EXPECT_TRUE(StringRef(error).starts_with("malformed header: "))
        << text.str() << ": " << error;
  }
  EXPECT_EQ(refuseHeader("{\"a\":" + std::string(1'000'000, '[')),
            "malformed header: JSON nests deeper than 128 levels");
  std::string objects;
  for (int i = 0; i < 100'000; ++i)
    objects += "{\"a\":";
  EXPECT_EQ(refuseHeader(objects),
            "malformed header: JSON nests deeper than 128 levels");
}

TEST(Archive, RefusesDuplicateKeys) {
  std::string w = R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_EQ(refuseHeader("{" + w + "," + w + "}", "x"),
            "malformed header: duplicate key 'w'");
  EXPECT_EQ(refuseHeader("{" + w +
                             R"(,"\u0077":{"dtype":"U8","shape":[],)"
                             R"("data_offsets":[1,2]}})",
                         "xy"),
            "malformed header: duplicate key 'w'");
  EXPECT_EQ(
      refuseHeader(
          R"({"w":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})",
          "x"),
      "malformed header: duplicate key 'dtype'");
  EXPECT_EQ(refuseHeader(R"({"__metadata__":{"a":"1","a":"2"}})"),
            "malformed header: duplicate key 'a'");
}

TEST(Archive, RefusesWrongFields) {
  EXPECT_EQ(refuseHeader(R"({"w":3})"),
            "tensor 'w': expected an object with 'dtype', 'shape' and "
            "'data_offsets'");
  EXPECT_EQ(refuseHeader(R"({"w":{}})"),
            "tensor 'w': expected a string as 'dtype'");
  EXPECT_EQ(refuseHeader(headerOf("[1]", "[0,1]", "F31"), "x"),
            "tensor 'w': unknown dtype 'F31'");
  EXPECT_EQ(refuseHeader(headerOf("4", "[0,4]"), "0123"),
            "tensor 'w': expected an array as 'shape'");
  for (StringRef size : {"-1", "1.5", "\"1\"", "null", "9223372036854775808"})
    EXPECT_EQ(
        refuseHeader(headerOf(("[" + size + "]").str(), "[0,4]"), "0123"),
        ("tensor 'w': expected sizes from 0 to 2^63-1 in 'shape', found " +
         (size.starts_with("922") ? "9223372036854775808" : size))
            .str());
  for (StringRef offsets : {"[0]", "[0,4,8]", "4", "{}"})
    EXPECT_EQ(refuseHeader(headerOf("[1]", offsets), "0123"),
              "tensor 'w': expected two numbers as 'data_offsets'");
  for (StringRef offsets : {"[-1,4]", "[0,4.5]", "[0,\"4\"]", "[0,null]",
                            "[0,18446744073709551616]"})
    EXPECT_EQ(refuseHeader(headerOf("[1]", offsets), "0123"),
              "tensor 'w': expected two numbers from 0 to 2^64-1 as "
              "'data_offsets'");
  EXPECT_EQ(refuseHeader(R"({"__metadata__":[]})"),
            "expected an object as '__metadata__'");
  EXPECT_EQ(refuseHeader(R"({"__metadata__":{"a":1}})"),
            "expected strings in '__metadata__', found another value under "
            "'a'");
}

TEST(Archive, RefusesWrongOffsets) {
  EXPECT_EQ(refuseHeader(headerOf("[1]", "[4,0]"), "0123"),
            "tensor 'w': data offsets [4, 0) end before they begin");
  EXPECT_EQ(refuseHeader(headerOf("[1]", "[0,4]"), "012"),
            "tensor 'w': data offsets [0, 4) exceed the 3 bytes of data in the "
            "file");
  EXPECT_EQ(refuseHeader(headerOf("[1]", "[0,18446744073709551615]"), "0123"),
            "tensor 'w': data offsets [0, 18446744073709551615) exceed the 4 "
            "bytes of data in the file");
  EXPECT_EQ(refuseHeader(headerOf("[2,1]", "[0,4]"), "0123"),
            "tensor 'w': data offsets hold 4 bytes, but F32 of shape [2, 1] "
            "needs 8");
  EXPECT_EQ(refuseHeader(headerOf("[3]", "[0,1]", "F4"), "0"),
            "tensor 'w': 12 bits of F4 do not fill whole bytes");
  EXPECT_EQ(refuseHeader(headerOf("[4294967296,4294967296]", "[0,4]"), "0123"),
            "tensor 'w': the size of 'shape' overflows 64 bits");
  EXPECT_EQ(
      refuseHeader(headerOf("[9223372036854775807,2]", "[0,4]", "U8"), "0123"),
      "tensor 'w': the size of 'shape' overflows 64 bits");
  EXPECT_EQ(refuseHeader(headerOf("[1]", "[4,8]"), "01234567"),
            "hole in the data: bytes [0, 4) before tensor 'w' belong to no "
            "tensor");
  EXPECT_EQ(refuseHeader(headerOf("[1]", "[0,4]"), "01234567"),
            "the tensors end at offset 4, but the file holds 8 bytes of data");
  EXPECT_EQ(refuseHeader("{}", "01234567"),
            "the tensors end at offset 0, but the file holds 8 bytes of data");
  EXPECT_EQ(
      refuseHeader(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                   R"("b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})",
                   "0123456"),
      "tensors 'a' and 'b' overlap: the first ends at offset 4, the second "
      "begins at 3");
}

namespace {
/// Two shards of one tensor each and an index.
class Shards : public testing::Test {
protected:
  void SetUp() override {
    folder.write("m-1.safetensors", shard("a", "0123"));
    folder.write("m-2.safetensors", shard("b", "4567"));
  }
  static std::string shard(StringRef name, StringRef data) {
    return makeArchive(
        ("{\"" + name +
         R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})")
            .str(),
        data);
  }
  std::string index(StringRef map) {
    return folder.write(
        "model.safetensors.index.json",
        (R"({"metadata":{"total_size":8},"weight_map":)" + map + "}").str());
  }
  TempFolder folder;
};
} // namespace

TEST_F(Shards, AreOneArchive) {
  std::string path = index(R"({"b":"m-2.safetensors","a":"m-1.safetensors"})");
  for (const std::string &given : {path, folder.path()}) {
    Expected<std::unique_ptr<Archive>> archive = Archive::open(given);
    ASSERT_TRUE(static_cast<bool>(archive)) << toString(archive.takeError());
    EXPECT_EQ((*archive)->path(), path);
    ASSERT_EQ((*archive)->tensors().size(), 2u);
    EXPECT_EQ((*archive)->find("a")->bytes[0], '0');
    EXPECT_EQ((*archive)->find("b")->bytes[0], '4');
    EXPECT_EQ((*archive)->hash().size(), 32u);
  }
}

TEST_F(Shards, RefusesWrongIndices) {
  EXPECT_EQ(refuse(index("[]")),
            "expected an object 'weight_map' from tensor to shard");
  EXPECT_EQ(refuse(index(R"({"a":1})")),
            "expected the file name of a shard for tensor 'a'");
  EXPECT_EQ(refuse(index(R"({"a":"m-3.safetensors"})")),
            "shard 'm-3.safetensors' is missing");
  EXPECT_EQ(refuse(index(R"({"a":"m-1.safetensors","c":"m-2.safetensors"})")),
            "shard 'm-2.safetensors' lacks tensor 'c', which the index places "
            "in it");
  EXPECT_EQ(refuse(index(R"({"a":"m-1.safetensors","a":"m-2.safetensors"})")),
            "duplicate key 'a'");
  for (StringRef shard : {"../m-1.safetensors", "/m-1.safetensors",
                          "x/../../m-1.safetensors", ""})
    EXPECT_EQ(refuse(index(("{\"a\":\"" + shard + "\"}").str())),
              ("tensor 'a' is in shard '" + shard +
               "', expected a file below the folder of the index")
                  .str());
  folder.write("m-1.safetensors", "short");
  EXPECT_EQ(refuse(index(R"({"a":"m-1.safetensors"})")),
            "found 5 bytes, expected a safetensors file of at least 8");
}

TEST(Archive, ChoosesFileInFolder) {
  TempFolder folder;
  EXPECT_EQ(refuse(folder.path()),
            "found no '*.safetensors' and no '*.safetensors.index.json'");
  folder.write("pytorch_model.bin", "PK");
  EXPECT_TRUE(
      StringRef(refuse(folder.path()))
          .starts_with("expected safetensors, found only 'pytorch_model.bin', "
                       "a pickle file"));
  folder.write("x.safetensors", makeArchive("{}", ""));
  Expected<std::unique_ptr<Archive>> only = Archive::open(folder.path());
  ASSERT_TRUE(static_cast<bool>(only)) << toString(only.takeError());
  EXPECT_EQ((*only)->path(), folder.path("x.safetensors"));
  folder.write("y.safetensors", makeArchive("{}", ""));
  EXPECT_EQ(refuse(folder.path()),
            "found 2 safetensors archives, expected one or "
            "'model.safetensors'; name the file");
  folder.write("model.safetensors", makeArchive("{}", ""));
  Expected<std::unique_ptr<Archive>> usual = Archive::open(folder.path());
  ASSERT_TRUE(static_cast<bool>(usual)) << toString(usual.takeError());
  EXPECT_EQ((*usual)->path(), folder.path("model.safetensors"));
}

TEST(Archive, OpensHugeFilesWithoutReadingThem) {
  TempFolder folder;
  constexpr uint64_t tensorBytes = (uint64_t(16) << 30) / 300 / 4 * 4;
  std::string header = "{";
  for (uint64_t i = 0; i < 300; ++i)
    header += (Twine(i ? "," : "") + "\"layer." + Twine(i) +
               R"(":{"dtype":"F32","shape":[)" + Twine(tensorBytes / 4) +
               R"(],"data_offsets":[)" + Twine(i * tensorBytes) + "," +
               Twine((i + 1) * tensorBytes) + "]}")
                  .str();
  header += "}";
  std::string path = folder.write("a.safetensors", makeArchive(header, ""));
  int file;
  ASSERT_FALSE(sys::fs::openFileForReadWrite(
      path, file, sys::fs::CD_OpenExisting, sys::fs::OF_None));
  ASSERT_FALSE(
      sys::fs::resize_file(file, 8 + header.size() + 300 * tensorBytes));
  sys::fs::closeFile(file);

  auto start = std::chrono::steady_clock::now();
  Expected<std::unique_ptr<Archive>> archive = Archive::open(path);
  double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  ASSERT_TRUE(static_cast<bool>(archive)) << toString(archive.takeError());
  EXPECT_EQ((*archive)->tensors().size(), 300u);
  EXPECT_GT((*archive)->size(), uint64_t(15) << 30);
  // Milliseconds; the bound leaves room for a busy machine, none for reading.
  EXPECT_LT(seconds, 1.0);
}
