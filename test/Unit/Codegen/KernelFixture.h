//===- KernelFixture.h - Compiles and runs modules for a level --*- C++ -*-===//
//
// Part of the Quench project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef QUENCH_TEST_UNIT_CODEGEN_KERNELFIXTURE_H
#define QUENCH_TEST_UNIT_CODEGEN_KERNELFIXTURE_H

#include "../Support/TestArchives.h"
#include "Quench/Codegen/CPU/Jit.h"
#include "Quench/InitAll.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Host.h"
#include "gtest/gtest.h"

namespace quench::test {

/// Levels of processor that this machine can run.
inline std::vector<std::string> levels() {
  std::vector<std::string> names{"x86-64"};
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  if (features.lookup("avx2") && features.lookup("fma"))
    names.push_back("x86-64-v3");
  if (features.lookup("avx512f"))
    names.push_back("x86-64-v4");
  return names;
}

/// The name of a level without what names of tests cannot hold.
inline std::string levelName(const testing::TestParamInfo<std::string> &info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !llvm::isAlnum(c); }, '_');
  return name;
}

/// Numbers that look random, between -1 and 1.
inline std::vector<float> numbers(size_t count, uint32_t seed) {
  std::vector<float> values(count);
  for (float &value : values) {
    seed = seed * 1664525 + 1013904223;
    value = static_cast<float>(seed >> 8) / (1 << 23) - 1;
  }
  return values;
}

/// Compiles modules for the level that is its parameter, and runs them.
class KernelFixture : public testing::TestWithParam<std::string> {
protected:
  KernelFixture() {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.getDiagEngine().registerHandler([&](mlir::Diagnostic &diagnostic) {
      errors.push_back(diagnostic.str());
      return mlir::success();
    });
  }
  ~KernelFixture() override { reset(); }

  /// Forgets what was compiled.
  void reset() {
    qrt_session_destroy(session);
    session = nullptr;
  }

  void compile(const std::string &source) {
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::parseSourceString<mlir::ModuleOp>(source, &context);
    ASSERT_TRUE(module) << llvm::join(errors, "\n");
    mlir::FailureOr<ArchiveSet> archives =
        ArchiveSet::open(*module, {}, folder.path());
    ASSERT_TRUE(mlir::succeeded(archives)) << llvm::join(errors, "\n");
    llvm::Expected<CPUTarget> target = CPUTarget::parse(GetParam());
    ASSERT_TRUE(bool(target)) << llvm::toString(target.takeError());
    mlir::FailureOr<std::unique_ptr<JitModel>> result =
        JitModel::create(*module, *target, *archives);
    ASSERT_TRUE(mlir::succeeded(result)) << llvm::join(errors, "\n");
    jit = std::move(*result);
    ASSERT_EQ(qrt_session_create(jit->model(), nullptr, &session), QRT_OK)
        << qrt_last_error();
  }

  /// The elements, of type `T`, of all outputs.
  template <typename T = float>
  std::vector<std::vector<T>> runAll(llvm::ArrayRef<qrt_tensor> inputs) {
    qrt_tensor *outputs = nullptr;
    size_t count = 0;
    EXPECT_EQ(qrt_run(session, nullptr, inputs.data(), inputs.size(), &outputs,
                      &count),
              QRT_OK)
        << qrt_last_error();
    std::vector<std::vector<T>> results;
    for (const qrt_tensor &output : llvm::ArrayRef(outputs, count)) {
      size_t size = 1;
      for (int32_t i = 0; i < output.rank; ++i)
        size *= output.shape[i];
      auto *data = static_cast<const T *>(output.data);
      results.emplace_back(data, data + size);
    }
    qrt_tensors_free(outputs, count);
    return results;
  }

  /// The same of the one output.
  template <typename T = float>
  std::vector<T> run(llvm::ArrayRef<qrt_tensor> inputs) {
    std::vector<std::vector<T>> results = runAll<T>(inputs);
    return results.size() == 1 ? results.front() : std::vector<T>();
  }

  TempFolder folder;
  mlir::MLIRContext context;
  std::vector<std::string> errors;
  std::unique_ptr<JitModel> jit;
  qrt_session *session = nullptr;
};

} // namespace quench::test

#endif // QUENCH_TEST_UNIT_CODEGEN_KERNELFIXTURE_H
