//===- OutputFileTest.cpp - Files that appear complete or not at all ------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Support/OutputFile.h"
#include "TestArchives.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"
#include <csignal>
#include <sys/resource.h>
#include <unistd.h>

using namespace llvm;
using namespace quench;
using namespace quench::test;

static std::string read(const Twine &path) {
  auto buffer = MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "(missing)";
}

/// The names in a folder.
static std::vector<std::string> list(const TempFolder &folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (sys::fs::directory_iterator it(folder.path(), code), end; it != end;
       it.increment(code))
    names.push_back(sys::path::filename(it->path()).str());
  return names;
}

static std::string refuse(StringRef path, bool force = false) {
  Expected<std::unique_ptr<OutputFile>> output =
      OutputFile::create(path, force);
  if (output)
    return "was accepted";
  return toString(output.takeError());
}

TEST(OutputFile, AppearsWhenCommitted) {
  TempFolder folder;
  auto output = cantFail(OutputFile::create(folder.path("100%.txt"), false));
  output->os() << "text";
  EXPECT_EQ(read(folder.path("100%.txt")), "(missing)");
  EXPECT_FALSE(output->commit());
  EXPECT_EQ(read(folder.path("100%.txt")), "text");
  output.reset();
  EXPECT_EQ(list(folder), std::vector<std::string>{"100%.txt"});
}

TEST(OutputFile, LeavesNothingWithoutCommit) {
  TempFolder folder;
  folder.write("a", "old");
  auto output = cantFail(OutputFile::create(folder.path("a"), true));
  output->os() << "new";
  EXPECT_EQ(list(folder).size(), 2u);
  output.reset();
  EXPECT_EQ(read(folder.path("a")), "old");
  EXPECT_EQ(list(folder), std::vector<std::string>{"a"});
}

TEST(OutputFile, LeavesNothingWhenInterrupted) {
  TempFolder folder;
  // Not SIGINT, which jobs in the background of a shell ignore.
  EXPECT_EXIT(
      {
        auto output = cantFail(OutputFile::create(folder.path("a"), false));
        output->os() << "text";
        std::raise(SIGTERM);
      },
      testing::KilledBySignal(SIGTERM), "");
  EXPECT_TRUE(list(folder).empty());
}

TEST(OutputFile, ReplacesOnlyByForce) {
  TempFolder folder;
  std::string path = folder.write("a", "old");
  EXPECT_EQ(refuse(path),
            "'" + path + "' exists already; replace it with --force");
  auto output = cantFail(OutputFile::create(path, true));
  output->os() << "new";
  EXPECT_FALSE(output->commit());
  EXPECT_EQ(read(path), "new");
}

TEST(OutputFile, KeepsWhatCameMeanwhile) {
  TempFolder folder;
  auto output = cantFail(OutputFile::create(folder.path("a"), false));
  folder.write("a", "other");
  EXPECT_EQ(toString(output->commit()),
            "'" + folder.path("a") +
                "' exists already; replace it with --force");
  output.reset();
  EXPECT_EQ(list(folder), std::vector<std::string>{"a"});
}

TEST(OutputFile, ReplacesWhatALinkPointsTo) {
  TempFolder folder;
  folder.write("target", "old");
  ASSERT_FALSE(sys::fs::create_link("target", folder.path("link")));
  auto output = cantFail(OutputFile::create(folder.path("link"), true));
  output->os() << "new";
  EXPECT_FALSE(output->commit());
  EXPECT_TRUE(sys::fs::is_symlink_file(folder.path("link")));
  EXPECT_EQ(read(folder.path("target")), "new");
}

TEST(OutputFile, RefusesImpossibleNames) {
  TempFolder folder;
  EXPECT_EQ(refuse(folder.path()),
            "cannot write '" + folder.path() + "': it is a folder");
  EXPECT_EQ(refuse(folder.path("b/c")), "cannot write '" + folder.path("b/c") +
                                            "': no such file or directory");
  std::string longName = folder.path(std::string(300, 'x'));
  EXPECT_EQ(refuse(longName),
            "cannot write '" + longName + "': file name too long");
  EXPECT_EQ(refuse("", true),
            "expected the name of an output file, found none");
}

TEST(OutputFile, RefusesReadOnlyFolders) {
  TempFolder folder;
  sys::fs::setPermissions(folder.path(), sys::fs::all_read | sys::fs::all_exe);
  // Root may write everywhere, so it steps down to nobody for the attempt.
  uid_t user = ::geteuid();
  ASSERT_EQ(::seteuid(user == 0 ? 65534 : user), 0);
  std::string error = refuse(folder.path("a"));
  ASSERT_EQ(::seteuid(user), 0);
  sys::fs::setPermissions(folder.path(), sys::fs::all_all);
  EXPECT_EQ(error,
            "cannot write '" + folder.path("a") + "': permission denied");
}

TEST(OutputFile, WritesDevicesInPlace) {
  auto null = cantFail(OutputFile::create("/dev/null", false));
  null->os() << "text";
  EXPECT_FALSE(null->commit());
  auto full = cantFail(OutputFile::create("/dev/full", false));
  full->os() << "text";
  EXPECT_EQ(toString(full->commit()),
            "cannot write '/dev/full': no space left on device");
}

TEST(OutputFile, ReportsAFullDisk) {
  // A limit on the size of files fails like a disk without space.
  rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  rlimit small{1 << 20, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  auto *handler = std::signal(SIGXFSZ, SIG_IGN);
  scope_exit restore([&] {
    ::setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, handler);
  });

  TempFolder folder;
  auto output = cantFail(OutputFile::create(folder.path("a"), false));
  output->os() << std::string(2 << 20, 'x');
  std::string text = "cannot write '" + folder.path("a") + "': file too large";
  EXPECT_EQ(toString(output->check()), text);
  EXPECT_EQ(toString(output->commit()), text);
  output.reset();
  EXPECT_TRUE(list(folder).empty());

  auto mapped = cantFail(OutputFile::create(folder.path("b"), false));
  EXPECT_EQ(toString(mapped->mapAppended(2 << 20).takeError()),
            "cannot write '" + folder.path("b") + "': file too large");
  mapped.reset();
  EXPECT_TRUE(list(folder).empty());
}

TEST(OutputFile, MapsWhatIsAppended) {
  TempFolder folder;
  auto output = cantFail(OutputFile::create(folder.path("a"), false));
  output->os() << "ab";
  MutableArrayRef<char> bytes = cantFail(output->mapAppended(10'000));
  ASSERT_EQ(bytes.size(), 10'000u);
  bytes.front() = 'c';
  bytes.back() = 'd';
  output->os() << "e";
  EXPECT_FALSE(output->commit());
  std::string text = read(folder.path("a"));
  ASSERT_EQ(text.size(), 10'003u);
  EXPECT_EQ(text.substr(0, 4), std::string("abc\0", 4));
  EXPECT_EQ(text.substr(10'000), std::string("\0de", 3));
}
