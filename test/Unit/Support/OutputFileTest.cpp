//===- OutputFileTest.cpp - Tests of OutputFile ---------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/OutputFile.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"

#include <filesystem>

using namespace quench;

namespace {

class OutputFileTest : public ::testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("quench", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string inFolder(llvm::StringRef name) const {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    return path.str().str();
  }
  size_t numFiles() const {
    return std::distance(
        std::filesystem::directory_iterator(folder.str().str()), {});
  }
  static std::string contents(llvm::StringRef path) {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : "<none>";
  }

  llvm::SmallString<128> folder;
};

TEST_F(OutputFileTest, IsThereOnceCommitted) {
  std::string path = inFolder("a");
  auto file = llvm::cantFail(OutputFile::create(path, /*force=*/false));
  file->os() << "text";
  EXPECT_FALSE(llvm::sys::fs::exists(path));
  ASSERT_FALSE(llvm::errorToBool(file->commit()));
  EXPECT_EQ(contents(path), "text");
  EXPECT_EQ(numFiles(), 1u);
}

TEST_F(OutputFileTest, LeavesNothingWhenDropped) {
  {
    auto file =
        llvm::cantFail(OutputFile::create(inFolder("a"), /*force=*/false));
    file->os() << "text";
  }
  EXPECT_EQ(numFiles(), 0u);
}

TEST_F(OutputFileTest, ReplacesOnlyByForce) {
  std::string path = inFolder("a");
  for (llvm::StringRef text : {"old", "new"}) {
    auto file = llvm::cantFail(OutputFile::create(path, /*force=*/true));
    file->os() << text;
    EXPECT_FALSE(llvm::errorToBool(file->commit()));
  }
  EXPECT_EQ(contents(path), "new");
  EXPECT_EQ(llvm::toString(OutputFile::create(path, false).takeError()),
            "'" + path + "' exists already; replace it with --force");
}

TEST_F(OutputFileTest, WritesThroughALink) {
  std::string link = inFolder("link");
  {
    std::error_code ec;
    llvm::raw_fd_ostream(inFolder("target"), ec) << "old";
  }
  std::filesystem::create_symlink("target", link);
  auto file = llvm::cantFail(OutputFile::create(link, /*force=*/true));
  file->os() << "new";
  ASSERT_FALSE(llvm::errorToBool(file->commit()));
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(contents(inFolder("target")), "new");
}

TEST_F(OutputFileTest, SaysWhatIsWrong) {
  EXPECT_EQ(llvm::toString(OutputFile::create(folder, true).takeError()),
            ("cannot write '" + folder + "': it is a folder").str());
  EXPECT_EQ(
      llvm::toString(OutputFile::create(inFolder("no/a"), true).takeError()),
      "cannot write '" + inFolder("no/a") + "': no such file or directory");
}

TEST_F(OutputFileTest, NoticesAFullDisk) {
  auto file = llvm::cantFail(OutputFile::create("/dev/full", false));
  file->os() << "text";
  EXPECT_EQ(llvm::toString(file->commit()),
            "cannot write '/dev/full': no space left on device");
  EXPECT_TRUE(llvm::sys::fs::exists("/dev/full"));
}

} // namespace
