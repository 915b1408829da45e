//===- KernelCacheTest.cpp - Objects kept from earlier compilations -------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Codegen/CPU/KernelCache.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace quench;

namespace {
class KernelCacheTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("kernels", folder));
    llvm::sys::path::append(folder, "a", "b");
    auto opened = KernelCache::open(folder);
    ASSERT_TRUE(bool(opened)) << llvm::toString(opened.takeError());
    cache = std::move(*opened);
    target = llvm::cantFail(CPUTarget::parse("x86-64-v3"));
  }
  ~KernelCacheTest() override {
    cache.reset();
    llvm::StringRef parent = llvm::sys::path::parent_path(folder);
    llvm::sys::fs::remove_directories(llvm::sys::path::parent_path(parent));
  }

  std::string getKey(llvm::StringRef bitcode) const {
    return cache->getKey({bitcode.data(), bitcode.size()}, target);
  }

  llvm::SmallString<128> folder;
  std::unique_ptr<KernelCache> cache;
  CPUTarget target;
};
} // namespace

TEST_F(KernelCacheTest, FindsWhatWasAdded) {
  std::string key = getKey("code");
  EXPECT_FALSE(cache->find(key));
  cache->add(key, "object");
  EXPECT_EQ(cache->find(key), llvm::SmallString<0>("object"));
  EXPECT_FALSE(cache->find(getKey("other code")));
  EXPECT_EQ(cache->getFailure(), "");
  // Whoever opens the folder next has it, too.
  auto again = llvm::cantFail(KernelCache::open(folder));
  EXPECT_EQ(again->find(key), llvm::SmallString<0>("object"));
}

TEST_F(KernelCacheTest, TellsTargetsApart) {
  std::string key = getKey("code");
  EXPECT_EQ(getKey("code"), key);
  target = llvm::cantFail(CPUTarget::parse("x86-64-v4"));
  EXPECT_NE(getKey("code"), key);
  target = llvm::cantFail(CPUTarget::parse("x86-64-v3,+avxvnni"));
  EXPECT_NE(getKey("code"), key);
}

TEST_F(KernelCacheTest, RemovesWhatIsDamaged) {
  std::string key = getKey("code");
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "llvmcache-" + key);
  cache->add(key, "object");
  std::string whole =
      llvm::cantFail(llvm::errorOrToExpected(llvm::MemoryBuffer::getFile(path)))
          ->getBuffer()
          .str();
  std::string changed = whole;
  changed[2] ^= 1;
  for (const std::string &content :
       {std::string(), whole.substr(1), whole.substr(0, whole.size() - 1),
        whole.substr(whole.size() - 32), changed}) {
    std::error_code code;
    llvm::raw_fd_ostream(path, code) << content;
    ASSERT_FALSE(code);
    EXPECT_FALSE(cache->find(key));
    EXPECT_FALSE(llvm::sys::fs::exists(path));
  }
  cache->add(key, "object");
  EXPECT_TRUE(cache->find(key));
}

TEST_F(KernelCacheTest, SaysWhatCannotBeWritten) {
  llvm::sys::fs::remove_directories(folder);
  cache->add(getKey("code"), "object");
  cache->add(getKey("other"), "object");
  EXPECT_NE(cache->getFailure().find("no such file or directory"),
            std::string::npos)
      << cache->getFailure();
  EXPECT_FALSE(cache->find(getKey("code")));

  auto refused = KernelCache::open("/dev/null/kernels");
  ASSERT_FALSE(bool(refused));
  EXPECT_EQ(llvm::toString(refused.takeError()),
            "cannot make folder '/dev/null/kernels': not a directory");
}
