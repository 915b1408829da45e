//===- TensorFileTest.cpp - Tensors in npy and safetensors files ----------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorFile.h"

#include "OutputFile.h"

#include "gtest/gtest.h"

#include <cstring>
#include <dirent.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace quench::rt;

namespace {
/// A folder that goes when the test ends.
class Files : public testing::Test {
protected:
  Files() {
    char name[] = "/tmp/quench-files-XXXXXX";
    folder = mkdtemp(name);
  }
  ~Files() override {
    for (const std::string &name : list())
      unlink(path(name).c_str());
    rmdir(folder.c_str());
  }

  std::string path(const std::string &name) { return folder + "/" + name; }

  std::vector<std::string> list() {
    std::vector<std::string> names;
    DIR *dir = opendir(folder.c_str());
    while (dirent *entry = readdir(dir))
      if (entry->d_name[0] != '.')
        names.push_back(entry->d_name);
    closedir(dir);
    return names;
  }

  std::string folder;
};
} // namespace

/// A safetensors file of a header, padded or not, and data.
static std::string safetensors(const std::string &header, size_t dataBytes) {
  uint64_t size = header.size();
  std::string bytes(reinterpret_cast<char *>(&size), sizeof(size));
  return bytes + header + std::string(dataBytes, '\1');
}

static std::string errorOf(const std::string &header, size_t dataBytes) {
  return parseSafetensors(safetensors(header, dataBytes)).status().message();
}

TEST(Safetensors, ReadsTensors) {
  std::string bytes = safetensors(
      R"({"__metadata__":{"format":"pt"},
          "b":{"dtype":"F32","shape":[2,1],"data_offsets":[16,24]},
          "a":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},
          "e":{"dtype":"F16","shape":[0,7],"data_offsets":[16,16]},
          "s":{"dtype":"BOOL","shape":[],"data_offsets":[24,25]},
          "q":{"dtype":"F4","shape":[3,2],"data_offsets":[25,28]},
          "f":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[28,29]}}   )",
      29);
  auto tensors = parseSafetensors(bytes);
  ASSERT_TRUE(tensors.ok()) << tensors.status().message();
  ASSERT_EQ(tensors->size(), 6u);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_EQ((*tensors)[1].name, "e");
  EXPECT_EQ((*tensors)[2].name, "b");
  EXPECT_EQ((*tensors)[2].shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ((*tensors)[2].dtype, QRT_F32);
  EXPECT_EQ((*tensors)[2].bytes.size(), 8u);
  EXPECT_EQ((*tensors)[5].type, "F8_E4M3");
  EXPECT_FALSE((*tensors)[5].dtype);
}

TEST(Safetensors, RefusesMalformedFiles) {
  auto parse = [](const std::string &bytes) {
    return parseSafetensors(bytes).status().message();
  };
  const std::string unsound = "is not a sound safetensors file: ";
  EXPECT_EQ(parse(""), unsound + "0 bytes are too few for a header");
  EXPECT_EQ(parse("1234567"), unsound + "7 bytes are too few for a header");
  EXPECT_EQ(parse(std::string(8, '\0')),
            unsound + "the header does not begin with '{'");
  EXPECT_EQ(parse(std::string(8, '\xff')),
            unsound + "a header of 18446744073709551615 bytes is above the "
                      "limit of 100000000");
  EXPECT_EQ(parse(std::string("\0\0\0\0\1\0\0\0{", 9)),
            unsound + "a header of 4294967296 bytes is above the limit of "
                      "100000000");
  EXPECT_EQ(parse(std::string("\7\0\0\0\0\0\0\0{}", 10)),
            unsound + "a header of 7 bytes, but only 2 bytes follow");
  EXPECT_EQ(errorOf(" {}", 0), unsound + "the header does not begin with '{'");
  EXPECT_EQ(errorOf("{", 0), unsound + "header: not valid JSON at byte 2");
  EXPECT_EQ(errorOf(R"({"a":1,"a":2})", 0),
            unsound + "header: duplicate key 'a'");
  EXPECT_EQ(errorOf("{\"a\":" + std::string(100000, '['), 0),
            unsound + "header: nested deeper than 32");
  EXPECT_EQ(errorOf(R"({"__metadata__":{"a":1}})", 0),
            unsound + "__metadata__ is not a map of strings");
  EXPECT_EQ(errorOf("{}", 3), unsound + "3 bytes after the last tensor");
}

TEST(Safetensors, RefusesMalformedTensors) {
  auto tensor = [](const std::string &fields, size_t dataBytes) {
    return errorOf("{\"a\":" + fields + "}", dataBytes);
  };
  const std::string unsound = "is not a sound safetensors file: tensor 'a' ";
  EXPECT_EQ(tensor("1", 0), unsound + "is not an object");
  EXPECT_EQ(tensor("{}", 0), unsound + "has no dtype");
  EXPECT_EQ(tensor(R"({"dtype":"I32","x":1})", 0),
            unsound + "has the field 'x', which the format does not know");
  EXPECT_EQ(tensor(R"({"dtype":"I33","shape":[],"data_offsets":[0,4]})", 4),
            unsound + "has the unknown type 'I33'");
  EXPECT_EQ(tensor(R"({"dtype":"I32","shape":[-1],"data_offsets":[0,4]})", 4),
            unsound + "has no shape of extents 0 or more");
  EXPECT_EQ(tensor(R"({"dtype":"I32","shape":[1.5],"data_offsets":[0,4]})", 4),
            unsound + "has no shape of extents 0 or more");
  EXPECT_EQ(tensor(R"({"dtype":"I32","shape":[99999999999999999999],
                       "data_offsets":[0,4]})",
                   4),
            unsound + "has no shape of extents 0 or more");
  EXPECT_EQ(tensor(R"({"dtype":"I32","shape":[4294967296,4294967296],
                       "data_offsets":[0,0]})",
                   0),
            unsound + "has the shape [4294967296, 4294967296], larger than any "
                      "memory");
  EXPECT_EQ(tensor(R"({"dtype":"I32","shape":[0,4294967296,4294967296],
                       "data_offsets":[0,0]})",
                   0),
            unsound + "has the shape [0, 4294967296, 4294967296], larger than "
                      "any memory");
  EXPECT_EQ(tensor(R"({"dtype":"F64","shape":[1152921504606846975],
                       "data_offsets":[0,8]})",
                   8),
            unsound + "has 8 bytes, but F64 [1152921504606846975] takes "
                      "9223372036854775800");
  EXPECT_EQ(tensor(R"({"dtype":"I32","shape":[1],"data_offsets":[0,5]})", 4),
            unsound + "lies at [0, 5) of 4 bytes of data");
  EXPECT_EQ(tensor(R"({"dtype":"I32","shape":[1],"data_offsets":[4,0]})", 4),
            unsound + "lies at [4, 0) of 4 bytes of data");
  EXPECT_EQ(tensor(R"({"dtype":"I32","shape":[1],"data_offsets":[0]})", 4),
            unsound + "has no two data_offsets of 0 or more");
  EXPECT_EQ(tensor(R"({"dtype":"I32","shape":[2],"data_offsets":[0,4]})", 4),
            unsound + "has 4 bytes, but I32 [2] takes 8");
  EXPECT_EQ(tensor(R"({"dtype":"F4","shape":[3],"data_offsets":[0,2]})", 2),
            unsound + "is F4 [3], which ends within a byte");
  EXPECT_EQ(tensor(R"({"dtype":"I8","shape":[1],"data_offsets":[1,2]})", 2),
            unsound + "leaves a hole before it");
  EXPECT_EQ(errorOf(R"({"b":{"dtype":"I16","shape":[1],"data_offsets":[0,2]},
                        "a":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}})",
                    3),
            unsound + "overlaps the one before it");
}

/// An npy file of version 1.
static std::string npy(const std::string &header, size_t dataBytes) {
  auto size = static_cast<uint16_t>(header.size());
  std::string bytes("\x93NUMPY\1\0", 8);
  bytes.append(reinterpret_cast<char *>(&size), 2);
  return bytes + header + std::string(dataBytes, '\1');
}

TEST(Npy, ReadsTensors) {
  std::string bytes = npy(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }    \n", 24);
  auto tensor = parseNpy(bytes);
  ASSERT_TRUE(tensor.ok()) << tensor.status().message();
  EXPECT_EQ(tensor->dtype, QRT_F32);
  EXPECT_EQ(tensor->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tensor->bytes.size(), 24u);

  std::string odd =
      npy("{\"shape\":(5,),\"fortran_order\":True,\"descr\":\"|i1\"}", 5);
  tensor = parseNpy(odd);
  ASSERT_TRUE(tensor.ok()) << tensor.status().message();
  EXPECT_EQ(tensor->shape, (std::vector<int64_t>{5}));

  std::string scalar =
      npy("{'descr': '<i8', 'fortran_order': False, 'shape': ()}\n", 8);
  tensor = parseNpy(scalar);
  ASSERT_TRUE(tensor.ok()) << tensor.status().message();
  EXPECT_TRUE(tensor->shape.empty());
}

TEST(Npy, RefusesMalformedFiles) {
  auto error = [](const std::string &bytes) {
    return parseNpy(bytes).status().message();
  };
  const std::string unsound = "is not a sound npy file: ";
  EXPECT_EQ(error("\x93NUMPY"), unsound + "it ends in the header");
  EXPECT_EQ(error(std::string("\x93NUMPY\7\0\0\0\0\0", 12)),
            unsound + "version 7, expected 1 to 3");
  EXPECT_EQ(error(std::string("\x93NUMPY\2\0\xff\xff\xff\xff", 12)),
            unsound + "a header of 4294967295 bytes, but only 0 bytes follow");
  EXPECT_EQ(error(npy("", 9)), unsound + "the header is not a dictionary");
  EXPECT_EQ(error(npy("{'descr'", 9)),
            unsound + "the header is not a dictionary");
  EXPECT_EQ(error(npy("{'descr': '<f4'", 9)),
            unsound + "the header is not a dictionary");
  EXPECT_EQ(error(npy("{'descr': '<f4'} x", 9)),
            unsound + "text after the header's dictionary");
  EXPECT_EQ(error(npy("{'descr': '<f4'}", 9)),
            unsound + "the header lacks descr, fortran_order or shape");
  EXPECT_EQ(error(npy("{'color': 'red'}", 9)),
            unsound + "cannot read 'color' in the header");
  auto shape = [&](const char *text) {
    return error(npy("{'descr': '<f4', 'fortran_order': False, 'shape': " +
                         std::string(text) + "}",
                     9));
  };
  EXPECT_EQ(shape("(-1,)"), unsound + "cannot read 'shape' in the header");
  EXPECT_EQ(shape("(99999999999999999999,)"),
            unsound + "cannot read 'shape' in the header");
  EXPECT_EQ(shape("(4294967296, 4294967296)"),
            unsound +
                "a shape of [4294967296, 4294967296], larger than any memory");
  EXPECT_EQ(shape("(2,)"), unsound + "9 bytes of data, but '<f4' [2] takes 8");
  EXPECT_EQ(
      error(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8)),
      "holds elements of NumPy's type '|O', which no model takes");
  EXPECT_EQ(
      error(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", 4)),
      "holds elements of NumPy's type '>f4', which no model takes");
  EXPECT_EQ(
      error(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,1)}", 4)),
      "is in Fortran order; save numpy.ascontiguousarray() of it");
}

TEST_F(Files, TellsConfusedKindsApart) {
  auto error = [&](const std::string &bytes) {
    std::ofstream(path("x"), std::ios::binary) << bytes;
    return TensorFile::open(path("x")).status().message();
  };
  EXPECT_EQ(error("PK\3\4 and more"),
            "'" + path("x") +
                "' is a zip archive, such as .npz or a PyTorch pickle; save "
                "the tensors as safetensors or .npy");
  EXPECT_EQ(error("\x80\2 and more"),
            "'" + path("x") +
                "' is a Python pickle, which may run code when it is read; "
                "save the tensors as safetensors or .npy");
  // A header of 640 bytes begins with those of a pickle, too.
  std::string header = "{" + std::string(638, ' ') + "}";
  EXPECT_EQ(error(std::string("\x80\2\0\0\0\0\0\0", 8) + header), "");
  EXPECT_EQ(error("garbage!garbage!"),
            "'" + path("x") +
                "' is not a sound safetensors file: a header of "
                "2406443243860549991 bytes is above the limit of 100000000");
  EXPECT_EQ(TensorFile::open(path("none")).status().message(),
            "cannot open '" + path("none") + "': No such file or directory");
  EXPECT_EQ(TensorFile::open(folder).status().message(),
            "'" + folder + "' is not a regular file");
}

TEST_F(Files, ReadsWhatItWrites) {
  int64_t shapeA[] = {2, 3}, shapeB[] = {3};
  float a[] = {1, 2, 3, 4, 5, 6};
  int64_t b[] = {7, 8, 9};
  qrt_tensor tensors[] = {{"a", QRT_F32, 2, shapeA, a},
                          {"b \"quoted\"", QRT_I64, 1, shapeB, b},
                          {"scalar", QRT_F32, 0, nullptr, a}};
  for (bool isNpy : {false, true}) {
    auto file = OutputFile::create(path("x"), true);
    ASSERT_TRUE(file.ok()) << file.status().message();
    absl::Span<const qrt_tensor> written(tensors, isNpy ? 1 : 3);
    Status status = writeTensors(*file, written, isNpy);
    ASSERT_TRUE(status.ok()) << status.message();

    auto read = TensorFile::open(path("x"));
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(read->isNpy(), isNpy);
    for (const qrt_tensor &tensor : written) {
      auto found = read->find(isNpy ? "" : tensor.name);
      ASSERT_TRUE(found.ok()) << found.status().message();
      EXPECT_EQ((*found)->dtype, tensor.dtype);
      EXPECT_EQ(static_cast<int>((*found)->shape.size()), tensor.rank);
      ASSERT_EQ((*found)->bytes.size(), size_t(numBytes(tensor)));
      EXPECT_EQ(
          std::memcmp((*found)->bytes.data(), tensor.data, numBytes(tensor)),
          0);
    }
    EXPECT_EQ(read->find("c").status().message(),
              isNpy ? "'" + path("x") +
                          "' is an npy file and holds one tensor without a "
                          "name, not 'c'"
                    : "'" + path("x") +
                          "' holds no tensor 'c'; it holds b \"quoted\", a, "
                          "scalar");
  }
  EXPECT_EQ(list(), std::vector<std::string>{"x"});

  qrt_tensor brain = {"brain", QRT_BF16, 1, shapeB, b};
  EXPECT_EQ(npyHeader(brain).status().message(),
            "'brain' is BF16, which npy files do not have; write a "
            ".safetensors file");
}

TEST_F(Files, LeavesNothingBehindThatIsNotWhole) {
  {
    auto file = OutputFile::create(path("x"), false);
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(file->write("half").ok());
  }
  EXPECT_TRUE(list().empty());

  std::ofstream(path("x")) << "old";
  EXPECT_EQ(OutputFile::create(path("x"), false).status().message(),
            "'" + path("x") + "' exists; --force replaces it");
  EXPECT_EQ(OutputFile::create(folder, true).status().message(),
            "cannot write '" + folder + "': it is a folder");
  EXPECT_EQ(OutputFile::create(path("none/x"), true).status().message(),
            "cannot write '" + path("none/x") + "': No such file or directory");

  auto full = OutputFile::create("/dev/full", false);
  ASSERT_TRUE(full.ok()) << full.status().message();
  EXPECT_EQ(full->write("text").message(),
            "cannot write '/dev/full': No space left on device");
}

TEST_F(Files, ReplacesWhatALinkPointsTo) {
  std::ofstream(path("target")) << "old";
  ASSERT_EQ(symlink("target", path("link").c_str()), 0);
  auto file = OutputFile::create(path("link"), true);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->write("new").ok());
  ASSERT_TRUE(file->commit().ok());
  struct stat status;
  lstat(path("link").c_str(), &status);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
  std::string text;
  std::ifstream(path("target")) >> text;
  EXPECT_EQ(text, "new");
}
