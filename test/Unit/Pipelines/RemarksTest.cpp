//===- RemarksTest.cpp - Tests of where remarks go ------------------------===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quench/Pipelines/Remarks.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "gtest/gtest.h"

using namespace mlir;

namespace {

/// A remark as a pass makes it.
void emitOne(MLIRContext &context) {
  remark::passed(UnknownLoc::get(&context),
                 remark::RemarkOpts::name("Folded").category("fold"))
      << remark::add("folded {0} gains", 3);
}

TEST(RemarksTest, GoToAFile) {
  llvm::SmallString<128> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("quench", "yaml", path));
  llvm::scope_exit remove([&] { llvm::sys::fs::remove(path); });
  {
    MLIRContext context;
    ASSERT_TRUE(succeeded(quench::enableRemarks(context, path)));
    emitOne(context);
  }
  auto file = llvm::MemoryBuffer::getFile(path);
  ASSERT_TRUE(bool(file));
  llvm::StringRef text = (*file)->getBuffer();
  EXPECT_TRUE(text.contains("--- !Passed"));
  EXPECT_TRUE(text.contains("Folded"));
  EXPECT_TRUE(text.contains("folded 3 gains"));
}

TEST(RemarksTest, GoToDiagnostics) {
  MLIRContext context;
  std::string text;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    EXPECT_EQ(diagnostic.getSeverity(), DiagnosticSeverity::Remark);
    text += diagnostic.str();
    return success();
  });
  ASSERT_TRUE(succeeded(quench::enableRemarks(context, "-")));
  emitOne(context);
  EXPECT_NE(text.find("folded 3 gains"), std::string::npos);
}

TEST(RemarksTest, AFileThatCannotBe) {
  MLIRContext context;
  std::string text;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    text += diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(quench::enableRemarks(context, "/no/such/r.yaml")));
  EXPECT_NE(text.find("/no/such"), std::string::npos);
}

} // namespace
