//===- SafeTensorsWriterTest.cpp - Writing safetensors --------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/SafeTensorsWriter.h"
#include "Quench/Support/Archive.h"
#include "TestArchives.h"

#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace quench;
using namespace quench::test;

using Entries = std::vector<SafeTensorsWriter::Entry>;

TEST(SafeTensorsWriter, WritesWhatArchiveReads) {
  TempFolder folder;
  std::string path = folder.path("a.safetensors");
  Entries entries = {{"a\"\n", DType::F32, {2, 2}},
                     {"empty", DType::BF16, {0}},
                     {"b", DType::U8, {}}};
  auto writer = cantFail(
      SafeTensorsWriter::create(path, entries, {{"format", "pt"}}, false));
  EXPECT_EQ(writer->remaining(), 17u);
  EXPECT_FALSE(writer->append(ArrayRef("0123456", 7)));
  MutableArrayRef<char> rest = cantFail(writer->map(10));
  memcpy(rest.data(), "789abcdefg", 10);
  EXPECT_FALSE(sys::fs::exists(path));
  EXPECT_FALSE(writer->finish());

  auto archive = cantFail(Archive::open(path));
  ASSERT_EQ(archive->tensors().size(), 3u);
  const Archive::Tensor *a = archive->find("a\"\n");
  ASSERT_TRUE(a);
  EXPECT_EQ(StringRef(a->bytes.data(), 16), "0123456789abcdef");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a->bytes.data()) % 64, 0u);
  EXPECT_EQ(archive->find("b")->bytes[0], 'g');
  EXPECT_EQ(archive->metadata().lookup("format"), "pt");
}

TEST(SafeTensorsWriter, WritesTheSameBytesAgain) {
  TempFolder folder;
  for (StringRef name : {"a", "b"}) {
    auto writer = cantFail(SafeTensorsWriter::create(
        folder.path(name), Entries{{"w", DType::I64, {1}}},
        {{"y", "1"}, {"x", "2"}}, false));
    EXPECT_FALSE(writer->append(ArrayRef("01234567", 8)));
    EXPECT_FALSE(writer->finish());
  }
  auto a = cantFail(errorOrToExpected(MemoryBuffer::getFile(folder.path("a"))));
  auto b = cantFail(errorOrToExpected(MemoryBuffer::getFile(folder.path("b"))));
  EXPECT_EQ(a->getBuffer(), b->getBuffer());
  EXPECT_TRUE(a->getBuffer().substr(8).starts_with(
      R"({"__metadata__":{"x":"2","y":"1"},)"
      R"("w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}} )"));
}

TEST(SafeTensorsWriter, SortsForAlignment) {
  Entries entries = {{"odd", DType::U8, {3}},
                     {"a", DType::F32, {16}},
                     {"half", DType::F16, {16}},
                     {"b", DType::F32, {32}},
                     {"empty", DType::F32, {0}}};
  SafeTensorsWriter::sortForAlignment(entries);
  std::string order;
  for (const SafeTensorsWriter::Entry &entry : entries)
    order += entry.name + " ";
  EXPECT_EQ(order, "a b empty half odd ");
}

TEST(SafeTensorsWriter, RefusesWrongEntries) {
  TempFolder folder;
  std::string path = folder.path("a");
  auto refuse = [&](const Entries &entries,
                    const std::map<std::string, std::string> &metadata = {}) {
    auto writer = SafeTensorsWriter::create(path, entries, metadata, false);
    if (writer)
      return std::string("was accepted");
    return StringRef(toString(writer.takeError())).split("': ").second.str();
  };
  EXPECT_EQ(refuse({{"w", DType::U8, {}}, {"w", DType::U8, {}}}),
            "tensor name 'w' is taken");
  EXPECT_EQ(refuse({{"__metadata__", DType::U8, {}}}),
            "tensor name '__metadata__' is taken");
  EXPECT_EQ(refuse({{"\xff", DType::U8, {}}}),
            "tensor name '\xef\xbf\xbd' is no UTF-8");
  EXPECT_EQ(refuse({}, {{"a", "\xff"}}), "metadata 'a' is no UTF-8");
  for (SmallVector<int64_t> shape :
       {SmallVector<int64_t>{-1}, SmallVector<int64_t>{INT64_MAX, INT64_MAX}})
    EXPECT_EQ(refuse({{"w", DType::F32, shape}}),
              "tensor 'w' has no size that a file can hold");
  EXPECT_EQ(refuse({{"w", DType::F4, {3}}}),
            "tensor 'w' has no size that a file can hold");
  EXPECT_FALSE(sys::fs::exists(path));
}

TEST(SafeTensorsWriter, CountsBytes) {
  TempFolder folder;
  std::string path = folder.path("a");
  auto writer = cantFail(SafeTensorsWriter::create(
      path, Entries{{"w", DType::U8, {4}}}, {}, false));
  EXPECT_FALSE(writer->append(ArrayRef("01", 2)));
  EXPECT_EQ(toString(writer->append(ArrayRef("234", 3))),
            "'" + path +
                "': 3 bytes of data were given, but only 2 are left "
                "to fill");
  EXPECT_EQ(toString(writer->finish()),
            "'" + path + "': 2 bytes of data are missing");
}

TEST(SafeTensorsWriter, ReportsAFullDisk) {
  auto writer = cantFail(SafeTensorsWriter::create(
      "/dev/full", Entries{{"w", DType::U8, {1 << 20}}}, {}, false));
  std::vector<char> bytes(1 << 20);
  EXPECT_EQ(toString(writer->append(bytes)),
            "cannot write '/dev/full': no space left on device");
}
